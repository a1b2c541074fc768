"""`ingest verify` finds raw's names by likeness, whatever rule made them."""

import pytest

from ingestion.operations.verify_database.names import match, matched


@pytest.mark.parametrize(
    ("name", "candidates", "found"),
    [
        ("orders", ["orders", "Orders"], "orders"),
        ("Orders", ["orders", "order_items"], "orders"),
        ("OrderItems", ["order_items", "orders"], "order_items"),
        ("updatedAt", ["updated_at", "created_at"], "updated_at"),
        ("lineItems", ["line_items", "line__items"], None),
        ("größe", ["gr_e", "art"], "gr_e"),
        ("價格", ["x", "id"], None),
        ("unit-price", ["unit_price", "unit"], "unit_price"),
        ("rate %", ["rate_x", "id"], "rate_x"),
        ("net_price", ["unit_price"], None),
        ("theVeryLongNameOfAColumnThatNobodyWouldTypeTwiceInALifetimeOfSql", ["the_very_long_name_of_a_co_xyz_twice_in_a_lifetime_of_sql"],
         "the_very_long_name_of_a_co_xyz_twice_in_a_lifetime_of_sql"),
    ],
)  # fmt: skip
def test_a_name_is_found_by_likeness(name, candidates, found):
    assert match(name, candidates) == found


def test_each_name_of_raw_belongs_to_one_of_the_source():
    assert matched(["Amount", "amount", "id"], ["amount", "id"]) == {"amount": "amount", "id": "id"}
    assert matched(["價格", "數量", "id"], ["x", "id"]) == {"id": "id"}, "nobody can tell which one x is"
