"""What happens when a table of a database changes: the table of databases in docs/sources-that-change.md, row by row.

All changes happen at once, each to a table of its own. Three loads show what comes of them: one before the changes, one after, and
one when each table's declaration is fixed.
"""

from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from support.source_database import BEFORE, SourceDatabase

import ingestion
from ingestion.connectors.postgres import Table


@dataclass(frozen=True)
class Change:
    """A table with three rows (id, value, updated_at), a change of it, and the expected result."""

    value: str  # the column's definition
    values: tuple[str, ...]  # of the three rows, in SQL
    change: str  # statements; `t` is the table
    raw: list[tuple]  # the latest rows in raw after the change
    table: dict[str, Any] = field(default_factory=dict)  # what the declaration has beside key and cursor
    columns: str = "id, value"
    quarantined: dict[str, str] = field(default_factory=dict)  # reasons by key
    violated: tuple[str, ...] = ()  # words of the reason
    failed: tuple[str, ...] = ()  # words of the reason
    notes: tuple[str, ...] = ()  # words of the notes
    widen: bool = False  # whether to change raw's column as the note advises
    fix: dict[str, Any] = field(default_factory=dict)  # what the fixed declaration has
    after_fix: list[tuple] | None = None  # the latest rows in raw after that
    rows: int = 3


