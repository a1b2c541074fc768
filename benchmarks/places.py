"""Scratch Waterworks: a folder with a warehouse, dlt's and dbt's files and a company of its own."""

import json
from collections import defaultdict
from datetime import datetime
from pathlib import Path

from benchmarks.measure import PROJECT, PYTHON, Run, run
from demo.servers import Systems

DBT = str(Path(PYTHON).with_name("dbt"))
DEMO = str(Path(PYTHON).with_name("demo"))
INGEST = str(Path(PYTHON).with_name("ingest"))


class Place:
    """One warehouse in `folder`. `systems` feeds it; without, only commands that bring their own can run."""

    def __init__(self, folder: Path, systems: Systems | None = None):
        self.folder, self.systems = folder, systems
        self.warehouse = folder / "warehouse.duckdb"
        self.target = folder / "target"
        profiles = folder / "profiles"
        profiles.mkdir(parents=True)
        (profiles / "profiles.yml").write_text((PROJECT / "profiles.yml.example").read_text())
        self.settings = {
            "DEMO_HOME": str(folder / "company"),
            "WAREHOUSE_PATH": str(self.warehouse),
            "PIPELINES_DIR": str(folder / "pipelines"),
            "DBT_TARGET_PATH": str(self.target),
            "DBT_LOG_PATH": str(folder / "logs"),
            "DBT_PROFILES_DIR": str(profiles),
        }

    def run(self, *command: str) -> Run:
        """Run a command that finds this warehouse, and the company's systems."""
        return run(command, self.settings | (self.systems.settings() if self.systems else {}))

    def ingest(self) -> Run:
        return self.run(INGEST)

    def build(self, *options: str) -> Run:
        return self.run(DBT, "--quiet", "build", *options)

    def parse(self) -> None:
        """Let dbt remember the project, as it does after its first command."""
        self.run(DBT, "--quiet", "parse")

    def results(self) -> list[dict]:
        """The nodes of the last build, in the order in which they began; each with `node` from the manifest."""
        results = json.loads((self.target / "run_results.json").read_text())["results"]
        manifest = json.loads((self.target / "manifest.json").read_text())
        nodes = manifest["nodes"] | manifest["unit_tests"]
        # Exposures are in the results too, though nothing is done for them.
        return sorted(({**result, "node": nodes[result["unique_id"]]} for result in results if result["unique_id"] in nodes), key=_began)

    def spent(self) -> dict[str, float]:
        """Seconds in the nodes of the last build, summed by resource type. Threads overlap: the sum may exceed the time passed."""
        spent: dict[str, float] = defaultdict(float)
        for result in self.results():
            spent[result["node"]["resource_type"]] += result["execution_time"]
        return dict(spent)

    def nodes_between(self) -> tuple[datetime, datetime]:
        """When the first node of the last build began, and when the last one ended."""
        times = [datetime.fromisoformat(t[k]) for r in self.results() for t in r["timing"] for k in ("started_at", "completed_at")]
        return min(times), max(times)


def _began(result: dict) -> str:
    return min((timing["started_at"] for timing in result["timing"]), default="")
