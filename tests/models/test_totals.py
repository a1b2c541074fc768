"""After days of loading, facts and marts hold what the company sold, was paid and paid back: from real servers to the marts.

These tests read the warehouse that loaded every day. test_repeatability.py proves that one load at the end gives the same rows.
"""

from datetime import date, timedelta
from decimal import Decimal

import holidays
from support.deployment import MARTS, STAR, Deployment

from demo.company import CATEGORY_SPELLINGS


def test_revenue_is_what_the_company_sold(daily: Deployment):
    sold = {
        (row["business_date"], row["store_id"], row["channel"]): (
            row["net_amount"], row["orders"], row["units"], row["lines_without_price"],
        )
        for row in daily.systems.company.truth().sales.to_pylist()
    }  # fmt: skip
    found = {
        row[:3]: row[3:]
        for row in daily.query("select date, store_id, channel, revenue, orders, units, lines_without_amount from marts.daily_revenue")
    }
    assert len(sold) > 100
    assert found == sold


def test_payments_and_refunds_are_what_the_company_was_paid_and_paid_back(daily: Deployment):
    truth = daily.systems.company.truth()
    for table, kind, status in (
        (truth.payments, "payment", "captured"),
        (truth.refunds, "refund", "succeeded"),
    ):
        moved = {row["date"]: row["amount"] for row in table.to_pylist()}
        found = daily.query(
            f"""
            select occurred_on, sum(amount) from core.fact_payment
            where transaction_type = '{kind}' and transaction_status = '{status}' group by all
            """
        )
        assert moved and dict(found) == moved


def test_every_difference_between_sold_and_paid_is_explained(daily: Deployment):
    """A price was not recorded, an order was deleted, or a refund is pending. There is no other reason in this company."""
    assert daily.query("select * from marts.payment_reconciliation where unexplained_amount <> 0") == []
    assert daily.query(
        "select sum(missing_amount) > 0, sum(unmatched_amount) > 0, sum(owed_amount) > 0 from marts.payment_reconciliation"
    ) == [(True, True, True)]


def test_sums_stay_exact(daily: Deployment):
    """Money is decimal from the source to the marts."""
    types = daily.query(
        """
        select distinct data_type from information_schema.columns
        where table_schema in ('raw_shop', 'staging', 'core', 'marts')
            and regexp_matches(
                column_name, '^(revenue|unit_price|list_price|unit_cost|lifetime_value|(gross|discount|net|sold|paid)_amount)$')
        """
    )
    assert {kind.split("(")[0] for (kind,) in types} == {"DECIMAL"}
    ((total,),) = daily.query("select sum(revenue) from marts.daily_revenue")
    assert total == sum((row["net_amount"] for row in daily.systems.company.truth().sales.to_pylist()), Decimal(0))


def test_late_orders_arrive_and_deleted_orders_disappear(daily: Deployment):
    planted = daily.systems.company.truth().planted
    orders = {row[0] for row in daily.query("select distinct order_id from core.fact_sales")}
    deleted = {row["order_id"] for row in planted["deleted_orders"].to_pylist()}
    late = {row["order_id"] for row in planted["late_orders"].to_pylist()} - deleted
    assert deleted
    assert late
    assert deleted & orders == set()
    assert late <= orders


def test_missing_amounts_stay_missing(daily: Deployment):
    planted = daily.systems.company.truth().planted["lines_without_price"]
    missing = {row["order_item_id"] for row in planted.to_pylist()}
    found = daily.query("select order_item_id, unit_price, gross_amount, net_amount from core.fact_sales where is_amount_missing")
    assert found and {row[0] for row in found} <= missing
    assert {row[1:] for row in found} == {(None, None, None)}


def test_text_is_clean(daily: Deployment):
    assert daily.query("select email from core.dim_customer where email <> lower(trim(email))") == []
    assert daily.query("select count(*) > 0 from core.dim_customer where full_name = 'Unknown' and customer_id > 0") == [(True,)]
    categories = {row[0] for row in daily.query("select distinct category from core.dim_product")}
    assert categories == {*CATEGORY_SPELLINGS, "Unknown"}


def test_all_tables_have_rows(daily: Deployment):
    tables = daily.tables()
    assert set(tables) == {*STAR, *MARTS}
    assert all(tables.values())


def test_dim_date_is_the_calendar(daily: Deployment):
    """Every day of the years with facts and of the following year, as Python's calendar and the library `holidays` have it."""
    days = daily.query("select * from core.dim_date order by date_id")
    first, last = date(2026, 1, 1), date(2027, 12, 31)
    public = holidays.country_holidays("NZ", years=range(first.year, last.year + 1))
    assert [row[1] for row in days] == [first + timedelta(n) for n in range((last - first).days + 1)]
    for date_id, on, year, quarter, month, week_year, week, day_of_week, day_name, month_name, is_weekend, is_holiday, name in days:
        assert (date_id, year, month) == (int(f"{on:%Y%m%d}"), on.year, on.month)
        assert (quarter, (week_year, week, day_of_week)) == ((on.month + 2) // 3, tuple(on.isocalendar()))
        assert (day_name, month_name, is_weekend) == (f"{on:%A}", f"{on:%B}", on.weekday() >= 5)
        assert is_holiday == (on in public) == (name is not None)
