"""One business day while it is lived: its hours, its chances, and what has changed so far."""

from dataclasses import dataclass

import numpy as np

from demo.company.clock import DAY, HOUR, SECOND, clock_at
from demo.company.columns import Array

SHOP_TABLES = ("customers", "products", "stores", "orders", "order_items")
PAYMENT_TABLES = ("payments", "refunds")
LATEST_COMMIT = 34 * HOUR  # a late row is at most this old when it appears (the contract is 36 h)


@dataclass
class Changes:
    """What one day did: positions of inserted or changed rows per table, and ids of rows that are gone."""

    day: int
    upserts: dict[str, Array]
    deletes: dict[str, Array]


class Day:
    """The day `number` of the company of this seed; day 0 is the opening."""

    def __init__(self, seed: int, number: int):
        self.number = number
        self.rng = np.random.default_rng((seed, number))
        self.start, self.end = clock_at(number - 1), clock_at(number)
        self.late_from = clock_at(number + 1) - LATEST_COMMIT  # a row of before must not be committed tomorrow
        self._changed: dict[str, list[Array]] = {table: [] for table in SHOP_TABLES + PAYMENT_TABLES}
        self._gone: dict[str, Array] = {}

    def every(self, days: int, offset: int = 0) -> bool:
        """Is it the day for what happens each `days` days?"""
        return self.number % days == offset

    def some(self, average: float, every: int = 0) -> int:
        """How often something happens today; surely on every `every`-th day, so that small companies see it."""
        return int(self.rng.poisson(average)) + (1 if every and self.every(every) else 0)

    def pick(self, positions: Array, count: int) -> Array:
        """`count` different ones of `positions`, or all of them if there are fewer; ascending."""
        return np.sort(self.rng.choice(positions, min(count, len(positions)), replace=False))

    def times(self, count: int, earliest: float = 7, latest: float = 22) -> Array:
        """Points in time of today between two hours of the local day."""
        return self.at_hours(self.rng.uniform(earliest, latest, count))

    def at_hours(self, hours: Array) -> Array:
        """Local hours (0..24) as points in time. Clocks change before 3 a.m.: count from the nearer midnight."""
        parts = (hours * HOUR).astype(np.int64)
        times = np.where(hours < 3, self.start + parts, self.end - 24 * HOUR + parts)
        return np.clip(times, self.start, self.end - SECOND)

    def before(self, count: int) -> Array:
        """Points in time of the two years before today."""
        return self.end - self.rng.integers(DAY, 700 * DAY, count)

    def change(self, table: str, *positions: Array) -> None:
        """Note that these rows were inserted or changed."""
        self._changed[table] += positions

    def delete(self, table: str, positions: Array) -> None:
        """Note that these rows are gone."""
        self._gone[table] = positions + 1

    def changes(self) -> Changes:
        """All that was noted."""
        upserts = {table: np.unique(np.concatenate(parts or [np.empty(0, int)])) for table, parts in self._changed.items()}
        return Changes(self.number, upserts, self._gone)
