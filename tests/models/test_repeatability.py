"""The same source gives the same tables: loaded daily or at once, run again, rebuilt, or repaired."""

import os
import re
from pathlib import Path

import pytest
from support.dbt import WITHOUT_TESTS, WITHOUT_UNIT_TESTS
from support.deployment import MARTS, Deployment

VERSION_KEYS = "customer_key, product_key, store_key, source_load_ids"
OF_VERSIONS = ("monthly_sales", "sales_outliers")  # marts that show the category which a product had when it was sold
SNAPSHOTS = ("customer", "product", "store")

# Members with several changes in the later days, or deleted ones. One load at the end sees neither the versions in between nor
# when a deletion was noticed.
CHANGED_OFTEN = """
    select {entity}_id from core.dim_{entity} where is_deleted
    union
    select id from raw_shop.{entity}s group by all having count(*) > 2
"""
CHANGED_OFTEN_IN_CATALOGUE = """
    union
    select product_id from staging.stg_shop__product where sku in (
        select sku from raw_supplier.catalogue
        where file_date >= date '2026-01-01' + {first_days} - 1
        group by all
        having count(distinct (product_name, brand, category, unit_cost, pack_size)) > 1 or count(distinct file_date) < {days} + 1
    )
"""


def differences(one: Deployment, other: Deployment, sql: str) -> list[tuple]:
    """Rows that only one of the two has."""
    rows, others = set(one.query(sql)), set(other.query(sql))
    return sorted(rows ^ others, key=repr)


def test_daily_loads_and_one_load_give_the_same_facts(daily: Deployment, at_once: Deployment):
    """Only the keys of versions may differ, because one load at the end does not see the versions in between."""
    assert differences(daily, at_once, f"select * exclude ({VERSION_KEYS}) from core.fact_sales") == []
    assert differences(daily, at_once, "select * exclude (customer_key, store_key, source_load_ids) from core.fact_payment") == []


@pytest.mark.parametrize("mart", [mart for mart in MARTS if mart not in OF_VERSIONS])
def test_daily_loads_and_one_load_give_the_same_marts(daily: Deployment, at_once: Deployment, mart: str):
    assert differences(daily, at_once, f"select * from marts.{mart}") == []


@pytest.mark.parametrize("entity", ["customer", "product", "store"])
def test_daily_loads_and_one_load_give_the_same_dimensions(daily: Deployment, at_once: Deployment, first_days: int, days: int, entity: str):
    """Every member has the same current version. Members that changed once have the same history, and their facts the same keys."""
    current = f"select * exclude ({entity}_key, valid_from) from core.dim_{entity} where is_current"
    assert differences(daily, at_once, current) == []
    sql = CHANGED_OFTEN.format(entity=entity)
    sql += CHANGED_OFTEN_IN_CATALOGUE.format(first_days=first_days, days=days) if entity == "product" else ""
    changed_often = {row[0] for deployment in (daily, at_once) for row in deployment.query(sql)}
    changed = f"select {entity}_id from core.dim_{entity} group by all having count(*) = 2"
    assert {row[0] for row in daily.query(changed)} - changed_often or entity == "store"
    for rows in (f"select {entity}_id, * from core.dim_{entity}", f"select {entity}_id, order_item_id, {entity}_key from core.fact_sales"):
        assert [row for row in differences(daily, at_once, rows) if row[0] not in changed_often] == []


@pytest.mark.parametrize("daily_or_at_once", ["daily", pytest.param("at_once", marks=pytest.mark.tier("test-all"))], indirect=True)
def test_a_second_run_changes_nothing(daily_or_at_once: Deployment):
    before = daily_or_at_once.tables()
    landed = daily_or_at_once.ingest()
    daily_or_at_once.build(*WITHOUT_UNIT_TESTS)
    assert set(landed.values()) == {0}
    assert daily_or_at_once.tables() == before


