"""Compares ranges of the keys of a database's tables with raw.

The source's server counts, sums (exactly: numbers travel as text), takes the least and the greatest, and hashes texts, by
itself: not by the way on which the rows were read, which would make the same mistake twice. The same is asked of raw. Where
any of it differs, the range's rows are compared one by one.

Only rows are compared whose cursor is not later than the one that the last read came to; a row that differs in its cursor too,
by no more than the look-back, committed late, and the next read takes it; and what is in quarantine is known not to be in raw.
Of a table without a cursor nobody can tell what changed since the last read, and it is not compared. Keys are the source's:
that raw has some which the source lost is what the landing looks for, see `ingestion.landing.rows.keys`.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

from ingestion.connectors.base import AnswersSql
from ingestion.connectors.tables import TypedTable
from ingestion.errors import explanation, redact
from ingestion.landing.attempt import Attempt
from ingestion.landing.exact import is_number, is_time
from ingestion.landing.quarantine import key_text
from ingestion.landing.raw_tables import DELETED_AT
from ingestion.landing.rows.columns import Column, contract
from ingestion.operations.verify_report import UNDATED, TableCheck, hidden
from ingestion.sql import literal, quoted

RANGE_ROWS = 1_000
LARGE = 100_000  # rows: of a larger table a first key is found by a sample of its pages, as to count through them takes a while
Ask = Callable[[str], list[tuple[Any, ...]]]


def compare_tables(attempt: Attempt, connection: Any, tables: Sequence[TypedTable], ranges: int, random: Random) -> Iterator[TableCheck]:
    """Compares so many ranges of each table that chance chooses, all for 0."""
    if not isinstance(connection, AnswersSql):
        return
    descriptions = connection.describe(tables)  # type: ignore[attr-defined]
    for table in tables:
        check = TableCheck(attempt.run.source, table.name)
        if not table.cursor:
            check.note = UNDATED
        elif attempt.state.get(table.name, {}).get("cursor"):
            columns = contract(table, descriptions[table.name].columns, attempt.raw.types(table.name), attempt.run.session.dialect)
            try:
                # One snapshot for all that is asked of a table, as others write to the source meanwhile.
                with connection.snapshot() as ask:
                    _Comparison(attempt, connection, ask, columns, table, check).compare(ranges, random)
            except Exception as error:  # what differs in other tables is to be known all the same
                check.note = f"could not be compared: {redact(explanation(error), attempt.run.secrets)}"
        yield check


class _Comparison:
    """One table of a database, and its raw table."""

    def __init__(
        self, attempt: Attempt, connection: Any, ask: Ask, columns: Sequence[Column], table: TypedTable, check: TableCheck
    ) -> None:
        self._raw, self._quarantine, self._check = attempt.raw, attempt.quarantine, check
        self._ask, self._lookback, self._name = ask, connection.lookback, connection.name(table)
        self._table, self._types = table.name, attempt.raw.types(table.name)
        self._columns = [column for column in columns if column.raw_name in self._types]
        self._key = [column for column in columns if column.is_called(*table.key)]
        self._cursor = next(column for column in columns if column.is_called(table.cursor))
        self._reached = attempt.state[table.name]["cursor"]
        self._scratch = attempt.run.session.scratch

    def compare(self, ranges: int, random: Random) -> None:
        """Compares so many ranges of the key that chance chooses; all, one after the other, when they are no more, or for 0."""
        if not is_time(self._type(self._cursor)):
            self._check.note = UNDATED
            return
        known = f"select reltuples::bigint from pg_class where oid = {literal(self._name)}::regclass"
        rows = self._ask(known)[0][0]
        if rows <= LARGE:  # the server's estimate; -1 when it has none
            rows = self._ask(f"select count(*) from {self._name}")[0][0]
        if ranges and rows > ranges * RANGE_ROWS:
            for start in random.sample(range(0, rows, RANGE_ROWS), ranges):
                self._compare_range(self._key_at(start, rows, random), ">=")
            return
        last, sign = None, ">="
        while last := self._compare_range(last, sign):
            sign = ">"

    def _key_at(self, place: int, rows: int, random: Random) -> list[str] | None:
        """The key of the row at this place; of a large table some key, as the way to a place would be long."""
        keys = ", ".join(f"source.{quoted(column.name)}::text" for column in self._key)
        # Of the source, as else PostgreSQL would sort the texts.
        chosen = f"{self._name} as source order by {', '.join(f'source.{quoted(column.name)}' for column in self._key)} offset {place}"
        if rows > LARGE:
            chosen = f"{self._name} as source tablesample system ({min(100, 1_000_000 / rows)}) repeatable ({random.randrange(2**31)})"
        found = self._ask(f"select {keys} from {chosen} limit 1")
        return list(found[0]) if found and None not in found[0] else None

    def _compare_range(self, start: list[str] | None, sign: str) -> list[str] | None:
        """Compares the range that begins at (or after) this key; gives its last key, None when there was none."""
        picked = self._picked(start, sign)
        keys = ", ".join(f"{quoted(column.name)}::text" for column in self._key)
        sums = [sql for column in self._columns for sql in _sums_at_source(column)]
        by = ", ".join(quoted(column.name) for column in self._key)
        [said] = self._ask(
            f"select json_agg(json_build_array({keys}) order by {by})::text, count(*)::text, {', '.join(sums)} from {picked} as picked"
        )
        if said[0] is None:
            return None
        found = json.loads(said[0])
        latest = self._latest(said[0])
        sums = [sql for column in self._columns for sql in _sums_in_raw(column, self._type(column))]
        held = f"select cast(count(*) as varchar), {', '.join(sums)} from {latest} where {DELETED_AT} is null"
        self._check.rows += len(found)
        if [said[1:]] != self._scratch.execute(held).fetchall():
            self._compare_rows(picked, latest, found)
        last: list[str] = found[-1]
        return last

    def _picked(self, start: list[str] | None, sign: str) -> str:
        """SQL of the source: the rows of a range that were there when it was last read."""
        names = ", ".join(quoted(column.name) for column in self._key)
        conditions = [f"{quoted(self._cursor.name)} <= {literal(self._reached)}::{self._cursor.source.declared}"]
        conditions += [f"{quoted(column.name)} is not null" for column in self._key]
        if start is not None:
            values = ", ".join(f"{literal(value)}::{column.source.declared}" for value, column in zip(start, self._key, strict=True))
            conditions.append(f"({names}) {sign} ({values})")
        return f"(select * from {self._name} where {' and '.join(conditions)} order by {names} limit {RANGE_ROWS})"

    def _type(self, column: Column) -> str:
        return self._types[column.raw_name]

    def _latest(self, keys: str) -> str:
        """A relation of `work`: what raw holds as the latest of these keys, which are given as JSON."""
        types = {column.raw_name: self._type(column) for column in self._columns}
        named = ", ".join(f"cast(key[{place}] as {types[c.raw_name]}) as {quoted(c.raw_name)}" for place, c in enumerate(self._key, 1))
        self._scratch.execute(
            f"create or replace temp table checked_keys as select {named} from "
            f"(select unnest(from_json({literal(keys)}, '[[\"varchar\"]]')) as key) as keys"
        )
        latest = self._raw.latest_rows(self._table, types, [column.raw_name for column in self._key], "temp.checked_keys")
        self._scratch.execute(f"create or replace temp table checked_rows as select * from {latest} as latest")
        return "temp.checked_rows"

    def _compare_rows(self, picked: str, latest: str, keys: list[list[str]]) -> None:
        """Says what differs in the rows of a range, but for what is known to."""
        import pyarrow

        texts = ", ".join(f"({column.source.text})::text" for column in self._columns)
        rows = self._ask(f"select {texts} from {picked} as picked")
        schema = pyarrow.schema([(column.name, pyarrow.string()) for column in self._columns])
        self._scratch.register(
            "said", pyarrow.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema=schema)
        )
        try:
            values = ", ".join(f"{column.value} as {quoted(column.raw_name)}" for column in self._columns)
            self._scratch.execute(f"create or replace temp table said_rows as select {values} from said")
        finally:
            self._scratch.unregister("said")
        pairs = " and ".join(f"source.{quoted(c.raw_name)} = raw.{quoted(c.raw_name)}" for c in self._key)
        key = ", ".join(f"cast(source.{quoted(c.raw_name)} as varchar)" for c in self._key)
        joined = f"temp.said_rows as source left join (select * from {latest} where {DELETED_AT} is null) as raw on {pairs}"
        excused = self._quarantine.open_keys(self._table)
        for column in (None, *self._columns):
            name = quoted(column.raw_name) if column else ""
            absent = f"raw.{quoted(self._key[0].raw_name)} is null"
            condition = f"not ({absent}) and source.{name} is distinct from raw.{name}" if column else absent
            shown = f"cast(source.{name} as varchar), cast(raw.{name} as varchar)" if column else "null, null"
            order = ", ".join(f"source.{quoted(c.raw_name)}" for c in self._key)
            found = self._scratch.execute(
                f"select [{key}], {shown} from {joined} where {condition} and not ({self._is_late}) order by {order}"
            ).fetchall()
            found = [row for row in found if key_text(row[0]) not in excused]
            if found:
                self._check.differences.append(self._difference(column, found, keys))

    @property
    def _is_late(self) -> str:
        """SQL: whether a row may differ because it committed after the last read: the next one takes it."""
        name = quoted(self._cursor.raw_name)
        reached = f"cast({literal(self._reached)} as {self._type(self._cursor)})"
        lookback = f"interval {self._lookback.total_seconds():.0f} seconds"
        # In the same tick of the clock, which can be as long as a day, a row can change again with the same cursor.
        return f"(source.{name} >= {reached} or (source.{name} is distinct from raw.{name} and source.{name} > {reached} - {lookback}))"

    def _difference(self, column: Column | None, found: list[tuple[Any, ...]], keys: list[list[str]]) -> str:
        names = ", ".join(column.raw_name for column in self._key)
        first, at_source, in_raw = found[0]
        where = f"{names} {', '.join(keys[0])} to {', '.join(keys[-1])}"
        count = f"{len(found)} of {len(keys)} rows"
        if column is None:
            return f"{where}: {count} not in raw, the first {', '.join(first)}"
        kind = self._type(column)
        at_source, in_raw = (value if is_number(kind) or is_time(kind) else hidden(value) for value in (at_source, in_raw))
        told = f"{where}: {column.raw_name} differs in {count}; {names} {', '.join(first)}: source {at_source}, raw {in_raw}"
        if not is_number(kind) or kind == "DOUBLE":
            return told
        name = quoted(column.raw_name)
        sums = [
            self._scratch.execute(f"select cast(sum({name}) as varchar) from {relation}").fetchall()[0][0]
            for relation in ("temp.said_rows", f"(select * from temp.checked_rows where {DELETED_AT} is null)")
        ]
        return f"{told}; the range's sums: source {sums[0]}, raw {sums[1]}"


def _sums_at_source(column: Column) -> list[str]:
    """SQL of the source's server: what is compared of a column, as texts."""
    name = quoted(column.name)
    if _is_summed(column):
        return [f"count({name})::text", *(f"{function}({name})::text" for function in ("sum", "min", "max"))]
    ends = [f"{function}({name})::text" for function in ("min", "max")] if is_time(column.own_type) else []
    return [f"count({name})::text", *ends, f"sum(('x' || left(md5(({column.source.text})::text), 15))::bit(60)::bigint)::text"]


def _sums_in_raw(column: Column, kind: str) -> list[str]:
    """SQL of DuckDB: the same of the column in raw. Where times or doubles are written in another way than by the source,
    they differ here, and it is for the rows to tell."""
    name = quoted(column.raw_name)
    if _is_summed(column):
        # A number that became a text in raw is compared by its rows.
        summed = "sum" if is_number(kind) else "min"
        return [f"cast({function}({name}) as varchar)" for function in ("count", summed, "min", "max")]
    ends = [f"cast({function}({name}) as varchar)" for function in ("min", "max")] if is_time(column.own_type) else []
    text = f"cast({name} as varchar)"
    return [f"cast(count({name}) as varchar)", *ends, f"cast(sum(cast('0x' || left(md5({text}), 15) as bigint)) as varchar)"]


def _is_summed(column: Column) -> bool:
    return is_number(column.own_type) and column.own_type != "DOUBLE"
