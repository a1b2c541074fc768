"""Columns that grow, in NumPy: what the company's tables are made of."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Columns:
    """Named columns of equal length in arrays that double when full. Row `i` belongs to id `i + 1`."""

    def __init__(self, **dtypes: npt.DTypeLike):
        self._arrays: dict[str, Array] = {name: np.empty(16, dtype) for name, dtype in dtypes.items()}
        self.count = 0

    def __getattr__(self, name: str) -> Array:
        """The column's values so far, as a view: assigning into it changes the table."""
        try:
            array: Array = self.__dict__["_arrays"][name]
        except KeyError:
            raise AttributeError(name) from None
        return array[: self.count]

    def add(self, rows: int, **values: npt.ArrayLike) -> Array:
        """Append `rows` rows, every column given as an array or as one value; returns their positions."""
        if values.keys() != self._arrays.keys():
            raise TypeError(f"columns {sorted(values.keys() ^ self._arrays.keys())} are missing or unknown")
        first, self.count = self.count, self.count + rows
        for name, value in values.items():
            array = self._arrays[name]
            if self.count > len(array):
                grown = np.empty(max(self.count, 2 * len(array)), array.dtype)
                grown[:first] = array[:first]
                self._arrays[name] = array = grown
            array[first : self.count] = value
        return np.arange(first, self.count)


def spread(first: Array, count: Array) -> Array:
    """The ranges first[i] .. first[i] + count[i] - 1, one after another."""
    before = np.cumsum(count) - count
    return np.repeat(first - before, count) + np.arange(int(count.sum()))


def strings(numbers: Array) -> Array:
    """Numbers as Python's strings, which can be added to others."""
    return numbers.astype(str).astype(object)
