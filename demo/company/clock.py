"""The company's calendar: day 1 is 2026-01-01 in New Zealand. A point in time is an integer of microseconds since 1970 UTC."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

FIRST_DATE = date(2026, 1, 1)
ZONE = ZoneInfo("Pacific/Auckland")
SECOND = 1_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86400 * SECOND
NEVER = np.iinfo(np.int64).max


def clock_at(day: int) -> int:
    """The point in time at which day `day` has been lived: midnight in New Zealand."""
    midnight = datetime.combine(FIRST_DATE + timedelta(day), time(), ZONE)
    return round(midnight.timestamp()) * SECOND


def to_datetime(at: int) -> datetime:
    """A point in time, to the second, as a datetime in UTC."""
    return datetime.fromtimestamp(at // SECOND, UTC)


def business_date(day: int) -> date:
    """The date of day 1, 2, ..."""
    return FIRST_DATE + timedelta(day - 1)
