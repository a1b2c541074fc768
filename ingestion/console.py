"""What people see of `ingest`: tables, notes and progress. Plain text on purpose: it looks the same in a terminal, in a log
and in a pipe. Results go to stdout, notes and errors to stderr."""

import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from ingestion.landing.run import Progress
    from ingestion.operations.load import SourceReport
    from ingestion.operations.replay import ReplayReport
    from ingestion.operations.status import Coverage, TableStatus
    from ingestion.operations.verify import TableCheck


def keep_lines_in_order() -> None:
    """Write each line at once. Results on stdout would otherwise come after notes on stderr that belong below them, wherever both go to
    one file: a log of cron, `> run.log 2>&1`."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # not where a caller has put something else in its place
        sys.stdout.reconfigure(line_buffering=True)


def print_status(rows: "Sequence[TableStatus]") -> None:
    """Per table: what was loaded when, and how far the source was read; then why its last read was not complete."""
    header = ("source", "table", "last load", "rows in raw", "rows of that load", "in quarantine", "cursor", "last read")
    cells = [
        (
            r.source, r.table, _minute(r.loaded_at), _number(r.rows), _number(r.last_rows), _number(r.quarantined),
            r.cursor or "-", _ago(r.read_at),
        )
        for r in rows
    ]  # fmt: skip
    print_table(header, cells, numbers=(3, 4, 5))
    for r in rows:
        if r.reason:
            print(f"{r.source}.{r.table}: {r.outcome} {_ago(r.tried_at)}: {r.reason}", file=sys.stderr)


def print_gaps(coverages: "Sequence[Coverage]") -> int:
    """Per table: the intervals that were read, and those that are missing; then how to fill them. Returns 1 when any is
    missing, else 0."""
    rows: list[tuple[str, ...]] = []
    missing: dict[str, tuple[datetime, datetime]] = {}
    for found in coverages:
        named = [(interval, "complete") for interval in found.complete] + [(interval, "MISSING") for interval in found.missing]
        for (start, end), what in sorted(named):
            rows.append((found.source, found.table, what, _edge(start), _edge(end)))
        if not named:
            rows.append((found.source, found.table, "read whole each time", "", ""))
        for start, end in found.missing:
            earliest, latest = missing.get(found.source, (start, end))
            missing[found.source] = min(earliest, start), max(latest, end)
    print_table(("source", "table", "changes", "from", "to"), rows, numbers=())
    for source, (start, end) in missing.items():
        fill = f"ingest backfill {source} --from {_edge(start, 'T')} --to {_edge(end, 'T')}"
        print(f"To fill it: {f'ingest {source} --full' if start.year == 1 else fill}", file=sys.stderr)
    return 1 if missing else 0


def print_checks(checks: "Sequence[TableCheck]", seed: int | None) -> int:
    """Per table: its rows on both sides, those that were compared, and how many differences there are; then what was not compared,
    and each difference. Returns 1 when anything differs, or was not compared and should have been, else 0. `seed` is None when
    everything was compared."""
    rows = [(c.source, c.table, *map(_number, (c.at_source, c.in_raw, c.rows, len(c.differences) + len(c.unsettled)))) for c in checks]
    print_table(("source", "table", "rows at source", "in raw", "compared", "differences"), rows, numbers=(2, 3, 4, 5))
    if seed is not None:
        print(f"The ranges were chosen with --seed {seed}.")
    for check in checks:
        for note in check.notes:
            print(f"note: {check.source}.{check.table}: {note}", file=sys.stderr)
    for check in checks:
        where, unsettled = f"ingest: {check.source}.{check.table}", f"changed since the last read, {_ago(check.read_at)}, or wrong"
        lines = [f"not compared: {check.not_compared}"] if check.not_compared else []
        for line in [*lines, *check.differences, *(f"{unsettled}: {text}" for text in check.unsettled)]:
            print(f"{where}: {line}", file=sys.stderr)
    for source in sorted({check.source for check in checks if check.unsettled}):
        print(f"To tell which: ingest {source} --deletes, and then ingest verify {source}", file=sys.stderr)
    for source in sorted({check.source for check in checks if check.differences}):
        print(f"To land what differs: ingest {source} --full", file=sys.stderr)
    return 0 if all(check.is_good for check in checks) else 1


def print_replays(reports: "Sequence[ReplayReport]", debug: bool = False) -> None:
    """Per table: quarantined rows that were landed, and those that are left, by reason; then, on stderr, what people should
    know and what went wrong."""
    rows = []
    for report in reports:
        for table in sorted({*report.replayed, *report.left}):
            left = report.left.get(table, {})
            reasons = "; ".join(f"{count} x {reason}" for reason, count in left.items())
            rows.append((report.source, table, _number(report.replayed.get(table, 0)), _number(sum(left.values())), reasons))
    print_table(("source", "table", "replayed", "still in quarantine", "why"), rows, numbers=(2, 3))
    _print_notes(reports, debug)


def print_reports(reports: "Sequence[SourceReport]", debug: bool = False) -> None:
    """Per table: rows landed, those among them that mark a deletion, rows that went to quarantine, rows that were
    compared with the source's, and the source's seconds; then, on stderr, what people should know and what went wrong."""
    rows = []
    for report in reports:
        seconds = f"{report.seconds:.1f}"
        for table, landed in report.tables.items():
            deleted, quarantined = report.deleted.get(table, 0), report.quarantined.get(table, 0)
            checked = _number(report.checked[table]) if table in report.checked else ""
            rows.append((report.source, table, _number(landed), _number(deleted), _number(quarantined), checked, seconds))
            seconds = ""
        if not report.ok:
            rows.append((report.source, "not loaded" if not report.tables else "not all loaded", "", "", "", "", seconds))
    header = ("source", "table", "rows landed", "deleted", "quarantined", "compared", "seconds")
    print_table(header, rows, numbers=(2, 3, 4, 5, 6))
    _print_notes(reports, debug)


def _print_notes(reports: "Sequence[SourceReport | ReplayReport]", debug: bool) -> None:
    for report in reports:
        for note in report.notes:
            print(f"note: {report.source}: {note}", file=sys.stderr)
        if report.error:
            print(f"ingest: {report.source}: {report.error}", file=sys.stderr)
        if report.traceback and debug:
            print(report.traceback, file=sys.stderr)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int]) -> None:
    """Columns as wide as they need to be; those whose places are in `numbers` are right-aligned."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    for row in [header, *rows]:
        cells = [row[i].rjust(w) if i in numbers else row[i].ljust(w) for i, w in enumerate(widths)]
        print("  ".join(cells).rstrip())


