"""What really happened: what the company sold, was paid and gave back, and every oddity that was planted."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from demo.company import words as w
from demo.company.arrow import TIMESTAMP, dates, money, words
from demo.company.clock import clock_at
from demo.company.columns import Array
from demo.company.orders import CANCELLED
from demo.company.payments import CAPTURED
from demo.company.refunds import SUCCEEDED

if TYPE_CHECKING:
    from demo.company.company import Company


@dataclass
class Truth:
    """What happened up to the end of `day`; amounts are exact decimals of NZD.

    sales      one row per business_date, store_id, channel: orders that are in the shop, not cancelled.
               net_amount leaves out lines whose price is missing; units and lines count them too.
    payments   captured payments per NZ date of created_at: payments, amount
    refunds    succeeded refunds per NZ date of created_at: refunds, amount
    planted    name of an oddity -> table of its rows
    """

    day: int
    sales: pa.Table
    payments: pa.Table
    refunds: pa.Table
    planted: dict[str, pa.Table] = field(default_factory=dict)


def truth(company: "Company") -> Truth:
    """The truth about the company up to its present day."""
    payments, refunds = company.payments, company.refunds
    captured = payments.visible & (payments.status == CAPTURED)
    succeeded = refunds.status == SUCCEEDED
    return Truth(
        company.day,
        _sales(company),
        _per_date("payments", payments.day[captured], payments.amount[captured]),
        _per_date("refunds", refunds.day[succeeded], refunds.amount[succeeded]),
        _planted(company),
    )


def _sales(company: "Company") -> pa.Table:
    orders, items = company.orders, company.order_items
    sold = np.flatnonzero((orders.alive & (orders.status != CANCELLED))[items.order])
    order = items.order[sold]
    lines = pa.table({
        "business_date": dates(orders.day[order]), "store_id": orders.store[order].astype("i8") + 1,
        "channel": words(w.CHANNELS, orders.channel[order]),
        "cents": np.where(items.known[sold], items.amount[sold], 0),
        "quantity": items.quantity[sold].astype("i8"), "first": (items.line[sold] == 1).astype("i8"),
        "priceless": (~items.known[sold]).astype("i8"),
    })  # fmt: skip
    keys = ["business_date", "store_id", "channel"]
    sums = lines.group_by(keys).aggregate(
        [("cents", "sum"), ("first", "sum"), ("quantity", "sum"), ("cents", "count"), ("priceless", "sum")]
    )
    return pa.table({
        **{key: sums[key] for key in keys}, "net_amount": money(sums["cents_sum"].to_numpy()),
        "orders": sums["first_sum"], "units": sums["quantity_sum"], "lines": sums["cents_count"],
        "lines_without_price": sums["priceless_sum"],
    }).sort_by([(key, "ascending") for key in keys])  # fmt: skip


def _per_date(name: str, day: Array, cents: Array) -> pa.Table:
    days, group = np.unique(day, return_inverse=True)
    total = np.zeros(len(days), np.int64)
    np.add.at(total, group, cents)
    return pa.table({"date": dates(days), name: np.bincount(group, minlength=len(days)), "amount": money(total)})


def _planted(company: "Company") -> dict[str, pa.Table]:
    customers, orders, items = company.customers, company.orders, company.order_items
    journals = {
        "customer_changes": customers.changed,
        "password_changes": customers.changed_passwords,
        "product_changes": company.products.changed,
        "store_changes": company.stores.changed,
        "deleted_customers": customers.deleted,
        "returned_customers": customers.returned,
        "deleted_orders": orders.deleted,
        "catalogue": company.supplier.journal,
        "price_typos": company.products.typos,
        "large_quantities": items.large_quantities,
    }
    late = np.flatnonzero(orders.late & (orders.day < company.day))
    priceless = np.flatnonzero(~items.known & orders.alive[items.order])
    return {name: journal.table() for name, journal in journals.items()} | {
        "late_orders": pa.table({
            "order_id": late + 1, "ordered_at": pa.array(orders.ordered_at[late], TIMESTAMP),
            "appeared_on_day": orders.day[late] + 1,
        }),
        "late_customers": _late_customers(company),
        "lines_without_price": pa.table({
            "order_item_id": priceless + 1, "order_id": items.order[priceless] + 1,
            "amount": money(items.amount[priceless]),
        }),
    }  # fmt: skip


def _late_customers(company: "Company") -> pa.Table:
    """Customers whose rows came into the database after the day of their first order."""
    customers, orders = company.customers, company.orders
    tardy = np.flatnonzero(customers.late & (customers.created_at < clock_at(company.day - 1)))
    theirs = np.sort(np.flatnonzero(np.isin(orders.customer, tardy)))
    _, position = np.unique(orders.customer[theirs], return_index=True)
    first = theirs[position]
    return pa.table({
        "customer_id": tardy + 1, "created_at": pa.array(customers.created_at[tardy], TIMESTAMP),
        "first_order_id": first + 1, "appeared_on_day": orders.day[first] + 1,
    })  # fmt: skip
