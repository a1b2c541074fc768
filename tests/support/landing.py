"""A warehouse of its own and `ingest` pointed at it: what the suites of the landing work on."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from engines.servers import Column, DuckDBFile
from support import ingest_process
from support.deployment import PROJECT

import ingestion
from ingestion.operations.replay import ReplayReport, replay
from ingestion.operations.status import TableStatus, status

SHOP = {  # what of the shop's tables is landed
    "customers": "id, full_name, email, phone, city, segment, created_at, updated_at",
    "products": "id, sku, name, category, price, created_at, updated_at",
    "stores": "id, name, city, region, opened_on, created_at, updated_at",
    "orders": "id, customer_id, store_id, channel, status, ordered_at, updated_at",
    "order_items": "id, order_id, line_number, product_id, quantity, unit_price, discount_amount, updated_at",
}
LATEST = """
    select {columns} from (
        select *, row_number() over (partition by id order by _dlt_load_id desc) as version_rank from {table}
        where _dlt_load_id in (select load_id from {schema}._dlt_loads where status = 0)
    ) as ranked where version_rank = 1 and _deleted_at is null order by id
"""
LAST_READ = "select outcome, reason, rows_quarantined from raw_{0}.read_log where table_name = '{1}' order by read_id desc limit 1"
OPEN = (
    "select reason, record, row_key from raw_{0}.quarantine where table_name = '{1}' and closed_at is null "
    "and _dlt_load_id in (select load_id from raw_{0}._dlt_loads where status = 0) order by row_key, row_id"
)


class Landing:
    """A warehouse, on DuckDB unless a server is given, and `ingest` with the settings of its sources."""

    def __init__(self, folder: Path, settings: dict[str, str], server: DuckDBFile | None = None):
        self.folder, self.path = folder, folder / "warehouse.duckdb"
        folder.mkdir(parents=True, exist_ok=True)
        self.server = server or DuckDBFile(folder)
        if not server:
            self.server.start()
        self.settings = {
            **settings,
            **self.server.environment,
            "PIPELINES_DIR": str(folder / "pipelines"),
            "RUNTIME__REQUEST_BACKOFF_FACTOR": "0.05",
        }

    # What `ingest` does

    def call(self, function: Callable, *arguments: Any, **options: Any) -> Any:
        """Call a function in this process with these settings."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.settings.items():
                patch.setenv(name, value)
            return function(*arguments, **options)

    def run(self, *sources: str, **options: Any) -> dict[str, ingestion.SourceReport]:
        """Load in this process; gives the reports by source."""
        return {report.source: report for report in self.call(ingestion.run, sources or None, **options)}

    def load(self, *sources: str, **options: Any) -> dict[str, int]:
        """Load in this process; fails unless all went well. Gives the rows landed by table, without zeros."""
        reports = self.run(*sources, **options)
        errors = {name: report.error for name, report in reports.items() if not report.ok}
        assert errors == {}, errors
        return {table: rows for report in reports.values() for table, rows in report.tables.items() if rows}

    def try_to_load(self, source: str, **options: Any) -> ingestion.SourceReport:
        """Load one source, which may fail."""
        return self.run(source, **options)[source]

    def replay(self, *sources: str) -> dict[str, ReplayReport]:
        return {report.source: report for report in self.call(replay, sources or None)}

    def status(self, *sources: str) -> list[TableStatus]:
        return self.call(status, sources)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a process with these settings."""
        return {**os.environ, **self.settings}

    def command(self, *arguments: str, script: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run `ingest`, or a Python script, as a process of its own."""
        if script is None:
            return ingest_process.ingest(self.environment, arguments)
        return subprocess.run(
            [sys.executable, "-c", script, *arguments], env=self.environment, cwd=PROJECT, capture_output=True, text=True, timeout=120
        )

    def killed(self, point: ingest_process.Point, *arguments: str) -> None:
        """Run `ingest` as a process of its own, which is killed at this point of the load."""
        done = ingest_process.ingest(self.environment, arguments, kill_at=point)
        assert done.returncode == -signal.SIGKILL, (point, done.stderr)

    # What the warehouse holds, by a client that is not the one of `ingest`

    def query(self, sql: str) -> list[tuple]:
        return self.server.query(sql)

    def columns(self) -> dict[str, Column]:
        """By table.column: what the engine says of the columns that `ingest` has landed."""
        landed = {place: columns for place, columns in self.server.catalogue().items() if place[0].startswith("raw_")}
        return {f"{table}.{c.name}": c for (_, table), columns in landed.items() for c in columns if not table.startswith("_")}

    def latest(self, table: str, columns: str, schema: str = "raw_shop") -> list[tuple]:
        """The raw table as the source should be now: the last loaded version of each key that is not deleted."""
        return self.query(LATEST.format(columns=columns, table=f"{schema}.{table}", schema=schema))

    def doubled(self, table: str, key: str = "id, updated_at, _deleted_at", schema: str = "raw_shop") -> list[tuple]:
        """Row versions that complete loads hold more than once within one load."""
        return self.query(
            f"select {key}, count(*) from {schema}.{table} where _dlt_load_id in "
            f"(select load_id from {schema}._dlt_loads where status = 0) group by {key}, _dlt_load_id having count(*) > 1"
        )

    def raw(self, columns: str = "id, record", table: str = "payments", source: str = "payments") -> list[tuple]:
        """All rows of complete loads."""
        loaded = f"_dlt_load_id in (select load_id from raw_{source}._dlt_loads where status = 0)"
        return sorted(self.query(f"select {columns} from raw_{source}.{table} where {loaded}"), key=repr)

    def ids(self) -> list[str]:
        """The keys of all payments in raw."""
        return [key for (key,) in self.raw("id")]

    def last_read(self, source: str, table: str) -> tuple[str, str | None, int]:
        """How the last read of a table went: outcome, reason, rows that went to quarantine."""
        return self.query(LAST_READ.format(source, table))[0]

    def outcome(self, source: str, table: str) -> str:
        return self.last_read(source, table)[0]

    def quarantine(self, source: str, table: str) -> list[tuple[str, Any, str | None]]:
        """Reason, record and key of each open row in quarantine."""
        return [(reason, json.loads(record), key) for reason, record, key in self.query(OPEN.format(source, table))]

    def reasons(self, source: str, table: str) -> list[str]:
        return [reason for reason, *_ in self.quarantine(source, table)]


