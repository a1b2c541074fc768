"""The landing: exact, nothing twice, nothing lost, whatever is killed, throttled, deleted, late or wrong."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from math import inf, isnan
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from engines.servers import ENGINES, Column, DuckDBFile

import ingestion
from ingestion.connectors.postgres import Table
from ingestion.errors import UsageError, redact
from ingestion.landing.rows.table import BATCH_ROWS
from ingestion.operations.status import TableStatus, status
from ingestion.warehouses.postgres.store import PostgresSession

PROJECT = Path(__file__).parent.parent
SHOP = {
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


class Place:
    """A warehouse of its own, on DuckDB unless a server is given, and `ingest` pointed at it and at the given systems."""

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

    def run(self, *sources: str, **options) -> dict[str, ingestion.SourceReport]:
        """Load in this process; gives the reports by source."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.settings.items():
                patch.setenv(name, value)
            return {report.source: report for report in ingestion.run(sources or None, **options)}

    def load(self, *sources: str, **options) -> dict[str, int]:
        """Load in this process; fails unless all went well. Gives the rows landed by table, without zeros."""
        reports = self.run(*sources, **options)
        assert {name: report.error for name, report in reports.items() if not report.ok} == {}
        return {table: rows for report in reports.values() for table, rows in report.tables.items() if rows}

    def status(self, *sources: str) -> list[TableStatus]:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.settings.items():
                patch.setenv(name, value)
            return status(sources)

    def command(self, *arguments: str, script: str = "import sys; from ingestion.cli import main; sys.exit(main())"):
        """Run `ingest` as a process of its own."""
        return subprocess.run(
            [sys.executable, "-c", script, *arguments],
            env={**os.environ, **self.settings}, cwd=PROJECT, capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    def query(self, sql: str) -> list[tuple]:
        """Rows by a client that is not the one of `ingest`."""
        return self.server.query(sql)

    def columns(self) -> dict[str, Column]:
        """By table.column: what the engine says of the columns that `ingest` has landed."""
        landed = {place: columns for place, columns in self.server.catalogue().items() if place[0].startswith("raw_")}
        return {f"{table}.{c.name}": c for (_, table), columns in landed.items() for c in columns if not table.startswith("_")}

    def latest(self, table: str, columns: str, schema: str = "raw_shop") -> list[tuple]:
        """The raw table as the source should be now: the last loaded version of each key that is not deleted."""
        return self.query(LATEST.format(columns=columns, table=f"{schema}.{table}", schema=schema))

    def twice(self, table: str, key: str = "id, updated_at, _deleted_at", schema: str = "raw_shop") -> list[tuple]:
        """Row versions that complete loads hold more than once within one load."""
        return self.query(
            f"select {key}, count(*) from {schema}.{table} where _dlt_load_id in "
            f"(select load_id from {schema}._dlt_loads where status = 0) group by {key}, _dlt_load_id having count(*) > 1"
        )


@pytest.fixture(scope="module")
def systems(make_works):
    return make_works(days=10).systems


@pytest.fixture(scope="module")
def servers(tmp_path_factory) -> Iterator[Callable[[str], DuckDBFile]]:
    """Gives the server of an engine, which is started when a test first wants it."""
    with ExitStack() as running:
        yield cache(lambda engine: running.enter_context(ENGINES[engine](tmp_path_factory.mktemp(engine))))


def on(*engines: str) -> pytest.MarkDecorator:
    """The test runs with its warehouse on each of these engines."""
    return pytest.mark.parametrize("engine", engines)


@pytest.fixture
def engine() -> str:
    return "dev"


@pytest.fixture
def place(tmp_path, systems, servers, engine) -> Place:
    if engine == "dev":
        return Place(tmp_path, systems.settings())
    server = servers(engine)
    for schema in {schema for schema, _ in server.catalogue() if schema.startswith("raw_")}:
        server.execute(f"drop schema {schema} cascade")
    return Place(tmp_path, systems.settings(), server)


@pytest.fixture
def shop(systems) -> Iterator[psycopg.Connection]:
    """The shop's database, for changes behind the company's back; they are undone afterwards."""
    with systems.connect() as connection:
        connection.autocommit = True
        for table in SHOP:
            connection.execute(f"create table kept_{table} as table {table}")
        yield connection
        for table in reversed(SHOP):
            connection.execute(f"truncate {table} cascade")
        for table in SHOP:
            connection.execute(f"insert into {table} table kept_{table}")
            connection.execute(f"drop table kept_{table}")


def source_rows(connection: psycopg.Connection, table: str, columns: str) -> list[tuple]:
    return connection.execute(f"select {columns} from {table} order by id").fetchall()


def assert_raw_is_the_shop(place: Place, connection: psycopg.Connection) -> None:
    for table, columns in SHOP.items():
        assert place.latest(table, columns) == source_rows(connection, table, columns), table
        assert place.twice(table) == [], table


# What lands


NAMES = {  # of the exact types on each engine
    "dev": ("DECIMAL(12,2)", "BIGINT", "TIMESTAMP WITH TIME ZONE", "DATE", "VARCHAR", "JSON"),
    "postgres": ("numeric(12,2)", "bigint", "timestamp with time zone", "date", "character varying", "json"),
    "bigquery": ("NUMERIC(12, 2)", "INTEGER", "TIMESTAMP", "DATE", "STRING", "STRING"),
}


@on("dev", "postgres", "bigquery")
def test_the_shop_lands_row_by_row_with_exact_types(place, shop, engine):
    landed = place.load("shop")
    assert landed == {table: len(source_rows(shop, table, "id")) for table in SHOP}
    assert_raw_is_the_shop(place, shop)
    types = {name: column.kind for name, column in place.columns().items()}
    money, whole, instant, day, text, _ = NAMES[engine]
    assert "customers.password_hash" not in types
    assert types["order_items.unit_price"] == types["products.price"] == money
    assert types["orders.id"] == types["order_items.quantity"] == whole
    assert types["orders.updated_at"] == types["orders._deleted_at"] == instant
    assert types["stores.opened_on"] == day
    assert types["customers.email"] == text and types["orders._dlt_load_id"].startswith(text)


@on("dev", "postgres", "bigquery")
def test_payments_files_and_holidays_land_as_they_are(place, systems):
    landed = place.load("payments", "supplier", "calendar")
    told = place.status("payments", "supplier", "calendar")
    assert {row.table: row.rows for row in told} == {row.table: row.last_rows for row in told} == landed
    assert all(datetime.now(UTC) - timedelta(minutes=5) < at <= datetime.now(UTC) for row in told for at in (row.loaded_at, row.read_at))
    with Api.reader(systems) as ask:
        for table in ("payments", "refunds"):
            sent = {record["id"]: record for record in ask(table)}
            rows = place.query(f"select id, updated_at, record from raw_payments.{table}")
            assert {key: json.loads(record) for key, _, record in rows} == sent
            assert len(rows) == len(sent)
            assert all(at == datetime.fromisoformat(sent[key]["updated_at"]) for key, at, _ in rows)
    for file in systems.supplier_folder.glob("catalogue_*.csv"):
        rows = place.query(
            "select sku, product_name, brand, category, unit_cost, pack_size from "
            f"raw_supplier.catalogue where file_name = '{file.name}' and file_date = date '{file.stem[-10:]}' "
            "order by line_number"
        )
        assert ["|".join(row) for row in rows] == file.read_text(encoding="utf-8").splitlines()[1:]
    assert place.query("select count(*) from raw_supplier.catalogue where unit_cost is null") == [(0,)]
    assert place.query("select name from raw_calendar.holidays where date = '2026-02-06'") == [("Waitangi Day",)]


@on("dev", "postgres")
def test_a_second_run_lands_nothing_and_says_that_it_looked(place):
    first = place.load()
    assert all(first.values())
    loads = place.query("select count(*) from raw_shop._dlt_loads")
    assert place.load() == {}
    assert place.load("shop", "payments", full=True) == {}
    assert place.query("select count(*) from raw_shop._dlt_loads where status = 0") == [(loads[0][0] + 2,)]


def test_no_connection_is_left_open(place):
    place.load("calendar")
    script = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute('create table other as select 1')"
    assert place.command(str(place.path), script=script).returncode == 0


@on("dev", "postgres", "bigquery")
def test_every_type_of_postgresql_lands_exactly_or_as_text(place, shop, extra_source, engine):
    extra_source([Table("kinds", primary_key="id", cursor="updated_at")])
    shop.execute("drop table if exists kinds; drop type if exists mood; create type mood as enum ('ok', 'bad')")
    shop.execute("""
        create table kinds (
            id bigint primary key, "Mixed" text, small smallint, exact numeric(38, 10), unbounded numeric, wide numeric(50, 5),
            real4 real, double8 double precision, flag boolean, day date, hour time, local timestamp,
            document jsonb, raw_document json, bytes bytea, span interval, list integer[], state mood, address inet,
            fixed char(4), updated_at timestamptz not null)
    """)
    shop.execute(r"""
        insert into kinds values
        (1, 'a|"é한😀''', -32768, 1234567890123456789012345678.0123456789, 1e-30, 99999999999999999999999.12345,
         0.1, 'NaN', true, '2026-02-28', '23:59:59.999999', '2026-01-01 00:00:00.000001',
         '{"n": 12345678901234567890.12, "x": null}', '[1.10, "é"]', '\x00ff', '1 day', '{1,null}', 'ok', '10.0.0.1',
         'ab', '2026-01-01 00:00:00.123456+13'),
        (2, '', null, null, null, null, null, '-Infinity', null, null, null, null, null, 'null', '', null, null, null, null, null,
         '2026-01-01')
    """)
    shop.execute("grant select on kinds to reader")
    assert place.load("extra") == {"kinds": 2}
    names = ["mixed", "small", "exact", "unbounded", "wide", "real4", "double8", "flag", "day", "hour", "local",
             "document", "raw_document", "bytes", "span", "list", "state", "address", "fixed", "updated_at"]  # fmt: skip
    first, second = place.query(f"select {', '.join(names)} from raw_extra.kinds order by id")
    values = dict(zip(names, first, strict=True))
    assert values["mixed"] == "a|\"é한😀'"
    assert values["exact"] == Decimal("1234567890123456789012345678.0123456789")
    assert values["unbounded"] == "0.000000000000000000000000000001"
    assert values["wide"] == "99999999999999999999999.12345"
    assert values["real4"] == 0.1 and isnan(values["double8"]) and values["small"] == -32768
    assert (values["flag"], values["day"], values["hour"]) == (True, date(2026, 2, 28), time(23, 59, 59, 999999))
    assert values["document"] == '{"n": 12345678901234567890.12, "x": null}'
    assert values["raw_document"] == '[1.10, "é"]' and values["bytes"] == b"\x00\xff"
    assert (values["span"], values["list"], values["state"], values["address"]) == ("1 day", "{1,NULL}", "ok", "10.0.0.1/32")
    # BigQuery's landing has no timestamps without zone: there they are held as if they were UTC.
    assert values["local"] == datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC if engine == "bigquery" else None)
    assert values["updated_at"] == datetime(2025, 12, 31, 11, 0, 0, 123456, tzinfo=UTC)
    assert second[names.index("mixed")] == "" and second[names.index("bytes")] == b""
    assert second[names.index("raw_document")] == "null" and second[names.index("double8")] == -inf
    # The same through the other way in, which changed rows take.
    shop.execute("update kinds set updated_at = updated_at + interval '1 second'")
    assert place.load("extra") == {"kinds": 2}
    again = place.latest("kinds", ", ".join(names[:-1]), "raw_extra")
    assert list(map(repr, again)) == [repr(first[:-1]), repr(second[:-1])]  # NaN is not equal to itself
    assert place.load("extra") == {}


