"""Numbers that fit every contract and are wrong: what the sources say of the same thing is compared, and what is left out is counted."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from support.dbt import not_passed
from support.deployment import Deployment
from support.landing import in_test_all
from support.publishing import assert_nothing_is_stale, state, status

pytestmark = pytest.mark.parametrize("landed", ["dev", in_test_all("postgres")], indirect=True)

RECONCILED = "payment_reconciliation__sold_is_paid"
# What happens to the number-th payment of a day.
WRONG: dict[str, Callable[[dict, int], Any]] = {
    "in thousands": lambda record, number: record["amount"].update(value=f"{float(record['amount']['value']) * 1000:.2f}"),
    "in hundreds": lambda record, number: record["amount"].update(value=f"{float(record['amount']['value']) / 100:.2f}"),
    "half of them are not there": lambda record, number: record.update(status="failed" if number % 2 else record["status"]),
}


def resend(deployment: Deployment, change: Callable[[dict, int], Any], condition: str = "true", new_id: str | None = None) -> None:
    """A load with another version of the payments of the first day, or of those that fulfil the condition."""
    rows = deployment.query(
        f"""
        select id, cast(record as varchar) from raw_payments.payments
        where id in (
            select payment_id from core.fact_payment
            where transaction_status = 'captured' and occurred_on = (select min(occurred_on) from core.fact_payment) and {condition}
        )
        order by id
        """
    )
    assert rows
    deployment.execute("insert into raw_payments._dlt_loads (load_id, status, inserted_at) values ('9999', 0, current_timestamp)")
    for number, (payment, text) in enumerate(rows):
        record = json.loads(text)
        change(record, number)
        value = json.dumps(record).replace("'", "''")
        deployment.execute(
            f"""
            insert into raw_payments.payments (id, updated_at, record, _changed_at, _dlt_load_id)
            select '{new_id or payment}', updated_at, '{value}', _changed_at + interval '1 hour', '9999'
            from raw_payments.payments where id = '{payment}' and _dlt_load_id <> '9999'
            """
        )


def take_back(deployment: Deployment) -> None:
    deployment.execute("delete from raw_payments.payments where _dlt_load_id = '9999'")
    deployment.execute("delete from raw_payments._dlt_loads where load_id = '9999'")


@pytest.mark.parametrize("case", WRONG)
def test_amounts_that_do_not_reconcile_are_not_published(published: Deployment, case: str):
    before = state(published)
    resend(published, WRONG[case])
    failed = not_passed(published.dbt("build"))
    assert list(failed) == [RECONCILED]
    assert state(published) == before
    [(day,)] = published.query("select cast(min(date) as varchar) from marts.payment_reconciliation")
    reason = status(published)["payment_reconciliation"].reason
    assert reason.startswith(f"the last build did not pass: {day}: ") and reason.endswith("does not agree, more than the share of 0.02")
    take_back(published)
    published.build("--full-refresh")
    assert_nothing_is_stale(published)


def test_days_that_one_source_does_not_cover_are_not_reconciled(published: Deployment):
    """The payments were last loaded at noon of the first day. What both had loaded the day after is compared."""
    resend(published, WRONG["in thousands"])
    published.dbt("build")
    loads = "raw_payments._dlt_loads"
    published.execute(f"create table raw_payments.loads_away as select * from {loads}")
    published.execute(f"update {loads} set inserted_at = timestamptz '2026-01-01 12:00:00+13' where true")
    assert not_passed(published.dbt("test", "--select", RECONCILED)) == {}
    published.execute(f"update {loads} set inserted_at = timestamptz '2026-01-02 00:30:00+13' where true")
    assert list(not_passed(published.dbt("test", "--select", RECONCILED))) == [RECONCILED]
    published.execute(f"delete from {loads} where true")
    published.execute(f"insert into {loads} select * from raw_payments.loads_away")
    published.execute("drop table raw_payments.loads_away")
    take_back(published)
    published.build("--full-refresh")


def test_a_payment_older_than_its_order_is_not_published(published: Deployment):
    """After a restored backup the shop gave the id of a lost order to another one, of a later day."""
    before = state(published)
    [(order,)] = published.query("select min(order_id) from core.fact_payment where transaction_status = 'captured'")
    columns = [column.name for column in published.engine.catalogue()["raw_shop", "orders"]]
    later = {"ordered_at": "ordered_at + interval '1 day'", "_changed_at": "_changed_at + interval '30 days'", "_dlt_load_id": "'9999'"}
    published.execute("insert into raw_shop._dlt_loads (load_id, status, inserted_at) values ('9999', 0, current_timestamp)")
    published.execute(
        f"insert into raw_shop.orders ({', '.join(columns)}) select {', '.join(later.get(name, name) for name in columns)} "
        f"from raw_shop.orders where id = {order} order by _changed_at desc limit 1"
    )
    failed = not_passed(published.dbt("build"))
    assert "fact_payment__is_not_older_than_its_order" in failed
    assert state(published) == before
    assert "fact_payment__is_not_older_than_its_order" in status(published)["fact_payment"].reason
    published.execute("delete from raw_shop.orders where _dlt_load_id = '9999'")
    published.execute("delete from raw_shop._dlt_loads where load_id = '9999'")
    published.build("--full-refresh")
    assert_nothing_is_stale(published)


def test_readers_see_a_test_that_warns(published: Deployment):
    """A payment is captured twice, of an amount that the tolerance of the reconciliation does not notice."""
    warnings = "select model, warnings from published.data_status where warnings is not null order by model"
    assert published.query(warnings) == []
    smallest = "amount = (select min(amount) from core.fact_payment where transaction_status = 'captured' and occurred_on = "
    resend(published, lambda record, number: None, f"{smallest}(select min(occurred_on) from core.fact_payment))", new_id="twice")
    failed = not_passed(published.dbt("build"))
    assert list(failed) == ["fact_payment__is_captured_once"] and failed["fact_payment__is_captured_once"].startswith("warn")
    assert_nothing_is_stale(published)
    assert published.query(warnings) == [
        (model, "fact_payment__is_captured_once (1)") for model in ("fact_payment", "payment_reconciliation")
    ]
    take_back(published)
    published.build("--full-refresh")
    assert published.query(warnings) == []


def test_readers_see_what_is_in_quarantine(published: Deployment):
    """And their models are stale when it is much: in rows, or in what these are worth."""

    def quarantine(table: str, record: dict, rows: int = 1) -> None:
        load = published.query("select max(load_id) from raw_shop._dlt_loads")[0][0]
        columns = "table_name, row_id, record, reason, first_seen_at, last_seen_at, _dlt_load_id"
        values = f"'{table}', 'planted ' || number, '{json.dumps(record)}', 'quantity is no integer', current_timestamp, current_timestamp"
        published.execute(
            f"insert into raw_shop.quarantine ({columns}) select {values}, '{load}' from generate_series(1, {rows}) as numbers (number)"
        )

    def seen(model: str) -> tuple:
        columns = "rows_in_quarantine, amount_in_quarantine, is_stale, reason"
        return published.query(f"select {columns} from published.data_status where model = '{model}'")[0]

    def clear() -> None:
        published.execute("delete from raw_shop.quarantine where row_id like 'planted %'")

    assert seen("fact_sales") == (0, None, False, None)
    quarantine("order_items", {"quantity": "2", "unit_price": "4.10"})
    quarantine("order_items", {"quantity": "two", "unit_price": "4.10"})
    assert [str(value) for value in seen("fact_sales")] == ["2", "8.20", "False", "None"]
    assert seen("dim_store")[:2] == (0, None)
    clear()
    quarantine("order_items", {"quantity": "3", "unit_price": "6175.50"})
    reason = "raw_shop.order_items: 1 row is in quarantine, worth 18526.50"
    assert [str(value) for value in seen("daily_revenue")] == ["1", "18526.50", "True", reason]
    clear()
    quarantine("stores", {"opened_on": "soon"}, rows=101)
    assert seen("dim_store") == (101, None, True, "raw_shop.stores: 101 rows are in quarantine")
    published.execute("update raw_shop.quarantine set closed_at = current_timestamp where row_id like 'planted %'")
    assert seen("dim_store") == (0, None, False, None)
    clear()