LATER = "updated_at = '2026-01-10'"
SET = f"update t set {LATER}, value = "
CHANGES = {
    "new_column": Change(
        # By their cursor the rows have not changed, yet raw must have their colours.
        "text", ("'a'", "'b'", "null"), "alter table t add colour text default 'red'; update t set colour = null where id = 2",
        [(1, "a", "red"), (2, "b", None), (3, None, "red")], columns="id, value, colour", notes=("new column colour (text)",),
    ),
    "column_dropped": Change(
        "numeric(12,2)", ("1.5", "2", "3"), f"alter table t drop value; update t set {LATER} where id = 1",
        [(1, Decimal("1.50")), (2, Decimal("2.00")), (3, Decimal("3.00"))], violated=("has lost column value", 'write retired=("value",)'),
        fix={"retired": ("value",)}, after_fix=[(1, None), (2, Decimal("2.00")), (3, Decimal("3.00"))],
    ),
    "column_renamed": Change(
        "numeric(12,2)", ("1.5", "2", "3"),
        f"alter table t rename value to total_value; alter table t add other bigint; update t set total_value = 9.5, {LATER} where id = 1",
        [(1, Decimal("1.50")), (2, Decimal("2.00")), (3, Decimal("3.00"))],
        violated=("has lost column value", 'renamed={"value": "total_value"}', "ingestion/sources/extra.py"),
        fix={"renamed": {"value": "total_value"}}, after_fix=[(1, Decimal("9.50")), (2, Decimal("2.00")), (3, Decimal("3.00"))],
    ),
    "key_renamed": Change(
        "text", ("'a'", "'b'", "'c'"), f"alter table t rename id to number; {SET}'z' where number = 1",
        [(1, "a"), (2, "b"), (3, "c")], violated=("has lost column id", 'renamed={"id": "number"}'),
        fix={"renamed": {"id": "number"}}, after_fix=[(1, "z"), (2, "b"), (3, "c")],
    ),
    "cursor_renamed": Change(
        "text", ("'a'", "'b'", "'c'"), f"{SET}'z' where id = 1; alter table t rename updated_at to changed_at",
        [(1, "a"), (2, "b"), (3, "c")], violated=("has lost column updated_at", 'renamed={"updated_at": "changed_at"}'),
        fix={"renamed": {"updated_at": "changed_at"}}, after_fix=[(1, "z"), (2, "b"), (3, "c")],
    ),
    "integer_to_bigint": Change(
        "integer", ("1", "2", "3"), f"alter table t alter value type bigint; {SET}9007199254740993 where id = 1",
        [(1, 9007199254740993), (2, 2), (3, 3)], notes=("value is bigint now, and was integer",),
    ),
    "integer_to_fraction": Change(
        "integer", ("1", "2", "3"), f"alter table t alter value type numeric(12,2); {SET}1.5 where id = 1; {SET}7 where id = 2",
        [(1, 1), (2, 7), (3, 3)], quarantined={'["1"]': 'value is not a valid BIGINT'},
        notes=("value is numeric(12,2) now", "raw holds it as BIGINT", "alter table"),
    ),
    "more_digits": Change(
        "numeric(6,2)", ("1", "2", "null"), f"alter table t alter value type numeric(8,4); {SET}1.2345 where id = 1; {SET}2.5 where id = 2",
        [(1, Decimal("1.00")), (2, Decimal("2.50")), (3, None)], quarantined={'["1"]': 'value is not a valid DECIMAL(6,2)'},
        notes=("raw holds it as DECIMAL(6,2)", "alter table"), widen=True,
        after_fix=[(1, Decimal("1.2345")), (2, Decimal("2.5000")), (3, None)],
    ),
    "fewer_digits": Change(
        "numeric(8,4)", ("1", "2", "3"), f"alter table t alter value type numeric(6,2); {SET}1.25 where id = 1",
        [(1, Decimal("1.2500")), (2, Decimal("2.0000")), (3, Decimal("3.0000"))], notes=("raw's DECIMAL(8,4) holds each of its values",),
    ),
    "number_to_text": Change(
        "numeric(12,2)", ("1", "2", "3"), f"alter table t alter value type text; {SET}'4.5' where id = 1; {SET}'free' where id = 2",
        [(1, Decimal("4.50")), (2, Decimal("2.00")), (3, Decimal("3.00"))],
        quarantined={'["2"]': 'value is not a valid DECIMAL(12,2)'},
        notes=("value is text now, and was numeric(12,2)",),
    ),
    "text_to_number": Change(
        "text", ("'1.10'", "'x'", "null"),
        "update t set value = 2 where id = 2; alter table t alter value type numeric using value::numeric; "
        f"{SET}1e30 where id = 3", [(1, "1.10"), (2, "2"), (3, "1" + "0" * 30)], notes=("value is numeric now, and was text",),
    ),
    "date_to_epoch": Change(
        "date", ("'2026-01-01'", "null", "'2026-01-02'"),
        f"alter table t alter value type bigint using extract(epoch from value); update t set {LATER} where id = 1",
        [(1, date(2026, 1, 1)), (2, None), (3, date(2026, 1, 2))],
        violated=("value is bigint now, raw holds it as DATE, and no value fits that", "alter table"),
    ),
    "cursor_to_epoch": Change(
        "text", ("'a'", "'b'", "'c'"),
        f"{SET}'z' where id = 1; alter table t alter updated_at type bigint using extract(epoch from updated_at)",
        [(1, "a"), (2, "b"), (3, "c")], violated=("updated_at is bigint now", "no value fits that"),
    ),
    "key_to_text": Change(
        "text", ("'a'", "'b'", "'c'"), "alter table t alter id type text using 'A-' || id",
        [(1, "a"), (2, "b"), (3, "c")], violated=("id is text now", "no value fits that"),
    ),
    "text_to_jsonb": Change(
        "text", ("'{}'", "'1'", "null"), f"""alter table t alter value type jsonb using value::jsonb; {SET}'{{"a": 1.10}}' where id = 3""",
        [(1, "{}"), (2, "1"), (3, '{"a": 1.10}')], notes=("value is jsonb now, and was text",),
    ),
    "text_to_array": Change(
        "text", ("'a'", "'b'", "null"), f"alter table t alter value type text[] using array[value]; {SET}'{{x,y}}' where id = 3",
        [(1, "{a}"), (2, "{b}"), (3, "{x,y}")], notes=("value is text[] now, and was text",),
    ),
    "jsonb_to_text": Change(
        "jsonb", ("'{}'", "'1'", "null"), f"alter table t alter value type text; {SET}'words' where id = 3",
        [(1, "{}"), (2, "1"), (3, None)], columns="id, cast(value as varchar)", violated=("value is text now", "raw holds it as JSON"),
    ),
    "nulls_in_a_required_column": Change(
        "text not null", ("'a'", "'b'", "'c'"), f"alter table t alter value drop not null; {SET}null where id = 1; {SET}'z' where id = 2",
        [(1, "a"), (2, "z"), (3, "c")], {"required": ("value",)}, quarantined={'["1"]': "value is null, and is required"},
    ),
    "allowed_nulls": Change(
        "text not null", ("'a'", "'b'", "'c'"),
        f"alter table t alter value drop not null; {SET}null where id = 1", [(1, None), (2, "b"), (3, "c")],
    ),
    "new_enum_value": Change(
        "mood", ("'good'", "'good'", "null"),
        f"alter type mood add value 'odd'; {SET}'odd' where id = 1", [(1, "odd"), (2, "good"), (3, None)],
    ),
    "excluded_column_renamed": Change(
        "text", ("'a'", "'b'", "'c'"), f"alter table t rename secret to hidden; {SET}'z' where id = 1", [(1, "a"), (2, "b"), (3, "c")],
        {"excluded": ("secret",)}, violated=("secret is to be excluded", "exclude the new name"),
        fix={"excluded": ("hidden",)}, after_fix=[(1, "z"), (2, "b"), (3, "c")],
    ),
    "table_dropped": Change("text", ("'a'", "'b'", "'c'"), "drop table t", [(1, "a"), (2, "b"), (3, "c")], violated=("does not exist",)),
    "no_permission": Change("text", ("'a'", "'b'", "'c'"), "", [(1, "a"), (2, "b"), (3, "c")], failed=("may not be read", "Grant SELECT")),
    "column_without_permission": Change(
        "text", ("'a'", "'b'", "'c'"), "", [(1, "a"), (2, "b"), (3, "c")], failed=("value may not be read",),
    ),
    "shrunk": Change(
        "bigint", (), f"delete from t where id > 25; {SET}0 where id = 1", [(n, n) for n in range(1, 41)], rows=40,
        table={"min_retained_share": 0.9}, violated=("15 of 40 rows are missing", "--allow-deletes"),
    ),
    "shrunk_as_allowed": Change(
        "bigint", (), "delete from t where id > 10", [(n, n) for n in range(1, 11)],
        {"min_retained_share": 0.2}, rows=40,
    ),
    "emptied": Change("bigint", ("1", "2", "3"), "delete from t", [(1, 1), (2, 2), (3, 3)], violated=("3 of 3 rows are missing",)),
}  # fmt: skip


