"""The sample company: the same days for the same seed, in the simulation and in the real servers alike."""

import csv
import json
import os
import signal
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from demo.cli import main
from demo.company import PAYMENT_TABLES, SHOP_TABLES, SPELLINGS, Company, business_date
from demo.postgres import command_of
from demo.servers import DemoError, Systems
from demo.words import CATEGORY_SPELLINGS

SCALE = 0.05
HOURS_LATE = timedelta(hours=36)


@pytest.fixture(scope="module")
def lived():
    """Forty days of the simulation alone."""
    return Company(seed=7, scale=SCALE).live_until(40)


@pytest.fixture(scope="module")
def systems(tmp_path_factory):
    """Real servers: twelve days in bulk, then three lived one by one."""
    made = Systems(tmp_path_factory.mktemp("company") / "moa")
    try:
        yield made.start(days=12, scale=SCALE, seed=7).live(3)
    finally:
        made.clean()


def shop(systems, query, *values):
    with psycopg.connect(systems.settings()["SOURCES__SHOP__CREDENTIALS"]) as connection:
        return connection.execute(query, values).fetchall()


def get(systems, path, token=None, **parameters):
    settings = systems.settings()
    url = f"{settings['SOURCES__PAYMENTS__BASE_URL']}{path}?{urlencode(parameters)}"
    token = settings["SOURCES__PAYMENTS__API_TOKEN"] if token is None else token
    with urlopen(Request(url, headers={"Authorization": f"Bearer {token}"}), timeout=10) as answer:
        return json.load(answer)


def refused(systems, path, token=None, **parameters):
    with pytest.raises(HTTPError) as error:
        get(systems, path, token, **parameters)
    body = json.load(error.value)
    return error.value.code, body["error"], error.value.headers


def pages(systems, path, **parameters):
    """Every page's records, tried again when refused."""
    cursor = {}
    while cursor is not None:
        try:
            page = get(systems, path, **parameters, **cursor)
        except HTTPError as error:
            assert error.code in (429, 503)
            continue
        yield page["data"]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None


def differences(one, other):
    """The tables in which two companies differ."""
    names = [name for name in SHOP_TABLES + PAYMENT_TABLES if not one.rows(name).equals(other.rows(name))]
    truths = one.truth(), other.truth()
    for name in ("sales", "payments", "refunds"):
        names += [] if getattr(truths[0], name).equals(getattr(truths[1], name)) else [f"truth {name}"]
    names += [n for n, table in truths[0].planted.items() if not table.equals(truths[1].planted[n])]
    return names + ([] if one.catalogue() == other.catalogue() else ["catalogue"])


# -- the simulation ---------------------------------------------------------------------------------------------


def test_the_same_seed_lives_the_same_days_in_one_go_or_one_by_one(lived):
    other = Company(seed=7, scale=SCALE).live_until(35)
    other.truth(), other.catalogue()  # looking must not change what comes
    while other.day < 40:
        other.live()
    assert differences(lived, other) == []
    assert differences(lived, Company(seed=8, scale=SCALE).live_until(40)) != []


def test_days_added_up_are_the_present():
    """Applying every day's changes to nothing gives the rows that the company says it holds."""
    company = Company(seed=3, scale=SCALE)
    held = {name: {row["id"]: row for row in company.rows(name).to_pylist()} for name in SHOP_TABLES + PAYMENT_TABLES}
    for _ in range(30):
        changes = company.live()
        for name, ids in changes.deletes.items():
            for id_ in ids:
                del held[name][id_]
        for name, which in changes.upserts.items():
            held[name] |= {row["id"]: row for row in company.rows(name, which).to_pylist()}
    for name, rows in held.items():
        assert rows == {row["id"]: row for row in company.rows(name).to_pylist()}, name


