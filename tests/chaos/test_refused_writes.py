"""Warehouses that refuse to be written to: `ingest` names the cause, and the next run lands what is missing, once."""

import pytest
from support.deployment import Deployment

INGEST = ("-m", "ingestion.cli", "run")
# Writes beyond so many bytes of a file fail, as on a full disk.
FULL_DISK = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
from ingestion.cli import main
sys.exit(main(["run"]))
"""
# Without root's right to write to read-only files, so root finds what other users find.
WITHOUT_OVERRIDE = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)
os.execv(sys.executable, [sys.executable, "-m", "ingestion.cli", "run"])
"""


def refused(deployment: Deployment, *process: str) -> str:
    """What an `ingest` that fails writes to standard error; no traceback."""
    done = deployment.python(*process)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def assert_landed_once(deployment: Deployment) -> None:
    """What complete loads hold of the shop is what the shop has, each version once."""
    with deployment.systems.connect() as shop:
        for table in ("customers", "products", "stores", "orders", "order_items"):
            rows = f"raw_shop.{table} where _dlt_load_id in (select load_id from raw_shop._dlt_loads where status = 0)"
            [(copies, versions)] = deployment.query(f"select count(*), count(distinct (id, _changed_at)) from {rows}")
            ids = deployment.query(
                f"select id from {rows} group by id having max(_changed_at) > coalesce(max(_deleted_at), '1900-01-01') order by id"
            )
            assert copies == versions
            assert ids == shop.execute(f"select id from {table} order by id").fetchall()


def test_a_full_disk(deploy):
    deployment = deploy(days=20)
    assert "Could not write file" in refused(deployment, "-c", FULL_DISK)
    deployment.ingest()
    assert_landed_once(deployment)
    lines = sum(len(file.read_text().splitlines()) - 1 for file in deployment.systems.supplier_folder.glob("*.csv"))
    [(landed,)] = deployment.query(
        "select count(*) from raw_supplier.catalogue where _dlt_load_id in (select load_id from raw_supplier._dlt_loads where status = 0)"
    )
    assert landed == lines


@pytest.mark.tier("test-all")
def test_a_server_whose_disk_is_full(deploy):
    deployment = deploy(days=2, target="postgres")
    with deployment.engine.full_disk():
        errors = refused(deployment, *INGEST)
    assert "shop: The warehouse 127.0.0.1" in errors and "broke off" in errors
    deployment.ingest()
    assert_landed_once(deployment)


@pytest.mark.tier("test-all")
def test_a_server_that_accepts_no_writes(deploy):
    deployment = deploy(days=2, target="postgres")
    deployment.execute("alter database warehouse set default_transaction_read_only = on")
    assert "read-only" in refused(deployment, *INGEST)
    deployment.execute("begin read write; alter database warehouse set default_transaction_read_only = off; commit")
    deployment.ingest()
    assert_landed_once(deployment)


@pytest.mark.tier("test-all")
def test_a_file_that_may_not_be_written(deploy):
    deployment = deploy(days=2)
    deployment.ingest()
    deployment.systems.live(1)
    deployment.path.chmod(0o444)
    errors = refused(deployment, "-c", WITHOUT_OVERRIDE)
    assert "warehouse.duckdb" in errors and "ermission denied" in errors
    deployment.path.chmod(0o644)
    deployment.ingest()
    assert_landed_once(deployment)
