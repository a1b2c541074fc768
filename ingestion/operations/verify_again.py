"""Reads APIs and files again, for one day or wholly, through the landing, and lands nothing: what would be landed is the
difference. They have no server that sums. Of an API only what is older than the look-back is compared, of files those that were
read, as they were then."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import Any

from ingestion.connectors.tables import RecordTable, Table, TextTable, TypedTable
from ingestion.landing.attempt import Attempt
from ingestion.landing.raw_tables import CHANGED_AT
from ingestion.landing.reading import resources_of
from ingestion.landing.run import Options, Run
from ingestion.landing.scratch_tables import ScratchTables
from ingestion.operations.status import BEGINNING, table_states
from ingestion.operations.verify_report import TableCheck, hidden
from ingestion.registry import connectors
from ingestion.settings import lookback
from ingestion.sql import literal, quoted

DAYS = {RecordTable: "updated_at", TextTable: "file_date"}  # by the form of a table: raw's column with the day


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
    check = TableCheck(attempt.run.source, table.name, table.name, rows=0 if isinstance(table, TextTable) else None)
    check.notes.append(f"{day:%Y-%m-%d} was read again" if day else "all was read again")
    if isinstance(table, TextTable):
        _compare_files(attempt, check, resource)
    else:
        for rows in resource:
            _compare_records(attempt, check, rows)
    if why := attempt.run.failures.reasons.get(table.name):
        check.not_compared = why
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


def _compare_files(attempt: Attempt, check: TableCheck, read: Iterable[Any]) -> None:
    """Compares the lines of files with those that the last load of each has brought."""
    types = {name: kind for name, kind in attempt.raw.types(check.table).items() if not name.startswith("_dlt_")}
    scratch, con = ScratchTables(attempt.run.session, f"{check.table} again"), attempt.run.session.scratch
    said = scratch.create("said", f"select {', '.join(f'cast(null as {kind}) as {quoted(name)}' for name, kind in types.items())} limit 0")
    for rows in read:
        con.register("rows_again", rows.select([name for name in rows.column_names if name in types]))
        con.execute(f"insert into {said} by name select * from rows_again")
        con.unregister("rows_again")
    files = [name for (name,) in con.execute(f"select distinct file_name from {said} order by 1").fetchall()]
    if files:
        is_read = f"file_name in ({', '.join(map(attempt.run.session.dialect.literal, files))})"
        held = scratch.create("held", f"select * from {attempt.raw.last_loads(check.table, types, is_read, 'file_name')}")
        for name in files:
            is_file = f"file_name = {literal(name)}"
            here, there = (f"(select * from {relation} where {is_file})" for relation in (said, held))
            check.differences += _file_differences(attempt, name, here, there, list(types))
    check.rows = scratch.count("said")
    scratch.clear()


def _file_differences(attempt: Attempt, file: str, said: str, held: str, columns: Sequence[str]) -> Iterator[str]:
    """What differs between the lines of a file, as they are and as raw holds them."""
    con = attempt.run.session.scratch
    unlike = [f"said.{name} is distinct from held.{name}" for name in map(quoted, columns)]
    both = f"{said} as said join {held} as held using (line_number)"
    [(lines, in_raw)] = con.execute(f"select (select count(*) from {said}), (select count(*) from {held})").fetchall()
    missing = f"select count(*), min(line_number) from {said} as said anti join {held} as held using (line_number)"
    [(count, first)] = con.execute(missing).fetchall()
    if count:
        yield f"{file}: {count} of {lines} lines not in raw, the first {first}"
    if in_raw > lines - count:
        yield f"{file}: {lines} lines at the source, {in_raw} in raw"
    counts = con.execute(f"select {', '.join(f'count(*) filter ({one})' for one in unlike)} from {both}").fetchall()[0]
    for name, one, wrong in zip(columns, unlike, counts, strict=True):
        if wrong:
            values = f"cast(said.{quoted(name)} as varchar), cast(held.{quoted(name)} as varchar)"
            [(line, here, there)] = con.execute(f"select line_number, {values} from {both} where {one} order by 1 limit 1").fetchall()
            yield (f"{file}: {name} differs in {wrong} of {lines} lines; line {line}: source {hidden(here)}, raw {hidden(there)}")


def _compare_records(attempt: Attempt, check: TableCheck, rows: Any) -> None:
    """What a second reading would land is what differs; but for what may be newer than the last one."""
    cursor, session = attempt.state.get(check.table, {}).get("cursor"), attempt.run.session
    settled = datetime.fromisoformat(cursor) - lookback(check.source) if cursor else None
    newer = 0
    for row in rows.to_pylist():
        changed_at = row.get(CHANGED_AT) or BEGINNING
        if settled and changed_at > settled:
            newer += 1
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
    if newer:
        check.notes.append(f"{newer:,} records are new, or changed within the look-back of the last read, and are not compared")


def _fields(record: Any, name: str = "") -> dict[str, str]:
    """The values of a JSON record as texts, by path: `amount.value`."""
    if not isinstance(record, dict | list):
        return {name: json.dumps(record)}
    items = record.items() if isinstance(record, dict) else enumerate(record)
    return {path: text for key, value in items for path, text in _fields(value, f"{name}.{key}".lstrip(".")).items()}
