"""One large table of a PostgreSQL database, declared just as in ingestion/sources/shop.py.

Settings: sources.order_lines.credentials, schema.
"""

from ingestion.context import Context
from ingestion.database import Table, detach, read_tables

TABLES = (Table("order_items", primary_key="id", cursor="updated_at"),)


def source(context: Context) -> list:
    """What changed in the table since the last load."""
    return read_tables(context, TABLES)


leave = detach
