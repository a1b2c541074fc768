"""The warehouse that `ingest` lands in: the one of the dbt profile and target, so it is configured once.

with find_warehouse("postgres").connect() as session:
    session.rows("select count(*) from raw_shop.orders")
"""

import importlib
import os
from functools import cache
from pathlib import Path
from typing import Any

from ingestion.errors import IngestError, first_line
from ingestion.settings import project_dir
from ingestion.warehouses.base import Warehouse

# dbt's name of an adapter: the class in that package's store. Imported when a target needs it, as Google's client alone
# takes a second.
ENGINES = {"duckdb": "DuckDBWarehouse", "postgres": "PostgresWarehouse", "bigquery": "BigQueryWarehouse"}


def find_warehouse(target: str | None = None) -> Warehouse:
    """The warehouse of `target`, else of DBT_TARGET, else of the profile's default target."""
    profiles = _profiles_file()
    profile_name = _profile_name()
    profile = _yaml(profiles).get(profile_name)
    if not profile:
        raise IngestError(f"{profiles} has no profile '{profile_name}'.", "Compare it with profiles.yml.example.")
    chosen = target or os.environ.get("DBT_TARGET") or _render(profile.get("target", "default"))
    outputs = profile.get("outputs") or {}
    if chosen not in outputs:
        raise IngestError(
            f"{profiles} has no target '{chosen}' in profile '{profile_name}'.",
            f"It has: {', '.join(sorted(outputs)) or 'none'}.",
        )
    connection = {key: _render(value) for key, value in outputs[chosen].items() if value is not None}
    kind = connection.get("type")
    if kind not in ENGINES:
        known = ", ".join(sorted(ENGINES))
        raise IngestError(f"Target '{chosen}' is of type {kind}; `ingest` does not land there.", f"It lands in {known}.")
    warehouse: Warehouse = getattr(importlib.import_module(f"ingestion.warehouses.{kind}.store"), ENGINES[kind])(chosen, connection)
    return warehouse


def _profiles_file() -> Path:
    """Where dbt looks: DBT_PROFILES_DIR, else the project's folder, else ~/.dbt."""
    folders = (
        [Path(os.environ["DBT_PROFILES_DIR"])]
        if os.environ.get("DBT_PROFILES_DIR")
        else [
            project_dir(),
            Path.home() / ".dbt",
        ]
    )
    for folder in folders:
        if (folder / "profiles.yml").exists():
            return folder / "profiles.yml"
    raise IngestError(
        f"There is no profiles.yml in {' or '.join(str(folder) for folder in folders)}.",
        "Copy profiles.yml.example to profiles.yml.",
    )


def _profile_name() -> str:
    return str(_yaml(project_dir() / "dbt_project.yml").get("profile", "waterworks"))


@cache
def _environment() -> Any:
    """Jinja as far as profiles use it: env_var. dbt's own reader takes seconds to import."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(undefined=StrictUndefined)
    environment.globals["env_var"] = _env_var
    environment.filters["as_number"] = lambda value: float(value) if "." in str(value) else int(value)
    environment.filters["as_bool"] = lambda value: str(value).lower() == "true"
    return environment


def _env_var(name: str, default: str | None = None) -> str:
    value = os.environ.get(name, default)
    if value is None:
        raise IngestError(f"profiles.yml asks for the environment variable {name}.", "Set it.")
    return value


def _render(value: Any) -> Any:
    return _environment().from_string(value).render() if isinstance(value, str) else value


def _yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        return yaml.safe_load(path.read_text()) or {}
    except (OSError, yaml.YAMLError) as error:
        raise IngestError(f"{path} can't be read: {first_line(error)}") from error
