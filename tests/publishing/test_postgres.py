"""PostgreSQL: who may read what, what makes the tables fast, and what happens when two commands run at the same time."""

import threading
import time

import psycopg
import pytest
from support.dbt import WITHOUT_TESTS
from support.deployment import Deployment
from support.publishing import (
    assert_nothing_is_stale,
    assert_published_is_built,
    build_held_up,
    publications,
    record_read,
    second_build,
    status,
)

pytestmark = pytest.mark.parametrize("landed", ["postgres"], indirect=True)


def count_as_analyst(deployment: Deployment, table: str) -> int:
    with deployment.engine.connect("analyst") as connection:
        return connection.execute(f"select count(*) from {table}").fetchone()[0]


@pytest.mark.parametrize("table", ["published.fact_sales", "published.dim_date", "published.daily_revenue", "published.data_status"])
def test_readers_may_read_what_is_published(published: Deployment, table: str):
    assert count_as_analyst(published, table) > 0


@pytest.mark.parametrize(
    "table",
    ["raw_shop.customers", "staging.stg_shop__customer", "snapshots.snap_customer", "core.fact_sales", "marts.daily_revenue",
     "audited.fact_sales", "audited.publications"],
)  # fmt: skip
def test_readers_may_read_nothing_else(published: Deployment, table: str):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        count_as_analyst(published, table)


def test_tables_have_indexes_and_statistics(published: Deployment):
    """Also after a run that changed some tables and replaced others."""
    published.systems.live(1)
    published.ingest()
    published.build(*WITHOUT_TESTS)
    indexed = {tuple(row) for row in published.query("select schemaname || '.' || tablename, indexdef ~ 'UNIQUE' from pg_indexes")}
    for table in ("fact_sales", "fact_payment", "dim_customer", "dim_product", "dim_store"):
        assert {(f"{schema}.{table}", unique) for schema in ("core", "audited") for unique in (True, False)} <= indexed
    for table in ("snapshots.snap_customer", "raw_shop.orders", "raw_payments.payments"):
        assert (table, False) in indexed
    assert ("snapshots.snap_customer", True) in indexed
    without_statistics = published.query(
        "select oid::regclass::text from pg_class where relkind = 'r' and reltuples < 0 "
        "and relnamespace in ('core'::regnamespace, 'marts'::regnamespace, 'audited'::regnamespace, 'snapshots'::regnamespace)"
    )
    assert without_statistics == []


def test_a_second_build_and_a_load_do_not_disturb_a_build(published: Deployment):
    """The second build gives up. No part of the load is published, and the tests that would hold it back do not see it."""
    before = published.tables()
    with build_held_up(published, "core.dim_store") as build:
        assert "is still running" in second_build(published)
        assert "is still running" in second_build(published, "snapshot")
        published.systems.live(1)
        assert published.ingest()["shop.order_items"]
        record_read(published, "stores", "contract_violated", "opened_on is missing")
    assert build.wait() == 0, build.output
    assert published.tables() == before
    assert_published_is_built(published)
    found = status(published)
    assert found["dim_customer"].reason.endswith("has newer data, not published yet")
    assert found["dim_store"].reason == "raw_shop.stores: opened_on is missing"
    record_read(published, "stores", "complete")
    published.build()
    assert published.tables() != before
    assert_nothing_is_stale(published)


def test_a_build_that_lost_its_place_publishes_nothing_more(published: Deployment):
    runs = publications(published, "outcome = 'published'")
    with build_held_up(published, "core.dim_store") as build:
        taking = threading.Thread(target=published.execute, args=("update audited.build set build_id = 'another'",))
        taking.start()
        time.sleep(1)
        assert taking.is_alive(), "taking the place waits for the model that is being built"
    exit_code = build.wait()
    taking.join()
    assert exit_code == 1 and "has begun, so this one builds and publishes nothing more" in build.output
    assert publications(published, "outcome = 'published'") == runs
