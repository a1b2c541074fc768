"""A small shop whose facts need history, as row versions: in the order of time, or spread over loads in any other order.

Each copy of the shop has ids of its own, so that the same runs build all copies in one warehouse.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

DAY0 = datetime(2026, 3, 1, tzinfo=UTC)
APART = 1_000_000  # between the ids of two copies


def at(day: float) -> datetime:
    return DAY0 + timedelta(days=day)


def shop_versions(copy: int) -> list[tuple[str, str, dict[str, Any]]]:
    """Source, table and row of each row version, in the order of time."""
    base = copy * APART
    versions = [*_customers(base), *_stores(base), *_products(base), *_orders(base), *_lines(base), *_payments(base)]
    return sorted(versions, key=lambda version: version[2]["_changed_at"])


def _row(source: str, table: str, day: float, is_deleted: bool = False, **values: Any) -> tuple[str, str, dict[str, Any]]:
    return source, table, {**values, "updated_at": at(day), "_changed_at": at(day), "_deleted_at": at(day) if is_deleted else None}


def _customers(base: int) -> Iterator[tuple]:
    """The first moves and is deleted; the second has an order before her first version; the third has orders and no version."""
    yield _row("shop", "customers", 0, id=base + 1, full_name="Ann", city="Nelson")
    yield _row("shop", "customers", 4, id=base + 1, full_name="Ann", city="Picton")
    yield _row("shop", "customers", 8, is_deleted=True, id=base + 1, full_name="Ann", city="Picton")
    yield _row("shop", "customers", 2, id=base + 2, full_name="Bea", city="Napier")


def _stores(base: int) -> Iterator[tuple]:
    yield _row("shop", "stores", 0, id=base + 1, name="Harbour")
    yield _row("shop", "stores", 0.5, id=base + 2, name="Hill")
    yield _row("shop", "stores", 5, id=base + 2, name="Hilltop")


def _products(base: int) -> Iterator[tuple]:
    """The second is sold before its first version; the third is sold and has no version."""
    yield _row("shop", "products", 0, id=base + 1, sku=f"W{base}-1", name="Lamp", price=Decimal("10.00"))
    yield _row("shop", "products", 3, id=base + 1, sku=f"W{base}-1", name="Lamp", price=Decimal("12.00"))
    yield _row("shop", "products", 6, id=base + 2, sku=f"W{base}-2", name="Rug", price=Decimal("90.00"))


ORDERS = (  # id, day, customer, store
    (1, 1, 1, 1), (2, 1.5, 2, 1), (3, 5, 1, 2), (4, 6, 3, 2), (5, 2, 2, 1), (6, 9, 1, 2),
    (7, 4, 1, 1),  # exactly when the customer changes
    (8, 3.9, 1, 1),
)  # fmt: skip


# Order, day, status. The shop has no order 99.
PAYMENTS = (
    (1, 1, "captured"), (3, 5, "failed"), (3, 5.5, "captured"), (5, 2, "captured"), (6, 9, "captured"), (8, 3.9, "captured"),
    (99, 3, "captured"),
)  # fmt: skip


def _orders(base: int) -> Iterator[tuple]:
    for order, day, customer, store in ORDERS:
        row = {"id": base + order, "customer_id": base + customer, "store_id": base + store, "channel": "store", "ordered_at": at(day)}
        yield _row("shop", "orders", day, **row, status="placed")
        if order == 3:
            yield _row("shop", "orders", 7, **row, status="completed")
        if order == 5:
            yield _row("shop", "orders", 9.5, is_deleted=True, **row, status="placed")


def _lines(base: int) -> Iterator[tuple]:
    for order, day, *_ in ORDERS:
        for number in (1, 2):
            row = {"id": base + 10 * order + number, "order_id": base + order, "line_number": number, "quantity": number,
                   "product_id": base + 1 + (order + number) % 3, "discount_amount": Decimal("0.50")}  # fmt: skip
            yield _row("shop", "order_items", day, **row, unit_price=Decimal("10.00"))
            if order == 1:
                yield _row("shop", "order_items", day + 1, **row, unit_price=Decimal("11.00"))
            if (order, number) == (8, 2):
                yield _row("shop", "order_items", 6.5, is_deleted=True, **row, unit_price=Decimal("10.00"))


def _payments(base: int) -> Iterator[tuple]:
    for order, day, status in PAYMENTS:
        yield _record("payments", day, f"pay-{base + order}-{day}", base + order, status, {"method": {"type": "cash"}})
    refund = {"payment": {"id": f"pay-{base + 1}-1"}, "lines": [{"order_item_id": base + 11, "amount": "2.50"}], "reason": "scratched"}
    yield _record("refunds", 4, f"refund-{base + 1}", base + 1, "pending", refund)
    yield _record("refunds", 6, f"refund-{base + 1}", base + 1, "succeeded", refund, created=4)


def _record(table: str, day: float, name: str, order: int, status: str, more: dict[str, Any], created: float | None = None) -> tuple:
    amount = {"value": "2.50" if table == "refunds" else "20.00", "currency": "NZD"}
    record = {
        "order": {"id": order},
        "amount": amount,
        "status": status,
        "created_at": at(day if created is None else created).isoformat(),
        **more,
    }
    return _row("payments", table, day, id=name, record=json.dumps(record))


def skus(copies: int) -> list[str]:
    return [f"W{copy * APART}-{number}" for copy in range(1, copies + 1) for number in (1, 2)]


def in_loads(versions: Sequence[tuple], loads: Sequence[str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The row versions, each in its load."""
    for (source, table, row), load in zip(versions, loads, strict=True):
        yield source, table, {**row, "_dlt_load_id": load}


# A later load that changes the past: new versions of two customers and a product.
LATE_VERSIONS = {
    "customers": (
        {"id": APART + 1, "full_name": "Ann", "city": "Wanaka", "_changed_at": at(1.7)},  # between two versions
        {"id": APART + 3, "full_name": "Cid", "city": "Timaru", "_changed_at": at(20)},  # so far only facts named this customer
    ),
    "products": ({"id": 2 * APART + 2, "sku": f"W{2 * APART}-2", "name": "Mat", "_changed_at": at(5.5)},),  # before the first version
}
