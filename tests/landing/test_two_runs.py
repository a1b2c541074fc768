"""Two processes that want one warehouse at the same time: the error of the second names the first, and nothing is doubled."""

import subprocess
import sys

from support.deployment import PROJECT
from support.landing import on, refused

HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
WAIT_IN_EXTRACT = """
import sys
from dlt.pipeline.pipeline import Pipeline
extract = Pipeline.extract
def slow(*arguments, **options):
    print("extracting", flush=True)
    sys.stdin.read()
    return extract(*arguments, **options)
Pipeline.extract = slow
from ingestion.cli import main
sys.exit(main(["calendar"]))
"""


def test_a_file_that_another_process_has_open(landing):
    landing.load("calendar")
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(landing.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        holder.stdout.readline()
        assert "is in use" in refused(landing, "calendar") and str(holder.pid) in refused(landing, "status")
    finally:
        holder.communicate()
    assert landing.load("calendar") == {}


@on("postgres")
def test_a_source_is_loaded_by_one_run_at_a_time(landing, engine):
    first = subprocess.Popen(
        [sys.executable, "-c", WAIT_IN_EXTRACT],
        env=landing.environment, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert first.stdout.readline() == b"extracting\n"
        error = landing.try_to_load("calendar").error
        assert "Another `ingest` is loading calendar" in error and "Wait until" in error
        assert landing.load("supplier"), "another source can be loaded meanwhile"
        first.communicate(timeout=60)  # ends its standard input, for which it waits
        assert first.returncode == 0
        [(rows, keys)] = landing.query("select count(*), count(distinct (country, date, name)) from raw_calendar.holidays")
        assert rows == keys > 0
        assert landing.load("calendar") == {} and landing.query("select count(*) from raw_calendar.holidays") == [(rows,)]
    finally:
        first.kill()
        first.wait()