@on("dev", "postgres")
def test_a_nan_goes_to_quarantine_wherever_it_is(place, shop, extra_source):
    """One NaN in the first load, beyond the first batch of rows, and one in a later load: the reason names column and type, and the
    other rows land."""
    bad, last = BATCH_ROWS + 5_000, BATCH_ROWS + 10_000
    extra_source([Table("lines", primary_key="id", cursor="updated_at"), Table("fine", primary_key="id")])
    shop.execute(
        "drop table if exists lines; drop table if exists fine; drop domain if exists money2; create domain money2 as numeric(12, 2)"
    )
    shop.execute(f"""
        create table lines as select
            n::bigint as id, case when n % 7 > 0 then (n - 55000) / 7.0 end::numeric(38, 10) as share,
            (n - 55000.01)::money2 as price, timestamptz '2026-01-01' + n * interval '1 second' as updated_at
        from generate_series(1, {last}) as n
    """)
    shop.execute("create table fine as select 1::bigint as id; grant select on lines, fine to reader")
    shop.execute(f"alter table lines add primary key (id); update lines set price = 'NaN' where id = {bad}")
    reason = 'price "NaN" is no DECIMAL(12,2)'
    report = place.run("extra")["extra"]
    assert report.ok and report.tables == {"fine": 1, "lines": last - 1} and report.quarantined == {"lines": 1}
    assert place.query("select row_key, reason from raw_extra.quarantine") == [(f'["{bad}"]', reason)]
    shop.execute(f"update lines set price = -0.01 where id = {bad}")
    assert place.load("extra") == {"lines": 1}
    sums = "select count(*), sum(share), sum(price), min(price), max(price), max(updated_at) from"
    assert place.query(f"{sums} raw_extra.lines") == [shop.execute(f"{sums} lines").fetchone()]
    shop.execute(f"update lines set price = 'NaN' where id = {last}")
    assert place.run("extra")["extra"].quarantined == {"lines": 1}
    assert place.query("select row_key, reason from raw_extra.quarantine where closed_at is null") == [(f'["{last}"]', reason)]


