"""The real servers hold what the simulation says, and behave as real systems do."""

import csv
import json
from collections import Counter
from itertools import pairwise
from urllib.error import HTTPError

import psycopg
import pytest
from support.company import get, pages, refused, shop

from demo.company import PAYMENT_TABLES, SHOP_TABLES, SPELLINGS, business_date
from demo.servers import Systems


def test_the_servers_hold_what_the_simulation_says(systems: Systems):
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


def test_the_supplier_delivers_a_file_a_day(systems: Systems):
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


def test_the_reader_can_read_everything_and_write_nothing(systems: Systems):
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


def test_the_api_pages_in_order_and_from_a_point_in_time_on(systems: Systems):
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


def test_the_api_refuses_wrong_requests(systems: Systems):
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


def test_the_api_fails_at_the_same_requests_every_time(systems: Systems):
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
