"""The whole company in memory, and the order in which its day goes by."""

from datetime import datetime

import pyarrow as pa

from demo.company.clock import clock_at, to_datetime
from demo.company.columns import Array
from demo.company.customers import Customers
from demo.company.day import Changes, Day
from demo.company.order_items import OrderItems
from demo.company.orders import Orders
from demo.company.payments import Payments
from demo.company.products import Products
from demo.company.refunds import Refunds
from demo.company.stores import Stores
from demo.company.supplier import Supplier
from demo.company.table import Table
from demo.company.truth import Truth, truth

SIMULATION = 1  # raise it when a change here makes other days of the same seed: folders are then remade


class Company:
    """`scale` multiplies customers and orders; products and stores stay."""

    def __init__(self, seed: int = 1, scale: float = 1.0):
        self.seed, self.scale, self.day = seed, scale, 0
        self.customers = Customers(scale)
        self.products = Products()
        self.supplier = Supplier(self.products)
        self.stores = Stores()
        self.orders = Orders(scale, self.customers)
        self.order_items = OrderItems(self.orders, self.customers, self.products)
        self.payments = Payments(self.orders, self.order_items)
        self.refunds = Refunds(self.orders, self.order_items)
        opening = Day(seed, 0)
        self.customers.open(opening)
        self.supplier.offer(opening, self.products.open(opening))

    def live(self) -> Changes:
        """Live the next day. `rows(table, changes.upserts[table])` are right until the day after is lived."""
        self.day += 1
        day = Day(self.seed, self.day)
        self.customers.leave(day)
        self.orders.delete(day)
        self.customers.appear(day)
        self.orders.appear(day)
        self.payments.appear(day)
        self.customers.change(day)
        self.supplier.offer(day, self.products.change(day))
        self.supplier.change(day)
        self.stores.change(day)
        placed = self.orders.place(day, first_item=self.order_items.count)
        self.order_items.fill(day, placed)
        self.payments.pay(day, placed)
        self.orders.advance(day)
        self.refunds.settle(day)
        self.refunds.make(day)
        return day.changes()

    def live_until(self, day: int) -> "Company":
        """Live up to and including day `day`; returns the company itself."""
        while self.day < day:
            self.live()
        return self

    @property
    def clock(self) -> datetime:
        """The company's present: the end of the last day lived, in UTC."""
        return to_datetime(clock_at(self.day))

    def present(self, table: str) -> Array:
        """Positions of the rows that a table of the shop or the payments API holds now."""
        return self._table(table).present()

    def rows(self, table: str, which: Array | None = None) -> pa.Table:
        """Rows at the positions `which` (default: all present) as the source holds them now.

        For payments and refunds the columns are id, updated_at (milliseconds) and record, the JSON text.
        """
        return pa.table(self._table(table).rows(self.present(table) if which is None else which))

    def catalogue(self) -> str:
        """The supplier's file of today, as text."""
        return self.supplier.catalogue(self.seed, self.day)

    def truth(self) -> Truth:
        """What the company sold, was paid and gave back, and every oddity that was planted."""
        return truth(self)

    def _table(self, name: str) -> Table:
        tables: dict[str, Table] = {
            "customers": self.customers, "products": self.products, "stores": self.stores, "orders": self.orders,
            "order_items": self.order_items, "payments": self.payments, "refunds": self.refunds,
        }  # fmt: skip
        return tables[name]
