"""Tables of a PostgreSQL database.

DuckDB's postgres extension reads the rows, so none of them becomes a Python object. The SELECT runs on the server
(`postgres_query`), where the cursor's index helps, and types that DuckDB would get wrong travel as text: it turns a numeric
NaN into 0.0 and an unbounded numeric into DOUBLE.

DuckDB's scan of the attached table would be faster, but can't be guarded against NaN: beside a `postgres_query` in the same
statement its first connection reads outside of the transaction, so not the snapshot that was checked.

Settings: sources.NAME.credentials, and if need be clock_sql, lookback_hours, schema.
"""

from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from ingestion.connectors.base import Description, Run, SourceColumn, Window
from ingestion.connectors.postgres_types import source_column
from ingestion.connectors.tables import TypedTable
from ingestion.duckdb_postgres import answer, attach_postgres, broke_off
from ingestion.errors import IngestError, first_line, redact
from ingestion.settings import lookback, setting
from ingestion.sql import literal, quoted

if TYPE_CHECKING:
    import duckdb

Table = TypedTable
# What may be read, in the source's order.
COLUMNS = """
    select
        columns.table_name, columns.column_name, columns.data_type, format_type(attribute.atttypid, attribute.atttypmod),
        columns.is_nullable = 'YES', columns.numeric_precision, columns.numeric_scale
    from information_schema.columns as columns
    inner join pg_namespace as namespace on columns.table_schema = namespace.nspname
    inner join pg_class as relation on namespace.oid = relation.relnamespace and columns.table_name = relation.relname
    inner join pg_attribute as attribute on relation.oid = attribute.attrelid and columns.column_name = attribute.attname
    where columns.table_schema = %s and columns.table_name = any(%s)
    order by columns.table_name, columns.ordinal_position
"""
# All tables and columns; a table without columns has one row.
NAMES = """
    select relation.relname, attribute.attname
    from pg_class as relation
    inner join pg_namespace as namespace on relation.relnamespace = namespace.oid
    left join pg_attribute as attribute on relation.oid = attribute.attrelid and attribute.attnum > 0 and not attribute.attisdropped
    where namespace.nspname = %s and relation.relname = any(%s)
    order by relation.relname, attribute.attnum
"""


@dataclass(frozen=True)
class PostgresSource:
    """A database, and the tables of it that are read."""

    tables: Sequence[Table]

    @contextmanager
    def open(self, run: Run) -> Iterator["PostgresConnection"]:
        """Connects; raises IngestError with the remedy when there is no connection to be had."""
        server = Server.of(run.source)
        run.secrets.add(server.parameters.get("password", ""))
        with server.connect() as session:
            connection = PostgresConnection(server, session)
            try:
                yield connection
            finally:
                connection.detach()


@dataclass(frozen=True)
class Server:
    """Where a database is, and what its settings say of it."""

    source: str
    dsn: str
    clock_sql: str
    lookback: timedelta
    schema: str

    @classmethod
    def of(cls, source: str) -> "Server":
        """The server of a source, from its settings."""
        scheme, separator, rest = str(setting(f"sources.{source}.credentials")).partition("://")
        return cls(
            source,
            # SQLAlchemy's form names a driver too: postgresql+psycopg2://
            f"{scheme.split('+')[0]}{separator}{rest}",
            setting(f"sources.{source}.clock_sql", "select now()"),
            lookback(source),
            setting(f"sources.{source}.schema", "public"),
        )

    @cached_property
    def parameters(self) -> dict[str, str]:
        try:
            return {name: str(value) for name, value in conninfo_to_dict(self.dsn).items() if value is not None}
        except psycopg.Error as error:
            raise IngestError(
                f"sources.{self.source}.credentials is no connection string of PostgreSQL.",
                "It looks like postgresql://user:password@host:5432/database.",
            ) from error

    @property
    def address(self) -> str:
        """Where it is, for people."""
        return f"{self.parameters.get('host', 'localhost')}:{self.parameters.get('port', '5432')}"

    def connect(self) -> psycopg.Connection:
        """A connection, each of whose statements is a transaction."""
        timeout = int(self.parameters.get("connect_timeout", 10))
        try:
            return psycopg.connect(self.dsn, connect_timeout=timeout, autocommit=True)
        except psycopg.OperationalError as error:
            text = redact(first_line(error), [self.parameters.get("password", "")])
            if "authentication failed" in text or "no password" in text or "role" in text:
                raise IngestError(
                    f"The server {self.address} refuses user {self.parameters.get('user', '?')}: wrong user or password.",
                    f"Correct SOURCES__{self.source.upper()}__CREDENTIALS (or .dlt/secrets.toml).",
                ) from error
            raise IngestError(
                f"The server {self.address} can't be reached: {text}",
                "Is it up, and is the address right? The next run catches up.",
            ) from error


