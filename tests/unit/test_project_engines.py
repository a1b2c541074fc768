"""Each rule on the project's files finds what breaks it, in files made up for that: SQL, YAML, macros and Python."""

import re
from pathlib import Path

import pytest
from unit import engine_rules as engines
from unit.project_rules import RULES, Rule

PROJECT = Path(__file__).resolve().parent.parent.parent


def write(project: Path, name: str, text: str) -> Path:
    (project / name).parent.mkdir(parents=True, exist_ok=True)
    (project / name).write_text(text)
    return project


CONTRACT = "models: [{{name: dim_guest, columns: [{{name: a, data_type: {}}}]}}]"
BROKEN: list[tuple[Rule, str, str]] = [
    (engines.macros_are_documented, "macros/text/clean.sql", "{% macro clean() %}{% endmacro %}"),
    (engines.macros_are_documented, "tests/data/generic/holds.sql", "{% test holds(model) %}{% endtest %}"),
    (engines.sql_suits_every_engine, "models/marts/core/dim_guest.sql", "select a::date from {{ ref('snap_guest') }}"),
    (engines.sql_suits_every_engine, "snapshots/snap_guest.sql", "select {{ target.type }} from b"),
    (engines.sql_suits_every_engine, "models/a.sql", "{% if adapter.type() == 'duckdb' %} {% endif %}"),
    (engines.yaml_suits_every_engine, "models/marts/core/dim_guest.yml", CONTRACT.format("timestamptz")),
    (engines.yaml_suits_every_engine, "models/marts/core/dim_guest.yaml", CONTRACT.format("timestamp with time zone")),
    (engines.yaml_suits_every_engine, "models/a.yml", CONTRACT.format("\"{{ 'text' if target.type == 'postgres' else 'string' }}\"")),
    (engines.yaml_suits_every_engine, "seeds/country.yml", "seeds: [{name: country, config: {column_types: {a: varchar}}}]"),
    (engines.yaml_suits_every_engine, "models/a.yml", "models: [{data_tests: [{holds: {arguments: {expression: 'a::date > b'}}}]}]"),
    (engines.ingestion_imports_downward, "ingestion/landing/load.py", "def load():\n    from demo.servers import Systems\n"),
    (engines.ingestion_imports_downward, "ingestion/cli.py", "import dagster.core\n"),
    (engines.variables_are_declared, "macros/tax.sql", "{{ var('vat_rate', 0.15) }}"),
    (engines.variables_are_declared, "models/a.yml", "models: [{columns: [{data_type: \"{{ var('kind') }}\"}]}]"),
    (engines.variables_are_declared, "dbt_project.yml", "vars: {zone: UTC}\nmodels: {hotel: {+meta: {variables: {zone: NZ}}}}"),
]
ACCEPTED: list[tuple[Rule, str, str]] = [
    (engines.macros_are_documented, "macros/clean.sql", "{# Cleans. #}\n{% macro clean() %}{% endmacro %}"),
    (engines.sql_suits_every_engine, "models/a.sql", "select * from {{ ref('target') }} as target where target.amount > 0"),
    (engines.yaml_suits_every_engine, "models/a.yml", "models: [{description: 'The target. A timestamp with time zone; a::b.'}]"),
    (engines.yaml_suits_every_engine, "models/a.yml", CONTRACT.format("\"{{ var('text_type')[target.type] }}\"")),
    (engines.yaml_suits_every_engine, "models/empty.yml", ""),
    (engines.variables_are_declared, "dbt_project.yml", "vars: &v {zone: UTC}\nmodels: {hotel: {publishing: {+meta: {variables: *v}}}}"),
    (engines.ingestion_imports_downward, "ingestion/sources/airflow.py", "from ingestion.api import Endpoint\nfrom .demo import x\n"),
]


@pytest.mark.parametrize(("rule", "name", "text"), BROKEN, ids=lambda each: getattr(each, "__name__", None))
def test_the_rule_finds(rule: Rule, name: str, text: str, tmp_path: Path):
    [violation] = rule(write(tmp_path, name, text))
    assert re.fullmatch(rf"{name}: .+\. .+\.", violation), "the file, what is wrong, and what to do"


@pytest.mark.parametrize(("rule", "name", "text"), ACCEPTED, ids=lambda each: getattr(each, "__name__", None))
def test_the_rule_accepts(rule: Rule, name: str, text: str, tmp_path: Path):
    assert list(rule(write(tmp_path, name, text))) == []


@pytest.mark.parametrize("rule", [rule for rule, subject in RULES.items() if subject == "files"], ids=lambda rule: rule.__name__)
def test_the_rule_is_kept_by_an_empty_project(rule: Rule, tmp_path: Path):
    assert list(rule(tmp_path)) == []


def test_every_rule_is_shown_to_find_something():
    assert {rule for rule, *_ in BROKEN} == {rule for rule, subject in RULES.items() if subject == "files"}


# SQL that only some engines understand

DIALECT = (
    "a::date", "cast(a as timestamptz)", "a at time zone 'UTC'", "cast(a as timestamp)", "timestamp '2026-01-01'", "cast(a as datetime)",
    "cast(a as timestamp with time zone)", "try_cast(a as date)", "safe_cast(a as date)", "cast(a as decimal(18, 2))",
    "cast(a as numeric)", "cast(a as double precision)", "cast(a as float64)", "CAST(a AS Real)", "cast(a as varchar)",
    "cast(a as text)", "cast(\n    a as string\n)", "a / b", "div(a, b)", "a -> 'b'", "json_extract(a, '$.b')", "unnest(a)", "lower(a)",
    "trim(a)", "md5(a)", "sha256(a)", "extract(isoyear from a)", "extract(dow from a)", "extract(epoch from a)", "median(a)",
    "percentile_cont(0.5)", "select a from b qualify c = 1", "a ilike b", "select distinct on (a) b", "select * exclude (a)",
    "count(*) filter (where a)", "select * except (a)", "group by all", "now()", "current_date", "current_timestamp",
)  # fmt: skip
EVERY_ENGINE = (
    "select timestamp, text, number, mode, filter from {{ source('log', 'events') }}", "select a as text, b as number\nfrom c",
    "where kind = 'text' and format in ('a/b', 'now()', 'it''s a::b')", "-- a::b, today's / now()\nselect a", "/* a::b */ select a",
    "{# now() #} select cast(a as date)", "cast(a as {{ dbt.type_string() }})", "row_number() over (partition by a)",
    "select target.amount from target", "select cast(a as bigint), cast(b as integer), cast(c as boolean)", "select rehash, trimmed",
)  # fmt: skip


@pytest.mark.parametrize("sql", DIALECT)
def test_dialect_is_found(sql: str):
    assert list(engines.dialect(sql))


@pytest.mark.parametrize("sql", EVERY_ENGINE)
def test_sql_of_every_engine_is_accepted(sql: str):
    assert list(engines.dialect(sql)) == []


def test_advice_names_macros_that_exist():
    defined = {name for file in (PROJECT / "macros").rglob("*.sql") for name in re.findall(r"\bmacro (\w+)\(", file.read_text())}
    assert {name for advice in engines.DIALECT.values() for name in re.findall(r"`(\w+)`", advice)} <= defined
