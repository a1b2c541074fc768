"""Columns that grow, and the exact Arrow types that the simulation hands out.

Inside the simulation money is integers of cents and an instant is an integer of microseconds since 1970 UTC.
"""

import numpy as np
import pyarrow as pa

NEVER = np.iinfo(np.int64).max
MONEY = pa.decimal128(12, 2)
INSTANT = pa.timestamp("us", tz="UTC")


class Columns:
    """Named columns of equal length in arrays that double when full. Row `i` belongs to id `i + 1`."""

    def __init__(self, **dtypes):
        self._arrays = {name: np.empty(16, dtype) for name, dtype in dtypes.items()}
        self.count = 0

    def __getattr__(self, name: str) -> np.ndarray:
        """The column's values so far, as a view: assigning into it changes the table."""
        try:
            return self.__dict__["_arrays"][name][: self.count]
        except KeyError:
            raise AttributeError(name) from None

    def add(self, rows: int, **values) -> np.ndarray:
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


class Journal:
    """What happened, noted in pieces (one per day and kind) and read as one Arrow table."""

    def __init__(self, **types):
        self._schema = pa.schema(list(types.items()))
        self._pieces = []

    def note(self, **values) -> None:
        """Add rows: every column an array of the same length, or one value for all of them."""
        lengths = [len(v) for v in values.values() if isinstance(v, np.ndarray)]
        rows = lengths[0] if lengths else 1
        if rows:
            self._pieces.append({k: v if isinstance(v, np.ndarray) else [v] * rows for k, v in values.items()})

    def table(self) -> pa.Table:
        """Everything noted so far, in order."""
        return pa.table(
            {f.name: to_arrow(np.concatenate([np.asarray(p[f.name], object) for p in self._pieces] or [[]]), f.type) for f in self._schema}
        )


def to_arrow(values: np.ndarray, type_: pa.DataType, missing: np.ndarray | None = None) -> pa.Array:
    """An Arrow array of `type_`; cents become MONEY, microseconds INSTANT, where `missing` null."""
    if type_ == MONEY:
        return money(np.asarray(values, np.int64), missing)
    return pa.array(values, type_, mask=missing)


def money(cents: np.ndarray, missing: np.ndarray | None = None) -> pa.Array:
    """Integers of cents as decimal(12, 2), without passing through text or floats."""
    wide = np.empty((len(cents), 2), np.int64)  # little-endian 128 bit: low word, then the sign's extension
    wide[:, 0], wide[:, 1] = cents, cents >> 63
    array = pa.Array.from_buffers(MONEY, len(cents), [None, pa.py_buffer(wide)])
    if missing is None or not missing.any():
        return array
    valid = pa.py_buffer(np.packbits(~missing, bitorder="little"))
    return pa.Array.from_buffers(MONEY, len(cents), [valid, pa.py_buffer(wide)])


def words(choices: tuple[str, ...], codes: np.ndarray) -> pa.Array:
    """The words that the codes stand for; code -1 is null."""
    return pa.array(choices, pa.string()).take(pa.array(codes, pa.int64(), mask=codes < 0))


def spread(first: np.ndarray, count: np.ndarray) -> np.ndarray:
    """The ranges first[i] .. first[i] + count[i] - 1, one after another."""
    before = np.cumsum(count) - count
    return np.repeat(first - before, count) + np.arange(int(count.sum()))
