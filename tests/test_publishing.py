"""What readers of the schema `published` see while builds fail, pass and are killed: audited states only, each whole."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

import duckdb
import psycopg
import pytest
from conftest import MARTS, PROJECT, STAR, Works, bad
from engines.parity import run_dbt

# One query, so one snapshot. The first two say the same, by way of two tables; the others tell states apart.
STATE = """
    select
        (select sum(revenue) from published.daily_revenue),
        (select sum(net_amount) from published.fact_sales where order_status <> 'cancelled'),
        (select count(*) from published.fact_sales),
        (select count(*) from published.fact_payment),
        (select count(*) from published.dim_customer),
        (select max(finished_at) from audited.publications where outcome = 'published')
"""
# As a reader may ask who does not see `audited`.
LAST_AUDIT = "max(finished_at) from audited.publications where outcome = 'published'"
STATE_OF_READER = STATE.replace(LAST_AUDIT, "max(published_at) from published.data_status")

# Runs the statements of publishing one by one, and dies before one of them: as if the machine had been switched off there.
KILLED = r"""
import os, re, signal, sys
from dbt.adapters.sql import SQLConnectionManager
from dbt.cli.main import dbtRunner

whole = SQLConnectionManager.execute

def execute(self, sql, *arguments, **options):
    if "parts_that_differ" not in sql:
        return whole(self, sql, *arguments, **options)
    statements = re.split(r";(?=(?:[^$]*\$\$[^$]*\$\$)*[^$]*$)", sql)  # not those within $$
    for statement in statements[: int(len(statements) * float(sys.argv[1]))]:
        whole(self, statement, *arguments, **options)
    os.kill(os.getpid(), signal.SIGKILL)

SQLConnectionManager.execute = execute
dbtRunner().invoke(["--quiet", "build"])
"""


class Status(NamedTuple):
    published_at: datetime | None
    data_as_of: datetime | None
    is_stale: bool
    stale_since: datetime | None
    reason: str | None


def status(works: Works) -> dict[str, Status]:
    rows = works.query("select model, published_at, data_as_of, is_stale, stale_since, reason from published.data_status")
    assert len(rows) == len({row[0] for row in rows}), "one row per model"
    return {row[0]: Status(*row[1:]) for row in rows}


def read_of(works: Works, table: str, outcome: str, reason: str = "", is_interval: bool = False) -> None:
    """What `ingest` records of a read, as one that just ended."""
    said = reason.replace("'", "''")
    works.execute(
        f"""
        insert into raw_shop.reads (
            read_id, table_name, read_at, outcome, reason, is_interval, rows_landed, rows_quarantined, _dlt_load_id
        )
        select coalesce(max(read_id), 0) + 1, '{table}', current_timestamp, '{outcome}', nullif('{said}', ''), {is_interval}, 1, 0, ''
        from raw_shop.reads
        """
    )


@pytest.fixture(scope="module", params=["dev", "postgres"])
def works(request: pytest.FixtureRequest, make_works: Any) -> Works:
    """A company whose data are published; the very first build found the shop out of reach."""
    works = make_works(days=3, scale=0.02, target=request.param)
    works.environment["DBT_EXCLUDE_RESOURCE_TYPES"] = "unit_test"  # they read no data, and other suites run them
    if request.param == "postgres":
        works.environment["WAREHOUSE_READERS"] = "analyst"
    works.ingest()
    # A source whose landing is older than `reads` and `quarantine`.
    for table in ("reads", "quarantine"):
        works.execute(f"alter table raw_supplier.{table} rename to {table}_away")
    for table in ("customers", "products", "stores", "orders", "order_items"):
        read_of(works, table, "failed", "the shop's database could not be reached")
    assert "fact_sales" in bad(works.dbt("build"))
    first = status(works)
    assert set(first) == {*STAR, *MARTS}
    assert {(each.published_at, each.data_as_of, each.is_stale) for each in first.values()} == {(None, None, True)}
    assert "the shop's database could not be reached" in first["fact_sales"].reason
    for table in ("customers", "products", "stores", "orders", "order_items"):
        read_of(works, table, "complete")
    for table in ("reads", "quarantine"):
        works.execute(f"alter table raw_supplier.{table}_away rename to {table}")
    works.build()
    assert {each.is_stale for each in status(works).values()} == {False}
    return works


class Watch:
    """A reader who asks again and again, in a thread and on a connection of its own."""

    def __init__(self, works: Works):
        self.works = works
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
        assert len(self.seen) > 20, "hardly ever looked"
        assert [state for state in self.seen if state[0] != state[1]] == [], "tables of different publications, seen together"

    def _watch(self) -> None:
        try:
            (self._ask_postgres if self.works.engine.target == "postgres" else self._ask_duckdb)()
        except Exception as error:
            self._failure = error

    def _ask_postgres(self) -> None:
        with as_analyst(self.works) as connection:
            while not self._over.wait(0.01):
                self.seen.append(connection.execute(STATE_OF_READER).fetchone())

    def _ask_duckdb(self) -> None:
        """A second reader of the file must be in dbt's process, and have its settings: a cursor of its connection."""
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager

        while not self._over.wait(0.01):
            environment = DuckDBConnectionManager._ENV
            if environment:
                with environment.lock:  # dbt does not close the file meanwhile
                    if environment.conn:
                        with environment.conn.cursor() as cursor:
                            self.seen.append(cursor.execute(STATE).fetchone())


