"""`ingest sources` finds what raw, dbt's sources.yml files and the models do not agree on, and adds what has landed to the files."""

import shutil
from pathlib import Path

import pytest
import yaml
from support import commands
from support.deployment import PROJECT
from support.landing import Landing, in_test_all, on

STAGING = Path("models") / "staging"


class ProjectCopy:
    """A copy of the dbt project, and a warehouse with the raw tables that its sources.yml files name."""

    def __init__(self, landing: Landing):
        self.landing, self.folder = landing, landing.folder / "project"
        for name in ("models", "macros", "snapshots", "seeds", "tests/data", "dbt_project.yml"):
            if (PROJECT / name).is_dir():
                shutil.copytree(PROJECT / name, self.folder / name)
            else:
                shutil.copy(PROJECT / name, self.folder / name)
        for path in sorted((self.folder / STAGING).glob("*/sources.yml")):
            [source] = yaml.safe_load(path.read_text())["sources"]
            statements = [f"create schema {source['schema']}"]
            for table in source["tables"]:
                columns = ", ".join(f'"{column["name"]}" varchar' for column in table["columns"])
                statements.append(f"create table {source['schema']}.{table['name']} ({columns})")
            landing.server.execute("; ".join(statements))

    def file(self, source: str) -> Path:
        return self.folder / STAGING / source / "sources.yml"


@pytest.fixture
def project(changing: Landing, monkeypatch: pytest.MonkeyPatch) -> ProjectCopy:
    project = ProjectCopy(changing)
    for module in ("dbt_source_file", "columns_read"):
        monkeypatch.setattr(f"ingestion.operations.{module}.project_dir", lambda: project.folder)
    return project


def ingest_sources(project: ProjectCopy, *arguments: str) -> tuple[int, list[str]]:
    """Run `ingest sources` on the copy. Gives its exit code and the lines that it printed."""
    done = commands.ingest(project.landing.call, "sources", *arguments)
    return done.returncode, [line.removeprefix("ingest: ") for line in (done.stdout + done.stderr).splitlines()]


@on("dev", in_test_all("postgres"))
def test_check_reports_each_disagreement_and_changes_no_file(project):
    before = {path: path.read_text() for path in (project.folder / STAGING).glob("*/sources.yml")}
    assert ingest_sources(project, "--write") == (0, [])

    project.landing.server.execute("""
        alter table raw_shop.customers add column loyalty_tier varchar;
        alter table raw_shop.customers drop column segment;
        alter table raw_supplier.catalogue drop column file_name;
        drop table raw_payments.refunds
    """)
    code, lines = ingest_sources(project, "--check")
    assert code == 1
    assert sorted(line for line in lines if not line.startswith("shop.customers.segment")) == [
        "no model reads shop.customers.loyalty_tier",
        "payments.refunds is not in raw, and stg_payments__refund reads it",
        "shop.customers.loyalty_tier is in raw and not in models/staging/shop/sources.yml: ingest sources --write",
        "supplier.catalogue.file_name is not in raw: remove it from models/staging/supplier/sources.yml, "
        "unless a load that failed is about to bring it",
    ]
    [lost] = [line for line in lines if line.startswith("shop.customers.segment")]
    assert lost.startswith("shop.customers.segment is not in raw, and stg_shop__customer")
    assert {path: path.read_text() for path in before} == before


def test_write_adds_what_has_landed_and_touches_nothing_else(project):
    file = project.file("shop")
    before = file.read_text().replace("      - name: customers\n", "      # Kept.\n      - name: customers\n")
    file.write_text(before)
    project.landing.server.execute("alter table raw_shop.customers add column loyalty_tier varchar")
    project.landing.server.execute('create table raw_shop.vouchers (id bigint, "on" date, _changed_at timestamp, _dlt_load_id varchar)')
    code, lines = ingest_sources(project, "--write", "shop")
    described = "is not described in models/staging/shop/sources.yml"
    assert (code, lines) == (
        1,
        [
            "models/staging/shop/sources.yml: added shop.customers.loyalty_tier",
            "models/staging/shop/sources.yml: added shop.vouchers",
            *(f"shop.{name} {described}" for name in ("customers.loyalty_tier", "vouchers", "vouchers.id", "vouchers.on")),
        ],
    )
    column = '          - name: loyalty_tier\n            description: ""\n          - name: _deleted_at\n'
    customers, products = before.index("- name: customers\n"), before.index("      - name: products\n")
    expected = before[:customers] + before[customers:products].replace("          - name: _deleted_at\n", column) + before[products:]
    written = file.read_text()
    assert written.startswith(expected) and written != expected
    assert yaml.safe_load(written.removeprefix(expected)) == [
        {
            "name": "vouchers",
            "description": "",
            "data_tests": ["last_read_is_complete", "quarantine_share"],
            "columns": [
                {"name": "id", "description": ""},
                {"name": "on", "description": ""},
                {"name": "_changed_at", "description": "{{ doc('raw_changed_at') }}"},
                {"name": "_dlt_load_id", "description": "{{ doc('raw_load_id') }}"},
            ],
        }
    ]
    assert ingest_sources(project, "--write", "shop") == (1, lines[2:]), "nothing to add; the descriptions are still missing"
    assert file.read_text() == written


def test_write_makes_the_file_of_a_new_source(project):
    before = yaml.safe_load(project.file("calendar").read_text())["sources"][0]
    project.file("calendar").unlink()
    assert ingest_sources(project, "--write", "calendar")[0] == 1
    written = yaml.safe_load(project.file("calendar").read_text())["sources"][0]
    own = {"_dlt_loads", "read_log", "quarantine"}
    assert [table["name"] for table in written["tables"]] == [table["name"] for table in before["tables"]]
    for old, new in zip(before["tables"], written["tables"], strict=True):
        assert [column["name"] for column in new["columns"]] == [column["name"] for column in old["columns"]]
        assert new == old or new["name"] not in own, "the landing's own tables are described once, for all sources"
    assert (written["schema"], written["loader"]) == ("raw_calendar", "dlt")
