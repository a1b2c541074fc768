"""Machines that die: a pipeline is killed at many places, runs again, and ends with the tables of one that was never killed.

Two warehouses read the same company. One runs undisturbed. In the other, each run is killed at another place of those that the
undisturbed run reached, until the last one comes to its end. The seed draws the places.
"""

import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from support.deployment import Deployment
from support.pipeline import Pipeline

ENGINES, FIRST_DAYS = ("dev", "postgres"), 20
ROUNDS = (0, 1)  # the first load, and the load of one more day
SOURCES = ("calendar", "payments", "shop", "supplier")  # in the order in which `ingest` loads them
# Where the runs of a round are killed, in this order: what comes later must still have work to do.
LANDING = ("extract", "normalise", "normalise", "load", "complete", "complete", "after the load")
LANDED = (
    ("between",),
    ("snap_customer", "snap_product", "snap_store"),
    ("dim_customer", "dim_product"),
    ("fact_sales", "fact_payment"),
    ("daily_revenue", "payment_reconciliation"),
    ("publish",),
)
STAGES = len(LANDING) + len(LANDED)
KILLS = {"test": 3, "test-all": 4, "test-nightly": STAGES}  # in each round


@pytest.mark.parametrize("engine", ENGINES)
def test_killed_at_any_place_the_pipeline_ends_with_the_same_tables(
    engine: str, deploy: Callable[..., Deployment], tmp_path: Path, tier: str, seed: int, request: pytest.FixtureRequest
):
    """`make test` kills the first load on one engine and the next on the other; the other tiers both on both."""
    chance = random.Random(f"{seed} {engine}")
    rounds = ROUNDS if tier != "test" else ((seed + ENGINES.index(engine)) % len(ROUNDS),)
    deployment = deploy(days=FIRST_DAYS, target=engine)
    undisturbed = Pipeline(deployment.folder, deployment.systems, deployment.engine)
    for number in range(max(rounds) + 1):
        if number:
            undisturbed.systems.live(1)
        if number == min(rounds):
            killed = undisturbed.copy(tmp_path)
            request.addfinalizer(killed.engine.stop)
        add_line_that_does_not_parse(undisturbed)
        counts = undisturbed.finish()
        if number not in rounds:
            continue
        is_landed, killed_at = False, set()
        for stage in drawn_stages(chance, KILLS[tier]):
            places = [(place, count) for place in stage for count in range(1, counts[place] + 1)]
            place = chance.choice([each for each in places if each not in killed_at])
            process = killed.run(place, is_landing=not is_landed)
            assert process.wait() == -signal.SIGKILL, f"{place} after {sorted(killed_at)}: {process.output}"
            is_landed = is_landed or stage in LANDED
            killed_at.add(place)
        killed.finish()
        expected, found = undisturbed.everything(), killed.everything()
        assert found.keys() == expected.keys()
        assert [table for table in expected if found[table] != expected[table]] == [], f"after kills at {sorted(killed_at)}"
        assert len(found["raw_supplier.quarantine"]) == number + 1
        assert len(killed_at) == KILLS[tier]


def drawn_stages(chance: random.Random, kills: int) -> list[tuple[str, ...]]:
    """So many stages of a round, in their order, each with the names of its places.

    Those of the landing go from source to source in the order of the loads: a source that was loaded has no work left.
    """
    drawn = sorted(chance.sample(range(STAGES), kills))
    steps = [LANDING[stage] for stage in drawn if stage < len(LANDING)]
    sources = sorted(chance.choices(SOURCES, k=len(steps)))
    landing = [(f"{step} {source}",) for step, source in zip(steps, sources, strict=True)]
    return landing + [LANDED[stage - len(LANDING)] for stage in drawn if stage >= len(LANDING)]


def add_line_that_does_not_parse(deployment: Deployment) -> None:
    """In the supplier's newest file."""
    newest = max(deployment.systems.supplier_folder.glob("*.csv"))
    newest.write_text(newest.read_text() + "a line|that does|not fit\n")
