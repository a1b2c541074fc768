"""The shop's orders: placed, completed or cancelled, some deleted, some committed a day late."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from demo.company import words as w
from demo.company.arrow import TIMESTAMP, words
from demo.company.clock import DAY, HOUR, MINUTE, NEVER, business_date, clock_at
from demo.company.columns import Array, spread
from demo.company.customers import Customers
from demo.company.day import Day
from demo.company.journal import Journal
from demo.company.table import Table

ORDERS_A_DAY = 425  # at scale 1
WEEKDAYS = (0.85, 0.85, 0.9, 0.95, 1.15, 1.35, 1.05)  # Monday to Sunday, how busy
PLACED, COMPLETED, CANCELLED = range(3)
STORE, ONLINE = range(2)
NO_REFUND, PARTIAL, FULL = range(3)


class Orders(Table):
    """Orders carry their own future (complete_at ... delete_day), drawn when they are placed."""

    def __init__(self, scale: float, customers: Customers):
        super().__init__(
            day="i4", customer="i8", store="i4", channel="i1", status="i1", ordered_at="i8", updated_at="i8",
            first_item="i8", items="i4", payment="i8", alive="?", late="?", complete_at="i8", cancel_at="i8",
            refund_at="i8", refund_kind="i1", delete_day="i4",
        )  # fmt: skip
        self._scale, self._customers = scale, customers
        self._tomorrow = np.empty(0, int)  # whose rows appear tomorrow
        self.deleted = Journal(order_id=pa.int64(), day=pa.int32(), ordered_at=TIMESTAMP, items=pa.int32())

    def lines(self, which: Array) -> Array:
        """Positions of the order lines of these orders."""
        return spread(self.first_item[which], self.items[which])

    def delete(self, day: Day) -> None:
        """Orders that vanish from the shop today, lines and all. Their payments stay where they are."""
        gone = np.flatnonzero(self.alive & (self.delete_day == day.number))
        self.alive[gone] = False
        day.delete("orders", gone)
        day.delete("order_items", self.lines(gone))
        self.deleted.note(order_id=gone + 1, day=day.number, ordered_at=self.ordered_at[gone], items=self.items[gone])

    def appear(self, day: Day) -> None:
        """Orders that were committed late come into the database, lines and all."""
        self.alive[self._tomorrow] = True
        self._note(day, self._tomorrow)

    def place(self, day: Day, first_item: int) -> Array:
        """Today's orders with their futures; returns their positions. Their lines begin at position `first_item`."""
        rng = day.rng
        busy = WEEKDAYS[business_date(day.number).weekday()] * (1 + 0.001 * day.number)
        count = max(4, int(rng.poisson(ORDERS_A_DAY * self._scale * busy)))
        channel = (rng.random(count) < 0.42).astype("i1")
        hours = np.where(channel == ONLINE, rng.normal(19.5, 4.5, count) % 24, rng.triangular(9, 13.5, 19, count))
        ordered_at = np.sort(day.at_hours(hours))
        # Sorted times no longer match the channels drawn: whoever orders outside trading hours is online.
        local = (ordered_at - day.end) / HOUR + 24
        channel = np.where((local < 9) | (local > 19), ONLINE, channel)
        late = self._late(day, ordered_at)
        customer = self._customers.place_orders(day, ordered_at, late)
        items = 1 + np.minimum(rng.poisson(1.5, count), 8)
        future = _futures(day, ordered_at, channel, late)
        orders = self.add(
            count, day=day.number, customer=customer, store=rng.choice(len(w.STORES), count, p=_STORE_SHARE),
            channel=channel, status=PLACED, ordered_at=ordered_at, updated_at=ordered_at, items=items,
            first_item=first_item + np.cumsum(items) - items, payment=-1, alive=~late, late=late, **future,
        )  # fmt: skip
        self._note(day, orders[~late])
        self._tomorrow = orders[late]
        return orders

    def advance(self, day: Day) -> None:
        """Orders whose time has come are completed or cancelled."""
        open_ = self.alive & (self.status != CANCELLED)
        done = np.flatnonzero(open_ & (self.status == PLACED) & (self.complete_at < day.end))
        self.status[done], self.updated_at[done] = COMPLETED, self.complete_at[done]
        stopped = np.flatnonzero(open_ & (self.cancel_at < day.end))
        self.status[stopped], self.updated_at[stopped] = CANCELLED, self.cancel_at[stopped]
        day.change("orders", done, stopped)

    def _note(self, day: Day, which: Array) -> None:
        day.change("orders", which)
        day.change("order_items", self.lines(which))

    def _late(self, day: Day, ordered_at: Array) -> Array:
        """Which of today's orders only reach the database tomorrow; by then not older than LATEST_COMMIT."""
        late = np.zeros(len(ordered_at), bool)
        late[day.pick(np.flatnonzero(ordered_at >= day.late_from), day.some(2 * self._scale) + 1)] = True
        return late

    def present(self) -> Array:
        return np.flatnonzero(self.alive)

    def rows(self, which: Array) -> dict[str, pa.Array]:
        return {
            "id": pa.array(which + 1),
            "customer_id": pa.array(self.customer[which] + 1),
            "store_id": pa.array(self.store[which].astype("i8") + 1),
            "channel": words(w.CHANNELS, self.channel[which]),
            "status": words(w.ORDER_STATUSES, self.status[which]),
            "ordered_at": pa.array(self.ordered_at[which], TIMESTAMP),
            "updated_at": pa.array(self.updated_at[which], TIMESTAMP),
        }


