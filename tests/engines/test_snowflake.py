"""Snowflake, as far as fakesnow can stand in for it. What this proves, and what it can't: docs/engines.md."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from engines.environments import snowflake_python
from support.dbt import WITHOUT_TESTS
from support.deployment import TESTS, Deployment


@pytest.mark.tier("test-all")
def test_a_first_build_gives_the_rows_that_duckdb_has(deploy: Callable[..., Deployment], tmp_path: Path):
    """Staging, intermediate, snapshots, core and marts, every row."""
    deployment = deploy(days=5)
    deployment.ingest()
    deployment.build(*WITHOUT_TESTS)
    result = subprocess.run(
        [snowflake_python(), "-W", "ignore", TESTS / "engines" / "snowflake" / "carry.py", deployment.path, tmp_path],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr[-3000:]
    same = [line for line in result.stdout.splitlines() if line.endswith("rows, the same")]
    for table in ("staging.stg_payments__payment", "snapshots.snap_customer", "core.fact_sales", "marts.daily_revenue"):
        assert any(line.startswith(f"{table}: ") and not line.startswith(f"{table}: 0 ") for line in same), table
