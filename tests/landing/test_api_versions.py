"""Which version of an API's record is the latest, whatever its date says, and whichever order versions come in."""

import json
from datetime import UTC, datetime

import pytest
from support.landing import in_test_all, on
from support.payments_api import payment

LATEST = "select record from raw_payments.payments where id = 'pay_05' order by _changed_at desc, _dlt_load_id desc limit 1"
FUTURE = "2099-01-01T00:00:00.000Z"


@on("dev", in_test_all("postgres"))
def test_what_an_api_sends_now_is_the_latest_version_whatever_its_date(changing, api, change_endpoint):
    """A record dated 2099 by mistake is put right, once when it landed and once when it was in quarantine."""
    for wrong in (payment(5, 6, status="failed"), payment(5, 6, status="failed", amount=None)):
        api.records["payments"] = [payment(n, 1 + n) for n in range(6)]
        changing.load("payments")
        api.records["payments"][5] = wrong | {"updated_at": FUTURE}
        changing.try_to_load("payments")
        api.records["payments"][5] = payment(5, 5)
        changing.load("payments")
        assert json.loads(changing.query(LATEST)[0][0]) == payment(5, 5)
        assert changing.load("payments") == {} and changing.quarantine("payments", "payments") == []
    change_endpoint(fields=())
    assert changing.replay("payments")["payments"].ok and json.loads(changing.query(LATEST)[0][0]) == payment(5, 5)


@on("dev", "postgres")
def test_a_record_that_was_put_right_is_the_latest_version_after_a_replay_too(changing, api, change_endpoint):
    """The correction went to quarantine, and the API no longer sends it when the contract is fixed."""
    api.records["payments"][5] = payment(5, status="failed", updated_at=FUTURE)
    changing.load("payments")
    api.records["payments"][5] = payment(5, 7, amount=None)
    changing.try_to_load("payments")
    api.records["payments"] = []
    change_endpoint(fields=())
    assert changing.replay("payments")["payments"].replayed == {"payments": 1}
    assert json.loads(changing.query(LATEST)[0][0]) == payment(5, 7, amount=None)


def test_versions_in_one_answer_are_ordered_by_their_dates(changing, api):
    """In whichever order and however often they come, also when raw has a version dated 2099."""
    versions = [payment(1, day, status=status) for day, status in ((9, "pending"), (10, "captured"))]
    landed_in_order = "select record from raw_payments.payments where id = 'pay_01' order by _changed_at, _dlt_load_id"
    for records in (versions, versions[::-1]):
        api.answer_once(*records)
        changing.try_to_load("payments")
        assert [json.loads(record)["status"] for (record,) in changing.query(landed_in_order)] == ["pending", "captured"]
    api.answer_once(payment(1, status="failed", updated_at=FUTURE))
    changing.load("payments")
    for records in (versions, versions[::-1]):
        versions[1]["note"] = str(records)
        for landed in ({"payments": 1}, {}):
            api.answer_once(*records * 2)
            assert changing.load("payments") == landed
        *_, (latest,) = changing.query(landed_in_order)
        assert json.loads(latest) == versions[1]


def test_a_record_that_changes_between_two_pages_is_what_the_second_page_has(changing, api):
    pages = [([payment(1)], "1"), ([payment(1, status="failed")], None)]
    api.script = [(200, {"data": data, "next_cursor": cursor}, {}) for data, cursor in pages]
    assert changing.load("payments") == {"payments": 2}
    [(first, old), (second, new)] = changing.query("select _changed_at, record from raw_payments.payments order by _changed_at")
    assert first < second and json.loads(new)["status"] == "failed" != json.loads(old)["status"]


def test_a_load_fails_while_the_machine_s_clock_is_before_the_last_load(changing, api, monkeypatch):
    """Models find new rows by the time of the load."""
    changing.load("payments")
    with monkeypatch.context() as patch:
        patch.setattr("ingestion.landing.pipeline.time.time", lambda: 1_700_000_000.0)
        error = changing.try_to_load("payments").error
    assert "The clock of this machine is before the last load of payments" in error and "Correct it" in error
    assert changing.outcome("payments", "payments") == "failed"
    assert changing.load("payments") == {} and changing.outcome("payments", "payments") == "complete"


@pytest.mark.parametrize(("zone", "hour"), [(None, 16), ("Pacific/Auckland", 3), ("America/New_York", 21)])
def test_a_time_without_a_zone_is_of_the_one_that_is_declared(changing, api, change_endpoint, zone, hour):
    change_endpoint(fields=(), timezone=zone)
    at = datetime(2026, 1, 2, hour, tzinfo=UTC)
    api.answer_once(payment(1, updated_at="2026-01-02T16:00:00"), payment(2, updated_at="2026-01-01T16:00:00Z"))
    changing.load("payments")
    assert [row[1:] for row in changing.raw("id, updated_at, _changed_at")] == [(at, at), (datetime(2026, 1, 1, 16, tzinfo=UTC),) * 2]
    api.queries.clear()
    changing.load("payments")
    assert f"updated_since=2025-12-31T{hour:02}" in api.queries[0], "the look-back begins in real time"
