"""The expected history, written from the rule in docs/history.md in another way than the SQL: point by point in time.

The SQL compares each row version with the one before it. The oracle asks for the state at every time at which anything happened.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)
END = datetime(9999, 12, 31, tzinfo=UTC)
ZONE = ZoneInfo("Pacific/Auckland")


@dataclass(frozen=True)
class Version:
    """A version in a history, without lineage."""

    key: str
    state: tuple
    valid_from: datetime
    valid_to: datetime
    is_current: bool


def key_of(member: int, effective_at: datetime) -> str:
    microseconds = (effective_at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return hashlib.md5(f"{member}|{microseconds}".encode()).hexdigest()


def history(member: int, times: Iterable[datetime], state_at: Callable[[datetime], tuple]) -> list[Version]:
    """The versions of a member.

    times: all times at which the state may have changed.   state_at: gives the state at one of them.
    """
    changes: list[tuple[datetime, tuple]] = []
    for time_ in sorted(set(times)):
        state = state_at(time_)
        if not changes or changes[-1][1] != state:
            changes.append((time_, state))
    begins = [BEGINNING, *(time_ for time_, _ in changes[1:])]
    ends = [*begins[1:], END]
    return [
        Version(key_of(member, effective_at), state, begin, end, end == END)
        for (effective_at, state), begin, end in zip(changes, begins, ends, strict=True)
    ]


def row_at(row_versions: Sequence[dict[str, Any]], at: datetime) -> dict[str, Any]:
    """The row version that holds at a time: the latest until then; of several with the same time, that of the later load."""
    return max((row for row in row_versions if row["_changed_at"] <= at), key=lambda row: (row["_changed_at"], row["_dlt_load_id"]))


def midnight(day: date) -> datetime:
    """The beginning of a day in the business's time zone."""
    return datetime.combine(day, time(), ZONE).astimezone(UTC)


def listing_at(files: dict[date, dict[str, Any] | None], at: datetime) -> tuple[dict[str, Any], bool] | None:
    """A product's entry in the catalogue at a time, and whether the file of that time lists it.

    files: by date, the product's entry in the file that counts; None where the file does not list it.
    Before the first file that lists it, the entry of that file holds; after the last one, that file's entry, not listed.
    None when no file ever listed it.
    """
    listing = sorted(day for day, row in files.items() if row is not None)
    if not listing:
        return None
    past = [day for day in files if midnight(day) <= at]
    before = [day for day in listing if midnight(day) <= at]
    if not before:
        return files[listing[0]], True
    return files[before[-1]], files[max(past)] is not None
