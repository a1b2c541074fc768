"""BigQuery's words."""

import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from ingestion.warehouses.base import Columns, Dialect

if TYPE_CHECKING:
    from google.cloud import bigquery

# BigQuery's name of a type in its REST API: DuckDB's.
TYPES = {
    "STRING": "VARCHAR",
    "INTEGER": "BIGINT",
    "FLOAT": "DOUBLE",
    "BOOLEAN": "BOOLEAN",
    "DATE": "DATE",
    "TIME": "TIME",
    "TIMESTAMP": "TIMESTAMP WITH TIME ZONE",
    "DATETIME": "TIMESTAMP",
    "BYTES": "BLOB",
    "JSON": "JSON",
}
# DuckDB's name of a type: the one of BigQuery's SQL.
SQL_TYPES = {
    "VARCHAR": "string",
    "JSON": "string",
    "BIGINT": "int64",
    "INTEGER": "int64",
    "SMALLINT": "int64",
    "DOUBLE": "float64",
    "BOOLEAN": "bool",
    "TIMESTAMP WITH TIME ZONE": "timestamp",
    "TIMESTAMP": "timestamp",
    "BLOB": "bytes",
}


class BigQueryDialect(Dialect):
    """Quotes with backticks, and escapes with backslashes."""

    def quoted(self, name: str) -> str:
        return f"`{name}`"

    def literal(self, value: str | int | date | datetime) -> str:
        if isinstance(value, datetime):
            return f"timestamp '{value.isoformat(sep=' ')}'"
        if isinstance(value, str):
            escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
            return f"'{escaped}'"
        return super().literal(value)

    def declared(self, data_type: str) -> str:
        if found := re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", data_type):
            precision, scale = map(int, found.groups())
            return f"{'numeric' if scale <= 9 and precision - scale <= 29 else 'bignumeric'}({precision}, {scale})"
        return SQL_TYPES.get(data_type, data_type)

    def stored(self, data_type: str) -> str:
        """BigQuery's own JSON would pass numbers through float64, and dlt lands no timestamps without zone."""
        return {"JSON": "VARCHAR", "TIMESTAMP": "TIMESTAMP WITH TIME ZONE"}.get(data_type, data_type)

    def dlt_hint(self, hint: dict[str, Any]) -> dict[str, Any]:
        """As `stored`, in dlt's words."""
        if hint.get("data_type") == "json":
            return {**hint, "data_type": "text"}
        return {**hint, "timezone": True} if hint.get("timezone") is False else hint

    def md5(self, column: str) -> str:
        return f"to_hex(md5({column}))"

    def widen(self, schema: str, table: str, column: str, data_type: str) -> str:
        return f"alter table {self.table(schema, table)} alter column {self.quoted(column)} set data type {self.declared(data_type)}"

    def wanted(self, keys: Columns) -> str:
        columns = ", ".join(
            # A cast takes no type with parameters.
            f"cast(json_value(key, '$[{place}]') as {self.declared(data_type).partition('(')[0]}) as {self.quoted(name)}"
            for place, (name, data_type) in enumerate(keys.items())
        )
        return f"(select {columns} from unnest(json_query_array(@keys)) as key)"


def duckdb_type(field: "bigquery.SchemaField") -> str:
    """DuckDB's name of a column's type."""
    if field.mode == "REPEATED" or field.field_type in ("RECORD", "STRUCT"):
        return field.field_type
    if field.field_type in ("NUMERIC", "BIGNUMERIC"):
        return f"DECIMAL({field.precision or 38},{field.scale if field.precision else 9})".replace("None", "0")
    return TYPES.get(field.field_type, field.field_type)
