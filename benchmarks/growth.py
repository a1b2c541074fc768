"""A day's run against the full one, and as the history behind it grows."""

import re
import statistics
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from benchmarks.measure import Run, peak, ratio, say, seconds, table, verdict
from benchmarks.places import Place
from demo.servers import Systems
from ingestion.registry import source_names

TITLE = "A day's run, as history grows"
# Of history, at factor 1. With 3 times as much a day changes about 1 % of the rows. The company lives from January 2026, and must not
# come to live in the future: an API without a clock is read up to now.
DAYS = 30
FACTORS = (1, 3, 10)
SCALE = 3.0  # 36,000 order lines a month at scale 1 would leave little but fixed costs
STILL_THE_SAME = 1.2  # the aim is that a day's run does not grow; this much is noise
KINDS = {"model": "models", "snapshot": "snapshots", "test": "tests", "unit_test": "unit tests", "seed": "seeds"}
SHOWN = 10  # nodes that grow most


@dataclass
class History:
    """A company with so many times the history, and what its runs took."""

    factor: int
    place: Place
    landings: list[Run] = field(default_factory=list)
    builds: list[Run] = field(default_factory=list)
    full_landings: list[Run] = field(default_factory=list)
    full_builds: list[Run] = field(default_factory=list)
    spent: list[dict[str, float]] = field(default_factory=list)  # by resource type, of each day's build
    nodes: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))  # by name, of each day's build

    @property
    def lines(self) -> int:
        with duckdb.connect(str(self.place.warehouse), read_only=True) as connection:
            return connection.execute("select count(*) from core.fact_sales").fetchone()[0]

    def sources(self, runs: list[Run]) -> dict[str, float]:
        """Median seconds by source, from what `ingest` printed."""
        found = [dict(re.findall(r"^(\w+) +\w+ +[\d,]+ .* (\d+\.\d)$", run.output, re.M)) for run in runs]
        return {name: statistics.median(float(each[name]) for each in found) for name in source_names()}


def measure(folder: Path, count: int, small: bool) -> str:
    """The section for the page."""
    histories: list[History] = []
    try:
        for factor in FACTORS:
            histories.append(_begin(folder / f"times_{factor}", factor, SCALE / 10 if small else SCALE))
        for number in range(count):
            for history in histories:
                _live(history, number)
            if number:  # the first full run of the shortest history has been measured already
                _full(histories[0], folder / f"again_{number}")
    finally:
        for history in histories:
            history.place.systems.clean()
    return _section(histories)


def _begin(folder: Path, factor: int, scale: float) -> History:
    systems = Systems(folder / "company")
    history = History(factor, Place(folder / "place", systems))
    try:
        systems.start(days=DAYS * factor, scale=scale)
        systems.faults()  # none: waiting for a throttled API would drown the rest
        _full(history, None)
    except BaseException:
        systems.clean()
        raise
    return history


def _full(history: History, folder: Path | None) -> None:
    """Load everything and build, in the history's own place, or once more in an empty one."""
    place = Place(folder, history.place.systems) if folder else history.place
    place.parse()
    history.full_landings.append(place.ingest())
    history.full_builds.append(place.build())
    say(f"  {history.factor} times: full: ingest {history.full_landings[-1].seconds:.1f} s, build {history.full_builds[-1].seconds:.1f} s")


def _live(history: History, number: int) -> None:
    """One more day of the company, and its run."""
    history.place.systems.live(1)
    history.landings.append(history.place.ingest())
    history.builds.append(history.place.build())
    history.spent.append(history.place.spent())
    for result in history.place.results():
        history.nodes[result["node"]["name"]].append(result["execution_time"])
    say(
        f"  round {number + 1}: {history.factor} times: ingest {history.landings[-1].seconds:.1f} s, "
        f"build {history.builds[-1].seconds:.1f} s, of which models {history.spent[-1]['model']:.1f} s"
    )


