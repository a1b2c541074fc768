"""What all suites share: tiers, what a tier leaves out, groups for parallel processes, and a deployment with a company of its own."""

import os
import random
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
from engines.environments import StandInError, prepare_stand_ins
from engines.parity import DAYS, Parity
from engines.servers import ENGINES, DuckDBFile
from support import dbt
from support.deployment import PROJECT, TESTS, Deployment
from support.landing import SHOP, Landing, emptied

from demo.servers import Systems

TIERS = ("test-unit", "test", "test-all", "test-nightly")  # each is a make target, and runs all that the one before it runs
# Long groups first: the processes then end at about the same time.
FOLDERS = ("engines", "chaos", "publishing", "models", "demo", "landing", "unit")
# Fixtures of the session that take long to make: all tests that use one run in the same process, whatever their file.
SHARED = ("parity", "first_load", "history_warehouse")
LEFT_OUT = pytest.StashKey[Counter]()


# Tiers


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--tier", choices=TIERS, help="what to run; `test` without paths, `test-all` for the paths that are named")
    parser.addoption("--seed", type=int, help="draws what `test-all` samples (default: another for each commit)")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "tier(name): the first tier that runs the test; `test` if it has none, `test-unit` for tests/unit")
    config.addinivalue_line(
        "markers", "sampled(test, test_all): so many of a test's parameters in these tiers, drawn by the seed; all of them every night"
    )
    option = config.option
    option.is_tier_named = getattr(option, "is_tier_named", option.tier is not None)
    if option.tier is None:
        option.tier = "test-all" if config.args_source is pytest.Config.ArgsSource.ARGS else "test"
    if option.seed is None:
        option.seed = _seed_of_commit() if option.tier == "test-all" else 1
    config.stash[LEFT_OUT] = Counter()


def _seed_of_commit() -> int:
    found = subprocess.run(["git", "rev-parse", "HEAD"], cwd=PROJECT, check=False, capture_output=True, text=True)
    return int(found.stdout.strip()[:8] or "1", 16)


def pytest_report_header(config: pytest.Config) -> str:
    return f"tier: {config.option.tier}, seed: {config.option.seed} (the same sample again: --seed {config.option.seed})"


def pytest_sessionstart(session: pytest.Session) -> None:
    """Fail before the first test, in one line, if the tier needs what this machine lacks."""
    option = session.config.option
    if option.is_tier_named and option.tier in ("test-all", "test-nightly") and not hasattr(session.config, "workerinput"):
        try:
            prepare_stand_ins()
        except StandInError as error:
            pytest.exit(str(error), returncode=4)


@pytest.hookimpl(tryfirst=True)  # before xdist looks for the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the tier does not run, and sort the rest into groups, each of which runs in one process.

    The tests of a file share what they build, for each engine apart; so do all tests that use one of the fixtures in SHARED.
    """
    option = config.option
    chosen = _sampled(items, option.tier, option.seed)
    kept = [item for item in items if TIERS.index(_tier(item)) <= TIERS.index(option.tier) and item in chosen]
    left_out = [item for item in items if item not in set(kept)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        config.stash[LEFT_OUT].update(f"{_folder(item)} {max(_tier(item), _next(option.tier), key=TIERS.index)}" for item in left_out)
    for item in kept:
        shared = next((name for name in SHARED if name in getattr(item, "fixturenames", ())), item.path.relative_to(TESTS))
        item.add_marker(pytest.mark.xdist_group("parity" if shared == "parity" else f"{shared} {_engine(item)}"))
    items[:] = sorted(kept, key=lambda item: (FOLDERS.index(_folder(item)), _group(item)))


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).parts[0]


def _group(item: pytest.Item) -> str:
    return item.get_closest_marker("xdist_group").args[0]


def _next(tier: str) -> str:
    return TIERS[min(TIERS.index(tier) + 1, len(TIERS) - 1)]


def _engine(item: pytest.Item) -> str:
    """The engine that a test runs on, of those that its parameters name; DuckDB if they name none."""
    values = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return next((value for value in values if isinstance(value, str) and value in ENGINES), "dev")


def _tier(item: pytest.Item) -> str:
    """What needs the stand-in for BigQuery needs Python 3.13, so it is in `test-all`."""
    if _folder(item) == "unit":
        return "test-unit"
    marked = item.get_closest_marker("tier")
    needs_stand_in = _engine(item) == "bigquery" or "parity" in getattr(item, "fixturenames", ())
    return max(marked.args[0] if marked else "test", "test-all" if needs_stand_in else "test", key=TIERS.index)


def _sampled(items: list[pytest.Item], tier: str, seed: int) -> set[pytest.Item]:
    """All items, but of each test that is marked `sampled` only as many as the tier takes, on each engine."""
    families: dict[tuple[str, str], list[pytest.Item]] = defaultdict(list)
    for item in items:
        families[item.nodeid.partition("[")[0], _engine(item)].append(item)
    chosen: set[pytest.Item] = set()
    for name, family in families.items():
        marked = family[0].get_closest_marker("sampled")
        count = marked.kwargs.get(tier.replace("-", "_")) if marked else None
        if count is not None and count < len(family):
            family = random.Random(f"{seed} {name}").sample(sorted(family, key=lambda item: item.nodeid), count)
        chosen.update(family)
    return chosen


# What a tier left out, said at its end. Parallel processes send what they know to the one that prints.


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = dict(session.config.stash[LEFT_OUT])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    left_out = getattr(node, "workeroutput", {}).get("left_out")
    if left_out is not None:
        node.config.stash[LEFT_OUT] = Counter(left_out)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    by_tier: dict[str, list[str]] = defaultdict(list)
    for place, count in sorted(config.stash[LEFT_OUT].items()):
        folder, tier = place.split()
        by_tier[tier].append(f"{count} of {folder}")
    for tier, places in sorted(by_tier.items(), key=lambda each: TIERS.index(each[0])):
        terminalreporter.write_line(f"Not covered by this run: {', '.join(places)}. To run them: make {tier}")
    if by_tier:
        terminalreporter.write_line("What each proves: docs/testing.md")


# What the suites build on


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A developer's own settings must not reach the tests, nor the tests a developer's systems."""
    # With it the order of lines in a log would be right by itself: docs/incident.md is compared with one.
    os.environ.pop("PYTHONUNBUFFERED", None)
    for name in [name for name in os.environ if name.startswith(("SOURCES__", "DBT_", "DEMO_", "WAREHOUSE_", "GOOGLE_", "BIGQUERY_"))]:
        del os.environ[name]
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # each process has a folder of its own in that of the session
    parses = shared / "parses"
    parses.mkdir(exist_ok=True)
    os.environ[dbt.PARSE_CACHE] = str(parses)
    yield


