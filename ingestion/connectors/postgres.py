"""Tables of a PostgreSQL database.

DuckDB's postgres extension reads the rows, so none of them becomes a Python object. The SELECT runs on the server
(`postgres_query`), where the cursor's index helps, and types that DuckDB would get wrong travel as text: it turns a numeric
NaN into 0.0 and an unbounded numeric into DOUBLE.

DuckDB's scan of the attached table would be faster, but can't be guarded against NaN: beside a `postgres_query` in the same
statement its first connection reads outside of the transaction, so not the snapshot that was checked.

Settings: sources.NAME.credentials, and if need be clock_sql, lookback_hours, schema, encoding, timezone.
"""

from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg

from ingestion.addresses import password_of
from ingestion.connectors.base import Description, Reached, Run, SourceColumn, Window
from ingestion.connectors.postgres_encoding import Encoding
from ingestion.connectors.postgres_server import Server
from ingestion.connectors.postgres_types import as_decimal, source_column
from ingestion.connectors.tables import TypedTable
from ingestion.duckdb_postgres import answer, attach_postgres, broke_off
from ingestion.errors import IngestError, first_line
from ingestion.sql import literal, quoted

if TYPE_CHECKING:
    import duckdb

Table = TypedTable
ZONELESS = "timestamp without time zone"
# All columns, in the source's order; a table without columns has one row. Of a domain: the type under it. information_schema has
# no materialised views, and what may be written but not read.
COLUMNS = """
    select
        relation.relname, attribute.attname, has_column_privilege(relation.oid, attribute.attnum, 'select'),
        format_type(coalesce(nullif(type.typbasetype, 0), type.oid), null),
        format_type(attribute.atttypid, attribute.atttypmod),
        format_type(
            coalesce(nullif(type.typbasetype, 0), type.oid),
            case when type.typbasetype = 0 then attribute.atttypmod else type.typtypmod end
        ),
        not (attribute.attnotnull or type.typnotnull)
    from pg_class as relation
    inner join pg_namespace as namespace on relation.relnamespace = namespace.oid
    left join pg_attribute as attribute on relation.oid = attribute.attrelid and attribute.attnum > 0 and not attribute.attisdropped
    left join pg_type as type on attribute.atttypid = type.oid
    where namespace.nspname = %s and relation.relname = any(%s) and relation.relkind in ('r', 'p', 'v', 'm', 'f')
    order by relation.relname, attribute.attnum
"""


@dataclass(frozen=True)
class PostgresSource:
    """A database, and the tables of it that are read."""

    tables: Sequence[Table]

    @contextmanager
    def open(self, run: Run) -> Iterator["PostgresConnection"]:
        """Connects; raises IngestError with the remedy when it can't."""
        server = Server.of(run.source)
        run.secrets.update({server.parameters.get("password", ""), *password_of(server.dsn)})
        session, encoding, money = server.connect()
        with session:
            connection = PostgresConnection(server, session, encoding, money)
            try:
                yield connection
            finally:
                connection.detach()


