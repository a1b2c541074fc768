"""`ingest copy`: raw moves to another engine, and the loads continue there where they were."""

from collections import Counter
from itertools import pairwise

import pytest
from support.landing import Landing, assert_raw_is_the_shop, emptied, refused

THINGS = r"""
    create schema raw_things;
    create table raw_things.things as select * from (values
        (1, -0.01::decimal(18, 2), 'é😀''\', '', true, date '1900-01-01', timestamptz '9999-12-31 23:59:59.999999+00', 9007199254740993),
        (2, null, null, 'x', false, date '9999-12-31', timestamptz '1900-01-01 00:00:00+00', null)
    ) as things (thing_id, amount, "Name", note, is_live, "on", ended_at, big)
"""


@pytest.mark.tier("test-all")  # it needs the stand-in for BigQuery
def test_a_copy_on_another_engine_continues_where_the_first_was(tmp_path, systems, servers, shop):
    """From DuckDB over PostgreSQL and BigQuery to another DuckDB file: all rows each time, and what comes later lands once."""
    engines = {"postgres": servers("postgres"), "bigquery": servers("bigquery")}
    landings = [
        Landing(tmp_path / "first", systems.settings()),
        *(Landing(tmp_path / name, systems.settings(), emptied(server)) for name, server in engines.items()),
        Landing(tmp_path / "last", systems.settings()),
    ]
    landings[0].load()
    landings[0].server.execute(THINGS)
    for number, (before, after) in enumerate(pairwise(landings)):
        held = raw_rows(before)
        file = next((landing for landing in (before, after) if landing.server.target == "dev"), after)
        # The profile of the stand-in for BigQuery has its address.
        profile = next((landing for landing in (before, after) if landing.server.target == "bigquery"), after)
        after.settings = before.settings | after.settings
        after.settings["WAREHOUSE_PATH"] = str(file.path)
        after.settings["DBT_PROFILES_DIR"] = profile.server.environment["DBT_PROFILES_DIR"]
        arguments = ("copy", "--from", before.server.target, "--to", after.server.target)
        assert (done := after.command(*arguments)).returncode == 0, done.stderr
        assert raw_rows(after) == held, after.server.target
        assert "holds raw_calendar" in refused(after, *arguments), "a second copy would mix with the first"
        assert after.load("payments") == {}
        shop.execute(f"update orders set store_id = 1 + store_id % 12, updated_at = (select now from moa.clock) where id = {5 + number}")
        assert after.load("shop") == {"orders": 1}
        assert_raw_is_the_shop(after, shop)


def raw_rows(landing: Landing) -> dict[tuple[str, str], Counter]:
    """All rows by schema and table, except what dlt writes again on each engine."""
    found = [name for name in landing.server.catalogue() if name[0].startswith("raw_") and name[1] != "_dlt_version"]
    return {name: Counter(landing.query(f"select * from {name[0]}.{name[1]}")) for name in found}
