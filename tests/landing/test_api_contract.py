"""What happens when an API sends records that do not keep the contract: the API table of docs/sources-that-change.md."""

import json
from datetime import UTC, datetime

from support.landing import on
from support.payments_api import payment, renamed_payment

AMOUNT = {"value": "1.50", "currency": "NZD"}
LINES = [{"order_item_id": 7, "amount": "1.50"}]
REFUND = payment(1) | {"payment": {"id": "pay_01"}, "reason": "broken", "lines": LINES}
REJECTED = [  # a record, and the reason why it goes to quarantine
    (payment(20, amount=...), "amount is missing"),
    (payment(21, amount=None), "amount is null, not an object"),
    (payment(22, amount="22.50"), "amount is text, not an object"),
    (payment(23, amount=[AMOUNT]), "amount is a list, not an object"),
    (payment(24, amount=AMOUNT | {"value": {"cents": 150}}), "amount.value is an object, not a decimal(18, 2)"),
    (payment(25, amount=AMOUNT | {"value": None}), "amount.value is null"),
    (payment(26, amount=AMOUNT | {"value": "1,50"}), "amount.value is text that is not a decimal(18, 2)"),
    (payment(27, amount=AMOUNT | {"value": "1.505"}), "amount.value is text that is not a decimal(18, 2)"),
    (payment(28, amount=AMOUNT | {"value": True}), "amount.value is a boolean, not a decimal(18, 2)"),
    (payment(29, order={"id": "29a"}), "order.id is text that is not an integer"),
    (payment(30, order={"id": 2**63}), "order.id is an integer out of range"),
    (payment(31, created_at=1767225600), "created_at is an integer, not a timestamp"),
    (payment(32, created_at="2026-01-01T03:00:00"), "created_at is text that is not a timestamp"),
    (payment(33, status=...), "status is missing"),
    (payment(34, method={"type": "card", "card": "visa"}), "method.card is text, not an object"),
    (payment(35, updated_at=...), "updated_at is missing"),
    (payment(36, id=...), "id is missing"),
    (payment(37, id=None), "id is null"),
]
ACCEPTED = [
    payment(40, amount=AMOUNT | {"value": 1.5}),  # a number with the value that the text had
    payment(41, amount=AMOUNT | {"value": 2}),
    payment(42, order={"id": "42"}),
    payment(43, method={"type": "cash"}),  # the brand is optional
    payment(44, method={"type": "card", "card": None}),
    payment(45, status="disputed"),  # a new status: a test of staging reports it
]


# Some records


@on("dev", "postgres")
def test_a_record_that_breaks_the_contract_goes_to_quarantine_whole_and_the_others_land(changing, api):
    api.answer_once(*ACCEPTED, *(record for record, _ in REJECTED))
    lines = [*LINES, {"order_item_id": 8}]
    api.records["refunds"] = [REFUND, REFUND | {"id": "ref_2", "lines": lines}, REFUND | {"id": "ref_3", "lines": {"1": lines}}]
    report = changing.try_to_load("payments")
    assert report.ok and report.tables == {"payments": len(ACCEPTED), "refunds": 1}
    assert report.quarantined == {"payments": len(REJECTED), "refunds": 2}
    assert "payments: 2 rows in quarantine: amount.value is text that is not a decimal(18, 2)" in report.notes
    assert [json.loads(record) for _, record in changing.raw()] == ACCEPTED
    quarantined = changing.quarantine("payments", "payments")
    assert sorted((why, repr(record)) for why, record, _ in quarantined) == sorted((why, repr(record)) for record, why in REJECTED)
    assert all(key == (f'["{record["id"]}"]' if record.get("id") else None) for _, record, key in quarantined)
    assert {line.table: line.quarantined for line in changing.status("payments")} == {"payments": len(REJECTED), "refunds": 2}
    assert sorted(changing.reasons("payments", "refunds")) == ["lines is an object, not a list", "lines[].amount is missing"]
    assert changing.last_read("payments", "payments") == ("complete", None, len(REJECTED))


def test_a_rejected_record_does_not_stop_the_table_in_a_quiet_week(changing, api):
    """The look-back reads it again, and beside it only what raw already has."""
    changing.load("payments")
    api.records["payments"] += [payment(6, 8, amount=None), payment(7, 9)]
    for quarantined in ({"payments": 1}, {}):
        report = changing.try_to_load("payments")
        assert report.ok and report.quarantined == quarantined
        assert changing.outcome("payments", "payments") == "complete"


