"""`ingest verify` of databases finds what the reader of the same tables can't: it asks the source's catalogue and counts by itself."""

import pytest
from support.landing import on
from support.source_database import NOW, change_raw, make

from ingestion.connectors.postgres import Table
from ingestion.console import print_checks
from ingestion.operations.verify import TableCheck
from ingestion.operations.verify_database import ranges


@pytest.fixture(autouse=True)
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "RANGE_ROWS", 20)


def found(check: TableCheck) -> tuple[list[str], list[str], str]:
    return check.differences, check.unsettled, check.not_compared


GOOD: tuple[list[str], list[str], str] = ([], [], "")


# Names


@on("dev", "postgres")
def test_names_in_camel_case_are_compared(database):
    """Whatever raw makes of them; and when raw's table can't be found, that is said."""
    columns = '"orderId" bigint primary key, "unitPrice" numeric(12,2), "updatedAt" timestamptz not null'
    items = Table("OrderItems", primary_key="orderId", cursor="updatedAt")
    make(database, columns, f"n, n / 4.0, '{NOW}'::timestamptz - n * interval '1 day'", items, name='"OrderItems"')
    [check] = database.verify().values()
    assert (check.rows, check.at_source, check.in_raw, *found(check)) == (50, 50, 50, *GOOD)
    raw = f'raw_extra."{check.raw_table}"'
    [(price,)] = database.query(
        "select column_name from information_schema.columns where table_schema = 'raw_extra' and lower(column_name) like 'unit%'"
    )
    [(key,)] = database.query(
        "select column_name from information_schema.columns where table_schema = 'raw_extra' and lower(column_name) like 'order%'"
    )
    change_raw(database, f'delete from {raw} where "{key}" = 7', f'update {raw} set "{price}" = "{price}" + 0.01 where "{key}" = 49')
    [check] = database.verify().values()
    assert check.differences == [
        f"{key} 1 to 20: 1 of 20 rows not in raw, the first 7",
        f"{key} 41 to 50: {price} differs in 1 of 10 rows; {key} 49: raw is off by 0.01",
    ]
    change_raw(database, f"alter table {raw} rename to articles")
    check, other = database.verify().values()
    assert other.table == "articles" and other.notes == ["not compared: no declared table is this one"] and other.is_good
    assert check.rows == 0 and "raw has no table for it" in check.differences[0]
    assert print_checks([check], None) == 1


@on("dev")
def test_columns_that_only_one_side_has_are_differences_but_for_those_that_were_given_up(database):
    table = Table("t", primary_key="id", excluded=("secret",))
    make(database, "id bigint primary key, price numeric(12,2), secret text, note text, old text", "n, n, 'x', 'y', 'z'", table)
    database.execute("alter table t rename price to net_price", "alter table t add price_list text", "alter table t drop note, drop old")
    database.tables = [Table("t", primary_key="id", excluded=("secret",), retired=("old",))]
    [check] = database.verify().values()
    assert sorted(difference.split(":")[0] for difference in check.differences) == [
        "column net_price is at the source, and raw has none for it",
        "column note of raw is not at the source",
        "column price of raw is not at the source",
        "column price_list is at the source, and raw has none for it",
    ]
    assert "not compared: column secret (excluded), column old (retired)" in check.notes
    database.tables = [
        Table("t", primary_key="id", excluded=("secret", "price_list"), retired=("old", "note"), renamed={"price": "net_price"})
    ]
    [check] = database.verify().values()
    assert (check.rows, *found(check)) == (50, *GOOD)


@on("dev")
def test_a_table_that_is_not_compared_is_no_success(database, capsys):
    make(database, "id bigint primary key, value text", "n, 'a'", Table("t", primary_key="id"))
    database.execute("create table late (id bigint primary key, value text)", "create table closed (id bigint primary key)")
    change_raw(database, "create table raw_extra.closed as select * from raw_extra.t")
    with database.connect() as owner:
        owner.execute("revoke all on closed from reader")
    database.tables += [Table(name, primary_key="id") for name in ("gone", "late", "closed")]
    checks = database.verify()
    assert found(checks["t"]) == GOOD
    assert checks["gone"].not_compared == "the source has no such table"
    assert "it was never loaded, or landed under another name" in checks["late"].differences[0]
    assert checks["closed"].not_compared
    for table in ("gone", "late", "closed"):
        assert print_checks([checks[table]], None) == 1 and f"ingest: extra.{table}: " in capsys.readouterr().err


