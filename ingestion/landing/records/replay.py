"""Quarantined records, put through the contract of today."""

from collections.abc import Sequence
from datetime import datetime

from ingestion.connectors.tables import RecordTable
from ingestion.exact_json import from_quarantine
from ingestion.landing.attempt import Attempt
from ingestion.landing.quarantine import QuarantinedRow
from ingestion.landing.records.known import Version, versions
from ingestion.landing.records.record import MICROSECOND, RecordContract, Row, as_arrow
from ingestion.landing.replayed import Replayed


def replayed(attempt: Attempt, table: RecordTable, rows: Sequence[QuarantinedRow]) -> Replayed:
    """Left out is what raw has learnt since: the record itself, or what a later load says of the same version."""
    contract = RecordContract(table, attempt.run.session)
    fitting: dict[Version, tuple[str, Row]] = {}  # the last load that brought it
    reasons = {}
    for quarantined in sorted(rows, key=lambda row: row.load_id):
        row, wrong = contract.row(from_quarantine(quarantined.record), quarantined.changed_at)
        if wrong:
            reasons[quarantined.row_id] = "; ".join(wrong.values())
        else:
            fitting[(row.key, row.changed_at) if row.key else (row.digest, None)] = quarantined.load_id, row
    new = _unknown(attempt, table, list(fitting.values()))
    return Replayed(as_arrow(new) if new else None, reasons)


def _unknown(attempt: Attempt, table: RecordTable, fitting: list[tuple[str, Row]]) -> list[Row]:
    """Of these rows, each with the load that brought it, those that raw does not hold."""
    known = versions(attempt.raw, table, min((row.changed_at for _, row in fitting), default=None))
    times: dict[str | None, list[tuple[datetime, str]]] = {}  # by key: of its versions, and the loads that brought them first
    for (key, changed_at), loads in known.items():
        if changed_at:
            times.setdefault(key, []).append((changed_at, min(loads.values())))
    new = []
    for load_id, row in sorted(fitting, key=lambda found: (found[0], found[1].changed_at)):
        # As when it is read: what came later is the later version, be it dated earlier.
        if earlier := [at for at, first_load in times.get(row.key, ()) if at > row.changed_at and first_load < load_id]:
            row = row.since(max(earlier) + MICROSECOND)
            times[row.key].append((row.changed_at, ""))
        loads = known.get((row.key, row.changed_at) if row.key else (row.digest, None), {})
        if row.digest not in loads and max(loads.values(), default="") <= load_id:
            new.append(row)
    return new
