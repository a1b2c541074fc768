"""`ingest status --gaps` knows which intervals raw has lost, and `ingest backfill` reads them again without doubling anything."""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support import commands
from support.dbt import WITHOUT_TESTS
from support.deployment import Deployment
from support.landing import Landing, in_test_all

from ingestion.operations.backfill import BackfillReport, backfill
from ingestion.operations.status import gaps

SOURCES = ("payments", "shop", "supplier")
FRIDAY, MONDAY = 1, 4  # the numbers of the reads before and after the weekend
DIMENSIONS = {"dim_customer": "customers", "dim_product": "products", "dim_store": "stores"}


def lose_weekend(deployment: Deployment, source: str) -> None:
    """Take the loads between Friday's and Monday's read of a source out of raw, as if they had never been."""
    numbers = ", ".join(map(str, range(FRIDAY + 1, MONDAY)))
    found = deployment.query(f"select distinct _dlt_load_id from raw_{source}.read_log where read_id in ({numbers})")
    loads = ", ".join(f"'{load}'" for (load,) in found)
    for schema, table in deployment.engine.catalogue():
        if schema == f"raw_{source}" and table != "_dlt_version":
            load_id = "load_id" if table == "_dlt_loads" else "_dlt_load_id"
            deployment.execute(f"delete from {schema}.{table} where {load_id} in ({loads})")


def version_times(deployment: Deployment) -> dict[str, set[tuple]]:
    """By dimension: the times of its members' versions that raw has."""
    return {name: set(deployment.query(f"select id, _changed_at, _deleted_at from raw_shop.{raw}")) for name, raw in DIMENSIONS.items()}


def rows_by_table(deployment: Deployment) -> dict[str, set[tuple]]:
    """All rows of star and marts, each with its member's id if it is a dimension's. Without load ids, as the backfill has its own."""
    catalogue, found = deployment.engine.catalogue(), {}
    for name, rows in deployment.tables().items():
        columns = [column.name for column in catalogue["core" if name.startswith(("dim_", "fact_")) else "marts", name]]
        kept = [place for place, column in enumerate(columns) if not column.endswith(("load_id", "load_ids"))]
        member = columns.index(f"{name.removeprefix('dim_')}_id") if name in DIMENSIONS else None
        found[name] = {(None if member is None else row[member], repr([row[place] for place in kept])) for row in rows}
        assert len(found[name]) == len(rows)
    return found


def assert_restored(deployment: Deployment, before: dict[str, set[tuple]], times: dict[str, set[tuple]]) -> None:
    """Nothing differs, but for the dates of members that were deleted on the weekend, or changed twice: the source no longer has
    them."""
    rows, now = rows_by_table(deployment), version_times(deployment)
    dated_anew = {name: {key for key, *_ in times[name] ^ now[name]} for name in DIMENSIONS}
    assert sum(map(len, dated_anew.values())) < 5
    for name in before:
        assert [row for row in rows[name] ^ before[name] if row[0] not in dated_anew.get(name, ())] == [], name


