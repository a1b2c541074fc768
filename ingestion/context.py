"""What one run of one source works with: the warehouse's raw tables, what was asked for, what was remembered."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ingestion.errors import IngestError, first_line, redact

if TYPE_CHECKING:
    import duckdb
    from dlt.extract import DltResource


@dataclass(frozen=True)
class Options:
    """What was asked for. An interval [since, until) is read again without moving the cursor."""

    since: datetime | None = None
    until: datetime | None = None
    full: bool = False  # read all there is, and land what differs from raw
    deletes: bool = False  # compare keys whether it is due or not
    allow_deletes: bool = False  # believe a source that lost much of a table

    @property
    def is_interval(self) -> bool:
        return self.since is not None or self.until is not None

    def covers(self, instant: datetime) -> bool:
        return (self.since is None or instant >= self.since) and (self.until is None or instant < self.until)


@dataclass(frozen=True)
class Progress:
    """One step of a run, for a progress bar: what is happening to which table, and the rows so far (if known)."""

    source: str
    table: str | None
    step: str  # reading, loading, done or failed
    rows: int | None = None


@dataclass
class Context:
    """One run of one source."""

    source: str
    connection: "duckdb.DuckDBPyConnection"
    options: Options
    state: dict[str, dict[str, Any]]  # by table: what its last complete load remembered
    report: Callable[[Progress], None] = lambda progress: None
    skipped: frozenset[str] = frozenset()  # tables that failed to load a moment ago
    secrets: set[str] = field(default_factory=set)  # never to be shown
    failures: dict[str, str] = field(default_factory=dict)  # by table: why it was not loaded
    notes: list[str] = field(default_factory=list)  # what people should know although all went well

    @property
    def dataset(self) -> str:
        return f"raw_{self.source}"

    def raw(self, table: str) -> str:
        """The raw table's name in SQL."""
        return f'"{self.dataset}"."{table}"'

    def raw_types(self, table: str) -> dict[str, str]:
        """The raw table's columns and their types; empty when there is no such table yet."""
        import duckdb

        try:
            described = self.connection.execute(f"describe {self.raw(table)}").fetchall()
        except duckdb.CatalogException:
            return {}
        return {name: data_type for name, data_type, *_ in described}

    def complete_rows(self, table: str) -> str:
        """SQL: the raw rows that complete loads have landed. A load that died does not count."""
        return f"(select * from {self.raw(table)} where _dlt_load_id in (select load_id from {self.raw('_dlt_loads')} where status = 0))"

    def has_rows(self, table: str) -> bool:
        """Whether a complete load has landed anything in this table."""
        if not self.raw_types(table) or not self.raw_types("_dlt_loads"):
            return False
        return bool(self.connection.execute(f"select 1 from {self.complete_rows(table)} limit 1").fetchall())

    def resource(
        self,
        table: str,
        columns: dict[str, dict[str, Any]],
        items: Callable[[], Iterable[Any]],
        remember: dict[str, Any] | None = None,
    ) -> "DltResource":
        """A dlt resource that appends what `items()` yields (Arrow tables), and remembers `remember` once they are
        loaded; `items` may still change `remember` while it runs. The raw table is there afterwards even when
        nothing was yielded: models read it."""
        import dlt

        def rows() -> Iterator[Any]:
            self.report(Progress(self.source, table, "reading"))
            count, exists = 0, bool(self.raw_types(table))
            for item in items():
                yield item
                count, exists = count + getattr(item, "num_rows", 0), True
                self.report(Progress(self.source, table, "reading", count))
            if not exists:
                yield _no_rows(columns)
            # `read_at` also makes every run a load, so that what is fresh and what is not shows in `_dlt_loads`.
            state = {"read_at": datetime.now(UTC).isoformat(timespec="seconds"), **(remember or {})}
            dlt.current.resource_state().update(state)

        return dlt.resource(
            rows,
            name=table,
            write_disposition="append",
            # Every value was cast to these types before it came here, and what did not fit stopped the load: dlt's
            # own ways to fit a value into a column change it in silence.
            columns=columns,
        )

    def fail(self, table: str, error: Exception) -> None:
        """Notes that this table can't be loaded; the others go on."""
        text = str(error) if isinstance(error, IngestError) else first_line(error)
        self.failures[table] = redact(text, self.secrets)


def _no_rows(columns: dict[str, dict[str, Any]]) -> Any:
    """An Arrow table with these columns and no row. `dlt.mark.materialize_table_schema` would go through dlt's JSON
    normaliser, which adds columns of its own."""
    from dlt.common.destination import DestinationCapabilitiesContext
    from dlt.common.libs.pyarrow import columns_to_arrow

    named = {name: {"nullable": True, **hint, "name": name} for name, hint in columns.items()}
    return columns_to_arrow(named, DestinationCapabilitiesContext.generic_capabilities("parquet"), "UTC").empty_table()
