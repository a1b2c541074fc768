"""The dbt project keeps its rules, whatever models it holds; and each rule finds what breaks it, in a project made up for that."""

import gc
import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from dbt.cli.main import dbtRunner
from unit import engine_rules as engines
from unit import project_rules as rules
from unit.project_rules import MAY_READ, RULES, Manifest, Rule

PROJECT = Path(__file__).resolve().parent.parent.parent
TARGETS = ("dev", "postgres", "bigquery")
# dbt warns of configuration that applies to nothing. A layer without models is no fault, so `parse` looks at that warning itself.
WARNINGS = '{"error": "all", "warn": ["UnusedResourceConfigPath"]}'


def named(cases: Iterable[tuple[Rule, *tuple[Any, ...]]]) -> list[Any]:
    """Parameters whose ids are the rule and, where there is one, the place."""
    return [pytest.param(*case, id=f"{case[0].__name__}-{case[1]}") for case in cases]


# This project


@cache
def parse(target: str) -> tuple[Manifest, list[str]]:
    """The manifest of a target, and what dbt finds wrong with the project. Connects to nothing."""
    text = (PROJECT / "profiles.yml.example").read_text()
    profile = yaml.safe_load(text)
    next(iter(profile.values()))["outputs"][target]["schema"] = engines.PREFIX if target == "postgres" else "unfiled"
    unused: list[str] = []

    def note(event: Any) -> None:
        if event.info.name == "UnusedResourceConfigPath":
            # Not `models.<project>` and the layers, which a project may leave empty.
            unused.extend(path for path in event.data.unused_config_paths if path.count(".") > 1 and path.split(".")[-1] not in MAY_READ)

    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        (Path(folder) / "profiles.yml").write_text(yaml.safe_dump(profile))
        for name in (*re.findall(r"env_var\('(\w+)'\)", text), "WAREHOUSE_READERS"):
            patch.setenv(name, "x")
        gc.disable()  # frees nothing here, and costs a tenth of a parse
        result = dbtRunner(callbacks=[note]).invoke([
            "--quiet", "--warn-error-options", WARNINGS, "parse", "--no-partial-parse", "--target", target,
            "--project-dir", str(PROJECT), "--profiles-dir", folder, "--target-path", folder, "--log-path", folder,
        ])  # fmt: skip
        gc.enable()
        if not result.success:
            return {}, [str(result.exception)]
        manifest = json.loads((Path(folder) / "manifest.json").read_text())
    return manifest, [f"{path} in dbt_project.yml configures nothing. Correct the name, or take it out." for path in unused]


def report(problems: list[str]) -> None:
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


@pytest.mark.parametrize("target", TARGETS)
def test_dbt_parses_without_a_warning(target: str):
    report(parse(target)[1])


@pytest.mark.parametrize(("rule", "subject"), named(RULES.items()))
def test_this_project_keeps_the_rule(rule: Rule, subject: str):
    if subject == "files":
        violations = list(rule(PROJECT))
    elif manifest := parse(subject)[0]:
        violations = list(rule(manifest))
    else:
        pytest.skip("dbt does not parse the project")
    report(violations)


# A project made up for the tests, which keeps every rule


def node(kind: str, path: str, columns: str = "", reads: tuple[str, ...] = (), code: str = "", **config: Any) -> dict[str, Any]:
    """A resource as dbt writes it to the manifest, with what the rules look at."""
    file, schema = Path(path), config.get("schema", "raw_hotel")
    return {
        "resource_type": kind, "package_name": "hotel", "name": file.stem, "unique_id": f"{kind}.hotel.{file.stem}",
        "original_file_path": path, "patch_path": f"hotel://{file.with_suffix('.yml')}", "schema": schema, "access": "public",
        "description": "One row per thing.", "raw_code": code, "depends_on": {"nodes": list(reads), "macros": []},
        "columns": {
            name: {"name": name, "description": "Something.", "constraints": [{"type": "not_null"}], "config": {"tags": [], "meta": {}}}
            for name in columns.split()
        },
        "config": {
            "materialized": "table", "meta": {}, "grants": {}, "labels": {"project": "hotel", "layer": schema},
            "contract": {"enforced": True}, "post-hook": [{"sql": "{{ after_build() }}"}], **config,
        },
    }  # fmt: skip


def generic_test(kind: str, model: str, column: str, *others: str) -> dict[str, Any]:
    return {
        **node("test", f"{kind}_{model}_{column}.yml", reads=(f"model.hotel.{model}", *others)),
        "attached_node": f"model.hotel.{model}", "column_name": column,
        "test_metadata": {"name": kind, "kwargs": {"columns": [column]}},
    }  # fmt: skip


