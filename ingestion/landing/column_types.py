"""Types of raw's columns as dlt and Arrow have them, given DuckDB's names."""

from typing import Any

from ingestion.landing import exact_types
from ingestion.sql import quoted
from ingestion.warehouses import Columns, Session

HINTS: dict[str, dict[str, Any]] = {
    "BIGINT": {"data_type": "bigint"},
    "BOOLEAN": {"data_type": "bool"},
    "DOUBLE": {"data_type": "double"},
    "DATE": {"data_type": "date"},
    "TIMESTAMP WITH TIME ZONE": {"data_type": "timestamp"},
    "TIMESTAMP": {"data_type": "timestamp", "timezone": False},
    "TIME": {"data_type": "time"},
    "VARCHAR": {"data_type": "text"},
    "JSON": {"data_type": "json"},
    "BLOB": {"data_type": "binary"},
}


def dlt_hint(kind: str) -> dict[str, Any]:
    """dlt's type; empty for one that we never make."""
    if digits := exact_types.precision(kind):
        return {"data_type": "decimal", "precision": digits[0], "scale": digits[1]}
    return HINTS.get(kind, {})


def as_landed(session: Session, columns: Columns) -> str:
    """SQL of DuckDB: these columns as Arrow takes them to the warehouse."""
    stored = {name: session.dialect.stored(kind) for name, kind in columns.items()}
    return ", ".join(f"cast({quoted(name)} as {'VARCHAR' if kind == 'JSON' else kind}) as {quoted(name)}" for name, kind in stored.items())
