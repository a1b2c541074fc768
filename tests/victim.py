"""Runs `ingest` and `dbt build` in one process, which dies by SIGKILL when it comes to a place for the n-th time.

`python tests/victim.py FILE [PLACE N]`: without a place it lives to its end and writes to FILE how often it came to each place. A place
is a step of the landing, or a node of dbt: each of the node's statements is come to twice, before it is sent and after it.
"""

import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
    import dlt.extract.extractors
    import dlt.load.load
    import dlt.normalize.normalize
    from dlt.destinations.job_client_impl import SqlJobClientBase

    from ingestion.context import Context

    watch(dlt.extract.extractors.ArrowExtractor, "write_items", "extract")  # a batch of rows
    watch(dlt.normalize.normalize, "w_normalize_files", "normalise")
    watch(dlt.load.load.Load, "w_run_job", "load")  # a table's rows
    watch(SqlJobClientBase, "complete_load", "complete")  # the row in _dlt_loads, which makes the load count
    watch(Context, "after_load", "after the load")


def watch_dbt() -> None:
    from dbt.adapters.sql.connections import SQLConnectionManager

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


def main() -> int:
    global doom
    file = Path(sys.argv[1])
    if len(sys.argv) > 2:
        doom = (sys.argv[2], int(sys.argv[3]))
    import ingestion
    from ingestion.settings import prepare_dlt

    prepare_dlt()
    watch_landing()
    reports = ingestion.run()
    if failed := [f"{report.source}: {report.error}" for report in reports if not report.ok]:
        print("\n".join(failed))
        return 1
    reach("between")
    from dbt.cli.main import dbtRunner

    watch_dbt()
    # Tests decide about publishing only; whoever dies before it need not wait for them.
    tests = ["test"] if doom and doom[0] != "publish" else []
    result = dbtRunner().invoke(["--quiet", "build", "--exclude-resource-type", "unit_test", *tests])
    file.write_text(json.dumps(counts))
    return 0 if result.success else 1


if __name__ == "__main__":
    sys.exit(main())
