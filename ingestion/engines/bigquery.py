"""BigQuery as the warehouse. What other engines call a schema is a dataset here.

dlt uploads Arrow batches as parquet files for load jobs, which cost nothing. Rows of raw come back as Arrow.
"""

import os
import re
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from google.api_core.exceptions import Forbidden, GoogleAPICallError, NotFound, RetryError
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery

from ingestion.engines import Columns, Session, Warehouse
from ingestion.errors import IngestError, causes, first_line
from ingestion.settings import project_dir

if TYPE_CHECKING:
    import duckdb

LABELS = {"application": "waterworks", "step": "ingest"}
SCOPES = ("https://www.googleapis.com/auth/bigquery", "https://www.googleapis.com/auth/cloud-platform")
# BigQuery's name of a type in its REST API: DuckDB's.
TYPES = {
    "STRING": "VARCHAR",
    "INTEGER": "BIGINT",
    "FLOAT": "DOUBLE",
    "BOOLEAN": "BOOLEAN",
    "DATE": "DATE",
    "TIME": "TIME",
    "TIMESTAMP": "TIMESTAMP WITH TIME ZONE",
    "DATETIME": "TIMESTAMP",
    "BYTES": "BLOB",
    "JSON": "JSON",
}
# DuckDB's name of a type: the one of BigQuery's SQL.
SQL_TYPES = {
    "VARCHAR": "string",
    "JSON": "string",
    "BIGINT": "int64",
    "INTEGER": "int64",
    "SMALLINT": "int64",
    "DOUBLE": "float64",
    "BOOLEAN": "bool",
    "TIMESTAMP WITH TIME ZONE": "timestamp",
    "TIMESTAMP": "timestamp",
    "BLOB": "bytes",
}
PATIENCE = 20.0  # seconds in which BigQuery must give its first answer
KEY_COLUMNS = 3  # a table can be clustered by four columns, and the load's id is one of them


class BigQueryWarehouse(Warehouse):
    @property
    def project(self) -> str:
        return self.connection.get("project") or self.connection.get("database") or ""

    @property
    def location(self) -> str:
        return self.connection.get("location") or "US"

    @property
    def address(self) -> str:
        return f"project {self.project}"

    @cached_property
    def credentials(self) -> Any:
        """Google's credentials, by dbt's methods; raises IngestError with the remedy when there are none."""
        method, settings = self.connection.get("method", "oauth"), self.connection
        try:
            if method == "service-account":
                from google.oauth2.service_account import Credentials

                return Credentials.from_service_account_file(str(project_dir() / settings.get("keyfile", "")), scopes=SCOPES)
            if method == "oauth-secrets":
                from google.oauth2.credentials import Credentials

                known = ("token", "refresh_token", "client_id", "client_secret", "token_uri")
                return Credentials(**{name: settings[name] for name in known if settings.get(name)}, scopes=SCOPES)
            if method == "oauth":
                import google.auth

                return google.auth.default(scopes=SCOPES)[0]
        except (GoogleAuthError, OSError, ValueError) as error:
            raise IngestError(
                f"There are no Google credentials for target '{self.target}' (method {method}): {first_line(error)}",
                "Run `gcloud auth application-default login`, or set WAREHOUSE_METHOD=service-account and WAREHOUSE_KEYFILE.",
            ) from error
        raise IngestError(
            f"`ingest` does not know the method '{method}' of target '{self.target}'.", "It knows oauth, service-account, oauth-secrets."
        )

    @contextmanager
    def connect(self, read_only: bool = False) -> Iterator["BigQuerySession"]:
        self.refuse("impersonate_service_account", "execution_project")
        with _endpoint(self.connection.get("api_endpoint")), warnings.catch_warnings():
            # dlt asks for an API that it does not need.
            warnings.filterwarnings("ignore", message="Cannot create BigQuery Storage client")
            billed = self.connection.get("maximum_bytes_billed")
            client = bigquery.Client(
                self.project,
                credentials=self.credentials,
                location=self.location,
                default_query_job_config=bigquery.QueryJobConfig(
                    labels=LABELS, **({"maximum_bytes_billed": int(billed)} if billed else {})
                ),
            )
            session = BigQuerySession(self, client)
            try:
                session.ask()
                yield session
            except (GoogleAuthError, GoogleAPICallError) as error:
                raise session.explained(error) or error from error
            finally:
                session.close()


