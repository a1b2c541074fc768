"""PostgreSQL's words."""

import re

from ingestion.warehouses.base import Columns, Dialect

# PostgreSQL's name of a type: DuckDB's, where it is not just the same in capitals.
TYPES = {
    "character varying": "VARCHAR",
    "text": "VARCHAR",
    "double precision": "DOUBLE",
    "real": "FLOAT",
    "timestamp without time zone": "TIMESTAMP",
    "time without time zone": "TIME",
    "jsonb": "JSON",
    "bytea": "BLOB",
}
# DuckDB's name of a type: PostgreSQL's, where it does not know DuckDB's.
SERVER_TYPES = {"DOUBLE": "double precision", "BLOB": "bytea"}


class PostgresDialect(Dialect):
    """Quotes as DuckDB does; some types have other names."""

    def wanted(self, keys: Columns) -> str:
        columns = ", ".join(
            f"(key ->> {place})::{self.declared(data_type)} as {self.quoted(name)}" for place, (name, data_type) in enumerate(keys.items())
        )
        return f"(select {columns} from wanted_keys, json_array_elements(wanted_keys.keys) as elements (key))"

    def declared(self, data_type: str) -> str:
        return SERVER_TYPES.get(data_type, data_type)

    def md5(self, column: str) -> str:
        return f"md5({column}::text)"

    def widen(self, schema: str, table: str, column: str, data_type: str) -> str:
        return f"alter table {self.table(schema, table)} alter {self.quoted(column)} type {self.declared(data_type)}"


def duckdb_type(data_type: str) -> str:
    """DuckDB's name of a type, given PostgreSQL's."""
    if data_type.startswith("numeric("):
        return "DECIMAL" + data_type.removeprefix("numeric")
    return TYPES.get(re.sub(r"\(\d+\)", "", data_type), data_type.upper())
