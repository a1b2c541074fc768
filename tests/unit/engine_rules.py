"""The rules by which models run on every engine: what makes each of them fast and safe, and SQL that all of them understand."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from unit.project_rules import PUBLISHED, Manifest, Node, facts, histories, layer, nodes, on, sources

# The engines for which the project's macros are written.
ENGINES = ("duckdb", "postgres", "bigquery")
# The developer's prefix with which the target `postgres` is parsed.
PREFIX = "alice"
# What starts the landing, and is unknown to it.
CALLERS = {"demo", "benchmarks", "orchestration", "tests", "airflow", "dagster", "prefect"}


@on("postgres")
def schemas_begin_with_the_prefix(manifest: Manifest) -> Iterator[str]:
    """A developer or a pull request builds in schemas of its own, and reads the raw data that all share."""
    for node in nodes(manifest, "model", "snapshot", "seed"):
        if node["config"]["schema"] and node["schema"] != f"{PREFIX}_{node['config']['schema']}":
            yield f"{node['name']}: with the prefix {PREFIX} its schema is {node['schema']}. Fix the macro generate_schema_name."
    for source in sources(manifest):
        if source["schema"].startswith(f"{PREFIX}_"):
            yield f"{source['name']}: its schema {source['schema']} has a prefix. Name the schema in sources.yml without `target`."


@on("dev")
def days_of_facts_are_not_null(manifest: Manifest) -> Iterator[str]:
    """Publishing compares a fact day by day: it would miss a row without a day."""
    for node in nodes(manifest, "model"):
        day = node["config"]["meta"].get("day")
        if day and "not_null" not in [constraint["type"] for constraint in node["columns"].get(day, {}).get("constraints", ())]:
            yield f"{node['name']}.{day}: can be null. Add `constraints: [{{type: not_null}}]` to the column."


@on("bigquery")
def facts_are_partitioned(manifest: Manifest) -> Iterator[str]:
    for node in facts(manifest):
        config = node["config"]
        day, key, clusters = (config.get("partition_by") or {}).get("field"), config.get("unique_key"), config.get("cluster_by")
        is_by_day = day and day == config["meta"].get("day")
        is_by_key = key and (clusters == key or (clusters or [])[:1] == [key]) and config.get("incremental_strategy") == "merge"
        if not (is_by_day and is_by_key):
            yield f"{node['name']}: not partitioned by day and merged by key. Begin it with `{{{{ config(**fact_config(…)) }}}}`."


@on("bigquery")
def histories_are_clustered(manifest: Manifest) -> Iterator[str]:
    for node in histories(manifest):
        if (node["config"].get("cluster_by") or [])[1:] != ["valid_from"]:
            yield f"{node['name']}: not clustered by id and valid_from. {use_config(node)}"


@on("postgres")
def facts_and_histories_are_indexed(manifest: Manifest) -> Iterator[str]:
    """A unique index on the key, and one for how the table is joined."""
    for node in [*facts(manifest), *histories(manifest)]:
        indexes = node["config"].get("indexes") or []
        if len(indexes) < 2 or not indexes[0].get("unique"):
            yield f"{node['name']}: no index on its key, or none beside it. {use_config(node)}"


def use_config(node: Node) -> str:
    macro = "fact_config" if node["name"].startswith("fact_") else "dimension_config"
    return f"Begin it with `{{{{ config(**{macro}(…)) }}}}`."


@on("postgres")
def published_tables_are_analyzed(manifest: Manifest) -> Iterator[str]:
    for node in nodes(manifest, "model", "snapshot"):
        hooks = [hook["sql"] for hook in node["config"]["post-hook"]]
        if layer(node) in ("snapshots", *PUBLISHED) and not any("after_build" in hook for hook in hooks):
            yield f"{node['name']}: runs no ANALYZE. Add `post_hook: {{{{ after_build() }}}}`, as dbt_project.yml does for marts/."


@on("postgres")
def models_grant_nothing(manifest: Manifest) -> Iterator[str]:
    for node in nodes(manifest, "model", "snapshot", "seed"):
        if node["config"]["grants"]:
            yield f"{node['name']}: has grants. Take them out, as readers read the schema `published`."


@on("postgres")
def tables_survive_a_crash(manifest: Manifest) -> Iterator[str]:
    for node in nodes(manifest, "model", "snapshot", "seed"):
        if node["config"].get("unlogged"):
            yield f"{node['name']}: a crash empties an unlogged table. Take `unlogged` out."


# Macros, SQL, YAML and Python


@on("dev")
def macros_cover_every_engine(manifest: Manifest) -> Iterator[str]:
    own = [macro for macro in manifest["macros"].values() if macro["package_name"] == manifest["metadata"]["project_name"]]
    names = {macro["name"] for macro in own}
    for macro in own:
        for name in re.findall(r"\bdispatch\(\s*['\"](\w+)['\"]", macro["macro_sql"]):
            missing = [engine for engine in ENGINES if not {f"{engine}__{name}", f"default__{name}"} & names]
            if missing:
                yield f"{macro['name']}: nothing for {', '.join(missing)}. Add macro {missing[0]}__{name}, or default__{name}."


@on("files")
def macros_are_documented(project: Path) -> Iterator[str]:
    for file in [*files(project, "sql", "macros"), *files(project, "sql", "tests/data/generic")]:
        if not file.read_text().startswith("{#"):
            yield f"{file.relative_to(project)}: no documentation. Begin it with a comment, `{{# … #}}`, on what it does."


def files(project: Path, suffix: str, *folders: str) -> list[Path]:
    return sorted(file for folder in folders for file in (project / folder).rglob(f"*.{suffix}"))


def as_type(names: str) -> str:
    """A pattern for types where SQL has types, `cast(x as text)` or `timestamp '…'`: a column may be called `text`."""
    return rf"\bas\s+({names})\b(?=\s*[()\[<])|\b({names})\s*(?=\(|'')"


TIMESTAMPS = "`type_timestamptz`, `as_timestamp`, `business_date`, `business_midnight`"
# What only some engines understand, or each in its own way, and what to use instead; macros in backticks.
DIALECT = {
    r"::": "cast(… as …)",
    r"\btimestamptz\b|\bat time zone\b|\bwith(out)? time zone\b": TIMESTAMPS,
    as_type("timestamp|datetime"): TIMESTAMPS,
    r"\b(try_cast|safe_cast)\b": "`safe_integer`, `safe_decimal`, `safe_date`, `safe_timestamp`",
    as_type(r"decimal|numeric|bignumeric|number|double precision|double|float\w*|real"): "`as_decimal`",
    as_type("varchar|text|string"): "dbt.type_string()",
    r"(?<![/*])/(?![/*])|\bdiv\(": "`divide`",
    r"->|#>|\bjson\w*\(|\bunnest\(": "`json_text`, `json_elements`",
    r"\b(lower|upper|initcap)\(": "`lower_text`",
    r"\b[lr]?trim\(": "`clean_text`",
    r"\b(md5|sha\w*|hash)\(": "dbt.hash(), `surrogate_key`",
    r"\bextract\((iso)?(week|dow|dayofweek|year_of_week)\b": "`iso_year`, `iso_week`, `iso_day_of_week`",
    r"\bextract\((isoyear|isodow|epoch)\b": "`iso_year`, `iso_day_of_week`, `epoch_microseconds`",
    r"\b(percentile_\w+|quantile\w*|median|mode)\(": "row_number()",
    r"\b(qualify|ilike|distinct on|group by all|except)\b|\b(exclude|filter)\s*\(": "standard SQL",
    r"\b(now|today|getdate)\(|\b(current|local)_?(timestamp|date|time)\b": "a time from the source: a rebuild must give the same rows",
}
# SQL without what is no SQL. A literal stays as '', so that `timestamp '…'` is still a type and a literal.
NOT_SQL = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/|\{#.*?#\}|\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
# YAML has no macros: the variables of dbt_project.yml that say what each engine calls a type.
TYPE_VARIABLE = re.compile(r"\bvar\('\w+_type'\)\[target\.type\]")


def dialect(sql: str) -> Iterator[str]:
    """What ties SQL to an engine, and what to use instead."""
    plain = NOT_SQL.sub(lambda found: "''" if found[0].startswith("'") else " ", sql)
    for pattern, instead in DIALECT.items():
        for found in re.finditer(pattern, plain, re.IGNORECASE):
            yield f"{found[0]!r} differs between engines. Use {instead}."
    yield from jinja_dialect(sql)


def jinja_dialect(text: str) -> Iterator[str]:
    for block in JINJA.findall(re.sub(r"\{#.*?#\}", "", TYPE_VARIABLE.sub("", text), flags=re.DOTALL)):
        for found in re.finditer(r"\b(target|adapter)\b", re.sub(r"'[^']*'|\"[^\"]*\"", "", block)):
            yield f"{found[0]!r} asks for the engine. Use a macro that dispatches."


@on("files")
def sql_suits_every_engine(project: Path) -> Iterator[str]:
    """Differences between engines are in macros, one implementation beside the other."""
    for file in files(project, "sql", "models", "snapshots"):
        for problem in dialect(file.read_text()):
            yield f"{file.relative_to(project)}: {problem}"


@on("files")
def yaml_suits_every_engine(project: Path) -> Iterator[str]:
    for file in files(project, "y*ml", "models", "snapshots", "seeds"):
        for path, text in strings(yaml.load(file.read_text(), Loader=yaml.CSafeLoader)):
            problems = list(dialect(text) if path[-1] in ("expression", "where") else jinja_dialect(text))
            if path[-1] == "data_type" or "column_types" in path:
                types = re.findall(r"timestamptz|with time zone|varchar", text, re.IGNORECASE)
                problems += [f"{found!r} is a type of some engines only. Use a variable of dbt_project.yml." for found in types]
            for problem in problems:
                yield f"{file.relative_to(project)}: {problem}"


@on("files")
def variables_are_declared(project: Path) -> Iterator[str]:
    """Only of variables of dbt_project.yml, all of which it hands to `project_variables`, is a change seen."""
    file = project / "dbt_project.yml"
    settings = yaml.safe_load(file.read_text()) if file.exists() else {}
    declared = settings.get("vars") or {}
    handed_over = [value for path, value in items(settings.get("models")) if path[-2:] == ("+meta", "variables")]
    if declared and handed_over != [declared]:
        yield "dbt_project.yml: changes of its variables are not seen. Add `+meta: {variables: *variables}` to models/publishing."
    sql, described = (
        files(project, "sql", "models", "snapshots", "macros", "tests/data"),
        files(project, "y*ml", "models", "snapshots", "seeds"),
    )
    for source in [*sql, *described]:
        for name in dict.fromkeys(re.findall(r"\bvar\(\s*['\"](\w+)['\"]", source.read_text())):
            if name not in declared:
                yield f"{source.relative_to(project)}: a change of the variable {name} is not seen. Declare it in dbt_project.yml."


def items(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every key of nested mappings, with the keys that lead to it, and its value."""
    for key, child in value.items() if isinstance(value, dict) else ():
        yield (*path, str(key)), child
        yield from items(child, (*path, str(key)))


def strings(value: Any, path: tuple[str, ...] = ("",)) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every text of a YAML document, with the keys that lead to it."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield from strings(child, (*path, str(key)))
    elif isinstance(value, list):
        for child in value:
            yield from strings(child, path)
    elif isinstance(value, str):
        yield path, value


@on("files")
def ingestion_imports_downward(project: Path) -> Iterator[str]:
    """The landing knows neither the sample company nor an orchestrator."""
    for file in files(project, "py", "ingestion"):
        for statement in ast.walk(ast.parse(file.read_text())):
            match statement:
                case ast.Import(names=names):
                    modules = {name.name.partition(".")[0] for name in names}
                case ast.ImportFrom(module=str(name), level=0):
                    modules = {name.partition(".")[0]}
                case _:
                    modules = set()
            for module in modules & CALLERS:
                yield f"{file.relative_to(project)}: imports {module}. Let {module} start the command `ingest` instead."
