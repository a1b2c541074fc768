"""The story that Waterworks exists for, played from end to end: `demo incident`, and docs/incident.md."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROJECT
from engines.servers import ENGINES

# What differs from one day, or one machine, to the next: times, seconds, how many nodes dbt has by now, and which of the rows
# of a larger table were compared with the source.
CHANGING = {
    r"\d{4}-\d\d-\d\d \d\d:\d\d": "TIME",
    r" +\d+\.\d$": " SECONDS",
    r"(order_items( +[\d,]+){3}) .*": r"\1 SOME",
    r"\d+ (tests|models)": r"N \1",
    r"\d+ more were skipped": "N more were skipped",
}


@pytest.mark.parametrize("target", ["dev", "postgres"])
def test_the_story_in_the_docs_is_what_happens(tmp_path: Path, target: str):
    """The script itself checks the promises: that the bad runs end badly, that the board's numbers stay, that the mended ones
    are right to the cent. It ends with 0 only then."""
    with ENGINES[target](tmp_path) as engine:
        done = subprocess.run(
            [sys.executable, "-m", "demo.cli", "--folder", tmp_path / "company", "incident", "--target", target],
            env={name: value for name, value in {**os.environ, **engine.environment}.items() if name != "DBT_TARGET"},
            cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    told = re.search(r"```text\n(.*)```", (PROJECT / "docs" / "incident.md").read_text(), flags=re.S).group(1)
    assert without_what_changes(done.stdout) == without_what_changes(told)


def without_what_changes(text: str) -> list[str]:
    lines = [line.rstrip() for line in text.strip().splitlines()]
    for pattern, name in CHANGING.items():
        lines = [re.sub(pattern, name, line) for line in lines]
    return lines
