"""What was built with other variables, such as another time zone, is rebuilt or refused: no table ever holds rows of both."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.dbt import WITHOUT_TESTS, WITHOUT_UNIT_TESTS, not_passed, run_dbt
from support.deployment import Deployment, copied_project
from support.landing import in_test_all
from support.processes import ForkedProcess
from support.publishing import assert_nothing_is_stale

AUCKLAND, BERLIN = "Pacific/Auckland", "Europe/Berlin"
IN_BERLIN = ("--vars", "{business_timezone: Europe/Berlin}")
WRONG = "select count(*) > 0, count(*) filter (where {on} <> cast({at} at time zone '{zone}' as date)) from "
FACTS = {"fact_sales": ("ordered_on", "ordered_at"), "fact_payment": ("occurred_on", "occurred_at")}


@pytest.fixture(scope="module", params=["dev", in_test_all("postgres")])
def built(request: pytest.FixtureRequest, deploy: Callable[..., Deployment]) -> Deployment:
    deployment = deploy(days=3, target=request.param)
    deployment.ingest()
    deployment.build(*WITHOUT_UNIT_TESTS)
    return deployment


def assert_all_dates_are_of(deployment: Deployment, zone: str, schemas: Sequence[str] = ("core", "published")) -> None:
    for schema in schemas:
        for fact, (on, at) in FACTS.items():
            assert deployment.query(WRONG.format(on=on, at=at, zone=zone) + f"{schema}.{fact}") == [(True, 0)], (schema, fact)


def refused(deployment: Deployment, *command: str) -> str:
    """Run a command that must be refused before it builds anything; gives the message."""
    before = deployment.tables()
    result = deployment.call(run_dbt, *command)
    assert not result.success and not result.result
    assert deployment.tables() == before
    return str(result.exception)


def test_facts_are_made_anew_with_another_time_zone(built: Deployment):
    """By a plain build; the next one, with the same variables, rebuilds nothing."""
    assert_all_dates_are_of(built, AUCKLAND)
    built.build(*IN_BERLIN, *WITHOUT_UNIT_TESTS)
    assert_all_dates_are_of(built, BERLIN)
    assert_nothing_is_stale(built)
    recorded = built.query("select distinct variables from audited.built_with")
    built.execute("update core.fact_payment set payment_method = 'kept' where true")
    built.build(*IN_BERLIN, *WITHOUT_TESTS)
    assert built.query("select distinct payment_method from core.fact_payment") == [("kept",)]
    assert built.query("select distinct variables from audited.built_with") == recorded and len(recorded) == 1
    built.build(*WITHOUT_UNIT_TESTS)
    assert_all_dates_are_of(built, AUCKLAND)


@pytest.mark.parametrize("command", [["run", "--select", "fact_sales"], ["run"], ["snapshot"], ["build", "--select", "daily_revenue"]])
def test_a_run_that_would_mix_is_refused(built: Deployment, command: list[str]):
    message = refused(built, *command, *IN_BERLIN)
    assert 'business_timezone was "Pacific/Auckland", is "Europe/Berlin"' in message
    assert "Run `dbt build`, or select them too" in message


def test_a_fact_alone_is_made_anew_with_all_that_it_reads(built: Deployment):
    """`core` then has two time zones. Nobody can go on from there but by a whole build."""
    built.dbt("build", "--select", "+fact_payment", *IN_BERLIN, *WITHOUT_TESTS)
    assert built.query(WRONG.format(on="occurred_on", at="occurred_at", zone=BERLIN) + "core.fact_payment") == [(True, 0)]
    assert_all_dates_are_of(built, AUCKLAND, schemas=["published"])
    assert 'was "Europe/Berlin", is "Pacific/Auckland"' in refused(built, "run", "--select", "fact_sales")
    assert 'was "Pacific/Auckland", is "Europe/Berlin"' in refused(built, "run", "--select", "daily_revenue", *IN_BERLIN)
    built.build(*WITHOUT_UNIT_TESTS)
    assert_all_dates_are_of(built, AUCKLAND)


def test_a_build_that_was_killed_amid_leaves_no_rows_of_two_zones(built: Deployment):
    """It had rebuilt the fact, and had recorded nothing."""
    killed = ForkedProcess(built.process_environment, "support.killed_process:run", built.folder, ("daily_revenue", 1), False, *IN_BERLIN)
    assert killed.wait() < 0, killed.output
    assert built.query(WRONG.format(on="ordered_on", at="ordered_at", zone=BERLIN) + "core.fact_sales") == [(True, 0)]
    assert "a build with others was not completed" in refused(built, "run", "--select", "daily_revenue")
    built.build(*WITHOUT_UNIT_TESTS)
    assert_all_dates_are_of(built, AUCKLAND)


def test_a_snapshot_that_cannot_be_made_anew_is_refused_until_it_is_accepted(built: Deployment, tmp_path: Path):
    """dbt's own strategies keep what they saw. A model with `full_refresh: false` is the same."""
    project = copied_project(tmp_path)
    (project / "snapshots" / "plain.yml").write_text(
        "snapshots:\n  - name: plain_order\n    relation: ref('stg_shop__order')\n"
        "    config: {strategy: check, unique_key: order_id, check_cols: [ordered_on]}\n"
    )

    def run(*command: str) -> Any:
        return built.call(run_dbt, *command, "--project-dir", str(project), "--target-path", str(tmp_path / "target"))

    select = ("--select", "+plain_order", *WITHOUT_TESTS)
    assert not_passed(run("build", *select)) == {}
    rows = built.query("select count(*) from snapshots.plain_order")
    result = run("build", *select, *IN_BERLIN)
    assert not result.success and "can't be rebuilt" in str(result.exception)
    assert built.query("select count(*) from snapshots.plain_order") == rows
    assert run("run-operation", "accept_variables", "--args", "{name: plain_order}", *IN_BERLIN).success
    assert not_passed(run("build", *select, *IN_BERLIN)) == {}
    assert built.query("select count(*) from snapshots.plain_order") > rows, "rows of both are what the team asked for"
    built.execute("drop table snapshots.plain_order")
    built.build(*WITHOUT_TESTS)


