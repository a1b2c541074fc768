"""DuckDB's words."""

from ingestion.warehouses.base import Dialect


class DuckDBDialect(Dialect):
    """DuckDB's names of types are those of this package."""

    def declared(self, data_type: str) -> str:
        return data_type

    def md5(self, column: str) -> str:
        return f"md5({column})"

    def widen(self, schema: str, table: str, column: str, data_type: str) -> str:
        return f"alter table {self.table(schema, table)} alter {self.quoted(column)} type {data_type}"
