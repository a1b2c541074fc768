"""The exact Arrow types that the company hands out. Inside, money is integers of cents and a time integers of microseconds."""

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo.company.clock import FIRST_DATE
from demo.company.columns import Array

MONEY = pa.decimal128(12, 2)
TIMESTAMP = pa.timestamp("us", tz="UTC")


def to_arrow(values: Array, type_: pa.DataType) -> pa.Array:
    """An Arrow array of `type_`; cents become MONEY, microseconds TIMESTAMP."""
    return money(np.asarray(values, np.int64)) if type_ == MONEY else pa.array(values, type_)


def money(cents: Array, missing: Array | None = None) -> pa.Array:
    """Integers of cents as decimal(12, 2), without passing through text or floats; null where `missing`."""
    wide = np.empty((len(cents), 2), np.int64)  # little-endian 128 bit: low word, then the sign's extension
    wide[:, 0], wide[:, 1] = cents, cents >> 63
    array = pa.Array.from_buffers(MONEY, len(cents), [None, pa.py_buffer(wide)])
    if missing is None or not missing.any():
        return array
    valid = pa.py_buffer(np.packbits(~missing, bitorder="little"))
    return pa.Array.from_buffers(MONEY, len(cents), [valid, pa.py_buffer(wide)])


def words(choices: tuple[str, ...], codes: Array) -> pa.Array:
    """The words that the codes stand for; code -1 is null."""
    return pa.array(choices, pa.string()).take(pa.array(codes, pa.int64(), mask=codes < 0))


def dates(days: Array) -> pa.Array:
    """The business dates of days 1, 2, ..."""
    return pa.array((FIRST_DATE - date(1970, 1, 1)).days - 1 + days.astype("i4"), pa.int32()).cast(pa.date32())


def iso(times: Array) -> pa.Array:
    """Points in time as the payments API writes them, to the millisecond."""
    return pc.strftime(pa.array(times // 1000, pa.timestamp("ms", tz="UTC")), "%Y-%m-%dT%H:%M:%SZ")


def digits(numbers: Array, width: int = 0) -> pa.Array:
    """Numbers as text, filled up with zeros to `width`."""
    text = pc.cast(pa.array(numbers), pa.string())
    return pc.utf8_lpad(text, width, "0") if width else text


def join(*parts: pa.Array | str) -> pa.Array:
    """The parts of each row as one text; a part is an array or the same text for all rows."""
    return pc.binary_join_element_wise(*parts, "")


def amount_texts(cents: Array) -> Array:
    """Integers of cents as texts with two decimals, in a NumPy array of objects."""
    return objects(pc.cast(money(np.ascontiguousarray(cents)), pa.string()))


def objects(array: pa.Array) -> Array:
    """An Arrow array of text as a NumPy array of objects."""
    return np.asarray(array.to_numpy(zero_copy_only=False), object)
