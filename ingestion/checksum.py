"""Compares what a source says now with what raw holds as the latest: does each value arrive as it was?

Of a database's tables, ranges of their keys are compared. The source's server counts, sums (exactly: numbers travel as text),
takes the least and the greatest, and hashes texts, by itself: not by the way on which the rows were read, which would make
the same mistake twice. The same is asked of raw. Where any of it differs, the range's rows are compared one by one.

What changed since the last read is no difference. So only rows are compared whose cursor is not later than the one that the
last read came to; a row that differs in its cursor too, by no more than the look-back, committed late, and the next read takes
it; and what is in quarantine is known not to be in raw. Of a table without a cursor nobody can tell, and it is not compared.
Keys are the source's: that raw has some which the source lost is what the landing looks for, see `ingestion.database`.

APIs and files have no server that sums. They are read again, for one day or wholly, and landed nowhere: what would be landed is
the difference. Of an API only what is older than the look-back is compared, of files those that were read, as they were then.

Numbers and times are shown as they are, texts by length and MD5: they can be personal, and this goes into logs.
"""

import importlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from hashlib import md5
from random import Random
from typing import TYPE_CHECKING, Any

from ingestion.context import CHANGED_AT, DELETED_AT, Context, Options, key_text
from ingestion.engines import Columns, Session
from ingestion.errors import IngestError, explanation, redact
from ingestion.exact import is_number, is_time
from ingestion.settings import lookback, prepare_dlt
from ingestion.status import BEGINNING, known_sources, table_states
from ingestion.warehouse import find_warehouse

if TYPE_CHECKING:
    import psycopg

    from ingestion.database import Column, Server, Table

UNDATED = "has no cursor that tells when rows changed, so not what changed since the last read"
RANGE_ROWS = 1_000
RANGES = 3  # that are compared of a table when not all are
LARGE = 100_000  # rows: of a larger table a first key is found by a sample of its pages, as to count through them takes a while


@dataclass
class TableCheck:
    """How the comparison of one table went: the rows that were compared, and what differs, in words."""

    source: str
    table: str
    rows: int = 0  # not known of an API's: raw is only asked for those that differ
    differences: list[str] = field(default_factory=list)
    note: str = ""  # what was compared, or why nothing was


def checksum(sources: Iterable[str] | None = None, target: str | None = None, everything: bool = False, seed: int = 0) -> list[TableCheck]:
    """Compares these sources (all when None) with raw: some ranges of each table, which `seed` chooses, or everything."""
    names, random, warehouse = known_sources(sources), Random(seed), find_warehouse(target)
    prepare_dlt()
    if not warehouse.exists:
        raise IngestError(f"There is no warehouse {warehouse.address} yet.", "Load something first: ingest")
    with warehouse.connect(read_only=True) as session:
        return [check for name in names for check in _source(name, session, everything, random)]


def sample(context: Context) -> list[TableCheck]:
    """Compares one range of each of a database's tables, right after they were loaded."""
    tables = [table for table in _tables(context.source) if table.name not in context.failures]
    return list(_database(context, tables, 1, Random())) if tables else []


def _source(name: str, session: Session, everything: bool, random: Random) -> list[TableCheck]:
    context = Context(name, session, Options(), table_states(session, name))
    if not context.state:
        return [TableCheck(name, "-", note="was never loaded")]
    try:
        if tables := _tables(name):
            return list(_database(context, tables, 0 if everything else RANGES, random))
        return list(_read_again(context, everything, random))
    except Exception as error:
        why = redact(explanation(session.explained(error) or error), context.secrets)
        return [TableCheck(name, "-", differences=[f"it can't be compared: {why}"])]


def _tables(source: str) -> Sequence["Table"]:
    """The tables of a database, as its module declares them; none for a source of another kind."""
    return getattr(importlib.import_module(f"ingestion.sources.{source}"), "TABLES", ())


# Databases


