"""The tables that the landing keeps of its own beside a source's: how dlt and Arrow see their columns."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow

Hints = dict[str, dict[str, Any]]  # dlt's columns, by name
TYPES = {
    "bigint": pyarrow.int64(),
    "text": pyarrow.string(),
    "json": pyarrow.string(),
    "bool": pyarrow.bool_(),
    "timestamp": pyarrow.timestamp("us", "UTC"),
}


def as_arrow(columns: Mapping[str, Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> pyarrow.Table:
    """These rows; what a row does not name is null."""
    schema = pyarrow.schema([pyarrow.field(name, TYPES[hint["data_type"]]) for name, hint in columns.items()])
    return pyarrow.Table.from_pylist(list(rows), schema=schema)
