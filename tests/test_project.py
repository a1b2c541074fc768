"""What the dbt project promises about itself: read from the manifest, so that a new model can't break it unseen."""

import json
from pathlib import Path
from typing import Any

import pytest
from dbt.cli.main import dbtRunner

PROJECT = Path(__file__).parent.parent
# The way the data goes. A model may read its own layer and the ones before it.
LAYERS = ("raw", "staging", "intermediate", "snapshots", "core", "marts")
MAY_READ = {
    "staging": {"raw", "staging"},
    "intermediate": {"staging", "intermediate"},
    "snapshots": {"staging", "intermediate"},
    "core": {"staging", "intermediate", "snapshots", "core"},
    "marts": {"core", "marts"},
}


def parse(folder: Path, schema: str = "unfiled") -> dict[str, Any]:
    """The manifest, parsed from nothing, with every warning and deprecation an error."""
    profile = (PROJECT / "profiles.yml.example").read_text()
    assert "schema: unfiled" in profile
    (folder / "profiles.yml").write_text(profile.replace("schema: unfiled", f"schema: {schema}"))
    arguments = ["--quiet", "--warn-error", "parse", "--no-partial-parse", "--project-dir", str(PROJECT)]
    result = dbtRunner().invoke([*arguments, "--profiles-dir", str(folder), "--target-path", str(folder / "target")])
    assert result.success, result.exception
    return json.loads((folder / "target" / "manifest.json").read_text())


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return parse(tmp_path_factory.mktemp("parse"))


def test_schemas_have_plain_names_or_the_prefix_of_a_developer(manifest: dict[str, Any], tmp_path: Path):
    plain = {node["schema"] for node in nodes(manifest, "model", "snapshot", "seed")}
    assert plain == {*LAYERS} - {"raw"}
    prefixed = parse(tmp_path, schema="alice")
    assert {node["schema"] for node in nodes(prefixed, "model", "snapshot", "seed")} == {f"alice_{schema}" for schema in plain}
    assert {source["schema"] for source in prefixed["sources"].values()} == {source["schema"] for source in manifest["sources"].values()}


def nodes(manifest: dict[str, Any], *kinds: str) -> list[dict[str, Any]]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] in kinds]


def kind_of_test(test: dict[str, Any]) -> str | None:
    """The generic test's name; None for a test that is a query of its own."""
    return (test.get("test_metadata") or {}).get("name")


def layer(manifest: dict[str, Any], unique_id: str) -> str:
    if unique_id.startswith("source."):
        return "raw"
    return manifest["nodes"][unique_id]["config"]["schema"]


def test_layers_read_downward_only(manifest: dict[str, Any]):
    upward = [
        (node["name"], parent)
        for node in nodes(manifest, "model", "snapshot")
        for parent in node["depends_on"]["nodes"]
        if layer(manifest, parent) not in MAY_READ[layer(manifest, node["unique_id"])]
    ]
    assert upward == []
    assert {layer(manifest, node["unique_id"]) for node in nodes(manifest, "model", "snapshot")} == {*LAYERS} - {"raw"}


def test_every_raw_table_has_its_staging_model(manifest: dict[str, Any]):
    read = {parent for node in nodes(manifest, "model") for parent in node["depends_on"]["nodes"]}
    assert set(manifest["sources"]) - read == set()


def test_everything_is_described(manifest: dict[str, Any]):
    """The first sentence of a model's description is its grain."""
    models = nodes(manifest, "model", "snapshot", "seed")
    assert [node["name"] for node in models if not node["description"].startswith("One row per ")] == []
    everything = [*models, *manifest["sources"].values()]
    assert [
        f"{node['name']}.{column['name']}" for node in everything for column in node["columns"].values() if not column["description"]
    ] == []
    macros = [macro for macro in manifest["macros"].values() if macro["package_name"] == "waterworks"]
    undocumented = [macro["name"] for macro in macros if not (PROJECT / macro["original_file_path"]).read_text().startswith("{#")]
    assert undocumented == []


def test_every_model_has_a_primary_key(manifest: dict[str, Any]):
    tested = {node["attached_node"] for node in nodes(manifest, "test") if kind_of_test(node) == "primary_key"}
    assert {node["unique_id"] for node in nodes(manifest, "model", "seed")} - tested == set()


def test_marts_have_contracts_and_keys_have_relationships(manifest: dict[str, Any]):
    related = {(node["attached_node"], node["column_name"]) for node in nodes(manifest, "test") if kind_of_test(node) == "relationships"}
    for model in nodes(manifest, "model"):
        if layer(manifest, model["unique_id"]) in ("core", "marts"):
            assert model["config"]["contract"]["enforced"], model["name"]
            assert model["access"] == "public", model["name"]
    for fact in ("fact_sales", "fact_payment"):
        model = manifest["nodes"][f"model.waterworks.{fact}"]
        keys = {name for name in model["columns"] if name.endswith("_key") or name == "date_id"}
        assert len(keys) >= 3
        assert {(model["unique_id"], key) for key in keys} <= related


def test_one_yaml_beside_each_model(manifest: dict[str, Any]):
    for node in nodes(manifest, "model"):
        path = PROJECT / node["original_file_path"]
        assert path.with_suffix(".yml").exists(), path
        assert node["patch_path"].endswith(f"{node['name']}.yml")


def test_every_mart_is_read_by_an_exposure(manifest: dict[str, Any]):
    read = {parent for exposure in manifest["exposures"].values() for parent in exposure["depends_on"]["nodes"]}
    marts = {node["unique_id"] for node in nodes(manifest, "model") if layer(manifest, node["unique_id"]) == "marts"}
    assert marts - read == set()


def test_personal_data_is_tagged(manifest: dict[str, Any]):
    """Names, addresses and telephone numbers, wherever a column holds them."""
    personal = {"full_name", "email", "phone"}
    untagged = [
        f"{node['name']}.{column['name']}"
        for node in nodes(manifest, "model")
        for column in node["columns"].values()
        if column["name"] in personal and "pii" not in column["config"]["tags"]
    ]
    assert untagged == []
    assert {column for node in nodes(manifest, "model") for column in node["columns"]} >= personal


def test_folders_import_downward():
    """The landing knows neither the sample company nor dbt models nor an orchestrator."""
    for file in (PROJECT / "ingestion").rglob("*.py"):
        text = file.read_text()
        for forbidden in ("import demo", "from demo", "airflow", "dagster", "prefect"):
            assert forbidden not in text, file
