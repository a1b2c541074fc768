"""PostgreSQL as a real server on this machine."""

import resource
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from engines.duckdb_file import Column, DuckDBFile, by_table
from psycopg.sql import SQL
from psycopg.types.json import set_json_loads

from demo.postgres import Postgres


class PostgresWarehouse(DuckDBFile):
    """A server with a database `warehouse`, whose owner has the rights that a managed server would grant, and no more."""

    target = "postgres"

    def __init__(self, folder: Path):
        super().__init__(folder)
        self._server = Postgres(folder / "postgres")
        self._password, self._superuser_password = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
        self._port = 0

    def start(self) -> None:
        super().start()
        self._server.create(self._superuser_password)
        self._port = self._server.start(0)
        with self._connect_as_superuser() as connection:
            connection.execute(SQL("create role warehouse login password {}").format(self._password))
            connection.execute("create database warehouse owner warehouse")
            # Readers: `warehouse` can grant them rights, and can take their roles to check them.
            connection.execute("create role analyst; create role auditor")
            connection.execute("grant analyst, auditor to warehouse")

    def stop(self) -> None:
        """Stop the server and delete its data: the next start makes an empty one."""
        self._server.remove()

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """A server whose disk is full: it can't extend its write-ahead log by more than a little, and stops when it tries.

        After the block it has room again and runs.
        """
        [(end,)] = self.query("select file_offset from pg_walfile_name_offset(pg_current_wal_lsn())")
        unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
        self._server.stop()
        resource.setrlimit(resource.RLIMIT_FSIZE, (end + 300_000, unlimited[1]))
        try:
            self._server.start(self._port)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        yield
        self._server.stop("immediate")  # a server that recovers over and over, for want of room, ignores a slower way
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
        with self.connect() as connection:
            return connection.execute(sql).fetchall()

    def execute(self, sql: str) -> None:
        with self.connect() as connection:
            connection.execute(sql)

    def catalogue(self) -> dict[tuple[str, str], list[Column]]:
        # Not from information_schema, which splits a decimal's type into parts, and has none of them for a view.
        return by_table(
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

    def copy(self, folder: Path) -> "PostgresWarehouse":
        """A second server, with the same roles."""
        copied = PostgresWarehouse(folder)
        copied._password, copied._superuser_password = self._password, self._superuser_password
        copied._write_profile(copied._example_profile())
        self._server.stop()
        subprocess.run(["cp", "-a", self._server.data, copied._server.data], check=True)  # with their owner, who is not root
        self._server.start(self._port)
        copied._port = copied._server.start(0)
        return copied

    @contextmanager
    def connect(self, role: str = "warehouse", autocommit: bool = False) -> Iterator[psycopg.Connection]:
        """A connection with the rights of this role."""
        address = f"host=127.0.0.1 port={self._port} user=warehouse dbname=warehouse options='-c TimeZone=UTC -c role={role}'"
        with psycopg.connect(address, password=self._password, autocommit=autocommit) as connection:
            # JSON as the stored text: Python's numbers would hide what an engine does to those in it.
            set_json_loads(lambda text: text if isinstance(text, str) else bytes(text).decode(), connection)
            yield connection

    @contextmanager
    def _connect_as_superuser(self) -> Iterator[psycopg.Connection]:
        address = f"host=127.0.0.1 port={self._port} user=postgres dbname=postgres"
        with psycopg.connect(address, password=self._superuser_password, autocommit=True) as connection:
            yield connection