def hotel(target: str = "dev") -> Manifest:
    """A source, a dimension with history, a fact and a mart."""
    history: dict[str, Any] = {"cluster_by": ["guest_id", "valid_from"], "indexes": [{"unique": True}, {}]}
    fact: dict[str, Any] = {
        "unique_key": "visit_id", "meta": {"day": "visited_on"}, "indexes": [{"unique": True}, {}], "cluster_by": "visit_id",
        "partition_by": {"field": "visited_on"}, "incremental_strategy": "merge",
    }  # fmt: skip
    macros = {"clean": "{{ adapter.dispatch('clean')() }}", "default__clean": "trim()"}
    found = [
        node("source", "guests", "id email"),
        node("source", "_dlt_loads", "load_id"),
        node("source", "quarantine", "record"),
        node("seed", "seeds/country.csv", "country", schema="staging"),
        node("model", "models/staging/hotel/stg_hotel__guest.sql", "guest_id email", ("source.hotel.guests", "source.hotel._dlt_loads"),
             schema="staging", materialized="view"),
        node("model", "models/intermediate/int_guest__versions.sql", "guest_key guest_id email valid_from",
             ("model.hotel.stg_hotel__guest",), schema="intermediate", materialized="view"),
        node("snapshot", "snapshots/snap_guest.yml", "guest_key guest_id email valid_from", ("model.hotel.int_guest__versions",),
             schema="snapshots", materialized="snapshot", strategy="history"),
        node("model", "models/marts/core/dim_guest.sql", "guest_key guest_id email valid_from", ("snapshot.hotel.snap_guest",),
             schema="core", **history),
        node("model", "models/marts/core/fact_visit.sql", "visit_id guest_key visited_on", ("model.hotel.dim_guest",),
             schema="core", **fact),
        node("model", "models/marts/sales/daily_visits.sql", "visited_on product_name store_name", ("model.hotel.fact_visit",),
             schema="marts"),
        generic_test("primary_key", "stg_hotel__guest", "guest_id"),
        generic_test("primary_key", "dim_guest", "guest_key"),
        generic_test("primary_key", "fact_visit", "visit_id"),
        generic_test("relationships", "fact_visit", "guest_key", "model.hotel.dim_guest"),
        generic_test("primary_key", "daily_visits", "visited_on"),
    ]  # fmt: skip
    found.append({**generic_test("primary_key", "country", "country"), "attached_node": "seed.hotel.country"})
    found.append({**generic_test("primary_key", "snap_guest", "guest_key"), "attached_node": "snapshot.hotel.snap_guest"})
    for each in found:
        if "email" in each["columns"]:
            each["columns"]["email"]["config"]["tags"] = ["pii"]
        if target == "postgres" and each["resource_type"] != "source":
            each["schema"] = f"{engines.PREFIX}_{each['schema']}"
    return {
        "metadata": {"project_name": "hotel"},
        "nodes": {each["unique_id"]: each for each in found if each["resource_type"] != "source"},
        "sources": {each["unique_id"]: each for each in found if each["resource_type"] == "source"},
        "exposures": {"exposure.hotel.board": {"name": "board", "depends_on": {"nodes": ["model.hotel.daily_visits"]}}},
        "macros": {name: {"name": name, "package_name": "hotel", "macro_sql": sql} for name, sql in macros.items()},
    }


EMPTY: Manifest = {"nodes": {}, "sources": {}, "exposures": {}, "macros": {}}


# Each rule finds what breaks it

