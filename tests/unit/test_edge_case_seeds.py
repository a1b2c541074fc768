"""Seeds hold only values that every engine loads alike, and the check of edge cases finds every difference."""

import csv
from decimal import Decimal
from pathlib import Path

import pytest
from engines.edge_cases.check import FOLDER, PROJECT, compared


@pytest.mark.parametrize("seed", [*PROJECT.glob("seeds/**/*.csv"), *FOLDER.glob("seeds/*.csv")], ids=lambda path: path.stem)
def test_seed_has_no_cell_that_engines_load_differently(seed: Path):
    """dbt loads a seed in three ways: DuckDB copies the file, BigQuery loads the file, and for PostgreSQL dbt parses it."""
    with open(seed, newline="", encoding="utf-8") as file:
        for row in csv.reader(file):
            for cell in row:
                assert cell.strip().lower() != "null", "this is null on PostgreSQL, and a word elsewhere"
                assert cell == "" or cell.strip(), "blanks are null on PostgreSQL, and blanks elsewhere"
                assert "\n" not in cell, "BigQuery refuses a line break inside a cell"
    assert '""' not in [cell for line in seed.read_text().splitlines() for cell in line.split(",")], "empty, or null, by the engine"


def test_a_wrong_value_a_wrong_type_and_a_missing_row_are_differences(tmp_path: Path):
    """A float is not a Decimal, even if the two are equal."""
    seed = tmp_path / "numbers.csv"
    seed.write_text("case_name,as_money\nright,0.50\nwrong,0.50\nfloat,0.50\nnull,\nlost,0.50\n")
    found = {"right": [Decimal("0.5")], "wrong": [Decimal("0.51")], "float": [0.5], "null": [None], "new": [None]}
    assert [difference.case for difference in compared(seed, ["as_money"], found)] == ["wrong", "float", "lost", "new"]