class PostgresConnection:
    """A connection for questions; rows are read by the DuckDB that it is attached to."""

    def __init__(self, server: Server, session: psycopg.Connection, encoding: Encoding, money: str) -> None:
        self._server, self._session, self._encoding, self._money = server, session, encoding, money
        self._alias = f"source_{server.source}"
        self._attached_to: duckdb.DuckDBPyConnection | None = None

    @property
    def lookback(self) -> timedelta:
        return self._server.lookback

    @property
    def schema(self) -> str:
        return self._server.schema

    def clock(self) -> datetime:
        """The source's own time, from its clock_sql."""
        sql = self._server.clock_sql
        try:
            [(clock, *_), *_] = self._session.execute(sql).fetchall()
        except (psycopg.Error, ValueError) as error:
            raise IngestError(
                f"The source's clock can't be read with \"{sql}\": {first_line(error)}",
                f"Correct SOURCES__{self._server.source.upper()}__CLOCK_SQL.",
            ) from error
        if not isinstance(clock, datetime) or clock.tzinfo is None:
            raise IngestError(f'"{sql}" gives {clock!r}, not a timestamp with time zone.')
        return clock

    def describe(self, tables: Sequence[Table]) -> dict[str, Description]:
        """Tables and views, as the server's own catalogue has them."""
        declared = {table.name: table for table in tables}
        columns: dict[str, list[SourceColumn]] = defaultdict(list)
        names: dict[str, list[str]] = {}
        for table, name, is_readable, *kind in self._session.execute(COLUMNS, [self.schema, list(declared)]):
            names.setdefault(table, []).extend([name] if name else [])
            if is_readable and name not in declared[table].excluded:
                columns[table].append(self._column(declared[table], name, *kind))
        return {name: Description(name in names, columns[name], names.get(name, ())) for name in declared}

    def _column(self, table: Table, name: str, *kind: Any) -> SourceColumn:
        column = replace(source_column(name, *kind), timezone=table.timezone or self._server.timezone or None)
        return as_decimal(column, table.types[name]) if name in table.types else column

    def highest(self, table: Table, cursor: SourceColumn, not_after: datetime | None) -> Reached:
        highest = f"max({quoted(cursor.name)})"
        if not not_after:
            return Reached(self._one(f"select {highest}::text from {self.name(table)}"))
        until, ahead = _at(not_after, cursor), "null"
        if cursor.source_type == ZONELESS:
            ahead = f"case when isfinite({highest}) then extract(epoch from {highest} - {until}) end"
        [(reached, seconds)] = self._rows(f"select least({highest}, {until})::text, {ahead} from {self.name(table)}")
        return Reached(reached, None if seconds is None else timedelta(seconds=float(seconds)))

    def is_before(self, at: datetime, cursor: SourceColumn, bookmark: str) -> bool:
        return bool(self._one(f"select {_typed(bookmark, cursor)} > {_at(at, cursor)}"))

    def begins_at(self, cursor: SourceColumn, bookmark: str) -> datetime:
        low = f"({self._low(cursor, bookmark)})"
        if cursor.timezone and cursor.source_type == ZONELESS:
            low += f" at time zone {literal(cursor.timezone)}"
        seconds = self._one(f"select greatest(extract(epoch from {low}), 0)")
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(seconds * 1_000_000))

    def attach(self, con: "duckdb.DuckDBPyConnection") -> None:
        attach_postgres(con, self._alias, self._server.pinned(lc_monetary=self._money))
        self._encoding.teach(con)
        self._attached_to = con

    def detach(self) -> None:
        """Lets go of the server; does nothing when it was never attached."""
        if self._attached_to:
            self._attached_to.execute(f"detach database if exists {self._alias}")
            self._attached_to = None

    def read(self, table: Table, window: Window, bookmark: str | None) -> "PostgresQuery":
        """Rows without a cursor come with every read from a bookmark."""
        condition, cursor = "", window.cursor
        if cursor and window.is_bounded:
            bounds = ((">=", window.since), ("<", window.until))
            condition = " and ".join(f"{quoted(cursor.name)} {sign} {_at(at, cursor)}" for sign, at in bounds if at)
        elif cursor and bookmark:
            condition = f"{quoted(cursor.name)} > {self._low(cursor, bookmark)}"
            condition += f" or {quoted(cursor.name)} is null" if cursor.nullable else ""
        if condition and window.keys:
            values = ", ".join(f"({', '.join(self._encoding.literal(str(value)) for value in key)})" for key in window.keys)
            condition += f" or ({', '.join(map(quoted, window.key))}) in ({values})"
        return PostgresQuery(self._alias, self._encoding, self.name(table), condition)

    def explained(self, error: Exception) -> IngestError | None:
        return broke_off(error)

    def name(self, table: Table) -> str:
        """The table's name in SQL."""
        return f"{quoted(self.schema)}.{quoted(table.name)}"

    def _one(self, sql: str) -> Any:
        """The only value of a query's only row."""
        [(value,)] = self._rows(sql)
        return value

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a query; raises IngestError when the server refuses."""
        try:
            return self._session.execute(self._encoding.statement(sql)).fetchall()
        except psycopg.Error as error:
            raise self.explained(error) or IngestError(first_line(error)) from error

    def _low(self, cursor: SourceColumn, bookmark: str) -> str:
        """SQL: the cursor after which rows may be new: they may have committed late."""
        return f"{_typed(bookmark, cursor)} - interval '{self.lookback.total_seconds():.0f} seconds'"


@dataclass(frozen=True)
class PostgresQuery:
    """Rows of a table that fulfil a condition; all without one."""

    alias: str
    encoding: Encoding
    table: str
    condition: str

    def relation(self, columns: Sequence[SourceColumn], texts: Container[str] = ()) -> str:
        sent, received = [], []
        for column in columns:
            name, value = quoted(column.name), column.text if column.name in texts else column.value
            if self.encoding.travels_as_bytes and column.own_type in ("VARCHAR", "JSON"):
                sent.append(f"{self.encoding.sent(column.text)} as {name}")
                received.append(f"{self.encoding.received(name, is_strict=column.name not in texts)} as {name}")
            else:
                sent.append(f"{value} as {name}")
                received.append(name)
        where = f" where {self.condition}" if self.condition else ""
        rows = answer(self.alias, f"select {', '.join(sent)} from {self.table}{where}")
        return f"(select {', '.join(received)} from {rows})" if self.encoding.travels_as_bytes else rows


def _at(at: datetime, column: SourceColumn) -> str:
    """SQL: a time as a value of a column's type; in a column without a zone what the clock on the wall shows."""
    if column.source_type != ZONELESS:
        return _typed(at.isoformat(), column)
    return f"({literal(at.isoformat())}::timestamptz at time zone {literal(column.timezone or 'UTC')})"


def _typed(text: str, column: SourceColumn) -> str:
    """SQL: the text as a value of a column's type."""
    return f"{literal(text)}::{column.source_type}"