@on("dev", "postgres")
def test_what_has_no_rows_yet_has_its_table_all_the_same(place, api, shop, extra_source, tmp_path, engine):
    extra_source([Table("things", primary_key="id")])
    shop.execute("drop table if exists things; create table things (id bigint primary key, amount numeric(6, 2))")
    shop.execute("grant select on things to reader")
    records, api.records["payments"] = api.records["payments"], []
    folder = tmp_path / "files"
    folder.mkdir()
    place.settings["SOURCES__SUPPLIER__BUCKET_URL"] = str(folder)
    names = ["extra", "payments", "supplier"]
    for _ in range(2):
        reports = place.run(*names)
        assert [reports[name].error for name in names] == [None] * 3
        assert reports["payments"].tables == {"payments": 0, "refunds": 0}
        assert reports["supplier"].tables == {"catalogue": 0} and "no file catalogue_*.csv" in reports["supplier"].notes[0]
        assert reports["extra"].tables == {"things": 0}

    empty = place.columns()
    _, whole, instant, day, _, json_text = NAMES[engine]
    assert empty["refunds.record"] == Column("record", json_text, True) and empty["refunds.updated_at"].kind == instant
    assert empty["catalogue.line_number"] == Column("line_number", whole, False) and empty["catalogue.file_date"].kind == day
    assert {name for name in empty if "_dlt" in name} == {
        f"{t}._dlt_load_id" for t in ("payments", "refunds", "catalogue", "things", "quarantine", "reads")
    }
    # What comes later fits in, and no column appears that was not there.
    api.records["payments"] = records
    (folder / "catalogue_2026-01-01.csv").write_text("sku|product_name|brand|category|unit_cost|pack_size\na|b|c|d|1.20|6\n")
    shop.execute("insert into things values (1, 1.25)")
    assert place.load(*names) == {"things": 1, "payments": 9, "catalogue": 1}
    assert place.columns() == empty


# What changes


@on("dev", "postgres")
def test_late_commits_and_deletions_and_returns(place, shop):
    place.load("shop")
    old = shop.execute("select * from orders order by updated_at limit 1").fetchone()
    placed = shop.execute("select max(updated_at) from orders").fetchone()[0]
    new_order = "insert into orders select %s, customer_id, store_id, channel, status, ordered_at, %s from orders where id = %s"
    # Later than the cursor, before it but within the look-back, and long before it.
    for number, at in enumerate((placed + timedelta(minutes=1), placed - timedelta(hours=40), placed - timedelta(days=8))):
        shop.execute(new_order, [900_000 + number, at, old[0]])
    assert place.load("shop") == {"orders": 3}
    # A change that commits late.
    shop.execute("update orders set status = 'cancelled', updated_at = %s where id = 900001", [placed - timedelta(hours=39)])
    assert place.load("shop") == {"orders": 1}
    assert_raw_is_the_shop(place, shop)
    # Deleted, noticed once, kept as it last was, and back again.
    lines = shop.execute("select count(*) from order_items where order_id = %s", [old[0]]).fetchone()[0]
    kept = shop.execute("select * from order_items where order_id = %s", [old[0]]).fetchall()
    shop.execute("delete from orders where id = %s", [old[0]])
    report = place.run("shop")["shop"]
    assert report.deleted == {"orders": 1, "order_items": lines} and report.tables["orders"] == 1
    marked = place.query(
        f"select _deleted_at, customer_id, updated_at from raw_shop.orders where id = {old[0]} and _deleted_at is not null"
    )
    assert marked == [(shop.execute("select now from moa.clock").fetchone()[0].astimezone(UTC), old[1], old[6].astimezone(UTC))]
    assert place.load("shop") == {}
    assert_raw_is_the_shop(place, shop)
    shop.execute("insert into orders values (%s, %s, %s, %s, %s, %s, %s)", old)
    for line in kept:
        shop.execute("insert into order_items values (%s, %s, %s, %s, %s, %s, %s, %s)", line)
    assert place.load("shop") == {"orders": 1, "order_items": lines}
    assert place.load("shop") == {}
    assert_raw_is_the_shop(place, shop)


@on("dev", "bigquery")
def test_a_row_that_is_only_a_key_comes_back_too(place, shop, extra_source):
    extra_source([Table("marks", primary_key="id")])
    shop.execute("drop table if exists marks; create table marks as select generate_series(1, 3)::bigint as id")
    shop.execute("grant select on marks to reader")
    place.load("extra")
    for statement, live in (("delete from marks where id = 2", [(1,), (3,)]), ("insert into marks values (2)", [(1,), (2,), (3,)])):
        shop.execute(statement)
        assert place.load("extra") == {"marks": 1}
        assert place.latest("marks", "id", "raw_extra") == live


