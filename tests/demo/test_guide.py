"""docs/add-a-source.md works, step by step, in a copy of the project and against a local copy of the API."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
from support.deployment import PROJECT
from support.iss_api import IssApi

GUIDE = PROJECT / "docs" / "add-a-source.md"
NEEDED = ("ingestion", "models", "snapshots", "seeds", "macros", "tests/data", ".dlt")


def test_the_guide_works(tmp_path: Path, iss_api: IssApi):
    project = copy_project(tmp_path / "project")
    files = re.findall(r"\*\*`([^`]+)`\*\*\n\n```\w+\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert len(files) == 4
    for name, text in files:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)

    def run(*command: str) -> None:
        outside = {name: value for name, value in os.environ.items() if not name.startswith(("SOURCES__", "DBT_", "PIPELINES_"))}
        environment = {**outside, **iss_api.settings, "PYTHONPATH": str(project)}
        done = subprocess.run([sys.executable, "-m", *command], cwd=project, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    iss_api.passes = [{"duration": 600, "risetime": 1700000000}, {"duration": 540, "risetime": 1700005800}]
    run("ingestion.cli", "run", "iss")
    iss_api.passes = [{"duration": 545, "risetime": 1700005800}, {"duration": 610, "risetime": 1700011600}]
    run("ingestion.cli", "run", "iss")
    run("ingestion.cli", "sources", "iss", "--write")
    run("ingestion.cli", "sources", "iss", "--check")
    run("dbt.cli.main", "--warn-error", "build", "--select", "stg_iss__pass")

    with duckdb.connect(str(project / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        assert connection.execute("select count(*) from raw_iss.passes").fetchone() == (4,)
        rows = connection.execute("select pass_id, duration_seconds, rises_at::text from staging.stg_iss__pass order by 1").fetchall()
    assert rows == [
        ("1700000000", 600, "2023-11-14 22:13:20+00"),
        ("1700005800", 545, "2023-11-14 23:50:00+00"),
        ("1700011600", 610, "2023-11-15 01:26:40+00"),
    ]


def copy_project(folder: Path) -> Path:
    """A copy as a team would clone it, with the example of a profile."""
    ignored = shutil.ignore_patterns("__pycache__", "pipelines", "secrets.toml", ".var")
    for name in NEEDED:
        shutil.copytree(PROJECT / name, folder / name, ignore=ignored)
    shutil.copy(PROJECT / "dbt_project.yml", folder)
    shutil.copy(PROJECT / "profiles.yml.example", folder / "profiles.yml")
    return folder
