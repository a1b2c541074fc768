"""An interval is read again: what raw lost comes back, nothing is doubled, and what is complete or missing is known."""

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Works
from engines.parity import WITHOUT_TESTS

from ingestion.operations.backfill import BackfillReport, backfill, chunks_of
from ingestion.operations.status import BEGINNING, _covered, _joined, gaps

PROJECT = Path(__file__).parent.parent
SOURCES = ("payments", "shop", "supplier")
FRIDAY, MONDAY = 2, 5  # the numbers of the reads before and after the weekend


def command(works: Works, *arguments: str) -> tuple[int, list[list[str]], str]:
    """`ingest` as a process of its own: exit code, the words of each line of its output, and what it said beside that."""
    done = works.python("-m", "ingestion.cli", *arguments)
    return done.returncode, [line.split() for line in done.stdout.splitlines()], done.stderr


def lose(works: Works, source: str, *numbers: int) -> None:
    """Takes the loads of these reads of a source out of raw, as if they had never been."""
    found = works.query(f"select distinct _dlt_load_id from raw_{source}.reads where read_id in ({', '.join(map(str, numbers))})")
    loads = ", ".join(f"'{load}'" for (load,) in found)
    for schema, table in works.engine.catalogue():
        if schema == f"raw_{source}" and table != "_dlt_version":
            works.execute(f"delete from {schema}.{table} where {'load_id' if table == '_dlt_loads' else '_dlt_load_id'} in ({loads})")


DIMENSIONS = {"dim_customer": "customers", "dim_product": "products", "dim_store": "stores"}


def told_of(works: Works) -> dict[str, set[tuple]]:
    """By dimension: all that raw knows of when its members became what they are."""
    return {name: set(works.query(f"select id, _changed_at, _deleted_at from raw_shop.{raw}")) for name, raw in DIMENSIONS.items()}


def rows_of(works: Works) -> dict[str, set[tuple]]:
    """All rows of star and marts, each with its member's id if it is a dimension's; without the loads that told of them, as rows that
    were lost come by others."""
    catalogue, found = works.engine.catalogue(), {}
    for name, rows in works.tables().items():
        columns = [column.name for column in catalogue["core" if name.startswith(("dim_", "fact_")) else "marts", name]]
        kept = [place for place, column in enumerate(columns) if not column.endswith("load_id")]
        member = columns.index(f"{name.removeprefix('dim_')}_id") if name in DIMENSIONS else None
        found[name] = {(None if member is None else row[member], repr([row[place] for place in kept])) for row in rows}
        assert len(found[name]) == len(rows)
    return found


def assert_put_back(works: Works, before: dict[str, set[tuple]], told: dict[str, set[tuple]]) -> None:
    """Nothing differs, but for the dates of members who were deleted on the weekend, or changed and changed again: no source says
    any more when that was."""
    rows, now = rows_of(works), told_of(works)
    dated_anew = {name: {key for key, *_ in told[name] ^ now[name]} for name in DIMENSIONS}
    assert sum(map(len, dated_anew.values())) < 5
    for name in before:
        assert [row for row in rows[name] ^ before[name] if row[0] not in dated_anew.get(name, ())] == [], name


@pytest.mark.parametrize("target", ["dev", "postgres"])
def test_a_lost_weekend_is_put_back(make_works: Any, target: str):
    works = make_works(days=3, scale=0.02, target=target)
    works.ingest()
    for _ in range(4):
        works.systems.live(1)
        works.ingest()
    works.build(*WITHOUT_TESTS)
    undisturbed, told = rows_of(works), told_of(works)
    friday, monday = (
        works.query(f"select max(read_until) from raw_shop.reads where read_id = {number}")[0][0] for number in (FRIDAY, MONDAY)
    )
    [(monday_load,)] = works.query("select max(load_id) from raw_shop._dlt_loads")
    assert command(works, "status", "--gaps")[0] == 0

    for source in SOURCES:
        lose(works, source, *range(FRIDAY + 1, MONDAY))
    works.build("--full-refresh", *WITHOUT_TESTS)
    lost = rows_of(works)
    earlier = f"select * from core.fact_sales where ordered_at < timestamptz '{friday}'"
    sold_earlier = set(works.query(earlier))
    assert len(lost["fact_sales"]) < len(undisturbed["fact_sales"]) and lost["daily_revenue"] != undisturbed["daily_revenue"]

    code, output, said = command(works, "status", "shop", "--gaps")
    assert code == 1
    # What the lost reads found late is gone, too: they had looked back two days.
    interval = [(friday - timedelta(days=2)).isoformat().removesuffix("+00:00"), monday.isoformat().removesuffix("+00:00")]
    assert ["shop", "orders", "MISSING", *" ".join(interval).replace("T", " ").split()] in output
    assert said == f"To fill it: ingest backfill shop --from {interval[0]} --to {interval[1]}\n"

    for source in SOURCES:
        _, _, said = command(works, "status", source, "--gaps")
        [fill] = re.findall(r"To fill it: ingest (.*)\n", said)
        code, output, said = command(works, *fill.split())
        assert code == 0, said
        assert not [line for line in output if "MISSING" in line]
        assert output[-1] == ["Now:", "dbt", "build"]
        assert command(works, "status", source, "--gaps")[0] == 0
    works.build(*WITHOUT_TESTS)
    assert_put_back(works, undisturbed, told)
    # What was sold before and did not come again is as it was, down to the load that told of it.
    came_again = f"""
        select id from raw_shop.orders where _dlt_load_id > '{monday_load}'
        union select order_id from raw_shop.order_items where _dlt_load_id > '{monday_load}'
    """
    untouched = set(works.query(f"{earlier} and order_id not in ({came_again})"))
    assert 0 < len(untouched) < len(undisturbed["fact_sales"]) and untouched <= sold_earlier
    works.build("--full-refresh", *WITHOUT_TESTS)
    assert_put_back(works, undisturbed, told)


