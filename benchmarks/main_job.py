"""The whole of `make run`, in an environment that is installed."""

import re
import statistics
from pathlib import Path

from benchmarks.measure import Run, peak, rounds, say, seconds, table, verdict
from benchmarks.places import DEMO, Place
from demo.servers import Systems

TITLE = "The whole `make run`"
ROUNDS_AT_SCALE_10 = 1  # it takes minutes
FIRST, LATER = "first run", "three days later"
STEPS = {"company": "the company", "ingest": "landing", "dbt build": "dbt build", "dbt docs": "docs"}  # a word of each step's title


def measure(folder: Path, count: int, small: bool) -> str:
    """The section for the page."""
    scales = (0.1, 1.0) if small else (1.0, 10.0)
    runs = {}
    for scale, times in zip(scales, (count, ROUNDS_AT_SCALE_10), strict=True):
        say(f"  scale {scale:g}")
        runs[scale] = _runs(folder / f"scale_{scale:g}", scale, times)
    return _section(runs)


def _runs(folder: Path, scale: float, count: int) -> dict[str, list[Run]]:
    places: list[Place] = []

    def first() -> Run:
        places.append(Place(folder / str(len(places))))
        return places[-1].run(DEMO, "run", "--scale", f"{scale:g}")

    try:
        return rounds(count, {FIRST: first, LATER: lambda: places[-1].run(DEMO, "run", "--live", "3")})
    finally:
        for place in places:
            Systems(place.settings["DEMO_HOME"]).clean()


def _steps(runs: list[Run]) -> dict[str, float]:
    """Median seconds of each step. `demo run` says "title …", and on a line of its own, when it is done, "  1.2 s"."""
    found: dict[str, list[float]] = {name: [] for name in STEPS.values()}
    for run in runs:
        for title, spent in re.findall(r"^([^\n]+) …$.*?^  ([\d.]+) s$", run.output, re.M | re.S):
            found[next(name for word, name in STEPS.items() if word in title)].append(float(spent))
    return {name: statistics.median(times) for name, times in found.items()}


def _section(runs: dict[float, dict[str, list[Run]]]) -> str:
    steps = {(scale, name): _steps(some) for scale, both in runs.items() for name, some in both.items()}
    names = list(next(iter(steps.values())))
    rows = [
        [f"scale {scale:g}, {name}", len(some), f"{seconds(some):.1f}",
         *(f"{steps[scale, name][step]:.1f}" for step in names), f"{peak(some):.0f}"]
        for scale, both in runs.items() for name, some in both.items()
    ]  # fmt: skip
    builds = {scale: steps[scale, LATER]["dbt build"] / steps[scale, FIRST]["dbt build"] for scale in runs}
    found = ", ".join(f"{share:.2f} of it at scale {scale:g}" for scale, share in builds.items())
    aim = verdict(max(builds.values()) < 0.5, "three days later `dbt build` takes less than half of the first one", found)
    why = (
        ""
        if max(builds.values()) < 0.5
        else "\n\nA build does the same nodes with little news as with much, and its time is mostly dbt's own work per node and the tests "
        "over whole tables (see above); incremental models do more statements the second time than the first."
    )
    return f"""
`demo run` with an installed environment and a folder of its own: the company's servers start (the first time they are made, with 90 days
of history), everything is loaded, built, tested and documented, in one process. "Three days later" is `demo run --live 3` in the same
folder. Peak memory is that of the command and the API, without PostgreSQL, which detaches itself. The API throttles and fails now and then,
as is its way, so that landing waits a few seconds.

{aim}

{table(["", "rounds", "seconds", *names, "peak MB"], rows)}{why}
"""