def _section(histories: list[History]) -> str:
    first, last = histories[0], histories[-1]
    landing, build = ratio(last.landings, first.landings), ratio(last.builds, first.builds)
    met = landing <= STILL_THE_SAME and build <= STILL_THE_SAME
    aim = verdict(
        met,
        f"a day's run does not grow with history (at most {STILL_THE_SAME} times, which is noise)",
        f"with {last.factor} times the history landing takes {landing:.1f} times as long, the build {build:.1f} times",
    )
    return f"""
The sample company at scale {SCALE:g} after {DAYS} days and after {FACTORS[1]} and {FACTORS[2]} times as many; then it lives a day,
`ingest` loads what is new and `dbt build` builds and tests everything: a process each. A day changes as much in each history: about 1 %
of the rows of the middle one. "Full" is the same two commands on an empty warehouse. In both, dbt has
parsed the project before. The API throttles nobody here.

{aim}

{_times(histories)}

Within a day's build, seconds summed over its nodes (two threads overlap, so that sums exceed the time that passed):

{_kinds(histories)}

The nodes that grow most, and landing by source, seconds on a day:

{_growing(histories)}

{_why(first, last, met)}
"""


def _times(histories: list[History]) -> str:
    def row(history: History) -> list[object]:
        day, full = seconds(history.landings) + seconds(history.builds), seconds(history.full_landings) + seconds(history.full_builds)
        return [
            f"{history.factor} times {DAYS} days", f"{history.lines:,}", f"{seconds(history.full_landings):.1f}",
            f"{seconds(history.full_builds):.1f}", f"{seconds(history.landings):.1f}", f"{seconds(history.builds):.1f}",
            f"{day / full:.2f}", f"{peak(history.landings + history.full_landings):.0f}",
            f"{peak(history.builds + history.full_builds):.0f}",
        ]  # fmt: skip

    heading = [
        "history", "order lines", "full: landing s", "full: build s", "day: landing s", "day: build s", "day against full",
        "landing peak MB", "build peak MB",
    ]  # fmt: skip
    return table(heading, map(row, histories))


def _kinds(histories: list[History]) -> str:
    present = [kind for kind in KINDS if kind in histories[0].spent[0]]
    return table(
        ["history", *(KINDS[kind] for kind in present)],
        [[f"{h.factor} times", *(f"{_spent(h, kind):.1f}" for kind in present)] for h in histories],
    )


def _spent(history: History, kind: str) -> float:
    return statistics.median(spent[kind] for spent in history.spent)


def _growing(histories: list[History]) -> str:
    first, last = histories[0], histories[-1]
    took = [{name: statistics.median(times) for name, times in history.nodes.items()} for history in histories]
    names = sorted(took[0], key=lambda name: took[0][name] - took[-1][name])[:SHOWN]
    rows = [[f"`{name}`", *(f"{some[name]:.2f}" for some in took)] for name in names]
    sources = [history.sources(history.landings) for history in histories]
    rows += [[f"landing `{name}`", *(f"{some[name]:.2f}" for some in sources)] for name in sources[0]]
    return table(["", *(f"{h.factor} times" for h in (first, *histories[1:-1], last))], rows)


def _why(first: History, last: History, met: bool) -> str:
    """What grows, by the measured parts."""
    grown = {KINDS[kind]: _spent(last, kind) - _spent(first, kind) for kind in KINDS if kind in first.spent[0]}
    some = ", ".join(f"{name} {more:+.1f} s" for name, more in sorted(grown.items(), key=lambda pair: -pair[1]))
    said = f"From {first.factor} to {last.factor} times the history, the sums above change by: {some}."
    if met:
        return said
    return (
        f"{said} What takes the time: data tests, and the marts that are whole tables, read all rows in every build; staging views are "
        "computed again by each model and test that reads them, from all versions in raw; and incremental facts compare every row with its "
        "dimension versions, to find those that changed late."
    )
