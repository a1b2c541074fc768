"""The rules that the dbt project keeps, whatever models it holds.

A rule takes the manifest of one target, or the project's folder, and yields violations: the model, what is wrong, what to do.
It finds its models by layer, name and columns, so it covers models that are still to be written, and a project without any.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Manifest = dict[str, Any]
Node = dict[str, Any]
Rule = Callable[[Any], Iterator[str]]

# What each layer may read. A dashboard reads marts and core, never the layers before them.
MAY_READ: dict[str | None, tuple[str, ...]] = {
    "staging": ("raw", "staging"),
    "intermediate": ("staging", "intermediate"),
    "snapshots": ("staging", "intermediate"),
    "core": ("staging", "intermediate", "snapshots", "core"),
    "marts": ("core", "marts"),
    "published": (),
}
PUBLISHED = ("core", "marts")
# Tables that the landing keeps for itself: tests and people read them, models need not.
LANDING_TABLES = ("read_log", "quarantine")

RULES: dict[Rule, str] = {}


def on(subject: str) -> Callable[[Rule], Rule]:
    """Register a rule for the manifest of a target (`dev`, `postgres`, `bigquery`) or for the `files` of the project."""

    def register(rule: Rule) -> Rule:
        RULES[rule] = subject
        return rule

    return register


def nodes(manifest: Manifest, *kinds: str) -> list[Node]:
    """The project's own nodes: an installed package has its own rules."""
    project = manifest["metadata"]["project_name"]
    return [node for node in manifest["nodes"].values() if node["resource_type"] in kinds and node["package_name"] == project]


def sources(manifest: Manifest) -> list[Node]:
    return [source for source in manifest["sources"].values() if source["package_name"] == manifest["metadata"]["project_name"]]


def layer(node: Node) -> str | None:
    """The layer whose folder holds the node's file."""
    match [node["resource_type"], *Path(node["original_file_path"]).parts]:
        case ["source", *_]:
            return "raw"
        case ["seed", *_]:
            return "staging"
        case [_, "snapshots", *_]:
            return "snapshots"
        case [_, "models", "marts", "core", *_]:
            return "core"
        case [_, "models", "publishing", *_]:
            return "published"
        case [_, "models", ("staging" | "intermediate" | "marts") as folder, *_]:
            return folder
    return None


def facts(manifest: Manifest) -> list[Node]:
    return [node for node in nodes(manifest, "model") if layer(node) == "core" and node["name"].startswith("fact_")]


def histories(manifest: Manifest) -> list[Node]:
    """Dimensions with history. Their snapshots have the same indexes and clusters, which the suite of the engines looks for."""
    return [
        node
        for node in nodes(manifest, "model")
        if layer(node) == "core" and "valid_from" in node["columns"] and is_stored(node) and node not in facts(manifest)
    ]


def is_stored(node: Node) -> bool:
    return node["config"]["materialized"] not in ("view", "ephemeral")


def generic_test(node: Node) -> str | None:
    """The generic test's name; none for a test that is a query of its own, and for everything else."""
    return (node.get("test_metadata") or {}).get("name")


def primary_keys(manifest: Manifest) -> dict[str, list[str]]:
    """The columns of each `primary_key` test, by the node that it is attached to."""
    tests = [node for node in nodes(manifest, "test") if generic_test(node) == "primary_key"]
    return {test["attached_node"]: test["test_metadata"]["kwargs"]["columns"] for test in tests}


# Layers


@on("dev")
def models_are_in_a_layer(manifest: Manifest) -> Iterator[str]:
    """The folder is the layer, and the schema is named after it. A department may have a schema of its own in marts."""
    for node in nodes(manifest, "model", "snapshot", "seed"):
        folder, schema = layer(node), node["schema"]
        if folder is None:
            yield f"{node['name']}: {node['original_file_path']} is in no layer. Move it to models/staging, intermediate or marts."
        elif schema == "unfiled" or (schema != folder and folder != "marts" and node["resource_type"] != "seed"):
            yield f"{node['name']}: its schema is {schema}. Set `+schema: {folder}` for its folder in dbt_project.yml."


