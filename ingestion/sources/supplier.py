"""The supplier: a folder (or s3://…) where a full catalogue arrives each day, as text with `|` between fields.

Settings: sources.supplier.bucket_url.
"""

from ingestion.connectors.files import FileSet, FilesSource
from ingestion.connectors.tables import Field

CATALOGUE = FileSet(
    name="catalogue",
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

SOURCE = FilesSource(tables=[CATALOGUE])
