"""Lint the SQL: the files as they are written, and what dbt compiles from them for DuckDB, which includes the SQL of macros.

It needs no server, no data and no warehouse: dbt works on a scratch file. Incremental models and the tests of sources compile to
more SQL when their tables exist, so the scratch file holds these tables, empty.
"""

import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest

PROJECT = Path(__file__).parent.parent
SQLFLUFF = [Path(sys.executable).with_name("sqlfluff"), "lint", "--disable-progress-bar"]
# Tables that the tests of a source look up beside the source's own.
LOOKED_UP = re.compile(r"get_relation\(model\.database, model\.schema, '(\w+)'\)")


def dbt(command: str, manifest: Manifest | None = None) -> Manifest:
    """Run a dbt command in this process; returns the manifest. Ends the program if it fails."""
    result = dbtRunner(manifest=manifest).invoke(["--quiet", command])
    if not result.success:
        sys.exit(f"dbt {command} failed: {result.exception or 'see above'}")
    return manifest or result.result


def create_tables(manifest: Manifest, warehouse: Path) -> None:
    """Create an empty table wherever dbt compiles more SQL for a table that exists; its columns do not matter."""
    beside = {name for macro in manifest.macros.values() for name in LOOKED_UP.findall(macro.macro_sql)}
    tables = {(source.schema, name) for source in manifest.sources.values() for name in beside}
    tables |= {(node.schema, node.alias) for node in manifest.nodes.values() if node.config.materialized == "incremental"}
    with duckdb.connect(str(warehouse)) as connection:
        for schema, name in sorted(tables):
            connection.execute(f'create schema if not exists "{schema}"; create table "{schema}"."{name}" (id integer)')


def write_compiled_sql(warehouse: Path, folder: Path) -> None:
    """Write one file for each model, hook and singular test, and for each generic test with each of its expressions."""
    manifest = dbt("parse")
    create_tables(manifest, warehouse)
    dbt("compile", manifest)
    seen = set()
    for node in manifest.nodes.values():
        generic = getattr(node, "test_metadata", None)
        key = (generic.name, generic.kwargs.get("expression")) if generic else node.name
        sql = (getattr(node, "compiled_code", None) or "").strip()
        if key in seen or not sql:
            continue
        seen.add(key)
        if generic and (source := manifest.sources.get(node.depends_on.nodes[0])) and f'"{source.schema}".' not in sql:
            sys.exit(f"{node.name} compiled to a query without a table: LOOKED_UP in {__file__} misses what it looks up.")
        (folder / f"{node.name}.sql").write_text(sql + "\n")


def main() -> int:
    """Run sqlfluff over the files and what they compile to; 1 if either has a fault."""
    os.chdir(PROJECT)
    with tempfile.TemporaryDirectory(prefix="waterworks-lint-") as folder:
        scratch, warehouse, compiled = Path(folder), Path(folder, "warehouse.duckdb"), Path(folder, "compiled")
        compiled.mkdir()
        os.environ |= {
            "DBT_TARGET": "dev",
            "DBT_TARGET_PATH": str(scratch / "target"),
            "DBT_LOG_PATH": str(scratch / "logs"),
            "WAREHOUSE_PATH": str(warehouse),
        }
        # dbt keeps the scratch file open as long as its process lives, and DuckDB lets one process at a time open it.
        compiler = multiprocessing.get_context("fork").Process(target=write_compiled_sql, args=(warehouse, compiled))
        compiler.start()
        compiler.join()
        if compiler.exitcode:
            return 1
        both = [
            subprocess.Popen([*SQLFLUFF, "models", "tests/data"]),
            subprocess.Popen([*SQLFLUFF, "--config", ".sqlfluff-compiled", compiled]),
        ]
        return max(process.wait() for process in both)


if __name__ == "__main__":
    sys.exit(main())