def test_names_in_camel_case_are_the_same_columns_in_every_run(place, shop, extra_source):
    """dlt writes names in snake case: what raw holds must still be found, or all of it would land again."""
    extra_source([Table("notes", primary_key="noteId", cursor="updatedAt")])
    shop.execute(
        'drop table if exists notes; create table notes ("noteId" bigint primary key, "Text" text, "updatedAt" timestamptz not null);'
        "insert into notes select n, 'note ' || n, now() from generate_series(1, 3) as n; grant select on notes to reader"
    )
    assert place.load("extra") == {"notes": 3}
    assert place.load("extra") == {}
    shop.execute("""update notes set "Text" = 'new' where "noteId" = 1; delete from notes where "noteId" = 2""")
    assert place.load("extra") == {"notes": 2}
    assert place.load("extra") == {}
    rows = place.query('select note_id, "text", _deleted_at is not null from raw_extra.notes order by _dlt_load_id, note_id')
    assert rows[3:] == [(1, "new", False), (2, "note 2", True)]


def test_a_source_that_lost_much_is_not_believed_at_once(place, shop):
    place.load("shop")
    shop.execute("delete from customers where id % 2 = 0")
    shop.execute("update stores set city = 'Nelson', updated_at = (select now from moa.clock) where id = 1")
    report = place.run("shop")["shop"]
    assert not report.ok and "customers" in report.error and "--allow-deletes" in report.error
    assert report.deleted == {} and report.tables["stores"] == 1
    assert place.run("shop", allow_deletes=True)["shop"].deleted["customers"] > 100
    assert_raw_is_the_shop(place, shop)


def test_days_loaded_one_by_one_give_the_shop_as_it_is(tmp_path, make_works):
    company = make_works(days=3).systems
    place = Place(tmp_path, company.settings())
    for _ in range(3):
        place.load()
        company.live(1)
    place.load()
    with company.connect() as connection:
        assert_raw_is_the_shop(place, connection)
    with Api.reader(company) as ask:
        sent = {record["id"]: record for record in ask("payments")}
    landed = place.query("select arg_max(record, _dlt_load_id) from raw_payments.payments group by id")
    assert {json.loads(record)["id"]: json.loads(record) for (record,) in landed} == sent


def test_an_interval_is_read_again_and_the_cursor_stays(place, shop):
    middle = datetime(2026, 1, 5, tzinfo=UTC)
    place.load("shop", until=middle)
    assert place.query("select count(*), max(updated_at) < '2026-01-05' from raw_shop.orders")[0][1] is True
    place.load("shop")  # … so the next run reads all the rest
    assert_raw_is_the_shop(place, shop)
    shop.execute("update orders set status = 'cancelled' where updated_at < %s and id %% 10 = 0", [middle])
    changed = shop.execute(
        "select count(*) from orders where updated_at < %s and id %% 10 = 0 and status = 'cancelled'", [middle]
    ).fetchone()[0]
    before = place.query("select count(*) from raw_shop.orders")[0][0]
    landed = place.load("shop", since=middle - timedelta(days=9), until=middle)
    assert 0 < landed["orders"] <= changed and before + landed["orders"] == place.query("select count(*) from raw_shop.orders")[0][0]
    assert_raw_is_the_shop(place, shop)
    with pytest.raises(UsageError):
        place.run("shop", since=middle, until=middle)


def test_a_row_from_the_future_does_not_end_all_reading(place, shop):
    shop.execute("update orders set updated_at = '2099-01-01' where id = (select max(id) from orders)")
    place.load("shop")
    shop.execute("update orders set status = 'cancelled', updated_at = (select now from moa.clock) where id = (select min(id) from orders)")
    assert place.load("shop") == {"orders": 1}
    assert_raw_is_the_shop(place, shop)


def test_only_changed_rows_leave_the_server(place, shop):
    place.load("shop")
    log = Path(shop.execute("show data_directory").fetchone()[0]) / "log"
    shop.execute("alter system set log_statement = 'all'")
    shop.execute("select pg_reload_conf()")
    before = log.stat().st_size
    try:
        place.load("shop")
    finally:
        shop.execute("alter system reset log_statement")
        shop.execute("select pg_reload_conf()")
    said = log.read_bytes()[before:].decode()
    reads = [line for line in said.splitlines() if "COPY" in line and '"order_id"' in line]
    assert len(reads) == 1 and """where "updated_at" > '2026-01-1""" in reads[0]
    # All reads of one table share one snapshot: the keys that are compared are those of the rows that were read.
    assert "REPEATABLE READ READ ONLY" in said


@on("dev", "postgres")
def test_a_new_version_of_a_file_lands_again(place, tmp_path):
    folder = tmp_path / "files"
    shutil.copytree(place.settings["SOURCES__SUPPLIER__BUCKET_URL"], folder)
    place.settings["SOURCES__SUPPLIER__BUCKET_URL"] = str(folder)
    place.load("supplier")
    file = sorted(folder.iterdir())[0]
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(lines[:3]) + 'X-1|24" pipe, "so called"|Moa||1.20|6\n', encoding="utf-8")
    assert place.load("supplier") == {"catalogue": 3}
    assert place.query("select product_name, category, line_number from raw_supplier.catalogue where sku = 'X-1'") == [
        ('24" pipe, "so called"', "", 3)
    ]


# What is killed or lost

KILL = """
import importlib, os, signal, sys
from dlt.destinations.job_client_impl import ModelLoadJob
from dlt.load.load import Load
from dlt.pipeline.pipeline import Pipeline
place, when, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
module, job = {
    "dev": ("dlt.destinations.impl.duckdb.duck", "DuckDbCopyJob"),
    "postgres": ("ingestion.dlt_internals.postgres_copy", "CopyJob"),
    "bigquery": ("dlt.destinations.impl.bigquery.bigquery", "BigQueryLoadJob"),
}[os.environ["DBT_TARGET"]]
owner, name = {
    "extract": (Pipeline, "extract"),
    "normalize": (Pipeline, "normalize"),
    "select": (ModelLoadJob, "run"),
    "copy": (getattr(importlib.import_module(module), job), "run"),
    "complete": (Load, "complete_package"),
}[place]
original = getattr(owner, name)
def deadly(*arguments, **options):
    global count
    count -= 1
    turn = count == 0
    if when == "before" and turn:
        os.kill(os.getpid(), signal.SIGKILL)
    result = original(*arguments, **options)
    if when == "after" and turn:
        os.kill(os.getpid(), signal.SIGKILL)
    return result
setattr(owner, name, deadly)
from ingestion.cli import main
sys.exit(main(["run", *sys.argv[4:]]))
"""
POINTS = [
    ("extract", "before", 1), ("extract", "after", 1), ("normalize", "after", 1), ("select", "before", 1),
    ("select", "after", 1), ("select", "after", 3), ("complete", "before", 1), ("complete", "after", 1),
]  # fmt: skip


