"""Which intervals of a source's changes no read covers, and the chunks of a backfill."""

from datetime import UTC, datetime, timedelta

import pytest

from ingestion.operations.backfill import chunks_of
from ingestion.operations.status import BEGINNING, _covered, _joined


def day(number: int) -> datetime:
    return datetime(2026, 1, number, tzinfo=UTC)


@pytest.mark.parametrize(
    ("reads", "numbers", "missing"),
    [
        ([(1, None, day(3)), (2, day(1), day(4))], {1, 2}, []),
        ([(1, None, day(3)), (3, day(1), day(5))], {1, 2, 3}, []),  # read 2 failed, and read 3 caught up
        # Read 2 is lost, and with it the late rows that it found by looking back a day …
        ([(1, None, day(3)), (3, day(4), day(5)), (4, day(4), day(6))], {1, 3, 4}, [(day(2), day(5))]),
        ([(1, None, day(3)), (3, day(4), day(5)), (4, day(2), day(5), True)], {1, 3, 4}, []),  # … until a backfill reads them again
        ([(1, None, day(3)), (3, None, day(5))], {1, 3}, []),  # … or a read of everything does
        ([(2, day(1), day(5))], {2}, [(BEGINNING, day(5))]),
        ([(1, day(2), day(3), True), (2, day(5), day(6), True)], {1, 2}, [(day(3), day(5))]),  # two intervals, and nothing else
        ([(1, None, day(3)), (2, day(9), day(3), True)], {1, 2}, []),  # read 2 asked for the future
    ],
)
def test_the_missing_intervals(reads: list, numbers: set[int], missing: list):
    """A read is its number, its interval, and whether only that interval was asked for."""
    assert _joined(_covered([(*read, False)[:4] for read in reads], numbers, timedelta(days=1)))[1] == missing


def test_the_chunks_of_a_backfill_cover_its_interval():
    assert chunks_of(day(1), day(4), 2) == [(day(1), day(3)), (day(3), day(4))]
    assert chunks_of(day(1), day(1) + timedelta(hours=5), 1) == [(day(1), day(1) + timedelta(hours=5))]
