"""What dbt compiles the models to, checked by those who know each engine: sqlfluff its dialect, Google's analyser BigQuery's types.

The servers of the tests run the same SQL, but the stand-in for BigQuery accepts what BigQuery refuses.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from engines.parity import Parity
from engines.servers import PROJECT
from support.analyser import refused

DIALECTS = {"dev": "duckdb", "postgres": "postgres", "bigquery": "bigquery"}


def test_everything_was_compiled(compiled: dict[str, dict[str, str]]):
    """Otherwise the checks below would check nothing."""
    for found in compiled.values():
        assert {"stg_shop__order", "fact_sales", "fact_sales (first run)", "snap_customer", "daily_revenue"} <= set(found)
        assert "known.history_fingerprint is distinct from" in found["changed_members"]
        assert all(found.values())
        assert len(found) > 80


@pytest.mark.parametrize("target", DIALECTS)
def test_sqlfluff_finds_no_fault(compiled: dict[str, dict[str, str]], parity: Parity, target: str, tmp_path: Path):
    tests = {node["name"] for node in parity.manifest(target)["nodes"].values() if node["resource_type"] == "test"}
    for name, sql in compiled[target].items():
        if name not in tests:
            (tmp_path / f"{name}.sql").write_text(sql.strip() + "\n")
    found = faults(tmp_path, DIALECTS[target])
    assert not found, "\n".join(found)


@pytest.mark.tier("test-all")
def test_sqlfluff_would_find_a_fault(tmp_path: Path):
    (tmp_path / "wrong.sql").write_text("select a from b where group by\n")
    (fault,) = faults(tmp_path, "postgres")
    assert "PRS" in fault


def faults(folder: Path, dialect: str) -> list[str]:
    """What sqlfluff finds in the folder's SQL by the rules for compiled SQL."""
    result = subprocess.run(
        [Path(sys.executable).with_name("sqlfluff"), "lint", "--config", PROJECT / ".sqlfluff-compiled", "--dialect", dialect,
         "--processes", "2", "--disable-progress-bar", "--format", "json", folder],
        check=False, capture_output=True, text=True, cwd=PROJECT,
    )  # fmt: skip
    assert result.returncode in (0, 1), result.stderr
    return [
        f"{Path(file['filepath']).stem}:{fault['start_line_no']}: {fault['code']} {fault['description']}"
        for file in json.loads(result.stdout)
        for fault in file["violations"]
    ]


def test_bigquery_would_accept_every_query(analyser: Any, compiled: dict[str, dict[str, str]]):
    found = refused(analyser, compiled["bigquery"].items())
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "wrong",
    [
        "select nothing from `test-project`.`core`.`fact_sales`",
        "select order_item_id || 'a' from `test-project`.`core`.`fact_sales`",
        "select ordered_at < ordered_on from `test-project`.`core`.`fact_sales`",
        "select cast(net_amount as numeric(18, 2)) from `test-project`.`core`.`fact_sales`",
        "select ordered_at::date from `test-project`.`core`.`fact_sales`",
        "select percentile_cont(0.5) within group (order by quantity) from `test-project`.`core`.`fact_sales`",
    ],
)
def test_the_analyser_refuses_what_bigquery_refuses(analyser: Any, wrong: str):
    assert len(refused(analyser, [("wrong", wrong)])) == 1