COPIED = ("copy", "after", 2)  # how rows land in a server, which can't run a SELECT over the source


@pytest.mark.parametrize(
    ("engine", "point", "lose_folder"),
    [
        *(("dev", point, False) for point in POINTS),
        *(("dev", point, True) for point in (POINTS[1], POINTS[4], POINTS[6])),
        *(("postgres", point, False) for point in (COPIED, POINTS[7])),
        *(("postgres", point, True) for point in (COPIED, POINTS[6])),
        ("bigquery", COPIED, False),
    ],
)
def test_killed_anywhere_in_the_first_load(place, shop, engine, point, lose_folder):
    killed = place.command(*map(str, point), "shop", script=KILL)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    if lose_folder:
        shutil.rmtree(place.folder / "pipelines")
    place.load("shop")
    assert_raw_is_the_shop(place, shop)
    assert place.load("shop") == {}


@on("dev", "postgres")
def test_killed_anywhere_in_a_later_load(place, shop, engine):
    place.load("shop", "payments")
    points = [p for p in POINTS if p[0] != "select"] + [("copy", "before", 1), ("copy", "after", 1), ("copy", "after", 2)]
    points = points if engine == "dev" else points[-2:]
    for number, point in enumerate(points):
        shop.execute(
            "update orders set updated_at = (select now from moa.clock), store_id = 1 + store_id %% 12 where id %% 7 = %s", [number % 7]
        )
        shop.execute("delete from order_items where id in (select max(id) from order_items)")
        killed = place.command(*map(str, point), "shop", script=KILL)
        assert killed.returncode == -signal.SIGKILL, (point, killed.stderr)
        shop.execute("update customers set city = %s, updated_at = (select now from moa.clock) where id = 1", [f"c{number}"])
        place.load("shop")  # finishes what is left, or reads it again, and what is new as well
        assert_raw_is_the_shop(place, shop)


def test_what_was_read_before_the_kill_is_not_read_again(place, systems):
    killed = place.command("extract", "after", "1", "payments", script=KILL)
    assert killed.returncode == -signal.SIGKILL
    with Api(systems) as api:
        api.proxied(place.settings)
        place.load("payments")
        first = [float(parse_qs(q).get("updated_since", ["none"])[0] != "none") for q in api.queries]
    assert first and all(first), "the second run asks only for what came since, as the first one's rows were kept"
    assert place.twice("payments", "id, updated_at", "raw_payments") == []


def test_a_warehouse_that_was_deleted_or_restored_is_filled_again(place, shop):
    place.load("shop")
    shutil.copy(place.path, place.folder / "backup.duckdb")
    place.path.unlink()
    assert place.load("shop")["orders"] == len(source_rows(shop, "orders", "id"))
    assert_raw_is_the_shop(place, shop)
    shop.execute("update orders set store_id = 1 + store_id % 12, updated_at = (select now from moa.clock) where id = 5")
    place.load("shop")
    shutil.copy(place.folder / "backup.duckdb", place.path)
    assert place.load("shop") == {"orders": 1}
    assert_raw_is_the_shop(place, shop)


@on("postgres")
def test_raw_that_was_dropped_is_filled_again(place, engine):
    first = place.load("payments")
    place.server.execute("drop schema raw_payments cascade")
    assert place.load("payments") == first


def test_what_a_kill_left_is_forgotten_when_the_warehouse_is_another(place, shop):
    place.settings["SOURCES__SHOP__LOOKBACK_HOURS"] = "0"
    change = "update orders set store_id = 1 + store_id %% 12, updated_at = (select now from moa.clock) + %s where id = %s"
    place.load("shop")
    shutil.copy(place.path, place.folder / "backup.duckdb")
    shop.execute(change, [timedelta(minutes=-2), 5])
    place.load("shop")
    shop.execute(change, [timedelta(minutes=-1), 6])
    assert place.command("extract", "after", "1", "shop", script=KILL).returncode == -signal.SIGKILL
    shutil.copy(place.folder / "backup.duckdb", place.path)
    assert place.load("shop") == {"orders": 2}
    assert_raw_is_the_shop(place, shop)


@pytest.mark.parametrize("broken", ["load/normalized", "load", "normalize", "state.json"])
def test_a_working_folder_that_a_kill_left_in_pieces_is_made_anew(place, shop, broken):
    """A kill can fall on dlt wiping its folder, and then every later run would fail on what is left of it."""
    place.load("shop")
    piece = place.folder / "pipelines" / "dev" / "shop" / broken
    if piece.is_dir():
        shutil.rmtree(piece)
    else:
        assert piece.exists()
        piece.write_text("")
    assert place.load("shop") == {}
    assert_raw_is_the_shop(place, shop)


def test_two_targets_of_one_warehouse_share_what_was_read(place, monkeypatch):
    profile = (place.folder / "profiles" / "profiles.yml").read_text()
    (place.folder / "profiles" / "profiles.yml").write_text(
        profile + "    alice: {type: duckdb, path: \"{{ env_var('WAREHOUSE_PATH') }}\", schema: alice}\n"
    )
    place.load("supplier")
    assert place.load("supplier", target="alice") == {}


# What moves to another engine

THINGS = r"""
    create schema raw_things;
    create table raw_things.things as select * from (values
        (1, -0.01::decimal(18, 2), 'é😀''\', '', true, date '1900-01-01', timestamptz '9999-12-31 23:59:59.999999+00', 9007199254740993),
        (2, null, null, 'x', false, date '9999-12-31', timestamptz '1900-01-01 00:00:00+00', null)
    ) as things (thing_id, amount, "Name", note, is_live, "on", ended_at, big)
"""


