"""`python -m benchmarks`: measures, and writes docs/benchmarks.md.

Parts that are not measured keep their section, so a part can be measured again by itself.
"""

import argparse
import os
import re
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import ModuleType

from benchmarks import growth, idle, landing, main_job
from benchmarks.measure import PROJECT, PYTHON, BenchError, circumstances, run, say

PARTS = {"landing": landing, "growth": growth, "idle": idle, "run": main_job}
PAGE = PROJECT / "docs" / "benchmarks.md"
SCRATCH = PROJECT / "bench"
HEADER = """# Benchmarks

Written by `make bench`; do not edit. What matters are the ratios: each is the median of the ratios of several rounds, in which the
contestants ran one after another on the same machine. Seconds are medians, on a small machine. Peak memory is the largest sum of the
resident memory of a process and all its descendants in any round, in MB of 10^6 bytes.
"""


def parser() -> argparse.ArgumentParser:
    """The command line of the benchmarks."""
    top = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure, and write docs/benchmarks.md.")
    top.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=f"of {', '.join(PARTS)}; default: all")
    top.add_argument("--rounds", type=int, default=3, help="how often everything is repeated (default: 3)")
    top.add_argument("--small", action="store_true", help="a tenth of the data, to try the command; prints, and leaves the page alone")
    return top


def main(arguments: list[str] | None = None) -> int:
    """Measure the parts that were asked for; returns 0, or 1 when one of them failed (the others are written all the same)."""
    options = parser().parse_args(arguments)
    if options.rounds < 1:
        parser().error("--rounds must be at least 1")
    say("Warming up")
    run([PYTHON, "-c", "import dbt.cli.main, dlt, ingestion.operations.load, demo.run, dbt.adapters.duckdb"])
    failed = [name for name in PARTS if name in options.only and not _measured(name, options)]
    return 1 if failed else 0


def _measured(name: str, options: argparse.Namespace) -> bool:
    """Measure one part and write its section; False, after saying why, when it failed."""
    part, started, load = PARTS[name], time.monotonic(), os.getloadavg()[0]
    say(f"{part.TITLE} (--only {name})")
    folder = SCRATCH / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        text = part.measure(folder, options.rounds, options.small)
    except BenchError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return False
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # something else lies in it
            SCRATCH.rmdir()
    text = f"{circumstances(options.rounds, load)}\n{text}"
    if options.small:
        say(text)
    else:
        _write(PAGE, part, text)
    say(f"  {time.monotonic() - started:.0f} s in all")
    return True


def _write(page: Path, part: ModuleType, text: str) -> None:
    """Put the part's section on the page; the others stay as they are."""
    found = re.split(r"^## (.+)\n", page.read_text(), flags=re.M)[1:] if page.exists() else []
    sections = dict(zip(found[::2], found[1::2], strict=True)) | {part.TITLE: f"\n{text}"}
    known = [part.TITLE for part in PARTS.values() if part.TITLE in sections]
    page.write_text(HEADER + "".join(f"\n## {title}\n\n{sections[title].strip()}\n" for title in known))


if __name__ == "__main__":
    # However it is ended, it stops the servers that it started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
