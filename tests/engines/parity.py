"""The same days of one company on every engine, and a comparison of every table of every layer: `make parity`.

A row that differs is printed with its key, the column, and what each engine says. Rows are read by each engine's
own client as Python values, so that nothing which the engines share (dbt, dlt, our ingestion) can hide a difference.
"""

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from engines.comparison import Comparison, compare, print_report
from engines.servers import ENGINES, PROJECT, ServerError
from support.dbt import WITHOUT_TESTS, run_dbt

from demo.servers import Systems

# The day after the first load begins a month.
FIRST_DAYS, DAYS, SCALE = 31, 3, 0.02


class ParityError(Exception):
    """An engine could not be loaded or built; the message says which, and why."""


def work(environment: dict[str, str], is_loading: bool, *command: str) -> list[str]:
    """`ingest` if `is_loading`, and a dbt command on one engine; gives what went wrong. Runs in a process of the engine's own."""
    os.environ.update(environment)
    os.chdir(PROJECT)
    return (_load() if is_loading else []) or _dbt(*command)


def _load() -> list[str]:
    import ingestion

    return [f"ingest {report.source}: {report.error}" for report in ingestion.run() if not report.ok]


def _dbt(*command: str) -> list[str]:
    """A warning counts as wrong, too."""
    result = run_dbt(*command)
    if result.exception:
        return [f"dbt {command[0]}: {result.exception}"]
    good = ("success", "pass", "no-op", "skipped")  # what is skipped depends on something that failed
    return [f"{node.node.name}: {node.status}: {node.message}" for node in result.result if node.status not in good]


def _say(line: str) -> None:
    print(line, flush=True)


class Parity:
    """One company and a warehouse on each engine, in one folder. Each engine works in a process of its own."""

    def __init__(self, folder: Path, targets: Sequence[str] = tuple(ENGINES), say: Callable[[str], None] = _say, days: int = DAYS):
        self.folder, self.days = folder, days
        self.systems = Systems(folder / "company")
        self.engines = {target: ENGINES[target](folder / target) for target in targets}
        self.found: dict[str, Comparison] = {}  # what came of each run, by its title
        self._say = say
        self._open = contextlib.ExitStack()
        self._processes: dict[str, ProcessPoolExecutor] = {}

    def __enter__(self) -> "Parity":
        with contextlib.ExitStack() as stack:
            stack.callback(self.systems.clean)
            for target, engine in self.engines.items():
                engine.folder.mkdir(parents=True)
                stack.enter_context(engine)
                # A fresh process, as dbt and dlt keep state; and one that stays, as they take seconds to import.
                self._processes[target] = stack.enter_context(ProcessPoolExecutor(1, get_context("spawn")))
            self._open = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def begin(self) -> None:
        """A first load of all that the company lived so far."""
        self.systems.start(days=FIRST_DAYS, scale=SCALE)
        self._run("first load")
        self._compare("first load")

    def go_on(self) -> None:
        """The days one after another, and then a full refresh, which must change nothing.

        Of dbt's tests one run on each engine, the first, is enough: rows that are the same pass the same tests.
        """
        for day in range(1, self.days + 1):
            self.systems.live(1)
            self._run(f"day {day} of {self.days}", *WITHOUT_TESTS)
        self._compare(f"{self.days} days")
        self._run("full refresh", "--full-refresh", *WITHOUT_TESTS)
        self._compare("full refresh")

    def dbt(self, *command: str) -> None:
        """A dbt command on all engines at once. One that fails on any is an error."""
        self._everywhere(f"dbt {command[0]}", False, *command)

    def manifest(self, target: str) -> dict[str, Any]:
        """What dbt wrote about its last command on this engine."""
        return json.loads((self.engines[target].folder / "target" / "manifest.json").read_text())

    def compare(self) -> Comparison:
        return compare(self.engines, self.manifest(next(iter(self.engines))))

    def _run(self, title: str, *build: str) -> None:
        """`ingest` and `dbt build` on all engines at once."""
        started = time.monotonic()
        self._everywhere(title, True, "build", *build)
        self._say(f"{title}: {time.monotonic() - started:.0f} s")

    def _compare(self, title: str) -> None:
        started = time.monotonic()
        found = self.found[title] = self.compare()
        self._say(
            f"  {len(found.rows)} tables compared, {sum(found.rows.values()):,} rows, {len(found.differences):,} differences: "
            f"{time.monotonic() - started:.0f} s"
        )

    def _everywhere(self, title: str, is_loading: bool, *command: str) -> None:
        running = {
            target: process.submit(work, self._environment(target), is_loading, *command) for target, process in self._processes.items()
        }
        wrong = [f"{target}: {text}" for target, future in running.items() for text in future.result()]
        if wrong:
            raise ParityError("\n".join([f"{title} failed", *wrong]))

    def _environment(self, target: str) -> dict[str, str]:
        folder = self.engines[target].folder
        return {
            **self.systems.settings(),
            **self.engines[target].environment,
            "PIPELINES_DIR": str(folder / "pipelines"),
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
        }


def main() -> int:
    parser = argparse.ArgumentParser(prog="make parity", description=__doc__.splitlines()[0])
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES), help="two or more; all when none is named")
    targets = parser.parse_args().engines
    try:
        with tempfile.TemporaryDirectory(prefix="waterworks-parity-") as folder, Parity(Path(folder), targets) as parity:
            parity.begin()
            parity.go_on()
    except (ParityError, ServerError) as error:
        print(error, file=sys.stderr)
        return 1
    print_report(parity.found, targets)
    return 1 if any(comparison.differences for comparison in parity.found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
