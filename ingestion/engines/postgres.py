"""PostgreSQL as the warehouse.

dlt writes Arrow batches with ADBC, as binary COPY. Rows of raw come back through DuckDB's postgres extension,
numerics as text: see `ingestion.database`, which reads sources in the same way.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.types.string import TextLoader

from ingestion.engines import Columns, Session, Warehouse
from ingestion.errors import IngestError, causes, first_line, redact

if TYPE_CHECKING:
    import duckdb

OLDEST = 16
LOCK_SECONDS = 5
# What is said, by one driver or another, when the server went away.
BROKE_OFF = ("server closed the connection", "terminating connection", "Connection refused", "connection is lost", "connection is closed")
# What a dbt profile may say of a connection, which libpq takes by the same name.
PARAMETERS = ("host", "port", "user", "dbname", "sslmode", "sslcert", "sslkey", "sslrootcert", "connect_timeout", "keepalives_idle")
# PostgreSQL's name of a type: DuckDB's, where it is not just the same in capitals.
TYPES = {
    "character varying": "VARCHAR",
    "text": "VARCHAR",
    "double precision": "DOUBLE",
    "real": "FLOAT",
    "timestamp without time zone": "TIMESTAMP",
    "time without time zone": "TIME",
    "jsonb": "JSON",
    "bytea": "BLOB",
}
# DuckDB's name of a type: PostgreSQL's, where it does not know DuckDB's.
SERVER_TYPES = {"DOUBLE": "double precision", "BLOB": "bytea"}


class PostgresWarehouse(Warehouse):
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
    def connect(self, read_only: bool = False) -> Iterator["PostgresSession"]:
        self.refuse("role", "service")
        try:
            connection = psycopg.connect(
                **{"connect_timeout": "10", **self.parameters},
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
    def __init__(self, warehouse: PostgresWarehouse, connection: psycopg.Connection) -> None:
        super().__init__(warehouse)
        self._connection = connection
        for name in ("json", "jsonb"):  # as the text that it is, like DuckDB
            connection.adapters.register_loader(name, TextLoader)

    def close(self) -> None:
        if "work" in self.__dict__:
            self.work.close()

    @cached_property
    def work(self) -> "duckdb.DuckDBPyConnection":
        from ingestion.engines.work import attach_postgres, work_in_memory

        con = work_in_memory()
        attach_postgres(con, "warehouse", {**self.warehouse.parameters, "password": self.warehouse.password})
        return con

    def rows(self, sql: str) -> list[tuple]:
        return self._connection.execute(sql).fetchall()

    def execute(self, sql: str) -> None:
        self._connection.execute(sql)

    def schemas(self) -> list[str]:
        return [name for (name,) in self.rows("select nspname from pg_namespace where nspname !~ '^pg_' order by nspname collate \"C\"")]

    def tables(self, schema: str) -> list[str]:
        found = self._connection.execute(
            "select relname from pg_class where relnamespace = to_regnamespace(%s) and relkind in ('r', 'p', 'v', 'm', 'f') "
            'order by relname collate "C"',
            [self.quoted(schema)],
        )
        return [name for (name,) in found]

    def columns(self, schema: str, table: str) -> Columns:
        found = self._connection.execute(
            "select attname, format_type(atttypid, atttypmod) from pg_attribute "
            "where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped order by attnum",
            [self.table(schema, table)],
        )
        return {name: _duckdb_type(data_type) for name, data_type in found}

    def required(self, schema: str, table: str) -> set[str]:
        found = self._connection.execute(
            "select attname from pg_attribute where attrelid = to_regclass(%s) and attnum > 0 and attnotnull", [self.table(schema, table)]
        )
        return {name for (name,) in found}

    def size(self, schema: str, table: str) -> int:
        """As of the last ANALYZE, which follows every load; to count would be to read the whole table."""
        return int(self.rows(f"select reltuples from pg_class where oid = {self.literal(self.table(schema, table))}::regclass")[0][0])

    def fetch(self, columns: Columns, source: str, keys: str | None = None) -> str:
        sent = ", ".join(
            f"{self.quoted(name)}::text as {self.quoted(name)}" if _travels_as_text(data_type) else self.quoted(name)
            for name, data_type in columns.items()
        )
        received = ", ".join(f"cast({self.quoted(name)} as {data_type}) as {self.quoted(name)}" for name, data_type in columns.items())
        statement = f"select {sent} from {source}"
        if keys is not None:
            statement = f"with wanted_keys as (select {self.literal(keys)}::json as keys) {statement}"
        answer = f"postgres_query('warehouse', {self.literal(statement)})"
        self.work.execute(f"create or replace temp table fetched as select {received} from {answer}")
        return "temp.fetched"

    def wanted(self, keys: Columns) -> str:
        columns = ", ".join(
            f"(key ->> {place})::{self.declared(data_type)} as {self.quoted(name)}" for place, (name, data_type) in enumerate(keys.items())
        )
        return f"(select {columns} from wanted_keys, json_array_elements(wanted_keys.keys) as elements (key))"

    def append(self, schema: str, table: str, rows: Any) -> None:
        from adbc_driver_postgresql import dbapi

        with dbapi.connect(self._credentials().to_native_representation()) as connection, connection.cursor() as cursor:
            cursor.adbc_ingest(table, rows, mode="append", db_schema_name=schema)
            connection.commit()

    def declared(self, data_type: str) -> str:
        return SERVER_TYPES.get(data_type, data_type)

    def destination(self) -> Any:
        from ingestion.engines.postgres_landing import Destination

        return Destination(credentials=self._credentials())

    def _credentials(self) -> Any:
        from dlt.destinations.impl.postgres.configuration import PostgresCredentials

        parameters = dict(self.warehouse.parameters)
        credentials = PostgresCredentials()
        credentials.host = parameters.pop("host", "localhost")
        credentials.port = int(parameters.pop("port", 5432))
        credentials.username = parameters.pop("user", None)
        credentials.database = parameters.pop("dbname", None)
        credentials.password = self.warehouse.password
        credentials.connect_timeout = int(parameters.pop("connect_timeout", 10))
        credentials.query = parameters
        credentials.session_timezone = "UTC"
        credentials.__is_resolved__ = True
        return credentials

    def md5(self, column: str) -> str:
        return f"md5({column}::text)"

    def widen(self, schema: str, table: str, column: str, data_type: str) -> str:
        return f"alter table {self.table(schema, table)} alter {self.quoted(column)} type {self.declared(data_type)}"

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
        there = self.rows(f"select to_regnamespace({self.literal(self.quoted(schema))}) is not null")[0][0]
        allowed = (
            f"has_schema_privilege({self.literal(schema)}, 'create')" if there else "has_database_privilege(current_database(), 'create')"
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
            name = self.table(schema, table)
            if key:
                columns = ", ".join(map(self.quoted, [*key, "_dlt_load_id"]))
                self.execute(f"create index if not exists {self.quoted(_index_name(table, 'key'))} on {name} ({columns})")
            self.execute(f"create index if not exists {self.quoted(_index_name(table, 'load'))} on {name} (_dlt_load_id)")
        for table in [*landed, "_dlt_loads"] if keys else []:
            self.execute(f"analyze {self.table(schema, table)}")


def _index_name(table: str, what: str) -> str:
    return f"{table.encode()[:50].decode(errors='ignore')}_{what}"  # names end after 63 bytes


def _travels_as_text(data_type: str) -> bool:
    """Numbers, as DuckDB's postgres extension takes a NaN for 0, and one without a precision for a DOUBLE."""
    return data_type.startswith("DECIMAL")


def _duckdb_type(data_type: str) -> str:
    if data_type.startswith("numeric("):
        return "DECIMAL" + data_type.removeprefix("numeric")
    return TYPES.get(re.sub(r"\(\d+\)", "", data_type), data_type.upper())
