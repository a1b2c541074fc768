"""What changed at a source lands in the next run: late commits, deleted rows that return, intervals, new versions of a file."""

import json
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from support.landing import assert_raw_is_the_shop, in_test_all, on
from support.payments_api import company_api

from ingestion.connectors.postgres import Table
from ingestion.errors import UsageError
from ingestion.landing import raw_tables


@on("dev", in_test_all("postgres"))
def test_rows_that_commit_late_land(landing, shop):
    landing.load("shop")
    [(first, newest)] = shop.execute("select min(id), max(updated_at) from orders")
    new_order = "insert into orders select %s, customer_id, store_id, channel, status, ordered_at, %s from orders where id = %s"
    # Later than the cursor, before it but within the look-back, and long before it.
    for number, at in enumerate((newest + timedelta(minutes=1), newest - timedelta(hours=40), newest - timedelta(days=8))):
        shop.execute(new_order, [900_000 + number, at, first])
    assert landing.load("shop") == {"orders": 3}
    # A changed row that commits late.
    shop.execute("update orders set status = 'cancelled', updated_at = %s where id = 900001", [newest - timedelta(hours=39)])
    assert landing.load("shop") == {"orders": 1}
    assert_raw_is_the_shop(landing, shop)


@on("dev", "postgres")
def test_deleted_rows_are_marked_once_and_can_return(landing, shop):
    landing.load("shop")
    order = shop.execute("select * from orders order by updated_at limit 1").fetchone()
    lines = shop.execute("select * from order_items where order_id = %s", [order[0]]).fetchall()
    shop.execute("delete from orders where id = %s", [order[0]])
    report = landing.try_to_load("shop")
    assert report.deleted == {"orders": 1, "order_items": len(lines)} and report.tables["orders"] == 1
    marked = landing.query(
        f"select _deleted_at, customer_id, updated_at from raw_shop.orders where id = {order[0]} and _deleted_at is not null"
    )
    assert marked == [(shop.execute("select now from moa.clock").fetchone()[0].astimezone(UTC), order[1], order[6].astimezone(UTC))]
    assert landing.load("shop") == {}
    assert_raw_is_the_shop(landing, shop)
    shop.execute("insert into orders values (%s, %s, %s, %s, %s, %s, %s)", order)
    for line in lines:
        shop.execute("insert into order_items values (%s, %s, %s, %s, %s, %s, %s, %s)", line)
    assert landing.load("shop") == {"orders": 1, "order_items": len(lines)}
    assert landing.load("shop") == {}
    assert_raw_is_the_shop(landing, shop)


@on("postgres")
def test_of_keys_too_many_to_name_only_those_that_are_gone_are_marked(landing, shop, extra_source, monkeypatch):
    """Then the versions of all keys come from the warehouse."""
    extra_source([Table("marks", primary_key="id")])
    shop.execute("drop table if exists marks; create table marks as select generate_series(1, 20)::bigint as id")
    shop.execute("grant select on marks to reader")
    landing.load("extra")
    monkeypatch.setattr(raw_tables, "NAMED_KEYS", 1)
    shop.execute("delete from marks where id in (2, 3)")
    assert landing.try_to_load("extra").deleted == {"marks": 2}
    assert landing.load("extra") == {}


@on("dev", "bigquery")
def test_a_row_that_is_only_a_key_can_return(landing, shop, extra_source):
    extra_source([Table("marks", primary_key="id")])
    shop.execute("drop table if exists marks; create table marks as select generate_series(1, 3)::bigint as id")
    shop.execute("grant select on marks to reader")
    landing.load("extra")
    for statement, live in (("delete from marks where id = 2", [(1,), (3,)]), ("insert into marks values (2)", [(1,), (2,), (3,)])):
        shop.execute(statement)
        assert landing.load("extra") == {"marks": 1}
        assert landing.latest("marks", "id", "raw_extra") == live


def test_names_in_camel_case_are_the_same_columns_in_every_run(landing, shop, extra_source):
    """dlt writes names in snake case: a run must still find what raw holds, or all of it would land again."""
    extra_source([Table("notes", primary_key="noteId", cursor="updatedAt")])
    shop.execute(
        'drop table if exists notes; create table notes ("noteId" bigint primary key, "Text" text, "updatedAt" timestamptz not null);'
        "insert into notes select n, 'note ' || n, now() from generate_series(1, 3) as n; grant select on notes to reader"
    )
    assert landing.load("extra") == {"notes": 3}
    assert landing.load("extra") == {}
    shop.execute("""update notes set "Text" = 'new' where "noteId" = 1; delete from notes where "noteId" = 2""")
    assert landing.load("extra") == {"notes": 2}
    assert landing.load("extra") == {}
    rows = landing.query('select note_id, "text", _deleted_at is not null from raw_extra.notes order by _dlt_load_id, note_id')
    assert rows[3:] == [(1, "new", False), (2, "note 2", True)]


