"""What `published.data_status` shows of sources that fail, are late or send too little, and what their tests hold back."""

from support.dbt import not_passed
from support.deployment import MARTS, STAR, Deployment
from support.publishing import record_read, state, status

SHOP = ("customers", "products", "stores", "orders", "order_items")


def test_before_the_first_publication_the_status_names_the_reason(landed: Deployment):
    """The shop was unreachable. The supplier's landing is so old that it has neither `read_log` nor `quarantine`."""
    for table in ("read_log", "quarantine"):
        landed.execute(f"alter table raw_supplier.{table} rename to {table}_away")
    for table in SHOP:
        record_read(landed, table, "failed", "the shop's database could not be reached")
    assert "fact_sales" in not_passed(landed.dbt("build"))
    found = status(landed)
    assert set(found) == {*STAR, *MARTS}
    assert {(each.published_at, each.data_as_of, each.is_stale) for each in found.values()} == {(None, None, True)}
    assert "the shop's database could not be reached" in found["fact_sales"].reason
    for table in SHOP:
        record_read(landed, table, "complete")
    for table in ("read_log", "quarantine"):
        landed.execute(f"alter table raw_supplier.{table}_away rename to {table}")


def test_a_source_that_is_no_longer_loaded_becomes_stale(published: Deployment):
    """No run and no read reports it: only time passes. Refilling an old interval makes no data newer."""
    as_of = status(published)["fact_payment"].data_as_of
    published.execute("insert into raw_payments._dlt_loads (load_id, status, inserted_at) values ('refilled', 0, current_timestamp)")
    published.execute(
        """
        insert into raw_payments.read_log (read_id, table_name, read_at, outcome, is_interval, rows_landed, rows_quarantined, _dlt_load_id)
        select max(read_id) + 1, 'payments', current_timestamp, 'complete', true, 0, 0, 'refilled' from raw_payments.read_log
        """
    )
    published.build()
    assert status(published)["fact_payment"].data_as_of == as_of
    published.execute("update raw_payments._dlt_loads set inserted_at = inserted_at - interval '37 hours' where load_id <> 'refilled'")
    found = status(published)
    assert found["fact_payment"].reason == "payments was not loaded for longer than its freshness allows"
    assert not found["dim_store"].is_stale
    tables = [each for each in published.dbt("source", "freshness").result if each.node.resource_type == "source"]
    assert {table.node.source_name for table in tables if table.status != "pass"} == {"payments"}
    assert {table.node.source_name for table in tables} >= {"payments", "shop", "supplier"}
    published.execute("update raw_payments._dlt_loads set inserted_at = inserted_at + interval '37 hours' where load_id <> 'refilled'")
    assert not status(published)["fact_payment"].is_stale


def test_a_source_that_violates_its_contract_holds_back_its_models(published: Deployment):
    """A plain `dbt build` skips the models downstream of the source's table, builds the others, and records the reason."""
    before = state(published)
    record_read(published, "order_items", "contract_violated", "quantity is missing: write its new name into the mapping")
    record_read(published, "order_items", "complete", is_interval=True)  # a backfill is no news of the source
    reason = "raw_shop.order_items: quantity is missing: write its new name into the mapping"
    found = status(published)
    assert found["fact_sales"].reason == reason
    assert not found["dim_store"].is_stale
    result = not_passed(published.dbt("build"))
    failed = {name for name, message in result.items() if message.startswith("fail")}
    assert failed == {"source_last_read_is_complete_shop_order_items_"}
    assert {"stg_shop__order_item", "fact_sales", "daily_revenue"} <= set(result)
    assert not {"stg_shop__order", "dim_customer", "dim_store"} & set(result)
    assert state(published) == before
    since = published.query("select max(read_at) from raw_shop.read_log where outcome = 'contract_violated'")[0][0]
    found = status(published)
    assert (found["daily_revenue"].stale_since, found["daily_revenue"].reason) == (since, reason)
    assert found["dim_store"].reason == f"the last build did not pass: {reason}"
    record_read(published, "order_items", "complete")


def test_a_table_of_which_only_intervals_were_read_is_not_published(published: Deployment):
    published.execute("update raw_payments.read_log set is_interval = true where table_name = 'refunds'")
    found = status(published)
    reason = "raw_payments.refunds: only intervals of it were read"
    assert (found["fact_payment"].reason, found["dim_store"].reason == reason) == (reason, False)
    gate = "source_last_read_is_complete_payments_refunds_"
    assert list(not_passed(published.dbt("test", "--select", gate))) == [gate]
    published.execute("update raw_payments.read_log set is_interval = false where table_name = 'refunds'")
    assert status(published)["fact_payment"].reason != reason
    assert not_passed(published.dbt("test", "--select", gate)) == {}


def test_too_many_rows_in_quarantine_hold_back_the_models_of_their_table(published: Deployment):
    load = published.query("select max(load_id) from raw_shop._dlt_loads")[0][0]
    published.execute(
        f"""
        insert into raw_shop.read_log (read_id, table_name, read_at, outcome, rows_landed, rows_quarantined, _dlt_load_id)
        select max(read_id) + 1, 'stores', current_timestamp, 'complete', 150, 2, '{load}' from raw_shop.read_log
        """
    )
    gate = "source_quarantine_share_shop_stores_"

    def failing() -> list[str]:
        return list(not_passed(published.dbt("test", "--select", gate)))

    def quarantine(row: str) -> None:
        columns = "table_name, row_id, record, reason, first_seen_at, last_seen_at, _dlt_load_id"
        values = f"'stores', '{row}', '{{}}', 'opened_on is no date', current_timestamp, current_timestamp, '{load}'"
        published.execute(f"insert into raw_shop.quarantine ({columns}) values ({values})")

    quarantine("a")
    assert failing() == []
    quarantine("b")
    assert failing() == [gate]
    published.execute("update raw_shop.quarantine set closed_at = current_timestamp, closed_as = 'replayed' where row_id = 'a'")
    assert failing() == []
    # Rows that were read over the years do not excuse what is read now.
    published.execute("update raw_shop.read_log set rows_landed = 1000000 where read_id = 1 and table_name = 'stores'")
    published.execute("update raw_shop.quarantine set first_seen_at = (select min(read_at) from raw_shop.read_log) where row_id = 'b'")
    assert failing() == []
    published.execute("update raw_shop.quarantine set closed_at = null, first_seen_at = current_timestamp where row_id = 'a'")
    published.execute("update raw_shop.read_log set rows_landed = 90 where read_id = (select max(read_id) from raw_shop.read_log)")
    assert failing() == [gate]
