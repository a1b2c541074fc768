"""What the dbt project promises about itself: read from the manifest, so that a new model can't break it unseen."""

import json
import re
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


# What profiles.yml.example wants to know of a server; nothing connects to one here.
SETTINGS = {"WAREHOUSE_HOST": "nowhere", "WAREHOUSE_USER": "x", "DBT_ENV_SECRET_WAREHOUSE_PASSWORD": "x", "WAREHOUSE_PROJECT": "x"}


def parse(folder: Path, schema: str = "unfiled", target: str = "dev", **environment: str) -> dict[str, Any]:
    """The manifest, parsed from nothing, with every warning and deprecation an error."""
    profile = (PROJECT / "profiles.yml.example").read_text()
    assert "schema: unfiled" in profile
    (folder / "profiles.yml").write_text(profile.replace("schema: unfiled", f"schema: {schema}"))
    arguments = ["--quiet", "--warn-error", "parse", "--no-partial-parse", "--project-dir", str(PROJECT), "--target", target]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (SETTINGS | environment).items():
            patch.setenv(name, value)
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
    # What the landing keeps for itself is read by the tests on sources, and by people.
    tables = {name for name, node in manifest["sources"].items() if node["name"] not in ("reads", "quarantine")}
    assert tables - read == set()


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


# What only some engines understand, or each understands in its own way, and the macro to take instead.
DIALECT = {
    r"\b(duckdb|postgres\w*|bigquery|snowflake|redshift|spark|athena)\b": "a macro that dispatches",
    r"\b(target|adapter)\.": "a macro that dispatches",
    r"::": "cast",
    r"\btimestamptz\b|\btimestamp\b|\bat time zone\b": "type_instant, as_instant, business_date, business_midnight",
    r"\b(try_cast|safe_cast)\b": "safe_integer, safe_decimal, safe_date, safe_instant",
    r"\b(decimal|numeric|bignumeric|number)\b": "as_decimal",
    r"\b(double|float\w*|real)\b": "as_decimal",
    r"\b(varchar|text|string)\b": "dbt.type_string",
    r"(?<![/*])/(?![/*])|\bdiv\(": "divide",
    r"->|#>|\bjson\w*\(|\bunnest\(": "json_text, json_elements",
    r"\b(lower|upper|initcap)\(": "lower_text",
    r"\b[lr]?trim\(": "clean_text",
    r"\b(md5|sha\w*|hash)\(": "md5_hex, surrogate_key",
    r"\bextract\((iso)?(week|dow|dayofweek|year_of_week)\b|\bextract\((isoyear|isodow|epoch)\b": "iso_year, iso_week, iso_day_of_week",
    r"\b(percentile_\w+|quantile\w*|median|mode)\(": "row_number, as sales_outliers does",
    r"\b(qualify|ilike|distinct on|group by all|exclude|except|filter)\b": "standard SQL",
    r"\b(now|today|current_timestamp|current_date)\b": "what the source says: a rebuild must give the same",
}


def sql_of(text: str) -> str:
    """SQL without its comments and without what Jinja puts in."""
    return re.sub(r"--[^\n]*|\{#.*?#\}|\{\{.*?\}\}|\{%.*?%\}", " ", text, flags=re.DOTALL)


def test_models_ask_for_no_engine():
    """The differences between engines are in macros, where one implementation stands beside the other."""
    files = [file for folder in ("models", "snapshots", "seeds") for file in (PROJECT / folder).rglob("*.sql")]
    assert len(files) > 20
    found = [
        f"{file.name}: {match[0]!r}, take {instead}"
        for file in files
        for pattern, instead in DIALECT.items()
        for match in re.finditer(pattern, sql_of(file.read_text()))
    ]
    assert found == []
    for file in files:
        assert "target." not in file.read_text() and "adapter." not in file.read_text(), file


def test_yaml_asks_for_no_engine():
    """But in one way: the variables of dbt_project.yml that say what an engine calls a type."""
    allowed = re.compile(r"var\('(instant|text)_type'\)\[target\.type\]")
    for folder in ("models", "snapshots", "seeds"):
        for file in (PROJECT / folder).rglob("*.yml"):
            text = allowed.sub("", file.read_text())
            assert not re.search(r"\btarget\.|\badapter\.|timestamptz|with time zone|::|varchar", text), file


