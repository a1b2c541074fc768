"""One table of records in one attempt: read page by page, validated, compared with raw."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow

from ingestion.connectors.base import ReadsRecords, Window
from ingestion.connectors.tables import RecordTable
from ingestion.errors import ContractViolated, IngestError
from ingestion.landing.attempt import Attempt
from ingestion.landing.json_records.contract import record_contract
from ingestion.landing.json_records.drift import Seen
from ingestion.landing.json_records.record import sent, time_of
from ingestion.landing.json_records.versions import comparison, versions
from ingestion.landing.own_tables import Hints
from ingestion.landing.raw_tables import CHANGED_AT
from ingestion.landing.scratch_tables import FITS, ScratchTables
from ingestion.landing.shrinkage import has_shrunk, if_right
from ingestion.sql import literal

if TYPE_CHECKING:
    from dlt.extract import DltResource

BATCH_ROWS = 20_000
COLUMNS: Hints = {
    "id": {"data_type": "text"},
    "updated_at": {"data_type": "timestamp"},
    "record": {"data_type": "json"},
    CHANGED_AT: {"data_type": "timestamp", "nullable": False},
}


class RecordLanding:
    """`resource` gives what lands; the API is asked when it is read."""

    def __init__(self, attempt: Attempt, connection: ReadsRecords, table: RecordTable) -> None:
        self._attempt, self._connection, self._table = attempt, connection, table
        self._options = attempt.run.options
        self._scratch = ScratchTables(attempt.run.session, table.name)
        self._before = attempt.state.get(table.name, {})
        self._to_remember: dict[str, Any] = {}
        self._seen = Seen(datetime.now(UTC))

    def resource(self) -> "DltResource":
        key = ("id",) if self._table.key else ()
        return self._attempt.resource(self._table.name, COLUMNS, self._new_records, self._to_remember, key)

    @property
    def _bookmark(self) -> datetime | None:
        """The cursor that was reached; None when the API is asked for all there is, or for an interval."""
        cursor = self._before.get("cursor")
        is_whole = not self._table.cursor or self._options.full or self._options.is_interval
        return None if is_whole or not cursor else datetime.fromisoformat(cursor)

    @property
    def _start(self) -> datetime | None:
        """From when on the API is asked; None for all there is."""
        if self._table.cursor and self._options.is_interval and not self._options.full:
            return self._options.since
        return self._bookmark - self._connection.lookback if self._bookmark else None

    def _new_records(self) -> Iterator[pyarrow.Table]:
        """The records that raw does not hold yet, as Arrow tables; those that do not fit go to quarantine."""
        try:
            self._read()
        except ContractViolated as error:
            self._attempt.run.failures.add_violation(self._table.name, error)
            self._reject()
            return
        self._compare()
        self._conclude()
        yield from self._scratch.batches("changes", "*")
        self._scratch.clear()

    def _read(self) -> None:
        """Puts the records of this run to the test of the contract, in the scratch database; all at once, as it takes DuckDB longer
        to plan that than to do it for some thousands."""
        try:
            for batch in _batches(self._records()):
                self._scratch.add("read", sent(self._table, batch))
        finally:
            now = f"timestamptz {literal(self._seen.now.isoformat())}"
            if self._scratch.count("read"):
                self._scratch.read(record_contract(self._table, now, {"said": "said"}), self._scratch.name("read"))
                self._scratch.clear("validated")  # each of these tables holds the text of all records
        if self._scratch.count("validated"):
            self._seen.add(self._attempt.run.session.scratch, self._scratch.name("validated"))

    def _reject(self) -> None:
        key = ['source."id"'] if self._table.key else []
        rejected = self._scratch.rejected(f"source.{CHANGED_AT}", key)
        self._attempt.quarantine.reject(self._table.name, rejected)

    def _compare(self) -> None:
        """Compares the records that fit with raw, and puts what is to be landed into the scratch table `changes`."""
        self._reject()
        scratch, table, raw = self._scratch, self._table, self._attempt.raw
        if not scratch.count("validated"):
            return
        validated = scratch.name("validated")
        scratch.create("source", versions(f"(select *, rowid from {validated} where {FITS})", "rowid"))
        compared = comparison(raw, scratch, table)
        compared.stage_known()
        scratch.create("changes", compared.changes_of_versions())
        self._seen.new = scratch.count("changes")
        if table.key:
            self._attempt.quarantine.withdraw_keys(table.name, f"select id from {scratch.name('source')}")
        scratch.clear("changes")

    def _records(self) -> Iterator[Any]:
        window = Window(self._start) if self._options.is_interval else Window()
        records = self._connection.read(self._table, window, self._bookmark)
        if not self._options.is_interval:
            return records
        return (said for said in records if (at := time_of(self._table, said)) and self._options.covers(at))

    # When all came

    def _conclude(self) -> None:
        """What the records of this run show of the source, and what to remember."""
        run, table, seen = self._attempt.run, self._table, self._seen
        module = f"ingestion/sources/{run.source}.py"
        violations = [*seen.violations(run.session, table, self._before.get("fields", ()), module), *self._shrunk()]
        if violations:
            remedy = f"Then: ingest replay {run.source}" if seen.has_rejected else ""
            run.failures.add_violation(table.name, IngestError(" ".join(violations), remedy))
        elif not self._options.is_interval:
            notes, names = seen.name_changes(table, set(self._before.get("fields", ())))
            run.notes += notes
            self._to_remember |= {"fields": sorted(names), "records": seen.records}
        if seen.highest and not self._options.is_interval:
            # Past what is in quarantine too, as that is not lost.
            cursor = self._before.get("cursor")
            self._to_remember["cursor"] = (max(seen.highest, datetime.fromisoformat(cursor)) if cursor else seen.highest).isoformat()
        self._covers()

    def _shrunk(self) -> Iterator[str]:
        """Why a list that is always asked for whole is not believed."""
        table, before = self._table, self._before.get("records", 0)
        is_partial = table.cursor or self._options.is_interval or self._options.allow_deletes
        if not is_partial and has_shrunk(self._seen.records, before, table.min_retained_share):
            yield f"{self._seen.records} records came, and {before} the last time. {if_right(self._attempt.run.source)}"

    def _covers(self) -> None:
        """The next read begins before this one's cursor: so they touch. Without a cursor there is only our own clock."""
        if not self._table.cursor and self._options.is_interval:
            return
        cursor = self._to_remember.get("cursor") or self._before.get("cursor")
        reached = datetime.fromisoformat(cursor) if cursor else self._seen.now
        # An API has no clock that we could ask, and what lies in the future has not been sent yet.
        until = min(self._options.until, self._seen.now) if self._options.until else reached
        self._attempt.log.covers(self._table.name, self._start, until)


def _batches(records: Iterator[Any]) -> Iterator[list[Any]]:
    """The records in batches; also those that came before one broke the contract of the whole table."""
    batch: list[Any] = []
    try:
        for said in records:
            batch.append(said)
            if len(batch) == BATCH_ROWS:
                yield batch
                batch = []
    except ContractViolated:
        yield batch
        raise
    yield batch
