"""A cursor without a time zone: of the zone that is declared, and a note where it is none and seems to be wanted."""

from datetime import UTC, datetime, timedelta

import pytest
from support.landing import in_test_all, on
from support.source_database import NOW, SourceDatabase

from ingestion.connectors.postgres import Table

AUCKLAND, NEW_YORK = "Pacific/Auckland", "America/New_York"
HOURS = {AUCKLAND: 13, NEW_YORK: -5}  # in January


def put(database: SourceDatabase, key: int, value: str, at: datetime, zone: str) -> None:
    """Write a row at a time, dated by the clock on the wall of a zone."""
    wall = f"timestamptz '{at.isoformat()}' at time zone '{zone}'"
    database.execute(
        f"insert into t values ({key}, '{value}', {wall}) on conflict (id) do update set (value, updated_at) = ('{value}', {wall})"
    )


def dated(database: SourceDatabase) -> list[tuple]:
    """Key, value and time of each version, and the cursor as it was."""
    rows = database.query("select id, value, _changed_at, updated_at, _deleted_at from raw_extra.t order by id, _changed_at")
    return [(key, value, at.astimezone(UTC), cursor) for key, value, at, cursor, deleted in rows if deleted is None]


@pytest.fixture
def walls(database: SourceDatabase) -> SourceDatabase:
    database.execute("create table t (id int primary key, value text, updated_at timestamp)")
    database.tables = [Table("t", primary_key="id", cursor="updated_at")]
    return database


@on("dev", in_test_all("postgres"))
@pytest.mark.parametrize("zone", HOURS)
@pytest.mark.parametrize("is_setting", [True, False], ids=["setting", "table"])
def test_versions_are_dated_by_the_zone_that_is_declared(walls, engine, zone, is_setting):
    if is_setting:
        walls.landing.settings["SOURCES__EXTRA__TIMEZONE"] = zone
    else:
        walls.landing.settings["SOURCES__EXTRA__TIMEZONE"] = "Asia/Tokyo"  # the table knows better
        walls.tables = [Table("t", primary_key="id", cursor="updated_at", timezone=zone)]
    first, second = NOW - timedelta(hours=3), NOW - timedelta(minutes=10)
    put(walls, 1, "old", first, zone)
    put(walls, 2, "stays", first, zone)
    wall = (first + timedelta(hours=HOURS[zone])).replace(tzinfo=None)
    assert walls.load().notes == []
    assert dated(walls) == [(1, "old", first, wall), (2, "stays", first, wall)]
    later = NOW + timedelta(hours=1)
    walls.set_clock(later)
    put(walls, 1, "new", second, zone)
    put(walls, 3, "of 2099", datetime(2099, 1, 1, tzinfo=UTC), zone)
    assert walls.load().notes == []
    assert [row[:3] for row in dated(walls)] == [
        (1, "old", first), (1, "new", second), (2, "stays", first), (3, "of 2099", later),
    ]  # fmt: skip
    assert walls.last_read("t", "read_until") == (later,)
    put(walls, 4, "late", NOW - timedelta(hours=40), zone)
    assert walls.load(since=NOW - timedelta(hours=41), until=NOW - timedelta(hours=39)).tables == {"t": 1}, "an interval is of real time"
    begins_at = walls.query("select min(read_from) from raw_extra.read_log where table_name = 't' and not is_interval")[0][0]
    assert walls.load().tables == {"t": 0} and begins_at == first - timedelta(hours=48), "the look-back begins in real time"


@pytest.mark.parametrize(("zone", "words"), [(AUCKLAND, "13.0 hours after"), (NEW_YORK, "5.0 hours before")])
def test_a_cursor_that_lies_hours_off_the_clock_gets_a_note_until_a_zone_is_declared(walls, zone, words):
    put(walls, 1, "a", NOW, zone)
    [note] = walls.load().notes
    assert f"table public.t: the newest updated_at lies {words} the server's clock" in note
    assert "ingestion/sources/extra.py" in note and "SOURCES__EXTRA__TIMEZONE" in note
    assert len(walls.load().notes) == (zone == AUCKLAND), "an hour without changes is no reason for a note, one of tomorrow is"
    walls.landing.settings["SOURCES__EXTRA__TIMEZONE"] = zone
    assert walls.load(full=True).notes == []


@pytest.mark.parametrize("off", [timedelta(minutes=-20), timedelta(minutes=20), timedelta(days=-2), timedelta(days=30)])
def test_a_cursor_near_the_clock_or_far_from_it_gets_none(walls, off):
    put(walls, 1, "a", NOW + off, "UTC")
    walls.execute("insert into t values (2, 'b', 'infinity'), (3, 'c', null)" if off < timedelta() else "select 1")
    assert walls.load().notes == [] or off < timedelta()
    assert not [note for note in walls.load().notes if "clock" in note]


def test_a_cursor_with_a_zone_needs_none(walls):
    walls.execute("alter table t alter updated_at type timestamptz")
    walls.execute(f"insert into t values (1, 'a', '{(NOW + timedelta(hours=13)).isoformat()}')")
    walls.landing.settings["SOURCES__EXTRA__TIMEZONE"] = AUCKLAND
    assert walls.load().notes == []
    assert dated(walls)[0][2] == NOW, "it is of later than the clock"


def test_a_zone_that_does_not_exist_fails_the_table(walls):
    walls.tables = [Table("t", primary_key="id", cursor="updated_at", timezone="Mars/Olympus")]
    put(walls, 1, "a", NOW, "UTC")
    assert 'time zone "Mars/Olympus" not recognized' in walls.load().error
