"""What dbt needs of us on DuckDB and SQL can't do. profiles.yml names it under `plugins`, and dbt-duckdb loads it."""

from pathlib import Path
from typing import Any

from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.adapters.duckdb.utils import TargetConfig

from ingestion.warehouses.duckdb.file import make_private, replace_published


class Plugin(BasePlugin):
    """Keeps the warehouse's file private, and puts the file of what is published in its place."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        if self.creds and self.creds.path and ":" not in self.creds.path:  # a file: neither `:memory:` nor MotherDuck's `md:`
            make_private(Path(self.creds.path))

    def store(self, target_config: TargetConfig) -> None:
        """Called by the macro `write_published_file`, when it has written the new file."""
        assert target_config.location
        replace_published(Path(target_config.location.path), Path(target_config.config["replaces"]))
