"""The same rows on every engine, and a comparison that finds it when they are not."""

import shutil
from pathlib import Path

import pytest
from engines.comparison import LAYERS, Comparison, print_differences
from engines.parity import Parity
from engines.servers import ENGINES, PROJECT


def test_all_engines_have_the_same_rows(found: dict[str, Comparison], parity: Parity):
    """After the first load, after days that came one by one, and after a full refresh: every table of every layer."""
    assert {title: comparison.differences[:5] for title, comparison in found.items() if comparison.differences} == {}
    assert list(found) == ["first load", f"{parity.days} days", "full refresh"]


def test_there_was_something_to_compare(found: dict[str, Comparison], parity: Parity):
    """Otherwise engines that do nothing would be equal. Every layer has rows, and the days added versions and facts."""
    assert list(parity.engines) == list(ENGINES) == ["dev", "postgres", "bigquery"]
    first, last = found["first load"].rows, found["full refresh"].rows
    for layer in LAYERS:
        assert sum(rows for table, rows in last.items() if table.startswith(layer)) > 50, layer
    for table in ("snapshots.snap_customer", "core.dim_product", "core.fact_sales", "core.fact_payment"):
        assert last[table] > first[table] > 50, table
    assert [table for table, rows in last.items() if not rows and not table.endswith(".quarantine")] == []


def test_a_change_that_depends_on_the_engine_fails_and_points_at_the_row(
    parity: Parity, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Integers divided by `/`: PostgreSQL drops the fraction, the others keep it. One model, changed in a copy of the project."""
    project = tmp_path / "project"
    for name in ("models", "macros", "seeds", "snapshots", "tests/data"):
        shutil.copytree(PROJECT / name, project / name)
    shutil.copy(PROJECT / "dbt_project.yml", project)
    model = project / "models" / "marts" / "merchandising" / "top_products.sql"
    right, wrong = "cast(sum(quantity) as", "cast(2 * (sum(cast(quantity as integer)) / 2) as"
    assert right in model.read_text()
    model.write_text(model.read_text().replace(right, wrong))

    parity.dbt("build", "--project-dir", str(project), "--select", "top_products")
    differences = parity.compare().differences
    assert {difference.table for difference in differences} == {"marts.top_products"}
    print_differences(differences)
    table = capsys.readouterr().out
    assert "month_on=2026-01-01, product_id=" in table
    (some,) = [each for each in differences if each.column == "units"][:1]
    assert int(some.values["dev"]) == int(some.values["postgres"]) + 1
    assert any(
        all(part in line for part in ("marts.top_products", some.key, "units", *some.values.values())) for line in table.splitlines()
    )
