"""The supplier: a folder (or s3://…) where a full catalogue arrives each day, as text with `|` between fields.

Settings: sources.supplier.bucket_url.
"""

from ingestion.context import Context
from ingestion.files import FileSet, read_files

CATALOGUE = FileSet(
    table="catalogue",
    pattern="catalogue_*.csv",
    columns=("sku", "product_name", "brand", "category", "unit_cost", "pack_size"),
    delimiter="|",
)


def source(context: Context) -> list:
    """The catalogues that arrived or were written anew since the last load."""
    return read_files(context, [CATALOGUE])