@contextmanager
def as_analyst(works: Works) -> Iterator[psycopg.Connection]:
    given = works.environment
    with psycopg.connect(
        host=given["WAREHOUSE_HOST"], port=given["WAREHOUSE_PORT"], dbname=given["WAREHOUSE_DATABASE"], user=given["WAREHOUSE_USER"],
        password=given["DBT_ENV_SECRET_WAREHOUSE_PASSWORD"], options="-c role=analyst -c TimeZone=UTC", autocommit=True,
    ) as connection:  # fmt: skip
        yield connection


def state(works: Works) -> tuple:
    return works.query(STATE)[0]


def killed_build(works: Works, where: float) -> None:
    """`dbt build` that is killed when this share of the statements of publishing has been executed."""
    process = works.python("-c", KILLED, str(where))
    assert process.returncode == -signal.SIGKILL, process.stdout[-2000:] + process.stderr[-2000:]


def test_readers_see_audited_states_only(works: Works):
    before = state(works)
    works.systems.live(1)
    works.ingest()
    found = status(works)
    assert state(works) == before
    assert found["fact_sales"].is_stale
    assert "newer data, not published yet" in found["fact_sales"].reason
    assert found["fact_sales"].stale_since > found["fact_sales"].published_at > found["fact_sales"].data_as_of

    # A wrong number that tests find. `dim_customer` and others were built all the same, so `core` is not what is published.
    # In a row that the new load does not tell of: else the build makes it anew, and right.
    told = {"order_item_id": "order_items", "order_id": "orders", "customer_id": "customers", "product_id": "products"}
    last = "_dlt_load_id = (select max(load_id) from raw_shop._dlt_loads)"
    untold = " and ".join(f"{column} not in (select id from raw_shop.{table} where {last})" for column, table in told.items())
    line = f"order_item_id = (select min(order_item_id) from audited.fact_sales where not is_amount_missing and {untold})"
    works.execute(f"update core.fact_sales set gross_amount = gross_amount + 0.01 where {line}")
    with Watch(works) as failing:
        failed = bad(works.dbt("build"))
    assert failed["fact_sales__amounts_add_up"].startswith("fail") and failed["daily_revenue"].startswith("skipped")
    assert set(failing.seen) == {before} and state(works) == before
    assert works.query("select count(*) from core.fact_sales") != works.query("select count(*) from published.fact_sales")
    found = status(works)
    [(is_stale, reason)] = {(each.is_stale, each.reason) for each in found.values()}
    why, _, tests = reason.partition(": ")
    assert is_stale and why == "the last build did not pass"
    assert set(tests.split("; ")) == {"fact_sales__amounts_add_up", "fact_sales__agrees_with_the_shop"}
    works.execute(f"update core.fact_sales set gross_amount = gross_amount - 0.01 where {line}")

    # Killed amid the copying, and right before the end of the transaction.
    for where in (0.5, 0.98):
        if works.engine.target == "postgres":
            with Watch(works) as dying:
                killed_build(works, where)
            assert set(dying.seen) == {before}
        else:
            killed_build(works, where)
        assert state(works) == before
        assert status(works)["fact_sales"].is_stale

    with Watch(works) as passing:
        works.build()
    after = state(works)
    assert after[0] != before[0] and after[5] > before[5]
    assert set(passing.seen) - {after} == {before}
    assert {each[2:] for each in status(works).values()} == {(False, None, None)}
    assert_published_is_built(works)


def assert_published_is_built(works: Works) -> None:
    for name, rows in works.tables().items():
        assert rows
        assert sorted(works.query(f"select * from published.{name}"), key=repr) == rows, name


