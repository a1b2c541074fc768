"""What one run of one source works with: the warehouse's raw tables, what was asked for, what was remembered."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ingestion.engines import NO_KEYS, Columns, Session, keys_as_json
from ingestion.errors import IngestError, first_line, redact

if TYPE_CHECKING:
    from dlt.extract import DltResource

# More keys than that, and all of a raw table is fetched rather than theirs; BigQuery takes questions of 10 MB.
NAMED_KEYS, NAMED_BYTES = 500_000, 8_000_000


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
    session: Session
    options: Options
    state: dict[str, dict[str, Any]]  # by table: what its last complete load remembered
    report: Callable[[Progress], None] = lambda progress: None
    skipped: frozenset[str] = frozenset()  # tables that failed to load a moment ago
    secrets: set[str] = field(default_factory=set)  # never to be shown
    failures: dict[str, str] = field(default_factory=dict)  # by table: why it was not loaded
    notes: list[str] = field(default_factory=list)  # what people should know although all went well
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by table: the columns by which raw is looked up
    types: dict[str, Columns] = field(default_factory=dict)  # by table: what raw_types has found

    @property
    def dataset(self) -> str:
        return f"raw_{self.source}"

    def raw(self, table: str) -> str:
        """The raw table's name in SQL."""
        return self.session.table(self.dataset, table)

    def raw_types(self, table: str) -> Columns:
        """The raw table's columns and their types, as DuckDB calls them; empty when there is no such table yet."""
        if table not in self.types:
            self.types[table] = self.session.columns(self.dataset, table)
        return self.types[table]

    def complete_rows(self, table: str) -> str:
        """SQL: the raw rows that complete loads have landed. A load that died does not count."""
        return f"(select * from {self.raw(table)} where _dlt_load_id in (select load_id from {self.raw('_dlt_loads')} where status = 0))"

    def has_rows(self, table: str) -> bool:
        """Whether a complete load has landed anything in this table."""
        if not self.raw_types(table) or not self.raw_types("_dlt_loads"):
            return False
        return bool(self.session.rows(f"select 1 from {self.complete_rows(table)} as known limit 1"))

    def live_keys(self, table: str, key: Columns) -> str:
        """A relation in the working connection, as SQL: the keys that raw holds, as of the latest version of each, as
        not deleted."""
        by = ", ".join(map(self.session.quoted, key))
        live = "max(case when _deleted_at is null then _dlt_load_id end) = max(_dlt_load_id)"
        return self.session.fetch(key, f"{self.complete_rows(table)} as known group by {by} having {live}")

    def live_rows(self, table: str, columns: Columns, key: Sequence[str], keys: str) -> str:
        """A relation in the working connection, as SQL: the latest version that raw holds of each key that is in `keys`,
        another relation there, if that version does not mark a deletion."""
        session, known = self.session, f"{self.complete_rows(table)} as known"
        by = ", ".join(map(session.quoted, key))
        named = None
        if session.works_in_warehouse:
            known += f" where ({by}) in (select ({by}) from {keys})"
        elif named := self._named(keys, key):
            known += f" inner join {session.wanted({name: columns[name] for name in key})} as wanted using ({by})"
        if named == NO_KEYS:
            nothing = ", ".join(f'cast(null as {kind}) as "{name}"' for name, kind in columns.items())
            return f"(select {nothing} where false)"
        rank = f"row_number() over (partition by {by} order by _dlt_load_id desc)"
        ranked = f"select {', '.join(map(session.quoted, columns))}, _deleted_at, {rank} as _rank from {known}"
        return session.fetch(columns, f"({ranked}) as ranked where _rank = 1 and _deleted_at is null", named)

    def _named(self, keys: str, key: Sequence[str]) -> str | None:
        """The keys in this relation as text for a server; None when they are too many to be sent."""
        work = self.session.work
        if work.execute(f"select count(*) from {keys}").fetchone()[0] > NAMED_KEYS:
            return None
        text = keys_as_json(work, keys, [f'"{name}"' for name in key])
        return text if len(text) <= NAMED_BYTES else None

    def resource(
        self,
        table: str,
        columns: dict[str, dict[str, Any]],
        items: Callable[[], Iterable[Any]],
        remember: dict[str, Any] | None = None,
        key: Sequence[str] = (),
    ) -> "DltResource":
        """A dlt resource that appends what `items()` yields (Arrow tables), and remembers `remember` once they are
        loaded; `items` may still change `remember` while it runs. The raw table is there afterwards even when
        nothing was yielded: models read it. `key` names the columns by which it will be looked up."""
        import dlt

        self.keys[table] = tuple(key)
        columns = {name: self.session.landed(hint) for name, hint in columns.items()}

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

        resource = dlt.resource(
            rows,
            name=table,
            write_disposition="append",
            file_format=self.session.file_format,
            # Every value was cast to these types before it came here, and what did not fit stopped the load: dlt's
            # own ways to fit a value into a column change it in silence.
            columns=columns,
        )
        if hints := self.session.table_hints(key):
            resource.apply_hints(additional_table_hints=hints)
        return resource

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
