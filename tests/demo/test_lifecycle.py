"""Starting, stopping and remaking a company gives the same company."""

import os
import signal
from pathlib import Path

import pytest
from support.company import get, shop

from demo.cli import main
from demo.company import SHOP_TABLES
from demo.postgres import command_of
from demo.servers import DemoError, Systems


def test_a_company_is_resumed_and_remade_as_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """It is the same company after a stop and a start, after its API was killed, and after its data was lost."""
    folder = str(tmp_path / "moa")
    command = ["--folder", folder]
    systems = Systems(folder)
    try:
        assert main([*command, "start", "--days", "4", "--scale", "0.02"]) == 0
        settings, orders = systems.settings(), shop(systems, "select * from orders order by id")
        assert main([*command, "stop"]) == 0
        assert not systems.running
        assert main([*command, "live"]) == 1
        assert "demo start" in capsys.readouterr().err

        assert main([*command, "start"]) == 0
        assert (systems.settings(), systems.day) == (settings, 4)
        assert shop(systems, "select * from orders order by id") == orders

        pid = systems._state.require().api_pid
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        assert not command_of(pid) and not systems.running
        systems.start()
        assert get(systems, "/v1/payments", limit=1)["data"]

        systems._shop.server.remove()
        systems.start()
        assert shop(systems, "select * from orders order by id") == orders

        capsys.readouterr()
        assert main([*command, "env"]) == 0
        assert f"export SOURCES__SUPPLIER__BUCKET_URL={systems.supplier_folder}" in capsys.readouterr().out
        assert (systems.folder / "state.json").stat().st_mode & 0o777 == 0o600
        assert main([*command, "start", "--seed", "9"]) == 1
        assert main([*command, "start", "--days", "5"]) == 0 and systems.day == 5
    finally:
        assert main([*command, "clean"]) == 0
    assert not systems.folder.exists() and main([*command, "status"]) == 1


def test_an_interrupted_day_is_lived_again(tmp_path: Path):
    """The shop holds the day already and the state does not: living the day again gives the right rows."""
    systems = Systems(tmp_path / "moa").start(days=3, scale=0.02, seed=2)
    try:
        state = systems._state.require()
        systems.live(1)
        systems._state.write(state)
        again = Systems(systems.folder).live(2)
        assert again.day == 5
        for table in SHOP_TABLES:
            rows = again.company.rows(table)
            held = shop(again, f"select {', '.join(rows.column_names)} from {table} order by id")
            assert held == [tuple(row.values()) for row in rows.to_pylist()], table
    finally:
        systems.clean()


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(DemoError, match="not empty"):
        Systems(tmp_path).start(days=1, scale=0.02)
    Systems(tmp_path).clean()
    assert (tmp_path / "thesis.txt").exists()
