"""The same days of one company on every engine, and a comparison of every table of every layer: `make parity`.

A row that differs is printed with its key, the column, and what each engine says. Rows are read by each engine's
own client as Python values, so that nothing which the engines share (dbt, dlt, our ingestion) can hide a difference.
"""

import argparse
import contextlib
import json
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from engines.servers import ENGINES, PROJECT, Column, DuckDBFile, ServerError
from support.dbt import WITHOUT_TESTS, run_dbt

from demo.servers import Systems
from ingestion.console import print_table

# The day after the first load begins a month.
FIRST_DAYS, DAYS, SCALE = 31, 3, 0.02
LAYERS = ("raw", "staging", "intermediate", "snapshots", "core", "marts")
SHOWN = 20  # differences of a table that are printed

# What a type of an engine's catalogue can mean: two columns are of the same type when they can mean the same.
# Widths of integers are not compared, as BigQuery has one; raw JSON is text there, for its own JSON type rounds numbers.
MEANINGS = {
    "integer": {"integer"}, "bigint": {"integer"}, "smallint": {"integer"},
    "decimal": {"decimal"}, "numeric": {"decimal"},
    "varchar": {"text"}, "character varying": {"text"}, "text": {"text"}, "string": {"text", "json"}, "json": {"json"},
    "boolean": {"boolean"}, "date": {"date"},
    "timestamp with time zone": {"timestamp"}, "timestamp": {"timestamp"},
}  # fmt: skip
# Columns that differ between any two warehouses, by table.
OWN = {
    "_dlt_loads": {"inserted_at", "schema_version_hash"}, "read_log": {"read_at", "read_from", "read_until"},
    **{
        name: {"history_fingerprint"}
        for entity in ("customer", "product", "store")
        for name in (f"snap_{entity}", f"int_{entity}__versions")
    },
}  # fmt: skip


class ParityError(Exception):
    """An engine could not be loaded or built; the message says which, and why."""


@dataclass(frozen=True)
class Difference:
    """One value that is not the same everywhere, by engine."""

    table: str
    key: str
    column: str
    values: dict[str, str]


@dataclass
class Comparison:
    """What came of comparing all tables once."""

    rows: dict[str, int] = field(default_factory=dict)  # by table, all engines together have the same number or differ
    differences: list[Difference] = field(default_factory=list)


def differing_rows(table: str, columns: Sequence[str], key: Sequence[str], rows: dict[str, Sequence[tuple]]) -> Iterator[Difference]:
    """Every value that is not the same on all engines, and every row that is missing on one.

    `columns` name the values of a row. Rows with the same key are told apart by their number, in the order of their values.
    """
    indexed = {engine: _indexed(columns, key, found) for engine, found in rows.items()}
    if all(index == next(iter(indexed.values())) for index in indexed.values()):
        return
    for identity in sorted(set().union(*indexed.values()), key=repr):
        found = {engine: index.get(identity) for engine, index in indexed.items()}
        name = ", ".join(f"{column}={value}" for column, value in zip(key, identity, strict=False))
        if None in found.values():
            yield Difference(table, name, "(row)", {engine: "missing" if row is None else "there" for engine, row in found.items()})
            continue
        for position, column in enumerate(columns):
            values = {engine: row[position] for engine, row in found.items()}
            first = next(iter(values.values()))
            if any(value != first for value in values.values()):
                yield Difference(table, name, column, {engine: _shown(value) for engine, value in values.items()})


def _indexed(columns: Sequence[str], key: Sequence[str], rows: Sequence[tuple]) -> dict[tuple, tuple]:
    """Rows by key and number."""
    places = [columns.index(column) for column in key]
    index = {(*(row[place] for place in places), 0): row for row in rows}
    if len(index) == len(rows):
        return index
    seen: Counter = Counter()
    for row in sorted(rows, key=repr):
        identity = tuple(row[place] for place in places)
        index[(*identity, seen[identity])] = row
        seen[identity] += 1
    return index


def _shown(value: Any) -> str:
    """Strings in quotes: an empty one is not null, and spaces are seen."""
    return "null" if value is None else repr(value) if isinstance(value, str) else str(value)


