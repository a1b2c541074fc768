"""Quarantined lines, put through the contract of today."""

import json
from collections.abc import Sequence
from typing import Any

import pyarrow

from ingestion.connectors.base import day_in
from ingestion.connectors.tables import TextTable
from ingestion.landing.attempt import Attempt
from ingestion.landing.lines.contract import LineContract, as_landed
from ingestion.landing.quarantine import QuarantinedRow
from ingestion.landing.replayed import Replayed

OF_THE_FILE = ("_dlt_load_id", "file_name", "file_date")  # columns that are the same in all its lines


def replayed(attempt: Attempt, table: TextTable, rows: Sequence[QuarantinedRow]) -> Replayed:
    """Lines that fit land with all other lines of their file, as raw holds them, since models take the last load of a file for
    all of it."""
    contract = LineContract(table, "", attempt.run.session)
    fitting: dict[str, list[dict[str, Any]]] = {}  # by file: lines
    reasons = {}
    for row in rows:
        record = json.loads(row.record)
        if not row.is_open:
            reasons[row.row_id] = "its file has come anew"
        elif why := contract.why_not(record):
            reasons[row.row_id] = why
        else:
            fitting.setdefault(record["file_name"], []).append({**record["fields"], "line_number": record["line_number"]})
    whole = [found for name, lines in sorted(fitting.items()) if (found := _completed(attempt, table.name, name, lines)) is not None]
    return Replayed(pyarrow.concat_tables(whole, promote_options="default") if whole else None, reasons)


def held_lines(attempt: Attempt, table: str, name: str, columns: Sequence[str]) -> list[dict[str, Any]]:
    """These columns of the lines that the last load of a file has brought."""
    session, raw = attempt.run.session, attempt.raw.complete_rows(table)
    is_file = f"file_name = {session.dialect.literal(name)}"
    rows = session.rows(
        f"select {', '.join(map(session.dialect.quoted, columns))} from {raw} as known where {is_file} "
        f"and _dlt_load_id = (select max(_dlt_load_id) from {raw} as loads where {is_file})"
    )
    return [dict(zip(columns, values, strict=True)) for values in rows]


def _completed(attempt: Attempt, table: str, name: str, lines: list[dict[str, Any]]) -> pyarrow.Table | None:
    """A file's lines as raw holds them, and these; None when it holds these too."""
    columns = [column for column in attempt.raw.types(table) if column not in OF_THE_FILE]
    held = {line["line_number"]: line for line in held_lines(attempt, table, name, columns)}
    if all(line["line_number"] in held for line in lines):
        return None
    found = {line["line_number"]: {**dict.fromkeys(columns), **line} for line in lines} | held
    schema = pyarrow.schema([(column, pyarrow.int64() if column == "line_number" else pyarrow.string()) for column in columns])
    return as_landed(pyarrow.Table.from_pylist([found[number] for number in sorted(found)], schema=schema), name, day_in(name))
