"""What BigQuery's catalogue shows of what was built: what makes it fast and cheap. For PostgreSQL: tests/publishing/test_postgres.py."""

from engines.parity import Parity


def test_bigquery_has_partitions_and_clusters(parity: Parity):
    with parity.engines["bigquery"].client() as client:
        for name, day, key in (("fact_sales", "ordered_on", "order_item_id"), ("fact_payment", "occurred_on", "transaction_id")):
            fact = client.get_table(f"{client.project}.core.{name}")
            assert fact.time_partitioning.field == day
            assert fact.clustering_fields == [key]
        dimension = client.get_table(f"{client.project}.core.dim_customer")
        assert dimension.clustering_fields == ["customer_id", "valid_from"]
        assert dimension.labels == {"project": "waterworks", "layer": "core"}
        snapshot = client.get_table(f"{client.project}.snapshots.snap_customer")
        assert snapshot.clustering_fields == ["customer_id", "valid_from"]
        assert snapshot.labels == {"project": "waterworks", "layer": "snapshots"}