def differing_columns(table: str, columns: dict[str, list[Column]], strict: bool) -> Iterator[Difference]:
    """Columns that are not everywhere, in another order, or of another type; and where null is allowed here and not there.

    strict: also the digits of decimals, which only a contract fixes: a view forgets them on some engines.
    """
    names = {engine: [column.name for column in found] for engine, found in columns.items()}
    if len({tuple(each) for each in names.values()}) > 1:
        yield Difference(table, "", "(columns)", {engine: ", ".join(each) for engine, each in names.items()})
        return
    for same in zip(*columns.values(), strict=True):
        found = dict(zip(columns, same, strict=True))
        meanings = [_meanings(column.kind, strict) for column in same]
        if not set.intersection(*meanings):
            yield Difference(table, "", f"{same[0].name}: type", {engine: column.kind for engine, column in found.items()})
        if len({column.is_nullable for column in same}) > 1:
            nulls = {engine: "may be null" if column.is_nullable else "not null" for engine, column in found.items()}
            yield Difference(table, "", f"{same[0].name}: null", nulls)


def _meanings(kind: str, strict: bool) -> set[str]:
    name, size = re.fullmatch(r"([^(]*)(\(.*\))?", kind.lower()).groups()
    found = MEANINGS.get(name.strip(), {name})
    return {f"decimal{(size or '').replace(' ', '')}"} if strict and found == {"decimal"} else found


def compare(engines: dict[str, DuckDBFile], manifest: dict[str, Any]) -> Comparison:
    """Compare everything that stands in the layers' schemas."""
    comparison = Comparison()
    models = _models(manifest)
    tables = {target: _tables(engine) for target, engine in engines.items()}
    loads = {target: _loads(engine, tables[target]) for target, engine in engines.items()}
    for schema, name in sorted(set().union(*tables.values()), key=lambda table: (_place(table[0]), table)):
        table = f"{schema}.{name}"
        there = {target: (schema, name) in found for target, found in tables.items()}
        if not all(there.values()):
            values = {target: "there" if is_there else "missing" for target, is_there in there.items()}
            comparison.differences.append(Difference(table, "", "(table)", values))
            continue
        key, strict = models.get((schema, name), (None, False))
        columns = {target: found[schema, name] for target, found in tables.items()}
        comparison.differences += differing_columns(table, columns, strict)
        names = _compared(name, columns)
        rows = {target: _named(names, engine.rows(schema, name, names), loads[target]) for target, engine in engines.items()}
        comparison.differences += differing_rows(table, names, key or _key(names, rows), rows)
        comparison.rows[table] = max(len(found) for found in rows.values())
    return comparison


def _models(manifest: dict[str, Any]) -> dict[tuple[str, str], tuple[list[str] | None, bool]]:
    """Of each model, by schema and name: the columns of its primary key, as its test has them, and whether it has a contract."""
    keys = {
        node["attached_node"]: node["test_metadata"]["kwargs"]["columns"]
        for node in manifest["nodes"].values()
        if (node.get("test_metadata") or {}).get("name") == "primary_key"
    }
    return {
        (node["schema"], node["alias"]): (keys.get(name), bool((node["config"].get("contract") or {}).get("enforced")))
        for name, node in manifest["nodes"].items()
        if node["resource_type"] in ("model", "seed", "snapshot")
    }


def _tables(engine: DuckDBFile) -> dict[tuple[str, str], list[Column]]:
    """What stands in the layers, but for what dlt keeps for itself."""
    return {
        (schema, name): columns
        for (schema, name), columns in engine.catalogue().items()
        if _layer(schema) in LAYERS and not schema.endswith("_staging") and (name == "_dlt_loads" or not name.startswith("_dlt_"))
    }


