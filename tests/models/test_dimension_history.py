"""Versions of a dimension have no gap and no overlap, and every fact has the version that was valid when it happened."""

from support.deployment import Deployment


def test_no_gap_no_overlap_one_current_version(daily_or_at_once: Deployment):
    for entity in ("customer", "product", "store"):
        pairs = daily_or_at_once.query(
            f"""
            select a.{entity}_id from core.dim_{entity} as a, core.dim_{entity} as b
            where a.{entity}_id = b.{entity}_id and a.{entity}_key <> b.{entity}_key
                and a.valid_from < b.valid_to and b.valid_from < a.valid_to
            """
        )
        assert pairs == []
        wrong = daily_or_at_once.query(
            f"""
            select {entity}_id from core.dim_{entity} group by all
            having sum(epoch_us(valid_to) - epoch_us(valid_from))
                <> epoch_us(timestamptz '9999-12-31 00:00:00+00') - epoch_us(timestamptz '1900-01-01 00:00:00+00')
                or count(*) filter (where is_current) <> 1
            """
        )
        assert wrong == []


def test_every_fact_has_the_version_valid_when_it_happened(daily_or_at_once: Deployment):
    for fact, happened_at, entities in (
        ("fact_sales", "ordered_at", ("customer", "product", "store")),
        ("fact_payment", "occurred_at", ("customer", "store")),
    ):
        for entity in entities:
            ((all_rows, joined, valid),) = daily_or_at_once.query(
                f"""
                select
                    count(*),
                    count(d.{entity}_key),
                    count(*) filter (where f.{happened_at} >= d.valid_from and f.{happened_at} < d.valid_to
                        and (d.{entity}_id = f.{entity}_id or d.{entity}_key = '-1'))
                from core.{fact} as f left join core.dim_{entity} as d using ({entity}_key)
                """
            )
            assert all_rows == joined == valid > 0
        assert daily_or_at_once.query(f"select count(*) from core.{fact} anti join core.dim_date using (date_id)") == [(0,)]


def test_daily_loads_add_versions(daily: Deployment):
    """Otherwise the other tests would compare nothing."""
    for entity in ("customer", "product"):
        assert daily.query(f"select count(*) > count(distinct {entity}_id) from core.dim_{entity}") == [(True,)]


def test_orders_find_customers_that_arrived_later(daily: Deployment):
    """An order can arrive a day before its customer. It has the unknown member only until then."""
    assert daily.query(
        """
        select count(*) from core.fact_sales
        where customer_key = '-1' and customer_id in (select customer_id from core.dim_customer)
        """
    ) == [(0,)]
