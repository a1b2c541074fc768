"""Quarantined rows of a database's table, as their contract takes them. The source is not asked, nor needed."""

import json
from collections.abc import Sequence

import pyarrow

from ingestion.connectors.tables import TypedTable
from ingestion.landing.attempt import Attempt
from ingestion.landing.column_types import as_landed
from ingestion.landing.comparison import LOADED, Comparison
from ingestion.landing.quarantine import QuarantinedRow
from ingestion.landing.raw_tables import CHANGED_AT, DELETED_AT
from ingestion.landing.replayed import CARRIED, ROW_ID, Quarantined
from ingestion.landing.scratch_tables import ScratchTables
from ingestion.landing.typed_rows.columns import contract_of_raw, raw_name, row_contract
from ingestion.sql import quoted
from ingestion.warehouses import Columns


def quarantined(attempt: Attempt, table: TypedTable, rows: Sequence[QuarantinedRow]) -> Quarantined:
    """A version holds since the time that it has always had."""
    types = {name: kind for name, kind in attempt.raw.types(table.name).items() if not name.startswith("_")}
    key = tuple(raw_name(table, name) for name in table.key)
    sent, refused = [], {}
    for row in rows:
        record, reason = _renamed(table, types, json.loads(row.record))
        if reason:
            refused[row.row_id] = reason
        else:
            changed_at = row.changed_at or attempt.run.began_at
            sent.append({**record, ROW_ID: row.row_id, LOADED: row.load_id, CHANGED_AT: changed_at})
    texts = [(name, pyarrow.string()) for name in [*types, ROW_ID, LOADED]]
    schema = pyarrow.schema([*texts, (CHANGED_AT, pyarrow.timestamp("us", "UTC"))])

    def unknown(scratch: ScratchTables) -> str:
        compared = Comparison(attempt.raw, scratch, table.name, list(types), list(types), key, types, f"source.{CHANGED_AT}")
        columns = f"{as_landed(attempt.run.session, types)}, cast(null as timestamptz) as {DELETED_AT}, {CHANGED_AT}"
        return f"select {columns} from ({compared.not_held()})"

    return Quarantined(
        row_contract(contract_of_raw(table, types), {**CARRIED, CHANGED_AT: quoted(CHANGED_AT)}),
        pyarrow.Table.from_pylist(sent, schema=schema),
        refused,
        (*key, CHANGED_AT) if key else (),
        unknown,
    )


def _renamed(table: TypedTable, types: Columns, record: dict[str, str | None]) -> tuple[dict[str, str | None], str]:
    """A record's values by raw's names; or why raw can't hold them all."""
    found = {raw_name(table, name): value for name, value in record.items() if name not in table.excluded}
    unknown = [name for name in found if name not in types and name not in table.retired]
    return found, f"raw has no column {', '.join(unknown)} yet: load the table first" if unknown else ""
