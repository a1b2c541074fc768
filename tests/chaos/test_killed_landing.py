"""`ingest` is killed in the middle of a load: the next run ends with the source's rows in raw, each version once."""

import random
import shutil
from urllib.parse import parse_qs

import pytest
from support.landing import assert_raw_is_the_shop, on, secrets_of
from support.payments_api import PaymentsApi

# A step of the load, before or after it runs, and which run of it: see support/ingest_process.py.
FIRST_LOAD = [
    ("extract", "before", 1), ("extract", "after", 1), ("normalize", "after", 1), ("select", "before", 1),
    ("select", "after", 1), ("select", "after", 3), ("complete", "before", 1), ("complete", "after", 1),
]  # fmt: skip
SECOND_COPY = ("copy", "after", 2)  # how rows land in a server, which can't run a SELECT over the source
LATER_LOAD = {
    "dev": [point for point in FIRST_LOAD if point[0] != "select"] + [("copy", "before", 1), ("copy", "after", 1), SECOND_COPY],
    "postgres": [("copy", "after", 1), SECOND_COPY],
}


def kill(engine: str, point: tuple, folder: str = "kept") -> object:
    """Parameters of a test: the engine, where it is killed, and whether dlt's working folder is lost afterwards."""
    return pytest.param(engine, point, folder, id="-".join([engine, *map(str, point), folder]))


@pytest.mark.sampled(test=2, test_all=6)
@pytest.mark.parametrize(
    ("engine", "point", "folder"),
    [
        *(kill("dev", point) for point in FIRST_LOAD),
        *(kill("dev", point, "lost") for point in (("extract", "after", 1), ("select", "after", 1), ("complete", "before", 1))),
        *(kill("postgres", point) for point in (SECOND_COPY, ("complete", "after", 1))),
        *(kill("postgres", point, "lost") for point in (SECOND_COPY, ("complete", "before", 1))),
        kill("bigquery", SECOND_COPY),
    ],
)
def test_killed_in_the_first_load(landing, shop, engine, point, folder):
    landing.killed(point, "shop")
    if folder == "lost":
        shutil.rmtree(landing.folder / "pipelines")
    landing.load("shop")
    assert_raw_is_the_shop(landing, shop)
    assert landing.load("shop") == {}


@on("dev", "postgres")
def test_killed_in_later_loads(landing, shop, engine, tier, seed):
    """One warehouse, killed at one point after another."""
    points = LATER_LOAD[engine]
    count = {"test": 2, "test-all": 6}.get(tier, len(points))
    landing.load("shop", "payments")
    for number, point in enumerate(random.Random(seed).sample(points, min(count, len(points)))):
        shop.execute(
            "update orders set updated_at = (select now from moa.clock), store_id = 1 + store_id %% 12 where id %% 7 = %s", [number % 7]
        )
        shop.execute("delete from order_items where id in (select max(id) from order_items)")
        landing.killed(point, "shop")
        shop.execute("update customers set city = %s, updated_at = (select now from moa.clock) where id = 1", [f"c{number}"])
        landing.load("shop")  # lands what the killed run left, or reads it again, and what is new as well
        assert_raw_is_the_shop(landing, shop)


def test_what_was_read_before_the_kill_is_not_read_again(landing, systems):
    landing.killed(("extract", "after", 1), "payments")
    with PaymentsApi() as api:
        api.proxy(systems, landing.settings)
        landing.load("payments")
        since = [parse_qs(query).get("updated_since") for query in api.queries]
    assert since and all(since), "the second run asks only for what changed since, as the rows of the first one are kept"
    assert landing.doubled("payments", "id, updated_at", "raw_payments") == []


def test_what_a_kill_left_is_dropped_when_the_warehouse_is_another(landing, shop):
    landing.settings["SOURCES__SHOP__LOOKBACK_HOURS"] = "0"
    change = (
        "update orders set store_id = 1 + store_id %% 12, updated_at = (select now from moa.clock) - %s * interval '1 minute' where id = %s"
    )
    landing.load("shop")
    shutil.copy(landing.path, landing.folder / "backup.duckdb")
    shop.execute(change, [2, 5])
    landing.load("shop")
    shop.execute(change, [1, 6])
    landing.killed(("extract", "after", 1), "shop")
    shutil.copy(landing.folder / "backup.duckdb", landing.path)
    assert landing.load("shop") == {"orders": 2}
    assert_raw_is_the_shop(landing, shop)


@on("dev", "postgres")
def test_no_secret_is_written_to_disk(landing, engine):
    landing.load("shop", "payments")
    landing.killed(("extract", "after", 1), "shop")
    files = [file for file in landing.folder.rglob("*") if file.is_file()]
    assert any("shop" in file.parts and "extracted" in file.parts for file in files), "the killed run left its package"
    for file in files:
        assert not any(secret.encode() in file.read_bytes() for secret in secrets_of(landing)), file
