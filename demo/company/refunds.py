"""The payment provider's refunds: in full or for one line, some pending for a day or two."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo.company import words as w
from demo.company.arrow import digits, iso, join, money, words
from demo.company.clock import SECOND
from demo.company.columns import Array, Columns, spread
from demo.company.day import Day
from demo.company.order_items import OrderItems
from demo.company.orders import CANCELLED, FULL, Orders
from demo.company.payments import payment_ids
from demo.company.table import Table

PENDING, SUCCEEDED = range(2)


class Refunds(Table):
    """Refunds, and beside them the order lines that each gives back."""

    def __init__(self, orders: Orders, items: OrderItems):
        super().__init__(
            payment="i8", order="i8", amount="i8", reason="i1", status="i1", created_at="i8", updated_at="i8",
            settle_at="i8", first_line="i8", lines="i4", day="i4",
        )  # fmt: skip
        self._lines = Columns(item="i8", amount="i8")
        self._orders, self._items = orders, items

    def settle(self, day: Day) -> None:
        """Pending refunds whose time has come succeed."""
        settled = np.flatnonzero((self.status == PENDING) & (self.settle_at < day.end))
        self.status[settled], self.updated_at[settled] = SUCCEEDED, self.settle_at[settled]
        day.change("refunds", settled)

    def make(self, day: Day) -> None:
        """Refunds that are due are made, in full or for one line; some are pending first."""
        orders, rng = self._orders, day.rng
        due = np.flatnonzero(orders.alive & (orders.refund_at >= day.start) & (orders.refund_at < day.end))
        due = due[np.argsort(orders.refund_at[due], kind="stable")]
        first_line, lines, amount = self._give_back(day, due)
        at = orders.refund_at[due] // 1000 * 1000
        pending = rng.random(len(due)) < 0.3
        if day.every(2):
            pending[:1] = True
        cancelled = orders.status[due] == CANCELLED
        made = self.add(
            len(due), payment=orders.payment[due], order=due, amount=amount,
            reason=np.where(cancelled, 0, rng.integers(1, len(w.REFUND_REASONS), len(due))),
            status=np.where(pending, PENDING, SUCCEEDED), created_at=at, updated_at=at, day=day.number,
            settle_at=np.where(pending, at + rng.integers(24 * 3600, 48 * 3600, len(due)) * SECOND, at),
            first_line=first_line, lines=lines,
        )  # fmt: skip
        day.change("refunds", made)

    def _give_back(self, day: Day, due: Array) -> tuple[Array, Array, Array]:
        """Add the lines that these orders give back; where they begin, how many they are and what they are worth, by order."""
        orders, items, rng = self._orders, self._items, day.rng
        full = orders.refund_kind[due] == FULL
        chosen = orders.first_item[due] + rng.integers(0, orders.items[due])
        lines = np.where(full, orders.items[due], 1)
        item = spread(np.where(full, orders.first_item[due], chosen), lines)
        percent = np.repeat(np.where(full, 100, rng.choice((50, 100), len(due))), lines)
        added = self._lines.add(len(item), item=item, amount=(items.amount[item] * percent + 50) // 100)
        ends = np.cumsum(lines)
        totals = np.concatenate([[0], np.cumsum(self._lines.amount[added])])
        return (added[0] if len(item) else 0) + ends - lines, lines, totals[ends] - totals[ends - lines]

    def rows(self, which: Array) -> dict[str, pa.Array]:
        """As the API holds them: id, updated_at in milliseconds, and record, the JSON text."""
        id_ = join("ref_", digits(which + 1, 9))
        record = join(
            '{"id":"', id_, '","object":"refund","payment":{"id":"', payment_ids(self.payment[which]),
            '"},"order":{"id":', digits(self.order[which] + 1), '},"amount":{"value":"',
            pc.cast(money(self.amount[which]), pa.string()), '","currency":"NZD"},"reason":"',
            words(w.REFUND_REASONS, self.reason[which]), '","lines":[', self._lines_of(which), '],"status":"',
            words(w.REFUND_STATUSES, self.status[which]), '","created_at":"', iso(self.created_at[which]),
            '","updated_at":"', iso(self.updated_at[which]), '"}',
        )  # fmt: skip
        return {"id": id_, "updated_at": pa.array(self.updated_at[which] // 1000), "record": record}

    def _lines_of(self, which: Array) -> pa.Array:
        """The lines of each refund as JSON, separated by commas."""
        counts = self.lines[which]
        line = spread(self.first_line[which], counts)
        each = join('{"order_item_id":', digits(self._lines.item[line] + 1), ',"amount":"',
                    pc.cast(money(self._lines.amount[line]), pa.string()), '"}')  # fmt: skip
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype("i4")
        return pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), each), ",")
