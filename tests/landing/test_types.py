"""The types of a PostgreSQL source: each value lands exactly or as text, and one that no type holds goes to quarantine."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from math import inf, isnan
from typing import Any

import pytest
from support.landing import on

from ingestion.connectors.postgres import Table
from ingestion.landing import scratch_tables


@on("dev", "postgres", "bigquery")
def test_every_type_of_postgresql_lands_exactly_or_as_text(landing, shop, extra_source, engine):
    extra_source([Table("kinds", primary_key="id", cursor="updated_at")])
    shop.execute("drop table if exists kinds; drop type if exists mood; create type mood as enum ('ok', 'bad')")
    shop.execute("""
        create table kinds (
            id bigint primary key, "Mixed" text, small smallint, exact numeric(38, 10), unbounded numeric, wide numeric(50, 5),
            real4 real, double8 double precision, flag boolean, day date, hour time, local timestamp,
            document jsonb, raw_document json, bytes bytea, span interval, list integer[], state mood, address inet,
            fixed char(4), updated_at timestamptz not null)
    """)
    shop.execute(r"""
        insert into kinds values
        (1, 'a|"é한😀''', -32768, 1234567890123456789012345678.0123456789, 1e-30, 99999999999999999999999.12345,
         0.1, 'NaN', true, '2026-02-28', '23:59:59.999999', '2026-01-01 00:00:00.000001',
         '{"n": 12345678901234567890.12, "x": null}', '[1.10, "é"]', '\x00ff', '1 day', '{1,null}', 'ok', '10.0.0.1',
         'ab', '2026-01-01 00:00:00.123456+13'),
        (2, '', null, null, null, null, null, '-Infinity', null, null, null, null, null, 'null', '', null, null, null, null, null,
         '2026-01-01')
    """)
    shop.execute("grant select on kinds to reader")
    assert landing.load("extra") == {"kinds": 2}
    names = ["mixed", "small", "exact", "unbounded", "wide", "real4", "double8", "flag", "day", "hour", "local",
             "document", "raw_document", "bytes", "span", "list", "state", "address", "fixed", "updated_at"]  # fmt: skip
    first, second = landing.query(f"select {', '.join(names)} from raw_extra.kinds order by id")
    values = dict(zip(names, first, strict=True))
    assert values["mixed"] == "a|\"é한😀'"
    assert values["exact"] == Decimal("1234567890123456789012345678.0123456789")
    assert values["unbounded"] == "0.000000000000000000000000000001"
    assert values["wide"] == "99999999999999999999999.12345"
    assert values["real4"] == 0.1 and isnan(values["double8"]) and values["small"] == -32768
    assert (values["flag"], values["day"], values["hour"]) == (True, date(2026, 2, 28), time(23, 59, 59, 999999))
    assert values["document"] == '{"n": 12345678901234567890.12, "x": null}'
    assert values["raw_document"] == '[1.10, "é"]' and values["bytes"] == b"\x00\xff"
    assert (values["span"], values["list"], values["state"], values["address"]) == ("1 day", "{1,NULL}", "ok", "10.0.0.1/32")
    # BigQuery's raw tables have no timestamps without zone: there they are held as if they were UTC.
    assert values["local"] == datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC if engine == "bigquery" else None)
    assert values["updated_at"] == datetime(2025, 12, 31, 11, 0, 0, 123456, tzinfo=UTC)
    assert second[names.index("mixed")] == "" and second[names.index("bytes")] == b""
    assert second[names.index("raw_document")] == "null" and second[names.index("double8")] == -inf
    # Changed rows are read by other code than those of the first load.
    shop.execute("update kinds set updated_at = updated_at + interval '1 second'")
    assert landing.load("extra") == {"kinds": 2}
    again = landing.latest("kinds", ", ".join(names[:-1]), "raw_extra")
    assert list(map(repr, again)) == [repr(first[:-1]), repr(second[:-1])]  # NaN is not equal to itself
    assert landing.load("extra") == {}


@on("dev", "postgres")
def test_a_nan_goes_to_quarantine_from_any_batch_of_any_load(landing, shop, extra_source, engine, monkeypatch):
    """A numeric NaN in a late batch of the first load, and one in a later load: the reason names column and type, all other rows land."""
    batches = _count_batches(monkeypatch, rows=2_048)
    bad = 2_048 * (14 if engine == "postgres" else 2)  # DuckDB computes a megabyte ahead, and INSERT … SELECT has no batches
    last = bad + 1_000
    extra_source([Table("lines", primary_key="id", cursor="updated_at"), Table("fine", primary_key="id")])
    shop.execute(
        "drop table if exists lines; drop table if exists fine; drop domain if exists money2; create domain money2 as numeric(12, 2)"
    )
    shop.execute(f"""
        create table lines as select
            n::bigint as id, case when n % 7 > 0 then (n - 25000) / 7.0 end::numeric(38, 10) as share,
            (n - 25000.01)::money2 as price, timestamptz '2026-01-01' + n * interval '1 second' as updated_at
        from generate_series(1, {last}) as n
    """)
    shop.execute("create table fine as select 1::bigint as id; grant select on lines, fine to reader")
    shop.execute(f"alter table lines add primary key (id); update lines set price = 'NaN' where id = {bad}")
    reason = "price is not a valid DECIMAL(12,2)"
    report = landing.try_to_load("extra")
    assert report.ok and report.tables == {"fine": 1, "lines": last - 1} and report.quarantined == {"lines": 1}
    assert landing.query("select row_key, reason from raw_extra.quarantine") == [(f'["{bad}"]', reason)]
    if engine == "postgres":
        assert batches[0] > 0, "the NaN came in the first batch"
    shop.execute(f"update lines set price = -0.01 where id = {bad}")
    assert landing.load("extra") == {"lines": 1}
    sums = "select count(*), sum(share), sum(price), min(price), max(price), max(updated_at) from"
    assert landing.query(f"{sums} raw_extra.lines") == [shop.execute(f"{sums} lines").fetchone()]
    shop.execute(f"update lines set price = 'NaN' where id = {last}")
    assert landing.try_to_load("extra").quarantined == {"lines": 1}
    assert landing.query("select row_key, reason from raw_extra.quarantine where closed_at is null") == [(f'["{last}"]', reason)]


def _count_batches(monkeypatch: pytest.MonkeyPatch, rows: int) -> list[int]:
    """Make batches of so many rows. Returns a list that grows: how many batches each reading of rows gave."""
    counts: list[int] = []

    def counting(original: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        def counted(*arguments: Any) -> Iterator[Any]:
            number = len(counts)
            counts.append(0)
            for batch in original(*arguments):
                counts[number] += 1
                yield batch

        return counted

    monkeypatch.setattr(scratch_tables, "BATCH_ROWS", rows)
    for name in ("batches", "stream"):
        monkeypatch.setattr(scratch_tables.ScratchTables, name, counting(getattr(scratch_tables.ScratchTables, name)))
    return counts
