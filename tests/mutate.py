"""Breaks the project in twenty places that matter, one at a time, and sees that a test of `make test` notices: `make mutate`.

Each break (mutant) is made in a copy of the project: this tree stays as it is. A mutant must still compile and parse, so that it
is the promise that fails and not the syntax; then the test that is named for the promise must fail. Ends with 1 if one survives.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from support.mutants import MUTANTS, Mutant

PROJECT = Path(__file__).resolve().parent.parent
TIMEOUT = 600  # seconds for the tests of one mutant


def main() -> int:
    parser = argparse.ArgumentParser(prog="make mutate", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="of mutants; all when none is named")
    names = parser.parse_args().names
    if unknown := set(names) - {mutant.name for mutant in MUTANTS}:
        parser.error(f"there is no mutant {', '.join(sorted(unknown))}")
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    survived = []
    with tempfile.TemporaryDirectory(prefix="waterworks-mutants-") as folder:
        project = _copy_of_project(Path(folder) / "project")
        for number, mutant in enumerate(chosen, 1):
            started = time.monotonic()
            outcome = _try(project, mutant)
            print(f"{number:2} of {len(chosen)}  {mutant.name:35} {outcome}  ({time.monotonic() - started:.0f} s)", flush=True)
            if outcome != "noticed":
                survived.append(mutant)
    for mutant in survived:
        print(f"\nNOT NOTICED: {mutant.name}, in {mutant.file}\n  promise {mutant.promise}; the test is {mutant.test}")
    print(f"\n{len(chosen) - len(survived)} of {len(chosen)} mutants noticed")
    return 1 if survived else 0


def _copy_of_project(copy: Path) -> Path:
    """What git tracks, and what is new and not ignored, as it is in the working tree."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=PROJECT, check=True, capture_output=True, text=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (PROJECT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, copy / name)
    shutil.copy(PROJECT / "profiles.yml.example", copy / "profiles.yml")
    return copy


def _try(project: Path, mutant: Mutant) -> str:
    """Make the mutant, run its test, and put the file back. Gives `noticed`, or why not."""
    file = project / mutant.file
    original = file.read_text()
    if original.count(mutant.old) != 1:
        return f"CAN'T BE MADE: {mutant.file} has its text {original.count(mutant.old)} times"
    try:
        file.write_text(original.replace(mutant.old, mutant.new))
        if why := _broken(project, mutant):
            return f"NO MUTANT: {why}"
        done = _python(project, "-m", "pytest", "-q", "-x", "--tier", "test", "-p", "no:cacheprovider", *mutant.test.split())
    finally:
        file.write_text(original)
    return {0: "SURVIVED", 1: "noticed"}.get(done.returncode, f"pytest ended with {done.returncode}: {done.stdout[-300:]}")


def _broken(project: Path, mutant: Mutant) -> str:
    """Why the changed file is no program any more; empty if it is one."""
    command = ["-m", "py_compile", mutant.file] if mutant.file.endswith(".py") else ["-m", "dbt.cli.main", "--quiet", "parse"]
    done = _python(project, *command)
    return (done.stdout + done.stderr)[-500:] if done.returncode else ""


def _python(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=project, check=False, capture_output=True, text=True, timeout=TIMEOUT)


if __name__ == "__main__":
    sys.exit(main())
