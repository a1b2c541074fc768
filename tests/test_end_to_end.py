"""The promises, from real servers to marts: what is right after days of loading, in whatever order it was loaded."""

import json
import re
import shutil
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import holidays
import pytest
from conftest import MARTS, PROJECT, STAR, Works, bad
from engines.parity import WITHOUT_TESTS

HISTORY, DAYS = 10, 5


@pytest.fixture(scope="module")
def daily(make_works: Any) -> Works:
    """A company that was loaded after its first days, and then after each of five more."""
    works = make_works(HISTORY)
    works.ingest()
    works.build()
    for _ in range(DAYS):
        works.systems.live(1)
        works.ingest()
        works.build(*WITHOUT_TESTS)
    works.build()
    return works


@pytest.fixture(scope="module")
def at_once(make_works: Any) -> Works:
    """The same company and the same first load, but the five days came with one load at the end."""
    works = make_works(HISTORY)
    works.ingest()
    works.build()
    works.systems.live(DAYS)
    works.ingest()
    works.build()
    return works


@pytest.fixture(params=["daily", "at_once"])
def works(request: pytest.FixtureRequest) -> Works:
    return request.getfixturevalue(request.param)


def test_revenue_is_what_the_company_says_it_sold(works: Works):
    sold = {
        (row["business_date"], row["store_id"], row["channel"]): (
            row["net_amount"], row["orders"], row["units"], row["lines_without_price"],
        )
        for row in works.systems.company.truth().sales.to_pylist()
    }  # fmt: skip
    said = {
        row[:3]: row[3:]
        for row in works.query("select date, store_id, channel, revenue, orders, units, lines_without_amount from marts.daily_revenue")
    }
    assert len(sold) > 100
    assert said == sold


def test_payments_and_refunds_are_what_the_company_was_paid_and_paid_back(works: Works):
    truth = works.systems.company.truth()
    for table, kind, status in (
        (truth.payments, "payment", "captured"),
        (truth.refunds, "refund", "succeeded"),
    ):
        moved = {row["date"]: row["amount"] for row in table.to_pylist()}
        said = works.query(
            f"""
            select occurred_on, sum(amount) from core.fact_payment
            where transaction_type = '{kind}' and transaction_status = '{status}' group by all
            """
        )
        assert moved and dict(said) == moved


def test_every_difference_between_sold_and_paid_is_explained(works: Works):
    """No price was recorded, the order is gone, the refund is pending: nothing else differs in this company."""
    assert works.query("select * from marts.payment_reconciliation where unexplained_amount <> 0") == []
    assert works.query(
        "select sum(missing_amount) > 0, sum(unmatched_amount) > 0, sum(owed_amount) > 0 from marts.payment_reconciliation"
    ) == [(True, True, True)]


def test_again_is_the_same(works: Works):
    before = works.tables()
    landed = works.ingest()
    works.build()
    assert set(landed.values()) == {0}
    assert works.tables() == before


def test_incremental_facts_equal_a_rebuild_from_raw(works: Works):
    before = works.tables()
    works.build("--full-refresh", "--select", "marts")
    assert works.tables() == before


def _difference(one: Works, other: Works, sql: str) -> list[tuple]:
    """Rows that one has and the other has not, either way."""
    rows, others = set(one.query(sql)), set(other.query(sql))
    return sorted(rows ^ others, key=repr)


VERSION_KEYS = "customer_key, product_key, store_key, source_load_ids"


def test_loading_daily_or_at_once_gives_the_same_facts(daily: Works, at_once: Works):
    """All but the keys of versions, as one load at the end can't see the versions in between."""
    assert _difference(daily, at_once, f"select * exclude ({VERSION_KEYS}) from core.fact_sales") == []
    assert _difference(daily, at_once, "select * exclude (customer_key, store_key, source_load_ids) from core.fact_payment") == []


