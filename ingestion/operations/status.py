"""What the warehouse holds of each raw table, how fresh it is, and what is missing. Needs no dlt, and no source."""

from collections import Counter
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

from ingestion.dlt_internals import pipeline as dlt_pipeline
from ingestion.registry import known_sources
from ingestion.settings import OWN_TABLES, lookback, prepare_dlt
from ingestion.warehouses import Session, find_warehouse

BEGINNING = datetime.min.replace(tzinfo=UTC)  # stands for the beginning of time in comparisons
Interval = tuple[datetime, datetime]


@dataclass(frozen=True)
class TableStatus:
    """One raw table. Rows are those of complete loads."""

    source: str
    table: str
    loaded_at: datetime | None = None  # the last load that brought rows
    rows: int = 0
    last_rows: int = 0  # … and how many
    cursor: str | None = None  # how far the source was read
    read_at: datetime | None = None  # when the source was last asked with success, whether it had news or not
    quarantined: int = 0  # rows that wait in quarantine
    outcome: str | None = None  # of the last read: complete, failed, contract_violated or mismatch
    reason: str | None = None  # … why it was not complete
    tried_at: datetime | None = None  # … when it was


@dataclass(frozen=True)
class Coverage:
    """What complete reads of one raw table covered of its source's changes, as intervals `[from, until)` in order, and the
    gaps between them. Without intervals: the source is read whole each time."""

    source: str
    table: str
    complete: Sequence[Interval] = ()
    missing: Sequence[Interval] = ()


def status(sources: Iterable[str] | None = None, target: str | None = None) -> list[TableStatus]:
    """Every raw table of these sources (all when None); a source that was never loaded is one line without dates."""
    names, warehouse = known_sources(sources), find_warehouse(target)
    if not warehouse.exists:
        return [TableStatus(name, "-") for name in names]
    with warehouse.connect(read_only=True) as session:
        return [row for name in names for row in _source_status(session, name)]


def gaps(sources: Iterable[str] | None = None, target: str | None = None) -> list[Coverage]:
    """What was read of every raw table of these sources (all when None), and what lies between."""
    names, warehouse = known_sources(sources), find_warehouse(target)
    if not warehouse.exists:
        return []
    with warehouse.connect(read_only=True) as session:
        return [_coverage(session, name, table) for name in names for table in _landed(session, name)]


def _landed(session: Session, source: str) -> list[str]:
    """The tables with the source's rows; none before the first load is complete."""
    there = session.catalogue.tables(f"raw_{source}")
    return [name for name in there if not name.startswith("_dlt") and name not in OWN_TABLES] if "_dlt_loads" in there else []


def _source_status(session: Session, source: str) -> list[TableStatus]:
    schema, landed = f"raw_{source}", _landed(session, source)
    if not landed:
        return [TableStatus(source, "-")]
    state, quarantined, last_reads = table_states(session, source), _quarantined(session, schema), _last_reads(session, schema)
    rows = []
    for table in landed:
        loads = session.rows(
            f"""
            select loads.inserted_at, count(*)
            from {session.dialect.table(schema, table)} as landed
            join {session.dialect.table(schema, "_dlt_loads")} as loads on landed._dlt_load_id = loads.load_id and loads.status = 0
            group by loads.load_id, loads.inserted_at
            order by loads.inserted_at
            """
        )
        last = loads[-1] if loads else (None, 0)
        remembered = state.get(table, {})
        read_at = remembered.get("read_at")
        outcome, reason, tried_at = last_reads.get(table, (None, None, None))
        rows.append(
            TableStatus(
                source,
                table,
                last[0],
                sum(count for _, count in loads),
                last[1],
                remembered.get("cursor"),
                datetime.fromisoformat(read_at) if read_at else None,
                quarantined[table],
                outcome,
                reason,
                tried_at,
            )
        )
    return rows


def table_states(session: Session, source: str) -> dict[str, dict[str, Any]]:
    """What dlt remembers of each table, from the state that came with the last complete load."""
    schema = f"raw_{source}"
    if not {"_dlt_pipeline_state", "_dlt_loads"} <= set(session.catalogue.tables(schema)):
        return {}
    found = session.rows(
        f"""
        select state from {session.dialect.table(schema, "_dlt_pipeline_state")}
        where pipeline_name = {session.dialect.literal(source)} and {_is_complete(session, schema)}
        order by created_at desc
        limit 1
        """
    )
    if not found:
        return {}
    prepare_dlt()
    return dlt_pipeline.table_states(dlt_pipeline.decoded_state(found[0][0]), source)


