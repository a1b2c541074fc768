"""A source that keeps what it sent until it is acknowledged: when the load is complete, and never before."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestion import sources

# Records in a file, and beside it what was acknowledged, which is not sent again.
SPOOL = """
import json
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from ingestion.connectors.tables import Field, RecordTable

FOLDER = Path({folder!r})


class Connection:
    lookback = timedelta()

    def read(self, table, window, bookmark):
        acknowledged = json.loads((FOLDER / "acknowledged").read_text()).get(table.name, "")
        lines = (FOLDER / table.name).read_text().splitlines()
        return (record for record in map(json.loads, lines) if record["updated_at"] > acknowledged)

    def acknowledge(self, bookmarks):
        (FOLDER / "acknowledged").write_text(json.dumps({{table: bookmark["cursor"] for table, bookmark in bookmarks.items()}}))


class Spool:
    tables = [RecordTable(name, fields=(Field("amount", "decimal(12, 2)"),)) for name in ("sales", "returns")]

    @contextmanager
    def open(self, run):
        yield Connection()


SOURCE = Spool()
"""


@pytest.fixture
def spool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A source `spool` with two tables; its folder."""
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "spool.py").write_text(SPOOL.format(folder=str(tmp_path)))
    (tmp_path / "acknowledged").write_text("{}")
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(folder)])
    yield tmp_path
    del sys.modules["ingestion.sources.spool"]
    del sources.spool


def send(folder: Path, table: str, *days: int, amount: Any = "1.50") -> None:
    records = [{"id": f"{table}{day}", "amount": amount, "updated_at": f"2026-01-{day:02}T00:00:00+00:00"} for day in days]
    with open(folder / table, "a") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)


def acknowledged(folder: Path) -> dict[str, str]:
    return {table: cursor[:10] for table, cursor in json.loads((folder / "acknowledged").read_text()).items()}


def test_a_source_is_told_what_was_landed_once_the_load_is_complete(changing, spool, monkeypatch):
    send(spool, "sales", 1, 2)
    send(spool, "returns", 3)

    def refuses(*_: object) -> None:
        raise OSError("the warehouse broke off")

    with monkeypatch.context() as patch:
        patch.setattr("ingestion.dlt_internals.pipeline.normalize_and_load", refuses)
        assert "broke off" in changing.try_to_load("spool").error
    assert acknowledged(spool) == {}
    assert changing.load("spool") == {"sales": 2, "returns": 1}
    assert acknowledged(spool) == {"sales": "2026-01-02", "returns": "2026-01-03"}
    send(spool, "sales", 4)
    assert changing.load("spool") == {"sales": 1}
    assert acknowledged(spool) == {"sales": "2026-01-04", "returns": "2026-01-03"}


def test_what_failed_is_not_acknowledged(changing, spool):
    """Its table is read again, from where it was."""
    send(spool, "sales", 1)
    send(spool, "returns", 2, 3, amount=None)
    report = changing.try_to_load("spool")
    assert not report.ok and "amount is null in all of 2 new records" in report.error and report.tables["sales"] == 1
    assert acknowledged(spool) == {"sales": "2026-01-01"}
