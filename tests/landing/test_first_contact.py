"""A database that nobody made for us: what it has lands, or the true reason is said."""

from decimal import Decimal

import pytest
from support.landing import in_test_all, on

from ingestion.connectors.postgres import Table

AMOUNTS = ("1.5", "-0.01", "9999999999999999.99", "2.50000", "0")
REJECTED = ("NaN", "Infinity", "1.005", "10000000000000000")


@on("dev", "postgres", in_test_all("bigquery"))
def test_a_money_column_without_digits_lands_as_it_is_declared_and_what_does_not_fit_is_in_quarantine(database, engine):
    database.execute("create table t (id int primary key, value numeric)")
    for number, text in enumerate((*AMOUNTS, *REJECTED), 1):
        database.execute(f"insert into t values ({number}, '{text}')")
    database.tables = [Table("t", primary_key="id", types={"value": "decimal(18, 2)"})]
    for step in ("first load", "again"):
        report = database.load()
        assert report.error is None and not [note for note in report.notes if "digits" in note and "quarantine" not in note], step
        assert database.latest("t") == [(number, Decimal(text)) for number, text in enumerate(AMOUNTS, 1)], step
        assert set(database.quarantined("t")) == {f'["{len(AMOUNTS) + number}"]' for number in range(1, len(REJECTED) + 1)}, step
    assert database.query("select sum(value) from raw_extra.t") == [(sum(map(Decimal, AMOUNTS)),)]
    database.execute("update t set value = 3.25 where value = 'NaN'")
    assert database.load().tables == {"t": 1}


def test_a_money_column_without_digits_gets_a_note_when_it_lands_first(database):
    database.execute("create table t (id int primary key, value numeric)", "insert into t values (1, 1)")
    database.tables = [Table("t", primary_key="id")]
    [note] = database.load().notes
    assert 'value has no digits declared, and lands as text. To land numbers, write types={"value": "decimal(18, 2)"}' in note
    assert database.load().notes == [] and database.latest("t") == [(1, "1")]


def test_only_a_numeric_can_be_declared_a_decimal(database):
    database.execute("create table t (id int primary key, value float8)")
    database.tables = [Table("t", primary_key="id", types={"value": "decimal(18, 2)"})]
    assert "column value is double precision, and can't land as decimal(18, 2)" in database.load().error


@pytest.mark.parametrize("cursor", [None, "updated_at"])
def test_a_materialised_view_is_read_as_a_table_is(database, cursor):
    database.execute(
        "create table t (id int primary key, value numeric(12,2) not null, updated_at timestamptz)",
        "insert into t select n, n, now() from generate_series(1, 5) as n",
        "create materialized view seen as select * from t",
        "create materialized view empty as select * from t with no data",
        "create view plain as select * from t",
    )
    database.tables = [Table(name, primary_key="id", cursor=cursor, required=("value",)) for name in ("seen", "empty", "plain")]
    report = database.load()
    assert report.error.startswith("empty: ") and "has not been populated" in report.error and ";" not in report.error
    assert {name: rows for name, rows in report.tables.items() if rows} == {"seen": 5, "plain": 5}
    database.execute("update t set value = 7 where id = 1", "delete from t where id = 2", "refresh materialized view seen")
    assert {name: rows for name, rows in database.load(full=True).tables.items() if name != "empty"} == {"seen": 2, "plain": 2}
    assert database.latest("seen") == database.latest("plain") == [(1, 7), (3, 3), (4, 4), (5, 5)]


def test_a_table_that_may_be_written_but_not_read_says_so(database):
    database.execute("create table t (id int primary key)")
    database.tables = [Table("t", primary_key="id")]
    with database.connect() as owner:
        owner.execute("revoke all on t from reader; grant insert, update on t to reader")
    assert "table public.t may not be read. Grant SELECT on it" in database.load().error