def test_holidays_of_years_that_were_not_loaded_are_unknown(built: Deployment):
    """The setting `first_year` of the source, or a year that the library does not have yet."""
    year = "extract(year from date)"
    built.execute(f"create table raw_calendar.holidays_away as select * from raw_calendar.holidays where {year} = 2027")
    built.execute(f"delete from raw_calendar.holidays where {year} = 2027")
    built.build("--select", "dim_date", *WITHOUT_UNIT_TESTS)
    known = f"select {year}, count(*) filter (where is_holiday), count(is_holiday) from core.dim_date group by 1 order by 1"
    assert [(int(year), holidays > 0, days) for year, holidays, days in built.query(known)] == [(2026, True, 365), (2027, False, 0)]
    built.execute("insert into raw_calendar.holidays select * from raw_calendar.holidays_away")
    built.execute("drop table raw_calendar.holidays_away")
    built.build("--select", "dim_date", *WITHOUT_UNIT_TESTS)
    assert [(int(year), holidays > 0, days) for year, holidays, days in built.query(known)] == [(2026, True, 365), (2027, True, 365)]


def test_recipes_of_the_docs(built: Deployment, tmp_path: Path):
    """Each row of the table "Changing it" in docs/history.md, by the command that it names: a plain `dbt build`."""
    project = copied_project(tmp_path)
    rules, staging = "models/intermediate/customer/int_customer__versions.sql", "models/staging/shop/stg_shop__customer_version.sql"

    def change(file: str, *changes: tuple[str, str]) -> None:
        text = (project / file).read_text()
        for old, new in changes:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        (project / file).write_text(text)
        options = (*WITHOUT_TESTS, "--project-dir", str(project), "--target-path", str(tmp_path / "target"))
        assert not_passed(built.dbt("build", *options)) == {}

    def history(columns: str) -> list[tuple]:
        return built.query(f"select {columns} from snapshots.snap_customer where customer_id = 1 order by valid_from")

    # A column is new in the source. Its first value since it counts makes no version; the next one does.
    keys = history("customer_key")
    built.execute("alter table raw_shop.customers add column loyalty varchar")
    columns = [column.name for column in built.engine.catalogue()["raw_shop", "customers"] if column.name not in ("loyalty", "_changed_at")]
    for day, value in ((1, "silver"), (3, "gold"), (4, "platinum")):
        built.execute(
            f"insert into raw_shop.customers ({', '.join(columns)}, loyalty, _changed_at) "
            f"select {', '.join(columns)}, '{value}', timestamptz '2027-01-0{day} 00:00:00+00' from raw_shop.customers "
            f"where id = 1 order by _changed_at desc limit 1"
        )
    change(staging, ("as segment,\n", "as segment,\n        loyalty,\n"))
    since = "['created_at'], tracked_since={'loyalty': '2027-01-02 00:00:00+00'}"
    change(rules, ("'segment',", "'segment', 'loyalty',"), ("['created_at']", since))
    assert [loyalty for (loyalty,) in history("loyalty")][-2:] == ["gold", "platinum"]
    assert history("customer_key")[:-1] == keys

    # How staging cleans a column.
    names = history("upper(full_name)")
    change(staging, ("{{ clean_text('full_name') }}", "upper({{ clean_text('full_name') }})"))
    assert history("full_name") == names and history("customer_key")[:-1] == keys

    # A column from `tracked` to `overwritten`.
    change(rules, ("'segment', 'loyalty',", "'segment',"), (since, "['created_at', 'loyalty']"))
    assert {loyalty for (loyalty,) in history("loyalty")} == {"platinum"} and history("customer_key") == keys

    # The macro `history` itself.
    reaching_back = "select count(*) > 0 from snapshots.snap_customer where valid_from <> effective_at"
    assert built.query(reaching_back) == [(True,)]
    change("macros/history/history.sql", ("is null then {{ beginning_of_time() }}", "is null then effective_at"))
    assert built.query(reaching_back) == [(False,)]
