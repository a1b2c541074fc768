"""What an API's answers as a whole may look like: pages that break off, repeat or shrink, and what each read covers."""

import json
from datetime import UTC, datetime

import pytest
from support.landing import in_test_all, on
from support.payments_api import PaymentsApi, payment

REFUND = payment(1) | {"payment": {"id": "pay_01"}, "reason": "broken", "lines": []}
DAY_2, DAY_4 = (datetime(2026, 1, day, tzinfo=UTC) for day in (2, 4))


@pytest.mark.parametrize(
    ("pages", "reason"),
    [
        ([{"data": [], "next_cursor": "7"}] * 2, "returns the same page cursor twice"),
        ([{"items": [], "next_cursor": None}], "has no list 'data'"),
        ([{"data": None, "next_cursor": None}], "has no list 'data'"),
        ([{"data": [payment(9, 9)], "next_cursor": "2"}, {"data": []}], "has no next_cursor"),
    ],
    ids=["cursor repeated", "no list", "null for a list", "no cursor"],
)
def test_an_answer_that_is_no_page_stops_its_table_and_no_other(changing, api, pages, reason):
    api.records["refunds"] = [REFUND]
    api.script = [(200, page, {}) for page in pages]
    report = changing.try_to_load("payments")
    assert not report.ok and reason in report.error and report.tables == {"payments": 0, "refunds": 1}
    assert changing.outcome("payments", "payments") == "contract_violated" and changing.outcome("payments", "refunds") == "complete"
    assert changing.load("payments") == {"payments": 6}, "the cursor did not move"


def test_repeated_records_and_an_empty_page_in_the_middle_change_nothing(changing, api):
    first, *_ = records = [payment(n, 1 + n) for n in range(6)]
    pages = [([first], "1"), ([first, records[1]], "2"), ([], "3"), (records[2:], None)]
    api.script = [(200, {"data": data, "next_cursor": cursor}, {}) for data, cursor in pages]
    assert changing.load("payments") == {"payments": 6}
    assert [json.loads(record) for _, record in changing.raw()] == records


def test_a_list_that_shrank_stops_the_table(changing, api, change_endpoint):
    """A list without a cursor is all there is, so half a list is not believed."""
    change_endpoint(cursor=None)
    api.records["payments"] = [payment(n) for n in range(10)]
    changing.load("payments")
    api.records["payments"] = [payment(n) for n in range(7)]
    for _ in range(2):
        report = changing.try_to_load("payments")
        assert not report.ok and "7 records came, and 10 the last time" in report.error
        assert changing.outcome("payments", "payments") == "contract_violated"
    assert changing.load("payments", allow_deletes=True) == {}
    assert changing.load("payments") == {}, "the next list is compared with the 7 records"


def test_an_api_that_cannot_be_read_is_recorded_as_failed_not_stopped(changing, api):
    changing.load("payments")
    api.script = [(401, {}, {})]
    assert "API_TOKEN" in changing.try_to_load("payments").error
    assert changing.outcome("payments", "payments") == changing.outcome("payments", "refunds") == "failed"


def test_consecutive_reads_overlap_and_an_interval_covers_what_was_asked(changing, api):
    changing.load("payments")
    changing.load("payments")
    changing.load("payments", since=DAY_2, until=DAY_4)
    covered = "select read_from, read_until from raw_payments.read_log where table_name = 'payments' order by read_id"
    (start, end), (next_start, next_end), interval = changing.query(covered)
    assert start is None and end == next_end == datetime(2026, 1, 6, 3, tzinfo=UTC), "up to the last record, in the API's time"
    assert next_start == datetime(2026, 1, 4, 3, tzinfo=UTC), "48 hours before it"
    assert interval == (DAY_2, DAY_4)


# One bad thing takes nothing else


def test_a_redirect_is_followed_with_the_token_to_the_same_host_only(changing, api):
    """Some servers leave the query out when they add a slash: then each page would be the first."""
    api.redirects = {"/v1/payments": "/v1/payments/"}
    assert changing.load("payments") == {"payments": 6}
    assert set(api.tokens) == {f"Bearer {changing.settings['SOURCES__PAYMENTS__API_TOKEN']}"}
    with PaymentsApi() as other:
        other.records["payments"] = [payment(9)]
        api.redirects = {"/v1/payments": f"{other.url}/v1/payments"}
        other.script = [(401, {}, {})]
        report = changing.try_to_load("payments")
        assert other.tokens == [None]
        port = other.url.rpartition(":")[2]
        assert f"redirects to 127.0.0.1:{port}, which answers 401: the token is sent to no other host" in report.error
        assert "SOURCES__PAYMENTS__BASE_URL" in report.error
        assert changing.outcome("payments", "payments") == "failed" and changing.outcome("payments", "refunds") == "complete"


def test_redirects_without_end_fail_that_list_alone(changing, api):
    api.records["refunds"] = [REFUND]
    api.redirects = {"/v1/payments": "/v1/payments"}
    report = changing.try_to_load("payments")
    assert not report.ok and "more than 30 times" in report.error and report.tables["refunds"] == 1


@pytest.mark.parametrize("answer", [(200, "<html>", {}), (404, {}, {}), (403, {}, {}), (400, {}, {})], ids=["no JSON", "404", "403", "400"])
def test_an_answer_that_fails_takes_its_list_and_no_other(changing, api, answer):
    api.records["refunds"] = [REFUND]
    api.script = [answer]
    report = changing.try_to_load("payments")
    assert not report.ok and report.error.startswith("payments: ") and report.tables["refunds"] == 1
    assert changing.outcome("payments", "payments") == "failed" and changing.outcome("payments", "refunds") == "complete"
    assert changing.load("payments") == {"payments": 6}


DEEP = "[" * 1500 + "]" * 1500


@on("dev", in_test_all("postgres"), in_test_all("bigquery"))
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("1" * 5000, "a number has 5000 digits"),
        ("1e" + "9" * 30, "a number has 32 digits"),
        (DEEP, "a value has more than 250 levels"),
        ('{"a":' * 1500 + "1" + "}" * 1500, "a value has more than 250 levels"),
        (f"[NaN, {DEEP}]", "a value is NaN, which JSON does not have"),
    ],
    ids=["digits", "exponent", "lists", "objects", "NaN too"],
)
def test_a_record_that_can_not_be_parsed_goes_to_quarantine_and_the_others_land(changing, api, engine, value, reason):
    good, bad = payment(1, note="[" * 300 + '"'), payment(2, odd="HERE")
    answer = json.dumps({"data": [good, bad, payment(3)], "next_cursor": None}).replace('"HERE"', value)
    api.records["refunds"] = [REFUND]
    api.script = [(200, answer, {})]
    report = changing.try_to_load("payments")
    assert report.ok and report.tables == {"payments": 2, "refunds": 1} and report.quarantined == {"payments": 1}
    assert changing.ids() == ["pay_01", "pay_03"]
    [(why, record, _)] = changing.quarantine("payments", "payments")
    assert why == reason
    assert record == {"json_text": json.dumps(bad, separators=(",", ":")).replace('"HERE"', value.replace(", ", ","))}, "whole"
    assert changing.replay("payments")["payments"].replayed == {}, "it can be put through again, and is what it was"
