"""What people see when a source or the warehouse can't be used: which one, why, what to do; no traceback, no secret."""

import shutil
from pathlib import Path

import pytest
from support.landing import on, refused


def test_each_failing_source_is_named_with_a_remedy_and_the_others_are_loaded(landing):
    good = dict(landing.settings)
    landing.settings |= {
        "SOURCES__SHOP__CREDENTIALS": good["SOURCES__SHOP__CREDENTIALS"].replace("reader:", "reader:wrong-"),
        "SOURCES__PAYMENTS__API_TOKEN": "expired-91c2",
        "SOURCES__SUPPLIER__BUCKET_URL": str(landing.folder / "nowhere"),
    }
    output = refused(landing)
    assert "ingest: shop: " in output and "wrong user or password" in output and "SOURCES__SHOP__CREDENTIALS" in output
    assert "ingest: payments: " in output and "SOURCES__PAYMENTS__API_TOKEN" in output
    assert "ingest: supplier: " in output and "nowhere does not exist" in output
    assert landing.query("select count(*) > 20 from raw_calendar.holidays") == [(True,)]
    landing.settings = good
    done = landing.command()
    assert done.returncode == 0, done.stderr
    assert "order_items" in done.stdout and "raw" not in done.stderr
    done = landing.command("status")
    assert done.returncode == 0 and "0 min ago" in done.stdout


def test_servers_that_are_down(landing):
    landing.settings |= {
        "SOURCES__SHOP__CREDENTIALS": "postgresql://reader:pass-5512@127.0.0.1:1/shop",
        "SOURCES__PAYMENTS__BASE_URL": "http://127.0.0.1:1",
    }
    output = refused(landing, "shop", "payments")
    assert "127.0.0.1:1 can't be reached" in output and "http://127.0.0.1:1 can't be reached" in output


def test_a_missing_setting(landing):
    landing.settings["SOURCES__SHOP__CREDENTIALS"] = "postgresql://a:b@c/d"
    token = landing.settings.pop("SOURCES__PAYMENTS__API_TOKEN")
    done = landing.command("payments")
    assert done.returncode == 1 and "SOURCES__PAYMENTS__API_TOKEN" in done.stderr and "Traceback" not in done.stderr
    assert token not in done.stderr


@on("postgres")
@pytest.mark.parametrize(
    ("setting", "value", "reason"),
    [
        ("DBT_ENV_SECRET_WAREHOUSE_PASSWORD", "wrong-8841", "wrong user or password"),
        ("WAREHOUSE_USER", "nobody", "wrong user or password"),
        ("WAREHOUSE_DATABASE", "nowhere", "create database nowhere"),
        ("WAREHOUSE_PORT", "1", "WAREHOUSE_PORT"),
    ],
)
def test_a_profile_that_does_not_fit_the_server(landing, engine, setting, value, reason):
    landing.settings[setting] = value
    for arguments in (["calendar"], ["status"]):
        assert reason in refused(landing, *arguments)


@on("postgres")
def test_a_user_who_may_create_nothing(landing, engine):
    landing.server.execute("revoke create on database warehouse from warehouse")
    try:
        assert "grant create on database warehouse to warehouse" in refused(landing, "calendar")
    finally:
        landing.server.execute("grant create on database warehouse to warehouse")
    assert landing.load("calendar")


@on("bigquery")
def test_a_profile_that_bigquery_can_not_use(landing, engine):
    profiles = landing.folder / "profiles"
    profiles.mkdir()
    text = Path(landing.settings["DBT_PROFILES_DIR"], "profiles.yml").read_text()
    landing.settings["DBT_PROFILES_DIR"] = str(profiles)
    for before, after, reason in (
        ("method: oauth-secrets", "method: service-account\n      keyfile: nowhere.json", "WAREHOUSE_KEYFILE"),
        ("method: oauth-secrets", "method: oauth", "gcloud auth application-default login"),
        ("method: oauth-secrets", "method: magic", "does not know the method 'magic'"),
        ("method: oauth", "impersonate_service_account: other\n      method: oauth", "impersonate_service_account"),
    ):
        (profiles / "profiles.yml").write_text(text.replace(before, after))
        assert reason in refused(landing, "calendar")


@on("postgres")
def test_a_raw_column_of_another_type_is_not_filled_with_other_values(landing, engine, tmp_path):
    """ADBC sends the bits of what it has, whatever the column's type."""
    folder = tmp_path / "files"
    shutil.copytree(landing.settings["SOURCES__SUPPLIER__BUCKET_URL"], folder)
    landing.settings["SOURCES__SUPPLIER__BUCKET_URL"] = str(folder)
    landing.load("supplier")
    before = landing.query("select count(*), max(line_number) from raw_supplier.catalogue")
    landing.server.execute("alter table raw_supplier.catalogue alter line_number type double precision")
    catalogue = max(folder.glob("*.csv")).read_text()
    (folder / "catalogue_2026-03-01.csv").write_text(catalogue)
    error = landing.try_to_load("supplier").error
    assert "line_number" in error and "double precision" in error
    assert landing.query("select count(*), max(line_number) from raw_supplier.catalogue") == before
    landing.server.execute("alter table raw_supplier.catalogue alter line_number type bigint")
    assert landing.load("supplier") == {"catalogue": len(catalogue.splitlines()) - 1}
