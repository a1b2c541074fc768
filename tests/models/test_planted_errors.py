"""Every kind of wrong row is found by the dbt test that is there for it.

Errors of a group are planted into the same copy of the warehouse, one row each. No named test reads what another error of its group
changes, and each must find exactly one row: its own.
"""

from pathlib import Path

import pytest
from support.deployment import Deployment

# By group: the dbt test, and the error that it must find. `{a}`, `{b}`, … are different order lines.
GROUPS: dict[str, dict[str, str]] = {
    "rows": {
        "fact_sales__quantity_is_positive": "update core.fact_sales set quantity = -quantity where order_item_id = {a}",
        "relationships_fact_sales_product_key": "update core.fact_sales set product_key = 'orphan' where order_item_id = {b}",
        "primary_key_fact_sales_order_item_id": "insert into core.fact_sales from core.fact_sales where order_item_id = {c}",
        "accepted_values_fact_sales_order_status": "update core.fact_sales set order_status = 'deleted' where order_item_id = {d}",
        "valid_ranges_dim_customer_customer_id": "update core.dim_customer set valid_to = '2020-01-01' where customer_id = 1",
        "current_version_agrees_snap_customer": "delete from raw_shop.customers where id = 1",
        "accepted_values_stg_shop__order_order_status":
            "update raw_shop.orders set status = 'lost' where id = (select max(id) from raw_shop.orders)",
        "accepted_values_stg_payments__payment_payment_status":
            "update raw_payments.payments set record = replace(record, '\"captured\"', '\"disputed\"') where id = "
            "(select max(id) from raw_payments.payments where record like '%\"captured\"%')",
        "stg_shop__product_version__every_spelling_is_mapped":
            "insert into raw_shop.products select * replace ('Gadgetry' as category, now() as _changed_at) from raw_shop.products "
            "where id = 1 limit 1",
    },
    "amounts": {
        "fact_sales__amounts_add_up": "update core.fact_sales set net_amount = net_amount + 0.01 where order_item_id = {a}",
        "fact_payment__agrees_with_the_provider":
            "update core.fact_payment set net_amount = 0 where transaction_id = "
            "(select max(transaction_id) from core.fact_payment where net_amount <> 0)",
    },
    "agreement": {
        "fact_sales__agrees_with_the_shop": "update core.fact_sales set unit_price = unit_price + 1 where order_item_id = {a}",
    },
}  # fmt: skip


@pytest.mark.parametrize("group", GROUPS)
def test_planted_errors_are_found(daily: Deployment, tmp_path: Path, group: str):
    errors = GROUPS[group]
    copy = daily.copy(tmp_path)
    lines = copy.query("select order_item_id from core.fact_sales where not is_amount_missing order by 1 limit 4")
    for error in errors.values():
        copy.execute(error.format(**dict(zip("abcd", (line for (line,) in lines), strict=True))))
    result = copy.dbt("test", "--select", *(f"{test}*" for test in errors))
    failed = {node.node.name: node.failures for node in result.result if node.status == "fail"}
    for test in errors:
        assert [rows for name, rows in failed.items() if name.startswith(test)] == [1], (test, failed)
