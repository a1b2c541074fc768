"""What happens when a database changes under us, and what becomes of awkward values: docs/sources-that-change.md, row by row.

All changes happen at once, each to a table of its own, so that one load before, one after and one when the contract is mended
show them all."""

import json
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from engines.servers import ENGINES, DuckDBFile

import ingestion
from demo.postgres import Postgres
from ingestion import sources
from ingestion.connectors.postgres import Table
from ingestion.operations.replay import ReplayReport, replay

ON = ("dev", "postgres")
BEFORE, NOW = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 10, 12, tzinfo=UTC)
MODULE = """
from ingestion.connectors.postgres import PostgresSource
TABLES = []
SOURCE = PostgresSource(tables=TABLES)
"""


class Shop:
    """A PostgreSQL server of ours as the source `extra`, and a warehouse."""

    def __init__(self, folder: Path, engine: DuckDBFile, server: Postgres, admin: str, reader: str) -> None:
        self.engine, self.admin = engine, admin
        self.settings = {
            **engine.environment,
            "PIPELINES_DIR": str(folder / "pipelines"),
            "SOURCES__EXTRA__CREDENTIALS": reader,
            "SOURCES__EXTRA__CLOCK_SQL": "select at from clock.clock",
        }
        self.tables: list[Table] = []

    def execute(self, *statements: str) -> None:
        """Changes the source."""
        with psycopg.connect(self.admin, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.execute("grant select on all tables in schema public to reader")

    def set_clock(self, at: datetime) -> None:
        self.execute(f"update clock.clock set at = '{at.isoformat()}'")

    def load(self, **options: Any) -> ingestion.SourceReport:
        return self._do(lambda: ingestion.run(["extra"], **options))[0]

    def replay(self) -> ReplayReport:
        return self._do(lambda: replay(["extra"]))[0]

    def _do(self, what: Callable[[], list]) -> list:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.settings.items():
                patch.setenv(name, value)
            from ingestion.sources import extra

            extra.TABLES[:] = self.tables
            return what()

    def query(self, sql: str) -> list[tuple]:
        return self.engine.query(sql)

    def latest(self, table: str, columns: str = "id, value") -> list[tuple]:
        """What raw holds as the source's rows of now."""
        return self.query(
            f"select {columns} from (select *, row_number() over (partition by id order by _changed_at desc, _dlt_load_id desc) as place "
            f"from raw_extra.{table}) as ranked where place = 1 and _deleted_at is null order by id"
        )

    def quarantined(self, table: str) -> dict[str, str]:
        """By key: why a row is in quarantine."""
        return dict(self.query(f"select row_key, reason from raw_extra.quarantine where table_name = '{table}' and closed_at is null"))

    def read(self, table: str, columns: str = "outcome, reason, rows_landed, rows_quarantined") -> tuple:
        """The latest line of `reads`."""
        return self.query(f"select {columns} from raw_extra.reads where table_name = '{table}' order by read_id desc limit 1")[0]


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[tuple[Postgres, str, str]]:
    """The source's server, and how to reach it as its owner and as a reader."""
    postgres, password = Postgres(tmp_path_factory.mktemp("source") / "postgres"), secrets.token_urlsafe(16)
    postgres.create(password)
    try:
        address = f"127.0.0.1:{postgres.start(0)}/postgres"
        admin, reader = f"postgresql://postgres:{password}@{address}", f"postgresql://reader:{password}@{address}"
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f"create role reader login password '{password}'")
            connection.execute("create schema clock; grant usage on schema clock to reader; create table clock.clock (at timestamptz)")
            connection.execute("grant select on clock.clock to reader; insert into clock.clock values (now())")
        yield postgres, admin, reader
    finally:
        postgres.remove()


