"""A whole Waterworks in one folder: a sample company's servers, the landing, a warehouse, dbt."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engines.servers import DuckDBFile
from support import dbt

import ingestion
from demo.servers import Systems

PROJECT = Path(__file__).resolve().parent.parent.parent
TESTS = PROJECT / "tests"
STAR = ("dim_customer", "dim_product", "dim_store", "dim_date", "fact_sales", "fact_payment")
MARTS = (
    "daily_revenue", "monthly_sales", "payment_reconciliation", "top_products", "sales_outliers", "customer_value",
)  # fmt: skip


class Deployment:
    """Everything runs in this process, through the same functions as the commands; only the places differ.

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
            **dbt.SETTINGS,
            **systems.settings(),
            **self.engine.environment,
            "PIPELINES_DIR": str(folder / "pipelines"),
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
        }

    @property
    def settings(self) -> dict[str, str]:
        """The settings of a process: the warehouse, and the systems as they run now."""
        return self.environment | self.systems.settings()

    def call(self, function: Callable, *arguments: Any, **options: Any) -> Any:
        """Call a function in this process, with these settings and in the project's folder."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.settings.items():
                patch.setenv(name, value)
            patch.chdir(PROJECT)
            return function(*arguments, **options)

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python as a process of its own, with these settings and in the project's folder."""
        return subprocess.run(
            [sys.executable, *arguments], env=self.process_environment, cwd=PROJECT, capture_output=True, text=True, timeout=600
        )

    @property
    def process_environment(self) -> dict[str, str]:
        """The whole environment of a process that works on this deployment and may import the tests' helpers."""
        return {**os.environ, **self.settings, "PYTHONPATH": str(TESTS)}

    def ingest(self, **options: Any) -> dict[str, int]:
        """Load all sources; gives rows landed by `source.table`. Fails when a source does."""
        reports = self.call(ingestion.run, **options)
        assert [report.error for report in reports if not report.ok] == []
        return {f"{report.source}.{table}": rows for report in reports for table, rows in report.tables.items()}

    def dbt(self, *command: str) -> Any:
        """Run a dbt command; gives dbt's result, whatever it is."""
        result = self.call(dbt.run_dbt, *command)
        assert result.exception is None, result.exception
        return result

    def build(self, *options: str) -> None:
        """`dbt build`; every model must be built and every test must pass, without a warning."""
        assert dbt.not_passed(self.dbt("build", *options)) == {}

    def copy(self, folder: Path) -> "Deployment":
        """A copy of the warehouse, a DuckDB file, with the state of its loads: fed by the same company, it goes on by itself."""
        copy = Deployment(folder, self.systems)
        shutil.copy(self.path, copy.path)
        shutil.copytree(self.folder / "pipelines", folder / "pipelines")
        return copy

    def query(self, sql: str) -> list[tuple]:
        """Rows of a query on the warehouse, in its own SQL."""
        return self.engine.query(sql)

    def execute(self, sql: str) -> None:
        """Change the warehouse without `ingest` or dbt."""
        self.engine.execute(sql)

    def tables(self) -> dict[str, list[tuple]]:
        """All rows of the star and of the marts, in an order that does not depend on how they came."""
        schemas = {**dict.fromkeys(STAR, "core"), **dict.fromkeys(MARTS, "marts")}
        return {name: sorted(self.query(f"select * from {schema}.{name}"), key=repr) for name, schema in schemas.items()}


def copied_project(folder: Path) -> Path:
    """A copy of the dbt project in the folder, for a test that changes it."""
    project = folder / "project"
    for name in ("models", "macros", "seeds", "snapshots", "tests/data"):
        shutil.copytree(PROJECT / name, project / name)
    shutil.copy(PROJECT / "dbt_project.yml", project)
    return project
