"""The shop: a PostgreSQL database.

Settings: sources.shop.credentials, and if need be clock_sql, lookback_hours, schema.
"""

from ingestion.connectors.postgres import PostgresSource, Table

# Lines before their orders: what is committed while we read may then be an order without lines, which its next
# load completes, and never a line without its order.
TABLES = (
    Table(
        "order_items",
        primary_key="id",
        cursor="updated_at",
        required=("order_id", "line_number", "product_id", "quantity", "discount_amount", "updated_at"),  # a price may be missing
    ),
    Table("customers", primary_key="id", cursor="updated_at", excluded=("password_hash",), required=("created_at", "updated_at")),
    Table("products", primary_key="id", cursor="updated_at", required=("sku", "name", "price", "created_at", "updated_at")),
    Table("stores", primary_key="id", cursor="updated_at", required=("name", "city", "region", "opened_on", "created_at", "updated_at")),
    Table(
        "orders",
        primary_key="id",
        cursor="updated_at",
        required=("customer_id", "store_id", "channel", "status", "ordered_at", "updated_at"),
    ),
)

SOURCE = PostgresSource(tables=TABLES)
