"""What every table of the source systems can do."""

from abc import ABC, abstractmethod

import numpy as np
import pyarrow as pa

from demo.company.columns import Array, Columns


class Table(Columns, ABC):
    """A table that the shop or the payments API holds, and how its rows come, change and go."""

    def present(self) -> Array:
        """Positions of the rows that the system holds now."""
        return np.arange(self.count)

    @abstractmethod
    def rows(self, which: Array) -> dict[str, pa.Array]:
        """The rows at these positions as the system holds them now, by column."""