DELETED = object()
# A rule, the place in the hotel's manifest, what is put there, and how the violation begins that names the model.
BROKEN: list[tuple[Rule, str, Any, str]] = [
    (rules.models_are_in_a_layer, "dim_guest.original_file_path", "models/guests/dim_guest.sql", "dim_guest: models/guests/dim_guest.sql"),
    (rules.models_are_in_a_layer, "dim_guest.schema", "unfiled", "dim_guest: its schema is unfiled."),
    (rules.models_are_in_a_layer, "daily_visits.schema", "unfiled", "daily_visits: its schema is unfiled."),
    (rules.layers_read_downward, "stg_hotel__guest.depends_on.nodes", ["model.hotel.dim_guest"], "stg_hotel__guest: staging reads"),
    (rules.layers_read_downward, "dim_guest.depends_on.nodes", ["source.hotel.guests"], "dim_guest: core reads guests of raw."),
    (rules.layers_read_downward, "daily_visits.depends_on.nodes", ["seed.hotel.country"], "daily_visits: marts reads country of staging."),
    (rules.dimensions_do_not_read_facts, "dim_guest.depends_on.nodes", ["model.hotel.fact_visit"], "dim_guest: depends on fact_visit."),
    (rules.tags_go_downstream, "dim_guest.columns.email.config.tags", [], "dim_guest.email: is tagged in snap_guest and not here."),
    (rules.raw_tables_are_read, "stg_hotel__guest.depends_on.nodes", ["source.hotel._dlt_loads"], "raw_hotel.guests: no model reads it."),
    (rules.raw_tables_are_read, "stg_hotel__guest.depends_on.nodes", ["source.hotel.guests"], "raw_hotel._dlt_loads: no model reads it."),
    (rules.marts_have_an_exposure, "board", DELETED, "daily_visits: no exposure"),
    (rules.each_model_has_its_yaml, "fact_visit.patch_path", "hotel://models/marts/core/all.yml", "fact_visit: described in hotel://"),
    (rules.each_model_has_its_yaml, "snap_guest.patch_path", None, "snap_guest: described in no YAML."),
    (rules.descriptions_begin_with_the_grain, "country.description", "Countries.", "country: its description"),
    (rules.columns_are_described, "guests.columns.id.description", "", "guests.id: no description."),
    (rules.models_have_a_primary_key, "primary_key_country_country", DELETED, "country: no primary key."),
    (rules.models_have_a_primary_key, "primary_key_snap_guest_guest_key", DELETED, "snap_guest: no primary key."),
    (rules.models_have_a_primary_key, "snap_guest.config.strategy", "check", "int_guest__versions: no primary key."),
    (rules.marts_have_a_contract, "fact_visit.config.contract.enforced", False, "fact_visit: people build on it."),
    (rules.marts_have_a_contract, "daily_visits.access", "protected", "daily_visits: people build on it."),
    (rules.keys_have_relationships, "relationships_fact_visit_guest_key", DELETED, "fact_visit.guest_key: no relationships test."),
    (rules.keys_have_relationships, "fact_visit.columns", {"arrival_date_id": {}}, "fact_visit.arrival_date_id: no relationships"),
    (rules.keys_have_relationships, "daily_visits.columns", {"guest_key": {}}, "daily_visits.guest_key: no relationships test."),
    (rules.resources_are_labelled, "country.config.labels", {"layer": "staging"}, "country: no labels"),
    (rules.personal_columns_are_tagged, "guests.columns.email.config.tags", [], "guests.email: sounds like personal data."),
    (rules.personal_columns_are_tagged, "snap_guest.columns.email.config.tags", [], "snap_guest.email: sounds like personal data."),
    (engines.schemas_begin_with_the_prefix, "dim_guest.schema", "core", "dim_guest: with the prefix"),
    (engines.schemas_begin_with_the_prefix, "guests.schema", "alice_raw_hotel", "guests: its schema alice_raw_hotel has a prefix."),
    (engines.days_of_facts_are_not_null, "fact_visit.columns.visited_on.constraints", [], "fact_visit.visited_on: can be null."),
    (engines.facts_are_partitioned, "fact_visit.config.partition_by", None, "fact_visit: not partitioned"),
    (engines.facts_are_partitioned, "fact_visit.config.meta", {}, "fact_visit: not partitioned"),
    (engines.facts_are_partitioned, "fact_visit.config.cluster_by", "guest_key", "fact_visit: not partitioned"),
    (engines.facts_are_partitioned, "fact_visit.config.incremental_strategy", "insert_overwrite", "fact_visit: not partitioned"),
    (engines.histories_are_clustered, "dim_guest.config.cluster_by", None, "dim_guest: not clustered"),
    (engines.histories_are_clustered, "dim_guest.config.cluster_by", ["guest_id"], "dim_guest: not clustered"),
    (engines.facts_and_histories_are_indexed, "fact_visit.config.indexes", None, "fact_visit: no index"),
    (engines.facts_and_histories_are_indexed, "dim_guest.config.indexes", [{"unique": True}], "dim_guest: no index"),
    (engines.facts_and_histories_are_indexed, "dim_guest.config.indexes", [{}, {}], "dim_guest: no index"),
    (engines.published_tables_are_analyzed, "snap_guest.config.post-hook", [], "snap_guest: runs no ANALYZE."),
    (engines.models_grant_nothing, "dim_guest.config.grants", {"select": ["analyst"]}, "dim_guest: has grants."),
    (engines.tables_survive_a_crash, "country.config.unlogged", True, "country: a crash empties"),
    (engines.macros_cover_every_engine, "default__clean", DELETED, "clean: nothing for duckdb, postgres, bigquery."),
]
# What looks like a violation and is none.
ACCEPTED: list[tuple[Rule, str, Any]] = [
    (rules.models_are_in_a_layer, "daily_visits.schema", "sales"),
    (rules.layers_read_downward, "stg_hotel__guest.depends_on.nodes", ["model.package.calendar", "seed.hotel.country"]),
    (rules.descriptions_begin_with_the_grain, "dim_guest", {"package_name": "package", "description": ""}),
    (rules.keys_have_relationships, "fact_visit.columns", {"visit_id": {}, "monkey": {}, "date_id_source": {}}),
    (rules.personal_columns_are_tagged, "guests.columns.email.config", {"tags": [], "meta": {"pii": False}}),
    (engines.histories_are_clustered, "dim_guest.config", {"materialized": "view"}),
    (engines.facts_and_histories_are_indexed, "dim_guest.config", {"materialized": "view"}),
    (engines.facts_are_partitioned, "fact_visit.config.cluster_by", ["visit_id", "guest_key"]),
]