@pytest.mark.parametrize("target", ["dev", in_test_all("postgres")])
def test_a_lost_weekend_is_reported_and_restored(deploy: Callable[..., Deployment], target: str):
    deployment = deploy(days=3, target=target)
    deployment.ingest()
    for _ in range(MONDAY - FRIDAY):
        deployment.systems.live(1)
        deployment.ingest(sources=SOURCES)
    deployment.build(*WITHOUT_TESTS)
    undisturbed, times = rows_by_table(deployment), version_times(deployment)
    friday, monday = (
        deployment.query(f"select max(read_until) from raw_shop.read_log where read_id = {number}")[0][0] for number in (FRIDAY, MONDAY)
    )
    [(monday_load,)] = deployment.query("select max(load_id) from raw_shop._dlt_loads")
    assert commands.ingest(deployment.call, "status", "--gaps").returncode == 0

    for source in SOURCES:
        lose_weekend(deployment, source)
    deployment.build("--full-refresh", *WITHOUT_TESTS)
    lost = rows_by_table(deployment)
    earlier = f"select * from core.fact_sales where ordered_at < timestamptz '{friday}'"
    sold_earlier = set(deployment.query(earlier))
    assert len(lost["fact_sales"]) < len(undisturbed["fact_sales"]) and lost["daily_revenue"] != undisturbed["daily_revenue"]

    done = commands.ingest(deployment.call, "status", "shop", "--gaps")
    assert done.returncode == 1
    # The interval begins two days earlier: the lost reads had looked back so far, and with them late commits are lost.
    start, end = (at.isoformat().removesuffix("+00:00") for at in (friday - timedelta(days=2), monday))
    missing = ["shop", "orders", "MISSING", *f"{start} {end}".replace("T", " ").split()]
    assert missing in [line.split() for line in done.stdout.splitlines()]
    assert done.stderr == f"To fill it: ingest backfill shop --from {start} --to {end}\n"

    for source in SOURCES:
        status = commands.ingest(deployment.call, "status", source, "--gaps")
        [fill] = re.findall(r"To fill it: ingest (.*)\n", status.stderr)
        done = commands.ingest(deployment.call, *fill.split())
        assert done.returncode == 0, done.stderr
        assert "MISSING" not in done.stdout and done.stdout.endswith("\nNow: dbt build\n")
        assert commands.ingest(deployment.call, "status", source, "--gaps").returncode == 0
    deployment.build(*WITHOUT_TESTS)
    assert_restored(deployment, undisturbed, times)
    # What was sold before, and did not come again, is untouched down to its load id.
    came_again = f"""
        select id from raw_shop.orders where _dlt_load_id > '{monday_load}'
        union select order_id from raw_shop.order_items where _dlt_load_id > '{monday_load}'
    """
    untouched = set(deployment.query(f"{earlier} and order_id not in ({came_again})"))
    assert 0 < len(untouched) < len(undisturbed["fact_sales"]) and untouched <= sold_earlier
    deployment.build("--full-refresh", *WITHOUT_TESTS)
    assert_restored(deployment, undisturbed, times)


def test_a_backfill_that_broke_off_goes_on_where_it_was(changing: Landing, api):
    changing.load("payments")
    since, until = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 4, tzinfo=UTC)

    def fill(stop_before: str = "", **options: Any) -> tuple[list[str], BackfillReport | None]:
        """What the backfill printed, and its report if it was not broken off before a chunk."""
        printed: list[str] = []

        def say(text: str) -> None:
            printed.append(text)
            if stop_before and text.startswith(stop_before):
                raise KeyboardInterrupt

        report = None
        with suppress(KeyboardInterrupt):
            report = changing.call(backfill, "payments", since, until, say=say, **options)
        return printed, report

    chunks = [f"chunk {n} of 3: 2026-01-0{n} 00:00 to 2026-01-0{n + 1} 00:00" for n in (1, 2, 3)]
    assert fill(stop_before="chunk 2")[0] == chunks[:2]
    printed, report = fill()
    assert printed[1:] == chunks[1:] and printed[0].startswith("1 of 3 chunks were read by a backfill that broke off")
    assert report.ok and [sum(load.tables.values()) for load in report.loads] == [0, 0], "raw already has all of it"
    assert fill(stop_before="chunk 3")[0] == chunks, "that backfill has ended; this is a new one"
    assert fill(again=True)[0] == chunks
    assert len(fill(days=2)[0]) == 2, "other chunks are another backfill"


def test_a_day_without_a_file_is_missing(changing: Landing, tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    for day in (1, 2, 3):
        (folder / f"catalogue_2026-01-0{day}.csv").write_text(
            "sku|product_name|brand|category|unit_cost|pack_size\nS-1|Tea|Moa|tea|1.20|6\n"
        )
    changing.settings["SOURCES__SUPPLIER__BUCKET_URL"] = str(folder)
    changing.load("supplier")
    changing.server.execute("delete from raw_supplier.catalogue where file_date = date '2026-01-02'")
    [found] = changing.call(gaps, ["supplier"])
    assert found.missing == [(datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC))]
