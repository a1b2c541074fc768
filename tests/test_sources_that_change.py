"""Sources that change: what happens is in the table of docs/sources-that-change.md, and each of its rows is a test here.

The rows of databases are in test_database_contract.py.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from engines.servers import ENGINES, DuckDBFile
from test_ingestion import Api, Place, on

import ingestion
from ingestion.connectors.files import FilesSource
from ingestion.operations.replay import ReplayReport, replay
from ingestion.sources import payments as payments_source
from ingestion.sources import supplier as supplier_source

# What a table's last read has left behind: how it went, and its open rows in quarantine.
LAST_READ = "select outcome, reason, rows_quarantined from raw_{0}.reads where table_name = '{1}' order by read_id desc limit 1"
OPEN = (
    "select reason, record, row_key from raw_{0}.quarantine where table_name = '{1}' and closed_at is null "
    "and _dlt_load_id in (select load_id from raw_{0}._dlt_loads where status = 0) order by row_key, row_id"
)


class Changing(Place):
    """A warehouse fed by an API and a folder that a test changes."""

    def replay(self, *sources: str) -> dict[str, ReplayReport]:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.settings.items():
                patch.setenv(name, value)
            return {report.source: report for report in replay(sources or None)}

    def try_to_load(self, source: str, **options: Any) -> ingestion.SourceReport:
        return self.run(source, **options)[source]

    def last_read(self, source: str, table: str) -> tuple[str, str | None, int]:
        return self.query(LAST_READ.format(source, table))[0]

    def outcome(self, source: str, table: str) -> str:
        return self.last_read(source, table)[0]

    def quarantine(self, source: str, table: str) -> list[tuple[str, Any, str | None]]:
        """Reason, record and key of what is in quarantine."""
        return [(reason, json.loads(record), key) for reason, record, key in self.query(OPEN.format(source, table))]

    def reasons(self, source: str, table: str) -> list[str]:
        return [reason for reason, *_ in self.quarantine(source, table)]

    def raw(self, columns: str = "id, record", table: str = "payments", source: str = "payments") -> list[tuple]:
        loaded = f"_dlt_load_id in (select load_id from raw_{source}._dlt_loads where status = 0)"
        return sorted(self.query(f"select {columns} from raw_{source}.{table} where {loaded}"), key=repr)

    def ids(self) -> list[str]:
        return [key for (key,) in self.raw("id")]


@pytest.fixture(scope="module")
def servers(tmp_path_factory) -> Iterator[Callable[[str], DuckDBFile]]:
    with ExitStack() as running:
        yield cache(lambda engine: running.enter_context(ENGINES[engine](tmp_path_factory.mktemp(engine))))


@pytest.fixture
def engine() -> str:
    return "dev"


@pytest.fixture
def place(tmp_path: Path, servers, engine: str) -> Changing:
    server = None if engine == "dev" else servers(engine)
    for schema in {schema for schema, _ in server.catalogue() if schema.startswith("raw_")} if server else ():
        server.execute(f"drop schema {schema} cascade")
    return Changing(tmp_path / "place", {}, server)


# Records of an API


def payment(number: int, day: int = 1, **changes: Any) -> dict[str, Any]:
    """A payment as the provider sends it, with changes; a field whose value is ... is left out."""
    at = f"2026-01-{day:02}T03:00:00.000Z"
    record = {
        "id": f"pay_{number:02}",
        "object": "payment",
        "order": {"id": number, "channel": "web"},
        "amount": {"value": f"{number}.50", "currency": "NZD"},
        "method": {"type": "card", "card": {"brand": "visa", "last4": "0012"}},
        "status": "captured",
        "created_at": at,
        "updated_at": at,
    }
    return {name: value for name, value in (record | changes).items() if value is not ...}


def renamed(number: int, day: int = 1, **changes: Any) -> dict[str, Any]:
    """A payment after the incident: `amount` is `total_amount`."""
    record = payment(number, day, **changes)
    return {("total_amount" if name == "amount" else name): value for name, value in record.items()}


@pytest.fixture
def api(place: Changing) -> Iterator[Api]:
    with Api() as server:
        server.records["payments"] = [payment(n, 1 + n) for n in range(6)]
        place.settings |= {"SOURCES__PAYMENTS__BASE_URL": server.url, "SOURCES__PAYMENTS__API_TOKEN": "tok-3f9a81"}
        yield server


def answers(api: Api, *records: dict[str, Any]) -> None:
    """The next list that is asked for, which is that of payments, is of these records in this order."""
    api.script = [(200, {"data": records, "next_cursor": None}, {})]


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Changes the declaration of the endpoint of payments."""

    def change(**changes: Any) -> None:
        first, *others = payments_source.SOURCE.tables
        monkeypatch.setattr(payments_source, "SOURCE", replace(payments_source.SOURCE, tables=(replace(first, **changes), *others)))

    return change


