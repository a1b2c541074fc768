"""History follows from raw alone, by the rule in docs/history.md: generated histories on every engine, against an oracle."""

from collections import Counter
from typing import Any

from support.history.generated import expected_customer, expected_product
from support.history.oracle import Version
from support.history.warehouse import HistoryWarehouse


def shortest_difference(found: dict[int, list[Version]], expected: dict[int, list[Version]], known: dict[int, Any]) -> list[tuple]:
    """Of the histories that differ, the shortest: its row versions, the expected history and the one found."""
    wrong = [(known[member], expected.get(member), found.get(member)) for member in known if found.get(member) != expected.get(member)]
    return sorted(wrong, key=lambda each: len(repr(each[0])))[:1]


def test_history_follows_the_rule_after_every_run(history_warehouse: HistoryWarehouse):
    """Several versions in one load, late ones, out of order, deleted and back, repeated, or with a change that makes no version."""
    for run in history_warehouse.runs:
        customers = history_warehouse.histories.known_customers(run.loads)
        expected = {member: expected_customer(member, rows) for member, rows in customers.items() if rows}
        assert shortest_difference(run.customers, expected, customers) == []
        products = history_warehouse.histories.known_products(run.loads)
        expected = {member: expected_product(member, rows, files) for member, (rows, files) in products.items() if rows}
        assert shortest_difference(run.products, expected, products) == []


def test_generated_histories_have_enough_versions(history_warehouse: HistoryWarehouse):
    """Otherwise the test above would compare nothing."""
    first, last = history_warehouse.runs[0], history_warehouse.runs[-1]
    for found in (last.customers, last.products):
        sizes = Counter(len(versions) for versions in found.values())
        assert min(sizes[size] for size in (1, 2, 3, 4)) >= 3, sizes
    assert sum(len(versions) for versions in first.customers.values()) < sum(len(versions) for versions in last.customers.values())


def test_no_version_is_there_twice(history_warehouse: HistoryWarehouse):
    """After a killed load raw may hold rows twice. A violated primary key would fail every later build."""
    raw = history_warehouse.rows("raw_shop.customers")
    assert raw != sorted(set(raw), key=repr)
    rows = history_warehouse.rows("staging.stg_shop__customer_version", ("customer_id", "changed_at", "_dlt_load_id"))
    assert len(rows) == len(set(rows)) > len(history_warehouse.histories.customers)
