"""What readers of `published` see while builds fail, pass and are killed: only whole states that passed their tests."""

import random

import duckdb
import psycopg
import pytest
from support.dbt import not_passed, run_dbt
from support.deployment import MARTS, STAR, Deployment
from support.publishing import (
    Watch,
    assert_nothing_is_stale,
    assert_published_is_built,
    killed_publication,
    publications,
    second_build,
    state,
    status,
)

KILLS = (0.5, 0.98)  # of the statements of publishing: amid the copies, and right before the end of the transaction


def test_readers_see_only_states_that_passed(published: Deployment, tier: str, seed: int):
    before = state(published)
    published.systems.live(1)
    published.ingest()
    found = status(published)
    assert state(published) == before
    assert found["fact_sales"].is_stale
    assert "newer data, not published yet" in found["fact_sales"].reason
    assert found["fact_sales"].stale_since > found["fact_sales"].published_at > found["fact_sales"].data_as_of

    line = line_without_news(published)
    published.execute(f"update core.fact_sales set gross_amount = gross_amount + 0.01 where {line}")
    assert_a_failing_build_changes_nothing(published)
    published.execute(f"update core.fact_sales set gross_amount = gross_amount - 0.01 where {line}")

    for share in KILLS if tier != "test" else random.Random(seed).sample(KILLS, 1):
        assert_a_killed_build_changes_nothing(published, share)

    with Watch(published) as passing:
        published.build()
    after = state(published)
    assert after[0] != before[0] and after[5] > before[5]
    assert set(passing.seen) - {after} == {before}
    assert {each[2:] for each in status(published).values()} == {(False, None, None)}
    assert_published_is_built(published)


def line_without_news(deployment: Deployment) -> str:
    """A condition for one row of `fact_sales` of which the last load holds nothing, so the next build keeps the row as it is."""
    tables = {"order_item_id": "order_items", "order_id": "orders", "customer_id": "customers", "product_id": "products"}
    last_load = "_dlt_load_id = (select max(load_id) from raw_shop._dlt_loads)"
    no_news = " and ".join(f"{key} not in (select id from raw_shop.{table} where {last_load})" for key, table in tables.items())
    return f"order_item_id = (select min(order_item_id) from audited.fact_sales where not is_amount_missing and {no_news})"


def assert_a_failing_build_changes_nothing(deployment: Deployment) -> None:
    """Tests find the wrong amount in `fact_sales`. `dim_customer` and others are built, so `core` differs from `published`."""
    before = state(deployment)
    with Watch(deployment) as failing:
        failed = not_passed(deployment.dbt("build"))
    assert failed["fact_sales__amounts_add_up"].startswith("fail") and failed["daily_revenue"].startswith("skipped")
    assert set(failing.seen) == {before} and state(deployment) == before
    counts = [deployment.query(f"select count(*) from {schema}.fact_sales") for schema in ("core", "published")]
    assert counts[0] != counts[1]
    [(is_stale, reason)] = {(each.is_stale, each.reason) for each in status(deployment).values()}
    why, _, tests = reason.partition(": ")
    assert is_stale and why == "the last build did not pass"
    advice = "(after a change of code: dbt build --full-refresh)"
    assert set(tests.split("; ")) == {"fact_sales__amounts_add_up", f"fact_sales__agrees_with_the_shop {advice}"}


def assert_a_killed_build_changes_nothing(deployment: Deployment, share: float) -> None:
    """The build is killed after this share of the statements of publishing. On DuckDB only its own process could read meanwhile."""
    before = state(deployment)
    if deployment.engine.target == "postgres":
        with Watch(deployment) as killed:
            killed_publication(deployment, share)
        assert set(killed.seen) == {before}
    else:
        killed_publication(deployment, share)
    assert state(deployment) == before
    assert status(deployment)["fact_sales"].is_stale


@pytest.mark.parametrize("landed", ["dev"], indirect=True)
def test_a_second_build_gives_up_while_another_process_holds_the_file(published: Deployment):
    with duckdb.connect(str(published.path)):
        assert "Conflicting lock is held" in second_build(published)


