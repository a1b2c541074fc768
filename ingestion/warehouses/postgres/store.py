"""The PostgreSQL database, open."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.types.string import TextLoader

from ingestion.duckdb_postgres import BROKE_OFF, answer, attach_postgres
from ingestion.errors import IngestError, causes, first_line, redact
from ingestion.warehouses.base import Columns, Session, Warehouse
from ingestion.warehouses.postgres.catalogue import DIALECT, PostgresCatalogue

if TYPE_CHECKING:
    import duckdb

OLDEST = 16
LOCK_SECONDS = 5
# What a dbt profile may say of a connection, which libpq takes by the same name.
PARAMETERS = ("host", "port", "user", "dbname", "sslmode", "sslcert", "sslkey", "sslrootcert", "connect_timeout", "keepalives_idle")


class PostgresWarehouse(Warehouse):
    """A database of a server."""

    @property
    def parameters(self) -> dict[str, str]:
        """The connection as libpq takes it, without the password."""
        given = {**self.connection, "dbname": self.connection.get("dbname") or self.connection.get("database")}
        return {name: str(given[name]) for name in PARAMETERS if given.get(name) not in (None, "")}

    @property
    def password(self) -> str:
        return str(self.connection.get("password") or self.connection.get("pass") or "")

    @property
    def address(self) -> str:
        return f"{self.parameters.get('host', 'localhost')}:{self.parameters.get('port', '5432')}/{self.parameters.get('dbname', '')}"

    @contextmanager
    def _open(self, read_only: bool) -> Iterator["PostgresSession"]:
        self.refuse("role", "service")
        try:
            given: dict[str, Any] = {"connect_timeout": "10", **self.parameters}
            connection = psycopg.connect(
                **given,
                password=self.password,
                autocommit=True,
                options=f"-c timezone=UTC -c default_transaction_read_only={'on' if read_only else 'off'}",
                application_name="waterworks ingest",
            )
        except psycopg.OperationalError as error:
            raise self._unusable(error) from error
        with connection:
            self._check(connection)
            session = PostgresSession(self, connection)
            try:
                yield session
            finally:
                session.close()

    def _check(self, connection: psycopg.Connection) -> None:
        version = connection.info.server_version // 10_000
        if version < OLDEST:
            raise IngestError(f"The warehouse {self.address} is PostgreSQL {version}.", f"It must be {OLDEST} or newer.")
        if (encoding := connection.info.parameter_status("server_encoding")) != "UTF8":
            raise IngestError(f"The warehouse {self.address} stores text as {encoding}.", "Create its database with encoding UTF8.")

    def _unusable(self, error: Exception) -> IngestError:
        text = redact(first_line(error), [self.password])
        user, database = self.parameters.get("user", "?"), self.parameters.get("dbname", "?")
        if "authentication failed" in text or "no password" in text or re.search(r'role ".*" does not exist', text):
            return IngestError(
                f"The warehouse {self.address} refuses user {user}: wrong user or password.",
                "Correct WAREHOUSE_USER and DBT_ENV_SECRET_WAREHOUSE_PASSWORD, or profiles.yml.",
            )
        if "does not exist" in text:
            return IngestError(f"The warehouse {self.address} has no database {database}.", f"create database {database}")
        return IngestError(
            f"The warehouse {self.address} can't be reached: {text}",
            f"Is it up, and is target '{self.target}' in profiles.yml (WAREHOUSE_HOST, WAREHOUSE_PORT) right?",
        )


class PostgresSession(Session):
    """A connection for SQL, another of DuckDB's for rows of raw."""

    dialect = DIALECT

    def __init__(self, warehouse: PostgresWarehouse, connection: psycopg.Connection) -> None:
        self.warehouse = warehouse
        self.catalogue = PostgresCatalogue(connection)
        self._connection = connection
        for name in ("json", "jsonb"):  # as the text that it is, like DuckDB
            connection.adapters.register_loader(name, TextLoader)

    def close(self) -> None:
        """Closes the scratch database, if it was needed."""
        if "scratch" in self.__dict__:
            self.scratch.close()

    @cached_property
    def scratch(self) -> "duckdb.DuckDBPyConnection":
        from ingestion.warehouses.scratch import scratch_in_memory

        con = scratch_in_memory()
        attach_postgres(con, "warehouse", {**self.warehouse.parameters, "password": self.warehouse.password})
        return con

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql).fetchall()

    def execute(self, sql: str) -> None:
        self._connection.execute(sql)

    def fetch(self, columns: Columns, source: str, keys: str | None = None) -> str:
        sent = ", ".join(
            f"{self.dialect.quoted(name)}::text as {self.dialect.quoted(name)}"
            if _travels_as_text(data_type)
            else self.dialect.quoted(name)
            for name, data_type in columns.items()
        )
        received = ", ".join(
            f"cast({self.dialect.quoted(name)} as {data_type}) as {self.dialect.quoted(name)}" for name, data_type in columns.items()
        )
        statement = f"select {sent} from {source}"
        if keys is not None:
            statement = f"with wanted_keys as (select {self.dialect.literal(keys)}::json as keys) {statement}"
        self.scratch.execute(f"create or replace temp table fetched as select {received} from {answer('warehouse', statement)}")
        return "temp.fetched"

    def append(self, schema: str, table: str, rows: Any) -> None:
        from adbc_driver_postgresql import dbapi

        from ingestion.dlt_internals.destinations import postgres_credentials

        credentials = postgres_credentials(self.warehouse.parameters, self.warehouse.password)
        with dbapi.connect(credentials.to_native_representation()) as connection, connection.cursor() as cursor:
            cursor.adbc_ingest(table, rows, mode="append", db_schema_name=schema)
            connection.commit()

    def destination(self) -> Any:
        from ingestion.dlt_internals.destinations import postgres_destination

        return postgres_destination(self.warehouse.parameters, self.warehouse.password)

    @contextmanager
    def lock(self, source: str) -> Iterator[None]:
        """An advisory lock, which the server drops with the connection: a run that was killed leaves none behind, but
        for the moment that the server needs to notice."""
        number = f"hashtextextended('waterworks ingest {source}', 0)"
        try:
            with self._connection.transaction():
                self.execute(f"set local lock_timeout = '{LOCK_SECONDS}s'")
                self.execute(f"select pg_advisory_lock({number})")
        except psycopg.errors.LockNotAvailable as error:
            raise IngestError(
                f"Another `ingest` is loading {source} into {self.warehouse.address}.", "Wait until it has ended, or end it."
            ) from error
        try:
            yield
        finally:
            with suppress(psycopg.Error):  # a connection that broke has lost its locks
                self.execute(f"select pg_advisory_unlock({number})")

    def prepare(self, schema: str) -> None:
        """The user must be able to create the schema, or tables in the one that is there."""
        user, database = self.rows("select current_user, current_database()")[0]
        there = self.rows(f"select to_regnamespace({self.dialect.literal(self.dialect.quoted(schema))}) is not null")[0][0]
        allowed = (
            f"has_schema_privilege({self.dialect.literal(schema)}, 'create')"
            if there
            else "has_database_privilege(current_database(), 'create')"
        )
        if not self.rows(f"select {allowed}")[0][0]:
            what = f"schema {schema}" if there else f"database {database}"
            raise IngestError(f"User {user} may not create anything in {what} of the warehouse.", f"grant create on {what} to {user}")

    def explained(self, error: BaseException) -> IngestError | None:
        """dlt speaks through psycopg2 and ADBC, so what they say is all that their errors have in common."""
        text = " ".join(str(cause) for cause in causes(error))
        if any(words in text for words in BROKE_OFF):
            return IngestError(
                f"The warehouse {self.warehouse.address} broke off.",
                "Its own log says why: a full disk, a restart. The next run takes up what is missing.",
            )
        if found := re.search(r"permission denied for [^\n]*", text):
            user = self.warehouse.parameters.get("user", "?")
            return IngestError(
                f"The warehouse refuses user {user}: {found[0]}.", "The raw schemas and their tables must be the user's own."
            )
        return None

    def tune(self, schema: str, keys: Mapping[str, Sequence[str]], landed: Collection[str]) -> None:
        """Indexes on what is looked up in a log: a key's latest version, a load's rows. And statistics: the planner
        knows nothing of rows that autovacuum has not seen yet, and models run a moment later. Every model asks
        `_dlt_loads` which loads are complete; without statistics joins were planned for a hundredth of the rows."""
        for table, key in keys.items():
            name = self.dialect.table(schema, table)
            if key:
                columns = ", ".join(map(self.dialect.quoted, [*key, "_dlt_load_id"]))
                self.execute(f"create index if not exists {self.dialect.quoted(_index_name(table, 'key'))} on {name} ({columns})")
            self.execute(f"create index if not exists {self.dialect.quoted(_index_name(table, 'load'))} on {name} (_dlt_load_id)")
        for table in [*landed, "_dlt_loads"] if keys else []:
            self.execute(f"analyze {self.dialect.table(schema, table)}")


def _index_name(table: str, what: str) -> str:
    return f"{table.encode()[:50].decode(errors='ignore')}_{what}"  # names end after 63 bytes


def _travels_as_text(data_type: str) -> bool:
    """Numbers, as DuckDB's postgres extension takes a NaN for 0, and one without a precision for a DOUBLE."""
    return data_type.startswith("DECIMAL")