@on("dev", "postgres")
def test_a_field_renamed_stops_the_table_and_replay_brings_what_would_have_landed(place, api, endpoint, tmp_path):
    """The incident: on Friday `amount` becomes `total_amount`."""
    place.load("payments")
    before = place.raw()
    api.records["payments"] += [renamed(n, 8 + n) for n in range(6, 10)]
    api.records["refunds"] = [payment(1) | {"payment": {"id": "pay_01"}, "reason": "broken", "lines": []}]
    for new, seen in ((4, 4), (0, 3)):  # the next run looks back for 48 hours, finds the same, and doubles nothing
        report = place.try_to_load("payments")
        assert not report.ok and f"amount is missing in all of {seen} new records" in report.error
        assert 'write renamed={"amount": "total_amount"} into Endpoint(\'payments\', …) of ingestion/sources/payments.py' in report.error
        assert "ingest replay payments" in report.error
        assert place.raw() == before and report.tables["refunds"] == (1 if new else 0), "the other tables go on"
        assert place.last_read("payments", "payments") == ("stopped", report.error.removeprefix("payments: "), new)
        assert place.outcome("payments", "refunds") == "complete"
        assert report.quarantined == ({"payments": 4} if new else {})
    found = place.quarantine("payments", "payments")
    assert [(record, key) for _, record, key in found] == [(renamed(n, 8 + n), f'["pay_{n:02}"]') for n in range(6, 10)]
    assert set(place.reasons("payments", "payments")) == {"amount is missing"}

    # Not mended yet: all stay.
    report = place.replay("payments")["payments"]
    assert (report.ok, report.replayed, report.left) == (True, {}, {"payments": {"amount is missing": 4}})
    # Mended: they land, once, with what they came with and the name that models read.
    endpoint(renamed={"amount": "total_amount"})
    report = place.replay("payments")["payments"]
    assert (report.ok, report.replayed, report.left) == (True, {"payments": 4}, {})
    assert "ingest payments" in report.notes[0], "the last read was stopped: the next one opens the way"
    after = place.raw("id, updated_at, _changed_at, record")
    assert json.loads(after[-1][3]) == renamed(9, 17) | {"amount": {"value": "9.50", "currency": "NZD"}}
    assert place.quarantine("payments", "payments") == []
    assert place.query("select distinct closed_as from raw_payments.quarantine") == [("replayed",)]
    # Again is the same.
    assert place.replay("payments")["payments"].replayed == {}
    assert place.load("payments") == {} and place.outcome("payments", "payments") == "complete"
    assert place.raw("id, updated_at, _changed_at, record") == after

    # What would have landed had the mapping been there on Friday.
    other = Changing(tmp_path / "other", {name: value for name, value in place.settings.items() if name.startswith("SOURCES")})
    other.load("payments")
    assert other.raw("id, updated_at, _changed_at, record") == after


REFUND = payment(1) | {"payment": {"id": "pay_01"}, "reason": "broken", "lines": [{"order_item_id": 7, "amount": "1.50"}]}
AMOUNT = {"value": "1.50", "currency": "NZD"}
MISFITS = [  # a record, and why it does not fit
    (payment(20, amount=...), "amount is missing"),
    (payment(21, amount=None), "amount is null, not an object"),
    (payment(22, amount="22.50"), "amount is text, not an object"),
    (payment(23, amount=[AMOUNT]), "amount is a list, not an object"),
    (payment(24, amount=AMOUNT | {"value": {"cents": 150}}), "amount.value is an object, not a decimal(18, 2)"),
    (payment(25, amount=AMOUNT | {"value": None}), "amount.value is null"),
    (payment(26, amount=AMOUNT | {"value": "1,50"}), "amount.value is text that is no decimal(18, 2)"),
    (payment(27, amount=AMOUNT | {"value": "1.505"}), "amount.value is text that is no decimal(18, 2)"),
    (payment(28, amount=AMOUNT | {"value": True}), "amount.value is a boolean, not a decimal(18, 2)"),
    (payment(29, order={"id": "29a"}), "order.id is text that is no integer"),
    (payment(30, order={"id": 2**63}), "order.id is integer that is no integer"),
    (payment(31, created_at=1767225600), "created_at is an integer, not an instant"),
    (payment(32, created_at="2026-01-01T03:00:00"), "created_at is text that is no instant"),
    (payment(33, status=...), "status is missing"),
    (payment(34, method={"type": "card", "card": "visa"}), "method.card is text, not an object"),
    (payment(35, updated_at=...), "updated_at is missing"),
    (payment(36, id=...), "id is missing"),
    (payment(37, id=None), "id is null"),
]
FITTING = [
    payment(40, amount=AMOUNT | {"value": 1.5}),  # text that became a number says the same
    payment(41, amount=AMOUNT | {"value": 2}),
    payment(42, order={"id": "42"}),
    payment(43, method={"type": "cash"}),  # a brand need not be there
    payment(44, method={"type": "card", "card": None}),
    payment(45, status="disputed"),  # never seen: a test of staging tells of it
]


