"""The same rows on every engine, and a comparison that would see it if they were not."""

import shutil
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from engines.parity import DAYS, LAYERS, Comparison, Difference, Parity, differing_columns, differing_rows, print_differences, print_report
from engines.servers import ENGINES, PROJECT, Column

COLUMNS, KEY = ("id", "name", "amount"), ("id",)


def rows_of(**rows: list[tuple]) -> list[Difference]:
    return list(differing_rows("mart", COLUMNS, KEY, rows))


def test_equal_rows_are_equal_in_any_order():
    """A decimal's zeros and an instant's zone are no value: 1.5 is 1.50, and noon in Auckland midnight in UTC."""
    noon = datetime(2026, 6, 1, 12, tzinfo=timezone(timedelta(hours=12)))
    one, other = [(1, "a", Decimal("1.50")), (2, noon, None)], [(2, datetime(2026, 6, 1, tzinfo=UTC), None), (1, "a", Decimal("1.5"))]
    assert rows_of(dev=one, postgres=other) == []


def test_a_value_that_differs_is_shown_with_its_key_and_column():
    cent = rows_of(dev=[(1, "a", Decimal("1.50")), (2, "b", None)], postgres=[(1, "a", Decimal("1.51")), (2, "b", None)])
    assert cent == [Difference("mart", "id=1", "amount", {"dev": "1.50", "postgres": "1.51"})]
    assert rows_of(dev=[(1, "a ", None)], postgres=[(1, "a", None)])[0].values == {"dev": "'a '", "postgres": "'a'"}
    assert rows_of(dev=[(1, "", None)], postgres=[(1, None, None)])[0].values == {"dev": "''", "postgres": "null"}


def test_a_row_that_is_missing_or_there_twice_is_shown():
    row = (1, "a", Decimal(1))
    for here, there in (([row], []), ([row, row], [row])):
        (difference,) = rows_of(dev=here, postgres=there, bigquery=here)
        assert difference.column == "(row)"
        assert difference.values == {"dev": "there", "postgres": "missing", "bigquery": "there"}


def test_types_and_nulls_are_compared():
    def columns(kind: str, is_nullable: bool = True) -> list[Column]:
        return [Column("amount", kind, is_nullable)]

    def differ(strict: bool = True, **found: list[Column]) -> list[str]:
        return [difference.column for difference in differing_columns("mart", found, strict)]

    money = {"dev": columns("DECIMAL(18,2)"), "postgres": columns("numeric(18,2)"), "bigquery": columns("NUMERIC(18, 2)")}
    assert differ(**money) == []
    assert differ(**money | {"postgres": columns("double precision")}) == ["amount: type"]
    assert differ(**money | {"postgres": columns("numeric")}) == ["amount: type"]
    assert differ(strict=False, **money | {"postgres": columns("numeric")}) == []
    assert differ(**money | {"bigquery": columns("NUMERIC(18, 2)", is_nullable=False)}) == ["amount: null"]
    assert differ(dev=columns("JSON"), postgres=columns("json"), bigquery=columns("STRING")) == []
    assert differ(dev=columns("VARCHAR"), postgres=columns("json"), bigquery=columns("STRING")) == ["amount: type"]
    assert differ(dev=columns("BIGINT"), postgres=[Column("total", "bigint", True)]) == ["(columns)"]


@pytest.fixture(scope="module")
def found(parity: Parity) -> dict[str, Comparison]:
    parity.go_on()
    print_report(parity.found, list(parity.engines))
    return parity.found


def test_all_engines_have_the_same_rows(found: dict[str, Comparison]):
    """After the first load, after days that came one by one, and after a full refresh: every table of every layer."""
    assert {title: comparison.differences[:5] for title, comparison in found.items() if comparison.differences} == {}
    assert list(found) == ["first load", f"{DAYS} days", "full refresh"]


def test_there_was_something_to_compare(found: dict[str, Comparison], parity: Parity):
    """Otherwise engines that do nothing would be equal. Every layer has rows, and the days added versions and facts."""
    assert list(parity.engines) == list(ENGINES) == ["dev", "postgres", "bigquery"]
    first, last = found["first load"].rows, found["full refresh"].rows
    for layer in LAYERS:
        assert sum(rows for table, rows in last.items() if table.startswith(layer)) > 50, layer
    for table in ("snapshots.snap_customer", "core.dim_product", "core.fact_sales", "core.fact_payment"):
        assert last[table] > first[table] > 50, table
    assert [table for table, rows in last.items() if not rows and not table.endswith(".quarantine")] == []


def test_a_change_that_depends_on_the_engine_is_red_and_points_at_the_row(
    parity: Parity, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Integers divided by `/`: PostgreSQL cuts the fraction off, the others keep it. One model, changed in a copy of the project."""
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
