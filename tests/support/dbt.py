"""dbt as the tests run it: in this process, quietly, and parsed once for all warehouses of an engine.

`python -m support.dbt build` is the same as a process of its own, with dbt's exit code.
"""

import gc
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Folder in which the tests of one session share what dbt parsed, one file per target.
PARSE_CACHE = "TEST_PARSE_CACHE"
# No log file and no artifacts, which cost as much as the build itself; `--write-json` on a command brings the artifacts back.
SETTINGS = {"DBT_LOG_LEVEL_FILE": "none", "DBT_WRITE_JSON": "false"}
# dbt's unit tests read no row of the warehouse, so they need not run with every build.
WITHOUT_UNIT_TESTS = ("--exclude-resource-type", "unit_test")
WITHOUT_TESTS = ("--exclude-resource-type", "test", *WITHOUT_UNIT_TESTS)


def run_dbt(*command: str) -> Any:
    """Run a dbt command in this process, quietly unless it has the option `--no-quiet`.

    Reads the warehouse and the folders from the environment (`DBT_TARGET`, `DBT_TARGET_PATH`, …), as dbt does.
    Returns dbt's result, whether the command succeeded or not.
    """
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    ignore_connection_in_parse_cache()
    quiet = () if "--no-quiet" in command else ("--quiet",)
    with _parse_cache(shares="--project-dir" not in command), _without_garbage_collection():
        result = dbtRunner().invoke([*quiet, *command])
    DuckDBConnectionManager.close_all_connections()  # dbt would keep the file for the life of the process
    return result


def not_passed(result: Any) -> dict[str, str]:
    """The nodes of a dbt result that neither succeeded nor passed: name and message. A warning is not a pass."""
    good = ("success", "pass", "no-op")
    return {node.node.name: f"{node.status}: {node.message}" for node in result.result or [] if node.status not in good}


def ignore_connection_in_parse_cache() -> None:
    """Let warehouses with the same database and schema names share one parse.

    dbt parses again when the connection changes (DuckDB's path, PostgreSQL's port), because Jinja can read it. Nothing in this
    project does, and each test has a warehouse of its own: without this, most of them would begin with a parse of 4 CPU seconds.
    """
    from dbt.contracts.files import FileHash
    from dbt.parser.manifest import ManifestLoader

    original = ManifestLoader.build_manifest_state_check
    if original.__name__ != "build_manifest_state_check":
        return

    def without_connection(loader: ManifestLoader) -> Any:
        state = original(loader)
        names = loader.root_project.credentials
        state.profile_hash = FileHash.from_contents(f"{names.database} {names.schema}")
        return state

    ManifestLoader.build_manifest_state_check = without_connection


@contextmanager
def _parse_cache(shares: bool) -> Iterator[None]:
    """Begin with what this session has parsed for the target, and leave it there if it was the first."""
    folder, target = os.environ.get(PARSE_CACHE), os.environ.get("DBT_TARGET_PATH")
    if not (shares and folder and target):
        yield
        return
    shared = Path(folder) / f"{os.environ.get('DBT_TARGET', 'dev')}.msgpack"
    own = Path(target) / "partial_parse.msgpack"
    if shared.exists() and not own.exists():
        own.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(shared, own)
    yield
    if own.exists() and not shared.exists():
        scratch = shared.with_suffix(f".{os.getpid()}")
        shutil.copy(own, scratch)
        scratch.replace(shared)  # at once: another process may be looking


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Collecting among dbt's many long-lived objects frees next to nothing and costs a tenth of a build."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def dbt_command(*command: str) -> int:
    """Run a dbt command; gives dbt's exit code."""
    result = run_dbt(*command)
    if result.exception:
        print(result.exception)
    return 0 if result.success else 2 if result.exception else 1


if __name__ == "__main__":
    sys.exit(dbt_command(*sys.argv[1:]))
