"""Processes that are forked from one that has imported dbt, dlt and `ingestion`: starting one costs next to nothing."""

import multiprocessing
import multiprocessing.forkserver
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
from support.deployment import PROJECT, TESTS

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["support.preloaded"])
TIMEOUT = 300  # seconds


class ForkedProcess:
    """A function, named as `package.module:function`, that runs in a process of its own with this environment and no other.

    What it returns is the exit code.
    """

    def __init__(self, environment: Mapping[str, str], function: str, *arguments: Any):
        self._folder = tempfile.TemporaryDirectory(prefix="waterworks-process-")
        with pytest.MonkeyPatch.context() as patch:
            # Python 3.11 does not pass its path on to the process that is forked, and ignores modules that it does not find there.
            patch.setenv("PYTHONPATH", f"{TESTS}:{PROJECT}")
            patch.setenv("OPENBLAS_NUM_THREADS", "1")  # a process with threads can't be forked safely
            multiprocessing.forkserver.ensure_running()
        self._process = FORKS.Process(target=_work, args=(self._folder.name, dict(environment), function, arguments))
        self._process.start()

    @property
    def is_running(self) -> bool:
        return self._process.is_alive()

    def wait(self) -> int:
        """Wait until it ends; gives the exit code, that of a signal as a negative number."""
        self._process.join(TIMEOUT)
        if self._process.exitcode is None:
            self._process.kill()
            raise AssertionError(f"it takes too long: {self.output}")
        return self._process.exitcode

    @property
    def stdout(self) -> str:
        """What it has printed so far."""
        return self._text("stdout")

    @property
    def stderr(self) -> str:
        """What it has printed so far to standard error."""
        return self._text("stderr")

    @property
    def output(self) -> str:
        """What it has printed so far, to standard output and then to standard error."""
        return self.stdout + self.stderr

    def _text(self, name: str) -> str:
        file = Path(self._folder.name, name)
        return file.read_text() if file.exists() else ""


def _work(folder: str, environment: dict[str, str], function: str, arguments: tuple[Any, ...]) -> None:
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(Path(folder, name), os.O_WRONLY | os.O_CREAT), number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(PROJECT)
    sys.exit(resolve_name(function)(*arguments))
