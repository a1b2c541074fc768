"""The contract of an API's records, as DuckDB computes it: which values fit, and the reason where one does not."""

import duckdb
import pytest

from ingestion import exact_json
from ingestion.connectors.tables import Field, RecordTable
from ingestion.landing.contract import REASON
from ingestion.landing.json_records.contract import record_contract
from ingestion.landing.json_records.record import sent
from ingestion.landing.scratch_tables import ScratchTables
from ingestion.warehouses.duckdb.store import DuckDBSession

MANY_DIGITS = "a is a number of more digits than DuckDB keeps in JSON; as a string it would land"


def reason(record: str, *fields: Field) -> str | None:
    """Why a record does not fit; None when it does. It must land with every character that it came with."""
    table = RecordTable("table", key=None, cursor=None, fields=fields)
    session = DuckDBSession(None, duckdb.connect())
    scratch = ScratchTables(session, "table")
    scratch.read(record_contract(table, "now()", {}), sent(table, [exact_json.parse(record)]))
    [(text, why)] = session.scratch.execute(f'select record, "{REASON}" from {scratch.name("validated")}').fetchall()
    assert text in (record, None)
    return why


@pytest.mark.parametrize(
    ("value", "kind", "why"),
    [
        ("1.50", "decimal(18, 2)", None),
        ("1.505", "decimal(18, 2)", "a is a number that is not a decimal(18, 2)"),
        ("-0.01", "decimal(18, 2)", None),
        ("100000000000000000.25", "decimal(38, 2)", MANY_DIGITS),
        ("0.1000000000000000055511151231257827", "decimal(38, 38)", MANY_DIGITS),
        ("1.5", "text", "a is a number, not text"),
        ("1.5", "integer", "a is a number, not an integer"),
        ("123456789012345678901234567890", "integer", "a is an integer out of range"),
        ("123456789012345678901234567890", "decimal(38, 2)", None),
        ('"time:1.505,[2.5"', "text", None),
        ('"\\":1.505"', "text", None),
        ('"1.505"', "decimal(18, 3)", None),
        ("[1.5]", "list", None),
        ('{"b":1.5}', "object", None),
        ("true", "integer", "a is a boolean, not an integer"),
        ('"2026-02-30"', "date", "a is text that is not a date"),
        ('"a\\u0000"', "text", "a string has the character \\u0000, which PostgreSQL does not hold"),
        ("NaN", "text", "a value is NaN, which JSON does not have"),
        ('{"b":1,"b":2}', "object", "an object names b twice"),
    ],
)
def test_a_value_fits_by_the_digits_that_were_said(value, kind, why):
    assert reason(f'{{"a":{value},"x":0.25}}', Field("a", kind)) == why


FIELDS = (Field("a.b"), Field("a.c"), Field("lines[].n", "decimal(38, 2)"), Field("tags[]", "list", required=False))
PARTS = Field("lines[].parts[].p")


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ("{}", "a is missing; lines is missing"),
        ('{"a":null,"lines":[]}', "a is null, not an object"),
        ('{"a":{"b":1},"lines":[]}', "a.c is missing"),
        ('{"a":{"b":1,"c":2},"lines":{}}', "lines is an object, not a list"),
        ('{"a":{"b":1,"c":2},"lines":[{"n":1.5},5]}', "lines[] is an integer, not an object"),
        ('{"a":{"b":1,"c":2},"lines":[{"n":1.5},{"n":100000000000000000.25}]}', MANY_DIGITS.replace("a is", "lines[].n is", 1)),
        ('{"a":{"b":1,"c":2},"lines":[],"tags":[[],5]}', "tags[] is an integer, not a list"),
        ('{"a":{"b":1,"c":2},"lines":[{"n":1.5}],"tags":[[],null]}', None),
    ],
)
def test_each_place_that_does_not_fit_is_named_once(record, why):
    assert reason(record, *FIELDS) == why


def test_lists_in_lists_are_walked():
    record = '{"lines":[{"parts":[{"p":1}]},{"parts":[{"p":1},{"q":2}]}]}'
    assert reason(record, PARTS) == "lines[].parts[].p is missing"
    assert reason(record.replace("q", "p"), PARTS) is None
