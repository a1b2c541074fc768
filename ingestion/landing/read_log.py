"""What was read of each table, and how it went: `raw_<source>.read_log`. It lands in the same load as the rows, so that the one
is never there without the other."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from ingestion.landing.own_tables import Hints, as_arrow
from ingestion.landing.raw_tables import RawTables
from ingestion.landing.run import Run

TABLE = "read_log"
MISMATCH = "mismatch"  # the outcome of a read after which raw differs from the source
COLUMNS: Hints = {
    "read_id": {"data_type": "bigint", "nullable": False},
    "table_name": {"data_type": "text", "nullable": False},
    "read_at": {"data_type": "timestamp", "nullable": False},
    "outcome": {"data_type": "text", "nullable": False},
    "reason": {"data_type": "text"},
    "read_from": {"data_type": "timestamp"},
    "read_until": {"data_type": "timestamp"},
    "is_interval": {"data_type": "bool"},  # whether only an interval was read, which does not show what is new
    "rows_landed": {"data_type": "bigint"},  # null for a first load inside DuckDB until it has been counted
    "rows_quarantined": {"data_type": "bigint", "nullable": False},
}


class ReadLog:
    """The lines that one attempt adds to the read log."""

    def __init__(self, run: Run, raw: RawTables) -> None:
        self._run, self._raw = run, raw
        self._intervals: dict[str, tuple[datetime | None, datetime | None]] = {}  # by table

    def covers(self, table: str, read_from: datetime | None, read_until: datetime | None) -> None:
        """Notes the interval of changes, in the source's time, that this read takes in: `[read_from, read_until)`; from
        the beginning where `read_from` is None."""
        self._intervals[table] = (read_from, read_until)

    def lines(self, tables: Iterable[str], landed: Mapping[str, int | None], rejected: Mapping[str, int]) -> list[dict[str, Any]]:
        """What to record of these tables, given the rows that landed, None where nobody knows yet, and those that are new in
        quarantine."""
        number = 1
        if self._raw.types(TABLE):
            number += self._raw.session.rows(f"select coalesce(max(read_id), 0) from {self._raw.name(TABLE)}")[0][0]
        failures = self._run.failures
        return [
            {
                "read_id": number,
                "table_name": table,
                "read_at": self._run.began_at,
                "outcome": failures.outcome(table),
                "reason": failures.reasons.get(table),
                "read_from": self._intervals.get(table, (None, None))[0],
                "read_until": self._intervals.get(table, (None, None))[1],
                "is_interval": self._run.options.is_interval,
                "rows_landed": landed.get(table, 0),
                "rows_quarantined": rejected.get(table, 0),
            }
            for table in sorted(tables)
        ]

    def record_failure(self, why: str) -> None:
        """Records, outside of any load, that none of the source's tables could be read. A source that was never loaded has
        none, and nothing that could be taken for up to date."""
        self._record(self._raw.landed_tables(), why, {})

    def record_difference(self, table: str, why: str) -> None:
        """Records, outside of any load, that what raw holds of a table differs from the source."""
        self._record([table], why, {"outcome": MISMATCH})

    def _record(self, tables: list[str], why: str, found: Mapping[str, str]) -> None:
        raw = RawTables(self._raw.session, self._raw.dataset)  # this attempt may have made the tables
        if not raw.landed_tables() or not raw.types(TABLE):
            return
        for table in tables:
            self._run.failures.add(table, why)
        self._raw = raw
        rows = [{**line, **found, "_dlt_load_id": ""} for line in self.lines(tables, {}, {})]
        columns = {**COLUMNS, "_dlt_load_id": {"data_type": "text", "nullable": False}}
        raw.session.append(raw.dataset, TABLE, as_arrow(columns, rows).to_reader())

    def has_differed(self, table: str) -> bool:
        """Whether raw was found to differ from the source, and no read has taken in all of the table since."""
        if not self._raw.has_rows(TABLE):
            return False
        session = self._raw.session
        is_table, last = f"table_name = {session.dialect.literal(table)}", "select coalesce(max(read_id), 0) from"
        is_whole = "outcome = 'complete' and read_from is null and read_until is not null and not coalesce(is_interval, false)"
        [(differed,)] = session.rows(f"{last} {self._raw.name(TABLE)} where {is_table} and outcome = '{MISMATCH}'")
        [(whole,)] = session.rows(f"{last} {self._raw.complete_rows(TABLE)} as known where {is_table} and {is_whole}")
        return bool(differed > whole)

    def write_count(self, table: str, rows: int, load_ids: Iterable[str]) -> None:
        """Fills in how many rows of a table these loads have landed, where nobody knew."""
        session = self._raw.session
        loads = ", ".join(map(session.dialect.literal, load_ids))
        session.execute(
            f"update {self._raw.name(TABLE)} set rows_landed = {rows} "
            f"where rows_landed is null and table_name = {session.dialect.literal(table)} and _dlt_load_id in ({loads})"
        )