def emptied(server: DuckDBFile) -> DuckDBFile:
    """The server, without what was landed in it."""
    for schema in {schema for schema, _ in server.catalogue() if schema.startswith("raw_")}:
        server.execute(f"drop schema {schema} cascade")
    return server


def on(*engines: Any) -> pytest.MarkDecorator:
    """The test runs with its warehouse on each of these engines: names, or what `in_test_all` makes of one."""
    return pytest.mark.parametrize("engine", engines)


def in_test_all(engine: str) -> Any:
    """An engine on which the test repeats a proof, for `@on`: `make test` leaves it out."""
    return pytest.param(engine, marks=pytest.mark.tier("test-all"))


def source_rows(connection: psycopg.Connection, table: str, columns: str) -> list[tuple]:
    """The rows of a table of the shop, in the order of their ids."""
    return connection.execute(f"select {columns} from {table} order by id").fetchall()


def assert_raw_is_the_shop(landing: Landing, connection: psycopg.Connection) -> None:
    """The latest versions in raw are the shop's rows, and no load holds a version twice."""
    for table, columns in SHOP.items():
        assert landing.latest(table, columns) == source_rows(connection, table, columns), table
        assert landing.doubled(table) == [], table


def secrets_of(landing: Landing) -> list[str]:
    """What must appear in no message and no file."""
    token, credentials = landing.settings["SOURCES__PAYMENTS__API_TOKEN"], landing.settings["SOURCES__SHOP__CREDENTIALS"]
    return [token, credentials.split(":")[2].split("@")[0], landing.settings.get("DBT_ENV_SECRET_WAREHOUSE_PASSWORD", token)]


def refused(landing: Landing, *arguments: str) -> str:
    """The output of an `ingest` that ends with exit code 1: no traceback, no secret."""
    done = landing.command(*arguments)
    output = done.stdout + done.stderr
    assert done.returncode == 1, output
    assert "Traceback" not in output
    assert not any(secret in output for secret in secrets_of(landing))
    return output
