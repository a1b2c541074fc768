"""The command `demo`: run, incident, start, live, status, env, stop, clean."""

import argparse
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from demo.servers import DAYS, SCALE, SEED, DemoError, Systems
from ingestion.errors import IngestError


def run(systems: Systems, options: argparse.Namespace) -> int:
    """`demo run`: the main job."""
    from demo.run import run  # the other commands need neither dlt nor dbt, which take seconds to import

    return run(systems, options)


def incident(systems: Systems, options: argparse.Namespace) -> int:
    """`demo incident`, in a folder beside the company's own."""
    from demo.incident import play

    return play(Path(f"{systems.folder}-incident"), options.target)


def start(systems: Systems, options: argparse.Namespace) -> None:
    """`demo start`: make or resume the company."""
    systems.start(options.days, options.scale, options.seed)
    status(systems, options)


def live(systems: Systems, options: argparse.Namespace) -> None:
    """`demo live`: the days go on."""
    systems.live(options.days)
    status(systems, options)


def status(systems: Systems, options: argparse.Namespace) -> None:
    """`demo status`: what runs, and where."""
    settings = systems.settings()
    state = "running" if systems.running else "stopped (demo start resumes it)"
    print(
        f"Moa Market in {systems.folder}: {state}\n"
        f"  day {systems.day}, clock {systems.clock:%Y-%m-%dT%H:%M:%SZ}\n"
        f"  shop      {_without_password(settings['SOURCES__SHOP__CREDENTIALS'])}\n"
        f"  payments  {settings['SOURCES__PAYMENTS__BASE_URL']}\n"
        f"  supplier  {settings['SOURCES__SUPPLIER__BUCKET_URL']}"
    )


def env(systems: Systems, options: argparse.Namespace) -> None:
    """`demo env`: the settings for a shell."""
    for name, value in systems.settings().items():
        print(f"export {name}={shlex.quote(value)}")


def stop(systems: Systems, options: argparse.Namespace) -> None:
    """`demo stop`: the servers end, the data stays."""
    systems.stop()
    print("Moa Market's systems are stopped; demo start resumes them.")


def clean(systems: Systems, options: argparse.Namespace) -> None:
    """`demo clean`: nothing stays."""
    systems.clean()
    print("Moa Market's systems are stopped and deleted. A warehouse that was loaded from them keeps its rows; make clean deletes it.")


def parser() -> argparse.ArgumentParser:
    """The command line. A new command is a function of (systems, options) and a line here."""
    top = argparse.ArgumentParser(prog="demo", description="The sample company Moa Market, as real servers.")
    top.add_argument("--folder", type=Path, help="where the company lives (default: $DEMO_HOME, or .demo here)")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(function: Callable[[Systems, argparse.Namespace], int | None], text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(function.__name__, help=text, description=text)
        made.set_defaults(function=function)
        return made

    running = command(run, "start, ingest, dbt build, dbt docs generate, stop, and a summary: the main job")
    running.add_argument("--live", type=int, default=0, metavar="N", help="live N further days first")
    running.add_argument("--scale", type=float, help=f"how many customers and orders (new company: {SCALE:g})")
    playing = command(incident, "play the weekend on which an API renamed a field, in a company and a warehouse of its own")
    playing.add_argument("--target", default="dev", help="of the dbt profile, with an empty warehouse (default: dev, a file of its own)")
    starting = command(start, "make the company, or resume it, and start its servers")
    starting.add_argument("--days", type=int, help=f"live until this day (new company: {DAYS})")
    starting.add_argument("--scale", type=float, help=f"how many customers and orders (new company: {SCALE:g})")
    starting.add_argument("--seed", type=int, help=f"which company of all possible ones (new company: {SEED})")
    living = command(live, "live further days")
    living.add_argument("days", type=int, nargs="?", default=1, metavar="N", help="how many (default: 1)")
    command(status, "show what runs, where, and which day it is")
    command(env, 'print the settings for the ingestion: eval "$(demo env)"')
    command(stop, "stop the servers, keep the data")
    command(clean, "stop the servers and delete the data")
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns 0, or 1 (130 if interrupted) after saying on stderr what to do."""
    options = parser().parse_args(arguments)
    try:
        return options.function(Systems(options.folder), options) or 0
    except (DemoError, IngestError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: interrupted. Complete days are kept; demo status shows which day it is.", file=sys.stderr)
        return 130


def _without_password(url: str) -> str:
    before, _, after = url.rpartition("@")
    return f"{before.rpartition(':')[0]}@{after}"


if __name__ == "__main__":
    sys.exit(main())
