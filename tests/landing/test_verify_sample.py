"""What `ingest verify` and the comparison after each load tell: no change of the meantime, and no value."""

from typing import Any

from support.landing import on
from support.source_database import NOW, change_raw, make

from ingestion.connectors.postgres import Table
from ingestion.console import print_checks


@on("postgres")
def test_a_sample_tells_what_the_warehouse_made_of_a_row_from_what_changed_meanwhile(database):
    """Of a table without a cursor, too. A trigger in the warehouse plays a reader that gets a value wrong."""
    make(database, "id bigint primary key, value text", "n, 'a'", Table("t", primary_key="id"), rows=15)

    def write(progress: Any) -> None:
        if progress.step == "loading" or (progress.step == "reading" and progress.rows):
            database.execute("update t set value = value || '!' where id = 7", "delete from t where id = 8")

    database.execute("update t set value = 'b' where id = 5")
    report = database.load(on_progress=write)
    assert report.error is None and report.checked == {"t": 14}, "what changed since the read is no difference"
    change_raw(
        database,
        "create function raw_extra.spoil() returns trigger language plpgsql as $$ begin new.value = 'spoilt'; return new; end $$",
        "create trigger spoil before insert on raw_extra.t for each row execute function raw_extra.spoil()",
    )
    database.execute("update t set value = 'Johanna' where id = 5")
    report = database.load()
    assert not report.ok and "t: id 1 to 15: value differs in 2 of 14 rows" in report.error
    assert "Johanna" not in report.error and "spoilt" not in report.error


@on("dev")
def test_no_value_is_shown(database, capsys):
    columns = "email text primary key, phone bigint, born date, note json, updated_at timestamptz not null"
    person = "'person' || n || '@example.com', 64210000 + n, '1970-01-01'::date + n"
    values = f"{person}, '{{\"n\": 774411}}'::json, '{NOW}'::timestamptz - n * interval '1 day'"
    make(database, columns, values, Table("t", primary_key="email", cursor="updated_at"))
    change_raw(
        database,
        "update raw_extra.t set phone = null, born = '1999-12-31', note = '{\"n\": 335566}' where email = 'person7@example.com'",
        "delete from raw_extra.t where email = 'person8@example.com'",
    )
    [check] = database.verify().values()
    print_checks([check], 5)
    shown = "".join(capsys.readouterr())
    assert len(check.differences) == 4 and "a range of email: 1 of 50 rows not in raw" in shown
    assert "a range of email: phone differs in 1 of 50 rows; the first: source a number, raw null" in shown
    for value in ("person", "642100", "1999", "1970", "774411", "335566"):
        assert value not in shown