def _loads(engine: DuckDBFile, tables: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Load ids are clocks: the same load has another on each engine. What it has in common is its place among its source's."""
    names = {}
    for schema in [schema for schema, table in tables if table == "_dlt_loads"]:
        ids = sorted(row[0] for row in engine.query(f"select load_id from {schema}._dlt_loads where status = 0"))
        names |= {load: f"{schema}: load {number}" for number, load in enumerate(ids, 1)}
    return names


def _layer(schema: str) -> str:
    return "raw" if schema.startswith("raw_") else schema


def _place(schema: str) -> int:
    return LAYERS.index(_layer(schema))


def _compared(table: str, columns: dict[str, list[Column]]) -> list[str]:
    """The columns that all have, in the first one's order."""
    names = set.intersection(*({column.name for column in found} for found in columns.values()))
    names -= OWN.get(table, set())
    return [column.name for column in next(iter(columns.values())) if column.name in names]


def _named(columns: list[str], rows: list[tuple], loads: dict[str, str]) -> list[tuple]:
    """The rows with the names of their loads."""
    of_loads = {place for place, column in enumerate(columns) if column.endswith(("load_id", "load_ids"))}

    def named(value: str | None) -> str | None:
        return value and "+".join(loads.get(load, load) for load in value.split("+"))

    return [tuple(named(value) if place in of_loads else value for place, value in enumerate(row)) for row in rows]


def _key(columns: list[str], rows: dict[str, list[tuple]]) -> list[str]:
    """What identifies a row where nothing says so: the first columns (in raw: with the load) that are enough everywhere."""
    order = sorted(columns, key=lambda column: (column != columns[0], not column.endswith("load_id"), columns.index(column)))
    for count in range(1, len(order)):
        places = [columns.index(column) for column in order[:count]]
        if all(len({tuple(row[place] for place in places) for row in found}) == len(found) for found in rows.values()):
            return order[:count]
    return columns


def print_differences(differences: list[Difference]) -> None:
    """A table: model, key, column, the value on each engine."""
    by_table: dict[str, list[Difference]] = {}
    for difference in differences:
        by_table.setdefault(difference.table, []).append(difference)
    shown = [difference for each in by_table.values() for difference in each[:SHOWN]]
    if shown:
        engines = list(shown[0].values)
        rows = [(each.table, each.key, each.column, *(each.values[engine] for engine in engines)) for each in shown]
        print_table(("model", "key", "column", *engines), rows, numbers=())
    for table, each in by_table.items():
        if len(each) > SHOWN:
            print(f"{table}: {len(each) - SHOWN:,} more differences")


def work(environment: dict[str, str], is_loading: bool, *command: str) -> list[str]:
    """`ingest` if `is_loading`, and a dbt command on one engine; gives what went wrong. Runs in a process of the engine's own."""
    os.environ.update(environment)
    os.chdir(PROJECT)
    return (_load() if is_loading else []) or _dbt(*command)


def _load() -> list[str]:
    import ingestion

    return [f"ingest {report.source}: {report.error}" for report in ingestion.run() if not report.ok]


def _dbt(*command: str) -> list[str]:
    """A warning counts as wrong, too."""
    result = run_dbt(*command)
    if result.exception:
        return [f"dbt {command[0]}: {result.exception}"]
    good = ("success", "pass", "no-op", "skipped")  # what is skipped stands on something that failed
    return [f"{node.node.name}: {node.status}: {node.message}" for node in result.result if node.status not in good]


def _say(line: str) -> None:
    print(line, flush=True)


class Parity:
    """One company and a warehouse on each engine, in one folder. Each engine works in a process of its own."""

    def __init__(self, folder: Path, targets: Sequence[str] = tuple(ENGINES), say: Callable[[str], None] = _say, days: int = DAYS):
        self.folder, self.days = folder, days
        self.systems = Systems(folder / "company")
        self.engines = {target: ENGINES[target](folder / target) for target in targets}
        self.found: dict[str, Comparison] = {}  # what came of each run, by its title
        self._say = say
        self._open = contextlib.ExitStack()
        self._processes: dict[str, ProcessPoolExecutor] = {}

    def __enter__(self) -> "Parity":
        with contextlib.ExitStack() as stack:
            stack.callback(self.systems.clean)
            for target, engine in self.engines.items():
                engine.folder.mkdir(parents=True)
                stack.enter_context(engine)
                # A fresh process, as dbt and dlt keep state; and one that stays, as they take seconds to import.
                self._processes[target] = stack.enter_context(ProcessPoolExecutor(1, get_context("spawn")))
            self._open = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def begin(self) -> None:
        """A first load of all that the company lived so far."""
        self.systems.start(days=FIRST_DAYS, scale=SCALE)
        self._run("first load")
        self._compare("first load")

    def go_on(self) -> None:
        """The days one after another, and then a full refresh, which must change nothing.

        Of dbt's tests one run on each engine, the first, is enough: rows that are the same pass the same tests.
        """
        for day in range(1, self.days + 1):
            self.systems.live(1)
            self._run(f"day {day} of {self.days}", *WITHOUT_TESTS)
        self._compare(f"{self.days} days")
        self._run("full refresh", "--full-refresh", *WITHOUT_TESTS)
        self._compare("full refresh")

    def dbt(self, *command: str) -> None:
        """A dbt command on all engines at once. One that fails on any is an error."""
        self._everywhere(f"dbt {command[0]}", False, *command)

    def manifest(self, target: str) -> dict[str, Any]:
        """What dbt wrote about its last command on this engine."""
        return json.loads((self.engines[target].folder / "target" / "manifest.json").read_text())

    def compare(self) -> Comparison:
        return compare(self.engines, self.manifest(next(iter(self.engines))))

    def _run(self, title: str, *build: str) -> None:
        """`ingest` and `dbt build` on all engines at once."""
        started = time.monotonic()
        self._everywhere(title, True, "build", *build)
        self._say(f"{title}: {time.monotonic() - started:.0f} s")

    def _compare(self, title: str) -> None:
        started = time.monotonic()
        found = self.found[title] = self.compare()
        self._say(
            f"  {len(found.rows)} tables compared, {sum(found.rows.values()):,} rows, {len(found.differences):,} differences: "
            f"{time.monotonic() - started:.0f} s"
        )

    def _everywhere(self, title: str, is_loading: bool, *command: str) -> None:
        running = {
            target: process.submit(work, self._environment(target), is_loading, *command) for target, process in self._processes.items()
        }
        wrong = [f"{target}: {text}" for target, future in running.items() for text in future.result()]
        if wrong:
            raise ParityError("\n".join([f"{title} failed", *wrong]))

    def _environment(self, target: str) -> dict[str, str]:
        folder = self.engines[target].folder
        return {
            **self.systems.settings(),
            **self.engines[target].environment,
            "PIPELINES_DIR": str(folder / "pipelines"),
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
        }


def print_report(found: dict[str, Comparison], engines: Sequence[str]) -> None:
    """Rows compared by table and by layer each time; then, of each time, what differs."""
    tables = list(dict.fromkeys(table for comparison in found.values() for table in comparison.rows))
    rows = []
    for layer in LAYERS:
        of_layer = [table for table in tables if _layer(table.split(".")[0]) == layer]
        rows += [(table, *(f"{each.rows.get(table, 0):,}" for each in found.values())) for table in of_layer]
        rows.append((f"= {layer}", *(f"{sum(each.rows.get(table, 0) for table in of_layer):,}" for each in found.values())))
    print(f"\nRows compared on {', '.join(engines)}")
    print_table(("table", *found), rows, numbers=range(1, len(found) + 1))
    for title, comparison in found.items():
        if comparison.differences:
            print(f"\n{title}: {len(comparison.differences):,} differences")
            print_differences(comparison.differences)
    differences = sum(len(comparison.differences) for comparison in found.values())
    print(f"\n{differences:,} differences in {sum(sum(each.rows.values()) for each in found.values()):,} rows")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make parity", description=__doc__.splitlines()[0])
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES), help="two or more; all when none is named")
    targets = parser.parse_args().engines
    try:
        with tempfile.TemporaryDirectory(prefix="waterworks-parity-") as folder, Parity(Path(folder), targets) as parity:
            parity.begin()
            parity.go_on()
    except (ParityError, ServerError) as error:
        print(error, file=sys.stderr)
        return 1
    print_report(parity.found, targets)
    return 1 if any(comparison.differences for comparison in parity.found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
