"""No part of a password is in a table, in what `ingest` prints, or in a file that it leaves, whatever signs the password has and wherever
it was written."""

from collections.abc import Callable, Iterator
from urllib.parse import quote

import psycopg
import pytest
from support.landing import Landing
from support.source_database import SourceDatabase

from ingestion.addresses import with_encoded_password
from ingestion.connectors.postgres import Table
from ingestion.errors import IngestError

# Of signs that nothing else here has, so that four of them in a row are a part of the password.
PASSWORDS = [
    "Zq7xVk9w", "Zq7x@Vk9w", "Zq7x/Vk9w", "Zq7x:Vk9w", "Zq7x%Vk9w", "Zq7x Vk9w", "Zq7x'Vk9w\"Jp3f", "Zq7x\\Vk9w", "Zq7x#Vk9w", "Zq7x?Vk9w",
    "Zq7x[Vk9w]", "1234/@Zq7x", "@Zq7x/@Vk9w:", "Zq7xé{Vk9w}", "Zq7x&Vk9w=Jp3f;", "Zq7x%%Vk9w", "Zq7x$Vk9w`",
]  # fmt: skip


def parts(password: str) -> set[str]:
    """All of a password that is long enough to be known again, also as a URL has it."""
    return {text[at : at + 4] for text in (password, quote(password, safe="")) for at in range(len(text) - 3)} - {"1234"}


def leaks(landing: Landing, password: str, *said: str | None) -> set[str]:
    """Parts of a password in the warehouse, in the files of dlt, and in what was said."""
    texts = [text.encode() for text in said if text]
    for schema, table in landing.query("select schema_name, table_name from duckdb_tables() where schema_name like 'raw%'"):
        texts.append(repr(landing.query(f'select * from "{schema}"."{table}"')).encode())
    texts += [path.read_bytes() for path in landing.folder.rglob("*") if path.is_file() and path.suffix != ".toml"]
    return {part for part in parts(password) if any(part.encode() in text for text in texts)}


@pytest.fixture(scope="module")
def reader(make_database: Callable[[str], SourceDatabase]) -> SourceDatabase:
    """A source database that was loaded once, so that there are tables in which a failure is written down."""
    database = make_database("dev")
    database.execute("create table t (id int primary key, value text, updated_at timestamptz)", "insert into t values (1, 'a', now())")
    database.tables = [Table("t", primary_key="id", cursor="updated_at")]
    assert database.load().error is None
    return database


@pytest.fixture
def credentials(reader: SourceDatabase) -> Iterator[Callable[[str], str]]:
    """Sets the reader's password, and gives a connection string without it: user and place are `{}`."""
    settings, before = reader.landing.settings, reader.landing.settings["SOURCES__EXTRA__CREDENTIALS"]
    place = before.rpartition("@")[2]

    def change(password: str) -> str:
        with reader.connect() as owner:
            owner.execute(psycopg.sql.SQL("alter role reader password {}").format(password))
        return place

    yield change
    change(before.split(":")[2].partition("@")[0])
    settings["SOURCES__EXTRA__CREDENTIALS"] = before


def written(password: str, place: str) -> dict[str, str]:
    """A connection string as people write it: as it is, encoded, in libpq's words."""
    host, _, database = place.partition("/")
    name, _, port = host.partition(":")
    libpq = password.replace("\\", "\\\\").replace("'", "\\'")
    return {
        "as it is": f"postgresql://reader:{password}@{place}",
        "encoded": f"postgresql+psycopg2://reader:{quote(password, safe='')}@{place}",
        "words": f"host={name} port={port} dbname={database} user=reader password='{libpq}'",
    }


@pytest.mark.sampled(test=4, test_all=8)
@pytest.mark.parametrize("password", PASSWORDS)
def test_a_password_of_a_database_works_or_is_refused_and_is_nowhere_to_be_read(reader, credentials, password):
    landing = reader.landing
    for way, text in written(password, credentials(password)).items():
        landing.settings["SOURCES__EXTRA__CREDENTIALS"] = text
        report = reader.load()
        if way != "as it is" or "two ways" not in (report.error or ""):
            assert report.error is None, (way, report.error)
        assert not leaks(landing, password, str(report), report.traceback), way
    for wrong in (password[::-1], password):  # the server refuses it; nobody listens
        place = "127.0.0.1:1/postgres" if wrong == password else credentials("other")
        for way, text in written(wrong, place).items():
            landing.settings["SOURCES__EXTRA__CREDENTIALS"] = text
            report = reader.load()
            assert not report.ok and (
                "SOURCES__EXTRA__CREDENTIALS" in report.error or "127.0.0.1:1 can't" in report.error or "two ways" in report.error
            )
            assert report.error in repr(reader.query("select reason from raw_extra.read_log")), "it is written down"
            assert not leaks(landing, wrong, str(report), report.traceback), way