def _database(context: Context, tables: Sequence["Table"], ranges: int, random: Random) -> Iterator[TableCheck]:
    from psycopg import IsolationLevel

    from ingestion import database

    source = database.server(context.source)
    context.secrets.add(source.parameters.get("password", ""))
    state = table_states(context.session, context.source)
    with database.connect(source) as connection:
        # One snapshot for all that is asked, as others write to the source meanwhile.
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.execute("set timezone = 'UTC'")
        columns = database.columns_of(connection, context, source.schema, tables)
        for table in tables:
            cursor = state.get(table.name, {}).get("cursor")
            check = TableCheck(context.source, table.name)
            if not table.cursor:
                check.note = UNDATED
            elif cursor:
                try:
                    _Table(context, source, connection, table, columns.get(table.name, []), cursor, check).compare(ranges, random)
                except Exception as error:  # what differs in other tables is to be known all the same
                    check.note = f"could not be compared: {redact(explanation(error), context.secrets)}"
                    if not connection.closed:
                        connection.rollback()
                        connection.execute("set timezone = 'UTC'")
            yield check


class _Table:
    """One table of a database, and its raw table."""

    def __init__(
        self,
        context: Context,
        source: "Server",
        connection: "psycopg.Connection",
        table: "Table",
        columns: list["Column"],
        reached: str,
        check: TableCheck,
    ) -> None:
        self.context, self.source, self.connection, self.table, self.check = context, source, connection, table, check
        raw = context.raw_types(table.name)
        self.columns = [column for column in columns if column.raw_name in raw]
        self.key = [column for column in columns if column.is_called(*table.key)]
        self.cursor, self.reached = next(column for column in columns if column.is_called(table.cursor)), reached
        self.work = context.session.work
        self.name = f"{_quoted(source.schema)}.{_quoted(table.name)}"

    def compare(self, ranges: int, random: Random) -> None:
        """Compares so many ranges of the key that chance chooses; all, one after the other, when they are no more, or for 0."""
        if not is_time(self._type(self.cursor)):
            self.check.note = UNDATED
            return
        known = f"select reltuples::bigint from pg_class where oid = {_literal(self.name)}::regclass"
        rows = self.connection.execute(known).fetchone()[0]
        if rows <= LARGE:  # the server's estimate; -1 when it has none
            rows = self.connection.execute(f"select count(*) from {self.name}").fetchone()[0]
        if ranges and rows > ranges * RANGE_ROWS:
            for start in random.sample(range(0, rows, RANGE_ROWS), ranges):
                self._compare_range(self._key_at(start, rows, random), ">=")
            return
        last, sign = None, ">="
        while last := self._compare_range(last, sign):
            sign = ">"

    def _key_at(self, place: int, rows: int, random: Random) -> list[str] | None:
        """The key of the row at this place; of a large table some key, as the way to a place would be long."""
        keys = ", ".join(f"source.{_quoted(column.name)}::text" for column in self.key)
        # Of the source, as else PostgreSQL would sort the texts.
        chosen = f"{self.name} as source order by {', '.join(f'source.{_quoted(column.name)}' for column in self.key)} offset {place}"
        if rows > LARGE:
            chosen = f"{self.name} as source tablesample system ({min(100, 1_000_000 / rows)}) repeatable ({random.randrange(2**31)})"
        found = self.connection.execute(f"select {keys} from {chosen} limit 1").fetchone()
        return list(found) if found and None not in found else None

    def _compare_range(self, start: list[str] | None, sign: str) -> list[str] | None:
        """Compares the range that begins at (or after) this key; gives its last key, None when there was none."""
        picked = self._picked(start, sign)
        keys = ", ".join(f"{_quoted(column.name)}::text" for column in self.key)
        sums = [sql for column in self.columns for sql in _sums_at_source(column)]
        by = ", ".join(_quoted(column.name) for column in self.key)
        said = self.connection.execute(
            f"select json_agg(json_build_array({keys}) order by {by})::text, count(*)::text, {', '.join(sums)} from {picked} as picked"
        ).fetchone()
        if said[0] is None:
            return None
        found = json.loads(said[0])
        latest = self._latest(said[0])
        sums = [sql for column in self.columns for sql in _sums_in_raw(column, self._type(column))]
        held = self.work.execute(f"select cast(count(*) as varchar), {', '.join(sums)} from {latest} where {DELETED_AT} is null").fetchone()
        self.check.rows += len(found)
        if said[1:] != held:
            self._compare_rows(picked, latest, found)
        return found[-1]

    def _picked(self, start: list[str] | None, sign: str) -> str:
        """SQL of the source: the rows of a range that were there when it was last read."""
        names = ", ".join(_quoted(column.name) for column in self.key)
        conditions = [f"{_quoted(self.cursor.name)} <= {_literal(self.reached)}::{self.cursor.declared}"]
        conditions += [f"{_quoted(column.name)} is not null" for column in self.key]
        if start is not None:
            values = ", ".join(f"{_literal(value)}::{column.declared}" for value, column in zip(start, self.key, strict=True))
            conditions.append(f"({names}) {sign} ({values})")
        return f"(select * from {self.name} where {' and '.join(conditions)} order by {names} limit {RANGE_ROWS})"

    def _type(self, column: "Column") -> str:
        return self.context.raw_types(self.table.name)[column.raw_name]

    def _latest(self, keys: str) -> str:
        """A relation of `work`: what raw holds as the latest of these keys, which are given as JSON."""
        types = {column.raw_name: self._type(column) for column in self.columns}
        named = ", ".join(f"cast(key[{place}] as {types[c.raw_name]}) as {_quoted(c.raw_name)}" for place, c in enumerate(self.key, 1))
        self.work.execute(
            f"create or replace temp table checked_keys as select {named} from "
            f"(select unnest(from_json({_literal(keys)}, '[[\"varchar\"]]')) as key) as keys"
        )
        latest = self.context.latest_rows(self.table.name, types, [column.raw_name for column in self.key], "temp.checked_keys")
        self.work.execute(f"create or replace temp table checked_rows as select * from {latest} as latest")
        return "temp.checked_rows"

    def _compare_rows(self, picked: str, latest: str, keys: list[list[str]]) -> None:
        """Says what differs in the rows of a range, but for what is known to."""
        import pyarrow

        texts = ", ".join(f"({column.text})::text" for column in self.columns)
        rows = self.connection.execute(f"select {texts} from {picked} as picked").fetchall()
        schema = pyarrow.schema([(column.name, pyarrow.string()) for column in self.columns])
        self.work.register("said", pyarrow.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema=schema))
        try:
            values = ", ".join(f"{column.value} as {_quoted(column.raw_name)}" for column in self.columns)
            self.work.execute(f"create or replace temp table said_rows as select {values} from said")
        finally:
            self.work.unregister("said")
        pairs = " and ".join(f"source.{_quoted(c.raw_name)} = raw.{_quoted(c.raw_name)}" for c in self.key)
        key = ", ".join(f"cast(source.{_quoted(c.raw_name)} as varchar)" for c in self.key)
        joined = f"temp.said_rows as source left join (select * from {latest} where {DELETED_AT} is null) as raw on {pairs}"
        excused = {key for table, key in self.context.open_quarantine("table_name", "row_key") if table == self.table.name}
        for column in (None, *self.columns):
            name = _quoted(column.raw_name) if column else ""
            absent = f"raw.{_quoted(self.key[0].raw_name)} is null"
            condition = f"not ({absent}) and source.{name} is distinct from raw.{name}" if column else absent
            shown = f"cast(source.{name} as varchar), cast(raw.{name} as varchar)" if column else "null, null"
            order = ", ".join(f"source.{_quoted(c.raw_name)}" for c in self.key)
            found = self.work.execute(
                f"select [{key}], {shown} from {joined} where {condition} and not ({self._is_late}) order by {order}"
            ).fetchall()
            found = [row for row in found if key_text(row[0]) not in excused]
            if found:
                self.check.differences.append(self._told(column, found, keys))

    @property
    def _is_late(self) -> str:
        """SQL: whether a row may differ because it committed after the last read: the next one takes it."""
        name = _quoted(self.cursor.raw_name)
        reached = f"cast({_literal(self.reached)} as {self._type(self.cursor)})"
        lookback = f"interval {self.source.lookback.total_seconds():.0f} seconds"
        # In the same tick of the clock, which can be as long as a day, a row can change again with the same cursor.
        return f"(source.{name} >= {reached} or (source.{name} is distinct from raw.{name} and source.{name} > {reached} - {lookback}))"

    def _told(self, column: "Column | None", found: list[tuple], keys: list[list[str]]) -> str:
        names = ", ".join(column.raw_name for column in self.key)
        first, at_source, in_raw = found[0]
        where = f"{names} {', '.join(keys[0])} to {', '.join(keys[-1])}"
        count = f"{len(found)} of {len(keys)} rows"
        if column is None:
            return f"{where}: {count} not in raw, the first {', '.join(first)}"
        kind = self._type(column)
        at_source, in_raw = (value if is_number(kind) or is_time(kind) else _hidden(value) for value in (at_source, in_raw))
        told = f"{where}: {column.raw_name} differs in {count}; {names} {', '.join(first)}: source {at_source}, raw {in_raw}"
        if not is_number(kind) or kind == "DOUBLE":
            return told
        name = _quoted(column.raw_name)
        sums = [
            self.work.execute(f"select cast(sum({name}) as varchar) from {relation}").fetchone()[0]
            for relation in ("temp.said_rows", f"(select * from temp.checked_rows where {DELETED_AT} is null)")
        ]
        return f"{told}; the range's sums: source {sums[0]}, raw {sums[1]}"