# Members of which more than one thing was said during the days, or which were deleted: their versions in
# between, and when a deletion was noticed, are what one load at the end cannot see.
BUSY = """
    select {entity}_id from core.dim_{entity} where is_deleted
    union
    select id from raw_shop.{entity}s group by all having count(*) > 2
"""
BUSY_CATALOGUE = """
    union
    select product_id from staging.stg_shop__product where sku in (
        select sku from raw_supplier.catalogue
        where file_date >= date '2026-01-01' + {day} - 1
        group by all
        having count(distinct (product_name, brand, category, unit_cost, pack_size)) > 1 or count(distinct file_date) < {days} + 1
    )
"""


@pytest.mark.parametrize("entity", ["customer", "product", "store"])
def test_loading_daily_or_at_once_gives_the_same_dimensions(daily: Works, at_once: Works, entity: str):
    """Every member is now the same; those that changed once have the same history, and their facts the same keys."""
    current = f"select * exclude ({entity}_key, valid_from) from core.dim_{entity} where is_current"
    assert _difference(daily, at_once, current) == []
    sql = BUSY.format(entity=entity) + (BUSY_CATALOGUE.format(day=HISTORY, days=DAYS) if entity == "product" else "")
    busy = {row[0] for works in (daily, at_once) for row in works.query(sql)}
    changed = f"select {entity}_id from core.dim_{entity} group by all having count(*) = 2"
    assert {row[0] for row in daily.query(changed)} - busy or entity == "store"
    for rows in (f"select {entity}_id, * from core.dim_{entity}", f"select {entity}_id, order_item_id, {entity}_key from core.fact_sales"):
        assert [row for row in _difference(daily, at_once, rows) if row[0] not in busy] == []


def test_daily_loads_see_history_grow(daily: Works):
    """Otherwise the comparison above would compare nothing."""
    for entity in ("customer", "product"):
        assert daily.query(f"select count(*) > count(distinct {entity}_id) from core.dim_{entity}") == [(True,)]


def test_no_gap_no_overlap_one_current(works: Works):
    for entity in ("customer", "product", "store"):
        pairs = works.query(
            f"""
            select a.{entity}_id from core.dim_{entity} as a, core.dim_{entity} as b
            where a.{entity}_id = b.{entity}_id and a.{entity}_key <> b.{entity}_key
                and a.valid_from < b.valid_to and b.valid_from < a.valid_to
            """
        )
        assert pairs == []
        covered = works.query(
            f"""
            select {entity}_id from core.dim_{entity} group by all
            having sum(epoch_us(valid_to) - epoch_us(valid_from))
                <> epoch_us(timestamptz '9999-12-31 00:00:00+00') - epoch_us(timestamptz '1900-01-01 00:00:00+00')
                or count(*) filter (where is_current) <> 1
            """
        )
        assert covered == []


def test_every_fact_has_the_version_valid_when_it_happened(works: Works):
    for fact, instant, entities in (
        ("fact_sales", "ordered_at", ("customer", "product", "store")),
        ("fact_payment", "occurred_at", ("customer", "store")),
    ):
        for entity in entities:
            ((all_rows, joined, valid),) = works.query(
                f"""
                select
                    count(*),
                    count(d.{entity}_key),
                    count(*) filter (where f.{instant} >= d.valid_from and f.{instant} < d.valid_to
                        and (d.{entity}_id = f.{entity}_id or d.{entity}_key = '-1'))
                from core.{fact} as f left join core.dim_{entity} as d using ({entity}_key)
                """
            )
            assert all_rows == joined == valid > 0
        assert works.query(f"select count(*) from core.{fact} anti join core.dim_date using (date_id)") == [(0,)]


def test_what_was_planted_comes_out_right(daily: Works):
    """Orders that committed late are there, deleted ones are gone."""
    planted = daily.systems.company.truth().planted
    orders = {row[0] for row in daily.query("select distinct order_id from core.fact_sales")}
    deleted = {row["order_id"] for row in planted["deleted_orders"].to_pylist()}
    late = {row["order_id"] for row in planted["late_orders"].to_pylist()} - deleted
    assert deleted
    assert late
    assert deleted & orders == set()
    assert late <= orders


