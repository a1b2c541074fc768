"""`ingest replay`: quarantined rows of an API land once the contract is fixed, at their place in the history, and once.

Of files: test_file_contract.py. Of databases: test_database_replay.py.
"""

import json
from typing import Any

from support.landing import Landing, on
from support.payments_api import payment, renamed_payment


def version(hour: int, **changes: Any) -> dict[str, Any]:
    """The version of payment 1 from this hour."""
    return payment(1, updated_at=f"2026-01-05T{hour:02}:00:00.000Z", **changes)


@on("dev", "postgres")
def test_a_renamed_field_stops_the_table_and_replay_lands_what_would_have_landed(changing, api, change_endpoint, tmp_path):
    """The incident: on Friday `amount` becomes `total_amount`."""
    changing.load("payments")
    before = changing.raw()
    api.records["payments"] += [renamed_payment(n, 8 + n) for n in range(6, 10)]
    api.records["refunds"] = [payment(1) | {"payment": {"id": "pay_01"}, "reason": "broken", "lines": []}]
    for new, checked in ((4, 4), (0, 3)):  # the next run looks back 48 hours, finds the same, and doubles nothing
        report = changing.try_to_load("payments")
        assert not report.ok and f"amount is missing in all of {checked} new records" in report.error
        assert 'write renamed={"amount": "total_amount"} into Endpoint(\'payments\', …) of ingestion/sources/payments.py' in report.error
        assert "ingest replay payments" in report.error
        assert changing.raw() == before and report.tables["refunds"] == (1 if new else 0), "the other tables go on"
        assert changing.last_read("payments", "payments") == ("contract_violated", report.error.removeprefix("payments: "), new)
        assert changing.outcome("payments", "refunds") == "complete"
        assert report.quarantined == ({"payments": 4} if new else {})
    quarantined = changing.quarantine("payments", "payments")
    assert [(record, key) for _, record, key in quarantined] == [(renamed_payment(n, 8 + n), f'["pay_{n:02}"]') for n in range(6, 10)]
    assert set(changing.reasons("payments", "payments")) == {"amount is missing"}

    # Before the contract is fixed, all of them stay in quarantine.
    report = changing.replay("payments")["payments"]
    assert (report.ok, report.replayed, report.left) == (True, {}, {"payments": {"amount is missing": 4}})
    # After it is fixed, they land once, with the field under the name that models read.
    change_endpoint(renamed={"amount": "total_amount"})
    report = changing.replay("payments")["payments"]
    assert (report.ok, report.replayed, report.left) == (True, {"payments": 4}, {})
    assert "ingest payments" in report.notes[0], "the table stays stopped until the next read"
    after = changing.raw("id, updated_at, _changed_at, record")
    assert json.loads(after[-1][3]) == renamed_payment(9, 17) | {"amount": {"value": "9.50", "currency": "NZD"}}
    assert changing.quarantine("payments", "payments") == []
    assert changing.query("select distinct closed_as from raw_payments.quarantine") == [("replayed",)]
    # Replaying and loading again changes nothing.
    assert changing.replay("payments")["payments"].replayed == {}
    assert changing.load("payments") == {} and changing.outcome("payments", "payments") == "complete"
    assert changing.raw("id, updated_at, _changed_at, record") == after

    # Raw is as if the mapping had been there on Friday.
    mapped = Landing(tmp_path / "mapped", {name: value for name, value in changing.settings.items() if name.startswith("SOURCES")})
    mapped.load("payments")
    assert mapped.raw("id, updated_at, _changed_at, record") == after


# Records that are not, or no longer, the latest version


@on("dev", "postgres")
def test_a_superseded_version_is_replayed_to_its_place_in_the_history(changing, api, change_endpoint):
    rejected = version(2, amount={"value": "1.505", "currency": "NZD"})
    for record in (version(1), rejected, version(3)):
        api.records["payments"] = [record, payment(2)]
        changing.try_to_load("payments")
    assert changing.quarantine("payments", "payments") == []
    assert changing.query("select closed_as from raw_payments.quarantine") == [("superseded",)]
    change_endpoint(fields=())
    assert changing.replay("payments")["payments"].replayed == {"payments": 1}
    history = [json.loads(record) for _, record in sorted(changing.raw("_changed_at, record")) if "pay_01" in record]
    assert history == [version(1), rejected, version(3)]