@on("dev", "postgres")
def test_a_record_that_does_not_fit_goes_to_quarantine_whole_and_the_others_land(place, api):
    api.script = [(200, {"data": [*FITTING, *(record for record, _ in MISFITS)], "next_cursor": None}, {})]
    lines = [{"order_item_id": 7, "amount": "1.50"}, {"order_item_id": 8}]
    api.records["refunds"] = [REFUND, REFUND | {"id": "ref_2", "lines": lines}, REFUND | {"id": "ref_3", "lines": {"1": lines}}]
    report = place.try_to_load("payments")
    assert report.ok and report.tables == {"payments": len(FITTING), "refunds": 1}
    assert report.quarantined == {"payments": len(MISFITS), "refunds": 2}
    assert "payments: 2 rows in quarantine: amount.value is text that is no decimal(18, 2)" in report.notes
    assert [json.loads(record) for _, record in place.raw()] == FITTING
    found = place.quarantine("payments", "payments")
    assert sorted((why, repr(record)) for why, record, _ in found) == sorted((why, repr(record)) for record, why in MISFITS)
    assert all(key == (f'["{record["id"]}"]' if record.get("id") else None) for _, record, key in found)
    waiting = {line.table: line.quarantined for line in place.status("payments")}
    assert waiting == {"payments": len(MISFITS), "refunds": 2}
    assert sorted(place.reasons("payments", "refunds")) == ["lines is an object, not a list", "lines[].amount is missing"]
    assert place.last_read("payments", "payments") == ("complete", None, len(MISFITS))


def test_a_record_that_does_not_fit_stops_nothing_in_a_quiet_week(place, api):
    """The look-back reads it again, and beside it only what raw has already."""
    place.load("payments")
    api.records["payments"] += [payment(6, 8, amount=None), payment(7, 9)]
    for quarantined in ({"payments": 1}, {}):
        report = place.try_to_load("payments")
        assert report.ok and report.quarantined == quarantined
        assert place.outcome("payments", "payments") == "complete"


@on("dev", "postgres")
def test_a_record_that_came_right_again_is_not_replayed(place, api, endpoint):
    place.load("payments")
    before, right = place.raw(), api.records["payments"][5]
    api.records["payments"][5] = right | {"amount": None}
    assert place.try_to_load("payments").quarantined == {"payments": 1}
    api.records["payments"][5] = right
    assert place.try_to_load("payments").ok and place.quarantine("payments", "payments") == []
    endpoint(fields=())
    assert place.replay("payments")["payments"].ok and place.raw() == before


def test_a_run_that_dies_after_its_load_leaves_the_rest_to_the_next(place, api, monkeypatch):
    """The load is complete, and the quarantined row that it superseded is open still."""
    place.load("payments")
    api.records["payments"][5] |= {"amount": None, "updated_at": "2026-01-07T03:00:00.000Z"}
    place.try_to_load("payments")
    api.records["payments"][5] = payment(5, 8)
    closed = "select closed_as from raw_payments.quarantine"
    with monkeypatch.context() as patch:
        patch.setattr("ingestion.landing.quarantine.Quarantine.after_load", lambda quarantine: None)
        assert place.load("payments") == {"payments": 1}
    assert place.query(closed) == [(None,)]
    api.records["payments"] = []
    place.try_to_load("payments")
    assert place.query(closed) == [("superseded",)]


def test_a_backfill_does_not_say_that_all_is_well(place, api):
    place.load("payments")
    api.records["payments"] += [renamed(6, 20)]
    assert not place.try_to_load("payments").ok
    assert place.try_to_load("payments", since=datetime(2026, 1, 2, tzinfo=UTC), until=datetime(2026, 1, 4, tzinfo=UTC)).ok
    [line] = [line for line in place.status("payments") if line.table == "payments"]
    assert line.outcome == "stopped" and "amount is missing" in line.reason


def test_a_field_of_another_type_in_all_records_stops_the_table(place, api):
    place.load("payments")
    api.records["payments"] += [payment(n, 10, amount=f"{n}.50") for n in (6, 7)]
    report = place.try_to_load("payments")
    assert not report.ok and "amount is text, not an object in all of 2 new records" in report.error and "renamed" not in report.error
    assert place.outcome("payments", "payments") == "stopped" and len(place.quarantine("payments", "payments")) == 2


