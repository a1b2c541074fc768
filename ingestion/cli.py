"""`ingest`: loads the sources into the warehouse of the dbt profile, and tells what is in there.

Exit codes: 0 all was loaded, 1 some source was not (the others were), 2 the command makes no sense.
"""

import argparse
import os
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from ingestion import sources as sources_package
from ingestion.errors import IngestError, UsageError

if TYPE_CHECKING:
    from ingestion.context import Progress
    from ingestion.load import SourceReport
    from ingestion.replay import ReplayReport
    from ingestion.status import Coverage

EPILOG = """\
`ingest` alone means `ingest run`. The warehouse is that of the dbt profile and target: DuckDB, PostgreSQL
or BigQuery. The sources' connections come from the environment or .dlt/secrets.toml (see
.dlt/secrets.toml.example).
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit code."""
    parser, commands = _parser()
    options = parser.parse_args(_with_command(list(sys.argv[1:] if arguments is None else arguments), commands))
    try:
        return options.command(options)
    except UsageError as error:
        parser.print_usage(sys.stderr)
        print(f"ingest: {error}", file=sys.stderr)
        return 2
    except IngestError as error:
        if options.debug:
            raise
        print(f"ingest: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("ingest: stopped; the next run takes up what is missing.", file=sys.stderr)
        return 130


def _parser() -> tuple[argparse.ArgumentParser, Collection[str]]:
    """The parser, and the names of the commands."""
    parser = argparse.ArgumentParser(
        prog="ingest", description="Load the sources into the warehouse.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    commands = parser.add_subparsers(metavar="COMMAND", title="commands", required=True)
    names = ", ".join(sorted(module.name for module in iter_modules(sources_package.__path__)))

    run = commands.add_parser("run", help="load what is new", description="Load what is new.")
    run.set_defaults(command=_run)
    run.add_argument("sources", nargs="*", metavar="SOURCE", help=f"{names}; all when none is named")
    run.add_argument("--since", type=_instant, metavar="TIME", help="read again what changed at or after this (ISO, UTC)")
    run.add_argument("--until", type=_instant, metavar="TIME", help="… and before this; the cursor stays where it is")
    run.add_argument("--full", action="store_true", help="read everything, land what differs from raw")
    run.add_argument("--deletes", action="store_true", help="look for deleted rows, whether it is due or not")
    run.add_argument("--allow-deletes", action="store_true", help="believe a source that lost much of a table")

    status = commands.add_parser("status", help="what was loaded when", description="What was loaded when.")
    status.set_defaults(command=_status)
    status.add_argument("sources", nargs="*", metavar="SOURCE", help=f"{names}; all when none is named")
    status.add_argument(
        "--gaps", action="store_true",
        help="which intervals of the source's changes were read, and which are missing: exit code 1 when any is",
    )  # fmt: skip
    backfill = commands.add_parser(
        "backfill", help="read an interval again", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Read again what changed from --from on and before --to, in chunks, and land what raw lacks of it.\n"
        "A backfill that was broken off goes on where it was when it is begun again with the same interval and chunks.",
    )  # fmt: skip
    backfill.set_defaults(command=_backfill)
    backfill.add_argument("source", metavar="SOURCE", help=names)
    backfill.add_argument("--from", dest="since", type=_instant, required=True, metavar="TIME", help="ISO date or time, UTC")
    backfill.add_argument("--to", dest="until", type=_instant, required=True, metavar="TIME", help="… up to which, itself not read")
    backfill.add_argument("--chunk", type=_days, default=1, metavar="DAYS", help="days that are one load (default: 1)")
    backfill.add_argument("--again", action="store_true", help="read all chunks, also those that an unfinished backfill has read")
    seam = commands.add_parser(
        "sources", help="compare dbt's source files with raw",
        description="Compare models/staging/SOURCE/sources.yml with what was landed and with what models read.",
    )  # fmt: skip
    seam.set_defaults(command=_sources)
    seam.add_argument("sources", nargs="*", metavar="SOURCE", help=f"{names}; all when none is named")
    what = seam.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true", help="add the tables and columns that the files do not name")
    what.add_argument("--check", action="store_true", help="change nothing; exit code 1 when they differ")
    checksum = commands.add_parser(
        "checksum", help="compare raw with the sources",
        description="Compare what the sources say now with what raw holds: counts, sums, least and greatest values and hashes of some "
        "ranges of each database table; an API's records and the files of some day. Exit code 1 when something differs.",
    )  # fmt: skip
    checksum.set_defaults(command=_checksum)
    checksum.add_argument("sources", nargs="*", metavar="SOURCE", help=f"{names}; all when none is named")
    checksum.add_argument("--all", dest="everything", action="store_true", help="compare everything")
    checksum.add_argument("--seed", type=int, metavar="NUMBER", help="choose the ranges as the run did that told this number")
    replay = commands.add_parser(
        "replay", help="put quarantined rows through again",
        description="Put quarantined rows through today's contract again: what fits is landed. Nothing is doubled.",
    )  # fmt: skip
    replay.set_defaults(command=_replay)
    replay.add_argument("sources", nargs="*", metavar="SOURCE", help=f"{names}; all when none is named")
    copy = commands.add_parser(
        "copy", help="move to another engine", description="Copy raw to another engine; dbt builds the rest from it."
    )  # fmt: skip
    copy.set_defaults(command=_copy)
    copy.add_argument("--from", dest="source", required=True, metavar="TARGET", help="target of the dbt profile that has them")
    copy.add_argument("--to", dest="target", required=True, metavar="TARGET", help="target that has none yet")
    copy.add_argument("--debug", action="store_true", help="show where an error comes from; may show secrets")
    for command in (run, status, backfill, seam, checksum, replay):
        command.add_argument("--target", help="target of the dbt profile (default: DBT_TARGET, else the profile's)")
        command.add_argument("--debug", action="store_true", help="show where an error comes from; may show secrets")
    parser.epilog = f"{EPILOG}\n{run.format_help()}"
    return parser, commands.choices


def _with_command(arguments: list[str], commands: Collection[str]) -> list[str]:
    """`ingest shop` means `ingest run shop`."""
    return arguments if arguments and arguments[0] in (*commands, "-h", "--help") else ["run", *arguments]


def _instant(text: str) -> datetime:
    """A date (its midnight) or an instant; without a zone it is UTC."""
    try:
        if len(text) == len("2026-01-01"):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is no ISO date or time") from error
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _days(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"'{text}' is no number of days")
    return int(text)


def _run(options: argparse.Namespace) -> int:
    from ingestion.load import run

    with progress() as on_progress:
        reports = run(
            options.sources or None,
            options.target,
            options.since,
            options.until,
            options.full,
            on_progress,
            deletes=options.deletes,
            allow_deletes=options.allow_deletes,
        )
    print_reports(reports, options.debug)
    return 0 if all(report.ok for report in reports) else 1


def _status(options: argparse.Namespace) -> int:
    from ingestion.status import status

    if options.gaps:
        return _gaps(options)
    rows = status(options.sources or None, options.target)
    print_table(
        ("source", "table", "last load", "rows in raw", "rows of that load", "in quarantine", "cursor", "last read"),
        [
            (
                r.source, r.table, _minute(r.loaded_at), _number(r.rows), _number(r.last_rows), _number(r.quarantined),
                _cursor(r.cursor), _ago(r.read_at),
            )
            for r in rows
        ],
        numbers=(3, 4, 5),
    )  # fmt: skip
    for r in rows:
        if r.reason:
            print(f"{r.source}.{r.table}: {r.outcome} {_ago(r.tried_at)}: {r.reason}", file=sys.stderr)
    return 0


def _gaps(options: argparse.Namespace) -> int:
    from ingestion.status import gaps

    return print_gaps(gaps(options.sources or None, options.target))


def print_gaps(coverages: "Sequence[Coverage]") -> int:
    """Per table: the intervals that were read, and those that are missing; then how to fill them. Returns 1 when any is
    missing, else 0."""
    rows, missing = [], {}
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


def _backfill(options: argparse.Namespace) -> int:
    from ingestion.backfill import backfill

    with progress() as on_progress:
        report = backfill(
            options.source, options.since, options.until, options.chunk, options.target, on_progress, again=options.again,
            say=lambda text: print(text, file=sys.stderr, flush=True),
        )  # fmt: skip
    print_reports(report.loads, options.debug)
    print()
    print_gaps(report.coverage)
    if not report.ok:
        print("ingest: the backfill is not complete; the same command goes on with it.", file=sys.stderr)
        return 1
    print("Now: dbt build")
    return 0


def _sources(options: argparse.Namespace) -> int:
    from ingestion import seam
    from ingestion.status import known_sources

    found = (seam.write if options.write else seam.check)(known_sources(options.sources), options.target)
    for note in found.notes:
        print(note)
    for error in found.errors:
        print(f"ingest: {error}", file=sys.stderr)
    return 1 if found.errors else 0


def _checksum(options: argparse.Namespace) -> int:
    from random import randrange

    from ingestion.checksum import checksum

    seed = randrange(2**31) if options.seed is None else options.seed
    checks = checksum(options.sources or None, options.target, options.everything, seed)
    rows = [(c.source, c.table, _number(c.rows), _number(len(c.differences)), c.note) for c in checks]
    print_table(("source", "table", "rows compared", "differences", ""), rows, numbers=(2, 3))
    if not options.everything:
        print(f"The ranges were chosen with --seed {seed}.")
    for check in checks:
        for difference in check.differences:
            print(f"ingest: {check.source}.{check.table}: {difference}", file=sys.stderr)
    different = {check.source for check in checks if check.differences}
    for source in sorted(different):
        print(f"To land what differs: ingest {source} --full", file=sys.stderr)
    return 1 if different else 0


def _replay(options: argparse.Namespace) -> int:
    from ingestion.replay import replay

    with progress() as on_progress:
        reports = replay(options.sources or None, options.target, on_progress)
    print_replays(reports, options.debug)
    return 0 if all(report.ok for report in reports) else 1


def _copy(options: argparse.Namespace) -> int:
    from ingestion.copying import copy

    say = (lambda name: print(name, file=sys.stderr, flush=True)) if not sys.stderr.isatty() else (lambda name: None)
    copied = copy(options.source, options.target, say)
    print_table(("schema", "table", "rows"), [(c.schema, c.table, _number(c.rows)) for c in copied], numbers=(2,))
    print(f"Now: dbt build --target {options.target}")
    return 0


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
    _print_words(reports, debug)


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
    _print_words(reports, debug)


def _print_words(reports: "Sequence[SourceReport | ReplayReport]", debug: bool) -> None:
    for report in reports:
        for note in report.notes:
            print(f"note: {report.source}: {note}", file=sys.stderr)
        if report.error:
            print(f"ingest: {report.source}: {report.error}", file=sys.stderr)
        if report.exception and debug:
            import traceback

            traceback.print_exception(report.exception)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int]) -> None:
    """Plain text on purpose: it looks the same in a terminal, in a log and in a pipe. Numbers are right-aligned."""
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
        self.last: tuple | None = None

    def __call__(self, progress: "Progress") -> None:
        step = (progress.source, progress.table, progress.step)
        if step != self.last:
            self.last = step
            print(f"{datetime.now(UTC):%H:%M:%S} {_words(progress)}", file=sys.stderr, flush=True)


