"""What the engines' own catalogues say of what was built: who may read it, and what makes it fast."""

from typing import Any

import psycopg
import pytest
from conftest import Works
from engines.parity import Parity


@pytest.fixture(scope="module")
def postgres(make_works: Any) -> Works:
    """A warehouse on PostgreSQL whose published views the role `analyst` may read."""
    works = make_works(days=3, scale=0.02, target="postgres")
    works.environment["WAREHOUSE_READERS"] = "analyst"
    works.ingest()
    works.build()
    return works


def count_as_analyst(works: Works, table: str) -> int:
    given = works.environment
    with psycopg.connect(
        host=given["WAREHOUSE_HOST"], port=given["WAREHOUSE_PORT"], dbname=given["WAREHOUSE_DATABASE"], user=given["WAREHOUSE_USER"],
        password=given["DBT_ENV_SECRET_WAREHOUSE_PASSWORD"], options="-c role=analyst",
    ) as connection:  # fmt: skip
        return connection.execute(f"select count(*) from {table}").fetchone()[0]


@pytest.mark.parametrize("table", ["published.fact_sales", "published.dim_date", "published.daily_revenue", "published.data_status"])
def test_readers_may_read_what_is_published(postgres: Works, table: str):
    assert count_as_analyst(postgres, table) > 0


@pytest.mark.parametrize(
    "table",
    ["raw_shop.customers", "staging.stg_shop__customer", "snapshots.snap_customer", "core.fact_sales", "marts.daily_revenue",
     "audited.fact_sales", "audited.publications"],
)  # fmt: skip
def test_readers_may_read_nothing_else(postgres: Works, table: str):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        count_as_analyst(postgres, table)


def test_postgres_has_indexes_and_statistics(postgres: Works):
    """Also after a run that changed the tables, and made some anew."""
    postgres.systems.live(1)
    postgres.ingest()
    postgres.build("--exclude-resource-type", "test")
    indexed = {tuple(row) for row in postgres.query("select schemaname || '.' || tablename, indexdef ~ 'UNIQUE' from pg_indexes")}
    for table in ("fact_sales", "fact_payment", "dim_customer", "dim_product", "dim_store"):
        assert {(f"{schema}.{table}", unique) for schema in ("core", "audited") for unique in (True, False)} <= indexed
    for table in ("snapshots.snap_customer", "raw_shop.orders", "raw_payments.payments"):
        assert (table, False) in indexed
    assert ("snapshots.snap_customer", True) in indexed
    unknown = postgres.query(
        "select oid::regclass::text from pg_class where relkind = 'r' and reltuples < 0 "
        "and relnamespace in ('core'::regnamespace, 'marts'::regnamespace, 'audited'::regnamespace, 'snapshots'::regnamespace)"
    )
    assert unknown == []


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