def _sums_at_source(column: "Column") -> list[str]:
    """SQL of the source's server: what is compared of a column, as texts."""
    name = _quoted(column.name)
    if _is_summed(column):
        return [f"count({name})::text", *(f"{function}({name})::text" for function in ("sum", "min", "max"))]
    ends = [f"{function}({name})::text" for function in ("min", "max")] if is_time(column.own_type) else []
    return [f"count({name})::text", *ends, f"sum(('x' || left(md5(({column.text})::text), 15))::bit(60)::bigint)::text"]


def _sums_in_raw(column: "Column", kind: str) -> list[str]:
    """SQL of DuckDB: the same of the column in raw. Where times or doubles are written in another way than by the source,
    they differ here, and it is for the rows to tell."""
    name = _quoted(column.raw_name)
    if _is_summed(column):
        # A number that became a text in raw is compared by its rows.
        summed = "sum" if is_number(kind) else "min"
        return [f"cast({function}({name}) as varchar)" for function in ("count", summed, "min", "max")]
    ends = [f"cast({function}({name}) as varchar)" for function in ("min", "max")] if is_time(column.own_type) else []
    text = f"cast({name} as varchar)"
    return [f"cast(count({name}) as varchar)", *ends, f"cast(sum(cast('0x' || left(md5({text}), 15) as bigint)) as varchar)"]


