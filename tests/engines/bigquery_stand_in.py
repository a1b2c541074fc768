"""local-bigquery, a stand-in for BigQuery on this machine."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from engines.duckdb_file import Column, DuckDBFile, ServerError
from engines.environments import stand_in_python, stand_in_surroundings

from demo.postgres import free_port

LAUNCHER = Path(__file__).with_name("bigquery") / "launch.py"
PROJECT_ID = "test-project"


class BigQueryStandIn(DuckDBFile):
    """It speaks BigQuery's protocol and runs the SQL on DuckDB. docs/engines.md lists what it can't prove."""

    target = "bigquery"

    def __init__(self, folder: Path):
        super().__init__(folder)
        self._process: subprocess.Popen | None = None
        self._endpoint = ""

    def start(self) -> None:
        python = stand_in_python()
        port, grpc_port = free_port(), free_port()
        self._endpoint = f"http://127.0.0.1:{port}"
        self._write_profile(self._profile_with_endpoint())
        log = self.folder / "bigquery.log"
        with open(log, "w") as output:
            self._process = subprocess.Popen(
                [
                    python, LAUNCHER, "serve", "--host", "127.0.0.1", "--port", str(port), "--grpc-port", str(grpc_port),
                    "--project", PROJECT_ID, "--data-dir", self.folder / "bigquery",
                ],
                env=stand_in_surroundings(), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        deadline = time.monotonic() + 60
        while not _answers(f"{self._endpoint}/bigquery/v2/projects"):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise ServerError(f"local-bigquery did not start. Its log ends with: {log.read_text()[-2000:]}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop; the data stays in the folder."""
        if self._process:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:  # it waits for clients that keep their connection open
                self._process.kill()
                self._process.wait()
        self._process = None

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {"WAREHOUSE_PROJECT": PROJECT_ID, "WAREHOUSE_LOCATION": "US"}

    def query(self, sql: str) -> list[tuple]:
        with self.client() as client:
            return [tuple(row.values()) for row in client.query_and_wait(sql)]

    def execute(self, sql: str) -> None:
        self.query(sql)

    def rows(self, schema: str, table: str, columns: list[str]) -> list[tuple]:
        with self.client() as client:
            found = client.get_table(f"{PROJECT_ID}.{schema}.{table}")
            if found.table_type == "VIEW":
                return super().rows(schema, table, columns)
            # Not by a query: a table that requires a filter on its partitions refuses one for all rows.
            fields = [field for field in found.schema if field.name in columns]
            return [tuple(row[column] for column in columns) for row in client.list_rows(found, fields)]

    def catalogue(self) -> dict[tuple[str, str], list[Column]]:
        with self.client() as client:
            return {
                (item.dataset_id, item.table_id): [
                    Column(field.name, _kind(field), field.mode != "REQUIRED") for field in client.get_table(item).schema
                ]
                for dataset in client.list_datasets()
                for item in client.list_tables(dataset.dataset_id)
            }

    def copy(self, folder: Path) -> DuckDBFile:
        raise NotImplementedError("No test needs a copy of a warehouse on the stand-in.")

    @contextmanager
    def client(self) -> Iterator[Any]:
        """Google's client, for what SQL can't ask."""
        from google.api_core.client_options import ClientOptions  # seconds to import, which only this engine should cost
        from google.cloud import bigquery
        from google.oauth2.credentials import Credentials

        client = bigquery.Client(
            PROJECT_ID, Credentials("fake-token"), location="US", client_options=ClientOptions(api_endpoint=self._endpoint)
        )
        try:
            yield client
        finally:
            client.close()

    def _profile_with_endpoint(self) -> str:
        """The example with the server's address, and with credentials that no one checks."""
        method = "method: \"{{ env_var('WAREHOUSE_METHOD', 'oauth') }}\""
        keyfile = "keyfile: \"{{ env_var('WAREHOUSE_KEYFILE', '') }}\""
        text = self._example_profile()
        for line in (method, keyfile):
            assert text.count(line) == 1, f"profiles.yml.example has no such line any more: {line}"
        text = text.replace(method, "method: oauth-secrets")
        return text.replace(keyfile, f"token: fake-token\n      api_endpoint: {self._endpoint}")


def _kind(field: Any) -> str:
    """The type of a field of BigQuery's API, as SQL writes it."""
    size = ", ".join(str(number) for number in (field.precision, field.scale) if number is not None)
    return f"{field.field_type}({size})" if size else field.field_type


def _answers(address: str) -> bool:
    try:
        with urlopen(address, timeout=5):
            return True
    except (URLError, OSError):
        return False
