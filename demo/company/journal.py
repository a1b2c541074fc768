"""What happened, noted as it happens: the oddities that a test looks for in the warehouse."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from demo.company.arrow import TIMESTAMP, to_arrow
from demo.company.columns import Array


class Journal:
    """Events noted in pieces (one per day and kind) and read as one Arrow table."""

    def __init__(self, **types: pa.DataType):
        self._schema = pa.schema(list(types.items()))
        self._pieces: list[dict[str, Array | list[object]]] = []

    def note(self, **values: object) -> None:
        """Add rows: every column an array of the same length, or one value for all of them."""
        lengths = [len(v) for v in values.values() if isinstance(v, np.ndarray)]
        rows = lengths[0] if lengths else 1
        if rows:
            self._pieces.append({k: v if isinstance(v, np.ndarray) else [v] * rows for k, v in values.items()})

    def table(self) -> pa.Table:
        """Everything noted so far, in order."""
        return pa.table({field.name: to_arrow(self._column(field.name), field.type) for field in self._schema})

    def _column(self, name: str) -> Array:
        return np.concatenate([np.empty(0, object), *(np.asarray(piece[name], object) for piece in self._pieces)])


class ChangeJournal(Journal):
    """Changes of attributes: which row, when, which field, from what to what.

    `seen` is false where the row changed again before the day was over: no reader can know of it.
    """

    def __init__(self, id_column: str):
        super().__init__(
            **{id_column: pa.int64()}, day=pa.int32(), changed_at=TIMESTAMP, field=pa.string(),
            old=pa.string(), new=pa.string(), seen=pa.bool_(),
        )  # fmt: skip
        self._id_column = id_column

    def note_change(self, day: int, which: Array, at: Array, field: str, old: Array, new: Array, seen: Array | bool = True) -> None:
        """Note that `field` of the rows `which` changed."""
        flags = np.broadcast_to(seen, len(which)).astype(object)
        self.note(**{self._id_column: which + 1}, day=day, changed_at=at, field=field, old=old, new=new, seen=flags)


def texts(choices: Sequence[str], codes: Array) -> Array:
    """The words that the codes stand for; code -1 is None."""
    return np.array((*choices, None), object)[codes]  # -1 takes the last: None
