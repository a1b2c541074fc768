"""Which version of a database's row is the latest, and which interval of changes each read covers."""

from datetime import datetime, timedelta
from typing import Any

from support.landing import in_test_all, on
from support.source_database import BEFORE, NOW

from ingestion.connectors.postgres import Table


@on("dev", "postgres")
def test_what_the_source_has_now_is_the_latest_version(database):
    """A late commit with an older cursor, a cursor of 2099, a clock set back, a row that is deleted and comes back."""
    database.execute(
        *(f"create table {name} (id bigint primary key, value text, updated_at timestamptz not null)" for name in ("rows", "plain")),
        *(f"insert into {name} select n, 'a', '{BEFORE}' from generate_series(1, 5) as n" for name in ("rows", "plain")),
    )
    database.tables = [Table("rows", primary_key="id", cursor="updated_at"), Table("plain", primary_key="id")]
    back = NOW - timedelta(days=1)
    steps = (  # the source's clock, how many rows change, and how
        (
            NOW, 3,
            "update {} set value = 'late', updated_at = '2025-12-31 20:00Z' where id = 1",
            "update {} set value = 'far', updated_at = '2099-01-01Z' where id = 2",
            "update {} set value = 'b', updated_at = '2026-01-10 11:30Z' where id = 3",
        ),
        (NOW, 1, "update {} set value = 'here', updated_at = '2026-01-10 11:00Z' where id = 2"),
        (back, 1, "update {} set value = 'c', updated_at = '2026-01-09 11:00Z' where id = 3"),
        (back, 2, "delete from {} where id in (3, 4)"),
        (back, 2, "insert into {} values (3, 'c', '2026-01-09 11:00Z'), (4, 'a', '2026-01-01Z')"),
        (back, 1, "delete from {} where id = 4"),
        (NOW + timedelta(days=3), 1, "update {} set value = 'd', updated_at = '2026-01-12Z' where id = 5"),
    )  # fmt: skip
    assert database.load().tables == {"rows": 5, "plain": 5}
    for clock, count, *changes in steps:
        database.set_clock(clock)
        database.execute(*(change.format(name) for name in ("rows", "plain") for change in changes))
        report = database.load()
        assert report.error is None and report.tables == {"rows": count, "plain": count}, changes
        assert database.load().tables == {"rows": 0, "plain": 0}, changes
        with database.connect() as source:
            for name in ("rows", "plain"):
                now = source.execute(f"select id, value from {name} order by id").fetchall()
                assert database.latest(name) == now, changes
                versions = database.query(f"select id, _changed_at from raw_extra.{name}")
                assert len(set(versions)) == len(versions), f"{name}: the order of two versions is unknown after: {changes}"
                assert max(at for _, at in versions) <= max(NOW, clock) + timedelta(seconds=1), changes
    history = database.query("select value, _deleted_at is not null from raw_extra.rows where id = 3 order by _changed_at")
    assert history == [("a", False), ("b", False), ("c", False), ("c", True), ("c", False)]


@on("dev", "postgres")
def test_a_source_clock_set_back_beyond_the_look_back_hides_no_change(database):
    database.execute(
        "create table t (id bigint primary key, value text, updated_at timestamptz not null)",
        f"insert into t select n, 'a', '{NOW}' from generate_series(1, 3) as n",
    )
    database.tables = [Table("t", primary_key="id", cursor="updated_at")]
    database.load()
    for value, at in (("b", NOW - timedelta(days=9)), ("c", NOW - timedelta(days=8))):
        database.set_clock(at)
        database.execute(f"update t set value = '{value}', updated_at = '{at}' where id = 2")
        report = database.load()
        assert report.error is None and database.latest("t") == [(1, "a"), (2, value), (3, "a")]
        assert any("clock is before the last read" in note for note in report.notes) is (value == "b")


@on("dev", "postgres")
def test_a_connection_lost_in_the_middle_of_a_table_lands_nothing_of_it(database):
    database.execute(
        "create table stored (id bigint, value text)",
        "insert into stored select n, 'a' from generate_series(1, 5000) as n",
        "create view t as select id, value from stored where id < 4000 or pg_terminate_backend(pg_backend_pid())",
    )
    database.tables = [Table("t", primary_key="id")]
    for _ in range(2):
        report = database.load()
        assert not report.ok and "the server broke off while it was read. Its own log says why" in report.error
        assert "terminating connection" not in report.error, "what a driver says can quote the address"
    database.execute("create or replace view t as select id, value from stored")
    assert database.load().tables == {"t": 5000}
    assert len(database.latest("t")) == 5000 == database.query("select count(*) from raw_extra.t")[0][0]


@on("dev", in_test_all("postgres"))
def test_each_read_covers_an_interval_that_touches_the_one_before(database):
    database.execute(
        "create table rows (id bigint primary key, updated_at timestamptz)",
        "create table locals (id bigint primary key, updated_at timestamp)",
        "create table counted (id bigint primary key, number bigint)",
        "create table plain (id bigint primary key)",
        f"insert into rows values (1, '{BEFORE}'), (2, '2099-01-01'), (3, null)",
        f"insert into locals values (1, '{BEFORE}')",
        "insert into counted values (1, 1)",
    )
    database.tables = [
        Table("rows", primary_key="id", cursor="updated_at"), Table("locals", primary_key="id", cursor="updated_at"),
        Table("counted", primary_key="id", cursor="number"), Table("plain"),
    ]  # fmt: skip

    def intervals() -> dict[str, tuple]:
        return {name: database.last_read(name, "read_from, read_until") for name in ("rows", "locals", "counted", "plain")}

    def loaded(clock: datetime, **options: Any) -> dict[str, tuple]:
        database.set_clock(clock)
        assert database.load(**options).error is None
        return intervals()

    lookback, day = timedelta(hours=48), timedelta(days=1)
    assert set(loaded(NOW).values()) == {(None, NOW)}
    # The cursor of `rows` is the clock's time, as its last row is dated 2099. That of `locals` is its last row's.
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
