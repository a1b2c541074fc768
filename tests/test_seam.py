"""The seam between landing and models: `ingest sources` sees what raw, dbt's source files and the models do not agree on."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from engines.servers import ENGINES, DuckDBFile

from ingestion.operations.columns_read import _columns_read

PROJECT = Path(__file__).parent.parent
STAGING = Path("models") / "staging"


class Seam:
    """A copy of the project, and a warehouse whose raw tables are those that its source files name."""

    def __init__(self, folder: Path, server: DuckDBFile):
        self.project, self.server = folder / "project", server
        self.project.mkdir()
        for name in ("models", "macros", "snapshots", "seeds", "tests/data", "ingestion", "dbt_project.yml"):
            copy = shutil.copytree if (PROJECT / name).is_dir() else shutil.copy
            copy(PROJECT / name, self.project / name)
        for path in sorted((self.project / STAGING).glob("*/sources.yml")):
            [source] = yaml.safe_load(path.read_text())["sources"]
            server.execute(f"create schema {source['schema']}")
            for table in source["tables"]:
                columns = ", ".join(f'"{column["name"]}" varchar' for column in table["columns"])
                server.execute(f"create table {source['schema']}.{table['name']} ({columns})")

    def sources(self, *arguments: str) -> tuple[int, list[str]]:
        """`ingest sources`: its exit code, and the lines that it said."""
        outside = {name: value for name, value in os.environ.items() if not name.startswith(("SOURCES__", "DBT_", "WAREHOUSE_"))}
        done = subprocess.run(
            [sys.executable, "-m", "ingestion.cli", "sources", *arguments],
            env={**outside, **self.server.environment, "PYTHONPATH": str(self.project)},
            cwd=self.project, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        return done.returncode, [line.removeprefix("ingest: ") for line in (done.stdout + done.stderr).splitlines()]

    def file(self, source: str) -> Path:
        return self.project / STAGING / source / "sources.yml"


@pytest.fixture
def seam(tmp_path, request):
    with ENGINES[getattr(request, "param", "dev")](tmp_path) as server:
        yield Seam(tmp_path, server)


@pytest.mark.parametrize("seam", ["dev", "postgres"], indirect=True)
def test_what_does_not_fit_is_named(seam):
    before = {path: path.read_text() for path in (seam.project / STAGING).glob("*/sources.yml")}
    assert seam.sources("--write") == (0, [])

    seam.server.execute("alter table raw_shop.customers add column loyalty_tier varchar")
    seam.server.execute("alter table raw_shop.customers drop column segment")
    seam.server.execute("alter table raw_supplier.catalogue drop column file_name")
    seam.server.execute("drop table raw_payments.refunds")
    code, lines = seam.sources("--check")
    assert code == 1
    assert sorted(line for line in lines if not line.startswith("shop.customers.segment")) == [
        "no model reads shop.customers.loyalty_tier",
        "payments.refunds is not in raw, and stg_payments__refund reads it",
        "shop.customers.loyalty_tier is in raw and not in models/staging/shop/sources.yml: ingest sources --write",
        "supplier.catalogue.file_name is not in raw: take it out of models/staging/supplier/sources.yml, "
        "unless a load that died is to bring it",
    ]
    [lost] = [line for line in lines if line.startswith("shop.customers.segment")]
    assert lost.startswith("shop.customers.segment is not in raw, and stg_shop__customer")
    assert {path: path.read_text() for path in before} == before


def test_what_was_landed_is_added_and_nothing_else_is_touched(seam):
    before = seam.file("shop").read_text().replace("      - name: customers\n", "      # Kept.\n      - name: customers\n")
    seam.file("shop").write_text(before)
    seam.server.execute("alter table raw_shop.customers add column loyalty_tier varchar")
    seam.server.execute('create table raw_shop.vouchers (id bigint, "on" date, _changed_at timestamp, _dlt_load_id varchar)')
    code, lines = seam.sources("--write", "shop")
    described = "is not described in models/staging/shop/sources.yml: say what it holds"
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
    written = seam.file("shop").read_text()
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
    assert seam.sources("--write", "shop") == (1, lines[2:])  # nothing to add; what people have to do is left
    assert seam.file("shop").read_text() == written


def test_a_new_source_gets_its_file(seam):
    before = yaml.safe_load(seam.file("calendar").read_text())["sources"][0]
    seam.file("calendar").unlink()
    assert seam.sources("--write", "calendar")[0] == 1
    written = yaml.safe_load(seam.file("calendar").read_text())["sources"][0]
    own = {"_dlt_loads", "reads", "quarantine"}
    assert [table["name"] for table in written["tables"]] == [table["name"] for table in before["tables"]]
    for old, new in zip(before["tables"], written["tables"], strict=True):
        assert [column["name"] for column in new["columns"]] == [column["name"] for column in old["columns"]]
        assert new == old or new["name"] not in own, "what the landing makes itself is described once, for all sources"
    assert (written["schema"], written["loader"]) == ("raw_calendar", "dlt")


def test_the_columns_that_a_model_reads():
    """Through stars, joins, windows and filters; a column that is only passed on inside, and dropped below, is not read."""
    known = {"raw_a": {"t": dict.fromkeys(("id", "x", "y", "z", "_load"), "text")}, "core": {"other": {"id": "text", "w": "text"}}}

    def read(sql: str) -> set[str]:
        return {column for _, _, column in _columns_read(sql, "duckdb", known, {"raw_a"})}

    source = 'with source as (select * from "db"."raw_a"."t" where _load is not null)'
    assert read(f"{source} select id from source") == {"id", "_load"}
    assert read(f"{source} select * from source") == {"id", "x", "y", "z", "_load"}
    assert read(f"{source}, mid as (select *, upper(x) as big from source) select big from mid") == {"x", "_load"}
    ranked = f"{source}, ranked as (select *, row_number() over (partition by id order by z) as r from source)"
    assert read(f"{ranked} select y from ranked where r = 1") == {"id", "y", "z", "_load"}
    assert read(f"{source} select w from source join db.core.other as o on source.id = o.id") == {"id", "_load"}
