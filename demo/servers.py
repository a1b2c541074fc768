"""Moa Market's systems as real servers on this machine: PostgreSQL, the payments API, the supplier's files.

`Systems(folder)` makes them from a seed, lives further days, stops and resumes them. Everything lies in the
folder (by default .demo/ in the project, or $DEMO_HOME) and can be remade from the seed in state.json.
"""

import fcntl
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

import psycopg
from psycopg import sql

from demo import payments_api
from demo.postgres import Postgres, PostgresError, command_of, free_port, is_free

if TYPE_CHECKING:
    import pyarrow as pa

    from demo.company import Changes, Company

PROJECT = Path(__file__).resolve().parent.parent
SCHEMA = Path(__file__).with_name("shop.sql")
DAYS, SCALE, SEED = 90, 1.0, 1
CHUNK = 200_000  # rows that are turned into text at a time


class DemoError(Exception):
    """Something that the user can mend; the message says how."""


def default_folder() -> Path:
    """$DEMO_HOME, or .demo in the project."""
    return Path(os.environ.get("DEMO_HOME") or PROJECT / ".demo")


class Systems:
    """The servers that live in one folder. Several processes may use it: each step holds its lock."""

    def __init__(self, folder: str | Path | None = None):
        self.folder = Path(folder or default_folder()).resolve()
        self._file = self.folder / "state.json"
        self._api_process = None
        self._company = None

    # -- what others use ------------------------------------------------------------------------------------

    def start(self, days: int | None = None, scale: float | None = None, seed: int | None = None) -> "Systems":
        """Make the company and live `days` days (90, scale 1, seed 1), or resume it; start the servers.

        An existing company goes on to day `days` if it has not come so far. Raises DemoError if its scale or
        seed is not the one asked for.
        """
        if (days is not None and days < 0) or (scale is not None and scale <= 0) or (seed is not None and seed < 0):
            raise DemoError("days and seed must not be negative, and scale must be above 0.")
        with self._locked(create=True):
            state = self._read() or self._found(days, scale, seed)
            _compare(state, days, scale, seed)
            if state["building"] or not self._complete():
                self._build(state)
            self._start_servers(state)
            self._live(state, max(0, (days or 0) - state["day"]))
        return self

    def live(self, days: int = 1) -> "Systems":
        """Live further days, one transaction each: nobody ever sees half a day."""
        if days < 0:
            raise DemoError("A company cannot live backwards: give a number of days of at least 0.")
        with self._locked():
            state = self._state()
            if not self.running:
                raise DemoError("The servers do not run. Start them: demo start")
            self._live(state, days)
        return self

    def stop(self) -> None:
        """Stop the servers; the data stays. Nothing happens if they do not run."""
        if not self._file.exists():
            return
        with self._locked():
            self._stop_api(self._state())
            self._postgres.stop()

    def clean(self) -> None:
        """Stop the servers and delete everything; nothing happens if there is no company."""
        if not self._file.exists():
            return
        with self._locked():
            self._stop_api(self._state())
            self._postgres.remove()
            shutil.rmtree(self.folder)
        self._company = None

    def settings(self) -> dict[str, str]:
        """The environment variables with which the ingestion finds these systems."""
        state = self._state()
        return {
            "SOURCES__SHOP__CREDENTIALS":
                f"postgresql://reader:{state['reader_password']}@127.0.0.1:{state['postgres_port']}/shop",
            "SOURCES__SHOP__CLOCK_SQL": "select now from moa.clock",
            "SOURCES__PAYMENTS__BASE_URL": f"http://127.0.0.1:{state['api_port']}",
            "SOURCES__PAYMENTS__API_TOKEN": state["token"],
            "SOURCES__SUPPLIER__BUCKET_URL": str(self.supplier_folder),
            "SOURCES__CALENDAR__COUNTRY": "NZ",
        }  # fmt: skip

    def faults(self, too_many_every: int = 0, unavailable_every: int = 0, repeat_every: int = 0) -> None:
        """Let the API answer every n-th request with 429 or 503, repeat a record on every n-th page; 0: never.

        Its count of requests begins anew, so that the same requests meet the same faults.
        """
        with self._locked():
            values = {"too_many_every": too_many_every, "unavailable_every": unavailable_every,
                      "repeat_every": repeat_every, "generation": secrets.token_hex(4)}  # fmt: skip
            self._set(values)

    def rename(self, **names: str) -> None:
        """From now on the API hands out its records with other names of fields: rename(amount="total_amount")."""
        with self._locked():
            self._set({"renamed": json.dumps(names)})

    def expire_token(self) -> None:
        """From now on the API refuses the old token; settings() has the new one."""
        with self._locked():
            state = self._state()
            state["token"] = secrets.token_urlsafe(24)
            self._set({"token": state["token"]})
            self._write(state)

    @property
    def running(self) -> bool:
        """Do both servers answer?"""
        state = self._read()
        return bool(state and self._postgres.port and self._api_pid(state))

    @property
    def id(self) -> str:
        """Which company this is, also among those of the same seed: each made anew is another."""
        return self._state()["id"]

    @property
    def day(self) -> int:
        """How many days the company has lived."""
        return self._state()["day"]

    @property
    def clock(self) -> datetime:
        """The company's present, in UTC."""
        return datetime.fromtimestamp(_simulation().clock_at(self.day) // _simulation().SECOND, UTC)

    @property
    def company(self) -> "Company":
        """The simulation (demo.company.Company), replayed up to the present day."""
        return self._replayed(self._state())

    @property
    def supplier_folder(self) -> Path:
        return self.folder / "supplier"

    def connect(self) -> psycopg.Connection:
        """The shop's database as its owner: for changes that no simulated day makes."""
        return self._connect(self._state(), "shop")

    # -- state ----------------------------------------------------------------------------------------------

    @contextmanager
    def _locked(self, create: bool = False) -> Iterator[None]:
        """Keep other processes away from the folder; it is made if `create`."""
        if create:
            self.folder.mkdir(parents=True, exist_ok=True)
        elif not self._file.exists():
            raise DemoError(f"There is no company in {self.folder}. Make one: demo start")
        with open(self.folder / "lock", "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            try:
                yield
            except (PostgresError, psycopg.OperationalError) as error:
                remedy = "Try demo stop, then demo start; if that fails too, begin anew: demo clean, demo start"
                raise DemoError(f"{error}\n{remedy}") from error

    def _read(self) -> dict | None:
        try:
            return json.loads(self._file.read_text())
        except FileNotFoundError:
            return None
        except ValueError:
            raise DemoError(f"{self._file} cannot be read. Begin anew: delete {self.folder}") from None

    def _state(self) -> dict:
        state = self._read()
        if state is None:
            raise DemoError(f"There is no company in {self.folder}. Make one: demo start")
        return state

    def _write(self, state: dict) -> None:
        """Replace the state file at once; only its owner may read it, for it holds the passwords."""
        scratch = self._file.with_suffix(".new")
        with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(state, file, indent=1)
        os.replace(scratch, self._file)

    def _found(self, days: int | None, scale: float | None, seed: int | None) -> dict:
        strangers = [p.name for p in self.folder.iterdir() if p.name != "lock"]
        if strangers:
            raise DemoError(f"{self.folder} is not empty and holds no company: give an empty folder.")
        return {
            "id": secrets.token_hex(8), "simulation": _simulation().SIMULATION, "seed": SEED if seed is None else seed,
            "scale": float(scale or SCALE), "day": DAYS if days is None else days, "building": True,
            "postgres_port": 0, "api_port": 0, "api_pid": 0,
            "admin_password": secrets.token_urlsafe(24), "reader_password": secrets.token_urlsafe(24),
            "token": secrets.token_urlsafe(24),
        }  # fmt: skip

    def _complete(self) -> bool:
        """Are all the systems' data there? (A temporary folder may have been emptied.)"""
        return self._postgres.exists and self._payments_file.exists() and self.supplier_folder.exists()

    @cached_property
    def _postgres(self) -> Postgres:
        return Postgres(self.folder / "postgres")

    @property
    def _payments_file(self) -> Path:
        return self.folder / "payments.db"

    # -- making and living ----------------------------------------------------------------------------------

    def _build(self, state: dict) -> None:
        """Make everything from the seed up to the state's day, in bulk. Passwords and ports stay."""
        self._stop_api(state)
        for file in self.folder.glob("payments.db*"):
            file.unlink()
        shutil.rmtree(self.supplier_folder, ignore_errors=True)
        self.supplier_folder.mkdir(mode=0o755)
        self._company = None
        state |= {"building": True, "simulation": _simulation().SIMULATION}
        self._write(state)
        self._postgres.create(state["admin_password"])
        company = self._replayed(state, each_day=self._write_catalogue)
        self._fill_payments({table: company.rows(table) for table in ("payments", "refunds")})
        self._set({"token": state["token"], "generation": "0", **payments_api.FAULTS})
        state["postgres_port"] = self._postgres.start(state["postgres_port"])
        self._fill_shop(state, company)
        state["building"] = False
        self._write(state)

    def _live(self, state: dict, days: int) -> None:
        """Live day by day. State is written last: a day cut off is lived again, to the same result."""
        if not days:
            return
        company = self._replayed(state)
        with self._connect(state, "shop") as connection:
            for _ in range(days):
                changes = company.live()
                self._write_catalogue(company)
                self._apply_shop(connection, company, changes)
                self._fill_payments({t: company.rows(t, changes.upserts[t]) for t in ("payments", "refunds")})
                state["day"] = company.day
                self._write(state)

    def _replayed(self, state: dict, each_day=lambda company: None) -> "Company":
        """The simulation at the state's day; `each_day` is called after every day that had to be replayed."""
        if state["simulation"] != _simulation().SIMULATION:
            raise DemoError("This company was made by another version. Begin anew: demo clean, then demo start")
        if self._company is None or self._company.day > state["day"]:
            self._company = _simulation().Company(state["seed"], state["scale"])
        while self._company.day < state["day"]:
            self._company.live()
            each_day(self._company)
        return self._company

    def _write_catalogue(self, company: "Company") -> None:
        """The supplier's file of the company's present day, put in place at once."""
        file = self.supplier_folder / f"catalogue_{_simulation().business_date(company.day)}.csv"
        scratch = self.folder / "catalogue.new"
        scratch.write_text(company.catalogue(), encoding="utf-8")
        os.replace(scratch, file)

    def _fill_payments(self, tables: dict[str, "pa.Table"]) -> None:
        """Insert or replace records of the API, all in one transaction."""
        with closing(payments_api.open_file(self._payments_file)) as database, database:
            for name, table in tables.items():
                for batch in table.to_batches(max_chunksize=CHUNK):
                    columns = (column.to_pylist() for column in batch.columns)
                    database.executemany(f"insert or replace into {name} values (?, ?, ?)", zip(*columns, strict=True))

    def _set(self, values: dict) -> None:
        with closing(payments_api.open_file(self._payments_file)) as database, database:
            rows = [(name, str(value)) for name, value in values.items()]
            database.executemany("insert or replace into settings values (?, ?)", rows)

    def _fill_shop(self, state: dict, company: "Company") -> None:
        """The shop's database with all rows of the present, by COPY."""
        tables, keys = SCHEMA.read_text().split("----\n")
        with self._connect(state, "postgres", autocommit=True) as connection:
            connection.execute(sql.SQL("create role reader login password {}").format(sql.Literal(state["reader_password"])))
            connection.execute("create database shop")
        with self._connect(state, "shop") as connection:
            connection.execute(tables)
            for table in _simulation().SHOP_TABLES:
                _copy(connection, table, company.rows(table))
            connection.execute("insert into moa.clock values (%s)", (company.clock,))
            connection.execute(keys)

    def _apply_shop(self, connection: psycopg.Connection, company: "Company", changes: "Changes") -> None:
        """One day's changes and the new clock in one transaction, so that nobody sees half a day."""
        with connection.transaction():
            for table, ids in changes.deletes.items():
                connection.execute(f"delete from {table} where id = any(%s)", (ids.tolist(),))
            for table in _simulation().SHOP_TABLES:
                rows = company.rows(table, changes.upserts[table])
                connection.execute(f"create temporary table changed (like {table}) on commit drop")
                _copy(connection, "changed", rows)
                values = ", ".join(f"{name} = excluded.{name}" for name in rows.column_names[1:])
                connection.execute(f"insert into {table} select * from changed on conflict (id) do update set {values}")
                connection.execute("drop table changed")
            connection.execute("update moa.clock set now = %s", (company.clock,))

    def _connect(self, state: dict, database: str, autocommit: bool = False) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1", port=state["postgres_port"], user="postgres", password=state["admin_password"],
            dbname=database, autocommit=autocommit,
        )  # fmt: skip

    # -- processes ------------------------------------------------------------------------------------------

    def _start_servers(self, state: dict) -> None:
        state["postgres_port"] = self._postgres.start(state["postgres_port"])
        if not self._api_pid(state):
            port = state["api_port"]
            state["api_port"] = port = port if port and is_free(port) else free_port()
            state["api_pid"] = self._start_api(port)
        self._write(state)

    def _start_api(self, port: int) -> int:
        with open(self.folder / "payments.log", "ab") as log:
            self._api_process = process = subprocess.Popen(
                [sys.executable, "-m", "demo.payments_api", str(self._payments_file), str(port)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=PROJECT, start_new_session=True,
            )  # fmt: skip
        until = time.monotonic() + 20
        while time.monotonic() < until and process.poll() is None:
            try:
                with urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                    return process.pid
            except (URLError, OSError):
                time.sleep(0.03)
        process.kill()
        raise DemoError(f"The payments API does not start; {self.folder / 'payments.log'} says why.")

    def _api_pid(self, state: dict) -> int:
        """The API's process, or 0. The number alone is no proof: after a restart it may be another's."""
        command = command_of(state["api_pid"]) if state["api_pid"] else ""
        return state["api_pid"] if "demo.payments_api" in command and str(self._payments_file) in command else 0

    def _stop_api(self, state: dict) -> None:
        if pid := self._api_pid(state):
            os.kill(pid, signal.SIGTERM)
            until = time.monotonic() + 10
            while self._api_pid(state) and time.monotonic() < until:
                if self._api_process:
                    self._api_process.poll()  # bury it if it is our own child
                time.sleep(0.01)


def _simulation():
    """The module demo.company, imported when it is needed: numpy and Arrow would slow down `demo env`."""
    try:
        from demo import company
    except ModuleNotFoundError as error:
        raise DemoError(f"{error.name} is not installed. Install the dependency group `demo`.") from error
    return company


def _compare(state: dict, days: int | None, scale: float | None, seed: int | None) -> None:
    for name, wanted in (("scale", scale), ("seed", seed)):
        if wanted is not None and wanted != state[name]:
            raise DemoError(
                f"The company in this folder has {name} {state[name]:g}, not {wanted:g}. "
                "Keep it (leave the option out), or begin anew, with a warehouse of its own: make clean"
            )


def _copy(connection: psycopg.Connection, table: str, rows: "pa.Table") -> None:
    """Rows into a table by COPY; the text is made by Arrow, a chunk at a time."""
    from pyarrow import csv

    options = csv.WriteOptions(include_header=False)
    columns = ", ".join(rows.column_names)
    with (
        connection.cursor() as cursor,
        cursor.copy(f"copy {table} ({columns}) from stdin (format csv)") as copy,
    ):
        for start in range(0, rows.num_rows, CHUNK):
            buffer = BytesIO()
            csv.write_csv(rows.slice(start, CHUNK), buffer, options)
            copy.write(buffer.getvalue())