class PostgresConnection:
    """A connection for questions; rows are read by the DuckDB that it is attached to."""

    def __init__(self, server: Server, session: psycopg.Connection) -> None:
        self._server, self._session = server, session
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
        """The tables as information_schema has them, which names what may be read, and as pg_attribute has them."""
        parameters = [self.schema, [table.name for table in tables]]
        columns: dict[str, list[SourceColumn]] = defaultdict(list)
        names: dict[str, list[str]] = defaultdict(list)
        for name, *column in self._session.execute(COLUMNS, parameters):
            columns[name].append(source_column(*column))
        for name, column in self._session.execute(NAMES, parameters):
            names[name] += [column] if column else []
        return {
            table.name: Description(
                table.name in names, [column for column in columns[table.name] if column.name not in table.excluded], names[table.name]
            )
            for table in tables
        }

    def highest(self, table: Table, cursor: SourceColumn, not_after: datetime | None) -> str | None:
        highest = f"max({quoted(cursor.name)})"
        if not_after:
            highest = f"least({highest}, {_typed(not_after.isoformat(), cursor)})"
        found: str | None = self._one(f"select {highest}::text from {self.name(table)}")
        return found

    def is_before(self, at: datetime, cursor: SourceColumn, bookmark: str) -> bool:
        return bool(self._one(f"select {_typed(bookmark, cursor)} > {_typed(at.isoformat(), cursor)}"))

    def begins_at(self, cursor: SourceColumn, bookmark: str) -> datetime:
        seconds = self._one(f"select greatest(extract(epoch from {self._low(cursor, bookmark)}), 0)")
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(seconds * 1_000_000))

    def attach(self, con: "duckdb.DuckDBPyConnection") -> None:
        """Values that PostgreSQL writes as text, ranges of timestamps for one, are not to change with a role's time zone."""
        given = self._server.parameters
        attach_postgres(con, self._alias, {**given, "options": f"{given.get('options', '')} -c timezone=UTC".strip()})
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
            condition = " and ".join(f"{quoted(cursor.name)} {sign} {_typed(at.isoformat(), cursor)}" for sign, at in bounds if at)
        elif cursor and bookmark:
            condition = f"{quoted(cursor.name)} > {self._low(cursor, bookmark)}"
            condition += f" or {quoted(cursor.name)} is null" if cursor.nullable else ""
        if condition and window.keys:
            values = ", ".join(f"({', '.join(literal(str(value)) for value in key)})" for key in window.keys)
            condition += f" or ({', '.join(map(quoted, window.key))}) in ({values})"
        return PostgresQuery(self._alias, self.name(table), condition)

    def explained(self, error: Exception) -> IngestError | None:
        return broke_off(error)

    def name(self, table: Table) -> str:
        """The table's name in SQL."""
        return f"{quoted(self.schema)}.{quoted(table.name)}"

    def _one(self, sql: str) -> Any:
        """The only value of a query's only row; raises IngestError when the server refuses."""
        try:
            [(value,)] = self._session.execute(sql).fetchall()
        except psycopg.Error as error:
            raise self.explained(error) or IngestError(first_line(error)) from error
        return value

    def _low(self, cursor: SourceColumn, bookmark: str) -> str:
        """SQL: the cursor after which rows may be new: they may have committed late."""
        return f"{_typed(bookmark, cursor)} - interval '{self.lookback.total_seconds():.0f} seconds'"


@dataclass(frozen=True)
class PostgresQuery:
    """Rows of a table that fulfil a condition; all without one."""

    alias: str
    table: str
    condition: str

    def relation(self, columns: Sequence[SourceColumn], texts: Container[str] = ()) -> str:
        sent = ", ".join(f"{column.text if column.name in texts else column.value} as {quoted(column.name)}" for column in columns)
        where = f" where {self.condition}" if self.condition else ""
        return answer(self.alias, f"select {sent} from {self.table}{where}")


def _typed(text: str, column: SourceColumn) -> str:
    """SQL: the text as a value of a column's type."""
    return f"{literal(text)}::{column.source_type}"