def test_a_field_renamed_between_two_reads_stops_the_table(place, api):
    """What was right until then lands; two at the end may be chance, and the next run knows."""
    place.load("payments")
    api.records["payments"] += [payment(6, 8), payment(7, 9, amount=None), payment(8, 10), *(renamed(n, 11) for n in (9, 10))]
    report = place.try_to_load("payments")
    assert report.ok and report.tables["payments"] == 2 and report.quarantined == {"payments": 3}
    report = place.try_to_load("payments")
    assert not report.ok and "amount is missing in all of 2 new records. If it is called total_amount now" in report.error
    api.records["payments"] = [payment(11, 12), *(renamed(n, 13) for n in (12, 13, 14))]
    report = place.try_to_load("payments")
    assert not report.ok and "amount is missing in all of 3 new records" in report.error and "pay_11" in place.ids()
    assert place.outcome("payments", "payments") == "stopped"


def test_a_few_records_without_a_date_stop_nothing_and_hide_nothing(place, api):
    undated = [payment(n, updated_at=None) for n in (20, 21, 22)]
    for _ in range(2):
        answers(api, *(payment(n, 1 + n) for n in range(6)), *undated)
        assert place.try_to_load("payments").ok and place.outcome("payments", "payments") == "complete"
    answers(api, *(renamed(n, 9) for n in range(4)), *undated)
    assert "amount is missing in all of 4 new records" in place.try_to_load("payments").error
    answers(api, *(payment(n, updated_at=...) for n in range(6)))
    assert "updated_at is missing in all of 6 new records" in place.try_to_load("payments").error


def test_a_record_of_the_future_hides_no_rename(place, api):
    api.records["payments"].append(payment(6, 7, updated_at="2099-01-01T00:00:00.000Z"))
    place.load("payments")
    api.records["payments"].append(renamed(7, 8))
    assert "amount is missing in all of 1 new records" in place.try_to_load("payments").error


@on("dev", "postgres")
def test_what_an_api_says_now_is_the_latest_version_whatever_its_date(place, api, endpoint):
    """Dated by mistake to 2099 and then put right; and the same of a record that did not fit."""
    latest = "select record from raw_payments.payments where id = 'pay_05' order by _changed_at desc, _dlt_load_id desc limit 1"
    for wrong in (payment(5, 6, status="failed"), payment(5, 6, status="failed", amount=None)):
        api.records["payments"] = [payment(n, 1 + n) for n in range(6)]
        place.load("payments")
        api.records["payments"][5] = wrong | {"updated_at": "2099-01-01T00:00:00.000Z"}
        place.try_to_load("payments")
        api.records["payments"][5] = payment(5, 5)
        place.load("payments")
        assert json.loads(place.query(latest)[0][0]) == payment(5, 5)
        assert place.load("payments") == {} and place.quarantine("payments", "payments") == []
    endpoint(fields=())
    assert place.replay("payments")["payments"].ok and json.loads(place.query(latest)[0][0]) == payment(5, 5)


def test_versions_of_a_record_in_one_answer_are_in_the_order_of_their_dates(place, api):
    """In whatever order they come, however often, and although raw has a version that claimed to be of 2099."""
    versions = [payment(1, day, status=status) for day, status in ((9, "pending"), (10, "captured"))]
    told = "select record from raw_payments.payments where id = 'pay_01' order by _changed_at, _dlt_load_id"
    for records in (versions, versions[::-1]):
        answers(api, *records)
        place.try_to_load("payments")
        assert [json.loads(record)["status"] for (record,) in place.query(told)] == ["pending", "captured"]
    answers(api, payment(1, status="failed", updated_at="2099-01-01T00:00:00.000Z"))
    place.load("payments")
    for records in (versions, versions[::-1]):
        versions[1]["note"] = str(records)
        for landed in ({"payments": 1}, {}):
            answers(api, *records * 2)
            assert place.load("payments") == landed
        *_, (latest,) = place.query(told)
        assert json.loads(latest) == versions[1]


@on("dev", "postgres")
def test_a_record_that_was_put_right_lands_as_the_latest_by_a_replay_as_well(place, api, endpoint):
    """It did not fit, and when the contract is mended the API is no longer asked for it."""
    latest = "select record from raw_payments.payments where id = 'pay_05' order by _changed_at desc, _dlt_load_id desc limit 1"
    api.records["payments"][5] = payment(5, status="failed", updated_at="2099-01-01T00:00:00.000Z")
    place.load("payments")
    api.records["payments"][5] = payment(5, 7, amount=None)
    place.try_to_load("payments")
    api.records["payments"] = []
    endpoint(fields=())
    assert place.replay("payments")["payments"].replayed == {"payments": 1}
    assert json.loads(place.query(latest)[0][0]) == payment(5, 7, amount=None)