def test_a_copy_on_another_engine_goes_on_where_the_first_was(tmp_path, systems, servers, shop):
    """From DuckDB over PostgreSQL and BigQuery to another DuckDB file: all rows each time, and what comes later lands once."""
    kept = ("raw_",)
    places = [Place(tmp_path / "first", systems.settings())]
    for engine in ("postgres", "bigquery"):
        places.append(Place(tmp_path / engine, systems.settings(), servers(engine)))
        for schema in {schema for schema, _ in servers(engine).catalogue() if schema.startswith(kept)}:
            servers(engine).execute(f"drop schema {schema} cascade")
    places.append(Place(tmp_path / "last", systems.settings()))
    places[0].load()
    places[0].server.execute(THINGS)
    for number, (before, after) in enumerate(pairwise(places)):
        held = rows_of(before, kept)
        file = next((place for place in (before, after) if place.server.target == "dev"), after)
        profile = next((place for place in (before, after) if place.server.target == "bigquery"), after)  # it has the stand-in's address
        after.settings = before.settings | after.settings
        after.settings["WAREHOUSE_PATH"] = str(file.path)
        after.settings["DBT_PROFILES_DIR"] = profile.server.environment["DBT_PROFILES_DIR"]
        arguments = ("copy", "--from", before.server.target, "--to", after.server.target)
        assert (done := after.command(*arguments)).returncode == 0, done.stderr
        assert rows_of(after, kept) == held, after.server.target
        assert "holds raw_calendar" in refused(after, *arguments), "a second copy would mix with the first"
        assert after.load("payments") == {}
        shop.execute(f"update orders set store_id = 1 + store_id % 12, updated_at = (select now from moa.clock) where id = {5 + number}")
        assert after.load("shop") == {"orders": 1}
        assert_raw_is_the_shop(after, shop)


def rows_of(place: Place, schemas: tuple[str, ...]) -> dict[tuple[str, str], Counter]:
    """All rows by schema and table, but for what dlt writes anew on each engine."""
    found = [name for name in place.server.catalogue() if name[0].startswith(schemas) and name[1] != "_dlt_version"]
    return {name: Counter(place.query(f"select * from {name[0]}.{name[1]}")) for name in found}


# What an API may do


class Api:
    """A payments API that does what a test tells it: each request takes the next answer of its script, and when
    that is used up, a good one. An answer is (status, body, headers); a body that is None breaks the line."""

    def __init__(self, systems=None):
        self.systems, self.script, self.queries, self.times = systems, [], [], []
        self.records: dict[str, list[dict]] = {"payments": [], "refunds": []}

    def __enter__(self) -> "Api":
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                url = urlsplit(self.path)
                api.queries.append(url.query)
                api.times.append(datetime.now(UTC))
                status, body, headers = api.script.pop(0) if api.script else (200, api.page(url), {})
                content = (body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content) + (100 if body is None else 0)))
                self.end_headers()
                self.wfile.write(content)
                if body is None:
                    self.close_connection = True

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def page(self, url) -> dict:
        """Two records a page, ordered by cursor and id; the pointer to the next page is its offset."""
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        since = datetime.fromisoformat(asked.get("updated_since", "1970-01-01T00:00:00Z"))
        rows = [r for r in self.records[url.path.rpartition("/")[2]] if datetime.fromisoformat(r["updated_at"]) >= since]
        rows.sort(key=lambda r: (r["updated_at"], r["id"]))
        start = int(asked.get("cursor", 0))
        return {"data": rows[start : start + 2], "next_cursor": str(start + 2) if start + 2 < len(rows) else None}

    def proxied(self, settings: dict[str, str]) -> None:
        """Take the company's real records, and be the API in these settings."""
        with Api.reader(self.systems) as ask:
            self.records = {table: ask(table) for table in self.records}
        settings["SOURCES__PAYMENTS__BASE_URL"] = self.url

    @staticmethod
    @contextmanager
    def reader(systems):
        """A function that gives all records of a list of the company's real API."""
        from urllib.request import Request, urlopen

        settings = systems.settings()

        def ask(table: str) -> list[dict]:
            records, cursor = {}, ""
            while cursor is not None:
                request = Request(
                    f"{settings['SOURCES__PAYMENTS__BASE_URL']}/v1/{table}?limit=500{cursor and '&cursor=' + cursor}",
                    headers={"Authorization": f"Bearer {settings['SOURCES__PAYMENTS__API_TOKEN']}"},
                )
                with urlopen(request, timeout=30) as answer:
                    page = json.load(answer)
                records |= {record["id"]: record for record in page["data"]}
                cursor = page["next_cursor"]
            return list(records.values())

        systems.faults()
        yield ask


def payment(number: int, day: int, **fields) -> dict:
    at = f"2026-01-{day:02}T03:00:00.000Z"
    read = {"order": {"id": number}, "amount": {"value": "1.50", "currency": "NZD"}, "method": {"type": "cash"}, "status": "captured"}
    return {"id": f"pay_{number}", "created_at": at, "updated_at": at, "note": "김치 😀", **read, **fields}


@pytest.fixture
def api(place) -> Iterator[Api]:
    with Api() as server:
        server.records["payments"] = [payment(n, 1 + n) for n in range(9)]
        place.settings |= {"SOURCES__PAYMENTS__BASE_URL": server.url, "SOURCES__PAYMENTS__API_TOKEN": "tok-3f9a81"}
        yield server


@on("dev", "postgres", "bigquery")
def test_only_changed_records_travel_and_each_lands_once(place, api):
    assert place.load("payments") == {"payments": 9}
    api.records["payments"][8]["status"] = "changed behind its cursor"
    api.records["payments"].append(payment(9, 20))
    api.queries.clear()
    assert place.load("payments") == {"payments": 2}
    assert "updated_since=2026-01-07" in api.queries[0]  # the last cursor less 48 hours
    assert place.load("payments") == {}
    assert place.query("select record from raw_payments.payments where id = 'pay_3'") == [
        (json.dumps(payment(3, 4), ensure_ascii=False, separators=(",", ":")),)
    ]


def test_numbers_keep_their_digits(place, api):
    record = json.dumps(payment(1, 1, id="a", n=0, big=0))
    for name, digits in (("n", "1.10"), ("big", "12345678901234567890.123456789")):
        record = record.replace(f'"{name}": 0', f'"{name}": {digits}')
    api.script = [(200, f'{{"data": [{record}], "next_cursor": null}}', {})]
    place.load("payments")
    assert '"n":1.10,"big":12345678901234567890.123456789}' in place.query("select record from raw_payments.payments where id = 'a'")[0][0]


