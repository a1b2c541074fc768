"""The warehouse that `ingest` lands in: the one of the dbt profile and target, so it is configured once.

All work of ours is done by DuckDB: in the warehouse file itself when the warehouse is DuckDB, and in
memory, with the warehouse attached, when it is PostgreSQL.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.errors import IngestError, first_line, redact
from ingestion.settings import project_dir

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Warehouse:
    """One target of the dbt profile: its name, and its connection as dbt reads it."""

    target: str
    connection: dict[str, Any]

    @property
    def kind(self) -> str:
        return self.connection["type"]

    @property
    def path(self) -> Path:
        """The DuckDB file; a relative path starts at the project's folder, as it does for dbt."""
        return project_dir() / self.connection.get("path", "")

    @contextmanager
    def connect(self, read_only: bool = False) -> Iterator["duckdb.DuckDBPyConnection"]:
        """A DuckDB connection to the warehouse, which is closed afterwards; raises IngestError when it is locked."""
        import duckdb

        try:
            con = duckdb.connect(str(self.path), read_only=read_only)
        except duckdb.Error as error:
            raise self._unusable(error) from error
        try:
            con.execute("set TimeZone = 'UTC'")
            yield con
        finally:
            con.close()

    def _unusable(self, error: Exception) -> IngestError:
        if "lock" in str(error).lower():
            return IngestError(
                f"The warehouse {self.path} is in use: {first_line(error)}",
                "Close the program that holds it (a dbt run, a notebook, the duckdb shell) and run `ingest` again.",
            )
        return IngestError(
            f"The warehouse {self.path} can't be opened: {redact(first_line(error))}",
            f"Check the path of target '{self.target}' in profiles.yml.",
        )


def find_warehouse(target: str | None = None) -> Warehouse:
    """The warehouse of `target`, else of DBT_TARGET, else of the profile's own choice."""
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
    connection = {key: _render(value) for key, value in outputs[chosen].items()}
    if connection.get("type") != "duckdb":
        raise IngestError(
            f"Target '{chosen}' is of type {connection.get('type')}; `ingest` lands in DuckDB so far.",
            "Choose a target of type duckdb with --target.",
        )
    return Warehouse(chosen, connection)


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
    return _yaml(project_dir() / "dbt_project.yml").get("profile", "waterworks")


@cache
def _environment() -> Any:
    """Jinja as far as profiles use it: env_var. dbt's own reader takes seconds to import."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(undefined=StrictUndefined)
    environment.globals["env_var"] = _env_var
    environment.filters["as_number"] = float
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
