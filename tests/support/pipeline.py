"""The whole pipeline in processes that can be killed at any place."""

import json
import shutil
from pathlib import Path

from support.deployment import Deployment
from support.processes import ForkedProcess

SCHEMAS = ("raw_shop", "raw_payments", "raw_supplier", "raw_calendar", "snapshots", "core", "marts", "audited")
# What differs between any two runs: tables that hold when something ran, and columns that hold a load or a time of it.
TABLES_OF_RUNS = {"read_log", "publications", "publication_sources", "build"}
COLUMNS_OF_RUNS = ("load_id", "load_ids", "history_fingerprint", "seen_at", "closed_at")


class Pipeline(Deployment):
    """`ingest` and `dbt build` of a deployment, each run in a process of its own."""

    def run(self, kill_at: tuple[str, int] | None = None, is_landing: bool = True) -> ForkedProcess:
        """Run to the end, or until the n-th time at a place. Without `is_landing` only `dbt build`."""
        return ForkedProcess(self.process_environment, "support.killed_process:run", self.folder, kill_at, is_landing)

    def finish(self) -> dict[str, int]:
        """A run to the end; gives how often it reached each place."""
        process = self.run()
        assert process.wait() == 0, process.output
        return json.loads((self.folder / "places.json").read_text())

    def copy(self, folder: Path) -> "Pipeline":
        """A second warehouse that reads the same company, and starts with all that this one holds."""
        copied = Pipeline(folder, self.systems, self.engine.copy(folder))
        if (self.folder / "pipelines").exists():
            shutil.copytree(self.folder / "pipelines", folder / "pipelines")
        return copied

    def everything(self) -> dict[str, list[tuple]]:
        """All rows of all layers, without what differs between any two runs."""
        found = {}
        for (schema, name), columns in self.engine.catalogue().items():
            if schema not in SCHEMAS or name.startswith("_dlt") or name in TABLES_OF_RUNS:
                continue
            names = ", ".join(column.name for column in columns if not column.name.endswith(COLUMNS_OF_RUNS))
            rows = f"{schema}.{name}"
            if schema.startswith("raw_"):
                rows += f" where _dlt_load_id in (select load_id from {schema}._dlt_loads where status = 0)"
            found[f"{schema}.{name}"] = sorted(self.query(f"select {names} from {rows}"), key=repr)
        found["data_status"] = sorted(self.query("select model, is_stale, reason from published.data_status"))
        return found
