"""Landing an API: only what changed is asked for, digits stay, and answers that fail or repeat lose and double nothing."""

import json
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from support.landing import on
from support.payments_api import payment

ONE_PAYMENT = {"data": [payment(1)], "next_cursor": "1"}


@on("dev", "postgres", "bigquery")
def test_only_changed_records_travel_and_each_lands_once(landing, api):
    assert landing.load("payments") == {"payments": 6}
    api.records["payments"][5]["status"] = "changed, and its cursor is not"
    api.records["payments"].append(payment(6, 20))
    api.queries.clear()
    assert landing.load("payments") == {"payments": 2}
    assert "updated_since=2026-01-04" in api.queries[0]  # the last cursor less 48 hours
    assert landing.load("payments") == {}
    assert landing.query("select record from raw_payments.payments where id = 'pay_03'") == [
        (json.dumps(payment(3, 4), ensure_ascii=False, separators=(",", ":")),)
    ]


def test_numbers_keep_their_digits(landing, api):
    record = json.dumps(payment(1, id="a", n=0, big=0))
    for name, digits in (("n", "1.10"), ("big", "12345678901234567890.123456789")):
        record = record.replace(f'"{name}": 0', f'"{name}": {digits}')
    api.script = [(200, f'{{"data": [{record}], "next_cursor": null}}', {})]
    landing.load("payments")
    [(landed,)] = landing.query("select record from raw_payments.payments where id = 'a'")
    assert '"n":1.10,"big":12345678901234567890.123456789}' in landed


def test_throttled_failing_and_broken_answers_are_asked_for_again(landing, api):
    api.script = [(429, {"error": "slow down"}, {"Retry-After": "1"}), (503, "", {}), (200, None, {}), (500, "oops", {})]
    assert landing.load("payments") == {"payments": 6}
    waited = api.times[1] - api.times[0]
    assert waited >= timedelta(seconds=1), "Retry-After was not honoured"


def test_pages_that_repeat_records_land_them_once(landing, api):
    first = api.page(urlsplit("/v1/payments"))
    api.script = [(200, first, {}), (200, {"data": first["data"], "next_cursor": "1"}, {})]
    assert landing.load("payments") == {"payments": 6}
    assert landing.doubled("payments", "id, updated_at", "raw_payments") == []


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        pytest.param([(200, "<html>maintenance</html>", {})], "not JSON", id="not JSON"),
        pytest.param([(200, ONE_PAYMENT, {}), *[(503, "", {})] * 9], "503", id="unavailable"),
        pytest.param([(200, ONE_PAYMENT, {}), *[(200, None, {})] * 9], "broke off", id="broken off"),
        pytest.param([(401, {"error": "expired"}, {})], "API_TOKEN", id="token expired"),
    ],
)
def test_an_api_that_fails_lands_nothing_and_the_next_run_catches_up(landing, api, script, reason):
    api.script = list(script)
    report = landing.try_to_load("payments")
    assert not report.ok and reason in report.error and landing.settings["SOURCES__PAYMENTS__API_TOKEN"] not in report.error
    assert not landing.query("select 1 from duckdb_tables() where schema_name = 'raw_payments' and table_name = 'payments'")
    api.script = []
    assert landing.load("payments") == {"payments": 6}
