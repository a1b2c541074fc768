"""What went and comes back: with the same id, two to twelve days later."""

import numpy as np

from demo.company.columns import Array
from demo.company.day import Day


class Returns:
    """The rows of one table that come back, by the day on which they do."""

    def __init__(self) -> None:
        self._on: dict[int, list[int]] = {}

    def plan(self, day: Day, gone: Array, share: float, is_sure: bool) -> None:
        """Of the rows that went today about `share` come back; the first of them surely, if `is_sure`."""
        returning = day.rng.random(len(gone)) < share
        if is_sure:
            returning[:1] = True
        for position in gone[returning]:
            self._on.setdefault(day.number + int(day.rng.integers(2, 13)), []).append(int(position))

    def today(self, day: Day) -> Array:
        """Which rows come back today."""
        return np.array(self._on.get(day.number, []), int)
