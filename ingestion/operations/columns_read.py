"""Which columns of raw the models read: those that are left of their compiled SQL when sqlglot has resolved every star and
dropped what nothing below uses. dbt and sqlglot are imported late: other commands do not wait for them."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingestion.errors import IngestError, first_line
from ingestion.settings import project_dir

Tables = dict[str, list[str]]  # by table: its columns in their order


@dataclass
class Reading:
    """What the models read of raw."""

    columns: dict[tuple[str, str, str], set[str]] = field(default_factory=dict)  # by schema, table, column: the models
    tables: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    unclear: list[str] = field(default_factory=list)  # models whose SQL could not be taken apart, and why

    def models(self, schema: str, table: str, column: str | None) -> set[str]:
        """The models that read this column; without one, anything of the table."""
        return self.columns.get((schema, table, column), set()) if column else self.tables.get((schema, table), set())


def read_columns(landed: Mapping[str, Tables], described: Mapping[str, Tables], target: str | None) -> Reading:
    """What the models read of these sources, given the tables that raw has and those that the source files describe."""
    manifest = _manifest(target)
    known: dict[str, dict[str, dict[str, str]]] = {}  # by schema and table: columns; sqlglot wants a type of each
    for node in [*manifest["nodes"].values(), *manifest["sources"].values()]:
        name = node.get("identifier") or node.get("alias") or node["name"]
        if node.get("columns"):
            known.setdefault(node["schema"], {})[name] = dict.fromkeys(node["columns"], "text")
    for source, raw in landed.items():
        for table in {*raw, *described[source]}:
            columns = [*raw.get(table, []), *described[source].get(table, [])]
            known.setdefault(f"raw_{source}", {})[table] = dict.fromkeys(columns, "text")
    reading, schemas = Reading(), {f"raw_{source}" for source in landed}
    for node in manifest["nodes"].values():
        if node["resource_type"] not in ("model", "snapshot") or not node.get("compiled_code"):
            continue
        try:
            read = set(_columns_read(node["compiled_code"], manifest["metadata"]["adapter_type"], known, schemas))
        except Exception as error:  # sqlglot has many of its own; a model that it can't parse must not stop the check of the others
            reading.unclear.append(f"the columns that {node['name']} reads are unknown: {first_line(error)}")
            read = {(s, t, c) for s in schemas for t, columns in known[s].items() for c in columns if f"{s}.{t}" in _relations(node)}
        for schema, table, column in read:
            reading.columns.setdefault((schema, table, column), set()).add(node["name"])
            reading.tables.setdefault((schema, table), set()).add(node["name"])
    return reading


def _relations(node: dict[str, Any]) -> set[str]:
    """The raw tables that a model depends on, `raw_shop.orders`."""
    parents = [parent.split(".") for parent in node["depends_on"]["nodes"] if parent.startswith("source.")]
    return {f"raw_{source}.{table}" for *_, source, table in parents}


def _manifest(target: str | None) -> dict[str, Any]:
    """dbt's manifest with the compiled SQL of what reads sources. A process of its own: dbt keeps connections and
    loggers for the life of one."""
    with tempfile.TemporaryDirectory() as folder:
        selected = [f"source:*+1,resource_type:{kind}" for kind in ("model", "snapshot")]
        command = ["--quiet", "compile", "--write-json", "--project-dir", str(project_dir()), "--target-path", folder]
        done = subprocess.run(
            [sys.executable, "-m", "dbt.cli.main", *command, "--select", *selected, *(["--target", target] if target else [])],
            cwd=project_dir(), capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            raise IngestError(f"dbt can't compile the models: {(done.stdout + done.stderr).strip()}")
        manifest: dict[str, Any] = json.loads((Path(folder) / "manifest.json").read_text())
        return manifest


def _columns_read(sql: str, dialect: str, known: dict[str, Any], schemas: set[str]) -> Iterator[tuple[str, str, str]]:
    """Schema, table and name of the columns of these schemas that the SQL needs for what it gives."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.optimizer.pushdown_projections import pushdown_projections
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.optimizer.scope import traverse_scope

    tree = sqlglot.parse_one(sql, dialect=dialect)
    for table in tree.find_all(exp.Table):
        table.set("catalog", None)  # one database: `known` goes by schema and table
    tree = qualify(tree, schema=known, dialect=dialect, validate_qualify_columns=False)
    for scope in traverse_scope(pushdown_projections(tree)):
        for alias, read in scope.sources.items():
            if isinstance(read, exp.Table) and read.db in schemas:
                yield from ((read.db, read.name, column.name) for column in scope.columns if column.table == alias)