@pytest.mark.tier("test-all")  # test_rebuilt_history.py proves the same of all incremental models, for less
def test_a_rebuild_from_raw_gives_the_same_marts(daily_or_at_once: Deployment):
    before = daily_or_at_once.tables()
    daily_or_at_once.build("--full-refresh", "--select", "marts", *WITHOUT_UNIT_TESTS)
    assert daily_or_at_once.tables() == before


def test_dropped_history_is_back_after_a_plain_build(daily: Deployment, tmp_path: Path):
    copy = daily.copy(tmp_path)
    for name in SNAPSHOTS:
        copy.execute(f"drop table snapshots.snap_{name}")
    copy.build(*WITHOUT_TESTS)
    assert copy.tables() == daily.tables()
    for name in SNAPSHOTS:
        rows = f"from snapshots.snap_{name} order by all"
        assert copy.query(rows) == daily.query(rows)


def test_history_with_other_columns_is_rebuilt(daily: Deployment, tmp_path: Path):
    """By a plain build: one history lacks a column, another has one too many."""
    copy = daily.copy(tmp_path)
    copy.execute("alter table snapshots.snap_customer drop column phone")
    copy.execute("alter table snapshots.snap_store add column more integer")
    copy.build(*WITHOUT_TESTS)
    for name in ("customer", "store"):
        rows = f"from snapshots.snap_{name} order by all"
        assert copy.query(rows) == daily.query(rows)


def test_a_changed_seed_is_applied_to_the_past(daily: Deployment, tmp_path: Path):
    """A past version has a spelling that no other product and no current version has. Its category changes in the seed."""
    copy = daily.copy(tmp_path)
    copy.execute("insert into staging.category_spellings values ('odds', 'Books'), ('ends', 'Toys')")
    for number, spelling in enumerate(("odds", "ends")):
        version = f"'{spelling}' as category, _changed_at + interval '{number + 1} seconds' as _changed_at"
        latest = "where id = 1 qualify row_number() over (order by _changed_at desc) = 1"
        copy.execute(f"insert into raw_shop.products select * replace ({version}) from raw_shop.products {latest}")
    run = ["build", "--select", "+snap_product", "dim_product", "--exclude", "category_spellings", *WITHOUT_TESTS]
    copy.dbt(*run)
    past = "select category, is_current from core.dim_product where product_id = 1 order by valid_from desc limit 2"
    assert copy.query(past) == [("Toys", True), ("Books", False)]
    copy.execute("update staging.category_spellings set category = 'Garden' where spelling = 'odds'")
    copy.dbt(*run)
    assert copy.query(past) == [("Toys", True), ("Garden", False)]


def test_a_corrected_file_leaves_no_trace(daily: Deployment, tmp_path: Path):
    """The supplier sends a wrong file, which is loaded and built, and then the right one: the history is as if the first never came."""
    copy = daily.copy(tmp_path)
    before = copy.query("from core.dim_product order by all")
    newest = max(copy.systems.supplier_folder.glob("catalogue_*.csv"))
    right, sent = newest.read_text(), newest.stat()
    header, *lines = right.splitlines()
    wrong = [re.sub(r"\|[0-9.]*\|([0-9]*)$", r"|77.77|\1", line) for line in lines[: len(lines) * 9 // 10]]  # costs; the rest is missing
    try:
        newest.write_text("\n".join([header, *wrong, ""]))
        copy.ingest()
        copy.build(*WITHOUT_TESTS)
        assert copy.query(
            "select count(*) filter (where unit_cost = 77.77) > 100, count(*) filter (where is_deleted) > 50 from core.dim_product"
        ) == [(True, True)]
    finally:
        newest.write_text(right)
    try:
        copy.ingest()
        copy.build(*WITHOUT_TESTS)
        assert copy.query("from core.dim_product order by all") == before
    finally:
        os.utime(newest, ns=(sent.st_atime_ns, sent.st_mtime_ns))  # other tests load from the same company