def test_a_table_that_lost_many_rows_deletes_nothing_until_it_is_allowed(landing, shop):
    landing.load("shop")
    lost = len(shop.execute("delete from customers where id % 2 = 0 returning id").fetchall())
    assert lost > 30
    shop.execute("update stores set city = 'Nelson', updated_at = (select now from moa.clock) where id = 1")
    report = landing.try_to_load("shop")
    assert not report.ok and "customers" in report.error and "--allow-deletes" in report.error
    assert report.deleted == {} and report.tables["stores"] == 1
    assert landing.try_to_load("shop", allow_deletes=True).deleted["customers"] == lost
    assert_raw_is_the_shop(landing, shop)


def test_daily_loads_end_with_what_the_shop_and_the_payments_api_hold(make_landing, deploy):
    company = deploy(days=3).systems
    landing = make_landing(company.settings())
    for _ in range(3):
        landing.load("shop", "payments")
        company.live(1)
    landing.load("shop", "payments")
    with company.connect() as connection:
        assert_raw_is_the_shop(landing, connection)
    with company_api(company) as ask:
        sent = {record["id"]: record for record in ask("payments")}
    landed = landing.query("select arg_max(record, _dlt_load_id) from raw_payments.payments group by id")
    assert {json.loads(record)["id"]: json.loads(record) for (record,) in landed} == sent


def test_an_interval_is_read_again_and_the_cursor_stays(landing, shop):
    middle = datetime(2026, 1, 5, tzinfo=UTC)
    landing.load("shop", until=middle)
    assert landing.query("select count(*) > 0, max(updated_at) < '2026-01-05' from raw_shop.orders") == [(True, True)]
    landing.load("shop")  # reads all the rest
    assert_raw_is_the_shop(landing, shop)
    shop.execute("update orders set status = 'cancelled' where updated_at < %s and id %% 3 = 0", [middle])
    cancelled = "select count(*) from orders where updated_at < %s and id %% 3 = 0 and status = 'cancelled'"
    changed = shop.execute(cancelled, [middle]).fetchone()[0]
    # A change after the interval: without a look-back, only a run that begins at the cursor of the last full run finds it.
    landing.settings["SOURCES__SHOP__LOOKBACK_HOURS"] = "0"
    newest = "(select max(id) from orders)"
    shop.execute(f"update orders set store_id = 1 + store_id % 12, updated_at = (select now from moa.clock) where id = {newest}")
    before = landing.query("select count(*) from raw_shop.orders")[0][0]
    landed = landing.load("shop", since=middle - timedelta(days=9), until=middle)
    assert 0 < landed["orders"] <= changed and before + landed["orders"] == landing.query("select count(*) from raw_shop.orders")[0][0]
    assert landing.load("shop") == {"orders": 1}
    assert_raw_is_the_shop(landing, shop)
    with pytest.raises(UsageError):
        landing.run("shop", since=middle, until=middle)


def test_a_row_dated_in_the_future_does_not_hide_later_changes(landing, shop):
    shop.execute("update orders set updated_at = '2099-01-01' where id = (select max(id) from orders)")
    landing.load("shop")
    shop.execute("update orders set status = 'cancelled', updated_at = (select now from moa.clock) where id = (select min(id) from orders)")
    assert landing.load("shop") == {"orders": 1}
    assert_raw_is_the_shop(landing, shop)


@on("dev", in_test_all("postgres"))
def test_a_new_version_of_a_file_lands(landing, tmp_path):
    folder = tmp_path / "files"
    shutil.copytree(landing.settings["SOURCES__SUPPLIER__BUCKET_URL"], folder)
    landing.settings["SOURCES__SUPPLIER__BUCKET_URL"] = str(folder)
    landing.load("supplier")
    file = sorted(folder.iterdir())[0]
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(lines[:3]) + 'X-1|24" pipe, "so called"|Moa||1.20|6\n', encoding="utf-8")
    assert landing.load("supplier") == {"catalogue": 3}
    assert landing.query("select product_name, category, line_number from raw_supplier.catalogue where sku = 'X-1'") == [
        ('24" pipe, "so called"', "", 3)
    ]
