"""Columns tagged `pii` are masked for readers; on DuckDB the warehouse is private, and readers have a file of their own."""

import shutil
import stat
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from support.dbt import run_dbt
from support.deployment import MARTS, STAR, Deployment
from support.publishing import PERSONAL, assert_nothing_is_stale, killed_publication, state

on_duckdb = pytest.mark.parametrize("landed", ["dev"], indirect=True)
on_postgres = pytest.mark.parametrize("landed", ["postgres"], indirect=True)
CUSTOMERS = f"select customer_key, {', '.join(PERSONAL['dim_customer'])} from {{}} order by customer_key"


def masked(rows: list[tuple]) -> list[tuple]:
    """Customers as a reader without a grant sees them: null stays null."""
    return [(key, *(value and "***" for value in values)) for key, *values in rows]


def customers_for(deployment: Deployment, role: str) -> list[tuple]:
    with deployment.engine.connect(role) as connection:
        return connection.execute(CUSTOMERS.format("published.dim_customer")).fetchall()


@on_duckdb
def test_the_first_build_of_a_warehouse_writes_the_file_of_its_readers(published: Deployment):
    assert published.query("select count(*) from audited.publications") == [(1,)]
    assert (published.folder / "published.duckdb").exists()


def test_personal_data_are_masked(published: Deployment):
    clear = published.query(CUSTOMERS.format("core.dim_customer"))
    assert len(clear) > 10 and any("@" in (email or "") for _, _, email, _ in clear) and any(email is None for _, _, email, _ in clear)
    assert published.query(CUSTOMERS.format("published.dim_customer")) == masked(clear)
    assert published.query("select count(*) > 10, count(city) > 10 from published.dim_customer where city <> '***'") == [(True, True)]


@on_postgres
def test_a_role_that_is_granted_them_reads_personal_data_in_clear(published: Deployment):
    """It need not be named as a reader too. Where the variable is not set, it goes on; when it is no longer named, it is masked."""
    clear = published.query(CUSTOMERS.format("core.dim_customer"))
    published.environment["WAREHOUSE_PII_READERS"] = "auditor"
    published.build()
    assert customers_for(published, "auditor") == clear
    assert customers_for(published, "analyst") == masked(clear)
    del published.environment["WAREHOUSE_PII_READERS"]
    published.dbt("run", "--select", "dim_store")
    assert customers_for(published, "auditor") == clear
    published.environment["WAREHOUSE_PII_READERS"] = ""
    published.environment["WAREHOUSE_READERS"] = "analyst, auditor"
    published.dbt("run", "--select", "dim_store")
    assert customers_for(published, "auditor") == masked(clear)
    published.environment["WAREHOUSE_READERS"] = "analyst"
    del published.environment["WAREHOUSE_PII_READERS"]


@pytest.mark.parametrize("landed", ["bigquery"], indirect=True)
def test_a_user_who_is_granted_them_reads_personal_data_in_clear_on_bigquery(published: Deployment):
    """The view compares the name of whoever asks."""
    clear = published.query(CUSTOMERS.format("core.dim_customer"))
    assert len(clear) > 10 and published.query(CUSTOMERS.format("published.dim_customer")) == masked(clear)
    [(user,)] = published.query("select session_user()")
    published.environment["WAREHOUSE_PII_READERS"] = user
    published.dbt("run", "--select", "dim_store")
    assert published.query(CUSTOMERS.format("published.dim_customer")) == clear


def test_addresses_in_a_column_that_is_not_tagged_are_not_published(published: Deployment):
    """The source's clerks write them where the city belongs. The message names the column, and no address."""
    before = state(published)
    latest = "_changed_at = (select max(_changed_at) from raw_shop.customers where id = 1) and id = 1"
    [(city,)] = published.query(f"select max(city) from raw_shop.customers where {latest}")
    published.execute(f"update raw_shop.customers set city = 'ana@example.org' where {latest}")
    result = published.call(run_dbt, "build")
    assert not result.success and "e-mail addresses in customer_value.city, dim_customer.city. Tag the column" in str(result.exception)
    assert "ana@example.org" not in str(result.exception)
    assert state(published) == before
    published.execute(f"update raw_shop.customers set city = '{city}' where {latest}")
    published.build()
    assert_nothing_is_stale(published)