def test_a_record_that_changes_between_two_pages_is_as_it_was_read_last(place, api):
    pages = [([payment(1)], "1"), ([payment(1, status="failed")], None)]
    api.script = [(200, {"data": data, "next_cursor": cursor}, {}) for data, cursor in pages]
    assert place.load("payments") == {"payments": 2}
    [(first, said), (second, again)] = place.query("select _changed_at, record from raw_payments.payments order by _changed_at")
    assert first < second and json.loads(again)["status"] == "failed" != json.loads(said)["status"]


def test_the_clock_of_the_machine_stands_before_the_last_load(place, api, monkeypatch):
    place.load("payments")
    with monkeypatch.context() as patch:
        patch.setattr("ingestion.landing.pipeline.time.time", lambda: 1_700_000_000.0)
        error = place.try_to_load("payments").error
    assert "The clock of this machine stands before the last load of payments" in error and "Set it right" in error
    assert place.outcome("payments", "payments") == "failed"
    assert place.load("payments") == {} and place.outcome("payments", "payments") == "complete"


def test_a_new_field_lands_and_is_told_at_once_and_a_field_gone_is_told(place, api):
    api.records["payments"] = [payment(n, 1 + n % 2) for n in range(20)]
    place.load("payments")
    api.records["payments"] = [payment(n, 2, fee={"value": "0.10"}) for n in range(20)]
    report = place.try_to_load("payments")
    assert report.ok and report.notes == ["payments: new in the records: fee, fee.value"]
    assert [json.loads(record).get("fee") for _, record in place.raw()].count({"value": "0.10"}) == 20
    api.records["payments"] = [payment(n, 3, method={"type": "card"}, fee={}) for n in range(20)]
    report = place.try_to_load("payments")
    gone = "fee.value, method.card, method.card.brand, method.card.last4"
    assert report.ok and report.notes == [f"payments: in none of the 20 records any more: {gone}"]
    assert place.try_to_load("payments").notes == [], "once is enough"


@pytest.mark.parametrize(
    ("pages", "says"),
    [
        ([{"data": [], "next_cursor": "7"}] * 2, "gives the same page cursor twice"),
        ([{"items": [], "next_cursor": None}], "has no list 'data'"),
        ([{"data": None, "next_cursor": None}], "has no list 'data'"),
        ([{"data": [payment(9, 9)], "next_cursor": "2"}, {"data": []}], "has no next_cursor"),
    ],
)
def test_an_answer_that_is_no_page_stops_the_table_and_no_other(place, api, pages, says):
    api.records["refunds"] = [REFUND]
    api.script = [(200, page, {}) for page in pages]
    report = place.try_to_load("payments")
    assert not report.ok and says in report.error and report.tables == {"payments": 0, "refunds": 1}
    assert place.outcome("payments", "payments") == "stopped" and place.outcome("payments", "refunds") == "complete"
    assert place.load("payments") == {"payments": 6}, "the cursor did not move"


def test_pages_repeated_and_empty_with_more_to_come_change_nothing(place, api):
    first, *_ = everything = [payment(n, 1 + n) for n in range(6)]
    pages = [([first], "1"), ([first, everything[1]], "2"), ([], "3"), (everything[2:], None)]
    api.script = [(200, {"data": data, "next_cursor": cursor}, {}) for data, cursor in pages]
    assert place.load("payments") == {"payments": 6}
    assert [json.loads(record) for _, record in place.raw()] == everything


def test_a_list_that_shrank_stops_the_table(place, api, endpoint):
    """One without a cursor is all there is; half of it is no news."""
    endpoint(cursor=None)
    api.records["payments"] = [payment(n) for n in range(10)]
    place.load("payments")
    api.records["payments"] = [payment(n) for n in range(7)]
    for _ in range(2):
        report = place.try_to_load("payments")
        assert not report.ok and "7 records came, and 10 the last time" in report.error
        assert place.outcome("payments", "payments") == "stopped"
    assert place.load("payments", allow_deletes=True) == {}
    assert place.load("payments") == {}, "from now on, 7 is what there is"


def test_an_api_out_of_reach_has_failed_and_not_stopped(place, api):
    place.load("payments")
    api.script = [(401, {}, {})]
    assert "API_TOKEN" in place.try_to_load("payments").error
    assert place.outcome("payments", "payments") == place.outcome("payments", "refunds") == "failed"


def test_reads_touch_and_an_interval_covers_itself(place, api):
    place.load("payments")
    place.load("payments")
    place.load("payments", since=datetime(2026, 1, 2, tzinfo=UTC), until=datetime(2026, 1, 4, tzinfo=UTC))
    covered = "select read_from, read_until from raw_payments.reads where table_name = 'payments' order by read_id"
    (start, end), (next_start, next_end), interval = place.query(covered)
    assert start is None and end == next_end == datetime(2026, 1, 6, 3, tzinfo=UTC), "as far as the last record, in the API's time"
    assert next_start == datetime(2026, 1, 4, 3, tzinfo=UTC), "48 hours before it"
    assert interval == (datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 4, tzinfo=UTC))


