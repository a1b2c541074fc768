"""Whether a row that differs from raw may have changed since it was last read. Each judge sorts rows into those that are certainly
wrong and those of which nobody can tell; what the next read takes is in neither."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, TypeGuard

from ingestion.operations.verify_database.source import Key, Row, Selection, Snapshot

MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Differing:
    """A row of the source that is not in raw as it is: the plain texts of both, and its key as the source writes it."""

    key: Key
    own_key: Sequence[str]
    at_source: Row
    in_raw: Row | None  # None: raw has none, or a deleted one
    cursor: str | None = None
    raw_cursor: str | None = None


Sorted = tuple[list[Differing], list[Differing]]  # certainly wrong; unsettled


class Judge(Protocol):
    """Knows what changed since the last read."""

    def sort(self, rows: Sequence[Differing], selection: Selection) -> Sorted:
        """Sorts rows that differ."""


@dataclass(frozen=True)
class ByCursor:
    """Goes by the cursor, in microseconds. A row that differs in its cursor too, by no more than the look-back, may have committed
    late, and the next read takes it. In the same tick of the clock, which can be as long as a day, a row can change again with the
    same cursor. Rows that are dated after the last read are not compared at all."""

    reached: int
    lookback: timedelta

    def sort(self, rows: Sequence[Differing], selection: Selection) -> Sorted:
        certain: list[Differing] = []
        unsettled: list[Differing] = []
        for row in rows:
            (unsettled if self.may_be_late(row.cursor, row.raw_cursor) else certain).append(row)
        return certain, unsettled

    def may_be_late(self, cursor: str | None, raw_cursor: str | None) -> bool:
        """Whether a row of this cursor, which raw has with another one, may have been written after the last read."""
        if not _is_number(cursor):  # infinity is beyond every read
            return True
        return int(cursor) >= self.reached or (cursor != raw_cursor and int(cursor) > self.reached - self.lookback / MICROSECOND)

    def is_newer(self, cursor: str | None) -> bool:
        """Whether a row of this cursor is dated after the last read."""
        return cursor is not None and (not _is_number(cursor) or int(cursor) > self.reached)


def _is_number(cursor: str | None) -> TypeGuard[str]:
    return cursor is not None and cursor.lstrip("-").isdigit()


@dataclass(frozen=True)
class ByEarlierSnapshot:
    """Goes by a snapshot that was taken before the last read began: a row that is now as it was then was so when it was read."""

    before: Snapshot

    def sort(self, rows: Sequence[Differing], selection: Selection) -> Sorted:
        then = set(self.before.rows_with(selection, [row.own_key for row in rows]))
        return [row for row in rows if row.at_source in then], []


class Nobody:
    """Knows nothing: a table without a cursor, some time after its last read."""

    def sort(self, rows: Sequence[Differing], selection: Selection) -> Sorted:
        return [], list(rows)
