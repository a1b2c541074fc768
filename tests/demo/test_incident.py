"""The incident of docs/incident.md, played from beginning to end by `demo incident`."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from engines.servers import ENGINES
from support import dbt
from support.deployment import PROJECT

# Parts of the output that differ from one day, or one machine, to the next: times, seconds, the number of dbt's nodes, and the
# rows of a larger table that were compared with the source.
CHANGING = {
    r"\d{4}-\d\d-\d\d \d\d:\d\d": "TIME",
    r" +\d+\.\d$": " SECONDS",
    r"(order_items( +[\d,]+){3}) .*": r"\1 SOME",
    r"\d+ (tests|models|snapshots)": r"N \1",
    r"\d+ more were skipped": "N more were skipped",
}


@pytest.mark.parametrize("target", ["dev", pytest.param("postgres", marks=pytest.mark.tier("test-all"))])
def test_the_documented_output_is_the_real_output(tmp_path: Path, target: str):
    """`demo incident` itself checks the promises, and ends with 0 only if all hold: bad runs end badly, the published numbers stay,
    and the repaired numbers are right to the cent."""
    with ENGINES[target](tmp_path) as engine:
        done = subprocess.run(
            [sys.executable, "-m", "demo.cli", "--folder", tmp_path / "company", "incident", "--target", target],
            env={name: value for name, value in {**os.environ, **dbt.SETTINGS, **engine.environment}.items() if name != "DBT_TARGET"},
            cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    documented = re.search(r"```text\n(.*)```", (PROJECT / "docs" / "incident.md").read_text(), flags=re.S).group(1)
    assert without_changing_parts(done.stdout) == without_changing_parts(documented)


def without_changing_parts(text: str) -> list[str]:
    lines = [line.rstrip() for line in text.strip().splitlines()]
    for pattern, name in CHANGING.items():
        lines = [re.sub(pattern, name, line) for line in lines]
    return lines