def _is_summed(column: "Column") -> bool:
    return is_number(column.own_type) and column.own_type != "DOUBLE"


# APIs and files


def _read_again(context: Context, everything: bool, random: Random) -> Iterator[TableCheck]:
    """Reads one day of the source again, or everything, and compares it with raw."""
    module = importlib.import_module(f"ingestion.sources.{context.source}")
    context.options = Options(full=True, known=True) if everything else _some_day(context, random)
    for resource in module.source(context):
        day = context.options.since
        check = TableCheck(context.source, resource.name, note=f"{day:%Y-%m-%d} read again" if day else "all read again")
        for rows in resource:
            columns = {name: kind for name, kind in context.raw_types(resource.name).items() if name in rows.column_names}
            if "file_name" in columns:
                _compare_file(context, check, rows, columns)
            else:
                _compare_records(context, check, rows)
        if why := context.failures.get(resource.name):
            check.differences.append(f"it can't be compared: {why}")
        yield check


def _some_day(context: Context, random: Random) -> Options:
    """A day of those that raw has rows of."""
    session, days = context.session, []
    for table in context.state:
        name = next((name for name in ("file_date", "updated_at") if name in context.raw_types(table)), None)
        if name:
            found = session.rows(
                f"select distinct cast({name} as date) from {context.complete_rows(table)} as known where {name} is not null"
            )
            days += [day for (day,) in found]
    if not days:
        return Options(full=True, known=True)
    start = datetime.combine(random.choice(sorted(days)), time(), UTC)
    return Options(start, start + timedelta(days=1), known=True)