def test_throttled_failing_and_broken_answers_are_asked_again(place, api):
    api.script = [(429, {"error": "slow down"}, {"Retry-After": "1"}), (503, "", {}), (200, None, {}), (500, "oops", {})]
    assert place.load("payments") == {"payments": 9}
    waited = api.times[1] - api.times[0]
    assert waited >= timedelta(seconds=1), "Retry-After was not honoured"


def test_pages_that_repeat_records_land_them_once(place, api):
    first = api.page(urlsplit("/v1/payments"))
    api.script = [(200, first, {}), (200, {"data": first["data"], "next_cursor": "1"}, {})]
    assert place.load("payments") == {"payments": 9}
    assert place.twice("payments", "id, updated_at", "raw_payments") == []


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ([(200, "<html>maintenance</html>", {})], "not JSON"),
        ([(200, {"data": [payment(1, 1)], "next_cursor": "1"}, {}), *[(503, "", {})] * 9], "503"),
        ([(200, {"data": [payment(1, 1)], "next_cursor": "1"}, {}), *[(200, None, {})] * 9], "broke off"),
        ([(401, {"error": "expired"}, {})], "API_TOKEN"),
    ],
)
def test_an_api_that_goes_wrong_lands_nothing_and_the_next_run_catches_up(place, api, script, says):
    api.script = list(script)
    report = place.run("payments")["payments"]
    assert not report.ok and says in report.error and "tok-3f9a81" not in report.error
    assert not place.query("select 1 from duckdb_tables() where schema_name = 'raw_payments' and table_name = 'payments'")
    api.script = []
    assert place.load("payments") == {"payments": 9}


# What goes wrong, as people see it


def secrets_of(place: Place) -> list[str]:
    token, credentials = place.settings["SOURCES__PAYMENTS__API_TOKEN"], place.settings["SOURCES__SHOP__CREDENTIALS"]
    return [token, credentials.split(":")[2].split("@")[0], place.settings.get("DBT_ENV_SECRET_WAREHOUSE_PASSWORD", token)]


def refused(place: Place, *arguments: str) -> str:
    """The output of an `ingest` that ends with exit code 1: no traceback, no secret."""
    done = place.command(*arguments)
    output = done.stdout + done.stderr
    assert done.returncode == 1, output
    assert "Traceback" not in output
    assert not any(secret in output for secret in secrets_of(place))
    return output


def test_each_failing_source_is_named_with_a_remedy_and_the_others_are_loaded(place):
    good = dict(place.settings)
    place.settings |= {
        "SOURCES__SHOP__CREDENTIALS": good["SOURCES__SHOP__CREDENTIALS"].replace("reader:", "reader:wrong-"),
        "SOURCES__PAYMENTS__API_TOKEN": "expired-91c2",
        "SOURCES__SUPPLIER__BUCKET_URL": str(place.folder / "nowhere"),
    }
    output = refused(place)
    assert "ingest: shop: " in output and "wrong user or password" in output and "SOURCES__SHOP__CREDENTIALS" in output
    assert "ingest: payments: " in output and "SOURCES__PAYMENTS__API_TOKEN" in output
    assert "ingest: supplier: " in output and "nowhere does not exist" in output
    assert place.query("select count(*) > 20 from raw_calendar.holidays") == [(True,)]
    place.settings = good
    done = place.command()
    assert done.returncode == 0, done.stderr
    assert "order_items" in done.stdout and "raw" not in done.stderr
    done = place.command("status")
    assert done.returncode == 0 and "0 min ago" in done.stdout


def test_servers_that_are_down(place):
    place.settings |= {
        "SOURCES__SHOP__CREDENTIALS": "postgresql://reader:pass-5512@127.0.0.1:1/shop",
        "SOURCES__PAYMENTS__BASE_URL": "http://127.0.0.1:1",
    }
    output = refused(place, "shop", "payments")
    assert "127.0.0.1:1 can't be reached" in output and "http://127.0.0.1:1 can't be reached" in output


def test_a_setting_that_is_missing(place):
    place.settings["SOURCES__SHOP__CREDENTIALS"] = "postgresql://a:b@c/d"
    token = place.settings.pop("SOURCES__PAYMENTS__API_TOKEN")
    done = place.command("payments")
    assert done.returncode == 1 and "SOURCES__PAYMENTS__API_TOKEN" in done.stderr and "Traceback" not in done.stderr
    assert token not in done.stderr


HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"


def test_a_warehouse_that_another_process_holds(place):
    place.load("calendar")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(place.path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        holder.stdout.readline()
        assert "is in use" in refused(place, "calendar") and str(holder.pid) in refused(place, "status")
    finally:
        holder.communicate()
    assert place.load("calendar") == {}


@on("postgres")
@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("DBT_ENV_SECRET_WAREHOUSE_PASSWORD", "wrong-8841", "wrong user or password"),
        ("WAREHOUSE_USER", "nobody", "wrong user or password"),
        ("WAREHOUSE_DATABASE", "nowhere", "create database nowhere"),
        ("WAREHOUSE_PORT", "1", "WAREHOUSE_PORT"),
    ],
)
def test_a_server_that_is_not_as_the_profile_says(place, engine, setting, value, says):
    place.settings[setting] = value
    for arguments in (["calendar"], ["status"]):
        assert says in refused(place, *arguments)


@on("postgres")
def test_a_user_who_may_create_nothing(place, engine):
    place.server.execute("revoke create on database warehouse from warehouse")
    try:
        assert "grant create on database warehouse to warehouse" in refused(place, "calendar")
    finally:
        place.server.execute("grant create on database warehouse to warehouse")
    assert place.load("calendar")


@on("bigquery")
def test_bigquery_that_can_not_be_used(place, engine):
    profiles = place.folder / "profiles"
    profiles.mkdir()
    text = Path(place.settings["DBT_PROFILES_DIR"], "profiles.yml").read_text()
    place.settings["DBT_PROFILES_DIR"] = str(profiles)
    for before, after, says in (
        ("method: oauth-secrets", "method: service-account\n      keyfile: nowhere.json", "WAREHOUSE_KEYFILE"),
        ("method: oauth-secrets", "method: oauth", "gcloud auth application-default login"),
        ("method: oauth-secrets", "method: magic", "does not know the method 'magic'"),
        ("method: oauth", "impersonate_service_account: other\n      method: oauth", "impersonate_service_account"),
    ):
        (profiles / "profiles.yml").write_text(text.replace(before, after))
        assert says in refused(place, "calendar")


