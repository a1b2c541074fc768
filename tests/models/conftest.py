"""What the tests of the models build on: a company's days loaded in different ways, and histories without a company."""

from collections.abc import Iterator

import pytest
from engines.servers import ENGINES
from support.dbt import WITHOUT_TESTS, WITHOUT_UNIT_TESTS
from support.deployment import Deployment
from support.history.generated import Histories
from support.history.late_load import LateLoad, load_late_versions
from support.history.warehouse import HistoryWarehouse, Rebuilt

from demo.servers import Systems

# Generated histories of customers, and as many of products: those that are always the same, and by tier those that the seed draws.
FIXED_HISTORIES, DRAWN_HISTORIES = 100, {"test": 0, "test-all": 100, "test-nightly": 500}


@pytest.fixture(scope="session")
def first_days() -> int:
    """How many days the first load finds."""
    return 10


@pytest.fixture(scope="session")
def days(tier: str) -> int:
    """How many days the company lives after the first load."""
    return 3 if tier == "test" else 5


@pytest.fixture(scope="session")
def first_load(first_days: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A company's warehouse after the first load and build."""
    folder = tmp_path_factory.mktemp("first_load")
    systems = Systems(folder / "company")
    try:
        systems.start(days=first_days, scale=0.05, seed=1)
        deployment = Deployment(folder, systems)
        deployment.ingest()
        deployment.build()
        yield deployment
    finally:
        systems.clean()


@pytest.fixture(scope="session")
def daily(first_load: Deployment, days: int, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """A warehouse that loaded each of the further days, and built after each."""
    daily = first_load.copy(tmp_path_factory.mktemp("daily"))
    for _ in range(days):
        daily.systems.live(1)
        daily.ingest()
        daily.build(*WITHOUT_TESTS)
    daily.build(*WITHOUT_UNIT_TESTS)
    return daily


@pytest.fixture(scope="session")
def at_once(first_load: Deployment, daily: Deployment) -> Deployment:
    """A warehouse that loaded all further days at once. Needs `daily`, for which the company lives them."""
    first_load.ingest()
    first_load.build(*WITHOUT_UNIT_TESTS)
    return first_load


@pytest.fixture(params=["daily", "at_once"])
def daily_or_at_once(request: pytest.FixtureRequest, daily: Deployment, at_once: Deployment) -> Deployment:
    """Each of the two warehouses, for what must hold however the days were loaded."""
    return {"daily": daily, "at_once": at_once}[request.param]


@pytest.fixture(scope="session", params=list(ENGINES))
def history_warehouse(
    request: pytest.FixtureRequest, tier: str, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[HistoryWarehouse]:
    """Generated histories and copies of the small shop on an engine, after several loads with a run after each."""
    folder = tmp_path_factory.mktemp("history")
    drawn_seed = None if tier == "test" else seed
    histories = Histories.drawn(FIXED_HISTORIES, DRAWN_HISTORIES[tier], drawn_seed)
    with ENGINES[request.param](folder) as engine:
        warehouse = HistoryWarehouse(engine, folder, histories, drawn_seed)
        # The stand-in for BigQuery is slow, so there are fewer runs on it.
        for steps in ((0, 1), (2, 3)) if request.param == "bigquery" else ((0,), (1,), (2,), (3,)):
            warehouse.run(steps)
        yield warehouse


@pytest.fixture(scope="session")
def rebuilt(history_warehouse: HistoryWarehouse) -> Rebuilt:
    """The tables of `history_warehouse` before and after a rebuild."""
    return history_warehouse.rebuild()


@pytest.fixture(scope="session")
def late_load(history_warehouse: HistoryWarehouse, rebuilt: Rebuilt) -> LateLoad:
    """A load of late versions into `history_warehouse`. After `rebuilt`, which reads the tables without them."""
    return load_late_versions(history_warehouse)
