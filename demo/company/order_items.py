"""The lines of the shop's orders: a product, a quantity, a price that is now and then missing."""

import numpy as np
import pyarrow as pa

from demo.company import words as w
from demo.company.arrow import TIMESTAMP, money
from demo.company.columns import Array
from demo.company.customers import Customers
from demo.company.day import Day
from demo.company.journal import Journal
from demo.company.orders import Orders
from demo.company.products import Products
from demo.company.table import Table


class OrderItems(Table):
    """Order lines; the shop does not show the price where it is not `known`, but was paid it all the same."""

    def __init__(self, orders: Orders, customers: Customers, products: Products):
        super().__init__(
            order="i8", line="i4", product="i4", quantity="i4", price="i8", known="?", discount="i8", amount="i8",
        )  # fmt: skip
        self._orders, self._customers, self._products = orders, customers, products
        self.large_quantities = Journal(order_item_id=pa.int64(), quantity=pa.int32())

    def fill(self, day: Day, orders: Array) -> None:
        """The lines of the orders that were placed today."""
        rng = day.rng
        counts = self._orders.items[orders]
        order, total = np.repeat(orders, counts), int(counts.sum())
        product = self._products.sell(day, total)
        bulk = self._customers.segment[self._orders.customer[order]] == w.SEGMENTS.index("wholesale")
        quantity = np.minimum(rng.geometric(0.7, total), 6) * np.where(bulk, 5, 1)
        outlier = rng.random(total) < 0.0001
        if day.every(7, offset=3):
            outlier[rng.integers(0, total)] = True
        quantity[outlier] = rng.integers(250, 1000, int(outlier.sum()))
        price = self._products.price_at(product, self._orders.ordered_at[order])
        percent = np.where(rng.random(total) < 0.3, rng.choice((5, 10, 15, 20, 25, 30), total), 0)
        discount = (quantity * price * percent + 50) // 100
        known = rng.random(total) >= 0.002
        if day.every(2):
            known[rng.integers(0, total)] = False
        items = self.add(
            total, order=order, line=np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts) + 1,
            product=product, quantity=quantity, price=price, known=known, discount=discount,
            amount=quantity * price - discount,
        )  # fmt: skip
        self.large_quantities.note(order_item_id=items[outlier] + 1, quantity=quantity[outlier])

    def present(self) -> Array:
        return np.flatnonzero(self._orders.alive[self.order])

    def rows(self, which: Array) -> dict[str, pa.Array]:
        return {
            "id": pa.array(which + 1),
            "order_id": pa.array(self.order[which] + 1),
            "line_number": pa.array(self.line[which]),
            "product_id": pa.array(self.product[which].astype("i8") + 1),
            "quantity": pa.array(self.quantity[which]),
            "unit_price": money(self.price[which], ~self.known[which]),
            "discount_amount": money(self.discount[which]),
            "updated_at": pa.array(self._orders.ordered_at[self.order[which]], TIMESTAMP),
        }