def test_late_customers_are_mended(daily: Works):
    """An order can come a day before its customer: it carries the unknown member until then."""
    assert daily.query(
        """
        select count(*) from core.fact_sales
        where customer_key = '-1' and customer_id in (select customer_id from core.dim_customer)
        """
    ) == [(0,)]


def test_missing_amounts_are_not_invented(works: Works):
    planted = works.systems.company.truth().planted["lines_without_price"]
    missing = {row["order_item_id"] for row in planted.to_pylist()}
    said = works.query("select order_item_id, unit_price, gross_amount, net_amount from core.fact_sales where is_amount_missing")
    assert said and {row[0] for row in said} <= missing
    assert {row[1:] for row in said} == {(None, None, None)}


def test_text_is_clean(works: Works):
    assert works.query("select email from core.dim_customer where email <> lower(trim(email))") == []
    assert works.query("select count(*) > 0 from core.dim_customer where full_name = 'Unknown' and customer_id > 0") == [(True,)]
    categories = {row[0] for row in works.query("select distinct category from core.dim_product")}
    from demo.words import CATEGORY_SPELLINGS

    assert categories == {*CATEGORY_SPELLINGS, "Unknown"}


@pytest.mark.parametrize(
    ("error", "test"),
    [
        ("update core.fact_sales set quantity = -quantity where order_item_id = {line}", "fact_sales__quantity_is_positive"),
        ("update core.fact_sales set net_amount = net_amount + 0.01 where order_item_id = {line}", "fact_sales__amounts_add_up"),
        ("update core.fact_sales set product_key = 'orphan' where order_item_id = {line}", "relationships_fact_sales_product_key"),
        ("insert into core.fact_sales from core.fact_sales where order_item_id = {line}", "primary_key_fact_sales_order_item_id"),
        ("update core.fact_sales set order_status = 'deleted' where order_item_id = {line}", "accepted_values_fact_sales_order_status"),
        ("update core.dim_customer set valid_to = '2020-01-01' where customer_id = 1", "valid_ranges_dim_customer_customer_id"),
        ("delete from raw_shop.customers where id = 1", "current_version_agrees_snap_customer"),
        ("update raw_shop.orders set status = 'lost' where id = (select max(id) from raw_shop.orders)",
         "accepted_values_stg_shop__order_order_status"),
        ("update raw_payments.payments set record = replace(record, '\"captured\"', '\"disputed\"') where id = "
         "(select max(id) from raw_payments.payments where record like '%\"captured\"%')",
         "accepted_values_stg_payments__payment_payment_status"),
        ("update core.fact_sales set unit_price = unit_price + 1 where order_item_id = {line}", "fact_sales__agrees_with_the_shop"),
        ("update core.fact_payment set net_amount = 0 where net_amount <> 0", "fact_payment__agrees_with_the_provider"),
        ("insert into raw_shop.products select * replace ('Gadgetry' as category, now() as _changed_at) from raw_shop.products "
         "where id = 1 limit 1",
         "stg_shop__product_version__every_spelling_is_mapped"),
    ],
)  # fmt: skip
def test_planted_errors_are_caught(daily: Works, tmp_path: Path, error: str, test: str):
    """Each error is planted into a copy of the warehouse; the dbt test that is there for it, and named here, fails."""
    copy = Works(tmp_path, daily.systems)
    shutil.copy(daily.path, copy.path)
    ((line,),) = copy.query("select min(order_item_id) from core.fact_sales where not is_amount_missing")
    copy.execute(error.format(line=line))
    failed = bad(copy.dbt("test", "--select", f"{test}*"))
    assert any(name.startswith(test) for name in failed), failed