def test_a_few_records_without_a_date_neither_stop_the_table_nor_hide_a_rename(changing, api):
    undated = [payment(n, updated_at=None) for n in (20, 21, 22)]
    for _ in range(2):
        api.answer_once(*(payment(n, 1 + n) for n in range(6)), *undated)
        assert changing.try_to_load("payments").ok and changing.outcome("payments", "payments") == "complete"
    api.answer_once(*(renamed_payment(n, 9) for n in range(4)), *undated)
    assert "amount is missing in all of 4 new records" in changing.try_to_load("payments").error
    api.answer_once(*(payment(n, updated_at=...) for n in range(6)))
    assert "updated_at is missing in all of 6 new records" in changing.try_to_load("payments").error


# All records: the table stops


def test_a_field_of_another_type_in_all_records_stops_the_table(changing, api):
    changing.load("payments")
    api.records["payments"] += [payment(n, 10, amount=f"{n}.50") for n in (6, 7)]
    error = changing.try_to_load("payments").error
    assert "amount is text, not an object in all of 2 new records" in error and "renamed" not in error
    assert changing.outcome("payments", "payments") == "contract_violated" and len(changing.quarantine("payments", "payments")) == 2


def test_a_field_renamed_between_two_reads_stops_the_table(changing, api):
    """What came before the rename lands. Two records after it may be chance, so the next run decides."""
    changing.load("payments")
    api.records["payments"] += [payment(6, 8), payment(7, 9, amount=None), payment(8, 10)]
    api.records["payments"] += [renamed_payment(n, 11) for n in (9, 10)]
    report = changing.try_to_load("payments")
    assert report.ok and report.tables["payments"] == 2 and report.quarantined == {"payments": 3}
    error = changing.try_to_load("payments").error
    assert "amount is missing in all of 2 new records. If it is called total_amount now" in error
    api.records["payments"] = [payment(11, 12), *(renamed_payment(n, 13) for n in (12, 13, 14))]
    error = changing.try_to_load("payments").error
    assert "amount is missing in all of 3 new records" in error and "pay_11" in changing.ids()
    assert changing.outcome("payments", "payments") == "contract_violated"


def test_a_record_dated_in_the_future_does_not_hide_a_rename(changing, api):
    api.records["payments"].append(payment(6, 7, updated_at="2099-01-01T00:00:00.000Z"))
    changing.load("payments")
    api.records["payments"].append(renamed_payment(7, 8))
    assert "amount is missing in all of 1 new records" in changing.try_to_load("payments").error


def test_a_backfill_that_succeeds_does_not_reopen_a_stopped_table(changing, api):
    changing.load("payments")
    api.records["payments"] += [renamed_payment(6, 20)]
    assert not changing.try_to_load("payments").ok
    assert changing.try_to_load("payments", since=datetime(2026, 1, 2, tzinfo=UTC), until=datetime(2026, 1, 4, tzinfo=UTC)).ok
    [line] = [line for line in changing.status("payments") if line.table == "payments"]
    assert line.outcome == "contract_violated" and "amount is missing" in line.reason


# Fields that are not in the contract


def test_a_new_field_lands_with_a_note_and_a_field_that_vanished_gets_a_note(changing, api):
    api.records["payments"] = [payment(n, 1 + n % 2) for n in range(20)]
    changing.load("payments")
    api.records["payments"] = [payment(n, 2, fee={"value": "0.10"}) for n in range(20)]
    report = changing.try_to_load("payments")
    assert report.ok and report.notes == ["payments: new in the records: fee, fee.value"]
    assert [json.loads(record).get("fee") for _, record in changing.raw()].count({"value": "0.10"}) == 20
    api.records["payments"] = [payment(n, 3, method={"type": "card"}, fee={}) for n in range(20)]
    report = changing.try_to_load("payments")
    gone = "fee.value, method.card, method.card.brand, method.card.last4"
    assert report.ok and report.notes == [f"payments: no longer in any of the 20 records: {gone}"]
    assert changing.try_to_load("payments").notes == [], "the note comes once"
