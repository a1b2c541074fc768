"""One attempt to read a source and land what is new: what it finds, and the dlt resources that land it. A table that the
warehouse refused is left out of the next attempt, which begins with nothing."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow

from ingestion.dlt_internals.pipeline import empty_table, remember
from ingestion.landing import quarantine, read_log
from ingestion.landing.own_tables import Hints, as_arrow
from ingestion.landing.quarantine import Quarantine, key_text
from ingestion.landing.raw_tables import CHANGED_AT, RawTables
from ingestion.landing.read_log import ReadLog
from ingestion.landing.run import Run

if TYPE_CHECKING:
    from dlt.extract import DltResource

States = Mapping[str, Mapping[str, Any]]  # by table: what its last complete load remembered


class Attempt:
    """`state` is what each table remembered. What an attempt finds has one owner each: raw tables, quarantine, read log."""

    def __init__(self, run: Run, state: States) -> None:
        self.run, self.state = run, state
        self.skipped = frozenset(run.failures.reasons)  # tables that an earlier attempt failed to land
        self.raw = RawTables(run.session, run.dataset)
        self.quarantine = Quarantine(self.raw, run.secrets)
        self.log = ReadLog(run, self.raw)
        self.unvalidated: set[str] = set()  # tables that land as they come, in the belief that all of it fits
        self.keys: dict[str, tuple[str, ...]] = {}  # by table: the columns by which raw will be looked up
        self.bookmarks: dict[str, dict[str, Any]] = {}  # by table: what it remembers once it is loaded
        self._landed: Counter[str] = Counter()  # by table: rows
        self._uncounted: set[str] = set()  # tables whose rows a SELECT in the warehouse lands

    def is_uncounted(self, table: str) -> bool:
        """Whether nobody knows yet how many rows of this table landed."""
        return table in self._uncounted

    def resource(
        self, table: str, columns: Hints, items: Callable[[], Iterable[Any]], state: Mapping[str, Any], key: Sequence[str] = ()
    ) -> "DltResource":
        """A dlt resource that appends what `items()` yields (Arrow tables, or one load job), and remembers `state` once they
        are loaded; `items` may still change `state` while it runs. The raw table is there afterwards even when nothing was
        yielded: models read it."""
        self.keys[table] = tuple(key)
        columns = self._as_stored(columns)

        def rows() -> Iterator[Any]:
            self.run.report("reading", table)
            exists = bool(self.raw.types(table))
            for item in items():
                yield item
                exists = True
                self._count(table, item, key)
            if not exists:
                yield empty_table(columns)
            # `read_at` also makes every run a load, so that what is fresh and what is not shows in `_dlt_loads`.
            read_at = datetime.now(UTC).isoformat(timespec="seconds")
            self.bookmarks[table] = {**self.state.get(table, {}), **state}
            remember({"read_at": read_at, **self.quarantine.closing(table), **state})

        return self.appending(table, columns, rows, key)

    def _count(self, table: str, item: Any, key: Sequence[str]) -> None:
        if not isinstance(item, pyarrow.Table):
            self._uncounted.add(table)
            return
        self._landed[table] += item.num_rows
        if key and self.quarantine.open_keys(table):
            for row in item.select([*key, CHANGED_AT]).to_pylist():
                self.quarantine.lands(table, key_text(row[name] for name in key), row[CHANGED_AT])
        self.run.report("reading", table, self._landed[table])

    def appending(self, table: str, columns: Hints, rows: Callable[[], Iterator[Any]], key: Sequence[str] = ()) -> "DltResource":
        """A dlt resource that appends what `rows()` yields, and nothing else."""
        import dlt

        session = self.run.session
        resource: DltResource = dlt.resource(  # type: ignore[call-overload]
            rows,
            name=table,
            write_disposition="append",
            file_format=session.file_format,
            # Every value was cast to these types before it came here, and what did not fit went to quarantine: dlt's
            # own ways to fit a value into a column change it in silence.
            columns=columns,
        )
        if hints := session.table_hints(key):
            resource.apply_hints(additional_table_hints=hints)
        return resource

    def own_resources(self, tables: Sequence[str]) -> list["DltResource"]:
        """The resources to be read after those of `tables`, the source's own: quarantine and read log."""

        def rejected() -> Iterator[Any]:
            new = self.quarantine.new_rows()
            if new or not self.raw.types(quarantine.TABLE):
                yield as_arrow(quarantine.COLUMNS, new)

        def reads() -> Iterator[Any]:
            landed = {table: None if table in self._uncounted else self._landed[table] for table in tables}
            yield as_arrow(read_log.COLUMNS, self.log.lines({*tables, *self.run.failures.reasons}, landed, self.quarantine.new))

        return [
            self.appending(quarantine.TABLE, self._as_stored(quarantine.COLUMNS), rejected),
            self.appending(read_log.TABLE, self._as_stored(read_log.COLUMNS), reads),
        ]

    def _as_stored(self, columns: Hints) -> Hints:
        return {name: self.run.session.dialect.dlt_hint(hint) for name, hint in columns.items()}
