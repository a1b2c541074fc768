"""The replay of one source: its quarantined rows, put through the contract of today, are what lands.

What fits lands in one load, from the time that its version has always had, so history has it in its place. A later version of
the key may have come meanwhile: the row that it superseded in quarantine is put through as well, as it is a version of its
own. What still does not fit stays, with today's reason.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ingestion.dlt_internals.pipeline import known_columns
from ingestion.landing import quarantine, read_log
from ingestion.landing.attempt import Attempt
from ingestion.landing.quarantine import QuarantinedRow
from ingestion.landing.reading import replay_table
from ingestion.registry import declared_tables

if TYPE_CHECKING:
    import pyarrow
    from dlt.extract import DltResource


class Replay:
    """The quarantined rows of one source: those that fit now, and why the others do not."""

    def __init__(self, source: str) -> None:
        self._tables = declared_tables(source)
        self.fitting: dict[str, list[str]] = {}  # by table: ids
        self._reasons: dict[str, dict[str, str]] = {}  # by table and id
        self.landing: list[str] = []  # tables of which something lands
        self._open: set[str] = set()  # ids of the rows that nothing has superseded

    @contextmanager
    def rows(self, attempt: Attempt) -> Iterator[list["DltResource"]]:
        """dlt resources of the rows that fit."""
        self.fitting, self._reasons, self.landing = {}, {}, []
        found = attempt.quarantine.replayable()
        yield [resource for table, rows in found.items() if (resource := self._resource(attempt, table, rows)) is not None]

    def _resource(self, attempt: Attempt, table: str, rows: list[QuarantinedRow]) -> "DltResource | None":
        self._open |= {row.row_id for row in rows if row.is_open}
        if table in attempt.skipped:
            self._reasons[table] = {row.row_id: attempt.run.failures.reasons[table] for row in rows}
            return None
        attempt.run.report("reading", table, len(rows))
        replayed = replay_table(attempt, self._tables, table, rows)
        self._reasons[table] = replayed.reasons
        self.fitting[table] = [row.row_id for row in rows if row.row_id not in replayed.reasons]
        if replayed.rows is None or not replayed.rows.num_rows:
            return None
        self.landing.append(table)
        columns = {name: hint for name, hint in known_columns(table).items() if name in replayed.rows.column_names}
        return attempt.appending(table, columns, _once(replayed.rows))

    def left(self) -> dict[str, dict[str, int]]:
        """By table and reason: rows that are still open."""
        found = {}
        for table, reasons in sorted(self._reasons.items()):
            if counts := Counter(why for row_id, why in reasons.items() if row_id in self._open):
                found[table] = dict(counts)
        return found

    def close(self, attempt: Attempt) -> None:
        """Marks what raw holds now, and writes down why the rest does not fit."""
        failed = attempt.run.failures.reasons
        for table, reasons in self._reasons.items():
            attempt.quarantine.close_replayed([] if table in failed else self.fitting.get(table, []), reasons)

    def notes(self, attempt: Attempt) -> Iterator[str]:
        """What is left to do for the tables that were replayed."""
        raw = attempt.raw
        if not raw.has_rows(quarantine.TABLE) or not raw.types(read_log.TABLE):
            return
        for table in sorted(self.fitting):
            is_table = f"table_name = {raw.session.dialect.literal(table)}"
            last = raw.session.rows(f"select outcome from {raw.name(read_log.TABLE)} where {is_table} order by read_id desc limit 1")
            if last and last[0][0] != "complete":
                outcome = last[0][0]
                yield f"{table}: its last read is {outcome}, so models that read it wait for the next: ingest {attempt.run.source}"


def _once(rows: "pyarrow.Table") -> Callable[[], Iterator[Any]]:
    def once() -> Iterator[Any]:
        yield rows

    return once