@on("dev")
def layers_read_downward(manifest: Manifest) -> Iterator[str]:
    everything = {node["unique_id"]: node for node in [*nodes(manifest, "model", "snapshot", "seed"), *sources(manifest)]}
    for node in nodes(manifest, "model", "snapshot"):
        allowed = MAY_READ.get(layer(node))
        for parent in (everything[name] for name in node["depends_on"]["nodes"] if name in everything):
            if allowed and layer(parent) not in (*allowed, None):
                yield (
                    f"{node['name']}: {layer(node)} reads {parent['name']} of {layer(parent)}. "
                    f"Read only {', '.join(allowed)}, or move the model to another layer."
                )


@on("dev")
def dimensions_do_not_read_facts(manifest: Manifest) -> Iterator[str]:
    """A fact that fails its tests would take the dimension with it, and all that is made of that."""
    dimensions = {node["unique_id"]: node for node in nodes(manifest, "model") if layer(node) == "core" and node not in facts(manifest)}
    for node in dimensions.values():
        for fact in facts(manifest):
            if fact["unique_id"] in node["depends_on"]["nodes"]:
                yield f"{node['name']}: depends on {fact['name']}. Read what the fact reads, or move the model to another folder of marts."


@on("dev")
def raw_tables_are_read(manifest: Manifest) -> Iterator[str]:
    read = {parent for node in nodes(manifest, "model", "snapshot") for parent in node["depends_on"]["nodes"]}
    for source in sources(manifest):
        if source["unique_id"] not in read and source["name"] not in LANDING_TABLES:
            advice = "Read it through `in_complete_load`" if source["name"] == "_dlt_loads" else "Add a staging model"
            yield f"{source['schema']}.{source['name']}: no model reads it. {advice}, or remove it from sources.yml."


@on("dev")
def marts_have_an_exposure(manifest: Manifest) -> Iterator[str]:
    read = {parent for exposure in manifest["exposures"].values() for parent in exposure["depends_on"]["nodes"]}
    for node in nodes(manifest, "model"):
        if layer(node) == "marts" and node["unique_id"] not in read:
            yield f"{node['name']}: no exposure depends on it. Add one to exposures.yml that says who reads it, or drop the model."


# Documentation, contracts and keys


@on("dev")
def each_model_has_its_yaml(manifest: Manifest) -> Iterator[str]:
    for node in nodes(manifest, "model", "snapshot"):
        expected = Path(node["original_file_path"]).with_name(f"{node['name']}.yml")
        if (node["patch_path"] or "").partition("://")[2] != str(expected):
            yield f"{node['name']}: described in {node['patch_path'] or 'no YAML'}. Describe it in {expected}, beside its SQL."


@on("dev")
def descriptions_begin_with_the_grain(manifest: Manifest) -> Iterator[str]:
    for node in nodes(manifest, "model", "snapshot", "seed"):
        if not node["description"].startswith("One row per "):
            yield f"{node['name']}: its description does not give the grain. Begin it with `One row per …`."


@on("dev")
def columns_are_described(manifest: Manifest) -> Iterator[str]:
    for node in [*nodes(manifest, "model", "snapshot", "seed"), *sources(manifest)]:
        for column in node["columns"].values():
            if not column["description"]:
                yield f"{node['name']}.{column['name']}: no description. Say in its YAML what the column holds."


@on("dev")
def models_have_a_primary_key(manifest: Manifest) -> Iterator[str]:
    """Of a history the table is tested, not the view that the snapshot keeps."""
    kept = {
        parent
        for node in nodes(manifest, "snapshot")
        if node["config"].get("strategy") == "history"
        for parent in node["depends_on"]["nodes"]
    }
    for node in nodes(manifest, "model", "seed", "snapshot"):
        if node["unique_id"] not in primary_keys(manifest) and node["unique_id"] not in kept:
            yield f"{node['name']}: no primary key. Add the test `primary_key` with the columns that identify a row."


@on("dev")
def marts_have_a_contract(manifest: Manifest) -> Iterator[str]:
    for node in nodes(manifest, "model"):
        if layer(node) in PUBLISHED and not (node["config"]["contract"]["enforced"] and node["access"] == "public"):
            yield f"{node['name']}: people build on it. Leave `contract: {{enforced: true}}` and `access: public` as marts/ sets them."