def test_every_changed_row_is_younger_than_the_latest_late_commit():
    company = Company(seed=3, scale=SCALE).live_until(5)
    late = 0
    for _ in range(30):
        before = company.clock
        changes = company.live()
        for name, which in changes.upserts.items():
            for row in company.rows(name, which).to_pylist():
                at = row["updated_at"]
                at = at if isinstance(at, datetime) else datetime.fromtimestamp(at / 1000, UTC)
                assert company.clock - HOURS_LATE <= at < company.clock, (name, row)
                late += at < before
    assert late > 30


def test_sales_are_what_the_rows_add_up_to(lived):
    """Row by row in Decimal, independent of the vectorised sums."""
    orders = {row["id"]: row for row in lived.rows("orders").to_pylist() if row["status"] != "cancelled"}
    net, units, counted = Decimal(0), 0, set()
    for line in lived.rows("order_items").to_pylist():
        if line["order_id"] in orders:
            units += line["quantity"]
            counted.add(line["order_id"])
            if line["unit_price"] is not None:
                net += line["quantity"] * line["unit_price"] - line["discount_amount"]
    sales = lived.truth().sales
    assert pc.sum(sales["net_amount"]).as_py() == net
    assert pc.sum(sales["units"]).as_py() == units
    assert pc.sum(sales["orders"]).as_py() == len(orders) == len(counted)
    assert pc.min(sales["business_date"]).as_py() == business_date(1)
    assert pc.max(sales["business_date"]).as_py() == business_date(40)


def test_cancelled_orders_that_were_paid_are_refunded_in_full(lived):
    payments = [json.loads(text) for text in lived.rows("payments")["record"].to_pylist()]
    paid = {p["order"]["id"]: Decimal(p["amount"]["value"]) for p in payments if p["status"] == "captured"}
    refunds = [json.loads(text) for text in lived.rows("refunds")["record"].to_pylist()]
    for refund in refunds:
        assert Decimal(refund["amount"]["value"]) == sum(Decimal(line["amount"]) for line in refund["lines"])
        assert Decimal(refund["amount"]["value"]) <= paid[refund["order"]["id"]]
    cancelled = [r for r in refunds if r["reason"] == "cancelled"]
    assert cancelled and all(Decimal(r["amount"]["value"]) == paid[r["order"]["id"]] for r in cancelled)
    due = lived.clock - timedelta(days=1)  # a refund follows its cancellation within a day
    refunded = {r["order"]["id"] for r in cancelled}
    for order in lived.rows("orders").to_pylist():
        if order["status"] == "cancelled" and order["updated_at"] < due and order["id"] in paid:
            assert order["id"] in refunded
    assert {r["status"] for r in refunds} == {"succeeded", "pending"}


def test_every_oddity_is_planted(lived):
    planted = lived.truth().planted
    assert {name for name, table in planted.items() if not table.num_rows} == set()
    changed = planted["customer_changes"]
    assert set(changed["field"].to_pylist()) == {"city", "segment", "email"}
    assert set(changed["seen"].to_pylist()) == {True, False}  # some changed twice in one day
    assert pc.all(pc.not_equal(changed["old"], changed["new"])).as_py()
    customers = lived.rows("customers")
    names, emails = customers["full_name"].to_pylist(), customers["email"].to_pylist()
    assert {"", "   "} & set(names)
    assert any("ā" in name for name in names) and any("민준" in name for name in names)
    assert any(email and email != email.strip().lower() for email in emails)
    assert {row["status"] for row in lived.rows("orders").to_pylist()} == {"placed", "completed", "cancelled"}
    assert None in lived.rows("products")["category"].to_pylist()
    held = set(lived.rows("orders")["id"].to_pylist())
    assert held.isdisjoint(planted["deleted_orders"]["order_id"].to_pylist())
    assert held.issuperset(set(planted["late_orders"]["order_id"].to_pylist())
                           - set(planted["deleted_orders"]["order_id"].to_pylist()))  # fmt: skip
    back = set(planted["returned_customers"]["customer_id"].to_pylist())
    assert back <= set(planted["deleted_customers"]["customer_id"].to_pylist())
    listed = planted["catalogue"]["listed"].to_pylist()
    assert True in listed and False in listed


