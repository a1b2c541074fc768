"""Machines that die: the whole pipeline is killed at many places, runs again, and ends as if nothing had been.

Two warehouses read the same company. One runs undisturbed; in the other each day's run is killed again and again, each time at
another place, until it is let through. The places are drawn from a seed, out of those that the undisturbed run came to.
"""

import json
import multiprocessing
import random
import signal
from collections.abc import Iterator

import pytest
from conftest import Works
from engines.servers import ENGINES

from ingestion.settings import prepare_dlt

SEED, SCALE, FIRST_DAYS, ROUNDS = 4, 0.02, 20, 2
# Where each round's runs die, in this order: what comes later must still have work to do.
STAGES = (
    ("extract",),
    ("normalise",),
    ("normalise",),
    ("load",),
    ("complete",),
    ("complete",),
    ("after the load",),
    ("between",),
    ("snap_customer", "snap_product", "snap_store"),
    ("dim_customer", "dim_product"),
    ("fact_sales", "fact_payment"),
    ("daily_revenue", "payment_reconciliation"),
    ("publish",),
)
LANDING = {"extract", "normalise", "load", "complete", "after the load", "between"}
SCHEMAS = ("raw_shop", "raw_payments", "raw_supplier", "raw_calendar", "snapshots", "core", "marts", "audited")
CLOCKS = {"publications", "publication_sources", "build"}  # tables that say when something ran
# Columns that differ between two warehouses with the same rows.
UNLIKE = ("load_id", "load_ids", "history_fingerprint", "seen_at", "closed_at")
# Processes are forked from one that has imported all that they need. It takes over what prepare_dlt puts into the environment.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["victim", "dbt.adapters.duckdb", "dbt.adapters.postgres"])


class Pipeline(Works):
    """`ingest` and `dbt build`, in a process of their own that can be killed."""

    def run(self, place: str | None = None, number: int = 0) -> int:
        """Gives the exit code. When it is to die in dbt, everything was landed before."""
        prepare_dlt()
        from victim import live

        process = FORKS.Process(target=live, args=(self.folder, self.environment, place, number, place is None or place in LANDING))
        process.start()
        process.join(300)
        assert process.exitcode is not None, "it takes too long"
        return process.exitcode

    @property
    def said(self) -> str:
        return (self.folder / "said.txt").read_text()[-3000:]

    def finish(self) -> dict[str, int]:
        """A run that nobody disturbs; gives how often it came to each place."""
        assert self.run() == 0, self.said
        return json.loads((self.folder / "places.json").read_text())

    def everything(self) -> dict[str, list[tuple]]:
        """All rows of all layers, without what tells one load from another."""
        found = {}
        for (schema, name), columns in self.engine.catalogue().items():
            if schema not in SCHEMAS or name.startswith("_dlt") or name in {"reads", *CLOCKS}:
                continue
            names = ", ".join(column.name for column in columns if not column.name.endswith(UNLIKE))
            rows = f"{schema}.{name}"
            if schema.startswith("raw_"):
                rows += f" where _dlt_load_id in (select load_id from {schema}._dlt_loads where status = 0)"
            found[f"{schema}.{name}"] = sorted(self.query(f"select {names} from {rows}"), key=repr)
        found["data_status"] = sorted(self.query("select model, is_stale, reason from published.data_status"))
        return found


@pytest.fixture(scope="module", params=["dev", "postgres"])
def pipelines(request: pytest.FixtureRequest, make_works, tmp_path_factory) -> Iterator[tuple[Pipeline, Pipeline]]:
    """The undisturbed one and the one that will be killed."""
    systems = make_works(days=FIRST_DAYS, scale=SCALE).systems
    folders = tmp_path_factory.mktemp("undisturbed"), tmp_path_factory.mktemp("killed")
    with ENGINES[request.param](folders[0]) as first, ENGINES[request.param](folders[1]) as second:
        yield Pipeline(folders[0], systems, first), Pipeline(folders[1], systems, second)


