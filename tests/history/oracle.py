"""What history must be, written from the rule in docs/history.md and in other words than the SQL: point by point in time.

The SQL compares each telling with the one before it; here the state is asked for at every instant at which anything happened.
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
    """A row of history, without lineage."""

    key: str
    state: tuple
    valid_from: datetime
    valid_to: datetime
    is_current: bool


def key_of(member: int, began_at: datetime) -> str:
    microseconds = (began_at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return hashlib.md5(f"{member}|{microseconds}".encode()).hexdigest()


def history(member: int, instants: Iterable[datetime], state_at: Callable[[datetime], tuple]) -> list[Version]:
    """The versions of a member whose state is asked for at every instant at which it may have changed."""
    changes: list[tuple[datetime, tuple]] = []
    for instant in sorted(set(instants)):
        state = state_at(instant)
        if not changes or changes[-1][1] != state:
            changes.append((instant, state))
    begins = [BEGINNING, *(instant for instant, _ in changes[1:])]
    ends = [*begins[1:], END]
    return [
        Version(key_of(member, began_at), state, begin, end, end == END)
        for (began_at, state), begin, end in zip(changes, begins, ends, strict=True)
    ]


def told_at(tellings: Sequence[dict[str, Any]], instant: datetime) -> dict[str, Any]:
    """What held at an instant: of all that is told to hold since then or before, the latest; of one instant, the later load's."""
    return max((row for row in tellings if row["_changed_at"] <= instant), key=lambda row: (row["_changed_at"], row["_dlt_load_id"]))


def midnight(day: date) -> datetime:
    """Its beginning, where the business is."""
    return datetime.combine(day, time(), ZONE).astimezone(UTC)


def listing_at(files: dict[date, dict[str, Any] | None], instant: datetime) -> tuple[dict[str, Any], bool] | None:
    """What the catalogue's files said of a product at an instant, and whether the file of that time held it.

    files: by date, what the file that counts said of it; None where it was not in. Before the first file that held it, that file counts;
    after the last one that held it, what that one said, not listed. None when no file ever held it.
    """
    holding = sorted(day for day, row in files.items() if row is not None)
    if not holding:
        return None
    past = [day for day in files if midnight(day) <= instant]
    before = [day for day in holding if midnight(day) <= instant]
    if not before:
        return files[holding[0]], True
    return files[before[-1]], files[max(past)] is not None