@dataclass
class Outcome:
    """What the warehouse held after the changes, and after the declarations were fixed."""

    database: SourceDatabase
    report: ingestion.SourceReport
    raw: dict[str, list[tuple]]
    quarantined: dict[str, dict[str, str]]
    reads: dict[str, tuple]
    after_fix: dict[str, list[tuple]]


@pytest.fixture(scope="module", params=["dev", "postgres"])
def outcome(request, make_database) -> Outcome:
    database = make_database(request.param)
    database.execute("create type mood as enum ('good', 'bad')", *(statement for name in CHANGES for statement in created(name)))
    declared = {name: Table(name, primary_key="id", cursor="updated_at", **change.table) for name, change in CHANGES.items()}
    database.tables = list(declared.values())
    first = database.load()
    assert first.error is None and first.notes == [] and set(first.tables.values()) == {3, 40}

    database.execute(*(statement for name in CHANGES for statement in changed(name)))
    with database.connect() as connection:
        connection.execute("revoke select on no_permission, column_without_permission from reader")
        connection.execute("grant select (id, updated_at, secret) on column_without_permission to reader")
    report = database.load()
    after_the_change = (
        {name: database.latest(name, change.columns) for name, change in CHANGES.items()},
        {name: database.quarantined(name) for name in CHANGES},
        {name: database.last_read(name) for name in CHANGES},
    )

    database.tables = [replace(table, **CHANGES[name].fix) for name, table in declared.items()]
    for name, change in CHANGES.items():
        if change.widen:
            database.widen(name, report.notes)
    database.load()
    after_fix = {name: database.latest(name, change.columns) for name, change in CHANGES.items()}
    return Outcome(database, report, *after_the_change, after_fix)


def created(name: str) -> list[str]:
    """The statements that create a table before its change."""
    change = CHANGES[name]
    rows = change.values or tuple(map(str, range(1, change.rows + 1)))
    return [
        f"create table {name} (id bigint primary key, value {change.value}, secret text, updated_at timestamptz not null)",
        *(f"insert into {name} values ({n}, {value}, 'x', '{BEFORE}')" for n, value in enumerate(rows, 1)),
    ]


def changed(name: str) -> list[str]:
    """The statements of a table's change."""
    statements = " ".join(name if word == "t" else word for word in CHANGES[name].change.split(" "))
    return [statement for statement in statements.split("; ") if statement]


@pytest.mark.parametrize("name", CHANGES)
def test_a_table_that_changes(outcome: Outcome, name: str):
    change, report = CHANGES[name], outcome.report
    assert outcome.raw[name] == change.raw
    assert outcome.quarantined[name] == change.quarantined
    recorded, reason, landed, quarantined = outcome.reads[name]
    assert recorded == ("contract_violated" if change.violated else "failed" if change.failed else "complete")
    assert quarantined == len(change.quarantined) == report.quarantined.get(name, 0)
    reason = reason or ""
    assert [word for word in change.violated + change.failed if word not in reason] == [], reason
    assert (reason in report.error) if reason else f"{name}: " not in report.error
    if reason:
        assert landed == 0
    notes = [note for note in report.notes if f"public.{name}" in note]
    assert [word for word in change.notes if not any(word in note for note in notes)] == [], notes
    assert bool(notes) == bool(change.notes), notes
    if change.after_fix is not None:
        assert outcome.after_fix[name] == change.after_fix
        assert outcome.database.last_read(name)[:2] == ("complete", None)
        assert outcome.database.quarantined(name) == {}


def test_two_columns_with_one_name_in_raw_stop_the_table(database):
    database.execute('create table things (id bigint primary key, "someValue" text, some_value text)')
    database.tables = [Table("things", primary_key="id")]
    report = database.load()
    assert not report.ok and "both some_value" in report.error