class _Bars:
    """Progress as one bar per source."""

    def __init__(self, bars) -> None:
        self.bars = bars
        self.tasks: dict[str, int] = {}

    def __call__(self, progress: "Progress") -> None:
        if progress.source not in self.tasks:
            self.tasks[progress.source] = self.bars.add_task(progress.source, total=None)
        ended = progress.step in ("done", "failed")
        self.bars.update(
            self.tasks[progress.source],
            description=_words(progress),
            **({"total": 1, "completed": 1} if ended else {}),
        )


def _words(progress: "Progress") -> str:
    name = f"{progress.source}.{progress.table}" if progress.table else progress.source
    return f"{name}: {progress.step}" + (f", {progress.rows:,} rows" if progress.rows else "")


def _number(value: int) -> str:
    return f"{value:,}"


def _minute(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M}" if instant else "never"


def _edge(instant: datetime, between: str = " ") -> str:
    """An end of an interval, as short as it is exact."""
    if instant.year == 1:
        return "the beginning"
    return f"{instant:%Y-%m-%d}" if instant.timetz() == time(tzinfo=UTC) else instant.replace(tzinfo=None).isoformat(between)


def _cursor(cursor: str | None) -> str:
    return cursor or "-"


def _ago(instant: datetime | None) -> str:
    """How long ago, in the largest unit that says it well."""
    if instant is None:
        return "never"
    minutes = (datetime.now(UTC) - instant).total_seconds() / 60
    for unit, size in (("days", 2 * 24 * 60), ("hours", 2 * 60)):
        if minutes >= size:
            return f"{minutes / (size / 2):.0f} {unit} ago"
    return f"{max(minutes, 0):.0f} min ago"


if __name__ == "__main__":
    sys.exit(main())
