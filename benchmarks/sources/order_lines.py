"""One large table of a PostgreSQL database, declared just as in ingestion/sources/shop.py.

Settings: sources.order_lines.credentials, schema.
"""

from ingestion.connectors.postgres import PostgresSource, Table

SOURCE = PostgresSource(tables=[Table("order_items", primary_key="id", cursor="updated_at")])
