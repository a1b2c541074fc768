"""Landing a large table from PostgreSQL, against the bare SQL that does the same."""

import secrets
import shutil
from pathlib import Path

import duckdb
import psycopg

from benchmarks.measure import PYTHON, BenchError, Run, peak, ratio, rounds, run, say, seconds, spread, table, verdict
from benchmarks.places import Place
from demo.postgres import Postgres

TITLE = "Landing"
ROWS = 2_000_000
TIMES, MEGABYTES = 1.6, 500  # the aim
INGEST, SCAN, QUERY, EMPTY = "`ingest`", "bare SQL", "bare SQL as text", "`ingest` of an empty table"
# The table of demo/shop.sql, with prices that are missing, discounts that are mostly 0, a day of 22,000 lines.
FILL = """
    insert into public.order_items
    select
        n, 1 + n / 3, 1 + mod(n, 3), 1 + mod(n * 7919, 600), 1 + mod(n, 5),
        case when mod(n, 97) <> 0 then (1 + mod(n * 104729, 50000)) / 100.0 end,
        case when mod(n, 4) = 0 then mod(n * 31, 900) / 100.0 else 0 end,
        timestamptz '2026-01-01 00:00:00+00' + n * interval '3.9 seconds'
    from generate_series(1, %s::bigint) as n
"""
CHECK = "select count(*), sum(id), sum(order_id), sum(unit_price), sum(discount_amount), sum(epoch_us(updated_at)) from {}"


_landed: dict[int, tuple] = {}  # by number of rows: what the first run landed, which all others must land too


def measure(folder: Path, count: int, small: bool) -> str:
    """The section for the page. Peak memory leaves out the PostgreSQL server, which all have in common."""
    rows = ROWS // 10 if small else ROWS
    postgres, password = Postgres(folder / "postgres"), secrets.token_urlsafe(24)
    say(f"  {rows:,} order lines into PostgreSQL")
    postgres.create(password)
    try:
        credentials = f"postgresql://postgres:{password}@127.0.0.1:{postgres.start(0)}/shop"
        _fill(credentials, rows)
        place = Place(folder / "place")
        runs = rounds(
            count,
            {
                SCAN: lambda: _copy(place, credentials, "scan", rows),
                INGEST: lambda: _land(place, credentials, "public", rows),
                QUERY: lambda: _copy(place, credentials, "query", rows),
                EMPTY: lambda: _land(place, credentials, "nothing", 0),
            },
        )
    finally:
        postgres.remove()
    return _section(runs, rows)


def _fill(credentials: str, rows: int) -> None:
    """The table as the shop has it, and one without rows in the schema `nothing`."""
    tables = Path(__file__).resolve().parent.parent.joinpath("demo", "shop.sql").read_text().split(";")
    create = next(statement for statement in tables if "create table order_items" in statement)
    with psycopg.connect(credentials.replace("/shop", "/postgres"), autocommit=True) as connection:
        connection.execute("create database shop")
    with psycopg.connect(credentials, autocommit=True) as connection:
        connection.execute(create)
        connection.execute(FILL, [rows])
        connection.execute("alter table order_items add primary key (id)")
        connection.execute("create index on order_items (updated_at)")
        connection.execute("create schema nothing")
        connection.execute("create table nothing.order_items (like public.order_items including all)")
        connection.execute("vacuum analyze order_items")


def _fresh(place: Place) -> None:
    for suffix in ("", ".wal"):
        place.warehouse.with_name(place.warehouse.name + suffix).unlink(missing_ok=True)
    shutil.rmtree(place.settings["PIPELINES_DIR"], ignore_errors=True)


def _copy(place: Place, credentials: str, how: str, rows: int) -> Run:
    _fresh(place)
    settings = place.settings | {"SOURCES__ORDER_LINES__CREDENTIALS": credentials}
    done = run([PYTHON, "-m", "benchmarks.measured", "copy", str(place.warehouse), how], settings)
    _check(place, rows)
    return done


def _land(place: Place, credentials: str, schema: str, rows: int) -> Run:
    _fresh(place)
    sources = {"SOURCES__ORDER_LINES__CREDENTIALS": credentials, "SOURCES__ORDER_LINES__SCHEMA": schema}
    done = run([PYTHON, "-m", "benchmarks.measured", "land"], place.settings | sources)
    _check(place, rows)
    return done


def _check(place: Place, rows: int) -> None:
    """All must have landed the same; the first to land says what that is."""
    with duckdb.connect(str(place.warehouse), read_only=True) as connection:
        found = connection.execute(CHECK.format("raw_order_lines.order_items")).fetchone()
    expected = _landed.setdefault(rows, found)
    if found != expected or found[0] != rows:
        raise BenchError(f"{rows:,} rows should have landed, the same each time: {found} is not {expected}.")


def _section(runs: dict[str, list[Run]], rows: int) -> str:
    bare, ours = runs[SCAN], runs[INGEST]
    times, megabytes = ratio(ours, bare), peak(ours)
    met = times <= TIMES and megabytes <= MEGABYTES
    aim = verdict(met, f"at most {TIMES} times the bare SQL, at most {MEGABYTES} MB", f"{times:.1f} times, {megabytes:.0f} MB")
    lines = table(
        ["", "seconds", "times bare SQL", "of any round", "peak MB"],
        [
            [name, f"{seconds(some):.1f}", f"{ratio(some, bare):.1f}", spread(some, bare), f"{peak(some):.0f}"]
            for name, some in runs.items()
        ],
    )
    fixed, text = seconds(runs[EMPTY]), seconds(runs[QUERY])
    why = (
        f"Where the time goes: of the {seconds(ours):.1f} s of `ingest`, {fixed:.1f} s go before "
        "and after the rows (importing dlt, its schema and state, the checks): they are there for an empty table too, and weigh less the "
        "larger the table is. "
        "DuckDB's plain scan reads the table in parts over several connections, and turns a numeric NaN into 0.0; the same rows over "
        f"one connection with numerics as text, which is never wrong in silence, take {ratio(runs[QUERY], bare):.1f} times as long "
        f"({text:.1f} s)."
    )
    return f"""
{rows:,} order lines, 8 columns, from PostgreSQL into an empty DuckDB file; each run is a process of its own, from its start to its end,
and all runs landed the same sums. Bare SQL is `create table … as select` over DuckDB's postgres extension.

{aim}

{lines}

{why}
"""
