"""Histories written by hand, from the rule in docs/history.md: the macro `history` gives exactly these, on every engine."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

from support.history.oracle import BEGINNING, END
from support.history.warehouse import HistoryWarehouse

GOLDEN = """
with row_versions as (
    {row_versions}
),

versions as (
    {{{{ history('row_versions', 'thing', ['a', 'b', 'is_deleted'], ['note'], {{'b': '2026-01-03 00:00:00+00'}}) }}}}
)

select thing_id, {{{{ epoch_microseconds('valid_from') }}}} as begin_us, {{{{ epoch_microseconds('valid_to') }}}} as end_us,
    a, b, note, is_deleted, is_current
from versions
order by thing_id, valid_from
"""
# By case: row versions as (day, load, a, b, note, is deleted), and the history as (from, to, a, b, note, is deleted).
CASES: dict[str, tuple[list[tuple], list[tuple]]] = {
    "deleted and back": (
        [(1, "1", "x", None, "n", False), (4, "2", "x", None, "n", True), (6, "3", "x", None, "n", False)],
        [(None, 4, "x", None, "n", False), (4, 6, "x", None, "n", True), (6, None, "x", None, "n", False)],
    ),
    "the same version again": ([(1, "1", "x", None, "n", False), (1, "2", "x", None, "n", False)], [(None, None, "x", None, "n", False)]),
    "several in one load, and null is a value": (
        [
            (4, "1", "x", None, "n", False),
            (5, "1", None, None, "n", False),
            (6, "1", None, None, "n", False),
            (7, "1", "x", None, "n", False),
        ],
        [(None, 5, "x", None, "n", False), (5, 7, None, None, "n", False), (7, None, "x", None, "n", False)],
    ),
    "the earlier version arrives later": (
        [(6, "1", "y", None, "n", False), (4, "2", "x", None, "n", False)],
        [(None, 6, "x", None, "n", False), (6, None, "y", None, "n", False)],
    ),
    "two loads with the same time": (
        [(4, "2", "right", None, "n", False), (4, "1", "wrong", None, "n", False)],
        [(None, None, "right", None, "n", False)],
    ),
    "overwritten on all versions": (
        [(4, "1", "x", None, "old", False), (5, "2", "y", None, "old", False), (6, "3", "y", None, "new", False)],
        [(None, 5, "x", None, "new", False), (5, None, "y", None, "new", False)],
    ),
    "a new column makes no version": (
        [(1, "1", "x", None, "n", False), (4, "2", "x", "first", "n", False)],
        [(None, None, "x", "first", "n", False)],
    ),
    "a column that is tracked since a date": (
        [(1, "1", "x", "p", "n", False), (2, "2", "x", "q", "n", False), (4, "3", "x", "r", "n", False), (5, "4", "x", "s", "n", False)],
        [(None, 5, "x", "r", "n", False), (5, None, "x", "s", "n", False)],
    ),
    "a new column and a change": (
        [(1, "1", "x", None, "n", False), (4, "2", "y", "first", "n", False), (5, "3", "y", None, "n", False)],
        [(None, 4, "x", None, "n", False), (4, 5, "y", "first", "n", False), (5, None, "y", None, "n", False)],
    ),
}


def test_golden_histories(history_warehouse: HistoryWarehouse):
    """Column `b` is tracked since day 3, and `note` is not tracked."""

    def text(value: str | None) -> str:
        return f"cast({'null' if value is None else repr(value)} as {{{{ dbt.type_string() }}}})"

    def microseconds(time: datetime) -> int:
        return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)

    row_versions = "\n    union all\n    ".join(
        f"select {number} as thing_id, {{{{ as_timestamp(\"'2026-01-0{day} 00:00:00+00'\") }}}} as changed_at, "
        f"{text(load)} as _dlt_load_id, {text(a)} as a, {text(b)} as b, {text(note)} as note, {is_deleted} as is_deleted"
        for number, (rows, _) in enumerate(CASES.values())
        for day, load, a, b, note, is_deleted in rows
    )
    result = history_warehouse.dbt("show", "--inline", GOLDEN.format(row_versions=row_versions), "--limit", "100", "--output", "json")
    found: dict[int, list[tuple]] = defaultdict(list)
    for thing, begin, end, *state, is_current in result.result.results[0].agate_table.rows:
        assert is_current == (end == microseconds(END))
        found[int(thing)].append((begin, end, *state))
    for number, (case, (_, versions)) in enumerate(CASES.items()):
        ranges = [
            (datetime(2026, 1, begin, tzinfo=UTC) if begin else BEGINNING, datetime(2026, 1, end, tzinfo=UTC) if end else END)
            for begin, end, *_ in versions
        ]
        assert found[number] == [
            (microseconds(begin), microseconds(end), *state) for (begin, end), (_, _, *state) in zip(ranges, versions, strict=True)
        ], case
