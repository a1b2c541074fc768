"""Compares every table of every layer between engines, and prints what differs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from engines.differences import Difference, differing_columns, differing_rows
from engines.servers import Column, DuckDBFile

from ingestion.console import print_table

LAYERS = ("raw", "staging", "intermediate", "snapshots", "core", "marts")
SHOWN = 20  # differences of a table that are printed
# Columns that differ between any two warehouses, by table.
OWN = {
    "_dlt_loads": {"inserted_at", "schema_version_hash"}, "read_log": {"read_at", "read_from", "read_until"},
    **{
        name: {"history_fingerprint"}
        for entity in ("customer", "product", "store")
        for name in (f"snap_{entity}", f"int_{entity}__versions")
    },
}  # fmt: skip


@dataclass
class Comparison:
    """What came of comparing all tables once."""

    rows: dict[str, int] = field(default_factory=dict)  # by table, all engines together have the same number or differ
    differences: list[Difference] = field(default_factory=list)


def compare(engines: dict[str, DuckDBFile], manifest: dict[str, Any]) -> Comparison:
    """Compare everything in the layers' schemas."""
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
    """What is in the layers, except dlt's own tables."""
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
