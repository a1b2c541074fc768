"""A PostgreSQL database that a test makes and changes, loaded as the source `extra`."""

import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from engines.servers import DuckDBFile
from support.landing import Landing

import ingestion
from demo.postgres import Postgres
from ingestion import sources
from ingestion.connectors.postgres import Table
from ingestion.operations.replay import ReplayReport
from ingestion.operations.verify import TableCheck, verify

BEFORE, NOW = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 10, 12, tzinfo=UTC)
MODULE = """
from ingestion.connectors.postgres import PostgresSource
TABLES = []
SOURCE = PostgresSource(tables=TABLES)
"""


class SourceServer:
    """A PostgreSQL server with a role `reader`, which may only read, and a clock that tests set."""

    def __init__(self, folder: Path) -> None:
        self._postgres = Postgres(folder / "postgres")
        self.modules = folder / "sources"

    def __enter__(self) -> "SourceServer":
        password = secrets.token_urlsafe(16)
        self._postgres.create(password)
        address = f"127.0.0.1:{self._postgres.start(0)}/postgres"
        self.owner, self.reader = f"postgresql://postgres:{password}@{address}", f"postgresql://reader:{password}@{address}"
        with psycopg.connect(self.owner, autocommit=True) as connection:
            connection.execute(f"create role reader login password '{password}'")
            _make_clock(connection)
        self.modules.mkdir()
        (self.modules / "extra.py").write_text(MODULE)
        return self

    def encoded(self, encoding: str) -> "SourceServer":
        """The same server, but another database, which is in this encoding."""
        name, other = f"in_{encoding.lower()}", copy(self)
        other.owner, other.reader = (address.removesuffix("postgres") + name for address in (self.owner, self.reader))
        with psycopg.connect(self.owner, autocommit=True) as connection:
            connection.execute(f"drop database if exists {name} with (force)")
            connection.execute(f"create database {name} encoding '{encoding}' locale 'C' template template0")
        with psycopg.connect(other.owner, autocommit=True) as connection:
            _make_clock(connection)
        return other

    def __exit__(self, *_: object) -> None:
        self._postgres.remove()


def _make_clock(connection: psycopg.Connection) -> None:
    connection.execute("create schema clock; grant usage on schema clock to reader; create table clock.clock (at timestamptz)")
    connection.execute("grant select on clock.clock to reader; insert into clock.clock values (now())")


class SourceDatabase:
    """The server's database, empty at first, and an empty warehouse that loads its `tables` as the source `extra`."""

    def __init__(self, folder: Path, server: SourceServer, warehouse: DuckDBFile | None) -> None:
        settings = {"SOURCES__EXTRA__CREDENTIALS": server.reader, "SOURCES__EXTRA__CLOCK_SQL": "select at from clock.clock"}
        self.landing = Landing(folder, settings, warehouse)
        self.tables: list[Table] = []
        self._server = server
        self.execute("drop schema public cascade", "create schema public", "grant usage on schema public to reader")
        self.set_clock(NOW)

    # The source

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection]:
        """A connection of the owner, which commits each statement."""
        with psycopg.connect(self._server.owner, autocommit=True) as connection:
            yield connection

    def execute(self, *statements: str | bytes) -> None:
        """Change the source."""
        with self.connect() as connection:
            for statement in statements:
                connection.execute(statement)
            connection.execute("grant select on all tables in schema public to reader")

    def set_clock(self, at: datetime) -> None:
        self.execute(f"update clock.clock set at = '{at.isoformat()}'")

    # What `ingest` does

    def load(self, **options: Any) -> ingestion.SourceReport:
        """Load the tables; the load may fail."""
        return self._with_module(lambda: self.landing.try_to_load("extra", **options))

    def replay(self) -> ReplayReport:
        return self._with_module(lambda: self.landing.replay("extra")["extra"])

    def verify(self, everything: bool = True, seed: int = 0) -> dict[str, TableCheck]:
        """Compare raw with the source; gives the checks by table."""
        checks = self._with_module(lambda: self.landing.call(verify, ["extra"], None, everything, seed))
        return {check.table: check for check in checks}

    def _with_module(self, function: Callable[[], Any]) -> Any:
        """Call a function while there is a source module `extra` that declares these tables."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sources, "__path__", [*sources.__path__, str(self._server.modules)])
            from ingestion.sources import extra

            extra.TABLES[:] = self.tables
            try:
                return function()
            finally:
                del sys.modules["ingestion.sources.extra"], sources.extra

    # What raw holds

    def query(self, sql: str) -> list[tuple]:
        """Rows of a query on the warehouse."""
        return self.landing.query(sql)

    def latest(self, table: str, columns: str = "id, value") -> list[tuple]:
        """The raw table as the source should be now: the last version of each key that is not deleted."""
        return self.query(
            f"select {columns} from (select *, row_number() over (partition by id order by _changed_at desc, _dlt_load_id desc) "
            f"as version_rank from raw_extra.{table}) as ranked where version_rank = 1 and _deleted_at is null order by id"
        )

    def quarantined(self, table: str) -> dict[str, str]:
        """The reason of each open row in quarantine, by key."""
        return dict(self.query(f"select row_key, reason from raw_extra.quarantine where table_name = '{table}' and closed_at is null"))

    def last_read(self, table: str, columns: str = "outcome, reason, rows_landed, rows_quarantined") -> tuple:
        """What is recorded of a table's last read."""
        return self.query(f"select {columns} from raw_extra.read_log where table_name = '{table}' order by read_id desc limit 1")[0]

    def widen(self, table: str, notes: list[str]) -> None:
        """Do what a note advises: change the type of the column in raw."""
        note = next(note for note in notes if f"public.{table}:" in note and "alter table" in note)
        self.landing.server.execute(note[note.index("alter table") :])


def make(database: SourceDatabase, columns: str, values: str, *tables: Table, name: str = "t", rows: int = 50) -> None:
    """A table of so many rows, loaded."""
    database.execute(f"create table {name} ({columns})", f"insert into {name} select {values} from generate_series(1, {rows}) as n")
    database.tables = list(tables)
    assert database.load().error is None


def change_raw(database: SourceDatabase, *statements: str) -> None:
    for statement in statements:
        database.landing.server.execute(statement)