def _is_complete(session: Session, schema: str) -> str:
    return f"_dlt_load_id in (select load_id from {session.dialect.table(schema, '_dlt_loads')} where status = 0)"


def _quarantined(session: Session, schema: str) -> Counter[str]:
    """By table: the rows that are in quarantine now."""
    if "quarantine" not in session.catalogue.tables(schema):
        return Counter()
    return Counter(
        dict(
            session.rows(
                f"select table_name, count(*) from {session.dialect.table(schema, 'quarantine')} "
                f"where closed_at is null and {_is_complete(session, schema)} group by table_name"
            )
        )
    )


def _last_reads(session: Session, schema: str) -> dict[str, tuple[str, str | None, datetime]]:
    """By table: outcome, reason and time of its last read. What was recorded beside a load counts when that is complete."""
    if "read_log" not in session.catalogue.tables(schema):
        return {}
    rows = session.rows(
        f"select table_name, outcome, reason, read_at from {session.dialect.table(schema, 'read_log')} "
        f"where (_dlt_load_id = '' or {_is_complete(session, schema)}) "
        "and not (outcome = 'complete' and coalesce(is_interval, false)) order by read_id"
    )
    return {table: (outcome, reason, read_at) for table, outcome, reason, read_at in rows}


# What was read, and what lies between


def _coverage(session: Session, source: str, table: str) -> Coverage:
    schema = f"raw_{source}"
    if "file_date" in session.catalogue.columns(schema, table):
        dates = session.rows(
            f"select distinct file_date from {session.dialect.table(schema, table)} "
            f"where file_date is not null and {_is_complete(session, schema)} order by file_date"
        )
        return Coverage(source, table, *_joined([_day(day) for (day,) in dates]))
    if "read_log" not in session.catalogue.tables(schema):
        return Coverage(source, table)
    name = session.dialect.table(schema, "read_log")
    numbers = {number for (number,) in session.rows(f"select distinct read_id from {name}")}
    reads = session.rows(
        f"select read_id, read_from, read_until, coalesce(is_interval, false) from {name} "
        f"where table_name = {session.dialect.literal(table)} and outcome = 'complete' "
        f"and read_until is not null and {_is_complete(session, schema)} order by read_id"
    )
    return Coverage(source, table, *_joined(_covered(reads, numbers, lookback(source))))


def _day(day: date) -> Interval:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return start, start + timedelta(days=1)


def _covered(reads: Iterable[tuple[int, datetime | None, datetime, bool]], numbers: Set[int], lookback: timedelta) -> list[Interval]:
    """The intervals that the reads cover together; an empty interval is the edge of a gap.

    A read looks back for rows that committed late, but lands only what raw lacks at that moment. So if loads before it are
    lost, which a missing number shows, it does not cover its look-back; and the late rows that the lost loads had found are
    lost, too: the gap begins a look-back before them. A read from the beginning, or of an interval as a backfill does it,
    covers its whole interval.
    """
    found: list[Interval] = []
    before, reached = 0, None
    for number, read_from, read_until, is_interval in reads:
        lost = not numbers >= set(range(before + 1, number))
        if read_from and read_from >= read_until:
            continue  # asked for what lies in the future
        if read_from is None or is_interval:
            found.append((read_from or BEGINNING, read_until))
        elif lost:
            hole = reached - lookback if reached else BEGINNING
            found = [(BEGINNING, BEGINNING), *((start, min(end, hole)) for start, end in found if start < hole), (read_until, read_until)]
        else:
            found.append((reached if reached and read_from <= reached else read_from, read_until))
        before = number
        reached = reached if is_interval else max(reached or read_until, read_until)
    return found


def _joined(intervals: Iterable[Interval]) -> tuple[list[Interval], list[Interval]]:
    """The union of intervals, and the gaps in it."""
    union: list[Interval] = []
    for start, end in sorted(intervals):
        if union and start <= union[-1][1]:
            union[-1] = (union[-1][0], max(union[-1][1], end))
        else:
            union.append((start, end))
    holes = [(left[1], right[0]) for left, right in pairwise(union)]
    return [(start, end) for start, end in union if start < end], holes
