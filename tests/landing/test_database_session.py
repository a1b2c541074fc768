"""The session with the source: what a role, a database or this machine has set changes no value, and texts arrive whatever encoding
they are in."""

import json
from collections.abc import Callable, Iterator

import pytest
from support.landing import in_test_all, on
from support.source_database import SourceDatabase

from ingestion.connectors.postgres import Table

# Each makes the server write some value of VALUES in another way, or read our SQL in another way.
SETTINGS = {
    "extra_float_digits": "0",
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "sql_standard",
    "TimeZone": "Pacific/Auckland",
    "bytea_output": "escape",
    "search_path": "nowhere",
    "client_encoding": "LATIN1",
    "standard_conforming_strings": "off",
    "quote_all_identifiers": "on",
}
VALUES = {  # by type: the text of a value, from which the server makes another under one of SETTINGS
    "real": "0.1234567",
    "double precision": "0.30000000000000004",
    "real[]": "{0.1234567}",
    "interval": "1 mon -3 days 00:00:01.5",
    "tstzrange": '["2026-03-02 01:00:00+00",)',
    "daterange": "[2026-03-02,2026-03-05)",
    "timestamptz[]": '{"2026-03-02 01:00:00+00"}',
    "regclass": 'public."Things"',
    "regtype": "public.mood",
    "bytea[]": '{"\\\\\\\\x00ff"}',
    "text": "a\\b '",
}


@pytest.fixture
def reader_with(make_database: Callable[..., SourceDatabase]) -> Iterator[Callable[..., SourceDatabase]]:
    """A source database whose role `reader` has these settings."""
    made = []

    def make(settings: dict[str, str], engine: str = "dev") -> SourceDatabase:
        database = make_database(engine)
        made.append(database)
        columns = ", ".join(f"value_{number} {kind}" for number, kind in enumerate(VALUES))
        database.execute("create type mood as enum ('a')", f'create table "Things" (id text primary key, {columns}, updated_at timestamp)')
        with database.connect() as source:
            placeholders = ", ".join(f"%s::text::{kind}" for kind in VALUES)
            source.execute(f"""insert into "Things" values ('a\\b', {placeholders}, '2026-01-02')""", [*VALUES.values()])
        database.execute('create table things as table "Things"')
        for name, value in settings.items():
            database.execute(f"alter role reader set {name} = {value if ',' in value else repr(value)}")
        database.tables = [Table("things", primary_key="id", cursor="updated_at")]
        return database

    yield make
    for database in made:
        database.execute("alter role reader reset all")


def landed(database: SourceDatabase) -> list[tuple]:
    assert database.load().error is None
    columns = ", ".join(f"cast(value_{number} as varchar)" for number in range(len(VALUES)))
    return database.query(f"select id, {columns}, cast(updated_at as varchar) from raw_extra.things")


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_of_the_role_changes_no_value(reader_with, name):
    plain = landed(reader_with({}))
    database = reader_with({name: SETTINGS[name]})
    assert landed(database) == plain
    assert database.load().tables == {"things": 0}, "nothing is a new version"
    assert database.load(full=True).checked == {"things": 1}, "and verify compares it, and finds it equal"


@on("dev", in_test_all("postgres"))
def test_settings_of_the_role_that_come_later_change_nothing(reader_with, engine, monkeypatch):
    database = reader_with({}, engine)
    plain = landed(database)
    for name, value in SETTINGS.items():
        database.execute(f"alter role reader set {name} = {value if ',' in value else repr(value)}")
    monkeypatch.setenv("PGTZ", "Pacific/Auckland")
    monkeypatch.setenv("PGDATESTYLE", "German")
    assert database.load(full=True).tables == {"things": 0}
    database.execute("update things set updated_at = '2026-01-03'", "insert into things (id, updated_at) values ('n', '2020-01-01')")
    report = database.load()
    assert (report.error, report.tables) == (None, {"things": 2}), "the row with an old cursor is found by its key"
    assert landed(database)[0][1:-1] == plain[0][1:-1]


# Encodings