WAIT = """
import sys
from dlt.pipeline.pipeline import Pipeline
extract = Pipeline.extract
def slow(*arguments, **options):
    print("extracting", flush=True)
    sys.stdin.read()
    return extract(*arguments, **options)
Pipeline.extract = slow
from ingestion.cli import main
sys.exit(main(["calendar"]))
"""


@on("postgres")
def test_two_runs_at_once(place, engine):
    first = subprocess.Popen(
        [sys.executable, "-c", WAIT], env={**os.environ, **place.settings}, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert first.stdout.readline() == b"extracting\n"
        error = place.run("calendar")["calendar"].error
        assert "Another `ingest` is loading calendar" in error and "Wait until" in error
        assert place.load("supplier"), "another source is nobody's business"
        first.communicate(timeout=60)  # ends its standard input, for which it waits
        assert first.returncode == 0
        landed = place.query("select count(*), count(distinct (country, date, name)) from raw_calendar.holidays")
        assert landed[0][0] == landed[0][1] > 0
        assert place.load("calendar") == {} and place.query("select count(*) from raw_calendar.holidays")[0][0] == landed[0][0]
    finally:
        first.kill()
        first.wait()


@on("postgres")
def test_what_is_looked_up_has_indexes_and_statistics(place, engine):
    place.load("shop", "payments")
    place.load("shop", "payments")
    indexes = dict(place.query("select indexname, indexdef from pg_indexes where schemaname = 'raw_shop' and tablename = 'orders'"))
    assert "(id, _dlt_load_id)" in indexes["orders_key"] and "(_dlt_load_id)" in indexes["orders_load"] and len(indexes) == 2
    known = {table for (table,) in place.query("select distinct tablename from pg_stats where schemaname in ('raw_shop', 'raw_payments')")}
    assert {*SHOP, "payments", "refunds"} <= known


@on("postgres")
def test_only_the_rows_that_matter_come_back_from_the_server(place, shop, engine, monkeypatch):
    place.settings["SOURCES__SHOP__LOOKBACK_HOURS"] = "0"
    place.load("shop")
    shop.execute("update orders set store_id = 1 + store_id % 12, updated_at = (select now from moa.clock) where id in (5, 6)")
    fetched, fetch = [], PostgresSession.fetch

    def spy(session, columns, *arguments):
        relation = fetch(session, columns, *arguments)
        fetched.append((sorted(columns), session.scratch.execute(f"select count(*) from {relation}").fetchone()[0]))
        return relation

    monkeypatch.setattr(PostgresSession, "fetch", spy)
    monkeypatch.setattr("ingestion.operations.verify.sample", lambda context: [])  # reads a range of each table, after the load
    assert place.load("shop") == {"orders": 2}
    whole = sorted(["_changed_at", "_deleted_at", *SHOP["orders"].split(", ")])
    assert [count for columns, count in fetched if columns == whole] == [2]
    assert all(count <= 2 for columns, count in fetched if columns != ["id"])


@on("postgres")
def test_a_raw_column_that_someone_changed_is_not_filled_with_other_values(place, engine, tmp_path):
    """ADBC sends the bits of what it has, whatever the column's type."""
    folder = tmp_path / "files"
    shutil.copytree(place.settings["SOURCES__SUPPLIER__BUCKET_URL"], folder)
    place.settings["SOURCES__SUPPLIER__BUCKET_URL"] = str(folder)
    place.load("supplier")
    before = place.query("select count(*), max(line_number) from raw_supplier.catalogue")
    place.server.execute("alter table raw_supplier.catalogue alter line_number type double precision")
    catalogue = max(folder.glob("*.csv")).read_text()
    (folder / "catalogue_2026-03-01.csv").write_text(catalogue)
    error = place.run("supplier")["supplier"].error
    assert "line_number" in error and "double precision" in error
    assert place.query("select count(*), max(line_number) from raw_supplier.catalogue") == before
    place.server.execute("alter table raw_supplier.catalogue alter line_number type bigint")
    assert place.load("supplier") == {"catalogue": len(catalogue.splitlines()) - 1}


def test_commands_that_make_no_sense(place):
    for arguments in (["nonsense"], ["--since", "yesterday"], ["--since", "2026-02-01", "--until", "2026-01-01"], ["--nope"]):
        done = place.command(*arguments)
        assert done.returncode == 2 and "Traceback" not in done.stderr, arguments
    with pytest.raises(ValueError, match="primary key"):
        Table("orders", cursor="updated_at")


def test_help_and_status_need_no_dlt(place):
    script = "import sys; from ingestion.cli import main; main(['status']); sys.exit('dlt' in sys.modules)"
    assert place.command(script=script).returncode == 0


@on("dev", "postgres")
def test_no_secret_is_written_to_disk(place, engine):
    place.load("shop", "payments")
    place.command("extract", "after", "1", "shop", script=KILL)
    files = [file for file in place.folder.rglob("*") if file.is_file()]
    assert any("shop" in file.parts and "extracted" in file.parts for file in files), "the killed run left its package"
    for file in files:
        assert not any(secret.encode() in file.read_bytes() for secret in secrets_of(place)), file


def test_errors_of_libraries_lose_their_secrets():
    text = "could not connect to postgresql://u:p%40ss@h/d password=abc Bearer xyz.123 token: 'q w'"
    assert not any(secret in redact(text) for secret in ("p%40ss", "abc", "xyz", "q w"))


@pytest.fixture
def extra_source(monkeypatch, tmp_path, place):
    """Adds a source `extra` that reads these tables of the shop's database."""
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "extra.py").write_text(
        "from ingestion.connectors.postgres import PostgresSource\nTABLES = []\nSOURCE = PostgresSource(tables=TABLES)\n"
    )
    from ingestion import sources

    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(folder)])
    for name in ("CREDENTIALS", "CLOCK_SQL"):
        place.settings[f"SOURCES__EXTRA__{name}"] = place.settings[f"SOURCES__SHOP__{name}"]
    from ingestion.sources import extra

    yield lambda tables: extra.TABLES.extend(tables)
    del sys.modules["ingestion.sources.extra"]
    del sources.extra
