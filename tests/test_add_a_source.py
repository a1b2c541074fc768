"""Follows docs/add-a-source.md in a copy of the project, against a local server that answers as the ISS API does."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import duckdb
import pytest

PROJECT = Path(__file__).parent.parent
GUIDE = PROJECT / "docs" / "add-a-source.md"


PASSES: list[dict[str, int]] = []  # what the API foretells


class Iss(BaseHTTPRequestHandler):
    """Knows passes for Wellington only."""

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        place = parse_qs(address.query)
        known = address.path == "/iss-pass.json" and place == {"lat": ["-41.3"], "lon": ["174.8"]}
        answer = json.dumps({"message": "success", "response": PASSES} if known else {"message": "failure"}).encode()
        self.send_response(200 if known else 400)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Iss) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


def test_the_guide_works(tmp_path: Path, server: str):
    project = tmp_path / "project"
    made = (".git", ".venv", ".demo", "bench", "target", "logs", "*.duckdb*", "pipelines", "profiles.yml")
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns(*made))
    shutil.copy(project / "profiles.yml.example", project / "profiles.yml")
    files = re.findall(r"\*\*`([^`]+)`\*\*\n\n```\w+\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert len(files) == 4
    for name, text in files:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)

    def run(*command: str) -> None:
        outside = {name: value for name, value in os.environ.items() if not name.startswith(("SOURCES__", "DBT_", "PIPELINES_"))}
        settings = {"SOURCES__ISS__BASE_URL": server, "SOURCES__ISS__LATITUDE": "-41.3", "SOURCES__ISS__LONGITUDE": "174.8"}
        environment = {**outside, **settings, "PYTHONPATH": str(project)}
        done = subprocess.run([sys.executable, "-m", *command], cwd=project, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    PASSES[:] = [{"duration": 600, "risetime": 1700000000}, {"duration": 540, "risetime": 1700005800}]
    run("ingestion.cli", "run", "iss")
    PASSES[:] = [{"duration": 545, "risetime": 1700005800}, {"duration": 610, "risetime": 1700011600}]
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
