"""What is in a DuckDB file."""

import duckdb

from ingestion.sql import literal
from ingestion.warehouses.base import Catalogue, Columns
from ingestion.warehouses.duckdb.dialect import DuckDBDialect

DIALECT = DuckDBDialect()


class DuckDBCatalogue(Catalogue):
    """No parameters in its SQL: DuckDB imports pandas to bind one, and that takes longer than all of `ingest status`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def schemas(self) -> list[str]:
        found = self._connection.execute(
            "select schema_name from information_schema.schemata where catalog_name = current_database() order by 1"
        )
        return [name for (name,) in found.fetchall()]

    def tables(self, schema: str) -> list[str]:
        found = self._connection.execute(
            f"select table_name from information_schema.tables where table_schema = {literal(schema)} "
            "and table_catalog = current_database() order by 1"
        )
        return [name for (name,) in found.fetchall()]

    def columns(self, schema: str, table: str) -> Columns:
        try:
            described = self._connection.execute(f"describe {DIALECT.table(schema, table)}").fetchall()
        except duckdb.CatalogException:
            return {}
        return {name: data_type for name, data_type, *_ in described}

    def required(self, schema: str, table: str) -> set[str]:
        described = self._connection.execute(f"describe {DIALECT.table(schema, table)}").fetchall()
        return {name for name, _, nullable, *_ in described if nullable == "NO"}

    def size(self, schema: str, table: str) -> int:
        [(rows,)] = self._connection.execute(f"select count(*) from {DIALECT.table(schema, table)}").fetchall()
        return int(rows)
