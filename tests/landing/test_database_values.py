"""Every value that a PostgreSQL type may have: each lands exactly, or its row goes to quarantine."""

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from support.source_database import SourceDatabase

from ingestion.connectors.postgres import Table

REJECTED = object()
LONG = "é" * 70_000
VALUES: dict[str, list[tuple[str | None, Any]]] = {  # by type: the source's value as text, and the value in raw
    "numeric(12,2)": [("0.1", Decimal("0.10")), ("-0.01", Decimal("-0.01")), ("9999999999.99", Decimal("9999999999.99")),
                      ("NaN", REJECTED)],
    "numeric(38,10)": [("1234567890123456789012345678.0123456789", Decimal("1234567890123456789012345678.0123456789")), ("NaN", REJECTED)],
    "money_domain": [("1.10", Decimal("1.10")), ("NaN", REJECTED)],
    "numeric": [(text, text) for text in ("0.1", "1.10", "NaN", "Infinity", "-Infinity", "1" * 50 + ".5", "0." + "0" * 40 + "1")],
    "numeric(50,5)": [("99999999999999999999999.12345", "99999999999999999999999.12345"), ("NaN", "NaN")],
    "smallint": [("-32768", -32768)],
    "integer": [("2147483647", 2147483647)],
    "bigint": [("9223372036854775807", 2**63 - 1), ("-9223372036854775808", -(2**63)), ("9007199254740993", 9007199254740993)],
    "oid": [("4294967295", 4294967295)],
    "real": [("0.1", 0.1), ("NaN", float("nan")), ("-Infinity", float("-inf")), ("3.4028235e+38", 3.4028235e38), ("-0", -0.0)],
    "double precision": [(text, float(text)) for text in ("0.1", "NaN", "Infinity", "-0", "5e-324", "1.7976931348623157e308")],
    "boolean": [("true", True), ("false", False)],
    "money": [("$1,234.56", "$1,234.56"), ("-0.01", "-$0.01")],
    "text": [(text, text) for text in ("", "\\N", "NULL", " ", "\t", "a\nb\r\n", "\"'\\", "a|b,c", "é", "e\u0301", "😀", "\u00a0\u200b")]
            + [(LONG, LONG)],
    "varchar(5)": [("ab  ", "ab  "), ("", "")],
    "char(4)": [("ab", "ab"), ("a b ", "a b"), ("", "")],
    "date": [("0001-01-01", date(1, 1, 1)), ("9999-12-31", date(9999, 12, 31)), ("infinity", REJECTED), ("-infinity", REJECTED),
             ("0044-03-15 BC", REJECTED), ("10000-01-01", REJECTED), ("5874897-12-31", REJECTED)],
    "timestamp": [("9999-12-31 23:59:59.999999", datetime(9999, 12, 31, 23, 59, 59, 999999)), ("0001-01-01", datetime(1, 1, 1)),
                  ("infinity", REJECTED), ("294276-12-31 23:59:59.999999", REJECTED), ("4713-01-01 BC", REJECTED)],
    "timestamptz": [("2026-01-01 00:00:00.000001+13", datetime(2025, 12, 31, 11, 0, 0, 1, UTC)),
                    ("0001-01-01 00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
                    ("9999-12-31 23:59:59.999999Z", datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)), ("-infinity", REJECTED),
                    ("0044-03-15 12:00Z BC", REJECTED), ("294276-12-31 23:59:59.999999Z", REJECTED)],
    "time": [("00:00", time()), ("23:59:59.999999", time(23, 59, 59, 999999)), ("24:00:00", REJECTED)],
    "timetz": [("24:00:00+13", "24:00:00+13")],
    "interval": [("1 mon -3 days 00:00:01.5", "1 mon -3 days +00:00:01.5")],
    "json": [(text, text) for text in (
                '{"n": 12345678901234567890.123456789, "n": 1e400}', ' { "a" : [ ] } ', "null", '"null"', '"\\\\u0000"',
                '{"a": "\\u00e9\\ud83d\\ude00"}', "[" * 50 + "]" * 50,
            )]
            + [('{"a": "\\u0000"}', REJECTED), ('"\\\\\\u0000"', REJECTED), ('"\\ud83d"', REJECTED)],
    "jsonb": [('{"b": 1.10, "a": 12345678901234567890.123456789}', '{"a": 12345678901234567890.123456789, "b": 1.10}'), ('""', '""')],
    "bytea": [("\\x", b""), ("\\x00ff", b"\x00\xff"), ("\\x5c78", b"\\x")],
    "uuid": [("0f1e2d3c-0000-0000-0000-000000000001", "0f1e2d3c-0000-0000-0000-000000000001")],
    "inet": [("10.0.0.1", "10.0.0.1/32")],
    "mood": [("a b", "a b"), ("", "")],
    "integer[]": [("{1,NULL}", "{1,NULL}"), ("{}", "{}")],
    "text[]": [('{"a,b",NULL,""}', '{"a,b",NULL,""}')],
    "timestamptz[]": [("{infinity}", "{infinity}")],
    "int4range": [("[1,5)", "[1,5)")],
    "bit(3)": [("101", "101")],
    "point": [("(0.1,2)", "(0.1,2)")],
}  # fmt: skip
COLUMNS = {kind: f"value_{number}" for number, kind in enumerate(VALUES)}
LANDING = {kind: [(text, raw) for text, raw in values if raw is not REJECTED] for kind, values in VALUES.items()}
REJECTED_VALUES = [(kind, text) for kind, values in VALUES.items() for text, raw in values if raw is REJECTED]
ROWS = max(map(len, LANDING.values())) + 1  # the last row is all nulls
TABLES = ("fine", "mixed")