@contextmanager
def progress() -> "Iterator[Callable[[Progress], None]]":
    """A bar where there is a terminal, else a line per step."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield _LogLines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(),
        console=Console(stderr=True), transient=True,
    ) as bars:  # fmt: skip
        yield _Bars(bars)


class _LogLines:
    """Progress as lines for a log: one when a table is begun, one when a source is done."""

    def __init__(self) -> None:
        self.last: tuple[str, str | None, str] | None = None

    def __call__(self, progress: "Progress") -> None:
        step = (progress.source, progress.table, progress.step)
        if step != self.last:
            self.last = step
            print(f"{datetime.now(UTC):%H:%M:%S} {_words(progress)}", file=sys.stderr, flush=True)


END: dict[str, Any] = {"total": 1, "completed": 1}


class _Bars:
    """Progress as one bar per source."""

    def __init__(self, bars: "Bars") -> None:
        self.bars = bars
        self.tasks: dict[str, TaskID] = {}

    def __call__(self, progress: "Progress") -> None:
        if progress.source not in self.tasks:
            self.tasks[progress.source] = self.bars.add_task(progress.source, total=None)
        ended = progress.step in ("done", "failed")
        self.bars.update(
            self.tasks[progress.source],
            description=_words(progress),
            **(END if ended else {}),
        )


def _words(progress: "Progress") -> str:
    name = f"{progress.source}.{progress.table}" if progress.table else progress.source
    return f"{name}: {progress.step}" + (f", {progress.rows:,} rows" if progress.rows else "")


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _minute(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else "never"


def _edge(at: datetime, between: str = " ") -> str:
    """An end of an interval, as short as is exact."""
    if at.year == 1:
        return "the beginning"
    return f"{at:%Y-%m-%d}" if at.timetz() == time(tzinfo=UTC) else at.replace(tzinfo=None).isoformat(between)


def _ago(at: datetime | None) -> str:
    """How long ago, in the largest unit that fits."""
    if at is None:
        return "never"
    minutes = (datetime.now(UTC) - at).total_seconds() / 60
    for unit, size in (("days", 2 * 24 * 60), ("hours", 2 * 60)):
        if minutes >= size:
            return f"{minutes / (size / 2):.0f} {unit} ago"
    return f"{max(minutes, 0):.0f} min ago"