def _compare_file(context: Context, check: TableCheck, rows: Any, columns: Columns) -> None:
    """Compares the lines of a file with those that its last load has brought."""
    if not rows.num_rows:
        return
    session, raw, said = context.session, context.complete_rows(check.table), rows.select(list(columns)).to_pylist()
    name = said[0]["file_name"]
    is_file = f"file_name = {session.literal(name)}"
    names = ", ".join(map(session.quoted, columns))
    lines = session.rows(
        f"select {names} from {raw} as known where {is_file} "
        f"and _dlt_load_id = (select max(_dlt_load_id) from {raw} as loads where {is_file})"
    )
    held = {line["line_number"]: line for line in (dict(zip(columns, values, strict=True)) for values in lines)}
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
                f"line {line['line_number']}: source {_hidden(line[column])}, raw {_hidden(other[column])}"
            )


def _compare_records(context: Context, check: TableCheck, rows: Any) -> None:
    """What a second reading would land is what differs; but for what may be newer than the last one."""
    cursor = context.state.get(check.table, {}).get("cursor")
    settled = datetime.fromisoformat(cursor) - lookback(context.source) if cursor else None
    for row in rows.to_pylist():
        changed_at = row.get(CHANGED_AT) or BEGINNING
        if settled and changed_at > settled:
            continue
        held = None
        if row.get("id") is not None:
            found = context.session.rows(
                f"select record from {context.complete_rows(check.table)} as known where id = {context.session.literal(row['id'])} "
                f"order by {CHANGED_AT} desc, _dlt_load_id desc limit 1"
            )
            held = found[0][0] if found else None
        if held is None:
            check.differences.append(f"{row.get('id') or 'a record'} is not in raw")
            continue
        at_source, in_raw = _fields(json.loads(row["record"])), _fields(json.loads(held))
        wrong = sorted(name for name in {*at_source, *in_raw} if at_source.get(name) != in_raw.get(name)) or ["record"]
        values = f"source {_hidden(at_source.get(wrong[0]))}, raw {_hidden(in_raw.get(wrong[0]))}"
        check.differences.append(f"{row['id']}: {', '.join(wrong)} differs; {wrong[0]}: {values}")


def _fields(record: Any, name: str = "") -> dict[str, str]:
    """The values of a JSON record as texts, by path: `amount.value`."""
    if not isinstance(record, dict | list):
        return {name: json.dumps(record)}
    items = record.items() if isinstance(record, dict) else enumerate(record)
    return {path: text for key, value in items for path, text in _fields(value, f"{name}.{key}".lstrip(".")).items()}


def _hidden(text: str | None) -> str:
    return "null" if text is None else f"text of length {len(text)}, MD5 {md5(text.encode(), usedforsecurity=False).hexdigest()[:8]}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