# Files

HEADER = "sku|product_name|brand|category|unit_cost|pack_size\n"
FIELDS = "sku, product_name, brand, category, unit_cost, pack_size, line_number"


def lines(count: int, **changes: str) -> str:
    """Lines of a catalogue; `changes` gives other text for some, by `l` and number."""
    return "".join(changes.get(f"l{n}", f"S-{n}|Tea {n}|Moa|tea|{n}.20|6\n") for n in range(1, count + 1))


@pytest.fixture
def folder(place: Changing, tmp_path: Path) -> Path:
    """The supplier's folder, with the catalogue of the first day."""
    folder = tmp_path / "files"
    folder.mkdir()
    place.settings["SOURCES__SUPPLIER__BUCKET_URL"] = str(folder)
    (folder / "catalogue_2026-01-01.csv").write_text(HEADER + lines(10))
    return folder


def catalogue(place: Changing, day: int, columns: str = FIELDS) -> list[tuple]:
    """What raw holds of the file of a day, as of its last load."""
    name = f"catalogue_2026-01-{day:02}.csv"
    last = f"(select max(_dlt_load_id) from raw_supplier.catalogue where file_name = '{name}')"
    return place.query(
        f"select {columns} from raw_supplier.catalogue where file_name = '{name}' and _dlt_load_id = {last} order by line_number"
    )


BAD_LINES = {  # by number: the line, and why it does not fit
    2: ("S-2|Tea|Moa|tea|3.20", "it has 5 fields, not 6"),
    4: ("S-4|Tea|Moa|tea|3.20|6|7", "it has 7 fields, not 6"),
    6: ("S-6|Tea|Moa|tea|3,20|6", "unit_cost is no decimal(12, 2)"),
    8: ("S-8|Tea|Moa|tea|3.205|6", "unit_cost is no decimal(12, 2)"),
    10: ("S-10|Tea|Moa|tea|3.20|6.0", "pack_size is no integer"),
    12: ("\t|Tea|Moa|tea|3.20|6", "sku is blank"),
    14: ("S-14|T\0ea|Moa|tea|3.20|6", "product_name has the character \\u0000, which PostgreSQL does not hold"),
    16: ('S-16|"Tea" green|Moa|tea|3.20|6', "there is text after a closing quote"),
}


@on("dev", "postgres")
def test_a_line_that_does_not_fit_goes_to_quarantine_and_its_file_lands(place, folder):
    file = folder / "catalogue_2026-01-01.csv"
    file.write_text(HEADER + lines(20, **{f"l{number}": line + "\n" for number, (line, _) in BAD_LINES.items()}))
    assert place.load("supplier") == {"catalogue": 12}
    assert [number for (number,) in catalogue(place, 1, "line_number")] == [n for n in range(1, 21) if n not in BAD_LINES]
    found = place.quarantine("supplier", "catalogue")
    told = {r["line_number"]: (r.get("line", "|".join(r.get("fields", {}).values())), why) for why, r, _ in found}
    assert told == BAD_LINES and {record["file_name"] for _, record, _ in found} == {file.name}
    assert place.last_read("supplier", "catalogue") == ("complete", None, len(BAD_LINES))
    # The supplier mends the file but for a line: it lands whole, and what it mended is superseded.
    file.write_text(HEADER + lines(20, l2=BAD_LINES[2][0] + "\n"))
    assert place.load("supplier") == {"catalogue": 19}
    assert place.reasons("supplier", "catalogue") == [BAD_LINES[2][1]] and len(catalogue(place, 1)) == 19
    closed = place.query("select closed_as, count(*) from raw_supplier.quarantine group by closed_as order by 2")
    assert closed == [(None, 1), ("superseded", 7)]


BAD_FILES = (  # content, and what is said of it
    (b"", "it is empty."),
    (lines(10), "its first line is no header with these columns."),
    (
        (HEADER + lines(10)).replace("|", ";"),
        "its delimiter is ';'. If that is right, write delimiter=';' into catalogue of ingestion/sources/",
    ),
    (
        HEADER.replace("unit_cost", "cost") + lines(10),
        'its header has no unit_cost. If unit_cost is called cost now, write renamed={"unit_cost": "cost"} into catalogue of ingestion/',
    ),
    (HEADER.replace("|pack_size", "") + lines(10).replace("|6\n", "\n"), "its header has no pack_size."),
    (HEADER.replace("brand", "sku") + lines(10), "its header names a column twice."),
    ((HEADER + lines(10)).encode("utf-16"), "it is UTF-16, not UTF-8."),
    ((HEADER + lines(10, l4="S-4|Thé|Moa|tea|4.20|6\n")).encode("latin-1"), "it is not UTF-8: byte 0xE9 in line 5, as Latin-1"),
    (HEADER + lines(10) + "S-11|Tea|Mo", "it breaks off in the middle of its last line."),
    (HEADER + lines(10, l4='S-4|"Tea|Moa|tea|4.20|6\n'), "a quote that opens in line 4 never closes"),
    (HEADER + lines(7), "it has 7 lines, and the file before it had 10."),
    (HEADER + lines(10).replace(".20", ",20"), "none of its 10 lines fits; in 10 of them: unit_cost is no decimal(12, 2)."),
    (HEADER + lines(10).replace("\n", "|\n"), "none of its 10 lines fits; in 10 of them: it has 7 fields, not 6."),
)