def change(manifest: Manifest, where: str, value: Any) -> Manifest:
    """Put a value at a place such as `dim_guest.config.labels`, or delete a resource."""
    name, *path = where.split(".")
    kind, key = next((kind, key) for kind in EMPTY for key, each in manifest[kind].items() if name == each["name"])
    if value is DELETED:
        del manifest[kind][key]
        return manifest
    place = manifest[kind][key]
    for step in path[:-1]:
        place = place[step]
    if path:
        place[path[-1]] = value
    else:
        place.update(value)
    return manifest


@pytest.mark.parametrize(("rule", "where", "value", "beginning"), named(BROKEN))
def test_the_rule_finds(rule: Rule, where: str, value: Any, beginning: str):
    [violation] = rule(change(hotel(RULES[rule]), where, value))
    assert violation.startswith(beginning)
    assert re.fullmatch(r"\S+: .+\. .+\.", violation), "the model, what is wrong, and what to do"


@pytest.mark.parametrize(("rule", "where", "value"), named(ACCEPTED))
def test_the_rule_accepts(rule: Rule, where: str, value: Any):
    assert list(rule(change(hotel(RULES[rule]), where, value))) == []


@pytest.mark.parametrize("rule", [rule for rule, subject in RULES.items() if subject != "files"], ids=lambda rule: rule.__name__)
def test_the_rule_is_kept_by_a_sound_project_and_by_an_empty_one(rule: Rule):
    assert list(rule(hotel(RULES[rule]))) == []
    assert list(rule({"metadata": {"project_name": "empty"}, **EMPTY})) == []


def test_every_rule_is_shown_to_find_something():
    assert {rule for rule, *_ in BROKEN} == {rule for rule, subject in RULES.items() if subject != "files"}


PERSONAL = """
    dim_guest.email users.email_address orders.contact_email stg_crm__lead.e_mail dim_guest.phone dim_guest.mobile_phone
    calls.phone_number guests.telephone guests.full_name guests.first_name guests.last_name guests.FirstName users.surname
    orders.customer_name trips.driver_name orders.recipient_full_name customers.name stg_crm__customer_version.name
    dim_employee.address orders.shipping_address orders.billing_address_line_1 orders.customer_address guests.date_of_birth
    guests.birthday guests.passport_number payments.iban payments.card_number visits.ip_address
"""
NOT_PERSONAL = """
    dim_product.product_name dim_store.store_name dim_date.day_name dim_date.month_name dim_date.holiday_name products.name
    dim_store.address dim_store.city country.name customer_segments.name user_roles.name guests.is_email_verified guests.has_phone
    campaigns.email_count campaigns.email_sent_at calls.phone_id fact_visit.guest_id fact_visit.guest_key devices.phone_model
    dim_product.family_name_code products.username_policy files.file_name quarantine.table_name suppliers.company_name
"""


@pytest.mark.parametrize(("columns", "is_personal"), [(PERSONAL, True), (NOT_PERSONAL, False)])
def test_personal_columns_are_known_by_their_names(columns: str, is_personal: bool):
    assert [column for column in columns.split() if bool(rules.PERSONAL.fullmatch(column)) is not is_personal] == []