# Keys


@on("dev")
def test_a_declared_key_that_is_no_key_is_a_difference(database):
    columns = "actor_id bigint, film_id bigint, primary key (actor_id, film_id)"
    make(database, columns, "n % 20, n", Table("t", primary_key=("actor_id", "film_id")))
    assert found(database.verify()["t"]) == GOOD
    database.tables = [Table("t", primary_key="actor_id")]
    [check] = database.verify().values()
    no_key = "the key actor_id is not a key at the source: 50 rows have 20 different keys. They are found by: "
    assert f"{no_key}select actor_id, count(*) from t group by actor_id having count(*) > 1" in check.differences
    database.execute("create table open (id bigint unique)", "insert into open values (1), (2), (null), (null)")
    database.tables = [Table("open", primary_key="id")]
    database.load()
    check = database.verify()["open"]
    assert check.differences == ["the key id is not a key at the source: it is null in 2 rows"]
    assert print_checks([check], None) == 1


@on("dev", "postgres")
def test_keys_of_every_kind_are_compared(database):
    """A bytea key, one of a time and a text, a number without digits of its own, a UUID."""
    kinds = {
        "bytes": ("id bytea", "decode(lpad(to_hex(n), 4, '0'), 'hex')", "id"),
        "times": ("taken_at timestamptz, code text", "timestamptz '2026-01-01' + n * interval '1 us', 'é' || n", "taken_at, code"),
        "numbers": ("id numeric", "n / 10.0", "id"),
        "uuids": ("id uuid", "lpad(n::text, 32, '0')::uuid", "id"),
    }
    for name, (columns, values, key) in kinds.items():
        database.execute(
            f"create table {name} ({columns}, value text, primary key ({key}))",
            f"insert into {name} select {values}, 'a' from generate_series(1, 50) as n",
        )
    database.tables = [Table(name, primary_key=tuple(key.split(", "))) for name, (_, _, key) in kinds.items()]
    assert database.load().error is None
    checks = database.verify()
    assert {name: (check.rows, check.in_raw, *found(check)) for name, check in checks.items()} == dict.fromkeys(kinds, (50, 50, *GOOD))
    for name, (_, _, keys) in kinds.items():
        key = keys.split(",")[0]
        change_raw(database, f"update raw_extra.{name} set value = 'b' where {key} = (select max({key}) from raw_extra.{name})")
    for name, check in database.verify().items():
        assert [": value differs in 1 of " in text for text in check.unsettled] == [True], name


# Tables without a cursor


@on("dev", "postgres")
def test_a_table_without_a_cursor_is_compared(database, capsys):
    make(database, "id bigint primary key, amount numeric(12,2)", "n, n * 1.5", Table("t", primary_key="id"))
    [check] = database.verify().values()
    assert (check.rows, check.at_source, check.in_raw, *found(check)) == (50, 50, 50, *GOOD)
    assert print_checks([check], None) == 0
    capsys.readouterr()
    change_raw(database, "update raw_extra.t set amount = 0 where id = 3", "delete from raw_extra.t where id = 22")
    [check] = database.verify().values()
    assert check.unsettled == [
        "id 1 to 20: amount differs in 1 of 20 rows; id 3: source a number, raw zero",
        "id 21 to 40: 1 of 20 rows not in raw, the first 22",
    ]
    assert print_checks([check], None) == 1
    printed = capsys.readouterr().err
    assert "ingest: extra.t: changed since the last read, 0 min ago, or wrong: id 1 to 20" in printed
    assert printed.endswith("To tell which: ingest extra --deletes, and then ingest verify extra\n")
    assert database.load().error is None
    assert found(database.verify()["t"]) == GOOD
    # What changes at the source looks alike, until it is read.
    database.execute("update t set amount = 1 where id = 5", "delete from t where id = 6", "insert into t values (51, 1)")
    assert len(database.verify()["t"].unsettled) == 3
    assert database.load().error is None
    assert found(database.verify()["t"]) == GOOD