def test_orders_of_the_day_the_clocks_go_back_stay_within_that_day():
    """2026-04-05 (day 95) has 25 hours in New Zealand."""
    company = Company(seed=1, scale=SCALE).live_until(96)
    orders = company.rows("orders").to_pylist()
    start, end = datetime(2026, 4, 4, 11, tzinfo=UTC), datetime(2026, 4, 5, 12, tzinfo=UTC)
    sunday = [order for order in orders if start <= order["ordered_at"] < end]
    sales = company.truth().sales
    sold = sales.filter(pc.equal(sales["business_date"], pa.scalar(business_date(95))))
    assert pc.sum(sold["orders"]).as_py() == sum(o["status"] != "cancelled" for o in sunday) > 0
    assert company.clock == datetime(2026, 4, 6, 12, tzinfo=UTC)


def test_no_spelling_belongs_to_two_categories():
    assert len(set(SPELLINGS)) == len(SPELLINGS) == 5 * len(CATEGORY_SPELLINGS)
    assert len({s.strip().lower() for s in CATEGORY_SPELLINGS}) == len(CATEGORY_SPELLINGS)


# -- the servers ------------------------------------------------------------------------------------------------


def test_the_servers_hold_what_the_simulation_says(systems):
    company = systems.company
    assert company.day == systems.day == 15
    assert shop(systems, "select now from moa.clock") == [(company.clock,)] == [(systems.clock,)]
    for table in SHOP_TABLES:
        rows = company.rows(table)
        held = shop(systems, f"select {', '.join(rows.column_names)} from {table} order by id")
        assert held == [tuple(row.values()) for row in rows.to_pylist()], table
    for table in PAYMENT_TABLES:
        served = {r["id"]: r for page in pages(systems, f"/v1/{table}", limit=500) for r in page}
        assert served == {r["id"]: r for r in map(json.loads, company.rows(table)["record"].to_pylist())}
        assert len(served) > 10


def test_the_supplier_delivers_a_file_a_day(systems):
    files = sorted(systems.supplier_folder.iterdir())
    assert [f.name for f in files] == [f"catalogue_{business_date(day)}.csv" for day in range(1, 16)]
    assert files[-1].read_text() == systems.company.catalogue()
    repeated, skus, categories, blank = 0, [], set(), 0
    for file in files:
        with file.open(encoding="utf-8", newline="") as text:
            rows = list(csv.DictReader(text, delimiter="|"))
        counts = Counter(tuple(row.values()) for row in rows)
        repeated += sum(count - 1 for count in counts.values())
        assert len(counts) == len({row["sku"] for row in rows})  # only exact duplicates
        skus.append({row["sku"] for row in rows})
        categories |= {row["category"] for row in rows}
        blank += sum(row["unit_cost"] == "" for row in rows)
    assert repeated and blank and categories == {*SPELLINGS, ""}
    assert any(before - after for before, after in pairwise(skus))


def test_the_reader_can_read_everything_and_write_nothing(systems):
    for statement in (
        "delete from orders",
        "update moa.clock set now = now()",
        "create table t (a int)",
        "create temporary table t (a int)",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            shop(systems, statement)
    url = systems.settings()["SOURCES__SHOP__CREDENTIALS"]
    password = url.split(":")[2].split("@")[0]
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url.replace(password, "x"))


