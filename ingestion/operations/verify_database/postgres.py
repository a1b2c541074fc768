"""PostgreSQL, asked by `verify`: pg_catalog for what is there, and SQL that counts, sums and hashes on the server."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any

import psycopg

from ingestion.operations.verify_database.source import Column, Counts, Family, Key, Range, Row, Selection
from ingestion.sql import literal, quoted

LARGE = 100_000  # rows: of a larger table a key is found by a sample of its pages, as to count through them takes a while
FETCHED_ROWS = 50_000
# Whatever a role or a database sets: what a text of a value hangs on.
SETTINGS = {
    "timezone": "UTC", "datestyle": "ISO, YMD", "intervalstyle": "postgres", "extra_float_digits": "3", "bytea_output": "hex",
    "standard_conforming_strings": "on", "quote_all_identifiers": "off",
}  # fmt: skip
# Money is written by the locale; raw has it as C writes it, but where money has no hundredths.
MONEY = "select set_config('lc_monetary', 'C', true) where 0::money::text ~ '0[^0-9]00([^0-9]|$)'"
FAMILIES = {
    **dict.fromkeys(("int2", "int4", "int8", "oid", "numeric"), Family.NUMBER),
    **dict.fromkeys(("float4", "float8"), Family.FLOAT),
    **dict.fromkeys(("date", "timestamp", "timestamptz"), Family.TIME),
    **dict.fromkeys(("json", "jsonb"), Family.JSON),
    "bytea": Family.BYTES,
}
SHOWABLE = ("int2", "int4", "int8", "oid", "numeric", "uuid")
CATALOGUE = """
    with recursive types as (
        select oid, typname from pg_catalog.pg_type where typtype <> 'd'
        union all
        select domain.oid, types.typname from pg_catalog.pg_type as domain inner join types on domain.typbasetype = types.oid
    )
    select
        relation.relname, attribute.attname, pg_catalog.format_type(attribute.atttypid, attribute.atttypmod), types.typname,
        pg_catalog.has_column_privilege(relation.oid, attribute.attnum, 'select')
    from pg_catalog.pg_class as relation
    inner join pg_catalog.pg_namespace as namespace on relation.relnamespace = namespace.oid
    left join pg_catalog.pg_attribute as attribute
        on relation.oid = attribute.attrelid and attribute.attnum > 0 and not attribute.attisdropped
    left join types on attribute.atttypid = types.oid
    where namespace.nspname = %s and relation.relname = any(%s) and relation.relkind in ('r', 'p', 'v', 'm', 'f')
    order by relation.relname, attribute.attnum