@pytest.fixture(scope="module", params=["dev", "postgres"])
def landed_values(request, make_database) -> tuple[SourceDatabase, dict[str, dict[str, list[tuple]]]]:
    """The rows of two tables with a column of each type after each of three loads.

    `fine` has only values that land, so its rows are read as a whole. `mixed` has the rejected values too, so its rows are checked
    one by one. The second load reads rows that changed; the third reads the rejected values that were added to `fine`.
    """
    database = make_database(request.param)
    database.execute("create type mood as enum ('a b', '')", "create domain money_domain as numeric(12,2)")
    columns = ", ".join(f"{name} {kind}" for kind, name in COLUMNS.items())
    with database.connect() as source:
        for table in TABLES:
            source.execute(
                f"create table {table} (id bigint primary key, {columns}, turn int, twice int generated always as (turn * 2) stored)"
            )
            source.execute(f"insert into {table} (id, turn) select n, 1 from generate_series(0, {ROWS - 1}) as n")
            for kind, values in LANDING.items():
                rows = [(text, n) for n, (text, _) in enumerate(values)]
                source.cursor().executemany(f"update {table} set {COLUMNS[kind]} = %s::text::{kind} where id = %s", rows)
        for number, (kind, text) in enumerate(REJECTED_VALUES, 1000):
            source.execute(f"insert into mixed (id, {COLUMNS[kind]}, turn) values (%s, %s::text::{kind}, 1)", [number, text])
    database.tables = [Table(name, primary_key="id") for name in TABLES]
    columns = ", ".join(["id", *COLUMNS.values(), "turn"])
    found = {}
    for step, statements in {
        "first load": [],
        "changes": [f"update {name} set turn = 2" for name in TABLES],
        "nothing new": [f"insert into fine ({columns}) select {columns} from mixed on conflict do nothing"],
    }.items():
        database.execute(*statements)
        report = database.load()
        assert report.error is None, step
        if step == "nothing new":
            assert set(report.tables.values()) == {0}, "rows checked one by one equal those read as a whole"
        found[step] = {name: database.latest(name, ", ".join(["id", *COLUMNS.values(), "twice"])) for name in TABLES}
    return database, found


@pytest.mark.parametrize("kind", VALUES)
def test_a_value_lands_exactly(landed_values, kind: str):
    expected = [raw for _, raw in LANDING[kind]] + [None] * (ROWS - len(LANDING[kind]))
    column = 1 + list(VALUES).index(kind)
    for step, tables in landed_values[1].items():
        for name, rows in tables.items():
            assert [row[0] for row in rows] == list(range(ROWS))
            assert as_text([row[column] for row in rows]) == as_text(expected), (step, name)
            assert {row[-1] for row in rows} == {2 if step == "first load" else 4}


def test_a_value_that_cannot_land_is_in_quarantine(landed_values):
    database, _ = landed_values
    for table in TABLES:
        reasons = database.quarantined(table)
        assert len(reasons) == len(REJECTED_VALUES)
        for number, (kind, _) in enumerate(REJECTED_VALUES, 1000):
            assert reasons[f'["{number}"]'].startswith(f"{COLUMNS[kind]} is not a valid ")
        record = database.query(
            f"select cast(record as varchar) from raw_extra.quarantine where table_name = '{table}' and row_key = '[\"1000\"]' "
            "order by first_seen_at desc"
        )
        assert json.loads(record[0][0]) == {
            **dict.fromkeys(COLUMNS.values()), "id": "1000", COLUMNS[REJECTED_VALUES[0][0]]: "NaN", "turn": "2", "twice": "4",
        }  # fmt: skip
    # A replay rejects them too.
    assert database.replay().replayed == {}


def as_text(values: list) -> list[str]:
    """To compare by: NaN is equal to nothing, and -0.0 to 0.0. DuckDB's client has a UTC object of its own."""
    return [repr(value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else value) for value in values]


def test_no_value_that_landed_differs_for_verify(landed_values):
    """By SQL of its own, and with columns that the reader never looks at in this way."""
    database, _ = landed_values
    checks = database.verify()
    assert {name: (check.rows, check.differences, check.unsettled, check.not_compared) for name, check in checks.items()} == {
        name: (ROWS + len(REJECTED_VALUES), [], [], "") for name in TABLES
    }
