"""Which versions of an API's records land, and since when each holds, given what raw holds of them."""

from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from ingestion.connectors.tables import RecordTable
from ingestion.landing.json_records.versions import comparison, versions
from ingestion.landing.raw_tables import RawTables
from ingestion.landing.scratch_tables import ScratchTables
from ingestion.warehouses.duckdb.store import DuckDBSession

Version = tuple[int, str]  # the day from which it holds, and what it says
RAW = """
    create schema raw_x;
    create table raw_x._dlt_loads as select * from (values ('1', 0), ('2', 0), ('9', 1)) as loads (load_id, status);
    create table raw_x.items (id varchar, record varchar, _changed_at timestamptz, _dlt_load_id varchar);
    create temp table sent (n bigint, id varchar, updated_at timestamptz, record varchar, _changed_at timestamptz);
"""


def at(day: int) -> datetime:
    return datetime(2026, 1, day, tzinfo=UTC)


def landed(held: list[Version], read: list[Version]) -> list[tuple[int, int, str]]:
    """Day, microseconds after its beginning, and content of what lands, in order of time. Each version that is held came by a
    load of its own; what a load brought that died does not count."""
    con = duckdb.connect()
    con.execute(f"set TimeZone = 'UTC'; {RAW}")
    con.execute("insert into raw_x.items values ('a', 'died', now(), '9')")
    for load, (day, record) in enumerate(held, 1):
        con.execute("insert into raw_x.items values ('a', ?, ?, ?)", [record, at(day), str(load)])
    for n, (day, record) in enumerate(read):
        con.execute("insert into sent values (?, 'a', ?, ?, ?)", [n, at(day), record, at(day)])
    session = DuckDBSession(None, con)
    scratch = ScratchTables(session, "items")
    scratch.create("source", versions("sent", "n"))
    compared = comparison(RawTables(session, "raw_x"), scratch, RecordTable("items"))
    compared.stage_known()
    found = con.execute(f"select _changed_at, record from ({compared.changes_of_versions()}) order by 1").fetchall()
    return [(when.day, (when - at(when.day)) // timedelta(microseconds=1), record) for when, record in found]


@pytest.mark.parametrize(
    ("held", "read", "lands"),
    [
        pytest.param([], [(1, "x"), (2, "y")], [(1, 0, "x"), (2, 0, "y")], id="both of a first read"),
        pytest.param([], [(2, "y"), (1, "x"), (2, "y"), (1, "x")], [(1, 0, "x"), (2, 0, "y")], id="pages that repeat, in any order"),
        pytest.param([(1, "x")], [(1, "x")], [], id="what raw holds"),
        pytest.param([(1, "x")], [(1, "y")], [(1, 0, "y")], id="another version of the same time keeps it"),
        pytest.param([], [(1, "x"), (1, "y"), (1, "x")], [(1, 0, "x"), (1, 1, "y"), (1, 2, "x")], id="one time, in the order of the read"),
        pytest.param([(5, "x")], [(3, "y")], [(5, 1, "y")], id="what is said last is the latest, be it dated earlier"),
        pytest.param([(5, "x")], [(3, "y"), (4, "z")], [(3, 0, "y"), (5, 1, "z")], id="and what is dated before it is not"),
        pytest.param([(3, "y"), (5, "x")], [(3, "y"), (6, "z")], [(6, 0, "z")], id="an earlier version that raw has"),
        pytest.param([(5, "x")], [(3, "y"), (5, "x")], [(3, 0, "y")], id="an earlier version that raw lacks"),
    ],
)
def test_versions_land_once_at_their_place_in_time(held, read, lands):
    assert landed(held, read) == lands