@on("dev", "postgres")
def test_a_record_that_the_source_put_right_is_not_replayed(changing, api, change_endpoint):
    changing.load("payments")
    before, right = changing.raw(), api.records["payments"][5]
    api.records["payments"][5] = right | {"amount": None}
    assert changing.try_to_load("payments").quarantined == {"payments": 1}
    api.records["payments"][5] = right
    assert changing.try_to_load("payments").ok and changing.quarantine("payments", "payments") == []
    change_endpoint(fields=())
    assert changing.replay("payments")["payments"].ok and changing.raw() == before


def test_replay_does_not_replace_a_later_reading_of_the_same_version(changing, api, change_endpoint):
    """The provider corrected a record and kept its date: the row in quarantine is older than the one in raw."""
    changing.load("payments")
    for record in (version(2, status=...), version(2, status="captured")):
        api.records["payments"] = [record]
        changing.try_to_load("payments")
    corrected = changing.raw()
    change_endpoint(fields=())
    changing.replay("payments")
    assert changing.raw() == corrected


def test_replay_does_nothing_for_sources_without_quarantine(changing, api, tmp_path):
    folder, line = tmp_path / "files", "S|Tea|Moa|tea|1.20|6\n"
    folder.mkdir()
    (folder / "catalogue_2026-01-01.csv").write_text("sku|product_name|brand|category|unit_cost|pack_size\n" + line)
    changing.settings["SOURCES__SUPPLIER__BUCKET_URL"] = str(folder)
    assert changing.load("payments", "supplier") == {"payments": 6, "catalogue": 1}
    reports = changing.replay("payments", "supplier", "calendar").values()
    assert [(r.ok, r.replayed, r.left, r.notes) for r in reports] == [(True, {}, {}, [])] * 3


# Runs that die


def test_a_run_that_dies_after_its_load_leaves_closing_its_rows_to_the_next_run(changing, api, monkeypatch):
    """The load is complete, and the quarantined row that it superseded is still open."""
    changing.load("payments")
    api.records["payments"][5] |= {"amount": None, "updated_at": "2026-01-07T03:00:00.000Z"}
    changing.try_to_load("payments")
    api.records["payments"][5] = payment(5, 8)
    closed = "select closed_as from raw_payments.quarantine"
    with monkeypatch.context() as patch:
        patch.setattr("ingestion.landing.quarantine.Quarantine.after_load", lambda quarantine: None)
        assert changing.load("payments") == {"payments": 1}
    assert changing.query(closed) == [(None,)]
    api.records["payments"] = []
    changing.try_to_load("payments")
    assert changing.query(closed) == [("superseded",)]


KILLED = """
import os, signal
from dataclasses import replace
import ingestion.landing.replay
import ingestion.operations.replay
from ingestion.sources import payments
first, *others = payments.SOURCE.tables
payments.SOURCE = replace(payments.SOURCE, tables=(replace(first, renamed={"amount": "total_amount"}), *others))
def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)
ingestion.landing.replay.Replay.close = kill
ingestion.operations.replay.replay(["payments"])
"""


@on("dev", "postgres")
def test_a_replay_killed_before_it_closes_its_rows_doubles_nothing(changing, api, change_endpoint):
    changing.load("payments")
    api.records["payments"] = [renamed_payment(n, 8) for n in range(6, 9)]
    changing.try_to_load("payments")
    assert changing.command(script=KILLED).returncode == -9
    landed = changing.raw()
    assert len(landed) == 9 and len(changing.quarantine("payments", "payments")) == 3
    change_endpoint(renamed={"amount": "total_amount"})
    assert changing.replay("payments")["payments"].replayed == {"payments": 3}
    assert changing.raw() == landed and changing.quarantine("payments", "payments") == []
