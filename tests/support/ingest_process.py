"""`ingest` as a forked process, which can be killed at a point of the load."""

import atexit
import importlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from support.processes import ForkedProcess

from ingestion import cli

Point = tuple[str, str, int]  # one of STEPS, "before" or "after" it runs, and which run of it: 1 is the first
COPY_JOBS = {
    "dev": "dlt.destinations.impl.duckdb.duck.DuckDbCopyJob",
    "postgres": "ingestion.dlt_internals.postgres_copy.CopyJob",
    "bigquery": "dlt.destinations.impl.bigquery.bigquery.BigQueryLoadJob",
}
STEPS = {
    "extract": "dlt.pipeline.pipeline.Pipeline.extract",
    "normalize": "dlt.pipeline.pipeline.Pipeline.normalize",
    "select": "dlt.destinations.job_client_impl.ModelLoadJob.run",  # in DuckDB: INSERT … SELECT over the source
    "copy": "{copy_job}.run",  # a table's rows, from a file
    "complete": "dlt.load.load.Load.complete_package",
}


def ingest(environment: Mapping[str, str], arguments: tuple[str, ...], kill_at: Point | None = None) -> subprocess.CompletedProcess[str]:
    """Run `ingest` with these arguments, and with this environment and no other.

    Returns what `subprocess.run` would: SIGKILL as a negative exit code when it died at the point.
    """
    process = ForkedProcess(environment, "support.ingest_process:run", arguments, kill_at)
    exit_code = process.wait()
    return subprocess.CompletedProcess(["ingest", *arguments], exit_code, process.stdout, process.stderr)


def run(arguments: Sequence[str], kill_at: Point | None) -> int:
    """What the forked process does."""
    if kill_at:
        _die_at(*kill_at)
    try:
        return cli.main(arguments)
    finally:
        atexit._run_exitfuncs()  # multiprocessing leaves them out


def _die_at(step: str, when: str, count: int) -> None:
    path = STEPS[step].format(copy_job=COPY_JOBS[os.environ["DBT_TARGET"]])
    module, owner, name = path.rsplit(".", 2)
    original = getattr(getattr(importlib.import_module(module), owner), name)

    def deadly(*arguments: Any, **options: Any) -> Any:
        nonlocal count
        count -= 1
        is_last = count == 0
        if is_last and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*arguments, **options)
        if is_last and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(getattr(importlib.import_module(module), owner), name, deadly)