@on("dev")
def keys_have_relationships(manifest: Manifest) -> Iterator[str]:
    """Every key of a dimension in what people read, but for the key that alone identifies the row."""
    related = {(node["attached_node"], node["column_name"]) for node in nodes(manifest, "test") if generic_test(node) == "relationships"}
    for node in nodes(manifest, "model"):
        for column in node["columns"] if layer(node) in PUBLISHED else ():
            is_key = column.endswith("_key") or re.search(r"(^|_)date_id$", column)
            if is_key and (node["unique_id"], column) not in related and primary_keys(manifest).get(node["unique_id"]) != [column]:
                yield f"{node['name']}.{column}: no relationships test. Add `relationships` to the column, with its dimension."


@on("dev")
def resources_are_labelled(manifest: Manifest) -> Iterator[str]:
    """BigQuery's bill can be read by project and layer."""
    for node in nodes(manifest, "model", "snapshot", "seed"):
        if not {"project", "layer"} <= set(node["config"].get("labels") or ()):
            yield f"{node['name']}: no labels for project and layer. Set `+labels` for its folder in dbt_project.yml."


# Personal data

PEOPLE = (
    "applicant|author|buyer|card_?holder|client|contact|customer|driver|employee|guest|holder|manager|member|owner|passenger|patient"
    "|payee|payer|person|recipient|sender|student|subscriber|user|visitor|worker"
)
# On `table.column`. What ends in `name` is personal only where a person bears it: not product_name, store_name or day_name.
PERSONAL = re.compile(
    rf"""
      .*\.(?!is_|has_)(\w+_)?(
          e_?mails? | e_?mail_address | (mobile|cell|tele)?_?phone | (mobile|cell|tele)?_?phone_number | mobile_number
        | (first|last|middle|given|maiden|sur|fore)_?name | ({PEOPLE})_(full_)?name
        | (home|postal|billing|shipping|delivery)_address(_line_?\d)? | ({PEOPLE})_(street|address)(_line_?\d)? | ip_address
        | birth_?da(te|y) | date_of_birth | born_on | passport_number | ssn | iban | card_number
      )
    | .*\.(full_?|family_)name
    | (.*_)?({PEOPLE})s?(_version)?\.(name | street | (street_)?address(_line_?\d)?)
    """,
    re.VERBOSE | re.IGNORECASE,
)


@on("dev")
def personal_columns_are_tagged(manifest: Manifest) -> Iterator[str]:
    """Names, addresses, telephone numbers and the like. `meta: {pii: false}` on a column says that it only sounds like one."""
    for node in [*nodes(manifest, "model", "snapshot", "seed"), *sources(manifest)]:
        for column in node["columns"].values():
            is_answered = "pii" in column["config"]["tags"] or column["config"]["meta"].get("pii") is False
            if PERSONAL.fullmatch(f"{node['name']}.{column['name']}") and not is_answered:
                yield (
                    f"{node['name']}.{column['name']}: sounds like personal data. Tag the column, `config: {{tags: [pii]}}`; "
                    "if it holds none, `config: {meta: {pii: false}}`."
                )


@on("dev")
def tags_go_downstream(manifest: Manifest) -> Iterator[str]:
    """A column of the same name as one that is tagged in what the model reads; whatever it is called."""
    everything = {node["unique_id"]: node for node in [*nodes(manifest, "model", "snapshot", "seed"), *sources(manifest)]}
    for node in nodes(manifest, "model", "snapshot"):
        for parent in (everything[name] for name in node["depends_on"]["nodes"] if name in everything):
            for name, column in node["columns"].items():
                tagged = "pii" in parent["columns"].get(name, {}).get("config", {}).get("tags", ())
                if tagged and "pii" not in column["config"]["tags"] and column["config"]["meta"].get("pii") is not False:
                    yield (
                        f"{node['name']}.{name}: is tagged in {parent['name']} and not here. Tag the column, `config: {{tags: [pii]}}`; "
                        "if it holds no personal data any more, `config: {meta: {pii: false}}`."
                    )