@pytest.fixture(scope="module")
def _source_extra(tmp_path_factory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("sources")
    (folder / "extra.py").write_text(MODULE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "__path__", [*sources.__path__, str(folder)])
        yield
    sys.modules.pop("ingestion.sources.extra", None)
    vars(sources).pop("extra", None)


@pytest.fixture(scope="module")
def make_shop(tmp_path_factory, server, _source_extra) -> Iterator[Callable[[str], Shop]]:
    """Makes a shop without tables, with an empty warehouse on this engine."""
    engines = {}
    with ExitStack() as running:

        def make(target: str) -> Shop:
            folder = tmp_path_factory.mktemp(target)
            if target == "dev" or target not in engines:
                engines[target] = running.enter_context(ENGINES[target](folder))
            shop = Shop(folder, engines[target], *server)
            if target != "dev" and ("raw_extra", "reads") in engines[target].catalogue():
                engines[target].execute("drop schema raw_extra cascade")
            shop.execute("drop schema public cascade", "create schema public", "grant usage on schema public to reader")
            shop.set_clock(NOW)
            return shop

        yield make


# Tables that change


@dataclass(frozen=True)
class Change:
    """A table with three rows (id, value, updated_at), what happens to it, and what is to come of that."""

    value: str  # the column, as it is declared
    values: tuple[str, ...]  # of the three rows, in SQL
    change: str  # `t` is the table
    raw: list[tuple]  # the source's rows of now, as raw has them
    table: dict[str, Any] = field(default_factory=dict)  # what its declaration says beside key and cursor
    columns: str = "id, value"
    quarantined: dict[str, str] = field(default_factory=dict)
    stopped: tuple[str, ...] = ()  # words of the reason
    failed: tuple[str, ...] = ()
    noted: tuple[str, ...] = ()
    widen: bool = False  # whether to do to raw as the message says
    mend: dict[str, Any] = field(default_factory=dict)  # what its declaration says after it is mended
    mended: list[tuple] | None = None  # … and raw then
    rows: int = 3


LATER = "updated_at = '2026-01-10'"
SET = f"update t set {LATER}, value = "
CHANGES = {
    "new_column": Change(
        # The rows have not changed, by their cursor: all the same raw must not say that they have no colour.
        "text", ("'a'", "'b'", "null"), "alter table t add colour text default 'red'; update t set colour = null where id = 2",
        [(1, "a", "red"), (2, "b", None), (3, None, "red")], columns="id, value, colour", noted=("new column colour (text)",),
    ),
    "column_gone": Change(
        "numeric(12,2)", ("1.5", "2", "3"), f"alter table t drop value; update t set {LATER} where id = 1",
        [(1, Decimal("1.50")), (2, Decimal("2.00")), (3, Decimal("3.00"))], stopped=("has lost column value", 'write retired=("value",)'),
        mend={"retired": ("value",)}, mended=[(1, None), (2, Decimal("2.00")), (3, Decimal("3.00"))],
    ),
    "column_renamed": Change(
        "numeric(12,2)", ("1.5", "2", "3"),
        f"alter table t rename value to total_value; alter table t add other bigint; update t set total_value = 9.5, {LATER} where id = 1",
        [(1, Decimal("1.50")), (2, Decimal("2.00")), (3, Decimal("3.00"))],
        stopped=("has lost column value", 'renamed={"value": "total_value"}', "ingestion/sources/extra.py"),
        mend={"renamed": {"value": "total_value"}}, mended=[(1, Decimal("9.50")), (2, Decimal("2.00")), (3, Decimal("3.00"))],
    ),
    "key_renamed": Change(
        "text", ("'a'", "'b'", "'c'"), f"alter table t rename id to number; {SET}'z' where number = 1",
        [(1, "a"), (2, "b"), (3, "c")], stopped=("has lost column id", 'renamed={"id": "number"}'),
        mend={"renamed": {"id": "number"}}, mended=[(1, "z"), (2, "b"), (3, "c")],
    ),
    "cursor_renamed": Change(
        "text", ("'a'", "'b'", "'c'"), f"{SET}'z' where id = 1; alter table t rename updated_at to changed_at",
        [(1, "a"), (2, "b"), (3, "c")], stopped=("has lost column updated_at", 'renamed={"updated_at": "changed_at"}'),
        mend={"renamed": {"updated_at": "changed_at"}}, mended=[(1, "z"), (2, "b"), (3, "c")],
    ),
    "integer_to_bigint": Change(
        "integer", ("1", "2", "3"), f"alter table t alter value type bigint; {SET}9007199254740993 where id = 1",
        [(1, 9007199254740993), (2, 2), (3, 3)], noted=("value is bigint now, and was integer",),
    ),
    "integer_to_fraction": Change(
        "integer", ("1", "2", "3"), f"alter table t alter value type numeric(12,2); {SET}1.5 where id = 1; {SET}7 where id = 2",
        [(1, 1), (2, 7), (3, 3)], quarantined={'["1"]': 'value "1.50" is no BIGINT'},
        noted=("value is numeric(12,2) now", "raw holds it as BIGINT", "alter table"),
    ),
    "more_digits": Change(
        "numeric(6,2)", ("1", "2", "null"), f"alter table t alter value type numeric(8,4); {SET}1.2345 where id = 1; {SET}2.5 where id = 2",
        [(1, Decimal("1.00")), (2, Decimal("2.50")), (3, None)], quarantined={'["1"]': 'value "1.2345" is no DECIMAL(6,2)'},
        noted=("raw holds it as DECIMAL(6,2)", "alter table"), widen=True,
        mended=[(1, Decimal("1.2345")), (2, Decimal("2.5000")), (3, None)],
    ),
    "fewer_digits": Change(
        "numeric(8,4)", ("1", "2", "3"), f"alter table t alter value type numeric(6,2); {SET}1.25 where id = 1",
        [(1, Decimal("1.2500")), (2, Decimal("2.0000")), (3, Decimal("3.0000"))], noted=("raw's DECIMAL(8,4) holds each of its values",),
    ),
    "number_to_text": Change(
        "numeric(12,2)", ("1", "2", "3"), f"alter table t alter value type text; {SET}'4.5' where id = 1; {SET}'free' where id = 2",
        [(1, Decimal("4.50")), (2, Decimal("2.00")), (3, Decimal("3.00"))], quarantined={'["2"]': 'value "free" is no DECIMAL(12,2)'},
        noted=("value is text now, and was numeric(12,2)",),
    ),
    "text_to_number": Change(
        "text", ("'1.10'", "'x'", "null"),
        "update t set value = 2 where id = 2; alter table t alter value type numeric using value::numeric; "
        f"{SET}1e30 where id = 3", [(1, "1.10"), (2, "2"), (3, "1" + "0" * 30)], noted=("value is numeric now, and was text",),
    ),
    "date_to_epoch": Change(
        "date", ("'2026-01-01'", "null", "'2026-01-02'"),
        f"alter table t alter value type bigint using extract(epoch from value); update t set {LATER} where id = 1",
        [(1, date(2026, 1, 1)), (2, None), (3, date(2026, 1, 2))],
        stopped=("value is bigint now, raw holds it as DATE, and no value fits that", "alter table"),
    ),
    "cursor_to_epoch": Change(
        "text", ("'a'", "'b'", "'c'"),
        f"{SET}'z' where id = 1; alter table t alter updated_at type bigint using extract(epoch from updated_at)",
        [(1, "a"), (2, "b"), (3, "c")], stopped=("updated_at is bigint now", "no value fits that"),
    ),
    "key_to_text": Change(
        "text", ("'a'", "'b'", "'c'"), "alter table t alter id type text using 'A-' || id",
        [(1, "a"), (2, "b"), (3, "c")], stopped=("id is text now", "no value fits that"),
    ),
    "text_to_jsonb": Change(
        "text", ("'{}'", "'1'", "null"), f"""alter table t alter value type jsonb using value::jsonb; {SET}'{{"a": 1.10}}' where id = 3""",
        [(1, "{}"), (2, "1"), (3, '{"a": 1.10}')], noted=("value is jsonb now, and was text",),
    ),
    "text_to_array": Change(
        "text", ("'a'", "'b'", "null"), f"alter table t alter value type text[] using array[value]; {SET}'{{x,y}}' where id = 3",
        [(1, "{a}"), (2, "{b}"), (3, "{x,y}")], noted=("value is text[] now, and was text",),
    ),
    "jsonb_to_text": Change(
        "jsonb", ("'{}'", "'1'", "null"), f"alter table t alter value type text; {SET}'words' where id = 3",
        [(1, "{}"), (2, "1"), (3, None)], columns="id, cast(value as varchar)", stopped=("value is text now", "raw holds it as JSON"),
    ),
    "nulls_where_there_were_none": Change(
        "text not null", ("'a'", "'b'", "'c'"), f"alter table t alter value drop not null; {SET}null where id = 1; {SET}'z' where id = 2",
        [(1, "a"), (2, "z"), (3, "c")], {"required": ("value",)}, quarantined={'["1"]': "value is null, and is required"},
    ),
    "nulls_that_may_be": Change(
        "text not null", ("'a'", "'b'", "'c'"),
        f"alter table t alter value drop not null; {SET}null where id = 1", [(1, None), (2, "b"), (3, "c")],
    ),
    "enum_value_never_seen": Change(
        "mood", ("'good'", "'good'", "null"),
        f"alter type mood add value 'odd'; {SET}'odd' where id = 1", [(1, "odd"), (2, "good"), (3, None)],
    ),
    "excluded_column_renamed": Change(
        "text", ("'a'", "'b'", "'c'"), f"alter table t rename secret to hidden; {SET}'z' where id = 1", [(1, "a"), (2, "b"), (3, "c")],
        {"excluded": ("secret",)}, stopped=("secret is to be excluded", "exclude the new name"),
        mend={"excluded": ("hidden",)}, mended=[(1, "z"), (2, "b"), (3, "c")],
    ),
    "table_gone": Change("text", ("'a'", "'b'", "'c'"), "drop table t", [(1, "a"), (2, "b"), (3, "c")], stopped=("does not exist",)),
    "no_permission": Change("text", ("'a'", "'b'", "'c'"), "", [(1, "a"), (2, "b"), (3, "c")], failed=("may not be read", "Grant SELECT")),
    "column_without_permission": Change(
        "text", ("'a'", "'b'", "'c'"), "", [(1, "a"), (2, "b"), (3, "c")], failed=("value may not be read",),
    ),
    "shrunk": Change(
        "bigint", (), f"delete from t where id > 25; {SET}0 where id = 1", [(n, n) for n in range(1, 41)], rows=40,
        table={"min_retained_share": 0.9}, stopped=("15 of 40 rows are gone", "--allow-deletes"),
    ),
    "shrunk_as_it_may": Change(
        "bigint", (), "delete from t where id > 10", [(n, n) for n in range(1, 11)], {"min_retained_share": 0.2}, rows=40
    ),
    "emptied": Change("bigint", ("1", "2", "3"), "delete from t", [(1, 1), (2, 2), (3, 3)], stopped=("3 of 3 rows are gone",)),
}  # fmt: skip


def create(shop: Shop, name: str, change: Change) -> None:
    rows = change.values or tuple(map(str, range(1, change.rows + 1)))
    shop.execute(
        f"create table {name} (id bigint primary key, value {change.value}, secret text, updated_at timestamptz not null)",
        *(f"insert into {name} values ({n}, {value}, 'x', '{BEFORE}')" for n, value in enumerate(rows, 1)),
    )


def changed(name: str, change: Change) -> list[str]:
    statements = " ".join(name if word == "t" else word for word in change.change.split(" "))
    return [statement for statement in statements.split("; ") if statement]


@dataclass
class Story:
    """What was to be seen after the change, and when it was mended."""

    shop: Shop
    report: ingestion.SourceReport
    raw: dict[str, list[tuple]]
    quarantined: dict[str, dict[str, str]]
    reads: dict[str, tuple]
    mended: dict[str, list[tuple]]


@pytest.fixture(scope="module", params=ON)
def story(request, make_shop) -> Story:
    shop = make_shop(request.param)
    shop.execute("create type mood as enum ('good', 'bad')")
    for name, change in CHANGES.items():
        create(shop, name, change)
    declared = {name: Table(name, primary_key="id", cursor="updated_at", **change.table) for name, change in CHANGES.items()}
    shop.tables = list(declared.values())
    first = shop.load()
    assert first.error is None and first.notes == [] and set(first.tables.values()) == {3, 40}
    shop.execute(*(statement for name, change in CHANGES.items() for statement in changed(name, change)))
    with psycopg.connect(shop.admin, autocommit=True) as connection:
        connection.execute("revoke select on no_permission, column_without_permission from reader")
        connection.execute("grant select (id, updated_at, secret) on column_without_permission to reader")
    report = shop.load()
    found = (
        {name: shop.latest(name, change.columns) for name, change in CHANGES.items()},
        {name: shop.quarantined(name) for name in CHANGES},
        {name: shop.read(name) for name in CHANGES},
    )
    shop.tables = [replace(table, **CHANGES[name].mend) for name, table in declared.items()]
    for name, change in CHANGES.items():
        if change.widen:
            note = next(note for note in report.notes if f"public.{name}:" in note)
            shop.engine.execute(note[note.index("alter table") :])
    shop.load()
    return Story(shop, report, *found, {name: shop.latest(name, change.columns) for name, change in CHANGES.items()})


@pytest.mark.parametrize("name", CHANGES)
def test_a_table_that_changes(story: Story, name: str) -> None:
    change, report = CHANGES[name], story.report
    assert story.raw[name] == change.raw
    assert story.quarantined[name] == change.quarantined
    outcome, reason, landed, quarantined = story.reads[name]
    assert outcome == ("stopped" if change.stopped else "failed" if change.failed else "complete")
    assert quarantined == len(change.quarantined) == report.quarantined.get(name, 0)
    told = reason or ""
    assert [word for word in change.stopped + change.failed if word not in told] == [], told
    assert (told in report.error) if told else f"{name}: " not in report.error
    if told:
        assert landed == 0
    notes = [note for note in report.notes if f"public.{name}" in note]
    assert [word for word in change.noted if not any(word in note for note in notes)] == [], notes
    assert bool(notes) == bool(change.noted), notes
    if change.mended is not None:
        assert story.mended[name] == change.mended
        assert story.shop.read(name)[:2] == ("complete", None)
        assert story.shop.quarantined(name) == {}


def test_a_column_of_two_that_can_not_be_told_apart_stops_the_table(make_shop) -> None:
    shop = make_shop("dev")
    shop.execute('create table things (id bigint primary key, "someValue" text, some_value text)')
    shop.tables = [Table("things", primary_key="id")]
    report = shop.load()
    assert not report.ok and "both some_value" in report.error


# Order of versions, and what a read covers


@pytest.mark.parametrize("target", ON)
def test_what_the_source_says_now_is_the_latest_version(make_shop, target: str) -> None:
    """A late commit with an older cursor, a cursor of the year 2099, a clock that jumps back, a row that is deleted and comes back."""
    shop = make_shop(target)
    shop.execute(
        *(f"create table {name} (id bigint primary key, value text, updated_at timestamptz not null)" for name in ("rows", "plain")),
        *(f"insert into {name} select n, 'a', '{BEFORE}' from generate_series(1, 5) as n" for name in ("rows", "plain")),
    )
    shop.tables = [Table("rows", primary_key="id", cursor="updated_at"), Table("plain", primary_key="id")]
    back = NOW - timedelta(days=1)
    steps = (
        ("update {} set value = 'late', updated_at = '2025-12-31 20:00Z' where id = 1", NOW),
        ("update {} set value = 'far', updated_at = '2099-01-01Z' where id = 2", NOW),
        ("update {} set value = 'here', updated_at = '2026-01-10 11:00Z' where id = 2", NOW),
        ("update {} set value = 'b', updated_at = '2026-01-10 11:30Z' where id = 3", NOW),
        ("update {} set value = 'c', updated_at = '2026-01-09 11:00Z' where id = 3", back),
        ("delete from {} where id in (3, 4)", back),
        ("insert into {} values (3, 'c', '2026-01-09 11:00Z'), (4, 'a', '2026-01-01Z')", back),
        ("delete from {} where id = 4", back),
        ("update {} set value = 'd', updated_at = '2026-01-12Z' where id = 5", NOW + timedelta(days=3)),
    )
    assert shop.load().tables == {"rows": 5, "plain": 5}
    for statement, clock in steps:
        shop.set_clock(clock)
        shop.execute(*(statement.format(name) for name in ("rows", "plain")))
        report = shop.load()
        assert report.error is None and all(report.tables.values()), statement
        assert shop.load().tables == {"rows": 0, "plain": 0}, statement
        with psycopg.connect(shop.admin) as source:
            for name in ("rows", "plain"):
                now = source.execute(f"select id, value from {name} order by id").fetchall()
                assert shop.latest(name) == now, statement
                versions = shop.query(f"select id, _changed_at from raw_extra.{name}")
                assert len(set(versions)) == len(versions), f"{name}: the order of two versions can't be told after: {statement}"
                assert max(at for _, at in versions) <= max(NOW, clock) + timedelta(seconds=1), statement
    of_three = shop.query("select value, _deleted_at is not null from raw_extra.rows where id = 3 order by _changed_at")
    assert of_three == [("a", False), ("b", False), ("c", False), ("c", True), ("c", False)]


@pytest.mark.parametrize("target", ON)
def test_a_clock_that_is_set_back_far_hides_nothing(make_shop, target: str) -> None:
    """What changes then is dated long before what was read last, and the look-back would not come to it."""
    shop = make_shop(target)
    shop.execute(
        "create table t (id bigint primary key, value text, updated_at timestamptz not null)",
        f"insert into t select n, 'a', '{NOW}' from generate_series(1, 3) as n",
    )
    shop.tables = [Table("t", primary_key="id", cursor="updated_at")]
    shop.load()
    for value, at in (("b", NOW - timedelta(days=9)), ("c", NOW - timedelta(days=8))):
        shop.set_clock(at)
        shop.execute(f"update t set value = '{value}', updated_at = '{at}' where id = 2")
        report = shop.load()
        assert report.error is None and shop.latest("t") == [(1, "a"), (2, value), (3, "a")]
        assert any("clock stands before what was read last" in note for note in report.notes) is (value == "b")


@pytest.mark.parametrize("target", ON)
def test_a_connection_that_breaks_off_while_a_table_is_read(make_shop, target: str) -> None:
    """The server ends the session in the middle of the rows."""
    shop = make_shop(target)
    shop.execute(
        "create table stored (id bigint, value text)",
        "insert into stored select n, 'a' from generate_series(1, 5000) as n",
        "create view t as select id, value from stored where id < 4000 or pg_terminate_backend(pg_backend_pid())",
    )
    shop.tables = [Table("t", primary_key="id")]
    for _ in range(2):
        report = shop.load()
        assert not report.ok and "the server broke off while it was read" in report.error and "terminating connection" in report.error
    shop.execute("create or replace view t as select id, value from stored")
    assert shop.load().tables == {"t": 5000}
    assert len(shop.latest("t")) == 5000 == shop.query("select count(*) from raw_extra.t")[0][0]


@pytest.mark.parametrize("target", ON)
def test_consecutive_reads_touch(make_shop, target: str) -> None:
    shop = make_shop(target)
    shop.execute(
        "create table rows (id bigint primary key, updated_at timestamptz)",
        "create table locals (id bigint primary key, updated_at timestamp)",
        "create table counted (id bigint primary key, number bigint)",
        "create table plain (id bigint primary key)",
        f"insert into rows values (1, '{BEFORE}'), (2, '2099-01-01'), (3, null)",
        f"insert into locals values (1, '{BEFORE}')",
        "insert into counted values (1, 1)",
    )
    shop.tables = [
        Table("rows", primary_key="id", cursor="updated_at"), Table("locals", primary_key="id", cursor="updated_at"),
        Table("counted", primary_key="id", cursor="number"), Table("plain"),
    ]  # fmt: skip

    def intervals() -> dict[str, tuple]:
        return {name: shop.read(name, "read_from, read_until") for name in ("rows", "locals", "counted", "plain")}

    def loaded(clock: datetime, **options: Any) -> dict[str, tuple]:
        shop.set_clock(clock)
        assert shop.load(**options).error is None
        return intervals()

    lookback, day = timedelta(hours=48), timedelta(days=1)
    assert set(loaded(NOW).values()) == {(None, NOW)}
    # The cursor stands at the clock for `rows`, as a row of 2099 is beyond it, and at the last row for `locals`.
    second = loaded(NOW + day)
    assert second["rows"] == (NOW - lookback, NOW + day) and second["locals"] == (BEFORE - lookback, NOW + day)
    assert second["counted"] == second["plain"] == (None, NOW + day)
    since, until = BEFORE - day, BEFORE + day
    refilled = loaded(NOW + day, since=since, until=until)
    assert refilled["rows"] == refilled["locals"] == (since, until) and refilled["plain"] == refilled["counted"] == (None, NOW + day)
    assert loaded(NOW + day, since=since)["rows"] == (since, NOW + day)
    assert loaded(NOW + day, full=True)["rows"] == (None, NOW + day)
    third = loaded(NOW + 2 * day)
    assert third["rows"][0] <= second["rows"][1] and third["rows"][1] == NOW + 2 * day


# Replay


@pytest.mark.parametrize("target", ON)
def test_replayed_rows_are_what_would_have_landed(make_shop, target: str) -> None:
    shop = make_shop(target)
    columns = "(id bigint primary key, amount numeric(6,2), note text, document json, bytes bytea, updated_at timestamptz not null)"
    sure = "update {} set %s, updated_at = '2026-01-10 0%s:00Z' where id = %s"
    widen = ("alter table {} alter amount type numeric(8,4)", "alter table {} rename amount to total_amount")
    shop.execute(f"create table mended {columns}", f"create table never_broken {columns}")
    shop.execute(
        *(
            f"insert into {name} select n, n, 'x', '{{\"a\": \"é\"}}', '\\x00ff', '{BEFORE}' from generate_series(1, 4) as n"
            for name in ("mended", "never_broken")
        )
    )
    shop.execute("alter table never_broken alter amount type numeric(8,4)")
    key = {"primary_key": "id", "cursor": "updated_at"}
    shop.tables = [Table("mended", **key, required=("note",)), Table("never_broken", **key)]
    shop.load()
    shop.execute(widen[0].format("mended"), *(widen[1].format(name) for name in ("mended", "never_broken")))
    renamed = {"renamed": {"amount": "total_amount"}}
    shop.tables = [Table("mended", **key, **renamed, required=("note",)), Table("never_broken", **key, **renamed)]
    for change in (
        sure % ("total_amount = 1.2345", 1, 1),
        sure % ("note = null, document = '[1.10]'", 2, 2),
        sure % ("total_amount = 1.5", 3, 1),  # fits again: the version before is superseded
        sure % ("total_amount = 9.9999, note = null", 4, 3),
    ):
        shop.execute(*(change.format(name) for name in ("mended", "never_broken")))
        assert shop.load().error is None
    assert set(shop.quarantined("mended")) == {'["2"]', '["3"]'}
    assert shop.query("select closed_as, row_key from raw_extra.quarantine where closed_at is not null") == [("superseded", '["1"]')]
    # Nothing is mended yet, so nothing fits.
    assert shop.replay().replayed.get("mended", 0) == 0
    note = next(note for note in shop.load().notes if "alter table" in note)
    shop.engine.execute(note[note.index("alter table") :])
    half = shop.replay()
    assert half.error is None and half.replayed == {"mended": 1} and sum(half.left["mended"].values()) == 2
    shop.tables[0] = replace(shop.tables[0], required=())
    assert shop.replay().replayed == {"mended": 2} and shop.quarantined("mended") == {}
    assert shop.replay().replayed == {} and shop.load().tables["mended"] == 0
    columns = "id, amount, note, cast(document as varchar), bytes, updated_at, _changed_at, _deleted_at"
    every = f"select {columns} from raw_extra.{{}} order by id, _changed_at"
    assert shop.query(every.format("mended")) == shop.query(every.format("never_broken"))


@pytest.mark.parametrize("target", ON)
def test_a_row_that_came_right_again_is_not_replayed(make_shop, target: str) -> None:
    """With the same cursor, or back as it was: what is in quarantine is not what the source says any more."""
    shop = make_shop(target)
    shop.execute(
        "create table t (id bigint primary key, value text, updated_at timestamptz not null)",
        f"insert into t select n, 'x', '{BEFORE}' from generate_series(1, 3) as n",
    )
    shop.tables = [Table("t", primary_key="id", cursor="updated_at", required=("value",))]
    shop.load()
    shop.execute("update t set value = null, updated_at = '2026-01-10 01:00Z' where id < 3")
    shop.load()
    assert set(shop.quarantined("t")) == {'["1"]', '["2"]'}
    shop.execute("update t set value = 'y' where id = 1", f"update t set value = 'x', updated_at = '{BEFORE}' where id = 2")
    shop.load(full=True)
    assert shop.quarantined("t") == {}
    shop.tables = [replace(shop.tables[0], required=())]
    assert shop.replay().error is None
    assert shop.latest("t") == [(1, "y"), (2, "x"), (3, "x")]


@pytest.mark.parametrize("target", ON)
def test_a_row_in_quarantine_that_changes_or_goes_before_it_ever_fitted(make_shop, target: str) -> None:
    """One version that was told twice lands as it was told last; a row that is gone does not come back by a replay."""
    shop = make_shop(target)
    shop.execute(
        "create table t (id bigint primary key, value text, name text, updated_at timestamptz not null)",
        f"insert into t select n, 'a', case when n < 4 then 'x' end, '{BEFORE}' from generate_series(1, 6) as n",
    )
    shop.tables = [Table("t", primary_key="id", cursor="updated_at", required=("name",))]
    for value in "bcd":
        assert shop.load().error is None
        shop.execute(f"update t set value = '{value}' where id = 5")
    shop.load()
    shop.execute("delete from t where id = 6")
    shop.load()
    assert set(shop.quarantined("t")) == {'["4"]', '["5"]'}
    shop.tables = [replace(shop.tables[0], required=())]
    assert shop.replay().error is None
    assert shop.latest("t") == [(1, "a"), (2, "a"), (3, "a"), (4, "a"), (5, "d")]
    assert shop.query("select count(*) from raw_extra.t") == [(5,)]


@pytest.mark.parametrize("target", ON)
def test_equal_rows_of_a_table_without_a_key_are_counted(make_shop, target: str) -> None:
    shop = make_shop(target)
    shop.execute("create table t (id bigint, value text)", "insert into t values (1, 'a'), (1, 'a')")
    shop.tables = [Table("t")]
    shop.load()
    shop.execute("insert into t values (1, 'a'), (2, 'b'), (2, 'b')")
    shop.load()
    assert shop.load().tables["t"] == 0
    counts = "select id, value, count(*) from raw_extra.t group by id, value order by id"
    assert shop.query(counts) == [(1, "a", 3), (2, "b", 2)]
    # A row that was in quarantine, and was landed by the next read once the contract was mended, is not landed by a replay as well.
    shop.tables = [Table("t", required=("value",))]
    shop.execute("insert into t values (3, null)")
    assert shop.load().quarantined == {"t": 1}
    shop.tables = [Table("t")]
    assert shop.load().tables["t"] == 1 and shop.replay().error is None
    assert shop.query(counts) == [(1, "a", 3), (2, "b", 2), (3, None, 1)]
    # Which row is gone nobody can tell, and many are not believed.
    shop.execute("delete from t where id = 3")
    report = shop.load()
    assert report.ok and any("1 rows are gone or were changed, and no key" in note for note in report.notes)
    shop.execute("delete from t where id = 1")
    for _ in range(2):
        report = shop.load()
        assert not report.ok and "3 of 5 rows are gone" in report.error and shop.read("t")[0] == "stopped"
    assert shop.load(allow_deletes=True).ok and shop.load().notes == []
    # One of a few may go, and one that was changed is told, though there are as many as before.
    shop.execute("delete from t where ctid = (select min(ctid) from t)")
    assert shop.load().ok and shop.load().notes == []
    shop.execute("update t set value = 'c'")
    report = shop.load()
    assert report.tables["t"] == 1 and any("1 rows are gone or were changed" in note for note in report.notes)


# Values

MISFIT = object()
LONG = "é" * 70_000
VALUES: dict[str, list[tuple[str | None, Any]]] = {  # by type: what the source has, and what raw must have
    "numeric(12,2)": [("0.1", Decimal("0.10")), ("-0.01", Decimal("-0.01")), ("9999999999.99", Decimal("9999999999.99")), ("NaN", MISFIT)],
    "numeric(38,10)": [("1234567890123456789012345678.0123456789", Decimal("1234567890123456789012345678.0123456789")), ("NaN", MISFIT)],
    "money_domain": [("1.10", Decimal("1.10")), ("NaN", MISFIT)],
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
    "date": [("0001-01-01", date(1, 1, 1)), ("9999-12-31", date(9999, 12, 31)), ("infinity", MISFIT), ("-infinity", MISFIT),
             ("0044-03-15 BC", MISFIT), ("10000-01-01", MISFIT), ("5874897-12-31", MISFIT)],
    "timestamp": [("9999-12-31 23:59:59.999999", datetime(9999, 12, 31, 23, 59, 59, 999999)), ("0001-01-01", datetime(1, 1, 1)),
                  ("infinity", MISFIT), ("294276-12-31 23:59:59.999999", MISFIT), ("4713-01-01 BC", MISFIT)],
    "timestamptz": [("2026-01-01 00:00:00.000001+13", datetime(2025, 12, 31, 11, 0, 0, 1, UTC)),
                    ("0001-01-01 00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
                    ("9999-12-31 23:59:59.999999Z", datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)), ("-infinity", MISFIT),
                    ("0044-03-15 12:00Z BC", MISFIT), ("294276-12-31 23:59:59.999999Z", MISFIT)],
    "time": [("00:00", time()), ("23:59:59.999999", time(23, 59, 59, 999999)), ("24:00:00", MISFIT)],
    "timetz": [("24:00:00+13", "24:00:00+13")],
    "interval": [("1 mon -3 days 00:00:01.5", "1 mon -3 days +00:00:01.5")],
    "json": [(text, text) for text in (
                '{"n": 12345678901234567890.123456789, "n": 1e400}', ' { "a" : [ ] } ', "null", '"null"', '"\\\\u0000"',
                '{"a": "\\u00e9\\ud83d\\ude00"}', "[" * 50 + "]" * 50,
            )]
            + [('{"a": "\\u0000"}', MISFIT), ('"\\\\\\u0000"', MISFIT), ('"\\ud83d"', MISFIT)],
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
FINE = {kind: [(said, held) for said, held in values if held is not MISFIT] for kind, values in VALUES.items()}
MISFITS = [(kind, said) for kind, values in VALUES.items() for said, held in values if held is MISFIT]
ROWS = max(map(len, FINE.values())) + 1  # in the last one all is null
TABLES = ("fine", "mixed")


@pytest.fixture(scope="module", params=ON)
def landed_values(request, make_shop) -> tuple[Shop, dict[str, dict[str, list[tuple]]]]:
    """All kinds of values, each in a column, in a table where all fits (which is read fast) and in one with misfits as well (which is
    read carefully): after the first load, after all rows have changed, and after the misfits have come to the first table."""
    shop = make_shop(request.param)
    shop.execute("create type mood as enum ('a b', '')", "create domain money_domain as numeric(12,2)")
    columns = ", ".join(f"{name} {kind}" for kind, name in COLUMNS.items())
    with psycopg.connect(shop.admin, autocommit=True) as source:
        for table in TABLES:
            source.execute(
                f"create table {table} (id bigint primary key, {columns}, turn int, twice int generated always as (turn * 2) stored)"
            )
            source.execute(f"insert into {table} (id, turn) select n, 1 from generate_series(0, {ROWS - 1}) as n")
            for kind, values in FINE.items():
                rows = [(said, n) for n, (said, _) in enumerate(values)]
                source.cursor().executemany(f"update {table} set {COLUMNS[kind]} = %s::text::{kind} where id = %s", rows)
        for number, (kind, said) in enumerate(MISFITS, 1000):
            source.execute(f"insert into mixed (id, {COLUMNS[kind]}, turn) values (%s, %s::text::{kind}, 1)", [number, said])
    shop.tables = [Table(name, primary_key="id") for name in TABLES]
    given = ", ".join(["id", *COLUMNS.values(), "turn"])
    found = {}
    for step, statements in {
        "first load": [],
        "changes": [f"update {name} set turn = 2" for name in TABLES],
        "nothing new": [f"insert into fine ({given}) select {given} from mixed on conflict do nothing"],
    }.items():
        shop.execute(*statements)
        report = shop.load()
        assert report.error is None, step
        if step == "nothing new":
            assert set(report.tables.values()) == {0}, "a row that is read carefully is the row that was read fast"
        found[step] = {name: shop.latest(name, ", ".join(["id", *COLUMNS.values(), "twice"])) for name in TABLES}
    return shop, found


@pytest.mark.parametrize("kind", VALUES)
def test_a_value_arrives_exactly(landed_values, kind: str) -> None:
    expected = [held for _, held in FINE[kind]] + [None] * (ROWS - len(FINE[kind]))
    place = 1 + list(VALUES).index(kind)
    for step, tables in landed_values[1].items():
        for name, rows in tables.items():
            assert [row[0] for row in rows] == list(range(ROWS))
            assert written([row[place] for row in rows]) == written(expected), (step, name)
            assert {row[-1] for row in rows} == {2 if step == "first load" else 4}


def test_a_value_that_can_not_arrive_is_in_quarantine(landed_values) -> None:
    shop, _ = landed_values
    for table in TABLES:
        reasons = shop.quarantined(table)
        assert len(reasons) == len(MISFITS)
        for number, (kind, _) in enumerate(MISFITS, 1000):
            assert reasons[f'["{number}"]'].startswith(f'{COLUMNS[kind]} "') and '" is no ' in reasons[f'["{number}"]']
        record = shop.query(
            f"select cast(record as varchar) from raw_extra.quarantine where table_name = '{table}' and row_key = '[\"1000\"]' "
            "order by first_seen_at desc"
        )
        assert json.loads(record[0][0]) == {
            **dict.fromkeys(COLUMNS.values()), "id": "1000", COLUMNS[MISFITS[0][0]]: "NaN", "turn": "2", "twice": "4",
        }  # fmt: skip
    # What did not fit does not fit on the way back either.
    assert shop.replay().replayed == {}


def written(values: list) -> list[str]:
    """As text: NaN equals nothing, and -0.0 equals 0.0. DuckDB's client has a UTC of its own."""
    return [repr(value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else value) for value in values]
