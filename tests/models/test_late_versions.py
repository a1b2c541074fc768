"""A late version changes the history of its member, and the keys of exactly the facts in its range."""

from dataclasses import replace

from support.history.fixtures import APART, ORDERS, at
from support.history.generated import expected_customer
from support.history.late_load import LateLoad
from support.history.warehouse import HistoryWarehouse

FACTS = ("core.fact_sales", "core.fact_payment")


def test_only_members_with_new_rows_are_computed_again(late_load: LateLoad):
    """A row that makes no version counts as new once, and not in the next run."""
    assert late_load.computed == {
        "customer": {late_load.touched, late_load.overwritten, late_load.repeated, APART + 1, APART + 3},
        "product": {late_load.relisted, 2 * APART + 2},
    }
    assert late_load.computed_in_next_run == {"customer": set(), "product": set()}


def test_untracked_columns_make_no_version_and_are_overwritten(history_warehouse: HistoryWarehouse, late_load: LateLoad):
    rows = history_warehouse.histories.customers
    for member in (late_load.touched, late_load.repeated):
        assert late_load.customers[member] == expected_customer(member, rows[member])
    before = expected_customer(late_load.overwritten, rows[late_load.overwritten])
    assert late_load.customers[late_load.overwritten] == [replace(version, state=(*version.state[:-1], at(0))) for version in before]


def test_exactly_the_facts_in_the_range_of_a_late_version_get_its_key(late_load: LateLoad):
    """The late version of the first customer holds from day 1.7 to day 4: that is order 8. The third customer has order 4. The late
    version of the second product becomes its first one, so it holds for all facts before day 6; orders 4 and 6 keep their keys."""
    before, after = late_load.facts_before, late_load.facts_after
    changed = {fact: {key for key in after[fact] if after[fact][key] != before[fact][key]} for fact in FACTS}
    assert {fact: set(rows) for fact, rows in before.items()} == {fact: set(rows) for fact, rows in after.items()}
    assert changed["core.fact_payment"] == {f"pay-{APART + 8}-3.9"}
    deleted = {51, 52, 82}
    sold = {10 * order + number for order, day, *_ in ORDERS for number in (1, 2) if day < 6 and (order + number) % 3 == 1} - deleted
    assert sold
    assert changed["core.fact_sales"] == {APART + 81, APART + 41, APART + 42} | {2 * APART + line for line in sold}


def test_a_real_member_replaces_the_inferred_one(history_warehouse: HistoryWarehouse, late_load: LateLoad):
    for member, expected in ((APART + 3, ("Timaru", False)), (2 * APART + 3, ("Unknown", True))):
        found = history_warehouse.engine.query(f"select city, is_inferred from core.dim_customer where customer_id = {member}")
        assert [tuple(row) for row in found] == [expected]