@on("dev", "postgres")
def test_a_file_that_is_not_what_was_declared_stops_the_table_and_the_others_land(place, folder):
    for day, (content, _) in enumerate(BAD_FILES, 2):
        (folder / f"catalogue_2026-01-{day:02}.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / "catalogue_2026-01-31.csv").write_text(HEADER + lines(10))
    for landed in (20, 0):  # they are tried again until they are mended or moved away
        report = place.try_to_load("supplier")
        assert not report.ok and "moved away" in report.error
        for day, (_, says) in enumerate(BAD_FILES, 2):
            assert f"catalogue_2026-01-{day:02}.csv: {says}" in report.error
        assert report.tables == {"catalogue": landed}
        assert place.last_read("supplier", "catalogue") == ("stopped", report.error.removeprefix("catalogue: "), 0)
        assert place.quarantine("supplier", "catalogue") == []
    # Half-written ones, say, that are whole now; one that nobody mends is moved away.
    for day in range(2, 2 + len(BAD_FILES)):
        (folder / f"catalogue_2026-01-{day:02}.csv").write_text(HEADER + lines(11))
    (folder / "catalogue_2026-01-02.csv").unlink()
    assert place.load("supplier") == {"catalogue": 11 * (len(BAD_FILES) - 1)}
    assert place.outcome("supplier", "catalogue") == "complete"


def test_a_file_whose_name_has_no_date_is_not_landed(place, folder):
    """It would land, and no model would take it."""
    (folder / "catalogue_20260102.csv").write_text(HEADER + lines(10))
    report = place.try_to_load("supplier")
    assert not report.ok and "catalogue_20260102.csv: its name has no date like 2026-01-31" in report.error
    assert report.tables == {"catalogue": 10} and place.outcome("supplier", "catalogue") == "stopped"


@on("dev", "postgres")
def test_a_file_with_bom_crlf_quotes_and_no_last_line_break_lands_exactly(place, folder):
    (folder / "catalogue_2026-01-01.csv").write_bytes(
        b"\xef\xbb\xbf"
        + (HEADER + 'S-1|"Green\r\n""Tea"" | fine"| Moa |""|1.20|6\n007|24" pipe|김치 😀|N/A||\nS-3|null|\\N|NaN|1e1|-0')
        .replace("\n", "\r\n")
        .encode()
    )
    report = place.try_to_load("supplier")
    assert report.ok and "ends without a line break" in report.notes[0]
    assert catalogue(place, 1) == [
        ("S-1", 'Green\r\r\n"Tea" | fine', " Moa ", "", "1.20", "6", 1),
        ("007", '24" pipe', "김치 😀", "N/A", "", "", 2),
        ("S-3", "null", "\\N", "NaN", "1e1", "-0", 3),
    ]


def test_a_column_more_lands_and_is_told(place, folder):
    place.load("supplier")
    (folder / "catalogue_2026-01-02.csv").write_text(HEADER.replace("\n", "|colour\n") + lines(10).replace("\n", "|red\n"))
    report = place.try_to_load("supplier")
    assert report.ok and report.notes == ["catalogue_2026-01-02.csv has columns that were not declared: colour"]
    assert set(catalogue(place, 2, "colour")) == {("red",)}


def test_a_smaller_file_lands_when_someone_says_that_it_is_right(place, folder):
    place.load("supplier")
    (folder / "catalogue_2026-01-02.csv").write_text(HEADER + lines(2))
    assert "--allow-deletes" in place.try_to_load("supplier").error
    assert place.load("supplier", allow_deletes=True) == {"catalogue": 2}
    (folder / "catalogue_2026-01-03.csv").write_text(HEADER + lines(2))
    assert place.load("supplier") == {"catalogue": 2}


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Changes the declaration of the catalogue."""

    def change(**changes: Any) -> None:
        monkeypatch.setattr(supplier_source, "SOURCE", FilesSource(tables=[replace(supplier_source.SOURCE.tables[0], **changes)]))

    return change


def test_a_renamed_column_lands_under_its_own_name_once_it_is_mapped(place, folder, files):
    (folder / "catalogue_2026-01-02.csv").write_text(HEADER.replace("unit_cost", "cost") + lines(10))
    assert "its header has no unit_cost" in place.try_to_load("supplier").error
    files(renamed={"unit_cost": "cost"})
    assert place.load("supplier") == {"catalogue": 10}
    assert catalogue(place, 1) == catalogue(place, 2)
    # A file from before the change is what it was.
    assert place.load("supplier", full=True) == {"catalogue": 20} and catalogue(place, 1) == catalogue(place, 2)


@on("dev", "postgres")
def test_replayed_lines_land_with_all_of_their_file(place, folder, files):
    """Models take the last load of a file for all of it: a line alone would delist every other product."""
    (folder / "catalogue_2026-01-01.csv").write_text(HEADER + lines(10, l3="S-3|Tea|Moa|tea|3.205|6\n", l5="S-5|Tea\n"))
    (folder / "catalogue_2026-01-02.csv").write_text(HEADER + lines(10))
    assert place.load("supplier") == {"catalogue": 18}
    (folder / "catalogue_2026-01-01.csv").unlink()
    ragged = "it has 2 fields, not 6"
    report = place.replay("supplier")["supplier"]
    assert report.left == {"catalogue": {"unit_cost is no decimal(12, 2)": 1, ragged: 1}} and not report.replayed
    files(columns=tuple("unit_cost" if getattr(c, "name", c) == "unit_cost" else c for c in supplier_source.CATALOGUE.columns))
    for replayed in ({"catalogue": 1}, {}):
        report = place.replay("supplier")["supplier"]
        assert (report.replayed, report.left) == (replayed, {"catalogue": {ragged: 1}})
        found = catalogue(place, 1)
        assert [row[-1] for row in found] == [1, 2, 3, 4, *range(6, 11)]
        assert found[2] == ("S-3", "Tea", "Moa", "tea", "3.205", "6", 3) and found[:2] == catalogue(place, 2)[:2]
        assert place.query("select count(*) from raw_supplier.catalogue") == [(27,)]


# Replay


def at(hour: int, **changes: Any) -> dict[str, Any]:
    """A version of one payment."""
    return payment(1, updated_at=f"2026-01-05T{hour:02}:00:00.000Z", **changes)


@on("dev", "postgres")
def test_a_quarantined_version_is_superseded_and_replay_puts_it_into_its_place(place, api, endpoint):
    bad = at(2, amount=AMOUNT | {"value": "1.505"})
    for record in (at(1), bad, at(3)):
        api.records["payments"] = [record, payment(2)]
        place.try_to_load("payments")
    assert place.quarantine("payments", "payments") == []
    assert place.query("select closed_as from raw_payments.quarantine") == [("superseded",)]
    endpoint(fields=())
    assert place.replay("payments")["payments"].replayed == {"payments": 1}
    history = [json.loads(record) for _, record in sorted(place.raw("_changed_at, record")) if "pay_01" in record]
    assert history == [at(1), bad, at(3)]


def test_replay_does_not_outdo_what_came_later_of_the_same_version(place, api, endpoint):
    """The provider mended a record and left its cursor as it was: what is in quarantine is older than what raw holds."""
    place.load("payments")
    for record in (at(2, status=...), at(2, status="captured")):
        api.records["payments"] = [record]
        place.try_to_load("payments")
    mended = place.raw()
    endpoint(fields=())
    place.replay("payments")
    assert place.raw() == mended


KILLED = """
import os, signal
from dataclasses import replace
import ingestion.landing.replay
import ingestion.operations.replay
from ingestion.sources import payments
first, *others = payments.SOURCE.tables
payments.SOURCE = replace(payments.SOURCE, tables=(replace(first, renamed={"amount": "total_amount"}), *others))
def deadly(*_):
    os.kill(os.getpid(), signal.SIGKILL)
ingestion.landing.replay.Replay.close = deadly
ingestion.operations.replay.replay(["payments"])
"""


@on("dev", "postgres")
def test_a_replay_killed_before_it_marked_its_rows_doubles_nothing(place, api, endpoint):
    place.load("payments")
    api.records["payments"] = [renamed(n, 8) for n in range(6, 9)]
    place.try_to_load("payments")
    assert place.command(script=KILLED).returncode == -9
    landed = place.raw()
    assert len(landed) == 9 and len(place.quarantine("payments", "payments")) == 3
    endpoint(renamed={"amount": "total_amount"})
    assert place.replay("payments")["payments"].replayed == {"payments": 3}
    assert place.raw() == landed and place.quarantine("payments", "payments") == []


def test_sources_without_quarantine_have_nothing_to_replay(place, api, folder):
    place.load("payments", "supplier")
    assert all((r.ok, r.replayed, r.left, r.notes) == (True, {}, {}, []) for r in place.replay("payments", "supplier", "calendar").values())
