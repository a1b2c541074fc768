"""`dbt build` with nothing new, against the bare SQL of its models, and against importing dbt."""

import json
import shutil
import statistics
from collections import Counter
from pathlib import Path

from benchmarks.measure import PYTHON, Run, peak, ratio, rounds, run, say, seconds, spread, table, verdict
from benchmarks.places import Place
from demo.servers import Systems

TITLE = "dbt build with nothing new"
TIMES = 2.0  # the aim: under twice the import
BUILD, NO_TESTS, IMPORT = "`dbt build`", "`dbt build` without tests", "importing dbt"
MODELS, TESTS = "bare SQL of the models", "… and of the data tests"


def measure(folder: Path, count: int, small: bool) -> str:
    """The section for the page."""
    systems = Systems(folder / "company")
    place = Place(folder / "place", systems)
    try:
        say("  a company of 90 days, loaded and built")
        systems.start(scale=0.1 if small else 1.0)
        systems.faults()
        place.ingest()
    finally:
        systems.clean()
    place.systems = None
    place.build()
    place.build()  # once more: what incremental models compile to differs from the first time
    phases: list[tuple[float, float, float]] = []

    def build() -> Run:
        done = place.build()
        began, ended = place.nodes_between()
        phases.append(
            ((began - done.began).total_seconds(), (ended - began).total_seconds(), done.seconds - (ended - done.began).total_seconds())
        )
        return done

    scripts = {"models": folder / "models.json", "tests": folder / "tests.json"}
    results = place.results()
    scripts["models"].write_text(json.dumps(_statements(results, tests=False)))
    scripts["tests"].write_text(json.dumps(_statements(results, tests=True)))
    spent, copy = place.spent(), folder / "copy" / place.warehouse.name  # the SQL names the file
    copy.parent.mkdir()
    shutil.copy(place.warehouse, copy)

    def bare(which: str) -> Run:
        return run([PYTHON, "-m", "benchmarks.measured", "models", str(copy), str(scripts[which])])

    runs = rounds(
        count,
        {
            IMPORT: lambda: run([PYTHON, "-c", "import dbt.cli.main"]),
            BUILD: build,
            NO_TESTS: lambda: place.build("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"),
            MODELS: lambda: bare("models"),
            TESTS: lambda: bare("tests"),
        },
    )
    nodes = Counter(result["node"]["resource_type"] for result in results)
    return _section(runs, nodes, spent, [statistics.median(each) for each in zip(*phases, strict=True)])


def _statements(results: list[dict], tests: bool) -> list[str]:
    """The SQL of the last build's models, in its order, and that of its data tests if asked for."""
    statements = []
    for result in results:
        node, sql = result["node"], result.get("compiled_code")
        if node["resource_type"] == "model" and sql:
            statements += _materialised(node, sql)
        elif tests and node["resource_type"] == "test" and sql:
            statements.append(f"select count(*) from ({sql}) as failures")
    return statements


def _materialised(node: dict, sql: str) -> list[str]:
    """What dbt does with a model's SELECT at the least; an incremental one's is only run, as nothing has changed."""
    kind, relation = node["config"]["materialized"], node["relation_name"]
    if kind == "view":
        return [f"create or replace view {relation} as {sql}"]
    if kind == "table":
        return [f"create or replace table {relation} as {sql}"]
    scratch = f'temp."bare_{node["name"]}"'
    made = [f"create or replace temp table {scratch} as {sql}"]
    if kind == "incremental":
        key = node["config"]["unique_key"]
        made += [
            f"delete from {relation} where {key} in (select {key} from {scratch})",
            f"insert into {relation} by name select * from {scratch}",
        ]
    return made


def _section(runs: dict[str, list[Run]], nodes: Counter, spent: dict[str, float], phases: list[float]) -> str:
    ours, imported = runs[BUILD], runs[IMPORT]
    times = ratio(ours, imported)
    aim = verdict(
        times < TIMES,
        f"under {TIMES:.0f} times the import of dbt",
        f"{times:.1f} times the import, and {ratio(ours, runs[MODELS]):.1f} times the bare SQL of its models",
    )
    lines = table(
        ["", "seconds", "times the import", "of any round", "peak MB"],
        [
            [name, f"{seconds(some):.1f}", f"{ratio(some, imported):.1f}", spread(some, imported), f"{peak(some):.0f}"]
            for name, some in runs.items()
        ],
    )
    before, during, after = phases
    count = sum(nodes.values())
    kinds = ", ".join(f"{number} {kind}s ({spent[kind]:.1f} s)" for kind, number in nodes.most_common())
    bare_test = 1000 * max(0.0, seconds(runs[TESTS]) - seconds(runs[MODELS])) / max(1, nodes["test"])
    return f"""
The sample company at scale 1 after 90 days, already built; dbt has parsed the project before. Each run is a process of its own, from its
start to its end; dbt uses two threads. Bare SQL is the compiled SELECT of every model, written to the same tables (and the
data tests' SELECTs) by one DuckDB connection in a copy of the warehouse; snapshots, which find nothing to write, are left out.

{aim}

{lines}

Where a `dbt build` of {seconds(ours):.1f} s goes: {before:.1f} s until the first node begins (of which importing dbt
{seconds(imported):.1f} s; the rest loads the adapter and the parsed project), {during:.1f} s in {count} nodes, {after:.1f} s to write its
artifacts and end. The nodes, with the sum of their seconds over both threads: {kinds}. {1000 * during / count:.0f} ms pass per node,
against {bare_test:.0f} ms per data test in bare SQL. Without tests the build takes {seconds(runs[NO_TESTS]):.1f} s. To come under twice the
import, nodes that did not change would have to be left out, or dbt's own work per node be less.
"""
