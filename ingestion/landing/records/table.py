"""One table of records in one attempt: read page by page, validated, compared with raw."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import pyarrow

from ingestion.connectors.base import ReadsRecords, Window
from ingestion.connectors.tables import RecordTable
from ingestion.errors import ContractViolated, IngestError
from ingestion.exact_json import to_quarantine
from ingestion.landing.attempt import Attempt
from ingestion.landing.quarantine import RejectedRow, key_text
from ingestion.landing.records.drift import Seen
from ingestion.landing.records.known import latest_versions, versions
from ingestion.landing.records.record import COLUMNS, MICROSECOND, RecordContract, Row, as_arrow

if TYPE_CHECKING:
    from dlt.extract import DltResource

BATCH_ROWS = 20_000


class RecordLanding:
    """`resource` gives what lands; the API is asked when it is read."""

    def __init__(self, attempt: Attempt, connection: ReadsRecords, table: RecordTable) -> None:
        self._attempt, self._connection, self._table = attempt, connection, table
        self._options = attempt.run.options
        self._contract = RecordContract(table, attempt.run.session)
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
        rows = self._new_rows()
        try:
            while batch := list(islice(rows, BATCH_ROWS)):
                self._seen.new += len(batch)
                yield as_arrow(batch)
        except ContractViolated as error:
            self._attempt.run.failures.add_violation(self._table.name, error)
            return
        self._conclude()

    def _new_rows(self) -> Iterator[Row]:
        """The rows that raw does not hold yet. What the source says now is the latest version, be it dated earlier than what it
        said before; but of the versions that one read gives, in any order, it is the one that is dated last."""
        name, raw = self._table.name, self._attempt.raw
        known, landed = latest_versions(raw, name, self._start), set()
        last_said: dict[str, datetime] = {}  # by key: the latest time in this read
        dated_back: dict[tuple[str, datetime, str], Row] = {}
        for row in self._fitting_rows():
            digest = row.digest
            key = row.key or digest
            last_said[key] = max(last_said.get(key, row.changed_at), row.changed_at)
            before, since = known.get(key, (None, row.changed_at))
            if before == digest:
                if row.key:
                    self._attempt.quarantine.withdraw(name, key_text([row.key]))
            elif row.changed_at < since:
                dated_back[key, row.changed_at, digest] = row
            else:
                changed_at = row.changed_at + MICROSECOND if row.changed_at == since and key in landed else row.changed_at
                known[key] = digest, changed_at
                landed.add(key)
                yield row.since(changed_at)
        held = versions(raw, self._table, min((at for _, at, _ in dated_back), default=None))
        for (key, at, digest), row in sorted(dated_back.items(), key=lambda item: item[1].changed_at):
            if at == last_said[key]:
                changed_at = known[key][1] + MICROSECOND
                known[key] = digest, changed_at
                yield row.since(changed_at)
            elif digest not in held.get((key, at), ()):
                yield row

    def _fitting_rows(self) -> Iterator[Row]:
        """The records of this run that fit, as they land; those that do not go to quarantine."""
        for said in self._records():
            row, wrong = self._contract.row(said, self._seen.now)
            if self._options.is_interval and not (row.updated_at and self._options.covers(row.updated_at)):
                continue
            self._seen.add(said, wrong, row.updated_at)
            if wrong:
                key = row.key and key_text([row.key])
                rejected = RejectedRow(to_quarantine(said), "; ".join(wrong.values()), key, row.changed_at)
                self._attempt.quarantine.reject(self._table.name, [rejected])
            else:
                yield row

    def _records(self) -> Iterator[Any]:
        window = Window(self._start) if self._options.is_interval else Window()
        return self._connection.read(self._table, window, self._bookmark)

    # When all came

    def _conclude(self) -> None:
        """What the records of this run say of the source, and what to remember of them."""
        run, table, seen = self._attempt.run, self._table, self._seen
        module = f"ingestion/sources/{run.source}.py"
        violations = [*seen.violations(self._contract, self._before.get("fields", ()), module), *self._shrunk()]
        if violations:
            remedy = f"Then: ingest replay {run.source}" if seen.has_rejected else ""
            run.failures.add_violation(table.name, IngestError(" ".join(violations), remedy))
        elif not self._options.is_interval:
            notes, names = seen.name_changes(self._contract, set(self._before.get("fields", ())))
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
        if not is_partial and self._seen.records < table.min_retained_share * before:
            yield (
                f"{self._seen.records} records came, and {before} the last time. If that is right: "
                f"ingest run {self._attempt.run.source} --allow-deletes"
            )

    def _covers(self) -> None:
        """The next read begins before this one's cursor: so they touch. Without a cursor only our own clock tells."""
        if not self._table.cursor and self._options.is_interval:
            return
        cursor = self._to_remember.get("cursor") or self._before.get("cursor")
        reached = datetime.fromisoformat(cursor) if cursor else self._seen.now
        # An API has no clock that we could ask, and of what lies in the future nobody has told yet.
        until = min(self._options.until, self._seen.now) if self._options.until else reached
        self._attempt.log.covers(self._table.name, self._start, until)
