"""`ingest` as a process of its own, forked from one that has imported all that it needs: starting it costs next to nothing.

The forked process reads its settings, runs and ends as if it had just been started, and can be killed at a point of the load.
"""

import atexit
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Never

from ingestion import cli

PROJECT = Path(__file__).resolve().parent.parent.parent
TIMEOUT = 120  # seconds
IMPORTS = (
    "ingestion.cli", "ingestion.operations.load", "ingestion.operations.status", "ingestion.operations.verify",
    "ingestion.operations.copy", "ingestion.warehouses.duckdb",
    "ingestion.dlt_internals.postgres_copy", "ingestion.sources.calendar", "ingestion.sources.payments", "ingestion.sources.shop",
    "ingestion.sources.supplier", "dlt.destinations.impl.duckdb.duck", "dlt.destinations.impl.postgres.postgres",
    "dlt.pipeline.pipeline", "dlt.load.load", "dlt.normalize.normalize", "dlt.common.libs.pyarrow", "holidays.countries", "jinja2",
)  # fmt: skip
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

    Returns what `subprocess.run` would: SIGKILL as a negative exit code when it died at the point, SIGALRM when it took too long.
    """
    with tempfile.TemporaryDirectory() as folder:
        request = {"environment": dict(environment), "arguments": arguments, "kill_at": kill_at, "folder": folder}
        server = _server()
        print(json.dumps(request), file=server.stdin, flush=True)
        exit_code = int(server.stdout.readline())
        output, errors = (Path(folder, name).read_text() for name in ("stdout", "stderr"))
    return subprocess.CompletedProcess(["ingest", *arguments], exit_code, output, errors)


@cache
def _server() -> subprocess.Popen:
    """The process that is forked. It ends when this one does, which closes its standard input."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "tests"), "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "support.forks"], env=environment, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def _serve() -> None:
    """Fork a process for each request, and answer with its exit code."""
    import duckdb

    from ingestion.settings import prepare_dlt

    prepare_dlt()
    for name in IMPORTS:
        importlib.import_module(name)
    duckdb.close()  # its import starts a thread, which a forked process would lack and wait for
    gc.freeze()  # a forked process that collects garbage would copy all that was imported
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _forked(**json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _forked(environment: dict[str, str], arguments: list[str], kill_at: Point | None, folder: str) -> Never:
    signal.alarm(TIMEOUT)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(Path(folder, name), os.O_WRONLY | os.O_CREAT), number)
    os.environ.clear()
    os.environ.update(environment)
    if kill_at:
        _die_at(*kill_at)
    exit_code = 1
    try:
        exit_code = cli.main(arguments)
    except SystemExit as exit:  # of argparse
        exit_code = exit.code
    except BaseException:
        traceback.print_exc()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)  # Python would take down all that was imported, which costs more than the import


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


if __name__ == "__main__":
    _serve()
