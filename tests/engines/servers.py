"""The engines as real servers on this machine: PostgreSQL itself, and a server that stands in for BigQuery.

    with PostgresWarehouse(folder) as engine:   # or BigQueryStandIn(folder), or DuckDBFile(folder)
        os.environ.update(engine.environment)   # dbt and `ingest` now work on it
        engine.query("select 1")                # by the engine's own client, and by nothing that is under test

In a shell: `python tests/engines/servers.py postgres FOLDER`, which says what to export and serves until Ctrl-C.
"""

import os
import resource
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import duckdb
import psycopg
from psycopg.sql import SQL
from psycopg.types.json import set_json_loads

from demo.postgres import Postgres, free_port

PROJECT = Path(__file__).resolve().parent.parent.parent
STAND_IN = Path(__file__).with_name("bigquery")
STAND_IN_ENVIRONMENT = PROJECT / ".venv-bigquery"
STAND_IN_PROJECT = "test-project"


class ServerError(Exception):
    """A server could not be made or started; the message says what to do."""


@dataclass(frozen=True)
class Column:
    """A column as the engine's catalogue has it."""

    name: str
    kind: str
    is_nullable: bool


def _by_table(rows: list[tuple]) -> dict[tuple[str, str], list[Column]]:
    tables: dict[tuple[str, str], list[Column]] = {}
    for schema, table, *column in rows:
        tables.setdefault((schema, table), []).append(Column(*column))
    return tables


