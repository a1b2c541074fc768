"""Reads APIs and files again, for one day or wholly, through the landing, and lands nothing: what would be landed is the
difference. They have no server that sums. Of an API only what is older than the look-back is compared, of files those that were
read, as they were then."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import Any

from ingestion.connectors.tables import RecordTable, Table, TextTable, TypedTable
from ingestion.landing.attempt import Attempt
from ingestion.landing.lines.replay import held_lines
from ingestion.landing.raw_tables import CHANGED_AT
from ingestion.landing.reading import resources_of
from ingestion.landing.run import Options, Run
from ingestion.operations.status import BEGINNING, table_states
from ingestion.operations.verify_report import TableCheck, hidden
from ingestion.registry import connectors
from ingestion.settings import lookback

DAYS = {RecordTable: "updated_at", TextTable: "file_date"}  # by the form of a table: raw's column that tells the day


def read_again(run: Run, everything: bool, random: Random) -> Iterator[TableCheck]:
    """Reads one day of the source again, or everything, and compares it with raw."""
    states = table_states(run.session, run.source)
    declared = connectors(run.source)
    tables = [table for connector in declared for table in connector.tables if not isinstance(table, TypedTable)]
    days = [] if everything else _days(Attempt(run, states), tables)
    options = _some_day(days, random) if days else Options(full=True, known=True)
    attempt = Attempt(replace(run, options=options), states)
    for connector in declared:
        chosen = [table for table in connector.tables if table in tables]
        if not chosen:
            continue
        with connector.open(attempt.run) as connection:
            for table, resource in zip(chosen, resources_of(attempt, connection, chosen), strict=True):
                yield _compared(attempt, table, resource)


def _compared(attempt: Attempt, table: Table, resource: Any) -> TableCheck:
    day = attempt.run.options.since
    check = TableCheck(attempt.run.source, table.name, note=f"{day:%Y-%m-%d} read again" if day else "all read again")
    for rows in resource:
        if isinstance(table, TextTable):
            _compare_file(attempt, check, rows)
        else:
            _compare_records(attempt, check, rows)
    if why := attempt.run.failures.reasons.get(table.name):
        check.differences.append(f"it can't be compared: {why}")
    return check


def _days(attempt: Attempt, tables: Sequence[Table]) -> list[Any]:
    """The days that raw has rows of."""
    days, raw = [], attempt.raw
    for table in tables:
        name = next((name for form, name in DAYS.items() if isinstance(table, form)), None)
        if name and table.name in attempt.state and name in raw.types(table.name):
            found = raw.session.rows(
                f"select distinct cast({name} as date) from {raw.complete_rows(table.name)} as known where {name} is not null"
            )
            days += [day for (day,) in found]
    return sorted(days)


def _some_day(days: Sequence[Any], random: Random) -> Options:
    start = datetime.combine(random.choice(days), time(), UTC)
    return Options(start, start + timedelta(days=1), known=True)


def _compare_file(attempt: Attempt, check: TableCheck, rows: Any) -> None:
    """Compares the lines of a file with those that its last load has brought."""
    columns = [name for name in attempt.raw.types(check.table) if name in rows.column_names]
    if not rows.num_rows:
        return
    said = rows.select(columns).to_pylist()
    name = said[0]["file_name"]
    lines = held_lines(attempt, check.table, name, columns)
    held = {line["line_number"]: line for line in lines}
    check.rows += len(said)
    if missing := [line["line_number"] for line in said if line["line_number"] not in held]:
        check.differences.append(f"{name}: {len(missing)} of {len(said)} lines not in raw, the first {missing[0]}")
    if len(lines) > len(said) - len(missing):
        check.differences.append(f"{name}: {len(said)} lines at the source, {len(lines)} in raw")
    both = [(line, held[line["line_number"]]) for line in said if line["line_number"] in held]
    for column in columns:
        if wrong := [(line, other) for line, other in both if line[column] != other[column]]:
            line, other = wrong[0]
            check.differences.append(
                f"{name}: {column} differs in {len(wrong)} of {len(said)} lines; "
                f"line {line['line_number']}: source {hidden(line[column])}, raw {hidden(other[column])}"
            )


def _compare_records(attempt: Attempt, check: TableCheck, rows: Any) -> None:
    """What a second reading would land is what differs; but for what may be newer than the last one."""
    cursor, session = attempt.state.get(check.table, {}).get("cursor"), attempt.run.session
    settled = datetime.fromisoformat(cursor) - lookback(check.source) if cursor else None
    for row in rows.to_pylist():
        changed_at = row.get(CHANGED_AT) or BEGINNING
        if settled and changed_at > settled:
            continue
        held = None
        if row.get("id") is not None:
            found = session.rows(
                f"select record from {attempt.raw.complete_rows(check.table)} as known where id = {session.dialect.literal(row['id'])} "
                f"order by {CHANGED_AT} desc, _dlt_load_id desc limit 1"
            )
            held = found[0][0] if found else None
        if held is None:
            check.differences.append(f"{row.get('id') or 'a record'} is not in raw")
            continue
        at_source, in_raw = _fields(json.loads(row["record"])), _fields(json.loads(held))
        wrong = sorted(name for name in {*at_source, *in_raw} if at_source.get(name) != in_raw.get(name)) or ["record"]
        values = f"source {hidden(at_source.get(wrong[0]))}, raw {hidden(in_raw.get(wrong[0]))}"
        check.differences.append(f"{row['id']}: {', '.join(wrong)} differs; {wrong[0]}: {values}")


def _fields(record: Any, name: str = "") -> dict[str, str]:
    """The values of a JSON record as texts, by path: `amount.value`."""
    if not isinstance(record, dict | list):
        return {name: json.dumps(record)}
    items = record.items() if isinstance(record, dict) else enumerate(record)
    return {path: text for key, value in items for path, text in _fields(value, f"{name}.{key}".lstrip(".")).items()}
