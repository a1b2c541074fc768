"""Quarantined rows of a database's table, put through the contract of today. The source is not asked, nor needed."""

import json
from collections.abc import Sequence
from datetime import UTC

import pyarrow

from ingestion.connectors.tables import TypedTable
from ingestion.landing.attempt import Attempt
from ingestion.landing.hints import as_landed
from ingestion.landing.quarantine import QuarantinedRow
from ingestion.landing.raw_tables import CHANGED_AT, DELETED_AT
from ingestion.landing.replayed import Replayed
from ingestion.landing.rows.columns import Column, contract_of_raw, raw_name, reasons, values
from ingestion.sql import quoted
from ingestion.warehouses import Columns

ROW_ID, LOADED = "row id", "when it was loaded"  # columns beside the source's own, which are hardly called that


def replayed(attempt: Attempt, table: TypedTable, rows: Sequence[QuarantinedRow]) -> Replayed:
    """Left out are versions that raw holds already."""
    types = {name: kind for name, kind in attempt.raw.types(table.name).items() if not name.startswith("_")}
    sent, why_not = [], {}
    for row in rows:
        record, reason = _renamed(table, types, json.loads(row.record))
        if reason:
            why_not[row.row_id] = reason
        else:
            changed_at = row.changed_at or attempt.run.began_at
            sent.append({**record, ROW_ID: row.row_id, LOADED: row.load_id, CHANGED_AT: changed_at})
    if not sent:
        return Replayed(None, why_not)
    texts = [(name, pyarrow.string()) for name in [*types, ROW_ID, LOADED]]
    schema = pyarrow.schema([*texts, (CHANGED_AT, pyarrow.timestamp("us", "UTC"))])
    why_not |= _validate(attempt, table, contract_of_raw(table, types), pyarrow.Table.from_pylist(sent, schema=schema))
    con = attempt.run.session.scratch
    landed = f"select {as_landed(attempt.run.session, types)}, {DELETED_AT}, {CHANGED_AT} from ({_unknown(attempt, table, types)})"
    found = con.execute(landed).to_arrow_table()
    con.execute("drop table temp.fitting")
    return Replayed(found if found.num_rows else None, why_not)


def _renamed(table: TypedTable, types: Columns, record: dict[str, str | None]) -> tuple[dict[str, str | None], str]:
    """A record's values by raw's names; or why raw can't hold them all."""
    found = {raw_name(table, name): value for name, value in record.items() if name not in table.excluded}
    unknown = [name for name in found if name not in types and name not in table.retired]
    return found, f"raw has no column {', '.join(unknown)} yet: load the table first" if unknown else ""


def _validate(attempt: Attempt, table: TypedTable, columns: list[Column], sent: pyarrow.Table) -> dict[str, str]:
    """Puts the rows that fit into temp.fitting; gives why the others do not, by id."""
    con = attempt.run.session.scratch
    con.register("replayed", sent)
    try:
        why = reasons(columns)
        found = con.execute(f"""select "{ROW_ID}", {why} from replayed where {why} <> ''""").fetchall()
        fitting = f"""select {values(columns)}, cast(null as timestamptz) as {DELETED_AT}, {CHANGED_AT} from replayed where {why} = ''"""
        if table.key:  # of one version that came twice, what came last
            version = ", ".join([*(quoted(raw_name(table, name)) for name in table.key), CHANGED_AT])
            fitting += f""" qualify row_number() over (partition by {version} order by "{LOADED}" desc) = 1"""
        con.execute(f"create or replace temp table fitting as {fitting}")
    finally:
        con.unregister("replayed")
    return dict(found)


def _unknown(attempt: Attempt, table: TypedTable, types: Columns) -> str:
    """SQL: the rows of temp.fitting that raw does not hold: these versions; of a table without a key, such rows of any time."""
    session, raw = attempt.run.session, attempt.raw
    if not table.key:
        held = session.fetch(types, f"{raw.complete_rows(table.name)} as known")
        equal = " and ".join(f"held.{quoted(name)} is not distinct from fitting.{quoted(name)}" for name in types)
        return f"select * from temp.fitting as fitting where not exists (select 1 from {held} as held where {equal})"
    [(first, last)] = session.scratch.execute(f"select min({CHANGED_AT}), max({CHANGED_AT}) from temp.fitting").fetchall()
    if not first:
        return "table temp.fitting"
    first, last = (session.dialect.literal(at.astimezone(UTC)) for at in (first, last))
    held = raw.all_rows(table.name, types, f"{CHANGED_AT} between {first} and {last}")
    return f"table temp.fitting except select * from {held} as held"
