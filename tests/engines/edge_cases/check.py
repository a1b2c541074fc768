"""Runs edge cases of values through the macros on one target, and compares the results with those that the seeds expect.

    python -m tests.engines.edge_cases.check postgres    # a target of profiles.yml; prints the differences, and fails if there are any

The comparison is between Python values, read by the engine's own client: expected values never pass through the engine.
"""

import csv
import json
import sys
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from ingestion.warehouses import Warehouse, find_warehouse

FOLDER = Path(__file__).parent
PROJECT = FOLDER.parent.parent.parent


class Difference(NamedTuple):
    """A result that is not the expected one."""

    seed: str
    case: str
    column: str
    expected: Any
    found: Any


def _text(written: str) -> str:
    """A text as it is in the seed; decoded from JSON where it contains characters that a reader could not see."""
    return json.loads(written) if written.startswith('"') else written


# The type of each column of the results, and how a seed writes its values. A result of another type is a difference.
EXPECTED: dict[str, tuple[type, Callable[[str], Any]]] = {
    **dict.fromkeys(("as_text", "cleaned", "lowered", "hashed", "at_top", "below", "version_key"), (str, _text)),
    **dict.fromkeys(("as_integer", "microseconds", "largest_id"), (int, int)),
    **dict.fromkeys(("date_id", "iso_year", "iso_week", "iso_day"), (int, int)),
    **dict.fromkeys(("elements", "place", "place_from_the_end", "texts_before"), (int, int)),
    **dict.fromkeys(("as_money", "as_precise", "as_widest", "to_cents", "of_integers", "to_whole", "amount"), (Decimal, Decimal)),
    **dict.fromkeys(("as_date", "business_date"), (date, date.fromisoformat)),
    **dict.fromkeys(("as_timestamp", "begins_at"), (datetime, datetime.fromisoformat)),
}
# What goes in. A column of a seed that is in neither list is an error: it would be compared with nothing.
INPUTS = {"case_name", "written", "numerator", "denominator", "record", "id", "valid_from", "hashed_text"}


def _schema(warehouse: Warehouse) -> str:
    """The schema of the layer `edge_cases` on this target, by the rule of macros/engines/generate_schema_name.sql."""
    own = warehouse.connection.get("schema") or warehouse.connection.get("dataset")
    return "edge_cases" if own == "unfiled" else f"{own}_edge_cases"


def build(target: str) -> None:
    """Build the seeds and the models. Raises RuntimeError with dbt's messages if one fails."""
    from dbt.cli.main import dbtRunner

    warehouse = find_warehouse(target)
    settings = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"] | {"stand_in": _is_stand_in(warehouse)}
    result = dbtRunner().invoke(["--quiet", "build", "--project-dir", str(FOLDER), "--target", target, "--vars", json.dumps(settings)])
    if warehouse.kind == "duckdb":  # dbt keeps the file open for as long as the process lives
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager

        DuckDBConnectionManager.close_all_connections()
    if result.exception or not result.success:
        messages = [f"{node.node.name}: {node.message}" for node in result.result or [] if node.status in ("error", "fail")]
        raise RuntimeError("\n".join(messages) or str(result.exception))


def differences(target: str) -> Iterator[Difference]:
    """Compare the built models with the seeds. A case without a row is a difference too."""
    warehouse = find_warehouse(target)
    with warehouse.connect() as session:
        for path in sorted((FOLDER / "seeds").glob("*.csv")):
            if path.stem.startswith("wide_") and _is_stand_in(warehouse):
                continue
            columns = [name for name in _columns(path) if name not in INPUTS]
            assert set(columns) <= EXPECTED.keys(), f"{path.name}: nothing says what {set(columns) - EXPECTED.keys()} must be"
            found = session.rows(f"select case_name, {', '.join(columns)} from {_schema(warehouse)}.{path.stem}_seen")
            yield from compared(path, columns, {case: values for case, *values in found})


def compared(path: Path, columns: list[str], found: dict[str, list]) -> Iterator[Difference]:
    """Compare the rows found, by case, with those that one seed expects."""
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            values = found.pop(row["case_name"], ["(no such row)"] * len(columns))
            for column, value in zip(columns, values, strict=True):
                kind, parse = EXPECTED[column]
                expected = parse(row[column]) if row[column] else None
                if value != expected or not isinstance(value, kind | None):
                    yield Difference(path.stem, row["case_name"], column, expected, value)
    for case in found:
        yield Difference(path.stem, case, "", "(no such case)", found[case])


def report(found: list[Difference]) -> str:
    """The differences as a table."""
    rows = [Difference._fields, *((seed, case, column, repr(a), repr(b)) for seed, case, column, a, b in found)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(Difference._fields))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def _is_stand_in(warehouse: Warehouse) -> bool:
    """Whether this is the local stand-in for BigQuery: its numbers are narrower."""
    return bool(warehouse.connection.get("api_endpoint"))


def _columns(path: Path) -> list[str]:
    with open(path, newline="", encoding="utf-8") as file:
        return next(csv.reader(file))


def main() -> None:
    target = sys.argv[1] if len(sys.argv) > 1 else "dev"
    build(target)
    found = list(differences(target))
    print(report(found) if found else f"The macros give the expected results for all edge cases on {target}.")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
