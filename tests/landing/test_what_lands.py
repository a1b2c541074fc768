"""What a first and a second load put into raw: every row as the source sent it, once, and a table for what has no rows yet."""

import json
from datetime import UTC, datetime, timedelta

from engines.servers import Column
from support.landing import SHOP, assert_raw_is_the_shop, in_test_all, on, source_rows
from support.payments_api import company_api

from ingestion.connectors.postgres import Table

TYPES = {  # the names of the exact types on each engine
    "dev": ("DECIMAL(12,2)", "BIGINT", "TIMESTAMP WITH TIME ZONE", "DATE", "VARCHAR", "JSON"),
    "postgres": ("numeric(12,2)", "bigint", "timestamp with time zone", "date", "character varying", "json"),
    "bigquery": ("NUMERIC(12, 2)", "INTEGER", "TIMESTAMP", "DATE", "STRING", "STRING"),
}


@on("dev", "postgres", "bigquery")
def test_the_shop_lands_row_by_row_with_exact_types(landing, shop, engine):
    landed = landing.load("shop")
    assert landed == {table: len(source_rows(shop, table, "id")) for table in SHOP}
    assert_raw_is_the_shop(landing, shop)
    types = {name: column.kind for name, column in landing.columns().items()}
    decimal, integer, timestamp, date, text, _ = TYPES[engine]
    assert "customers.password_hash" not in types
    assert types["order_items.unit_price"] == types["products.price"] == decimal
    assert types["orders.id"] == types["order_items.quantity"] == integer
    assert types["orders.updated_at"] == types["orders._deleted_at"] == timestamp
    assert types["stores.opened_on"] == date
    assert types["customers.email"] == text and types["orders._dlt_load_id"].startswith(text)


@on("dev", "postgres", "bigquery")
def test_payments_files_and_holidays_land_as_they_are(landing, systems):
    landed = landing.load("payments", "supplier", "calendar")
    status = landing.status("payments", "supplier", "calendar")
    assert {row.table: row.rows for row in status} == {row.table: row.last_rows for row in status} == landed
    times = [at for row in status for at in (row.loaded_at, row.read_at)]
    assert all(datetime.now(UTC) - timedelta(minutes=5) < at <= datetime.now(UTC) for at in times)
    with company_api(systems) as ask:
        for table in ("payments", "refunds"):
            sent = {record["id"]: record for record in ask(table)}
            rows = landing.query(f"select id, updated_at, record from raw_payments.{table}")
            assert {key: json.loads(record) for key, _, record in rows} == sent
            assert len(rows) == len(sent)
            assert all(at == datetime.fromisoformat(sent[key]["updated_at"]) for key, at, _ in rows)
    for file in systems.supplier_folder.glob("catalogue_*.csv"):
        rows = landing.query(
            "select sku, product_name, brand, category, unit_cost, pack_size from "
            f"raw_supplier.catalogue where file_name = '{file.name}' and file_date = date '{file.stem[-10:]}' "
            "order by line_number"
        )
        assert ["|".join(row) for row in rows] == file.read_text(encoding="utf-8").splitlines()[1:]
    assert landing.query("select count(*) from raw_supplier.catalogue where unit_cost is null") == [(0,)]
    assert landing.query("select name from raw_calendar.holidays where date = '2026-02-06'") == [("Waitangi Day",)]


@on("dev", in_test_all("postgres"))
def test_a_second_run_lands_no_rows_and_records_its_loads(landing):
    first = landing.load()
    assert all(first.values())
    [(loads,)] = landing.query("select count(*) from raw_shop._dlt_loads")
    assert landing.load() == {}
    assert landing.load("shop", "payments", full=True) == {}
    assert landing.query("select count(*) from raw_shop._dlt_loads where status = 0") == [(loads + 2,)]


@on("dev", "postgres")
def test_a_source_without_rows_has_its_tables(landing, api, shop, extra_source, tmp_path, engine):
    extra_source([Table("things", primary_key="id")])
    shop.execute("drop table if exists things; create table things (id bigint primary key, amount numeric(6, 2))")
    shop.execute("grant select on things to reader")
    records, api.records["payments"] = api.records["payments"], []
    folder = tmp_path / "files"
    folder.mkdir()
    landing.settings["SOURCES__SUPPLIER__BUCKET_URL"] = str(folder)
    names = ["extra", "payments", "supplier"]
    for _ in range(2):
        reports = landing.run(*names)
        assert [reports[name].error for name in names] == [None] * 3
        assert reports["payments"].tables == {"payments": 0, "refunds": 0}
        assert reports["supplier"].tables == {"catalogue": 0} and "no file catalogue_*.csv" in reports["supplier"].notes[0]
        assert reports["extra"].tables == {"things": 0}

    empty = landing.columns()
    _, integer, timestamp, date, _, json_type = TYPES[engine]
    assert empty["refunds.record"] == Column("record", json_type, True) and empty["refunds.updated_at"].kind == timestamp
    assert empty["catalogue.line_number"] == Column("line_number", integer, False) and empty["catalogue.file_date"].kind == date
    assert {name for name in empty if "_dlt" in name} == {
        f"{t}._dlt_load_id" for t in ("payments", "refunds", "catalogue", "things", "quarantine", "read_log")
    }
    # Rows that come later fit, and add no column.
    api.records["payments"] = records
    (folder / "catalogue_2026-01-01.csv").write_text("sku|product_name|brand|category|unit_cost|pack_size\na|b|c|d|1.20|6\n")
    shop.execute("insert into things values (1, 1.25)")
    assert landing.load(*names) == {"things": 1, "payments": len(records), "catalogue": 1}
    assert landing.columns() == empty


def test_a_run_leaves_no_connection_open(landing):
    landing.load("calendar")
    script = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute('create table other as select 1')"
    assert landing.command(str(landing.path), script=script).returncode == 0
