"""What is in a PostgreSQL database."""

from typing import Any

import psycopg

from ingestion.warehouses.base import Catalogue, Columns
from ingestion.warehouses.postgres.dialect import PostgresDialect, duckdb_type

DIALECT = PostgresDialect()


class PostgresCatalogue(Catalogue):
    """Asks pg_catalog, which is quicker than information_schema."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql).fetchall()

    def schemas(self) -> list[str]:
        return [name for (name,) in self._rows("select nspname from pg_namespace where nspname !~ '^pg_' order by nspname collate \"C\"")]

    def tables(self, schema: str) -> list[str]:
        found = self._connection.execute(
            "select relname from pg_class where relnamespace = to_regnamespace(%s) and relkind in ('r', 'p', 'v', 'm', 'f') "
            'order by relname collate "C"',
            [DIALECT.quoted(schema)],
        )
        return [name for (name,) in found]

    def columns(self, schema: str, table: str) -> Columns:
        found = self._connection.execute(
            "select attname, format_type(atttypid, atttypmod) from pg_attribute "
            "where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped order by attnum",
            [DIALECT.table(schema, table)],
        )
        return {name: duckdb_type(data_type) for name, data_type in found}

    def required(self, schema: str, table: str) -> set[str]:
        found = self._connection.execute(
            "select attname from pg_attribute where attrelid = to_regclass(%s) and attnum > 0 and attnotnull",
            [DIALECT.table(schema, table)],
        )
        return {name for (name,) in found}

    def size(self, schema: str, table: str) -> int:
        """As of the last ANALYZE, which follows every load; to count would be to read the whole table."""
        return int(
            self._rows(f"select reltuples from pg_class where oid = {DIALECT.literal(DIALECT.table(schema, table))}::regclass")[0][0]
        )
