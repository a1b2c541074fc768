"""A warehouse that an older version made is refused, and what the messages say to run leads to the same rows."""

import shlex
from pathlib import Path

import pytest
from support.dbt import WITHOUT_UNIT_TESTS, run_dbt
from support.deployment import Deployment

from ingestion.errors import IngestError
from ingestion.operations.status import status

SOURCES = ("calendar", "payments", "shop", "supplier")
OLD_COLUMNS = {"history_fingerprint": "told_hash", "effective_at": "began_at", "source_load_ids": "_dlt_load_id"}
RENAMED = {  # tables in which columns had other names
    "core.fact_sales": ["source_load_ids"],
    "core.fact_payment": ["source_load_ids"],
    "audited.fact_sales": ["source_load_ids"],
    "audited.fact_payment": ["source_load_ids"],
    **{f"snapshots.snap_{entity}": ["history_fingerprint", "effective_at"] for entity in ("customer", "product", "store")},
}


def read_logs(deployment: Deployment) -> list[list[tuple]]:
    return [sorted(deployment.query(f"select * from raw_{source}.read_log"), key=repr) for source in SOURCES]


def histories(deployment: Deployment) -> list[list[tuple]]:
    return [sorted(deployment.query(f"select * from snapshots.snap_{name}"), key=repr) for name in ("customer", "product", "store")]


def give_old_names(deployment: Deployment) -> None:
    """Makes the warehouse as version 0.1 would have left it, as far as names go."""
    status_view = deployment.query("select sql from duckdb_views() where schema_name = 'published' and view_name = 'data_status'")[0][0]
    for source in SOURCES:
        deployment.execute(
            f"""
            update raw_{source}.read_log set outcome = case outcome when 'contract_violated' then 'stopped' else 'differs' end
            where outcome in ('contract_violated', 'mismatch');
            alter table raw_{source}.read_log rename to reads
            """
        )
    for table, columns in RENAMED.items():
        for column in columns:
            deployment.execute(f"alter table {table} rename column {column} to {OLD_COLUMNS[column]}")
    for fact in ("fact_sales", "fact_payment"):
        deployment.execute(f"create or replace view published.{fact} as select * from audited.{fact}")
    deployment.execute("drop table audited.publication_models")
    deployment.execute("drop table audited.built_with")
    deployment.execute(status_view.replace("CREATE VIEW", "create or replace view").replace("read_log", "reads"))


def refusal_of_dbt(deployment: Deployment, *command: str) -> str:
    result = deployment.call(run_dbt, *command)
    assert result.exception and not result.success
    return str(result.exception)


def follow(deployment: Deployment, message: str) -> None:
    """Runs the commands that a message ends with."""
    commands = message.partition("Run: ")[2].splitlines()[0].split(", then ")
    assert [command.split()[:2] for command in commands] == [["dbt", "run-operation"], ["dbt", "build"]]
    for command in commands:
        result = deployment.dbt(*shlex.split(command)[1:])
        assert result.success, (command, result.result)


@pytest.mark.parametrize("refused_by", ["ingest", "dbt"])
def test_the_way_out_of_old_names_leads_to_the_same_rows(first_load: Deployment, tmp_path: Path, refused_by: str):
    deployment = first_load.copy(tmp_path)
    for outcome in ("contract_violated", "mismatch"):
        deployment.execute(
            f"insert into raw_shop.read_log by name select * replace ('{outcome}' as outcome, 0 as read_id) from raw_shop.read_log"
        )
    tables, snapshots, log = deployment.tables(), histories(deployment), read_logs(deployment)
    give_old_names(deployment)

    with pytest.raises(IngestError) as refusal:
        deployment.call(status, ["shop"])
    assert "raw_shop.reads" in str(refusal.value)
    by_dbt = {refusal_of_dbt(deployment, *command) for command in (("build",), ("build", "--full-refresh"), ("test",))}
    assert len(by_dbt) == 1
    follow(deployment, by_dbt.pop() if refused_by == "dbt" else str(refusal.value))

    assert (deployment.tables(), histories(deployment), read_logs(deployment)) == (tables, snapshots, log)
    deployment.ingest()
    deployment.build(*WITHOUT_UNIT_TESTS)


def test_a_source_may_have_a_table_reads_of_its_own(first_load: Deployment, tmp_path: Path):
    deployment = first_load.copy(tmp_path)
    deployment.execute("create table raw_shop.reads (id bigint, outcome varchar, _dlt_load_id varchar)")
    assert "reads" in {row.table for row in deployment.call(status, ["shop"])}
    assert deployment.dbt("run-operation", "upgrade").success
    assert deployment.query("select count(*) from raw_shop.reads") == [(0,)]
