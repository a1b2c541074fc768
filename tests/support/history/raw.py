"""Raw tables that a test writes row by row: any row version in any load, on any engine, without a company."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from engines.servers import DuckDBFile

TYPES = {
    "dev": {"text": "varchar", "timestamp": "timestamptz", "money": "decimal(12, 2)", "json": "json"},
    "postgres": {"text": "varchar", "timestamp": "timestamptz", "money": "numeric(12, 2)", "json": "json"},
    "bigquery": {"text": "string", "timestamp": "timestamp", "money": "numeric(12, 2)", "json": "string"},
}
LOGGED = {"updated_at": "timestamp", "_deleted_at": "timestamp", "_changed_at": "timestamp", "_dlt_load_id": "text"}
LOADS = {"load_id": "text", "schema_name": "text", "status": "bigint", "inserted_at": "timestamp", "schema_version_hash": "text"}
TABLES = {
    "shop": {
        "customers": {"id": "bigint", "full_name": "text", "email": "text", "phone": "text", "city": "text", "segment": "text",
                      "created_at": "timestamp", **LOGGED},
        "products": {"id": "bigint", "sku": "text", "name": "text", "category": "text", "price": "money", "created_at": "timestamp",
                     **LOGGED},
        "stores": {"id": "bigint", "name": "text", "city": "text", "region": "text", "opened_on": "date", "created_at": "timestamp",
                   **LOGGED},
        "orders": {"id": "bigint", "customer_id": "bigint", "store_id": "bigint", "channel": "text", "status": "text",
                   "ordered_at": "timestamp", **LOGGED},
        "order_items": {"id": "bigint", "order_id": "bigint", "line_number": "bigint", "product_id": "bigint", "quantity": "bigint",
                        "unit_price": "money", "discount_amount": "money", **LOGGED},
    },
    "payments": {
        name: {"id": "text", "record": "json", "updated_at": "timestamp", "_changed_at": "timestamp", "_dlt_load_id": "text"}
        for name in ("payments", "refunds")
    },
    "calendar": {"holidays": {"country": "text", "date": "date", "name": "text", "_dlt_load_id": "text"}},
    "supplier": {
        "catalogue": {"sku": "text", "product_name": "text", "brand": "text", "category": "text", "unit_cost": "text", "pack_size": "text",
                      "file_name": "text", "file_date": "date", "line_number": "bigint", "_dlt_load_id": "text"},
    },
}  # fmt: skip
AT_A_TIME = 500  # rows in one INSERT


class RawLog:
    """The raw tables of a warehouse. Tests add rows, and complete loads."""

    def __init__(self, engine: DuckDBFile):
        self.engine = engine
        self.types = TYPES[engine.target]
        for source, tables in TABLES.items():
            engine.execute(f"create schema raw_{source}")
            for name, columns in {**tables, "_dlt_loads": LOADS}.items():
                definition = ", ".join(f"{column} {self._type(kind)}" for column, kind in columns.items())
                engine.execute(f"create table raw_{source}.{name} ({definition})")

    def add(self, source: str, table: str, rows: Iterable[dict[str, Any]]) -> None:
        """Add rows of any loads. A row counts when its load is complete."""
        columns = TABLES[source][table]
        values = [f"({', '.join(self._literal(row.get(column), kind) for column, kind in columns.items())})" for row in rows]
        for start in range(0, len(values), AT_A_TIME):
            self.engine.execute(
                f"insert into raw_{source}.{table} ({', '.join(columns)}) values {', '.join(values[start : start + AT_A_TIME])}"
            )

    def complete(self, source: str, load: str) -> None:
        self.engine.execute(f"insert into raw_{source}._dlt_loads (load_id, status, inserted_at) values ('{load}', 0, current_timestamp)")

    def _type(self, kind: str) -> str:
        return self.types.get(kind, kind)

    def _literal(self, value: Any, kind: str) -> str:
        type_ = self._type(kind).split("(")[0] if kind == "money" else self._type(kind)  # BigQuery casts to no type with parameters
        if value is None:
            return f"cast(null as {type_})"
        text = value.isoformat() if isinstance(value, date | datetime) else str(value)
        return f"cast('{text}' as {type_})"