def _futures(day: Day, ordered_at: Array, channel: Array, late: Array) -> dict[str, npt.ArrayLike]:
    """When orders will be completed, cancelled, refunded (or NEVER) and on which day deleted (or 0)."""
    rng, count = day.rng, len(ordered_at)
    in_store = (channel == STORE) & (rng.random(count) < 0.8)
    delay = np.where(in_store, rng.integers(5 * MINUTE, HOUR, count), rng.integers(6 * HOUR, 44 * HOUR, count))
    # What happens to a late order happens once it is in the database, or it would not look late.
    base = ordered_at + np.where(late, 48 * HOUR, 0)
    fate = rng.random(count)
    fate[rng.integers(0, count)] = 0.01  # every day has one that will be cancelled,
    fate[rng.integers(0, count)] = 0.05  # and one that comes back in part
    cancelled, partial, full = fate < 0.03, (fate >= 0.03) & (fate < 0.055), (fate >= 0.055) & (fate < 0.07)
    cancel_at = base + rng.integers(HOUR, 10 * DAY, count)
    return_at = base + delay + rng.integers(HOUR, 20 * DAY, count)
    refund_at = np.where(cancelled, cancel_at + rng.integers(MINUTE, 20 * HOUR, count), return_at)
    refund_at = np.where(cancelled | partial | full, refund_at, NEVER)
    return {
        "complete_at": base + delay,
        "cancel_at": np.where(cancelled, cancel_at, NEVER),
        "refund_at": refund_at,
        "refund_kind": np.select([cancelled | full, partial], [FULL, PARTIAL], NO_REFUND),
        "delete_day": _delete_days(day, refund_at),
    }


def _delete_days(day: Day, refund_at: Array) -> Array:
    """On which day orders are deleted, or 0; an order that is refunded not before that is over."""
    count = len(refund_at)
    chosen = day.pick(np.arange(count), int(day.rng.binomial(count, 0.003)) + (day.number % 2))
    settled = np.where(refund_at == NEVER, 0, (refund_at - clock_at(0)) // DAY + 2)
    wanted = day.number + 1 + np.minimum(day.rng.exponential(4, count), 20).astype(int)
    delete_day = np.zeros(count, int)
    delete_day[chosen] = np.maximum(wanted, settled)[chosen]
    return delete_day


_STORE_SHARE = np.arange(len(w.STORES), 0, -1) / np.arange(1, len(w.STORES) + 1).sum()