def test_the_api_pages_in_order_and_from_an_instant_on(systems):
    systems.faults()
    records = [r for page in pages(systems, "/v1/payments", limit=7) for r in page]
    keys = [(r["updated_at"], r["id"]) for r in records]
    assert keys == sorted(set(keys))
    middle = records[len(records) // 2]["updated_at"]
    since = [r for page in pages(systems, "/v1/payments", limit=7, updated_since=middle) for r in page]
    assert since == [r for r in records if r["updated_at"] >= middle]
    assert get(systems, "/v1/payments", updated_since="2030-01-01T00:00:00Z") == {
        "data": [],
        "next_cursor": None,
    }


def test_the_api_refuses_what_is_wrong(systems):
    systems.faults()
    assert refused(systems, "/v1/payments", token="wrong")[0] == 401
    assert refused(systems, "/v1/unknown")[0] == 404
    for wrong in (
        {"limit": 501},
        {"limit": "many"},
        {"cursor": "x"},
        {"updated_since": "2026-01-01"},
        {"since": 1},
    ):
        status, error, _ = refused(systems, "/v1/payments", **wrong)
        assert (status, error["code"]) == (400, "bad_request"), wrong
    old = systems.settings()["SOURCES__PAYMENTS__API_TOKEN"]
    systems.expire_token()
    assert refused(systems, "/v1/refunds", token=old)[0] == 401
    assert get(systems, "/v1/refunds", limit=1)["data"]


def test_the_api_misbehaves_at_the_same_requests_every_time(systems):
    def statuses():
        systems.faults(too_many_every=3, unavailable_every=4)
        seen = []
        for _ in range(8):
            try:
                get(systems, "/v1/payments", limit=1)
                seen.append(200)
            except HTTPError as error:
                seen.append(error.code)
                assert error.code == 503 or error.headers["Retry-After"] == "1"
        return seen

    assert statuses() == statuses() == [200, 200, 429, 503, 200, 429, 200, 503]
    systems.faults(repeat_every=2)
    got = list(pages(systems, "/v1/payments", limit=10))
    assert all(got[n][0] == got[n - 1][-1] for n in range(1, len(got) - 1, 2))
    assert len({r["id"] for page in got for r in page}) == systems.company.rows("payments").num_rows
    systems.faults()


# -- starting and stopping --------------------------------------------------------------------------------------


def test_a_company_is_resumed_and_remade_as_it_was(tmp_path, capsys):
    """Stopped, restarted, its API killed, its data lost: the same company every time."""
    folder = str(tmp_path / "moa")
    command = ["--folder", folder]
    systems = Systems(folder)
    try:
        assert main([*command, "start", "--days", "4", "--scale", "0.02"]) == 0
        settings, orders = systems.settings(), shop(systems, "select * from orders order by id")
        assert main([*command, "stop"]) == 0
        assert not systems.running
        assert main([*command, "live"]) == 1
        assert "demo start" in capsys.readouterr().err

        assert main([*command, "start"]) == 0
        assert (systems.settings(), systems.day) == (settings, 4)
        assert shop(systems, "select * from orders order by id") == orders

        pid = systems._read()["api_pid"]
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        assert not command_of(pid) and not systems.running
        systems.start()
        assert get(systems, "/v1/payments", limit=1)["data"]

        systems._postgres.remove()
        systems.start()
        assert shop(systems, "select * from orders order by id") == orders

        capsys.readouterr()
        assert main([*command, "env"]) == 0
        assert f"export SOURCES__SUPPLIER__BUCKET_URL={systems.supplier_folder}" in capsys.readouterr().out
        assert (systems.folder / "state.json").stat().st_mode & 0o777 == 0o600
        assert main([*command, "start", "--seed", "9"]) == 1
        assert main([*command, "start", "--days", "5"]) == 0 and systems.day == 5
    finally:
        assert main([*command, "clean"]) == 0
    assert not systems.folder.exists() and main([*command, "status"]) == 1


def test_a_day_that_was_cut_off_is_lived_again(tmp_path):
    """The shop has the day already, the state does not: living it again ends where it should."""
    systems = Systems(tmp_path / "moa").start(days=3, scale=0.02, seed=2)
    try:
        state = systems._read()
        systems.live(1)
        systems._write(state)
        again = Systems(systems.folder).live(2)
        assert again.day == 5
        for table in SHOP_TABLES:
            rows = again.company.rows(table)
            held = shop(again, f"select {', '.join(rows.column_names)} from {table} order by id")
            assert held == [tuple(row.values()) for row in rows.to_pylist()], table
    finally:
        systems.clean()


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(DemoError, match="not empty"):
        Systems(tmp_path).start(days=1, scale=0.02)
    Systems(tmp_path).clean()
    assert (tmp_path / "thesis.txt").exists()
