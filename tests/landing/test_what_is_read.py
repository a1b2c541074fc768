"""How little a later load reads: only changed rows leave the source, only their versions leave the warehouse, by indexes."""

from pathlib import Path

from support.landing import SHOP, on

from ingestion.warehouses.postgres.store import PostgresSession


def test_only_changed_rows_leave_the_source(landing, shop):
    landing.load("shop")
    log = Path(shop.execute("show data_directory").fetchone()[0]) / "log"
    shop.execute("alter system set log_statement = 'all'")
    shop.execute("select pg_reload_conf()")
    before = log.stat().st_size
    try:
        landing.load("shop")
    finally:
        shop.execute("alter system reset log_statement")
        shop.execute("select pg_reload_conf()")
    statements = log.read_bytes()[before:].decode()
    reads = [line for line in statements.splitlines() if "COPY" in line and '"order_id"' in line]
    assert len(reads) == 1 and """where "updated_at" > '2026-01-1""" in reads[0]
    # All reads of one table share one snapshot: the keys that are compared are those of the rows that were read.
    assert "REPEATABLE READ READ ONLY" in statements


@on("postgres")
def test_only_versions_of_changed_rows_leave_the_warehouse(landing, shop, engine, monkeypatch):
    landing.settings["SOURCES__SHOP__LOOKBACK_HOURS"] = "0"
    landing.load("shop")
    shop.execute("update orders set store_id = 1 + store_id % 12, updated_at = (select now from moa.clock) where id in (5, 6)")
    fetched, fetch = [], PostgresSession.fetch

    def spy(session, columns, *arguments):
        relation = fetch(session, columns, *arguments)
        fetched.append((sorted(columns), session.scratch.execute(f"select count(*) from {relation}").fetchone()[0]))
        return relation

    monkeypatch.setattr(PostgresSession, "fetch", spy)
    monkeypatch.setattr("ingestion.operations.verify.sample", lambda *context: [])  # reads a range of each table, after the load
    assert landing.load("shop") == {"orders": 2}
    whole = sorted(["_changed_at", "_deleted_at", *SHOP["orders"].split(", ")])
    assert [count for columns, count in fetched if columns == whole] == [2]
    assert all(count <= 2 for columns, count in fetched if columns != ["id"])


@on("postgres")
def test_raw_tables_have_indexes_and_statistics(landing, engine):
    landing.load("shop", "payments")
    landing.load("shop", "payments")
    indexes = dict(landing.query("select indexname, indexdef from pg_indexes where schemaname = 'raw_shop' and tablename = 'orders'"))
    assert "(id, _dlt_load_id)" in indexes["orders_key"] and "(_dlt_load_id)" in indexes["orders_load"] and len(indexes) == 2
    known = {
        table for (table,) in landing.query("select distinct tablename from pg_stats where schemaname in ('raw_shop', 'raw_payments')")
    }
    assert {*SHOP, "payments", "refunds"} <= known