class BigQuerySession(Session):
    def __init__(self, warehouse: BigQueryWarehouse, client: bigquery.Client) -> None:
        super().__init__(warehouse)
        self._client = client

    def close(self) -> None:
        self._client.close()
        if "work" in self.__dict__:
            self.work.close()

    @cached_property
    def work(self) -> "duckdb.DuckDBPyConnection":
        from ingestion.engines.work import work_in_memory

        return work_in_memory()

    def rows(self, sql: str) -> list[tuple]:
        return [tuple(row.values()) for row in self._client.query_and_wait(sql)]

    def execute(self, sql: str) -> None:
        self._client.query_and_wait(sql)

    def schemas(self) -> list[str]:
        return sorted(item.dataset_id for item in self._client.list_datasets())

    def tables(self, schema: str) -> list[str]:
        try:
            return sorted(item.table_id for item in self._client.list_tables(f"{self.warehouse.project}.{schema}"))
        except NotFound:
            return []

    def columns(self, schema: str, table: str) -> Columns:
        try:
            found = self._client.get_table(f"{self.warehouse.project}.{schema}.{table}")
        except NotFound:
            return {}
        return {field.name: _duckdb_type(field) for field in found.schema}

    def required(self, schema: str, table: str) -> set[str]:
        found = self._client.get_table(f"{self.warehouse.project}.{schema}.{table}")
        return {field.name for field in found.schema if field.mode == "REQUIRED"}

    def size(self, schema: str, table: str) -> int:
        return self._client.get_table(f"{self.warehouse.project}.{schema}.{table}").num_rows

    def fetch(self, columns: Columns, source: str, keys: str | None = None) -> str:
        sent = ", ".join(
            f"cast({self.quoted(name)} as string) as {self.quoted(name)}" if data_type.startswith("DECIMAL") else self.quoted(name)
            for name, data_type in columns.items()
        )
        received = ", ".join(f'cast("{name}" as {data_type}) as "{name}"' for name, data_type in columns.items())
        config = bigquery.QueryJobConfig()
        if keys is not None:
            config.query_parameters = [bigquery.ScalarQueryParameter("keys", "STRING", keys)]
        answer = self._client.query_and_wait(f"select {sent} from {source}", job_config=config).to_arrow(create_bqstorage_client=False)
        self.work.register("answer", answer)
        self.work.execute(f"create or replace temp table fetched as select {received} from answer")
        self.work.unregister("answer")
        return "temp.fetched"

    def wanted(self, keys: Columns) -> str:
        columns = ", ".join(
            # A cast takes no type with parameters.
            f"cast(json_value(key, '$[{place}]') as {self.declared(data_type).partition('(')[0]}) as {self.quoted(name)}"
            for place, (name, data_type) in enumerate(keys.items())
        )
        return f"(select {columns} from unnest(json_query_array(@keys)) as key)"

    def append(self, schema: str, table: str, rows: Any) -> None:
        from pyarrow import parquet

        with tempfile.TemporaryFile() as file:
            with parquet.ParquetWriter(file, rows.schema) as writer:
                for batch in rows:
                    writer.write_batch(batch)
            file.seek(0)
            config = bigquery.LoadJobConfig(source_format="PARQUET", write_disposition="WRITE_APPEND", create_disposition="CREATE_NEVER")
            self._client.load_table_from_file(file, f"{self.warehouse.project}.{schema}.{table}", job_config=config).result()

    def declared(self, data_type: str) -> str:
        if found := re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", data_type):
            precision, scale = map(int, found.groups())
            return f"{'numeric' if scale <= 9 and precision - scale <= 29 else 'bignumeric'}({precision}, {scale})"
        return SQL_TYPES.get(data_type, data_type)

    def destination(self) -> Any:
        import dlt
        from dlt.common.configuration.specs import GcpServiceAccountCredentials

        class Credentials(GcpServiceAccountCredentials):
            """dlt's place for credentials, holding the ones that are there already."""

            def to_native_credentials(self) -> Any:
                return self.google

        credentials = Credentials()
        credentials.google = self.warehouse.credentials
        credentials.project_id, credentials.private_key, credentials.client_email = self.warehouse.project, "-", "-"
        credentials.__is_resolved__ = True
        return dlt.destinations.bigquery(credentials=credentials, location=self.warehouse.location, project_id=self.warehouse.project)

    def md5(self, column: str) -> str:
        return f"to_hex(md5({column}))"

    def widen(self, schema: str, table: str, column: str, data_type: str) -> str:
        return f"alter table {self.table(schema, table)} alter column {self.quoted(column)} set data type {self.declared(data_type)}"

    def stored(self, data_type: str) -> str:
        """BigQuery's own JSON would pass numbers through float64, and dlt lands no timestamps without zone."""
        return {"JSON": "VARCHAR", "TIMESTAMP": "TIMESTAMP WITH TIME ZONE"}.get(data_type, data_type)

    def landed(self, hint: dict[str, Any]) -> dict[str, Any]:
        """As `stored`, in dlt's words."""
        if hint.get("data_type") == "json":
            return {**hint, "data_type": "text"}
        return {**hint, "timezone": True} if hint.get("timezone") is False else hint

    def table_hints(self, key: Sequence[str]) -> dict[str, Any]:
        """Clustered by what is looked up in a log: a load's rows, a key's latest version."""
        from dlt.destinations.impl.bigquery.bigquery_adapter import CLUSTER_COLUMNS_HINT

        return {CLUSTER_COLUMNS_HINT: ["_dlt_load_id", *key[:KEY_COLUMNS]]}

    def quoted(self, name: str) -> str:
        return f"`{name}`"

    def literal(self, value: str | int | date | datetime) -> str:
        if isinstance(value, datetime):
            return f"timestamp '{value.isoformat(sep=' ')}'"
        if isinstance(value, str):
            escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
            return f"'{escaped}'"
        return super().literal(value)

    def ask(self) -> None:
        """One question to the server, so that what keeps it from answering is told in our own words."""
        try:
            self._client.query_and_wait("select 1", retry=bigquery.DEFAULT_RETRY.with_timeout(PATIENCE))
        except NotFound as error:
            raise IngestError(f"There is no {self.warehouse.address}: {error.message}", "Correct WAREHOUSE_PROJECT.") from error
        except (RetryError, OSError) as error:
            raise IngestError(f"BigQuery can't be reached: {first_line(error)}", "The next run catches up.") from error

    def explained(self, error: BaseException) -> IngestError | None:
        for cause in causes(error):
            if isinstance(cause, GoogleAuthError):
                target = self.warehouse.target
                return IngestError(f"Google refuses the credentials of target '{target}': {first_line(cause)}", "Renew them.")
            if isinstance(cause, Forbidden):
                return IngestError(
                    f"The warehouse's {self.warehouse.address} refuses: {first_line(cause)}",
                    "The account needs the roles BigQuery Job User and BigQuery Data Editor there.",
                )
        return None


@contextmanager
def _endpoint(address: str | None) -> Iterator[None]:
    """Where BigQuery is, when it is not Google's: the profile's `api_endpoint`, for dlt's clients too."""
    name = "BIGQUERY_EMULATOR_HOST"
    before = os.environ.get(name)
    if address:
        os.environ[name] = address
    try:
        yield
    finally:
        if address:
            os.environ.pop(name)
            if before is not None:
                os.environ[name] = before


def _duckdb_type(field: bigquery.SchemaField) -> str:
    if field.mode == "REPEATED" or field.field_type in ("RECORD", "STRUCT"):
        return field.field_type
    if field.field_type in ("NUMERIC", "BIGNUMERIC"):
        return f"DECIMAL({field.precision or 38},{field.scale if field.precision else 9})".replace("None", "0")
    return TYPES.get(field.field_type, field.field_type)