@pytest.fixture(scope="module")
def works(make_works: Any) -> Works:
    return make_works(days=4, scale=0.02)


def test_a_backfill_goes_on_where_it_was(works: Works):
    works.ingest(sources=["payments"])
    since, until = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 4, tzinfo=UTC)

    def fill(stop_before: str = "", **options: Any) -> tuple[list[str], BackfillReport | None]:
        said: list[str] = []

        def say(text: str) -> None:
            said.append(text)
            if stop_before and text.startswith(stop_before):
                raise KeyboardInterrupt

        report = None
        with suppress(KeyboardInterrupt):
            report = works.here(backfill, "payments", since, until, say=say, **options)
        return said, report

    chunks = [f"chunk {n} of 3: 2026-01-0{n} 00:00 to 2026-01-0{n + 1} 00:00" for n in (1, 2, 3)]
    assert fill(stop_before="chunk 2")[0] == chunks[:2]
    said, report = fill()
    assert said[1:] == chunks[1:] and said[0].startswith("1 of 3 chunks were read by a backfill that did not end")
    assert report.ok and [sum(load.tables.values()) for load in report.loads] == [0, 0], "raw has it all already"
    assert fill()[0] == chunks, "that backfill is over; this is a new one"
    assert fill(stop_before="chunk 3")[0] == chunks
    assert fill(again=True)[0] == chunks
    assert len(fill(days=2)[0]) == 2, "other chunks are another backfill"


def test_a_day_without_a_file_is_missing(works: Works):
    works.ingest(sources=["supplier"])
    works.execute("delete from raw_supplier.catalogue where file_date = date '2026-01-02'")
    [found] = works.here(gaps, ["supplier"])
    assert found.missing == [(datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC))]


def day(number: int) -> datetime:
    return datetime(2026, 1, number, tzinfo=UTC)


@pytest.mark.parametrize(
    ("reads", "numbers", "missing"),
    [
        ([(1, None, day(3)), (2, day(1), day(4))], {1, 2}, []),
        ([(1, None, day(3)), (3, day(1), day(5))], {1, 2, 3}, []),  # read 2 failed, and read 3 caught up
        # Read 2 is gone, and with it what it found late, looking back a day …
        ([(1, None, day(3)), (3, day(4), day(5)), (4, day(4), day(6))], {1, 3, 4}, [(day(2), day(5))]),
        ([(1, None, day(3)), (3, day(4), day(5)), (4, day(2), day(5), True)], {1, 3, 4}, []),  # … and was read again
        ([(1, None, day(3)), (3, None, day(5))], {1, 3}, []),  # … by a read of everything
        ([(2, day(1), day(5))], {2}, [(BEGINNING, day(5))]),
        ([(1, day(2), day(3), True), (2, day(5), day(6), True)], {1, 2}, [(day(3), day(5))]),  # two intervals, and nothing else
        ([(1, None, day(3)), (2, day(9), day(3), True)], {1, 2}, []),  # read 2 asked for the future
    ],
)
def test_what_is_missing(reads: list, numbers: set[int], missing: list):
    """A read is its number, its interval, and whether it was asked for that interval only."""
    assert _joined(_covered([(*read, False)[:4] for read in reads], numbers, timedelta(days=1)))[1] == missing


def test_chunks_are_the_interval():
    assert chunks_of(day(1), day(4), 2) == [(day(1), day(3)), (day(3), day(4))]
    assert chunks_of(day(1), day(1) + timedelta(hours=5), 1) == [(day(1), day(1) + timedelta(hours=5))]
