"""What the suites share: a warehouse in a folder of its own, fed by a sample company of its own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from engines.parity import Parity, run_dbt
from engines.servers import ENGINES, DuckDBFile

import ingestion
from demo.servers import Systems

PROJECT = Path(__file__).parent.parent
STAR = ("dim_customer", "dim_product", "dim_store", "dim_date", "fact_sales", "fact_payment")
MARTS = (
    "daily_revenue", "monthly_sales", "payment_reconciliation", "top_products", "sales_outliers", "customer_value",
)  # fmt: skip


class Works:
    """A whole Waterworks in one folder: the company's servers, the landing, the warehouse, dbt.

    Everything runs in this process, through the same functions as the commands; only the places differ.
    The engine is a started one of tests/engines/servers.py; a DuckDB file in the folder when none is given.
    """

    def __init__(self, folder: Path, systems: Systems, engine: DuckDBFile | None = None):
        self.folder = folder
        self.systems = systems
        self.path = folder / "warehouse.duckdb"
        self.engine = engine or DuckDBFile(folder)
        if not engine:
            self.engine.start()
        self.environment = {
            **systems.settings(),
            **self.engine.environment,
            "PIPELINES_DIR": str(folder / "pipelines"),
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
        }

    @property
    def settings(self) -> dict[str, str]:
        """What a process has to be told of the warehouse, and of the systems as they run now."""
        return self.environment | self.systems.settings()

    def here(self, function: Callable, *arguments: Any, **options: Any) -> Any:
        """Call a function in this process, with these settings and in the project's folder."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.settings.items():
                patch.setenv(name, value)
            patch.chdir(PROJECT)
            return function(*arguments, **options)

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python as a process of its own, with these settings and in the project's folder."""
        command, environment = [sys.executable, *arguments], {**os.environ, **self.settings}
        return subprocess.run(command, env=environment, cwd=PROJECT, capture_output=True, text=True, timeout=600)

    def ingest(self, **options: Any) -> dict[str, int]:
        """Load all sources; gives rows landed by `source.table`. Fails when a source does."""
        reports = self.here(ingestion.run, **options)
        assert [report.error for report in reports if not report.ok] == []
        return {f"{report.source}.{table}": rows for report in reports for table, rows in report.tables.items()}

    def dbt(self, *command: str) -> Any:
        """Run a dbt command; gives dbt's result, whatever it is."""
        result = self.here(run_dbt, *command)
        assert result.exception is None, result.exception
        return result

    def build(self, *options: str) -> None:
        """`dbt build`; every model must be built and every test must pass, without a warning."""
        result = self.dbt("build", *options)
        assert bad(result) == {}

    def query(self, sql: str) -> list[tuple]:
        """Rows of a query on the warehouse, in its own SQL."""
        return self.engine.query(sql)

    def execute(self, sql: str) -> None:
        """Change the warehouse behind everybody's back."""
        self.engine.execute(sql)

    def tables(self) -> dict[str, list[tuple]]:
        """All rows of the star and of the marts, in an order that does not depend on how they came."""
        schemas = {**dict.fromkeys(STAR, "core"), **dict.fromkeys(MARTS, "marts")}
        return {name: sorted(self.query(f"select * from {schema}.{name}"), key=repr) for name, schema in schemas.items()}


def bad(result: Any) -> dict[str, str]:
    """What a dbt command did not end well for: name and message."""
    return {
        node.node.name: f"{node.status}: {node.message}" for node in result.result or [] if node.status not in ("success", "pass", "no-op")
    }


@pytest.hookimpl(tryfirst=True)  # before xdist looks for the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """When several processes run the tests, a file stays in one of them, as its tests share what they build; so do those with `parity`."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group("parity" if "parity" in item.fixturenames else item.path.stem))


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> Iterator[None]:
    """A developer's own settings must not reach the tests, nor the tests a developer's systems."""
    for name in [name for name in os.environ if name.startswith(("SOURCES__", "DBT_", "DEMO_", "WAREHOUSE_", "GOOGLE_", "BIGQUERY_"))]:
        del os.environ[name]
    yield


@pytest.fixture(scope="module")
def make_works(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Makes Waterworks with a company of so many days on an engine; stops their servers at the end of the module."""
    with ExitStack() as made:

        def make(days: int, scale: float = 0.05, seed: int = 1, target: str = "dev") -> Works:
            folder = tmp_path_factory.mktemp("works")
            systems = Systems(folder / "company")
            made.callback(systems.clean)
            systems.start(days=days, scale=scale, seed=seed)
            return Works(folder, systems, made.enter_context(ENGINES[target](folder)))

        yield make


@pytest.fixture(scope="session")
def parity(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parity]:
    """One company in a warehouse on each engine, after the first load."""
    with Parity(tmp_path_factory.mktemp("parity")) as parity:
        parity.begin()
        yield parity