def test_a_copy_that_differs_is_made_equal(published: Deployment):
    """Two payments of a day swap their customers, an order line is deleted, and a table has one column more."""
    rows = published.query(
        """
        select transaction_id, customer_id from audited.fact_payment
        where occurred_on = (select max(occurred_on) from audited.fact_payment)
        order by customer_id
        """
    )
    (first, first_customer), (last, last_customer) = rows[0], rows[-1]
    assert first_customer != last_customer
    for transaction, customer in ((first, last_customer), (last, first_customer)):
        published.execute(f"update audited.fact_payment set customer_id = {customer} where transaction_id = '{transaction}'")
    published.execute("delete from audited.fact_sales where order_item_id = (select max(order_item_id) from audited.fact_sales)")
    published.execute("alter table audited.dim_date add column more integer")
    published.build()
    assert_published_is_built(published)


def test_what_is_no_longer_published_or_granted_is_removed(published: Deployment):
    """A model that no longer exists, on PostgreSQL also a reader no longer listed, and a column that may be null in the copy only."""
    published.execute("create table audited.forgotten as select 1 as one")
    published.execute("create view published.forgotten as select * from audited.forgotten")
    published.execute("insert into audited.publication_models values ('forgotten')")  # as a model that was published and no longer exists
    readers = published.environment.pop("WAREHOUSE_READERS", None)
    if readers:
        published.dbt("run", "--select", "dim_store")
        with published.engine.connect("analyst") as connection:  # a shell that names no readers takes no rights away
            connection.execute("select * from published.data_status")
        published.environment["WAREHOUSE_READERS"] = ""
        published.execute("grant usage on schema published to public; grant select on published.data_status to public")
        published.execute("alter table audited.dim_date alter column day_name drop not null")
    published.build()
    assert_published_is_built(published)
    with pytest.raises((duckdb.CatalogException, psycopg.errors.UndefinedTable)):
        published.query("select * from published.forgotten")
    if readers:
        catalogue = published.engine.catalogue()
        assert catalogue["audited", "dim_date"] == catalogue["core", "dim_date"], "also in which columns may be null"
        with published.engine.connect("analyst") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select * from published.data_status")
        published.environment["WAREHOUSE_READERS"] = readers


def test_what_publishing_did_not_make_is_never_dropped(published: Deployment):
    """Foreign tables and views stay. Where one has the name of a model, nothing is published, and the error names it."""
    published.execute("create table audited.budget as select 1 as one")
    published.execute("create view published.budget as select * from audited.budget")
    published.build()
    assert published.query("select one from published.budget") == [(1,)]

    # A model is new, and its name is taken.
    published.execute("delete from audited.publication_models where model = 'top_products'")
    published.execute("drop view published.top_products")
    published.execute("drop table audited.top_products")
    before = state(published)
    published.execute("create table audited.top_products as select 1 as one")
    published.execute("create view published.top_products as select 2 as two")
    failed = published.call(run_dbt, "build")
    message = str(failed.exception).replace('"', "")
    assert not failed.success and "publishing did not make" in message and "Rename or drop it" in message
    assert "audited.top_products, " in message and "published.top_products and" in message
    assert published.query("select one, two from audited.top_products cross join published.top_products") == [(1, 2)]
    assert state(published) == before
    published.execute("drop table audited.top_products")
    published.execute("drop view published.top_products")

    # A warehouse from before the record: what `data_status` names was made by publishing, and nothing else.
    published.execute("drop table audited.publication_models")
    published.build()
    assert {name for (name,) in published.query("select model from audited.publication_models")} == {*STAR, *MARTS}
    assert_published_is_built(published)
    assert published.query("select one from published.budget") == [(1,)]
    published.execute("drop view published.budget")
    published.execute("drop table audited.budget")


def test_a_run_that_does_not_build_and_test_everything_publishes_nothing(published: Deployment):
    before = state(published)
    for command in (
        ["run", "--select", "dim_store"],
        ["build", "--select", "top_products"],
        ["build", "--empty", "--exclude-resource-type", "test"],
    ):
        published.dbt(*command)
        assert state(published) == before
        assert published.query("select outcome from audited.publications order by finished_at desc limit 1") == [("partial",)]
        assert_nothing_is_stale(published)
    runs = publications(published)
    published.dbt("test", "--select", "dim_store")
    published.dbt("build", "--select", "stg_shop__store")
    assert publications(published) == runs
