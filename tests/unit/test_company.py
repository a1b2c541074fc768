"""The simulated company lives the same days for the same seed, and its books balance."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from demo.company import CATEGORY_SPELLINGS, PAYMENT_TABLES, SHOP_TABLES, SPELLINGS, Company, business_date

SCALE = 0.05
LATEST_COMMIT = timedelta(hours=36)


def differences(one: Company, other: Company) -> list[str]:
    """The tables in which two companies differ."""
    names = [name for name in SHOP_TABLES + PAYMENT_TABLES if not one.rows(name).equals(other.rows(name))]
    truths = one.truth(), other.truth()
    for name in ("sales", "payments", "refunds"):
        names += [] if getattr(truths[0], name).equals(getattr(truths[1], name)) else [f"truth {name}"]
    names += [n for n, table in truths[0].planted.items() if not table.equals(truths[1].planted[n])]
    return names + ([] if one.catalogue() == other.catalogue() else ["catalogue"])


def test_the_same_seed_gives_the_same_days_in_one_go_or_one_by_one(company: Company):
    other = Company(seed=7, scale=SCALE).live_until(35)
    other.truth(), other.catalogue()  # reading must not change the days that follow
    while other.day < 40:
        other.live()
    assert differences(company, other) == []
    assert differences(company, Company(seed=8, scale=SCALE).live_until(40)) != []


def test_daily_changes_add_up_to_the_present():
    """The changes of every day, applied to the first rows, give the rows that the company holds now."""
    company = Company(seed=3, scale=SCALE)
    held = {name: {row["id"]: row for row in company.rows(name).to_pylist()} for name in SHOP_TABLES + PAYMENT_TABLES}
    for _ in range(30):
        changes = company.live()
        for name, ids in changes.deletes.items():
            for id_ in ids:
                del held[name][id_]
        for name, which in changes.upserts.items():
            held[name] |= {row["id"]: row for row in company.rows(name, which).to_pylist()}
    for name, rows in held.items():
        assert rows == {row["id"]: row for row in company.rows(name).to_pylist()}, name


def test_every_changed_row_is_younger_than_the_latest_commit():
    company = Company(seed=3, scale=SCALE).live_until(5)
    late = 0
    for _ in range(30):
        before = company.clock
        changes = company.live()
        for name, which in changes.upserts.items():
            for row in company.rows(name, which).to_pylist():
                at = row["updated_at"]
                at = at if isinstance(at, datetime) else datetime.fromtimestamp(at / 1000, UTC)
                assert company.clock - LATEST_COMMIT <= at < company.clock, (name, row)
                late += at < before
    assert late > 30


def test_sales_are_the_sum_of_the_rows(company: Company):
    """Row by row in Decimal, independent of the vectorised sums."""
    orders = {row["id"]: row for row in company.rows("orders").to_pylist() if row["status"] != "cancelled"}
    net, units, counted = Decimal(0), 0, set()
    for line in company.rows("order_items").to_pylist():
        if line["order_id"] in orders:
            units += line["quantity"]
            counted.add(line["order_id"])
            if line["unit_price"] is not None:
                net += line["quantity"] * line["unit_price"] - line["discount_amount"]
    sales = company.truth().sales
    assert pc.sum(sales["net_amount"]).as_py() == net
    assert pc.sum(sales["units"]).as_py() == units
    assert pc.sum(sales["orders"]).as_py() == len(orders) == len(counted)
    assert pc.min(sales["business_date"]).as_py() == business_date(1)
    assert pc.max(sales["business_date"]).as_py() == business_date(40)


def test_cancelled_orders_that_were_paid_are_refunded_in_full(company: Company):
    payments = [json.loads(text) for text in company.rows("payments")["record"].to_pylist()]
    paid = {p["order"]["id"]: Decimal(p["amount"]["value"]) for p in payments if p["status"] == "captured"}
    refunds = [json.loads(text) for text in company.rows("refunds")["record"].to_pylist()]
    for refund in refunds:
        assert Decimal(refund["amount"]["value"]) == sum(Decimal(line["amount"]) for line in refund["lines"])
        assert Decimal(refund["amount"]["value"]) <= paid[refund["order"]["id"]]
    cancelled = [r for r in refunds if r["reason"] == "cancelled"]
    assert cancelled and all(Decimal(r["amount"]["value"]) == paid[r["order"]["id"]] for r in cancelled)
    due = company.clock - timedelta(days=1)  # a refund follows its cancellation within a day
    refunded = {r["order"]["id"] for r in cancelled}
    for order in company.rows("orders").to_pylist():
        if order["status"] == "cancelled" and order["updated_at"] < due and order["id"] in paid:
            assert order["id"] in refunded
    assert {r["status"] for r in refunds} == {"succeeded", "pending"}


def test_every_kind_of_messy_data_occurs(company: Company):
    planted = company.truth().planted
    assert {name for name, table in planted.items() if not table.num_rows} == set()
    changed = planted["customer_changes"]
    assert set(changed["field"].to_pylist()) == {"city", "segment", "email"}
    assert set(changed["seen"].to_pylist()) == {True, False}  # some changed twice in one day
    assert pc.all(pc.not_equal(changed["old"], changed["new"])).as_py()
    customers = company.rows("customers")
    names, emails = customers["full_name"].to_pylist(), customers["email"].to_pylist()
    assert {"", "   "} & set(names)
    assert any("ā" in name for name in names) and any("민준" in name for name in names)
    assert any(email and email != email.strip().lower() for email in emails)
    assert {row["status"] for row in company.rows("orders").to_pylist()} == {"placed", "completed", "cancelled"}
    assert None in company.rows("products")["category"].to_pylist()
    held = set(company.rows("orders")["id"].to_pylist())
    assert held.isdisjoint(planted["deleted_orders"]["order_id"].to_pylist())
    assert held.issuperset(set(planted["late_orders"]["order_id"].to_pylist())
                           - set(planted["deleted_orders"]["order_id"].to_pylist()))  # fmt: skip
    back = set(planted["returned_customers"]["customer_id"].to_pylist())
    assert back <= set(planted["deleted_customers"]["customer_id"].to_pylist())
    listed = planted["catalogue"]["listed"].to_pylist()
    assert True in listed and False in listed


def test_orders_of_the_day_with_25_hours_stay_within_that_day():
    """New Zealand's clocks go back on 2026-04-05, which is day 95."""
    company = Company(seed=1, scale=SCALE).live_until(96)
    orders = company.rows("orders").to_pylist()
    start, end = datetime(2026, 4, 4, 11, tzinfo=UTC), datetime(2026, 4, 5, 12, tzinfo=UTC)
    sunday = [order for order in orders if start <= order["ordered_at"] < end]
    sales = company.truth().sales
    sold = sales.filter(pc.equal(sales["business_date"], pa.scalar(business_date(95))))
    assert pc.sum(sold["orders"]).as_py() == sum(o["status"] != "cancelled" for o in sunday) > 0
    assert company.clock == datetime(2026, 4, 6, 12, tzinfo=UTC)


def test_no_spelling_belongs_to_two_categories():
    assert len(set(SPELLINGS)) == len(SPELLINGS) == 5 * len(CATEGORY_SPELLINGS)
    assert len({s.strip().lower() for s in CATEGORY_SPELLINGS}) == len(CATEGORY_SPELLINGS)
