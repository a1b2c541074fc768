"""Quarantined records, as their contract takes them."""

from collections.abc import Sequence
from dataclasses import replace

import pyarrow

from ingestion.connectors.tables import RecordTable
from ingestion.exact_json import from_quarantine
from ingestion.landing.attempt import Attempt
from ingestion.landing.comparison import LOADED
from ingestion.landing.json_records.contract import record_contract
from ingestion.landing.json_records.record import sent
from ingestion.landing.json_records.versions import comparison, versions
from ingestion.landing.quarantine import QuarantinedRow
from ingestion.landing.raw_tables import CHANGED_AT
from ingestion.landing.replayed import CARRIED, ROW_ID, Quarantined
from ingestion.landing.scratch_tables import ScratchTables
from ingestion.sql import quoted

READ_AT = "read at"  # since when a version holds at the latest, whatever its cursor says


def quarantined(attempt: Attempt, table: RecordTable, rows: Sequence[QuarantinedRow]) -> Quarantined:
    """A version holds since the time that it has always had."""
    carried = {
        ROW_ID: pyarrow.array([row.row_id for row in rows], pyarrow.string()),
        LOADED: pyarrow.array([row.load_id for row in rows], pyarrow.string()),
        READ_AT: pyarrow.array([row.changed_at for row in rows], pyarrow.timestamp("us", "UTC")),
    }

    def unknown(scratch: ScratchTables) -> str:
        scratch.create("source", versions(f"(table {scratch.name('source')})", quoted(LOADED)))
        compared = comparison(attempt.raw, scratch, table)
        return (compared if table.key else replace(compared, key=())).not_held()

    return Quarantined(
        record_contract(table, quoted(READ_AT), CARRIED),
        sent(table, [from_quarantine(row.record) for row in rows], carried),
        {},
        ("id", CHANGED_AT) if table.key else ("record",),
        unknown,
    )
