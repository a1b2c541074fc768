"""Readers of the schema `published`, and what a test does to the data behind it."""

import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from support.deployment import MARTS, STAR, Deployment
from support.processes import ForkedProcess

# One query, so one snapshot of the database. The first two values come from two tables and must be equal; the others tell one
# publication from the next.
STATE = """
    select
        (select sum(revenue) from published.daily_revenue),
        (select sum(net_amount) from published.fact_sales where order_status <> 'cancelled'),
        (select count(*) from published.fact_sales),
        (select count(*) from published.fact_payment),
        (select count(*) from published.dim_customer),
        (select max(finished_at) from audited.publications where outcome = 'published')
"""
# The same for a reader, who has no right to `audited`.
LAST_PUBLICATION = "max(finished_at) from audited.publications where outcome = 'published'"
STATE_FOR_READERS = STATE.replace(LAST_PUBLICATION, "max(published_at) from published.data_status")

# The columns that are tagged `pii`, by model.
PERSONAL = {"dim_customer": ("full_name", "email", "phone")}


class Status(NamedTuple):
    """What `published.data_status` shows of a model."""

    published_at: datetime | None
    data_as_of: datetime | None
    is_stale: bool
    stale_since: datetime | None
    reason: str | None


def status(deployment: Deployment) -> dict[str, Status]:
    """The status of each model by its name."""
    rows = deployment.query("select model, published_at, data_as_of, is_stale, stale_since, reason from published.data_status")
    assert len(rows) == len({row[0] for row in rows}), "one row per model"
    return {row[0]: Status(*row[1:]) for row in rows}


def assert_nothing_is_stale(deployment: Deployment) -> None:
    assert {each.is_stale for each in status(deployment).values()} == {False}


def state(deployment: Deployment) -> tuple:
    """What a reader would find in `published` now."""
    return deployment.query(STATE)[0]


def publications(deployment: Deployment, condition: str = "true") -> int:
    """How many builds `audited.publications` lists."""
    return deployment.query(f"select count(*) from audited.publications where {condition}")[0][0]


def assert_published_is_built(deployment: Deployment) -> None:
    """Every published view has the rows of the table that dbt built, but for what is masked."""
    catalogue = deployment.engine.catalogue()
    for name, schema in {**dict.fromkeys(STAR, "core"), **dict.fromkeys(MARTS, "marts")}.items():
        columns = ", ".join(column.name for column in catalogue[schema, name] if column.name not in PERSONAL.get(name, ()))
        rows = sorted(deployment.query(f"select {columns} from {schema}.{name}"), key=repr)
        assert rows
        assert sorted(deployment.query(f"select {columns} from published.{name}"), key=repr) == rows, name
        assert [column.name for column in catalogue["published", name]] == [column.name for column in catalogue[schema, name]]


def record_read(deployment: Deployment, table: str, outcome: str, reason: str = "", is_interval: bool = False) -> None:
    """Add the record of a read of one of the shop's tables, as `ingest` does, with the present time."""
    text = reason.replace("'", "''")
    deployment.execute(
        f"""
        insert into raw_shop.read_log (
            read_id, table_name, read_at, outcome, reason, is_interval, rows_landed, rows_quarantined, _dlt_load_id
        )
        select coalesce(max(read_id), 0) + 1, '{table}', current_timestamp, '{outcome}', nullif('{text}', ''), {is_interval}, 1, 0, ''
        from raw_shop.read_log
        """
    )


class Watch:
    """A reader who queries again and again until the end of the block, in a thread and on a connection of its own."""

    def __init__(self, deployment: Deployment):
        self.deployment = deployment
        self.seen: list[tuple] = []
        self._over = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self._failure:
            raise self._failure
        assert len(self.seen) > 20, "too few queries to prove anything"
        assert [seen for seen in self.seen if seen[0] != seen[1]] == [], "one query found tables of different publications"

    def _watch(self) -> None:
        try:
            (self._query_postgres if self.deployment.engine.target == "postgres" else self._query_duckdb)()
        except Exception as error:
            self._failure = error

    def _query_postgres(self) -> None:
        with self.deployment.engine.connect("analyst", autocommit=True) as connection:
            while not self._over.wait(0.01):
                self.seen.append(connection.execute(STATE_FOR_READERS).fetchone())

    def _query_duckdb(self) -> None:
        """Only dbt's own process can read the file meanwhile: the reader takes a cursor of dbt's connection."""
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager

        while not self._over.wait(0.01):
            environment = DuckDBConnectionManager._ENV
            if environment:
                with environment.lock:  # dbt does not close the file meanwhile
                    if environment.conn:
                        with environment.conn.cursor() as cursor:
                            self.seen.append(cursor.execute(STATE).fetchone())


def killed_publication(deployment: Deployment, share: float) -> None:
    """`dbt build` that is killed after this share of the statements of publishing."""
    process = ForkedProcess(deployment.process_environment, "support.killed_process:publish", share)
    assert process.wait() == -signal.SIGKILL, process.output


def second_build(deployment: Deployment, command: str = "build") -> str:
    """`dbt build`, or another command, in another process, which must give up before its first node; gives its output."""
    second = ForkedProcess(deployment.process_environment, "support.dbt:dbt_command", command, "--no-quiet")
    assert second.wait() == 2 and not re.search(r"1 of \d+ ", second.output), second.output
    return second.output


@contextmanager
def build_held_up(deployment: Deployment, table: str) -> Iterator[ForkedProcess]:
    """`dbt build` in another process, which has reached a table on PostgreSQL and waits there until the end of the block."""
    with deployment.engine.connect() as connection:
        connection.execute(f"lock table {table} in access share mode")
        environment = deployment.process_environment | {"DBT_TARGET_PATH": str(deployment.folder / "other_target")}
        process = ForkedProcess(environment, "support.dbt:dbt_command", "build")
        while process.is_running and not deployment.query("select 1 from pg_locks where not granted"):
            time.sleep(0.1)
        assert process.is_running, process.output
        yield process
