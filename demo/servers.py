"""Moa Market's systems as real servers on this machine: PostgreSQL, the payments API, the supplier's files.

`Systems(folder)` makes them from a seed, lives further days, stops and resumes them. Everything lies in the
folder (by default .demo/ in the project, or $DEMO_HOME) and can be remade from the seed in state.json.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import psycopg

from demo.payments_server import PROJECT, PaymentsServer
from demo.postgres import PostgresError
from demo.shop import Shop
from demo.state import DemoError, State, StateFile, new_secret

if TYPE_CHECKING:
    from demo.company import Company

__all__ = ["DAYS", "SCALE", "SEED", "DemoError", "Systems"]

DAYS, SCALE, SEED = 90, 1.0, 1


class Systems:
    """The servers that live in one folder. Several processes may use it: each step holds its lock."""

    def __init__(self, folder: str | Path | None = None):
        self.folder = Path(folder or os.environ.get("DEMO_HOME") or PROJECT / ".demo").resolve()
        self.supplier_folder = self.folder / "supplier"
        self._state = StateFile(self.folder)
        self._shop = Shop(self.folder)
        self._payments = PaymentsServer(self.folder)
        self._company: Company | None = None

    # -- start, live, stop ----------------------------------------------------------------------------------

    def start(self, days: int | None = None, scale: float | None = None, seed: int | None = None) -> "Systems":
        """Make the company and live `days` days (90, scale 1, seed 1), or resume it; start the servers.

        An existing company goes on to day `days` if it has not come so far. Raises DemoError if its scale or
        seed is not the one asked for.
        """
        if (days is not None and days < 0) or (scale is not None and scale <= 0) or (seed is not None and seed < 0):
            raise DemoError("days and seed must not be negative, and scale must be above 0.")
        with self._locked(create=True):
            state = self._state.read() or self._new_state(days, scale, seed)
            _compare(state, scale, seed)
            if state.building or not self._complete():
                self._build(state)
            self._shop.start(state)
            self._payments.start(state)
            self._state.write(state)
            self._live(state, max(0, (days or 0) - state.day))
        return self

    def live(self, days: int = 1) -> "Systems":
        """Live further days, one transaction each: nobody ever sees half a day."""
        if days < 0:
            raise DemoError("The number of days must not be negative.")
        with self._locked():
            state = self._state.require()
            if not self.running:
                raise DemoError("The servers are not running. Start them: demo start")
            self._live(state, days)
        return self

    def stop(self) -> None:
        """Stop the servers; the data stays. Nothing happens if they do not run."""
        if self._state.exists:
            with self._locked():
                self._payments.stop(self._state.require())
                self._shop.server.stop()

    def clean(self) -> None:
        """Stop the servers and delete everything; nothing happens if there is no company."""
        if self._state.exists:
            with self._locked():
                self._payments.stop(self._state.require())
                self._shop.server.remove()
                shutil.rmtree(self.folder)
            self._company = None

    # -- what the API does to its readers -------------------------------------------------------------------

    def faults(self, too_many_every: int = 0, unavailable_every: int = 0, repeat_every: int = 0) -> None:
        """Let the API answer every n-th request with 429 or 503, repeat a record on every n-th page; 0: never."""
        with self._locked():
            self._payments.set_faults(too_many_every=too_many_every, unavailable_every=unavailable_every, repeat_every=repeat_every)

    def rename(self, **names: str) -> None:
        """From now on the API hands out its records with other names of fields: rename(amount="total_amount")."""
        with self._locked():
            self._payments.set(renamed=json.dumps(names))

    def expire_token(self) -> None:
        """From now on the API refuses the old token; settings() has the new one."""
        with self._locked():
            state = self._state.require()
            state.token = new_secret()
            self._payments.set(token=state.token)
            self._state.write(state)

    # -- what there is --------------------------------------------------------------------------------------

    def settings(self) -> dict[str, str]:
        """The environment variables with which the ingestion finds these systems."""
        state = self._state.require()
        return {
            "SOURCES__SHOP__CREDENTIALS": f"postgresql://reader:{state.reader_password}@127.0.0.1:{state.postgres_port}/shop",
            "SOURCES__SHOP__CLOCK_SQL": "select now from moa.clock",
            "SOURCES__PAYMENTS__BASE_URL": f"http://127.0.0.1:{state.api_port}",
            "SOURCES__PAYMENTS__API_TOKEN": state.token,
            "SOURCES__SUPPLIER__BUCKET_URL": str(self.supplier_folder),
            "SOURCES__CALENDAR__COUNTRY": "NZ",
        }

    @property
    def running(self) -> bool:
        """Do both servers answer?"""
        state = self._state.read()
        return bool(state and self._shop.server.port and self._payments.pid(state))

    @property
    def id(self) -> str:
        """Which company this is, also among those of the same seed: each new one is another."""
        return self._state.require().id

    @property
    def day(self) -> int:
        """How many days the company has lived."""
        return self._state.require().day

    @property
    def clock(self) -> datetime:
        """The company's present, in UTC."""
        clock: datetime = _simulation().to_datetime(_simulation().clock_at(self.day))
        return clock

    @property
    def company(self) -> "Company":
        """The simulation (demo.company.Company), replayed up to the present day."""
        return self._replayed(self._state.require())

    def connect(self) -> psycopg.Connection:
        """The shop's database as its owner: for changes that no simulated day makes."""
        return self._shop.connect(self._state.require())

    # -- making and living ----------------------------------------------------------------------------------

    @contextmanager
    def _locked(self, create: bool = False) -> Iterator[None]:
        with self._state.locked(create):
            try:
                yield
            except (PostgresError, psycopg.OperationalError) as error:
                remedy = "Try demo stop, then demo start; if that fails too, start again: demo clean, demo start"
                raise DemoError(f"{error}\n{remedy}") from error

    def _new_state(self, days: int | None, scale: float | None, seed: int | None) -> State:
        self._state.refuse_strangers()
        return State(
            seed=SEED if seed is None else seed, scale=float(scale or SCALE), day=DAYS if days is None else days,
            simulation=_simulation().SIMULATION,
        )  # fmt: skip

    def _complete(self) -> bool:
        """Are all the systems' data there? (A temporary folder may have been emptied.)"""
        return self._shop.server.exists and self._payments.exists and self.supplier_folder.exists()

    def _build(self, state: State) -> None:
        """Make everything from the seed up to the state's day, in bulk. Passwords and ports stay."""
        self._payments.stop(state)
        shutil.rmtree(self.supplier_folder, ignore_errors=True)
        self.supplier_folder.mkdir(mode=0o755)
        self._company = None
        state.building, state.simulation = True, _simulation().SIMULATION
        self._state.write(state)
        self._shop.server.create(state.admin_password)
        company = self._replayed(state, each_day=self._write_catalogue)
        self._payments.create(state.token, company)
        self._shop.start(state)
        self._shop.fill(state, company)
        state.building = False
        self._state.write(state)

    def _live(self, state: State, days: int) -> None:
        """Live day by day. State is written last: a day cut off is lived again, to the same result."""
        if not days:
            return
        company = self._replayed(state)
        with self._shop.connect(state) as connection:
            for _ in range(days):
                changes = company.live()
                self._write_catalogue(company)
                self._shop.apply(connection, company, changes)
                self._payments.fill(company, changes)
                state.day = company.day
                self._state.write(state)

    def _replayed(self, state: State, each_day: "Callable[[Company], None]" = lambda company: None) -> "Company":
        """The simulation at the state's day; `each_day` is called after every day that had to be replayed."""
        if state.simulation != _simulation().SIMULATION:
            raise DemoError("This company was made by another version. Start again: demo clean, then demo start")
        company = self._company
        if company is None or company.day > state.day:
            company = self._company = _simulation().Company(state.seed, state.scale)
        while company.day < state.day:
            company.live()
            each_day(company)
        return company

    def _write_catalogue(self, company: "Company") -> None:
        """The supplier's file of the company's present day, put in place at once."""
        file = self.supplier_folder / f"catalogue_{_simulation().business_date(company.day)}.csv"
        scratch = self.folder / "catalogue.new"
        scratch.write_text(company.catalogue(), encoding="utf-8")
        os.replace(scratch, file)


def _simulation() -> ModuleType:
    """The package demo.company, imported when it is needed: numpy and Arrow would slow down `demo env`."""
    try:
        from demo import company
    except ModuleNotFoundError as error:
        raise DemoError(f"{error.name} is not installed. Install the dependency group `demo`.") from error
    return company


def _compare(state: State, scale: float | None, seed: int | None) -> None:
    for name, wanted, found in (("scale", scale, state.scale), ("seed", seed, state.seed)):
        if wanted is not None and wanted != found:
            raise DemoError(
                f"The company in this folder has {name} {found:g}, not {wanted:g}. "
                "Keep it (leave the option out), or start again, with a new warehouse: make clean"
            )