# The files of DuckDB


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def read(file: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute(sql).fetchall()


@on_duckdb
def test_the_warehouse_is_its_owners_alone(published: Deployment, tmp_path: Path):
    """Whoever makes the file, `ingest` or dbt; one that others could read is closed to them."""
    assert mode(published.path) == 0o600
    other = Deployment(tmp_path, published.systems)
    assert other.call(run_dbt, "build", "--select", "category_spellings").success
    assert mode(other.path) == 0o600
    other.path.chmod(0o644)
    assert other.call(run_dbt, "build", "--select", "category_spellings").success
    assert mode(other.path) == 0o600
    other.path.unlink()
    other.ingest(sources=["calendar"])
    assert mode(other.path) == 0o600


@on_duckdb
def test_readers_have_a_file_of_what_is_published(published: Deployment):
    """Each publication replaces it, after a plain `dbt build`. A reader who has it open goes on with the one that he has."""
    file = published.folder / "published.duckdb"
    assert mode(file) == 0o640
    for name in (*STAR, *MARTS):
        rows = sorted(published.query(f"select * from published.{name}"), key=repr)
        assert rows and sorted(read(file, f"select * from published.{name}"), key=repr) == rows, name
    with duckdb.connect(str(published.path)):  # as dbt does
        held = [
            sys.executable,
            "-c",
            "import duckdb, sys; print(duckdb.connect(sys.argv[1], read_only=True).sql('from dim_store').fetchall())",
        ]
        assert subprocess.run([*held, str(published.path)], check=False, capture_output=True).returncode
        assert subprocess.run([*held, str(file)], check=False, capture_output=True).returncode == 0

    published.systems.live(1)
    published.ingest()
    killed_publication(published, 0.98)
    (leftover := file.with_name("published.0.duckdb")).write_bytes(b"half of it")
    orders = "select count(distinct order_id) from fact_sales"
    with duckdb.connect(str(file), read_only=True) as dashboard:
        before = dashboard.execute(orders).fetchall()
        published.build()
        assert dashboard.execute(orders).fetchall() == before
    assert read(file, orders) == published.query("select count(distinct order_id) from published.fact_sales") > before
    assert not leftover.exists() and mode(file) == 0o640


@on_duckdb
def test_the_file_says_when_it_is_stale(published: Deployment, tmp_path: Path):
    """After a build that failed, and when no build comes at all."""
    file = published.folder / "published.duckdb"
    status = "select model, is_stale, reason from data_status order by model"
    assert read(file, status) == published.query("select model, is_stale, reason from published.data_status order by model")
    assert {is_stale for _, is_stale, _ in read(file, status)} == {False}

    late = tmp_path / "late.duckdb"
    shutil.copy(file, late)
    with duckdb.connect(str(late)) as connection:
        connection.execute("update data_status_when_written set late_at = late_at - interval '36 hours' - interval '1 minute'")
        rows = connection.execute(status).fetchall()
    reasons = {reason for _, is_stale, reason in rows if is_stale}
    assert reasons == {"nothing newer was published for longer than the freshness of its sources allows"}
    assert {model for model, is_stale, _ in rows if is_stale} >= {"fact_sales", "fact_payment", "dim_customer"}

    published.execute("update raw_shop.order_items set quantity = -quantity where id = 1")
    result = published.dbt("build")
    assert {node.status for node in result.result} >= {"fail"}
    assert {reason.partition(":")[0] for _, is_stale, reason in read(file, status) if is_stale} == {"the last build did not pass"}
    published.execute("update raw_shop.order_items set quantity = -quantity where id = 1")
    published.build("--full-refresh")
    assert {is_stale for _, is_stale, _ in read(file, status)} == {False}
