"""`ingest`: parses the command line and calls `ingestion.operations`.

Exit codes: 0 everything was loaded, 1 some source was not (the others were), 2 the command line is wrong.
"""

import argparse
import sys
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from ingestion.console import (
    keep_lines_in_order,
    print_checks,
    print_gaps,
    print_replays,
    print_reports,
    print_status,
    print_table,
    progress,
)
from ingestion.errors import IngestError, UsageError
from ingestion.registry import source_names

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]
Command = Callable[[argparse.Namespace], int]

EPILOG = """\
`ingest` alone means `ingest run`. It loads into the warehouse of the dbt profile and target: DuckDB,
PostgreSQL or BigQuery. The credentials of the sources are in the environment or in .dlt/secrets.toml
(see .dlt/secrets.toml.example).
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit code."""
    keep_lines_in_order()
    parser, commands = _parser()
    options = parser.parse_args(_with_command(list(sys.argv[1:] if arguments is None else arguments), commands))
    try:
        return int(options.command(options))
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
        print("ingest: interrupted; the next run loads what is missing.", file=sys.stderr)
        return 130


def _parser() -> tuple[argparse.ArgumentParser, Collection[str]]:
    """The parser, and the names of the commands."""
    parser = argparse.ArgumentParser(
        prog="ingest", description="Load the sources into the warehouse.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    commands = parser.add_subparsers(metavar="COMMAND", title="commands", required=True)
    names = ", ".join(source_names())
    run = _add_run(commands, names)
    for add in (_add_status, _add_backfill, _add_sources, _add_verify, _add_replay, _add_copy):
        add(commands, names)
    parser.epilog = f"{EPILOG}\n{run.format_help()}"
    return parser, commands.choices


def _add(commands: "Commands", name: str, run: Command, names: str | None, **options: Any) -> argparse.ArgumentParser:
    """A command with what most have in common: the sources, any number of `names`, and the target."""
    parser = commands.add_parser(name, **options)
    parser.set_defaults(command=run)
    if names:
        parser.add_argument("sources", nargs="*", metavar="SOURCE", help=f"{names}; all when none is named")
    return parser


def _add_common(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--target", help="target of the dbt profile (default: DBT_TARGET, else the profile's)")
    return _add_debug(parser)


def _add_debug(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error; it may show secrets")
    return parser


def _add_run(commands: "Commands", names: str) -> argparse.ArgumentParser:
    parser = _add(commands, "run", _run, names, help="load what is new", description="Load what is new.")
    parser.add_argument("--since", type=_timestamp, metavar="TIME", help="read again what changed at or after this time (ISO, UTC)")
    parser.add_argument("--until", type=_timestamp, metavar="TIME", help="… and before this time; the cursor stays where it is")
    parser.add_argument("--full", action="store_true", help="read everything, and land what differs from raw")
    parser.add_argument("--deletes", action="store_true", help="look for deleted rows now, even if it is not due")
    parser.add_argument("--allow-deletes", action="store_true", help="accept that a source lost many rows of a table")
    return _add_common(parser)


def _add_status(commands: "Commands", names: str) -> None:
    parser = _add(commands, "status", _status, names, help="show what was loaded when", description="Show what was loaded when.")
    parser.add_argument(
        "--gaps", action="store_true",
        help="show which intervals of changes were read, and which are missing; exit code 1 if any is",
    )  # fmt: skip
    _add_common(parser)


def _add_backfill(commands: "Commands", names: str) -> None:
    parser = _add(
        commands, "backfill", _backfill, None, help="read an interval again", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Read again, in chunks, what changed at or after --from and before --to, and land what raw lacks.\n"
        "A backfill that broke off continues where it was: start it again with the same interval and chunks.",
    )  # fmt: skip
    parser.add_argument("source", metavar="SOURCE", help=names)
    parser.add_argument("--from", dest="since", type=_timestamp, required=True, metavar="TIME", help="ISO date or time, UTC")
    parser.add_argument("--to", dest="until", type=_timestamp, required=True, metavar="TIME", help="ISO date or time, UTC, exclusive")
    parser.add_argument("--chunk", type=_days, default=1, metavar="DAYS", help="days per load (default: 1)")
    parser.add_argument("--again", action="store_true", help="read all chunks, even those that an unfinished backfill has read")
    _add_common(parser)


def _add_sources(commands: "Commands", names: str) -> None:
    parser = _add(
        commands, "sources", _sources, names, help="compare dbt's source files with raw",
        description="Compare models/staging/SOURCE/sources.yml with the raw tables and with the columns that models read.",
    )  # fmt: skip
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true", help="add the tables and columns that are missing from the files")
    what.add_argument("--check", action="store_true", help="change nothing; exit code 1 when they differ")
    _add_common(parser)


def _add_verify(commands: "Commands", names: str) -> None:
    parser = _add(
        commands, "verify", _verify, names, aliases=["checksum"], help="compare raw with the sources",
        description="Compare the sources with raw: rows and keys of each database table, and counts, sums, least and greatest values and "
        "hashes of some ranges of it; one day's records of an API and one day's files. Exit code 1 if something differs, or could not be "
        "compared.",
    )  # fmt: skip
    parser.add_argument("--all", dest="everything", action="store_true", help="compare everything")
    parser.add_argument("--seed", type=int, metavar="NUMBER", help="compare the same ranges as the run that printed this number")
    _add_common(parser)


def _add_replay(commands: "Commands", names: str) -> None:
    parser = _add(
        commands, "replay", _replay, names, help="load quarantined rows that fit now",
        description="Validate the quarantined rows against today's contract and load those that fit. Nothing is loaded twice.",
    )  # fmt: skip
    _add_common(parser)


def _add_copy(commands: "Commands", names: str) -> None:
    description = "Copy raw to another engine; dbt builds everything else from it."
    parser = _add(commands, "copy", _copy, None, help="move to another engine", description=description)
    parser.add_argument("--from", dest="source", required=True, metavar="TARGET", help="target of the dbt profile to copy from")
    parser.add_argument("--to", dest="target", required=True, metavar="TARGET", help="target to copy to; it must have no raw schemas yet")
    _add_debug(parser)


def _with_command(arguments: list[str], commands: Collection[str]) -> list[str]:
    """`ingest shop` means `ingest run shop`."""
    return arguments if arguments and arguments[0] in (*commands, "-h", "--help") else ["run", *arguments]


def _timestamp(text: str) -> datetime:
    """A date (its midnight) or a time; without a zone it is UTC."""
    try:
        if len(text) == len("2026-01-01"):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is not an ISO date or time") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _days(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of days")
    return int(text)


def _run(options: argparse.Namespace) -> int:
    from ingestion.operations.load import run

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
    from ingestion.operations.status import gaps, status

    if options.gaps:
        return print_gaps(gaps(options.sources or None, options.target))
    print_status(status(options.sources or None, options.target))
    return 0


def _backfill(options: argparse.Namespace) -> int:
    from ingestion.operations.backfill import backfill

    with progress() as on_progress:
        report = backfill(
            options.source, options.since, options.until, options.chunk, options.target, on_progress, again=options.again,
            say=lambda text: print(text, file=sys.stderr, flush=True),
        )  # fmt: skip
    print_reports(report.loads, options.debug)
    print()
    print_gaps(report.coverage)
    if not report.ok:
        print("ingest: the backfill is not complete; run the same command again to continue it.", file=sys.stderr)
        return 1
    print("Now: dbt build")
    return 0


def _sources(options: argparse.Namespace) -> int:
    from ingestion.operations import dbt_sources
    from ingestion.registry import known_sources

    found = (dbt_sources.write if options.write else dbt_sources.check)(known_sources(options.sources), options.target)
    for note in found.notes:
        print(note)
    for error in found.errors:
        print(f"ingest: {error}", file=sys.stderr)
    return 1 if found.errors else 0


def _verify(options: argparse.Namespace) -> int:
    from random import randrange

    from ingestion.operations.verify import verify

    seed = randrange(2**31) if options.seed is None else options.seed
    checks = verify(options.sources or None, options.target, options.everything, seed)
    return print_checks(checks, None if options.everything else seed)


def _replay(options: argparse.Namespace) -> int:
    from ingestion.operations.replay import replay

    with progress() as on_progress:
        reports = replay(options.sources or None, options.target, on_progress)
    print_replays(reports, options.debug)
    return 0 if all(report.ok for report in reports) else 1


def _copy(options: argparse.Namespace) -> int:
    from ingestion.operations.copy import copy

    say = (lambda name: print(name, file=sys.stderr, flush=True)) if not sys.stderr.isatty() else (lambda name: None)
    copied = copy(options.source, options.target, say)
    print_table(("schema", "table", "rows"), [(c.schema, c.table, f"{c.rows:,}") for c in copied], numbers=(2,))
    print(f"Now: dbt build --target {options.target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
