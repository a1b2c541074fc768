"""A pipeline that dies by SIGKILL when it comes to a place for the n-th time.

A place is a step of the landing, or a node of dbt: each of the node's statements is come to twice, before it is sent and after it.
Importing this module imports most of what the pipeline needs, so that a process which has done it once can fork one victim after another;
`prepare_dlt` has to be called before, as dlt wants to know its folder when it is imported.
"""

import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dlt.extract.extractors
import dlt.load.load
import dlt.normalize.normalize
from dbt.adapters.sql.connections import SQLConnectionManager
from dbt.cli.main import dbtRunner
from dlt.destinations.job_client_impl import SqlJobClientBase

import ingestion
from ingestion.landing.quarantine import Quarantine

PROJECT = Path(__file__).parent.parent
counts: Counter[str] = Counter()
doom: tuple[str, int] | None = None


def reach(place: str) -> None:
    """Dies here, if it is time."""
    counts[place] += 1
    if (place, counts[place]) == doom:
        os.kill(os.getpid(), signal.SIGKILL)


def watch(owner: Any, function: str, place: str | Callable[[], str | None]) -> None:
    """Lets every call of a function come to a place, before and after."""
    watched = getattr(owner, function)

    def watching(*args: Any, **kwargs: Any) -> Any:
        name = place() if callable(place) else place
        if name:
            reach(name)
        result = watched(*args, **kwargs)
        if name:
            reach(name)
        return result

    setattr(owner, function, watching)


def watch_landing() -> None:
    watch(dlt.extract.extractors.ArrowExtractor, "write_items", "extract")  # a batch of rows
    watch(dlt.normalize.normalize, "w_normalize_files", "normalise")
    watch(dlt.load.load.Load, "w_run_job", "load")  # a table's rows
    watch(SqlJobClientBase, "complete_load", "complete")  # the row in _dlt_loads, which makes the load count
    watch(Quarantine, "after_load", "after the load")


def watch_dbt() -> None:
    built = set()

    def node() -> str | None:
        """The name of the node, or of what dbt does after the last one."""
        kind, _, name = str(manager.get_thread_connection().name).rpartition("waterworks.")
        if kind:
            built.add(name)
            return name if kind == "model." else None
        return "publish" if built else None

    def add_query(self: SQLConnectionManager, *args: Any, **kwargs: Any) -> Any:
        nonlocal manager
        manager = self
        name = node()
        if name:
            reach(name)
        result = sent(self, *args, **kwargs)
        if name:
            reach(name)
        return result

    manager: Any = None
    sent = SQLConnectionManager.add_query
    SQLConnectionManager.add_query = add_query


def live(folder: Path, environment: dict[str, str], place: str | None, number: int, is_landing: bool) -> None:
    """`ingest`, if it is landing, and `dbt build`, in a process of its own. Without a place it lives to its end and writes to
    `places.json` how often it came to each place; what it says goes to `said.txt`."""
    global doom
    doom = (place, number) if place else None
    said = os.open(folder / "said.txt", os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.environ.update(environment)
    os.chdir(PROJECT)
    if is_landing:
        watch_landing()
        reports = ingestion.run()
        if failed := [f"{report.source}: {report.error}" for report in reports if not report.ok]:
            sys.exit("\n".join(failed))
        reach("between")
    watch_dbt()
    # Tests decide about publishing only; whoever dies before it need not wait for them.
    tests = ["test"] if place and place != "publish" else []
    result = dbtRunner().invoke(["--quiet", "build", "--exclude-resource-type", "unit_test", *tests])
    (folder / "places.json").write_text(json.dumps(counts))
    sys.exit(0 if result.success else 1)
