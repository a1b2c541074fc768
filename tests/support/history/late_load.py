"""One more load into a warehouse with history, which changes the past of a few members."""

from dataclasses import dataclass
from typing import Any

from support.history.fixtures import LATE_VERSIONS, at
from support.history.oracle import END, Version, row_at
from support.history.warehouse import ALWAYS_LISTED, CUSTOMER, HistoryWarehouse, raw_listing, raw_row

Facts = dict[str, dict[Any, tuple]]  # by table and key


@dataclass(frozen=True)
class LateLoad:
    """The members that the load changes, and the warehouse before and after the run that follows it."""

    touched: int  # a customer with a new row in which only `updated_at` differs
    overwritten: int  # a customer with another value in a column that is not tracked
    repeated: int  # a customer whose current version is delivered again
    relisted: int  # a product with a new entry in the catalogue
    facts_before: Facts
    facts_after: Facts
    customers: dict[int, list[Version]]  # after the run
    computed: dict[str, set[int]]  # the members that the run computed again
    computed_in_next_run: dict[str, set[int]]  # those that the next run computed again, without a load in between


def load_late_versions(warehouse: HistoryWarehouse) -> LateLoad:
    """Complete the load, and run twice."""
    customers, products = warehouse.histories.customers, warehouse.histories.products
    latest = {member: row_at(rows, END) for member, rows in customers.items()}
    touched, overwritten, repeated = sorted(member for member, row in latest.items() if row["created_at"])[:3]
    new = [
        {**raw_row(touched, latest[touched]), "_changed_at": at(0), "updated_at": at(0)},
        {**raw_row(overwritten, latest[overwritten]), "_changed_at": at(0), "created_at": at(0)},
        raw_row(repeated, latest[repeated]),
    ]
    for table, rows in {"customers": [*LATE_VERSIONS["customers"], *new], "products": LATE_VERSIONS["products"]}.items():
        warehouse.raw.add("shop", table, [{**row, "_dlt_load_id": "s7"} for row in rows])

    # The next day's file equals the last one, but for one product.
    entries = {(member, sku): files["u4", 6, sku] for member, (_, files) in products.items() for sku in ("A", "B")}
    relisted = min(member for member, (rows, _) in products.items() if entries[member, "A"] == "old" and row_at(rows, END)["sku"] == "A")
    entries[relisted, "A"] = "new"
    listed = [raw_listing("u6", 7, f"{member}-{sku}", content) for (member, sku), content in entries.items() if content]
    warehouse.raw.add("supplier", "catalogue", listed + [raw_listing("u6", 7, sku, "old") for sku in ALWAYS_LISTED])

    before = _facts(warehouse)
    warehouse.mark()
    warehouse.raw.complete("shop", "s7")
    warehouse.raw.complete("supplier", "u6")
    warehouse.build()
    computed, after, versions = warehouse.computed_again(), _facts(warehouse), warehouse.versions("customer", CUSTOMER)
    warehouse.mark()
    warehouse.build()
    return LateLoad(touched, overwritten, repeated, relisted, before, after, versions, computed, warehouse.computed_again())


def _facts(warehouse: HistoryWarehouse) -> Facts:
    return {fact: {row[0]: row for row in warehouse.rows(fact)} for fact in ("core.fact_sales", "core.fact_payment")}