ENCODINGS = {  # by the database's: what is declared, and bytes of texts with what they are; None for those that are none
    "LATIN1": (None, {b"5 \xa3 \xe9": "5 £ é", b"\x80": "\x80"}),
    "WIN1252": (None, {b"5 \xa3 \xe9": "5 £ é", b"\x80 \x93": "€ “", b"a\x81": None}),
    "KOI8R": (None, {b"\xeb": "\u041a"}),
    "EUC_JP": (None, {b"\xa4\xa2": "あ", b"\xa1\xc1": "\uff5e"}),
    "LATIN1 declared as WIN1252": ("WIN1252", {b"5 \xa3 \x80": "5 £ €", b"a\x81": None}),
    "SQL_ASCII declared as LATIN1": ("LATIN1", {b"5 \xc2\xa3 \xc3\xa9": "5 Â£ Ã©", b"5 \xa3": "5 £"}),
    "SQL_ASCII declared as UTF8": ("UTF8", {b"5 \xc2\xa3 \xc3\xa9": "5 £ é", b"5 \xa3": None}),
    "SQL_ASCII declared as WIN1252": ("WIN1252", {b"\x80 \x93": "€ “", b"a\x81": None}),
    "SQL_ASCII declared as EUC_JP": ("EUC_JP", {b"\xa4\xa2": "あ", b"\xa4": None}),
}  # fmt: skip


def encoded(make_database: Callable[..., SourceDatabase], name: str, engine: str) -> SourceDatabase:
    """A database in an encoding, with a row for each text; a JSON value has it too, and the key, but for one that can't be decoded."""
    encoding, (declared, texts) = name.split()[0], ENCODINGS[name]
    database = make_database(engine, encoding)
    if declared:
        database.landing.settings["SOURCES__EXTRA__ENCODING"] = declared
    database.execute("create table notes (id text primary key, value varchar(20), document json, many text[], updated_at timestamptz)")
    insert(database, encoding, {b"plain": "plain", **texts})
    database.tables = [Table("notes", primary_key="id", cursor="updated_at")]
    return database


def insert(database: SourceDatabase, encoding: str, texts: dict[bytes, str | None], more: bytes = b"", at: str = "2026-01-09") -> None:
    for text, right in texts.items():
        text, key = more + text, b"key " + more + (text if right else b"undecodable")
        values = b"', '".join([key, text, b'{"a": "' + text + b'"}', b"{" + text.replace(b" ", b"") + b"}", at.encode()])
        database.execute(f"set client_encoding = {encoding}".encode() + b"; insert into notes values ('" + values + b"')")


def can_be_compared(name: str) -> bool:
    """Whether `verify` can compare the texts: where the server itself converts all of them."""
    declared, texts = ENCODINGS[name]
    return declared in (None, "UTF8") and None not in texts.values()


@on("dev", in_test_all("postgres"))
@pytest.mark.parametrize("name", ENCODINGS)
def test_texts_in_an_encoding_land_as_what_they_are(make_database, engine, name):
    texts = ENCODINGS[name][1]
    database = encoded(make_database, name, engine)
    right = {text for text in texts.values() if text is not None} | {"plain"}
    expected = {(f"key {text}", text, text, "{" + text.replace(" ", "") + "}") for text in right}
    for step in ("first load", "new rows", "nothing new", "all"):
        if step == "new rows":  # with an old cursor, so that they are found by their keys
            insert(database, name.split()[0], texts, b"more ", "2020-01-01")
            more = {f"more {text}" for text in right - {"plain"}}
            expected |= {(f"key {text}", text, text, "{" + text.replace(" ", "") + "}") for text in more}
        report = database.load(full=step == "all")
        assert report.error is None, step
        assert [note for note in report.notes if "could not be compared" in note] == [] or not can_be_compared(name), step
        held = {(i, v, json.loads(d)["a"], m) for i, v, d, m in database.latest("notes", "id, value, document, many")}
        assert {(i, v, d, m.strip('"').replace('{"', "{").replace('"}', "}")) for i, v, d, m in held} == expected, step
    rejected = [text for text, right in texts.items() if right is None]
    found = database.query("select cast(record as varchar), reason from raw_extra.quarantine where closed_at is null")
    assert sorted(json.loads(record)["value"].removeprefix("\ufdd0\\x") for record, _ in found) == sorted(
        prefix.hex() + text.hex() for text in rejected for prefix in (b"", b"more ")
    ), "and of what can't be decoded the bytes are kept"
    assert all("is not a valid text in the source's encoding" in reason for _, reason in found)
    assert database.replay().replayed == {}


def test_a_database_whose_encoding_nobody_knows_says_so(make_database):
    database = encoded(make_database, "SQL_ASCII declared as UTF8", "dev")
    del database.landing.settings["SOURCES__EXTRA__ENCODING"]
    report = database.load()
    assert not report.ok and "SQL_ASCII" in report.error and "SOURCES__EXTRA__ENCODING" in report.error
    database.landing.settings["SOURCES__EXTRA__ENCODING"] = "klingon"
    assert "SOURCES__EXTRA__ENCODING is not a known encoding" in database.load().error
