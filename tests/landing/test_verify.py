"""`ingest checksum` and each load compare raw with the sources: they name each value that differs, and nothing else."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from support import commands
from support.deployment import Deployment
from support.landing import in_test_all

import ingestion
from ingestion.operations.verify import verify as checksum
from ingestion.operations.verify_database import ranges as module

BOTH_ENGINES = pytest.mark.parametrize("deployment", ["dev", "postgres"], indirect=True)
POSTGRES_IN_TEST_ALL = pytest.mark.parametrize("deployment", ["dev", in_test_all("postgres")], indirect=True)


@pytest.fixture(scope="module")
def deployment(deploy: Callable[..., Deployment], request: pytest.FixtureRequest) -> Deployment:
    deployment = deploy(days=3, scale=0.05, target=request.param)
    deployment.ingest()
    return deployment


@pytest.fixture
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RANGE_ROWS", 100)


def differences(deployment: Deployment, *sources: str) -> dict[str, list[str]]:
    """What differs when everything is compared, by table."""
    found = deployment.call(checksum, sources, None, True, 0)
    return {f"{check.source}.{check.table}": check.differences for check in found if check.differences}


@BOTH_ENGINES
def test_raw_agrees_with_the_sources(deployment):
    assert differences(deployment) == {}
    compared = {check.table: check.rows for check in deployment.call(checksum, ["shop", "supplier"], None, True)}
    landed = deployment.query("select count(distinct id) from raw_shop.products union all select count(*) from raw_supplier.catalogue")
    assert sorted([compared["products"], compared["catalogue"]]) == sorted(count for (count,) in landed)


@BOTH_ENGINES
def test_each_value_that_differs_is_named(deployment, small_ranges):
    """A decimal by a cent, a text, a lost row; a line of a file, and a record of an API."""
    deployment.execute("update raw_shop.order_items set unit_price = unit_price + 0.01 where id = 7")
    deployment.execute("update raw_shop.customers set city = 'nowhere' where id = 3")
    deployment.execute("delete from raw_shop.products where id = 123")
    a_line = "file_name = 'catalogue_2026-01-03.csv' and line_number = 9"
    deployment.execute(f"update raw_supplier.catalogue set unit_cost = '0.00' where {a_line}")
    captured = "cast(record as varchar) like '%captured%'"
    [(payment, record)] = deployment.query(f"select id, record from raw_payments.payments where {captured} order by id limit 1")
    failed = (record if isinstance(record, str) else json.dumps(record)).replace("captured", "failed")
    deployment.execute(f"update raw_payments.payments set record = '{failed}' where id = '{payment}'")

    found = differences(deployment)
    assert [difference.split("; status: ")[0] for difference in found.pop("payments.payments")] == [f"{payment}: status differs"]
    assert set(found) == {"shop.order_items", "shop.customers", "shop.products", "supplier.catalogue"}
    [price], [city], [product], [cost] = (
        found[table] for table in ("shop.order_items", "shop.customers", "shop.products", "supplier.catalogue")
    )
    assert re.fullmatch(r"id \d+ to \d+: unit_price differs in 1 of \d+ rows; id 7: raw is off by 0\.01", price)
    assert re.fullmatch(r"id 1 to \d+: city differs in 1 of \d+ rows; id 3: source text of length \d+, raw text of length 7", city)
    assert product == "id 101 to 200: 1 of 100 rows not in raw, the first 123"
    assert cost.startswith("catalogue_2026-01-03.csv: unit_cost differs in 1 of ") and "; line 9: source " in cost

    done = commands.ingest(deployment.call, "checksum", "shop", "--all")
    assert done.returncode == 1 and done.stderr.count("ingest: shop.") == 3
    assert done.stderr.endswith("To land what differs: ingest shop --full\n")
    deployment.execute(f"delete from raw_payments.payments where id = '{payment}'")
    assert differences(deployment, "payments") == {"payments.payments": [f"{payment} is not in raw"]}
    deployment.ingest(sources=["shop", "supplier", "payments"], full=True)
    assert differences(deployment) == {}


@POSTGRES_IN_TEST_ALL
def test_each_load_compares_some_rows_and_the_next_load_repairs_the_table(deployment):
    deployment.execute("update raw_shop.order_items set unit_price = unit_price + 0.01 where id = 7")
    [report] = deployment.call(ingestion.run, ["shop"])
    assert not report.ok and "order_items: id " in report.error and "unit_price differs in 1 of" in report.error
    outcome = "select outcome from raw_shop.read_log where table_name = 'order_items' order by read_id desc limit 1"
    assert deployment.query(outcome) == [("mismatch",)], "what is built of it must not be published"
    # The next load reads the whole table, as its sample may be another range. The load of an interval does not.
    deployment.call(ingestion.run, ["shop"], until=datetime(2020, 1, 1, tzinfo=UTC))
    [report] = deployment.call(ingestion.run, ["shop"])
    assert report.ok and report.tables["order_items"] == 1 and report.checked["order_items"] > 100
    assert deployment.query(outcome) == [("complete",)] and differences(deployment, "shop") == {}


@POSTGRES_IN_TEST_ALL
def test_a_sample_is_some_ranges_which_its_seed_chooses(deployment, small_ranges):
    def sample(seed: int) -> tuple[int, bool]:
        """The rows of products that were compared, and whether any of them differs."""
        [check] = [check for check in deployment.call(checksum, ["shop"], None, False, seed) if check.table == "products"]
        return check.rows, bool(check.differences)

    [(products,)] = deployment.query("select count(distinct id) from raw_shop.products")
    assert products > 400
    deployment.execute("update raw_shop.products set price = price + 1 where id = 250")
    found = {seed: sample(seed) for seed in range(6)}
    assert all(0 < rows <= 300 for rows, _ in found.values())
    assert {differs for _, differs in found.values()} == {True, False}
    assert {seed: sample(seed) for seed in found} == found
    deployment.ingest(sources=["shop"], full=True)


@POSTGRES_IN_TEST_ALL
def test_what_changed_since_the_last_load_is_no_difference(deployment):
    """A day that was not loaded yet, and a late commit whose cursor is within the look-back of the next load."""
    deployment.systems.live(1)
    assert differences(deployment) == {}
    deployment.ingest()
    with deployment.systems.connect() as owner:
        [(reached,)] = owner.execute("select max(updated_at) from orders")
        [before] = owner.execute("select ordered_at, updated_at from orders where id = 1")
    for hours, columns in ((1, []), (24 * 30, ["ordered_at", "updated_at"])):  # the look-back is two days
        with deployment.systems.connect() as owner:
            owner.execute(
                "update orders set ordered_at = ordered_at - interval '1 minute', updated_at = %s where id = 1",
                [reached - timedelta(hours=hours)],
            )
        found = differences(deployment, "shop").get("shop.orders", [])
        differing = [name for name in ("ordered_at", "updated_at") if any(f": {name} differs in 1 of " in text for text in found)]
        assert differing == columns
    with deployment.systems.connect() as owner:
        owner.execute("update orders set ordered_at = %s, updated_at = %s where id = 1", before)
    assert differences(deployment) == {}