@pytest.fixture(scope="session")
def tier(request: pytest.FixtureRequest) -> str:
    """The tier that runs, for tests that prove the same on less where there is little time."""
    return request.config.option.tier


@pytest.fixture(scope="session")
def seed(request: pytest.FixtureRequest) -> int:
    """The seed that draws samples."""
    return request.config.option.seed


@pytest.fixture(scope="module")
def deploy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Makes a deployment with a company of so many days on an engine; its servers stop at the end of the module."""
    with ExitStack() as made:

        def make(days: int, scale: float = 0.02, seed: int = 1, target: str = "dev") -> Deployment:
            folder: Path = tmp_path_factory.mktemp("deployment")
            systems = Systems(folder / "company")
            made.callback(systems.clean)
            systems.start(days=days, scale=scale, seed=seed)
            return Deployment(folder, systems, made.enter_context(ENGINES[target](folder)))

        yield make


@pytest.fixture(scope="session")
def systems(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Systems]:
    """The servers of a company that lived ten days."""
    made = Systems(tmp_path_factory.mktemp("company") / "moa")
    try:
        yield made.start(days=10, scale=0.02, seed=1)
    finally:
        made.clean()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], DuckDBFile]]:
    """Gives the server of an engine, which is started when a test first wants it."""
    with ExitStack() as running:
        yield cache(lambda engine: running.enter_context(ENGINES[engine](tmp_path_factory.mktemp(engine))))


@pytest.fixture
def engine() -> str:
    """The engine of the test's warehouse; tests name others with `@on(…)`."""
    return "dev"


@pytest.fixture
def make_landing(tmp_path: Path, servers: Callable[[str], DuckDBFile], engine: str) -> Callable[[dict[str, str]], Landing]:
    """Makes an empty warehouse on the test's engine, for sources with these settings."""

    def make(settings: dict[str, str]) -> Landing:
        if engine == "dev":
            return Landing(tmp_path / "landing", settings)
        return Landing(tmp_path / "landing", settings, emptied(servers(engine)))

    return make


@pytest.fixture
def landing(make_landing: Callable[[dict[str, str]], Landing], systems: Systems) -> Landing:
    """An empty warehouse, and the company as its sources."""
    return make_landing(systems.settings())


@pytest.fixture
def shop(systems: Systems) -> Iterator[psycopg.Connection]:
    """The shop's database, for changes that the company did not make; they are undone afterwards."""
    with systems.connect() as connection:
        connection.autocommit = True
        for table in SHOP:
            connection.execute(f"create table kept_{table} as table {table}")
        yield connection
        for table in reversed(SHOP):
            connection.execute(f"truncate {table} cascade")
        for table in SHOP:
            connection.execute(f"insert into {table} table kept_{table}")
            connection.execute(f"drop table kept_{table}")


@pytest.fixture(scope="session")
def parity(tmp_path_factory: pytest.TempPathFactory, tier: str) -> Iterator[Parity]:
    """One company in a warehouse on each engine, after the first load; every night for more days than otherwise."""
    days = DAYS if tier == "test-nightly" else 1
    with Parity(tmp_path_factory.mktemp("parity"), days=days) as parity:
        parity.begin()
        yield parity