@contextmanager
def build_held_up(works: Works, table: str) -> Iterator[subprocess.Popen]:
    """`dbt build`, as a process that has come to a table and waits there until the end of the block."""
    given = works.environment
    with psycopg.connect(
        host=given["WAREHOUSE_HOST"], port=given["WAREHOUSE_PORT"], dbname=given["WAREHOUSE_DATABASE"], user=given["WAREHOUSE_USER"],
        password=given["DBT_ENV_SECRET_WAREHOUSE_PASSWORD"],
    ) as connection:  # fmt: skip
        connection.execute(f"lock table {table} in access share mode")
        process = subprocess.Popen(
            [sys.executable, "-m", "dbt.cli.main", "build"],
            env={**os.environ, **given, "DBT_TARGET_PATH": str(works.folder / "other_target")},
            cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        while process.poll() is None and not works.query("select 1 from pg_locks where not granted"):
            time.sleep(0.1)
        assert process.poll() is None, process.stdout.read()
        yield process


def second_build(works: Works, command: str = "build") -> str:
    """`dbt build` as a process of its own, which leaves before its first node; gives what it says."""
    second = works.python("-m", "dbt.cli.main", command)
    assert second.returncode == 2 and "1 of " not in second.stdout, second.stdout
    return second.stdout


@pytest.mark.parametrize("works", ["dev"], indirect=True)
def test_a_second_build_leaves_while_another_process_has_the_file(works: Works):
    with duckdb.connect(str(works.path)):
        assert "Conflicting lock is held" in second_build(works)


def test_a_copy_that_differs_is_mended_whatever_happened_to_it(works: Works):
    """Two rows of a day swap a value, a row is gone, a table has other columns; a reader is no longer one."""
    rows = works.query(
        """
        select transaction_id, customer_id from audited.fact_payment
        where occurred_on = (select max(occurred_on) from audited.fact_payment)
        order by customer_id
        """
    )
    (one, ones), (other, others) = rows[0], rows[-1]
    assert ones != others
    for row, value in ((one, others), (other, ones)):
        works.execute(f"update audited.fact_payment set customer_id = {value} where transaction_id = '{row}'")
    works.execute("delete from audited.fact_sales where order_item_id = (select max(order_item_id) from audited.fact_sales)")
    works.execute("alter table audited.dim_date add column more integer")
    works.build()
    assert_published_is_built(works)
    works.execute("create table audited.forgotten as select 1 as one")
    works.execute("create view published.forgotten as select * from audited.forgotten")
    works.execute("insert into audited.publication_models values ('forgotten')")  # as a model that was published and is no more
    readers = works.environment.pop("WAREHOUSE_READERS", None)
    if readers:
        works.dbt("run", "--select", "dim_store")
        with as_analyst(works) as connection:  # whose rights are nobody's business who does not name any
            connection.execute("select * from published.data_status")
        works.environment["WAREHOUSE_READERS"] = ""
        works.execute("grant usage on schema published to public; grant select on published.data_status to public")
        works.execute("alter table audited.dim_date alter column day_name drop not null")
    works.build()
    assert_published_is_built(works)
    if readers:
        catalogue = works.engine.catalogue()
        assert catalogue["audited", "dim_date"] == catalogue["core", "dim_date"], "where null is allowed, too"
    with pytest.raises((duckdb.CatalogException, psycopg.errors.UndefinedTable)):
        works.query("select * from published.forgotten")
    if readers:
        with as_analyst(works) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select * from published.data_status")
        works.environment["WAREHOUSE_READERS"] = readers


def test_what_publishing_did_not_make_is_never_dropped(works: Works):
    """Somebody's own tables and views stay; where one has the name of a model, nothing is published, and the error says so."""
    works.execute("create table audited.budget as select 1 as one")
    works.execute("create view published.budget as select * from audited.budget")
    works.build()
    assert works.query("select one from published.budget") == [(1,)]

    # A model is new, and its name is taken.
    works.execute("delete from audited.publication_models where model = 'top_products'")
    works.execute("drop view published.top_products")
    works.execute("drop table audited.top_products")
    before = state(works)
    works.execute("create table audited.top_products as select 1 as one")
    works.execute("create view published.top_products as select 2 as two")
    failed = works.here(run_dbt, "build")
    message = str(failed.exception).replace('"', "")
    assert not failed.success and "publishing did not make" in message and "Rename or drop it" in message
    assert "audited.top_products, " in message and "published.top_products and" in message
    assert works.query("select one, two from audited.top_products cross join published.top_products") == [(1, 2)]
    assert state(works) == before
    works.execute("drop table audited.top_products")
    works.execute("drop view published.top_products")

    # A warehouse that was published when nothing was recorded yet: what `data_status` names was made by publishing, and nothing else.
    models = {*STAR, *MARTS}
    works.execute("drop table audited.publication_models")
    works.build()
    assert {name for (name,) in works.query("select model from audited.publication_models")} == models
    assert_published_is_built(works)
    assert works.query("select one from published.budget") == [(1,)]
    works.execute("drop view published.budget")
    works.execute("drop table audited.budget")


def test_a_source_that_nobody_reads_any_more_is_noticed(works: Works):
    """Neither a run nor a read says so: only the time that has passed. A backfill of some old day is no news."""
    as_of = status(works)["fact_payment"].data_as_of
    works.execute("insert into raw_payments._dlt_loads (load_id, status, inserted_at) values ('refilled', 0, current_timestamp)")
    works.execute(
        """
        insert into raw_payments.reads (read_id, table_name, read_at, outcome, is_interval, rows_landed, rows_quarantined, _dlt_load_id)
        select max(read_id) + 1, 'payments', current_timestamp, 'complete', true, 0, 0, 'refilled' from raw_payments.reads
        """
    )
    works.build()
    assert status(works)["fact_payment"].data_as_of == as_of
    works.execute("update raw_payments._dlt_loads set inserted_at = inserted_at - interval '37 hours' where load_id <> 'refilled'")
    found = status(works)
    assert found["fact_payment"].reason == "payments was not loaded for longer than its freshness allows"
    assert not found["dim_store"].is_stale
    tables = [each for each in works.dbt("source", "freshness").result if each.node.resource_type == "source"]
    assert {table.node.source_name for table in tables if table.status != "pass"} == {"payments"}
    assert {table.node.source_name for table in tables} >= {"payments", "shop", "supplier"}
    works.execute("update raw_payments._dlt_loads set inserted_at = inserted_at + interval '37 hours' where load_id <> 'refilled'")
    assert not status(works)["fact_payment"].is_stale


def test_runs_that_do_not_build_and_test_all_publish_nothing(works: Works):
    before = state(works)
    for command in (
        ["run", "--select", "dim_store"],
        ["build", "--select", "top_products"],
        ["build", "--empty", "--exclude-resource-type", "test"],
    ):
        works.dbt(*command)
        assert state(works) == before
        assert works.query("select outcome from audited.publications order by finished_at desc limit 1") == [("partial",)]
        assert {each.is_stale for each in status(works).values()} == {False}
    runs = works.query("select count(*) from audited.publications")
    works.dbt("test", "--select", "dim_store")
    works.dbt("build", "--select", "stg_shop__store")
    assert works.query("select count(*) from audited.publications") == runs


def test_a_source_that_stopped_holds_up_what_is_made_of_it(works: Works):
    """Plain `dbt build` skips all that is downstream of the source's table, builds what is beside it, and says why."""
    before = state(works)
    read_of(works, "order_items", "stopped", "quantity is gone: say in the mapping what it is called now")
    read_of(works, "order_items", "complete", is_interval=True)  # a backfill, which says nothing of what is new
    found = status(works)
    assert found["fact_sales"].reason == "raw_shop.order_items: quantity is gone: say in the mapping what it is called now"
    assert not found["dim_store"].is_stale
    result = bad(works.dbt("build"))
    assert {name for name, what in result.items() if what.startswith("fail")} == {"source_last_read_is_complete_shop_order_items_"}
    assert {"stg_shop__order_item", "fact_sales", "daily_revenue"} <= set(result)
    assert not {"stg_shop__order", "dim_customer", "dim_store"} & set(result)
    assert state(works) == before
    since = works.query("select max(read_at) from raw_shop.reads where outcome = 'stopped'")[0][0]
    found = status(works)
    reason = "raw_shop.order_items: quantity is gone: say in the mapping what it is called now"
    assert (found["daily_revenue"].stale_since, found["daily_revenue"].reason) == (since, reason)
    assert found["dim_store"].reason == f"the last build did not pass: {reason}"
    read_of(works, "order_items", "complete")


def test_a_table_of_which_only_intervals_were_read_is_not_published(works: Works):
    works.execute("update raw_payments.reads set is_interval = true where table_name = 'refunds'")
    found = status(works)
    told = "raw_payments.refunds: only intervals of it were read"
    assert (found["fact_payment"].reason, found["dim_store"].reason == told) == (told, False)
    gate = "source_last_read_is_complete_payments_refunds_"
    assert list(bad(works.dbt("test", "--select", gate))) == [gate]
    works.execute("update raw_payments.reads set is_interval = false where table_name = 'refunds'")
    assert status(works)["fact_payment"].reason != told and bad(works.dbt("test", "--select", gate)) == {}


def test_too_many_rows_in_quarantine_hold_up_what_is_made_of_the_table(works: Works):
    load = works.query("select max(load_id) from raw_shop._dlt_loads")[0][0]
    works.execute(
        f"""
        insert into raw_shop.reads (read_id, table_name, read_at, outcome, rows_landed, rows_quarantined, _dlt_load_id)
        select max(read_id) + 1, 'stores', current_timestamp, 'complete', 150, 2, '{load}' from raw_shop.reads
        """
    )
    gate = ["test", "--select", "source_quarantine_share_shop_stores_"]
    seen = "insert into raw_shop.quarantine (table_name, row_id, record, reason, first_seen_at, last_seen_at, _dlt_load_id) values"
    works.execute(f"{seen} ('stores', 'a', '{{}}', 'opened_on is no date', current_timestamp, current_timestamp, '{load}')")
    assert bad(works.dbt(*gate)) == {}
    works.execute(f"{seen} ('stores', 'b', '{{}}', 'opened_on is no date', current_timestamp, current_timestamp, '{load}')")
    assert list(bad(works.dbt(*gate))) == ["source_quarantine_share_shop_stores_"]
    works.execute("update raw_shop.quarantine set closed_at = current_timestamp, closed_as = 'replayed' where row_id = 'a'")
    assert bad(works.dbt(*gate)) == {}
    # What was read in years is no excuse for what is read now.
    works.execute("update raw_shop.reads set rows_landed = 1000000 where read_id = 1 and table_name = 'stores'")
    works.execute("update raw_shop.quarantine set first_seen_at = (select min(read_at) from raw_shop.reads) where row_id = 'b'")
    assert bad(works.dbt(*gate)) == {}
    works.execute("update raw_shop.quarantine set closed_at = null, first_seen_at = current_timestamp where row_id = 'a'")
    works.execute("update raw_shop.reads set rows_landed = 90 where read_id = (select max(read_id) from raw_shop.reads)")
    assert list(bad(works.dbt(*gate))) == ["source_quarantine_share_shop_stores_"]


# Last in the file, as pytest goes from the tests of DuckDB by these to those of both on PostgreSQL: else each would be set up twice.


@pytest.mark.parametrize("works", ["postgres"], indirect=True)
def test_two_builds_at_once(works: Works):
    """The second leaves, and the first one is not disturbed; one that lost its place builds and publishes nothing more."""
    before = works.tables()
    with build_held_up(works, "core.dim_store") as first:
        assert "is still running" in second_build(works)
        assert "is still running" in second_build(works, "snapshot")
    output, _ = first.communicate(timeout=300)
    assert first.returncode == 0, output
    assert works.tables() == before and {each.is_stale for each in status(works).values()} == {False}

    runs = works.query("select count(*) from audited.publications where outcome = 'published'")
    with build_held_up(works, "core.dim_store") as first:
        taking = threading.Thread(target=works.execute, args=("update audited.build set build_id = 'another'",))
        taking.start()
        time.sleep(1)
        assert taking.is_alive(), "whoever takes the place waits for the model that is being built"
    output, _ = first.communicate(timeout=300)
    taking.join()
    assert first.returncode == 1 and "has begun, so this one builds and publishes nothing more" in output
    assert works.query("select count(*) from audited.publications where outcome = 'published'") == runs


@pytest.mark.parametrize("works", ["postgres"], indirect=True)
def test_a_load_that_is_completed_during_a_build_is_the_next_one_s(works: Works):
    """Neither half of it is published, nor is what its own tests would have held up."""
    before = works.tables()
    with build_held_up(works, "core.dim_store") as build:
        works.systems.live(1)
        assert works.ingest()["shop.order_items"]
        read_of(works, "stores", "stopped", "opened_on is gone")
    output, _ = build.communicate(timeout=300)
    assert build.returncode == 0, output
    assert works.tables() == before
    assert_published_is_built(works)
    found = status(works)
    assert found["dim_customer"].reason.endswith("has newer data, not published yet")
    assert found["dim_store"].reason == "raw_shop.stores: opened_on is gone"
    read_of(works, "stores", "complete")
    works.build()
    assert works.tables() != before and {each.is_stale for each in status(works).values()} == {False}