class DuckDBFile:
    """The engine without a server: what the others have, so that a test can treat all alike."""

    target = "dev"

    def __init__(self, folder: Path):
        self.folder = folder

    def start(self) -> None:
        self._write_profile(_example())

    def stop(self) -> None:
        """Nothing runs."""

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def environment(self) -> dict[str, str]:
        """What dbt and `ingest` need to know to work on this engine."""
        return {
            "DBT_TARGET": self.target,
            "DBT_PROFILES_DIR": str(self.folder / "profiles"),
            "WAREHOUSE_PATH": str(self.folder / "warehouse.duckdb"),
        }

    def query(self, sql: str) -> list[tuple]:
        """Rows as Python values: Decimal, datetime in UTC, date, bool, int, str."""
        with duckdb.connect(str(self.folder / "warehouse.duckdb"), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return connection.execute(sql).fetchall()

    def execute(self, sql: str) -> None:
        """Change the warehouse behind everybody's back."""
        with duckdb.connect(str(self.folder / "warehouse.duckdb")) as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(sql)

    def rows(self, schema: str, table: str, columns: list[str]) -> list[tuple]:
        """All rows of a table or view."""
        return self.query(f"select {', '.join(columns)} from {schema}.{table}")

    def catalogue(self) -> dict[tuple[str, str], list[Column]]:
        """The columns, in their order, of every table and view by schema and name."""
        return _by_table(
            self.query(
                """
                select table_schema, table_name, column_name, data_type, is_nullable = 'YES'
                from information_schema.columns order by ordinal_position
                """
            )
        )

    def _write_profile(self, text: str) -> None:
        (self.folder / "profiles").mkdir(parents=True, exist_ok=True)
        (self.folder / "profiles" / "profiles.yml").write_text(text)


class PostgresWarehouse(DuckDBFile):
    """A PostgreSQL with a database `warehouse`, owned by a user who may do no more than a managed server would let him."""

    target = "postgres"

    def __init__(self, folder: Path):
        super().__init__(folder)
        self._server = Postgres(folder / "postgres")
        self._password = secrets.token_urlsafe(16)
        self._port = 0

    def start(self) -> None:
        super().start()
        superuser = secrets.token_urlsafe(16)
        self._server.create(superuser)
        self._port = self._server.start(0)
        address = f"host=127.0.0.1 port={self._port} user=postgres dbname=postgres"
        with psycopg.connect(address, password=superuser, autocommit=True) as connection:
            connection.execute(SQL("create role warehouse login password {}").format(self._password))
            connection.execute("create database warehouse owner warehouse")
            # Somebody who may be granted what is published; `warehouse` can put itself in its place to see what that is.
            connection.execute("create role analyst")
            connection.execute("grant analyst to warehouse")

    def stop(self) -> None:
        """Stop and forget: the next start makes an empty server."""
        self._server.remove()

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """The server's files may not grow much beyond where its log ends, and without a log it goes down, as it does when the disk
        is full. Afterwards there is room again, and it is started."""
        [(end,)] = self.query("select file_offset from pg_walfile_name_offset(pg_current_wal_lsn())")
        unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
        self._server.stop()
        resource.setrlimit(resource.RLIMIT_FSIZE, (end + 300_000, unlimited[1]))
        try:
            self._server.start(self._port)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        yield
        self._server.stop("immediate")  # it may be recovering again and again, for want of room, and then does not hear of a slower way
        self._server.start(self._port)

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {
            "WAREHOUSE_HOST": "127.0.0.1",
            "WAREHOUSE_PORT": str(self._port),
            "WAREHOUSE_USER": "warehouse",
            "WAREHOUSE_DATABASE": "warehouse",
            "WAREHOUSE_SSLMODE": "disable",
            "DBT_ENV_SECRET_WAREHOUSE_PASSWORD": self._password,
        }

    def query(self, sql: str) -> list[tuple]:
        with self._connect() as connection:
            return connection.execute(sql).fetchall()

    def execute(self, sql: str) -> None:
        with self._connect() as connection:
            connection.execute(sql)

    def catalogue(self) -> dict[tuple[str, str], list[Column]]:
        # Not from information_schema, which says neither a decimal's digits in one piece nor what a view's are.
        return _by_table(
            self.query(
                """
                select
                    relation.relnamespace::regnamespace::text, relation.relname, attribute.attname,
                    format_type(attribute.atttypid, attribute.atttypmod), not attribute.attnotnull
                from pg_attribute as attribute
                inner join pg_class as relation on attribute.attrelid = relation.oid
                where relation.relkind in ('r', 'p', 'v', 'm') and attribute.attnum > 0 and not attribute.attisdropped
                order by attribute.attnum
                """
            )
        )

    @contextmanager
    def _connect(self) -> Iterator[psycopg.Connection]:
        address = f"host=127.0.0.1 port={self._port} user=warehouse dbname=warehouse options='-c TimeZone=UTC'"
        with psycopg.connect(address, password=self._password) as connection:
            # As the text that is stored: Python's numbers would hide what an engine does to those in it.
            set_json_loads(lambda text: text if isinstance(text, str) else bytes(text).decode(), connection)
            yield connection


class BigQueryStandIn(DuckDBFile):
    """local-bigquery: it speaks BigQuery's protocol and runs the SQL on DuckDB. docs/engines.md says what it can't show."""

    target = "bigquery"

    def __init__(self, folder: Path):
        super().__init__(folder)
        self._process: subprocess.Popen | None = None
        self._endpoint = ""

    def start(self) -> None:
        python = stand_in_python()
        port, grpc_port = free_port(), free_port()
        self._endpoint = f"http://127.0.0.1:{port}"
        self._write_profile(_profile_of_stand_in(self._endpoint))
        log = self.folder / "bigquery.log"
        with open(log, "w") as said:
            self._process = subprocess.Popen(
                [
                    python, STAND_IN / "launch.py", "serve", "--host", "127.0.0.1", "--port", str(port), "--grpc-port", str(grpc_port),
                    "--project", STAND_IN_PROJECT, "--data-dir", self.folder / "bigquery",
                ],
                env=_surroundings(), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
            )  # fmt: skip
        deadline = time.monotonic() + 60
        while not _answers(f"{self._endpoint}/bigquery/v2/projects"):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise ServerError(f"local-bigquery did not start. It said: {log.read_text()[-2000:]}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop; the data stays in the folder."""
        if self._process:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:  # a client that keeps its connection open would hold it up
                self._process.kill()
                self._process.wait()
        self._process = None

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {"WAREHOUSE_PROJECT": STAND_IN_PROJECT, "WAREHOUSE_LOCATION": "US"}

    def query(self, sql: str) -> list[tuple]:
        with self.client() as client:
            return [tuple(row.values()) for row in client.query_and_wait(sql)]

    def execute(self, sql: str) -> None:
        self.query(sql)

    def rows(self, schema: str, table: str, columns: list[str]) -> list[tuple]:
        with self.client() as client:
            found = client.get_table(f"{STAND_IN_PROJECT}.{schema}.{table}")
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

    @contextmanager
    def client(self) -> Iterator[Any]:
        """Google's client, for what SQL does not tell."""
        from google.api_core.client_options import ClientOptions  # seconds to import, which only this engine should cost
        from google.cloud import bigquery
        from google.oauth2.credentials import Credentials

        client = bigquery.Client(
            STAND_IN_PROJECT, Credentials("fake-token"), location="US", client_options=ClientOptions(api_endpoint=self._endpoint)
        )
        try:
            yield client
        finally:
            client.close()


def _kind(field: Any) -> str:
    """The type as it is written in SQL, of a field of BigQuery's API."""
    size = ", ".join(str(number) for number in (field.precision, field.scale) if number is not None)
    return f"{field.field_type}({size})" if size else field.field_type


ENGINES = {engine.target: engine for engine in (DuckDBFile, PostgresWarehouse, BigQueryStandIn)}


def stand_in_python() -> Path:
    """The interpreter of the stand-in's environment."""
    extensions = "from duckdb_extensions import import_extension as get; [get(name) for name in ('ducklake', 'icu', 'spatial')]"
    return environment_python("bigquery", "3.13", lambda python: _run([python, "-c", extensions], _surroundings()))


def environment_python(name: str, version: str, finish: Callable[[Path], None] = lambda _: None) -> Path:
    """The interpreter of the environment `.venv-NAME`, made when it is missing or tests/engines/NAME/requirements.txt changed.

    version: of Python, one that uv finds, or fetches.   finish: a last step, given the interpreter.
    """
    folder, requirements = PROJECT / f".venv-{name}", Path(__file__).with_name(name) / "requirements.txt"
    python, marker = folder / "bin" / "python", folder / "installed.txt"
    if marker.exists() and marker.read_text() == requirements.read_text():
        return python
    print(f"Installing the stand-in for {name} into {folder.name} …", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    _uv("venv", "--python", version, "--no-project", folder)
    _uv("pip", "sync", "--python", python, "--require-hashes", requirements)
    finish(python)
    marker.write_text(requirements.read_text())  # the last step: an installation that broke off is not taken for a whole one
    return python


def _uv(*arguments: str | Path) -> None:
    """uv looks for interpreters along PATH; those of pyenv are there as shims only, which refuse to run."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    # The variable may come from another user, as with `su`, whose folder is closed to this one.
    found = sorted(pyenv.glob("versions/3.13*/bin")) if os.access(pyenv, os.R_OK | os.X_OK) else []
    path = os.pathsep.join([*map(str, found), os.environ.get("PATH", "")])
    _run([Path(sys.executable).with_name("uv"), *arguments, "--quiet"], {**os.environ, "PATH": path})


def _run(command: list[str | Path], environment: dict[str, str]) -> None:
    result = subprocess.run(command, check=False, env=environment, cwd=PROJECT, capture_output=True, text=True)
    if result.returncode:
        raise ServerError(
            "A stand-in could not be installed. BigQuery's needs Python 3.13, from this machine or fetched by uv, and the "
            f"package registry. Install Python 3.13 so that `python3.13` is found, and try again.\n{result.stderr.strip()[-2000:]}"
        )


def _surroundings() -> dict[str, str]:
    """DuckDB keeps its extensions in the home folder: here in the environment's, so that nothing lies about."""
    return {**os.environ, "HOME": str(STAND_IN_ENVIRONMENT)}


def _answers(address: str) -> bool:
    try:
        with urlopen(address, timeout=5):
            return True
    except (URLError, OSError):
        return False


def _example() -> str:
    """The profile as a newcomer gets it, not the developer's own."""
    return (PROJECT / "profiles.yml.example").read_text()


def _profile_of_stand_in(endpoint: str) -> str:
    """As the example, but for the address, and credentials that mean nothing."""
    method = "method: \"{{ env_var('WAREHOUSE_METHOD', 'oauth') }}\""
    keyfile = "keyfile: \"{{ env_var('WAREHOUSE_KEYFILE', '') }}\""
    text = _example()
    for line in (method, keyfile):
        assert text.count(line) == 1, f"profiles.yml.example no longer says: {line}"
    return text.replace(method, "method: oauth-secrets").replace(keyfile, f"token: fake-token\n      api_endpoint: {endpoint}")


def main() -> None:
    engine = ENGINES[sys.argv[1]](Path(sys.argv[2]).resolve())
    # Also `kill`, and Ctrl-C of a job in the background, must not leave a server behind.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    with suppress(KeyboardInterrupt), engine:
        print("\n".join(f"export {name}={value}" for name, value in engine.environment.items()), flush=True)
        while True:
            signal.pause()


if __name__ == "__main__":
    main()