"""


class PostgresDatabase:
    """A connection to the server that has the tables in this schema."""

    def __init__(self, connection: psycopg.Connection, schema: str) -> None:
        self._connection, self._schema = connection, schema

    def describe(self, tables: Sequence[str]) -> dict[str, list[Column]]:
        found: dict[str, list[Column]] = {}
        for table, name, declared, base, may_read in self._connection.execute(CATALOGUE, [self._schema, list(tables)]):
            columns = found.setdefault(table, [])
            if name is not None:
                columns.append(Column(name, declared, FAMILIES.get(base, Family.TEXT), may_read, base in SHOWABLE))
        return found

    @contextmanager
    def snapshot(self) -> Iterator["PostgresSnapshot"]:
        self._connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with self._connection.transaction():
            for name, value in SETTINGS.items():
                self._connection.execute(f"set local {name} = {literal(value)}")
            self._connection.execute(f"set local search_path = {quoted(self._schema)}")
            self._connection.execute("set transaction read only")
            self._connection.execute(MONEY)
            yield PostgresSnapshot(self._connection, self._schema)


class PostgresSnapshot:
    """A transaction, all of whose statements see the same."""

    def __init__(self, connection: psycopg.Connection, schema: str) -> None:
        self._connection, self._schema = connection, schema
        self._ask("select 1")  # the snapshot is taken by the first question

    def size(self, table: str) -> int:
        [(rows,)] = self._ask(f"select reltuples::bigint from pg_catalog.pg_class where oid = {literal(self._name(table))}::regclass")
        if rows <= LARGE:  # the server's estimate; -1 when it has none
            [(rows,)] = self._ask(f"select count(*) from {self._name(table)}")
        return int(rows)

    def plain(self, own: str, column: Column) -> str:
        [(text,)] = self._ask(f"select {_plain(_typed(own, column), column)}")
        return str(text)

    def counts(self, selection: Selection) -> Counts:
        key = [quoted(column.name) for column in selection.key]
        has_key = " and ".join(f"{name} is not null" for name in key) or "false"
        joined = f"concat_ws('|', {', '.join(map(_plain, key, selection.key)) or 'null'})"
        counted = [
            "count(*)",
            f"count(*) filter (where not ({has_key}))",
            f"count(distinct ({', '.join(key) or '1'})) filter (where {has_key})",
            f"(sum({_hash(joined)}) filter (where {has_key}))::text",
        ]
        if selection.cursor:
            cursor = quoted(selection.cursor.name)
            newer = f"{cursor} > {_typed(selection.until, selection.cursor)}" if selection.until is not None else "false"
            counted += [f"count(*) filter (where {newer})", f"count(*) filter (where {cursor} is null)"]
        [found] = self._ask(f"select {', '.join(counted)} from {self._name(selection.table)}")
        return Counts(*found)

    def key_at(self, selection: Selection, place: int, rows: int, random: Random) -> Sequence[str] | None:
        keys = ", ".join(f"source.{quoted(column.name)}::text" for column in selection.key)
        chosen = f"{self._name(selection.table)} as source order by {_order(selection)} offset {place}"
        if rows > LARGE:
            share = min(100, 1_000_000 / rows)
            chosen = f"{self._name(selection.table)} as source tablesample system ({share}) repeatable ({random.randrange(2**31)})"
        found = self._ask(f"select {keys} from {chosen} limit 1")
        return list(found[0]) if found and None not in found[0] else None

    def range(self, selection: Selection, start: Sequence[str] | None, inclusive: bool, limit: int) -> Range | None:
        aliases = _aliases(selection)
        plain = ", ".join(_plain(aliases[column.name], column) for column in selection.key)
        own = ", ".join(f"{aliases[column.name]}::text" for column in selection.key)
        figures = [sql for column in selection.columns for sql in _figures(aliases[column.name], column, column.name in selection.summed)]
        [(keys, *found)] = self._ask(
            f"select json_agg(json_build_array(json_build_array({plain}), json_build_array({own})) order by place)::text, "
            f"{', '.join(['count(*)::text', *figures])} from {self._picked(selection, start, inclusive, limit)} as picked"
        )
        if keys is None:
            return None
        pairs = json.loads(keys)
        return Range([Key(key) for key, _ in pairs], [own for _, own in pairs], found)

    def rows(self, selection: Selection, start: Sequence[str] | None, inclusive: bool, limit: int) -> list[Row]:
        aliases = _aliases(selection)
        texts = ", ".join(_plain(aliases[column.name], column) for column in selection.columns)
        return self._ask(f"select {texts} from {self._picked(selection, start, inclusive, limit)} as picked")

    def rows_with(self, selection: Selection, own_keys: Sequence[Sequence[str]]) -> list[Row]:
        names = ", ".join(quoted(column.name) for column in selection.key)
        wanted = ", ".join(f"({_typed_key(key, selection)})" for key in own_keys)
        return self._ask(f"{self._select(selection)} where ({names}) in ({wanted})") if own_keys else []

    def all_rows(self, selection: Selection) -> Iterator[list[Row]]:
        with self._connection.cursor("verify") as cursor:
            cursor.execute(self._select(selection))
            while rows := cursor.fetchmany(FETCHED_ROWS):
                yield rows

    def _select(self, selection: Selection) -> str:
        texts = ", ".join(_plain(quoted(column.name), column) for column in selection.columns)
        return f"select {texts} from {self._name(selection.table)}"

    def _picked(self, selection: Selection, start: Sequence[str] | None, inclusive: bool, limit: int) -> str:
        """SQL: the rows of a range, under names of our own, numbered."""
        conditions = [f"source.{quoted(column.name)} is not null" for column in selection.key]
        if selection.cursor and selection.until is not None:
            cursor = f"source.{quoted(selection.cursor.name)}"
            conditions.append(f"({cursor} <= {_typed(selection.until, selection.cursor)} or {cursor} is null)")
        if start is not None:
            conditions.append(f"({_order(selection)}) {'>=' if inclusive else '>'} ({_typed_key(start, selection)})")
        columns = ", ".join(f"source.{quoted(name)} as {alias}" for name, alias in _aliases(selection).items())
        return (
            f"(select {columns}, row_number() over (order by {_order(selection)}) as place from {self._name(selection.table)} as source "
            f"where {' and '.join(conditions)} order by {_order(selection)} limit {limit})"
        )

    def _name(self, table: str) -> str:
        return f"{quoted(self._schema)}.{quoted(table)}"

    def _ask(self, sql: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql).fetchall()


def _aliases(selection: Selection) -> dict[str, str]:
    return {column.name: f"c{place}" for place, column in enumerate(selection.columns)}


def _order(selection: Selection) -> str:
    # Of the source, as else PostgreSQL would sort by what is selected under the same name.
    return ", ".join(f"source.{quoted(column.name)}" for column in selection.key)


def _typed(own: str, column: Column) -> str:
    return f"{literal(own)}::{column.declared}"


def _typed_key(key: Sequence[str], selection: Selection) -> str:
    return ", ".join(_typed(own, column) for own, column in zip(key, selection.key, strict=True))


def _plain(value: str, column: Column) -> str:
    """SQL: the plain text of a value."""
    match column.family:
        case Family.NUMBER:
            return f"case when strpos({value}::text, '.') > 0 then rtrim(rtrim({value}::text, '0'), '.') else {value}::text end"
        case Family.TIME:
            # In whole numbers, as older servers extract an epoch as a double.
            if column.declared == "date":
                micros = f"(({value} - date '1970-01-01')::numeric * 86400000000)"
            else:
                seconds = f"extract(epoch from date_trunc('second', {value}))::numeric(20, 0)"
                micros = f"({seconds} * 1000000 + to_char({value}, 'US')::integer)"
            return f"case when isfinite({value}) then {micros}::text else {value}::text end"
        case Family.BYTES:
            return f"encode({value}, 'hex')"
        case _:
            return f"{value}::text"


def _figures(value: str, column: Column, is_summed: bool) -> list[str]:
    """SQL: what is compared of a column of a range, as texts. The order of the rows is in the hash, so that values that were
    exchanged show."""
    ends = [_plain(f"{end}({value})", column) for end in ("min", "max")] if is_summed or column.family is Family.TIME else []
    number = f"{value}::bigint" if column.declared == "oid" else value  # which PostgreSQL does not sum
    sums = [_plain(f"sum({number})", column)] if is_summed else []
    placed = f"place || ':' || {_plain(value, column)}"
    return [f"count({value})::text", *sums, *ends, f"sum({_hash(placed)})::text"]


def _hash(text: str) -> str:
    return f"('x' || left(md5(convert_to({text}, 'UTF8')), 15))::bit(60)::bigint"
