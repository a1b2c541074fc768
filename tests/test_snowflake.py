"""Snowflake, as far as fakesnow carries it: `pytest -m snowflake`. Not part of `make test`, as fakesnow can't do all that it takes.

What it shows, and what not: docs/engines.md.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import PROJECT, Works
from engines.servers import environment_python

FOLDER = PROJECT / "tests" / "engines" / "snowflake"

pytestmark = pytest.mark.snowflake


@pytest.fixture(scope="session")
def snowflake_python() -> Path:
    """The interpreter of an environment with dbt's adapter and fakesnow."""
    return environment_python("snowflake", sys.executable)


def test_a_first_build_gives_the_rows_that_duckdb_has(make_works: Callable[..., Works], snowflake_python: Path, tmp_path: Path) -> None:
    """Staging, intermediate, snapshots, core and marts, every row."""
    works = make_works(days=5, scale=0.02)
    works.ingest()
    works.build("--exclude", "resource_type:test", "resource_type:unit_test")
    warehouse = works.folder / "warehouse.duckdb"
    result = subprocess.run(
        [snowflake_python, "-W", "ignore", FOLDER / "carry.py", warehouse, tmp_path], check=False, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr[-3000:]
    same = [line for line in result.stdout.splitlines() if line.endswith("rows, the same")]
    for table in ("staging.stg_payments__payment", "snapshots.snap_customer", "core.fact_sales", "marts.daily_revenue"):
        assert any(line.startswith(f"{table}: ") and not line.startswith(f"{table}: 0 ") for line in same), table
