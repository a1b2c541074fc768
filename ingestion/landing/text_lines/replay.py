"""Quarantined lines, as their contract takes them."""

import json
from collections.abc import Sequence

import pyarrow

from ingestion.connectors.base import day_in
from ingestion.connectors.tables import TextTable
from ingestion.landing.attempt import Attempt
from ingestion.landing.comparison import LOADED, completed
from ingestion.landing.quarantine import QuarantinedRow
from ingestion.landing.replayed import CARRIED, ROW_ID, Quarantined
from ingestion.landing.text_lines.contract import line_contract


def quarantined(attempt: Attempt, table: TextTable, rows: Sequence[QuarantinedRow]) -> Quarantined:
    """Lines that fit land with all other lines of their file, as raw holds them, since models take the last load of a file for
    all of it."""
    sent, refused = [], {}
    for row in rows:
        record = json.loads(row.record)
        fields = record.get("fields", {})
        if not row.is_open:
            refused[row.row_id] = "its file has come again"
        elif "fields" not in record:
            refused[row.row_id] = record["why"]
        elif missing := [name for name in table.names if name not in fields]:
            refused[row.row_id] = f"{missing[0]} is missing"
        else:
            file = {"file_name": record["file_name"], "file_date": day_in(record["file_name"]), "line_number": record["line_number"]}
            sent.append({**fields, **file, ROW_ID: row.row_id, LOADED: row.load_id})
    types = {name: kind for name, kind in attempt.raw.types(table.name).items() if name != "_dlt_load_id"}
    found = dict.fromkeys([*(name for line in sent for name in line), *types])  # other files may have columns that these lack
    texts = [name for name in found if name not in ("file_date", "line_number")]
    columns = [*((name, pyarrow.string()) for name in texts), ("file_date", pyarrow.date32()), ("line_number", pyarrow.int64())]
    names = [name for name in texts if name not in ("file_name", ROW_ID, LOADED)]
    files = sorted({line["file_name"] for line in sent})
    return Quarantined(
        line_contract(table, names, "file_name", "file_date", CARRIED),
        pyarrow.Table.from_pylist(sent, schema=pyarrow.schema(columns)) if sent else None,
        refused,
        (),
        lambda scratch: completed(attempt.raw, table.name, scratch, types, files),
    )