def test_history_that_was_dropped_is_back_after_a_plain_build(daily: Works, tmp_path: Path):
    copy = Works(tmp_path, daily.systems)
    shutil.copy(daily.path, copy.path)
    for name in ("customer", "product", "store"):
        copy.execute(f"drop table snapshots.snap_{name}")
    copy.build(*WITHOUT_TESTS)
    assert copy.tables() == daily.tables()
    for name in ("customer", "product", "store"):
        rows = f"from snapshots.snap_{name} order by all"
        assert copy.query(rows) == daily.query(rows)


def test_history_whose_columns_changed_is_made_anew(daily: Works, tmp_path: Path):
    """By a plain build; a column more, a column fewer."""
    copy = Works(tmp_path, daily.systems)
    shutil.copy(daily.path, copy.path)
    copy.execute("alter table snapshots.snap_customer drop column phone")
    copy.execute("alter table snapshots.snap_store add column more integer")
    copy.build(*WITHOUT_TESTS)
    for name in ("customer", "store"):
        rows = f"from snapshots.snap_{name} order by all"
        assert copy.query(rows) == daily.query(rows)


PLAIN = """
snapshots:
  - name: plain_store
    relation: ref('stg_shop__store')
    config: {strategy: timestamp, unique_key: store_id, updated_at: updated_at}
  - name: plain_customer
    relation: ref('stg_shop__customer')
    config: {strategy: check, unique_key: customer_id, check_cols: [city, segment]}
"""


def test_snapshots_of_dbt_s_own_strategies_work_beside_ours(daily: Works, tmp_path: Path):
    copy = Works(tmp_path, daily.systems)
    shutil.copy(daily.path, copy.path)
    project = tmp_path / "project"
    for name in ("models", "macros", "seeds", "snapshots", "tests/data"):
        shutil.copytree(PROJECT / name, project / name)
    shutil.copy(PROJECT / "dbt_project.yml", project)
    (project / "snapshots" / "plain.yml").write_text(PLAIN)
    snapshot = ["snapshot", "--project-dir", str(project)]
    assert bad(copy.dbt(*snapshot)) == {}
    copy.execute(
        "insert into raw_shop.customers select * replace ('Elsewhere' as city, _changed_at + interval '1 second' as _changed_at) "
        "from raw_shop.customers where id = 1 qualify row_number() over (order by _changed_at desc) = 1"
    )
    assert bad(copy.dbt(*snapshot)) == {}
    versions = "select count(*), count(*) filter (where dbt_valid_to is null) from snapshots.plain_customer where customer_id = 1"
    assert copy.query(versions) == [(2, 1)]
    assert copy.query("select count(*) > 0, count(*) = count(distinct store_id) from snapshots.plain_store") == [(True, True)]
    assert copy.query("select city from snapshots.snap_customer where customer_id = 1 and is_current") == [("Elsewhere",)]


def test_a_seed_that_changes_is_applied_to_the_past(daily: Works, tmp_path: Path):
    """The only product that was ever spelled so is spelled otherwise today, so that its current version stays as it is."""
    copy = Works(tmp_path, daily.systems)
    shutil.copy(daily.path, copy.path)
    copy.execute("insert into staging.category_spellings values ('odds', 'Books'), ('ends', 'Toys')")
    for number, spelling in enumerate(("odds", "ends")):
        told = f"'{spelling}' as category, _changed_at + interval '{number + 1} seconds' as _changed_at"
        latest = "where id = 1 qualify row_number() over (order by _changed_at desc) = 1"
        copy.execute(f"insert into raw_shop.products select * replace ({told}) from raw_shop.products {latest}")
    run = ["build", "--select", "+snap_product", "dim_product", "--exclude", "category_spellings", *WITHOUT_TESTS]
    copy.dbt(*run)
    past = "select category, is_current from core.dim_product where product_id = 1 order by valid_from desc limit 2"
    assert copy.query(past) == [("Toys", True), ("Books", False)]
    copy.execute("update staging.category_spellings set category = 'Garden' where spelling = 'odds'")
    copy.dbt(*run)
    assert copy.query(past) == [("Toys", True), ("Garden", False)]


