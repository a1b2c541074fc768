"""`ingest replay` lands a database's quarantined rows as if they had never been there, unless the source has other ones now."""

from dataclasses import replace

from support.landing import on
from support.source_database import BEFORE

from ingestion.connectors.postgres import Table


@on("dev", "postgres")
def test_replayed_rows_are_what_would_have_landed(database):
    columns = "(id bigint primary key, amount numeric(6,2), note text, document json, bytes bytea, updated_at timestamptz not null)"
    update = "update {} set %s, updated_at = '2026-01-10 0%s:00Z' where id = %s"
    widen, rename = ("alter table {} alter amount type numeric(8,4)", "alter table {} rename amount to total_amount")
    database.execute(f"create table fixed {columns}", f"create table never_broken {columns}")
    database.execute(
        *(
            f"insert into {name} select n, n, 'x', '{{\"a\": \"é\"}}', '\\x00ff', '{BEFORE}' from generate_series(1, 4) as n"
            for name in ("fixed", "never_broken")
        )
    )
    database.execute("alter table never_broken alter amount type numeric(8,4)")
    key = {"primary_key": "id", "cursor": "updated_at"}
    database.tables = [Table("fixed", **key, required=("note",)), Table("never_broken", **key)]
    database.load()
    database.execute(widen.format("fixed"), *(rename.format(name) for name in ("fixed", "never_broken")))
    renamed = {"renamed": {"amount": "total_amount"}}
    database.tables = [Table("fixed", **key, **renamed, required=("note",)), Table("never_broken", **key, **renamed)]
    for change in (
        update % ("total_amount = 1.2345", 1, 1),
        update % ("note = null, document = '[1.10]'", 2, 2),
        update % ("total_amount = 1.5", 3, 1),  # fits raw again: supersedes the version before
        update % ("total_amount = 9.9999, note = null", 4, 3),
    ):
        database.execute(*(change.format(name) for name in ("fixed", "never_broken")))
        assert database.load().error is None
    assert set(database.quarantined("fixed")) == {'["2"]', '["3"]'}
    assert database.query("select closed_as, row_key from raw_extra.quarantine where closed_at is not null") == [("superseded", '["1"]')]
    # Before anything is fixed, no row fits raw.
    assert database.replay().replayed.get("fixed", 0) == 0
    database.widen("fixed", database.load().notes)
    report = database.replay()
    assert report.error is None and report.replayed == {"fixed": 1} and sum(report.left["fixed"].values()) == 2
    database.tables[0] = replace(database.tables[0], required=())
    assert database.replay().replayed == {"fixed": 2} and database.quarantined("fixed") == {}
    assert database.replay().replayed == {} and database.load().tables["fixed"] == 0
    columns = "id, amount, note, cast(document as varchar), bytes, updated_at, _changed_at, _deleted_at"
    rows = f"select {columns} from raw_extra.{{}} order by id, _changed_at"
    assert database.query(rows.format("fixed")) == database.query(rows.format("never_broken"))


@on("dev", "postgres")
def test_a_row_that_the_source_put_right_is_not_replayed(database):
    """Under the same cursor, or back to the version before: the source no longer has what is in quarantine."""
    database.execute(
        "create table t (id bigint primary key, value text, updated_at timestamptz not null)",
        f"insert into t select n, 'x', '{BEFORE}' from generate_series(1, 3) as n",
    )
    database.tables = [Table("t", primary_key="id", cursor="updated_at", required=("value",))]
    database.load()
    database.execute("update t set value = null, updated_at = '2026-01-10 01:00Z' where id < 3")
    database.load()
    assert set(database.quarantined("t")) == {'["1"]', '["2"]'}
    database.execute("update t set value = 'y' where id = 1", f"update t set value = 'x', updated_at = '{BEFORE}' where id = 2")
    database.load(full=True)
    assert database.quarantined("t") == {}
    database.tables = [replace(database.tables[0], required=())]
    assert database.replay().error is None
    assert database.latest("t") == [(1, "y"), (2, "x"), (3, "x")]


@on("dev", "postgres")
def test_a_quarantined_row_that_changes_or_is_deleted_before_it_is_replayed(database):
    """A version that was read with several values lands with its last; a deleted row does not come back."""
    database.execute(
        "create table t (id bigint primary key, value text, name text, updated_at timestamptz not null)",
        f"insert into t select n, 'a', case when n < 4 then 'x' end, '{BEFORE}' from generate_series(1, 6) as n",
    )
    database.tables = [Table("t", primary_key="id", cursor="updated_at", required=("name",))]
    for value in "bcd":
        assert database.load().error is None
        database.execute(f"update t set value = '{value}' where id = 5")
    database.load()
    database.execute("delete from t where id = 6")
    database.load()
    assert set(database.quarantined("t")) == {'["4"]', '["5"]'}
    database.tables = [replace(database.tables[0], required=())]
    assert database.replay().error is None
    assert database.latest("t") == [(1, "a"), (2, "a"), (3, "a"), (4, "a"), (5, "d")]
    assert database.query("select count(*) from raw_extra.t") == [(5,)]


@on("dev", "postgres")
def test_equal_rows_of_a_table_without_a_key_are_counted(database):
    database.execute("create table t (id bigint, value text)", "insert into t values (1, 'a'), (1, 'a')")
    database.tables = [Table("t")]
    database.load()
    database.execute("insert into t values (1, 'a'), (2, 'b'), (2, 'b')")
    database.load()
    assert database.load().tables["t"] == 0
    counts = "select id, value, count(*) from raw_extra.t group by id, value order by id"
    assert database.query(counts) == [(1, "a", 3), (2, "b", 2)]
    # The contract is fixed, and the next read lands a quarantined row: a replay does not land it again.
    database.tables = [Table("t", required=("value",))]
    database.execute("insert into t values (3, null)")
    assert database.load().quarantined == {"t": 1}
    database.tables = [Table("t")]
    assert database.load().tables["t"] == 1 and database.replay().error is None
    assert database.query(counts) == [(1, "a", 3), (2, "b", 2), (3, None, 1)]
    # Nothing shows which row is deleted, so raw keeps all; so many deletions are not accepted.
    database.execute("delete from t where id = 3")
    report = database.load()
    assert report.ok and any("1 rows were deleted or changed, and without a key" in note for note in report.notes)
    database.execute("delete from t where id = 1")
    for _ in range(2):
        report = database.load()
        assert not report.ok and "3 of 5 rows are missing" in report.error and database.last_read("t")[0] == "contract_violated"
    assert database.load(allow_deletes=True).ok and database.load().notes == []
    # One of a few rows may be deleted. A changed one gets a note, though there are as many rows as before.
    database.execute("delete from t where ctid = (select min(ctid) from t)")
    assert database.load().ok and database.load().notes == []
    database.execute("update t set value = 'c'")
    report = database.load()
    assert report.tables["t"] == 1 and any("1 rows were deleted or changed" in note for note in report.notes)