@on("dev", "postgres")
def test_a_table_without_a_key_is_searched_for_each_row(database):
    make(database, "value text, part real, doc json", "'a' || n % 10, n % 2 + 0.1, '{\"a\":  1}'", Table("t"))
    [check] = database.verify().values()
    assert (check.rows, *found(check)) == (50, *GOOD)
    change_raw(database, "update raw_extra.t set part = 7 where value = 'a3'")
    assert database.verify()["t"].unsettled == ["5 of 50 rows are not in raw"]


@on("dev")
def test_a_cursor_that_is_no_time_is_said(database):
    make(database, "id bigint primary key, version bigint", "n, n", Table("t", primary_key="id", cursor="version"))
    change_raw(database, "update raw_extra.t set version = 0 where id = 3")
    [check] = database.verify().values()
    assert check.rows == 50 and len(check.unsettled) == 1
    assert "its cursor version is not a time, so all rows are compared as they are now" in check.notes


# What figures alone do not show


@on("dev", "postgres")
def test_values_that_were_exchanged_show(database):
    """Sum, least and greatest value are as they were."""
    columns = "id bigint primary key, amount numeric(12,2), taken_at timestamptz, updated_at timestamptz not null"
    values = f"n, n, timestamptz '2026-01-01' + n * interval '1 day', '{NOW}'::timestamptz - n * interval '1 day'"
    make(database, columns, values, Table("t", primary_key="id", cursor="updated_at"))
    exchanged = "case id when 3 then {0} when 4 then {1} end"
    change_raw(
        database,
        f"update raw_extra.t set amount = {exchanged.format(4, 3)} where id in (3, 4)",
        "update raw_extra.t set taken_at = taken_at + (case id when 33 then 1 else -1 end) * interval '1 day' where id in (33, 34)",
    )
    assert database.verify()["t"].differences == [
        "id 1 to 20: amount differs in 2 of 20 rows; id 3: raw is off by 1, all by 0",
        "id 21 to 40: taken_at differs in 2 of 20 rows; id 33: raw is off by 1 day, 0:00:00",
    ]


@on("dev", "postgres")
def test_what_raw_keeps_in_another_type_is_compared_exactly(database):
    """A number that raw rounded is a difference; one that it writes with more zeros is none."""
    columns = "id bigint primary key, amount numeric(12,2), code integer, day date, updated_at timestamptz not null"
    make(database, columns, f"n, n, n, '2026-01-01'::date + n, '{NOW}'", Table("t", primary_key="id", cursor="updated_at"))
    database.execute(
        "alter table t alter amount type numeric(14,4), alter code type text, alter day type timestamptz",
        "update t set updated_at = updated_at - interval '1 day'",
    )
    change_raw(database, "update raw_extra.t set updated_at = updated_at - interval '1 day'")
    assert found(database.verify()["t"]) == GOOD
    database.execute("update t set amount = 3.004 where id = 3")
    assert database.verify()["t"].differences == ["id 1 to 20: amount differs in 1 of 20 rows; id 3: raw is off by -0.004"]


@on("dev", "postgres")
def test_rows_that_the_source_deleted_are_said_until_they_are_read(database):
    columns = "id bigint primary key, value text, updated_at timestamptz not null"
    make(database, columns, f"n, 'a', '{NOW}'", Table("t", primary_key="id", cursor="updated_at"))
    database.execute("delete from t where id in (3, 33)")
    [check] = database.verify().values()
    assert check.unsettled == ["2 rows of raw are not at the source"] and print_checks([check], None) == 1
    assert database.load(deletes=True).error is None
    [check] = database.verify().values()
    assert (check.at_source, check.in_raw, *found(check)) == (48, 48, *GOOD)


@on("dev")
def test_quarantined_rows_are_said(database):
    columns = "id bigint primary key, amount numeric(12,2), updated_at timestamptz not null"
    make(
        database, columns, f"n, case when n = 3 then 'NaN' else n::numeric end, '{NOW}'", Table("t", primary_key="id", cursor="updated_at")
    )
    [check] = database.verify().values()
    assert found(check) == GOOD and "1 rows in quarantine, which are not in raw" in check.notes
