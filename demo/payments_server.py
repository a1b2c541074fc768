"""The payments API as a process of this machine: its file is filled here, and the process started and stopped."""

import os
import secrets
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

from demo import payments_api
from demo.postgres import command_of, free_port, is_free
from demo.state import DemoError, State

if TYPE_CHECKING:
    from demo.company import Changes, Company

PROJECT = Path(__file__).resolve().parent.parent
TABLES = ("payments", "refunds")
CHUNK = 200_000  # records that are inserted at a time


class PaymentsServer:
    """The process `python -m demo.payments_api` and its SQLite file. The state has its port and its number."""

    def __init__(self, folder: Path):
        self._file, self._log = folder / "payments.db", folder / "payments.log"
        self._process: subprocess.Popen[bytes] | None = None

    # -- the file -------------------------------------------------------------------------------------------

    @property
    def exists(self) -> bool:
        return self._file.exists()

    def create(self, token: str, company: "Company") -> None:
        """Write the file again, with all records of the present; the API fails now and then, as an API does."""
        for file in self._file.parent.glob(f"{self._file.name}*"):
            file.unlink()
        self.fill(company)
        self.set(token=token, generation="0", **payments_api.FAULTS)

    def fill(self, company: "Company", changes: "Changes | None" = None) -> None:
        """Insert or replace all records, or those that changed, in one transaction."""
        with closing(payments_api.open_file(self._file)) as database, database:
            for table in TABLES:
                rows = company.rows(table, changes.upserts[table] if changes else None)
                for batch in rows.to_batches(max_chunksize=CHUNK):
                    columns = (column.to_pylist() for column in batch.columns)
                    database.executemany(f"insert or replace into {table} values (?, ?, ?)", zip(*columns, strict=True))

    def set(self, **values: object) -> None:
        """Change settings of the API: the token, how often it fails, the names of its fields."""
        with closing(payments_api.open_file(self._file)) as database, database:
            rows = [(name, str(value)) for name, value in values.items()]
            database.executemany("insert or replace into settings values (?, ?)", rows)

    def set_faults(self, **every: int) -> None:
        """Fail at every n-th request; the count of requests starts again, so that the same ones meet the same faults."""
        self.set(**every, generation=secrets.token_hex(4))

    # -- the process ----------------------------------------------------------------------------------------

    def start(self, state: State) -> None:
        """Start the process unless it runs, on the port of before if that is free."""
        if self.pid(state):
            return
        state.api_port = state.api_port if state.api_port and is_free(state.api_port) else free_port()
        with open(self._log, "ab") as log:
            self._process = process = subprocess.Popen(
                [sys.executable, "-m", "demo.payments_api", str(self._file), str(state.api_port)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=PROJECT, start_new_session=True,
            )  # fmt: skip
        until = time.monotonic() + 20
        while time.monotonic() < until and process.poll() is None:
            try:
                with urlopen(f"http://127.0.0.1:{state.api_port}/health", timeout=5):
                    state.api_pid = process.pid
                    return
            except (URLError, OSError):
                time.sleep(0.03)
        process.kill()
        raise DemoError(f"The payments API does not start; see {self._log}.")

    def pid(self, state: State) -> int:
        """The process, or 0. The number alone is no proof: after a restart it may be another's."""
        command = command_of(state.api_pid) if state.api_pid else ""
        return state.api_pid if "demo.payments_api" in command and str(self._file) in command else 0

    def stop(self, state: State) -> None:
        """Stop the process and wait until it has ended; does nothing if it does not run."""
        if pid := self.pid(state):
            os.kill(pid, signal.SIGTERM)
            until = time.monotonic() + 10
            while self.pid(state) and time.monotonic() < until:
                if self._process:
                    self._process.poll()  # bury it if it is our own child
                time.sleep(0.01)