def test_sums_stay_exact(works: Works):
    """Money is decimal from the source to the marts."""
    types = works.query(
        """
        select distinct data_type from information_schema.columns
        where table_schema in ('raw_shop', 'staging', 'core', 'marts')
            and regexp_matches(
                column_name, '^(revenue|unit_price|list_price|unit_cost|lifetime_value|(gross|discount|net|sold|paid)_amount)$')
        """
    )
    assert {kind.split("(")[0] for (kind,) in types} == {"DECIMAL"}
    ((total,),) = works.query("select sum(revenue) from marts.daily_revenue")
    assert total == sum((row["net_amount"] for row in works.systems.company.truth().sales.to_pylist()), Decimal(0))


def test_all_tables_have_rows(works: Works):
    tables = works.tables()
    assert set(tables) == {*STAR, *MARTS}
    assert all(tables.values())


def test_a_file_that_was_mended_leaves_no_trace(make_works: Any):
    """The supplier sends a wrong file, we build on it, and then the right one: the history is as if it never was."""
    works = make_works(3)
    works.ingest()
    works.build(*WITHOUT_TESTS)
    before = works.query("from core.dim_product order by all")
    newest = max(works.systems.supplier_folder.glob("catalogue_*.csv"))
    right = newest.read_text()
    header, *lines = right.splitlines()
    wrong = [re.sub(r"\|[0-9.]*\|([0-9]*)$", r"|77.77|\1", line) for line in lines[: len(lines) * 9 // 10]]  # costs; the rest is missing
    newest.write_text("\n".join([header, *wrong, ""]))
    works.ingest()
    works.build(*WITHOUT_TESTS)
    assert works.query(
        "select count(*) filter (where unit_cost = 77.77) > 100, count(*) filter (where is_deleted) > 50 from core.dim_product"
    ) == [(True, True)]
    newest.write_text(right)
    works.ingest()
    works.build(*WITHOUT_TESTS)
    assert works.query("from core.dim_product order by all") == before


def test_dim_date_is_the_calendar(works: Works):
    """Every day of the years with facts and of the one after, as Python's calendar and the library `holidays` have it."""
    days = works.query("select * from core.dim_date order by date_id")
    first, last = date(2026, 1, 1), date(2027, 12, 31)
    public = holidays.country_holidays("NZ", years=range(first.year, last.year + 1))
    assert [row[1] for row in days] == [first + timedelta(n) for n in range((last - first).days + 1)]
    for date_id, on, year, quarter, month, week_year, week, day_of_week, day_name, month_name, is_weekend, is_holiday, name in days:
        assert (date_id, year, month) == (int(f"{on:%Y%m%d}"), on.year, on.month)
        assert (quarter, (week_year, week, day_of_week)) == ((on.month + 2) // 3, tuple(on.isocalendar()))
        assert (day_name, month_name, is_weekend) == (f"{on:%A}", f"{on:%B}", on.weekday() >= 5)
        assert is_holiday == (on in public) == (name is not None)


def test_every_column_is_described(daily: Works):
    """Whatever stands in the warehouse, raw included, is in the documentation, and nothing else is; but for published copies and views."""
    manifest = json.loads((daily.folder / "target" / "manifest.json").read_text())
    described = {
        (node["schema"], node.get("identifier") or node["alias"], column)
        for node in [*manifest["nodes"].values(), *manifest["sources"].values()]
        for column in node.get("columns", {})
    }
    there = daily.query(
        """
        select table_schema, table_name, column_name from information_schema.columns
        where table_catalog = current_database() and table_schema not in ('unfiled', 'audited')
            and (table_schema <> 'published' or table_name = 'data_status')
            and (table_name = '_dlt_loads' or not starts_with(table_name, '_dlt'))
        """
    )
    assert set(there) ^ described == set()
