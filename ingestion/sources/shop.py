"""The shop: a PostgreSQL database.

Settings: sources.shop.credentials, and if need be clock_sql, lookback_hours, schema.
"""

from ingestion.context import Context
from ingestion.database import Table, detach, read_tables

# Lines before their orders: what is committed while we read may then be an order without lines, which its next
# load completes, and never a line without its order.
TABLES = (
    Table("order_items", primary_key="id", cursor="updated_at"),
    Table("customers", primary_key="id", cursor="updated_at", excluded=("password_hash",)),
    Table("products", primary_key="id", cursor="updated_at"),
    Table("stores", primary_key="id", cursor="updated_at"),
    Table("orders", primary_key="id", cursor="updated_at"),
)


def source(context: Context) -> list:
    """What changed in the shop's tables since the last load."""
    return read_tables(context, TABLES)


leave = detach
