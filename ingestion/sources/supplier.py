"""The supplier: a folder (or s3://…) where a full catalogue arrives each day, as text with `|` between fields.

Settings: sources.supplier.bucket_url.
"""

from collections.abc import Sequence

import pyarrow

from ingestion.context import Context
from ingestion.contract import Field, Quarantined
from ingestion.files import FileSet, read_files, replayed

CATALOGUE = FileSet(
    table="catalogue",
    pattern="catalogue_*.csv",
    columns=(
        Field("sku"),
        "product_name",
        "brand",
        "category",
        Field("unit_cost", "decimal(12, 2)", required=False),  # blank now and then
        Field("pack_size", "integer", required=False),
    ),
    delimiter="|",
    full=True,
)


def source(context: Context) -> list:
    """The catalogues that arrived or were written anew since the last load."""
    return read_files(context, [CATALOGUE])


def replay(context: Context, table: str, rows: Sequence[Quarantined]) -> tuple[pyarrow.Table | None, dict[str, str]]:
    """Quarantined lines of catalogues, under today's contract."""
    return replayed(context, [CATALOGUE], table, rows)
