"""Processes that are forked from one that has imported dbt, dlt and `ingestion`: starting one costs next to nothing."""

import multiprocessing
import multiprocessing.forkserver
import os
import sys
import tempfile
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
from support.deployment import PROJECT, TESTS, Deployment

from ingestion.settings import prepare_dlt

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["support.preloaded"])
TIMEOUT = 300  # seconds


class ForkedProcess:
    """A function, named as `package.module:function`, that runs with a deployment's settings in a process of its own.

    What it returns is the exit code.
    """

    def __init__(self, deployment: Deployment, function: str, *arguments: Any, **environment: str):
        self._output = Path(tempfile.mkstemp(dir=deployment.folder, prefix="output_", suffix=".txt")[1])
        with pytest.MonkeyPatch.context() as patch:
            # Python 3.11 does not pass its path on to the process that is forked, and ignores modules that it does not find there.
            patch.setenv("PYTHONPATH", f"{TESTS}:{PROJECT}")
            patch.setenv("OPENBLAS_NUM_THREADS", "1")  # a process with threads can't be forked safely
            prepare_dlt()
            multiprocessing.forkserver.ensure_running()
        settings = deployment.process_environment | environment
        self._process = FORKS.Process(target=_work, args=(self._output, settings, function, arguments))
        self._process.start()

    @property
    def is_running(self) -> bool:
        return self._process.is_alive()

    def wait(self) -> int:
        """Wait until it ends; gives the exit code, that of a signal as a negative number."""
        self._process.join(TIMEOUT)
        assert self._process.exitcode is not None, f"it takes too long: {self.output}"
        return self._process.exitcode

    @property
    def output(self) -> str:
        """What it has printed so far, to standard output and standard error."""
        return self._output.read_text()


def _work(output: Path, environment: dict[str, str], function: str, arguments: tuple[Any, ...]) -> None:
    file = os.open(output, os.O_WRONLY)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(PROJECT)
    sys.exit(resolve_name(function)(*arguments))
