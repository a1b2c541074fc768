"""A team's own snapshots, with dbt's strategies, beside the histories that are rebuilt from raw."""

from pathlib import Path

from support.dbt import not_passed
from support.deployment import Deployment, copied_project

PLAIN = """
snapshots:
  - name: plain_store
    relation: ref('stg_shop__store')
    config: {strategy: timestamp, unique_key: store_id, updated_at: updated_at}
  - name: plain_customer
    relation: ref('stg_shop__customer')
    config: {strategy: check, unique_key: customer_id, check_cols: [city, segment]}
"""


def test_snapshots_with_dbt_strategies_work_beside_histories(daily: Deployment, tmp_path: Path):
    copy = daily.copy(tmp_path)
    project = copied_project(tmp_path)
    (project / "snapshots" / "plain.yml").write_text(PLAIN)
    snapshot = ["snapshot", "--project-dir", str(project)]
    assert not_passed(copy.dbt(*snapshot)) == {}
    copy.execute(
        "insert into raw_shop.customers select * replace ('Elsewhere' as city, _changed_at + interval '1 second' as _changed_at) "
        "from raw_shop.customers where id = 1 qualify row_number() over (order by _changed_at desc) = 1"
    )
    assert not_passed(copy.dbt(*snapshot)) == {}
    versions = "select count(*), count(*) filter (where dbt_valid_to is null) from snapshots.plain_customer where customer_id = 1"
    assert copy.query(versions) == [(2, 1)]
    assert copy.query("select count(*) > 0, count(*) = count(distinct store_id) from snapshots.plain_store") == [(True, True)]
    assert copy.query("select city from snapshots.snap_customer where customer_id = 1 and is_current") == [("Elsewhere",)]