@pytest.mark.sampled(test=4, test_all=8)
@pytest.mark.parametrize("password", PASSWORDS)
def test_a_password_in_the_address_of_an_api_works_or_is_refused_and_is_nowhere_to_be_read(changing, api, password):
    settings, url = changing.settings, api.url
    changing.load("payments")
    host = url.removeprefix("http://")
    for login in (password, quote(password, safe="")):
        settings["SOURCES__PAYMENTS__BASE_URL"] = f"http://me:{login}@{host}"
        report = changing.try_to_load("payments")
        assert report.ok or "two ways" in report.error, report.error
        assert not leaks(changing, password, str(report), report.traceback)
    answers = [(401, {}, {}), (404, {}, {}), (200, "<html>", {}), (301, "", {"Location": f"{url}/else"})]
    for answer, place in ((answers[len(password) % 4], host), (None, "127.0.0.1:1")):
        api.script = [answer] if answer else []
        settings["SOURCES__PAYMENTS__BASE_URL"] = f"http://me:{password}@{place}"
        report = changing.try_to_load("payments", full=True)
        assert not report.ok or "else" in str(answer)
        assert not leaks(changing, password, str(report), report.traceback)


@pytest.mark.parametrize("place", ["environment", "secrets.toml"])
def test_what_ingest_prints_holds_no_secret_wherever_it_was_found(changing, place, tmp_path):
    """Both kinds of source, down, refused and right, as a process of its own, with --debug."""
    password, token = "Zq7x@Vk9w", "Jp3fBd8k"
    secrets = {
        "sources.shop.credentials": f"postgresql://reader:{password}@127.0.0.1:1/shop",
        "sources.payments.base_url": f"http://me:{password}@127.0.0.1:1",
        "sources.payments.api_token": token,
    }
    if place == "environment":
        changing.settings |= {name.replace(".", "__").upper(): value for name, value in secrets.items()}
    else:
        (tmp_path / ".dlt").mkdir()
        (tmp_path / ".dlt" / "secrets.toml").write_text("\n".join(f"{name} = '{value}'" for name, value in secrets.items()))
        changing.settings["DLT_PROJECT_DIR"] = str(tmp_path)
    main = "from ingestion.cli import main; import sys; sys.exit(main())"
    done = changing.command("run", "shop", "payments", "--debug", script=main)
    assert done.returncode == 1 and "127.0.0.1:1 can't be reached" in done.stderr, done.stderr
    assert "http://127.0.0.1:1 can't be reached" in done.stderr and "Traceback" not in done.stderr
    assert not leaks(changing, password, done.stdout, done.stderr) | leaks(changing, token)


def test_an_address_that_can_be_read_in_two_ways_is_refused_without_a_word_of_it():
    for url in ("postgresql://r:12/Zq7x@host/db", "https://u:p@Zq7x/v1/@me", "postgresql://r:p@Zq7x?Vk9w@host/db"):
        with pytest.raises(IngestError) as refused:
            with_encoded_password(url, "sources.x.credentials")
        assert "sources.x.credentials can be read in two ways" in str(refused.value) and "Zq7x" not in str(refused.value)
    for url in (
        "https://api.example/v1/@me",
        "postgresql:///db?host=/tmp&user=a@b",
        "postgresql://a:b@[::1]:5/db",
        "postgresql://a:b@c:1,d:2/e",
    ):
        assert with_encoded_password(url, "") == url


@pytest.mark.parametrize("kind", ["int", "date", "numeric(4,1)", "boolean", "timestamptz", "json", "uuid"])
def test_no_value_of_a_row_is_in_a_reason_or_a_note(make_database, kind):
    """Raw has the type, then the source's column becomes a text that holds what is personal."""
    personal, landed = "ana.zq7x@vk9w.example", {"json": '{"a": 1}', "uuid": "0f1e2d3c-0000-0000-0000-000000000001", "boolean": "true"}
    database = make_database("dev")
    good = landed.get(kind, "2026-01-02" if kind[0] in "dt" else "7")
    database.execute(f"create table t (id int primary key, value {kind})", f"insert into t values (1, '{good}'), (2, '{good}')")
    database.tables = [Table("t", primary_key="id")]
    assert database.load().error is None
    database.execute("alter table t alter value type text using value::text", f"update t set value = '{personal}' where id = 1")
    reports = [database.load(), database.load(full=True), database.replay()]
    said = [str(report) for report in reports] + [getattr(report, "traceback", "") for report in reports]
    said += [repr(database.query(f"select * from raw_extra.{table}")) for table in ("read_log", "_dlt_loads")]
    said.append(repr(database.query("select table_name, reason from raw_extra.quarantine")))
    assert not [text for text in said if "zq7x" in text or "vk9w" in text]
    assert [row for row in database.query("select record from raw_extra.quarantine") if personal in row[0]] or kind in ("json", "uuid")