def test_killed_anywhere_it_ends_as_if_nothing_had_been(pipelines: tuple[Pipeline, Pipeline]):
    undisturbed, killed = pipelines
    chance, died_at = random.Random(SEED), set()
    for number in range(ROUNDS):
        if number:
            undisturbed.systems.live(1)
        newest = max(undisturbed.systems.supplier_folder.glob("*.csv"))
        newest.write_text(newest.read_text() + "a line|that does|not fit\n")
        places = undisturbed.finish()
        for stage in STAGES:
            all_places = [(place, at) for place in stage for at in range(1, places[place] + 1)]
            place, at = chance.choice([each for each in all_places if each not in died_at] or all_places)
            assert killed.run(place, at) == -signal.SIGKILL, f"{place} {at}: {killed.said}"
            died_at.add((place, at))
        killed.finish()
        expected, found = undisturbed.everything(), killed.everything()
        assert found.keys() == expected.keys()
        assert [table for table in expected if found[table] != expected[table]] == [], f"after {sorted(died_at)}"
    assert len(died_at) >= 25 and len(found["raw_supplier.quarantine"]) == ROUNDS


INGEST = ("-m", "ingestion.cli", "run")
# Writes beyond so many bytes of a file fail, as they do on a disk that is full.
FULL_DISK = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
from ingestion.cli import main
sys.exit(main(["run"]))
"""


def assert_landed_once(works: Works) -> None:
    """What complete loads hold of the shop is what the shop has, each version once."""
    with works.systems.connect() as shop:
        for table in ("customers", "products", "stores", "orders", "order_items"):
            rows = f"raw_shop.{table} where _dlt_load_id in (select load_id from raw_shop._dlt_loads where status = 0)"
            found = works.query(f"select count(*), count(distinct (id, _changed_at)) from {rows}")
            ids = works.query(
                f"select id from {rows} group by id having max(_changed_at) > coalesce(max(_deleted_at), '1900-01-01') order by id"
            )
            [(copies, versions)] = found
            assert copies == versions
            assert ids == shop.execute(f"select id from {table} order by id").fetchall()


def test_a_full_disk_is_named_and_loses_nothing(make_works):
    works = make_works(days=FIRST_DAYS, scale=SCALE)
    done = works.python("-c", FULL_DISK)
    assert done.returncode == 1
    assert "Could not write file" in done.stderr and "Traceback" not in done.stderr
    works.ingest()
    assert_landed_once(works)
    listed = sum(len(file.read_text().splitlines()) - 1 for file in works.systems.supplier_folder.glob("*.csv"))
    [(landed,)] = works.query(
        "select count(*) from raw_supplier.catalogue where _dlt_load_id in (select load_id from raw_supplier._dlt_loads where status = 0)"
    )
    assert landed == listed


def test_a_server_whose_disk_is_full_is_named_and_loses_nothing(make_works):
    works = make_works(days=2, scale=SCALE, target="postgres")
    with works.engine.full_disk():
        done = works.python(*INGEST)
    assert done.returncode == 1
    assert "shop: The warehouse 127.0.0.1" in done.stderr and "broke off" in done.stderr and "Traceback" not in done.stderr
    works.ingest()
    assert_landed_once(works)


def test_a_warehouse_that_takes_no_writes_is_named_and_loses_nothing(make_works):
    works = make_works(days=2, scale=SCALE, target="postgres")
    works.execute("alter database warehouse set default_transaction_read_only = on")
    done = works.python(*INGEST)
    assert done.returncode == 1
    assert "read-only" in done.stderr and "Traceback" not in done.stderr
    works.execute("begin read write; alter database warehouse set default_transaction_read_only = off; commit")
    works.ingest()
    assert_landed_once(works)


# Without the right of root to write to what may not be written: so it finds what other users find.
NO_OVERRIDE = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)
os.execv(sys.executable, [sys.executable, "-m", "ingestion.cli", "run"])
"""


def test_a_file_that_takes_no_writes_is_named_and_loses_nothing(make_works):
    works = make_works(days=2, scale=SCALE)
    works.ingest()
    works.systems.live(1)
    works.path.chmod(0o444)
    done = works.python("-c", NO_OVERRIDE)
    assert done.returncode == 1
    assert "warehouse.duckdb" in done.stderr and "ermission denied" in done.stderr and "Traceback" not in done.stderr
    works.path.chmod(0o644)
    works.ingest()
    assert_landed_once(works)
