"""Awkward values mean the same on every engine: each macro, put to the test with values that engines disagree about.

`tests/engines/awkward/` is a dbt project whose seeds hold the values, and beside each what must come of it.
"""

import csv
from decimal import Decimal
from pathlib import Path

import pytest
from engines.awkward.check import FOLDER, build, compared, differences, report
from engines.servers import ENGINES

PROJECT = Path(__file__).parent.parent


@pytest.mark.parametrize("target", ENGINES)
def test_awkward_values_are_what_they_should_be(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On DuckDB, on PostgreSQL and on the stand-in for BigQuery."""
    with ENGINES[target](tmp_path) as server:
        for name, value in {**server.environment, "DBT_TARGET_PATH": str(tmp_path / "target"), "DBT_LOG_PATH": str(tmp_path)}.items():
            monkeypatch.setenv(name, value)
        build(target)
        found = list(differences(target))
    assert found == [], "\n" + report(found)


def test_a_wrong_value_a_wrong_type_and_a_lost_row_are_differences(tmp_path: Path) -> None:
    """The comparison itself: a float is no Decimal, even where they are equal."""
    seed = tmp_path / "numbers.csv"
    seed.write_text("case_name,as_money\nright,0.50\nwrong,0.50\nfloat,0.50\nnull,\nlost,0.50\n")
    found = {"right": [Decimal("0.5")], "wrong": [Decimal("0.51")], "float": [0.5], "null": [None], "new": [None]}
    assert [difference.case for difference in compared(seed, ["as_money"], found)] == ["wrong", "float", "lost", "new"]


@pytest.mark.parametrize("seed", [*PROJECT.glob("seeds/**/*.csv"), *FOLDER.glob("seeds/*.csv")], ids=lambda path: path.stem)
def test_no_seed_has_a_cell_that_engines_read_differently(seed: Path) -> None:
    """dbt loads seeds in three ways: DuckDB copies the file, BigQuery loads it, for PostgreSQL dbt parses it."""
    with open(seed, newline="", encoding="utf-8") as file:
        for row in csv.reader(file):
            for cell in row:
                assert cell.strip().lower() != "null", "this is null on PostgreSQL, and a word elsewhere"
                assert cell == "" or cell.strip(), "blanks are null on PostgreSQL, and blanks elsewhere"
                assert "\n" not in cell, "BigQuery refuses a line break inside a cell"
    assert '""' not in [cell for line in seed.read_text().splitlines() for cell in line.split(",")], "empty, or null, by the engine"