def test_every_macro_knows_every_engine(manifest: dict[str, Any]):
    names = {macro["name"] for macro in manifest["macros"].values() if macro["package_name"] == "waterworks"}
    dispatched = {name for file in (PROJECT / "macros").glob("*.sql") for name in re.findall(r"dispatch\('(\w+)'\)", file.read_text())}
    assert len(dispatched) > 10
    missing = [
        (name, engine)
        for name in dispatched
        for engine in ("duckdb", "postgres", "bigquery")
        if not {f"{engine}__{name}", f"default__{name}"} & names
    ]
    assert missing == []


@pytest.fixture(scope="module")
def on_bigquery(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return parse(tmp_path_factory.mktemp("bigquery"), target="bigquery", WAREHOUSE_READERS="group:a@example.com,user:b@example.com")


def test_bigquery_partitions_clusters_and_labels(on_bigquery: dict[str, Any]):
    facts = {node["name"]: node["config"] for node in nodes(on_bigquery, "model") if node["name"].startswith("fact_")}
    assert {name: config["partition_by"]["field"] for name, config in facts.items()} == {
        "fact_sales": "ordered_on",
        "fact_payment": "occurred_on",
    }
    for config in facts.values():
        assert config["require_partition_filter"] and config["cluster_by"] == config["unique_key"]
        assert config["incremental_strategy"] == "merge"
    kept = [node for node in nodes(on_bigquery, "model") if node["config"]["materialized"] != "view"]
    dimensions = [node for node in kept if "valid_from" in node["columns"]]
    assert len(dimensions) == 6, "three dimensions and their histories"
    assert all(len(node["config"]["cluster_by"]) == 2 for node in dimensions)
    for node in nodes(on_bigquery, "model", "snapshot", "seed"):
        assert set(node["config"]["labels"]) == {"project", "layer"}, node["name"]


def test_every_reader_of_a_large_fact_says_which_days(on_bigquery: dict[str, Any]):
    """BigQuery refuses a query without (`require_partition_filter`); the other engines would not tell us."""
    large = {node["unique_id"]: node for node in nodes(on_bigquery, "model") if node["config"].get("require_partition_filter")}
    reads = 0
    for node in nodes(on_bigquery, "model", "snapshot", "test"):
        for parent in {*node["depends_on"]["nodes"], node["unique_id"]} & set(large):
            day = large[parent]["config"]["partition_by"]["field"]
            name = r"this" if parent == node["unique_id"] else rf"ref\('{large[parent]['name']}'\)"
            if kind_of_test(node):
                # What a generic test reads goes through `get_where_subquery`, which adds the filter; the relation that it is
                # compared with does only in those that say `whole_table`.
                assert node["attached_node"] == parent or kind_of_test(node) == "relationships", node["name"]
                continue
            for read in re.finditer(rf"\{{\{{ {name} \}}\}}(.*?)(\n *\),?\n|\Z)", node["raw_code"], re.DOTALL):
                reads += 1
                assert day in read[1], f"{node['name']} reads {large[parent]['name']} without a filter on {day}"
            for hook in [*node["config"].get("pre-hook", []), *node["config"].get("post-hook", [])]:
                assert "{{ this }}" not in hook["sql"] or day in hook["sql"], node["name"]
    assert reads >= 11


def test_postgres_has_indexes(tmp_path: Path):
    manifest = parse(tmp_path, target="postgres", WAREHOUSE_READERS="analyst,board")
    for node in nodes(manifest, "model"):
        config, published = node["config"], layer(manifest, node["unique_id"]) in ("snapshots", "core", "marts")
        assert not config["grants"], "readers read `published`"
        assert not config.get("unlogged"), "a crash empties it"
        has_history = "valid_from" in node["columns"] and config["materialized"] != "view"
        if has_history or node["name"].startswith("fact_"):
            assert config["indexes"][0]["unique"] and len(config["indexes"]) >= 2, node["name"]
        assert any("after_build" in hook["sql"] for hook in config["post-hook"]) == published, node["name"]


def test_large_facts_are_published_by_days_that_are_never_null(manifest: dict[str, Any]):
    """A row without a day would be in no part of the table that is compared, and never be copied."""
    facts = [node for node in nodes(manifest, "model") if node["config"]["materialized"] == "incremental" and node["access"] == "public"]
    assert len(facts) == 2
    for node in facts:
        constraints = node["columns"][node["config"]["meta"]["day"]]["constraints"]
        assert [constraint["type"] for constraint in constraints] == ["not_null"], node["name"]


def test_folders_import_downward():
    """The landing knows neither the sample company nor dbt models nor an orchestrator."""
    for file in (PROJECT / "ingestion").rglob("*.py"):
        text = file.read_text()
        for forbidden in ("import demo", "from demo", "airflow", "dagster", "prefect"):
            assert forbidden not in text, file
