"""The payment provider's payments: one captured payment an order, and attempts that failed."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo.company import words as w
from demo.company.arrow import digits, iso, join, money, words
from demo.company.clock import HOUR, MINUTE, SECOND
from demo.company.columns import Array
from demo.company.day import Day
from demo.company.order_items import OrderItems
from demo.company.orders import NO_REFUND, Orders
from demo.company.table import Table

CAPTURED, FAILED = range(2)


class Payments(Table):
    """Payments; those of orders that are committed late become `visible` with them."""

    def __init__(self, orders: Orders, items: OrderItems):
        super().__init__(
            order="i8", amount="i8", status="i1", brand="i1", last4="i2", created_at="i8", day="i4", visible="?",
        )  # fmt: skip
        self._orders, self._items = orders, items

    def appear(self, day: Day) -> None:
        """Payments of orders that were committed late are seen now."""
        hidden = np.flatnonzero(~self.visible)
        self.visible[hidden] = True
        day.change("payments", hidden)

    def pay(self, day: Day, which: Array) -> None:
        """Today's orders are paid; some fail first, a few fail for good and are cancelled unpaid."""
        rng, orders, count = day.rng, self._orders, len(which)
        amount = np.add.reduceat(self._items.amount, orders.first_item[which])[:count]
        chance = rng.random(count)
        unpaid = (chance < 0.003) & (orders.refund_kind[which] == NO_REFUND) & ~orders.late[which]
        failed = chance < 0.02
        paid_at = orders.ordered_at[which] + rng.integers(5 * SECOND, 3 * MINUTE, count)
        tries = np.concatenate([which[failed], which[~unpaid]])
        at = np.concatenate([paid_at[failed] - 3 * SECOND, paid_at[~unpaid]])
        status = np.repeat((FAILED, CAPTURED), (failed.sum(), (~unpaid).sum()))
        at = np.minimum(at, day.end - SECOND) // 1000 * 1000  # the API has milliseconds
        in_time = np.lexsort((status == CAPTURED, at))
        tries, status = tries[in_time], status[in_time]
        payments = self.add(
            len(tries), order=tries, amount=amount[tries - which[0]], status=status, created_at=at[in_time],
            brand=rng.choice(3, len(tries), p=(0.55, 0.35, 0.1)), last4=rng.integers(0, 10000, len(tries)),
            day=day.number, visible=~orders.late[tries],
        )  # fmt: skip
        captured = status == CAPTURED
        orders.payment[tries[captured]] = payments[captured]
        orders.cancel_at[which[unpaid]] = orders.ordered_at[which[unpaid]] + HOUR
        day.change("payments", payments[self.visible[payments]])

    def present(self) -> Array:
        return np.flatnonzero(self.visible)

    def rows(self, which: Array) -> dict[str, pa.Array]:
        """As the API holds them: id, updated_at in milliseconds, and record, the JSON text."""
        id_, at = payment_ids(which), iso(self.created_at[which])
        record = join(
            '{"id":"', id_, '","object":"payment","order":{"id":', digits(self.order[which] + 1),
            ',"channel":"', words(w.CHANNELS, self._orders.channel[self.order[which]]), '"},"amount":{"value":"',
            pc.cast(money(self.amount[which]), pa.string()),
            '","currency":"NZD"},"method":{"type":"card","card":{"brand":"',
            words(w.CARD_BRANDS, self.brand[which]), '","last4":"', digits(self.last4[which], 4), '"}},"status":"',
            words(w.PAYMENT_STATUSES, self.status[which]), '","created_at":"', at, '","updated_at":"', at, '"}',
        )  # fmt: skip
        return {"id": id_, "updated_at": pa.array(self.created_at[which] // 1000), "record": record}


def payment_ids(which: Array) -> pa.Array:
    """The provider's identifiers of the payments at these positions."""
    return join("pay_", digits(which + 1, 9))
