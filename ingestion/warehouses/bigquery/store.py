"""The project of BigQuery, open."""

import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from google.api_core.exceptions import Forbidden, GoogleAPICallError, NotFound, RetryError
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery

from ingestion.errors import IngestError, causes, first_line
from ingestion.settings import project_dir
from ingestion.warehouses.base import Columns, Session, Warehouse
from ingestion.warehouses.bigquery.catalogue import BigQueryCatalogue
from ingestion.warehouses.bigquery.dialect import BigQueryDialect

if TYPE_CHECKING:
    import duckdb

LABELS = {"application": "waterworks", "step": "ingest"}
SCOPES = ("https://www.googleapis.com/auth/bigquery", "https://www.googleapis.com/auth/cloud-platform")
PATIENCE = 20.0  # seconds in which BigQuery must give its first answer
KEY_COLUMNS = 3  # a table can be clustered by four columns, and the load's id is one of them


class BigQueryWarehouse(Warehouse):
    """A project."""

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
                from google.oauth2 import service_account

                keyfile = str(project_dir() / settings.get("keyfile", ""))
                return service_account.Credentials.from_service_account_file(keyfile, scopes=SCOPES)
            if method == "oauth-secrets":
                from google.oauth2 import credentials

                known = ("token", "refresh_token", "client_id", "client_secret", "token_uri")
                return credentials.Credentials(**{name: settings[name] for name in known if settings.get(name)}, scopes=SCOPES)
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
    def _open(self, read_only: bool) -> Iterator["BigQuerySession"]:
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
    """A client for SQL and load jobs."""

    dialect = BigQueryDialect()

    def __init__(self, warehouse: BigQueryWarehouse, client: bigquery.Client) -> None:
        self.warehouse = warehouse
        self.catalogue = BigQueryCatalogue(client, warehouse.project)
        self._client = client

    def close(self) -> None:
        """Closes the client, and the scratch database, if it was needed."""
        self._client.close()
        if "scratch" in self.__dict__:
            self.scratch.close()

    @cached_property
    def scratch(self) -> "duckdb.DuckDBPyConnection":
        from ingestion.warehouses.scratch import scratch_in_memory

        return scratch_in_memory()

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in self._client.query_and_wait(sql)]

    def execute(self, sql: str) -> None:
        self._client.query_and_wait(sql)

    def fetch(self, columns: Columns, source: str, keys: str | None = None) -> str:
        sent = ", ".join(
            f"cast({self.dialect.quoted(name)} as string) as {self.dialect.quoted(name)}"
            if data_type.startswith("DECIMAL")
            else self.dialect.quoted(name)
            for name, data_type in columns.items()
        )
        received = ", ".join(f'cast("{name}" as {data_type}) as "{name}"' for name, data_type in columns.items())
        config = bigquery.QueryJobConfig()
        if keys is not None:
            config.query_parameters = [bigquery.ScalarQueryParameter("keys", "STRING", keys)]
        answer = self._client.query_and_wait(f"select {sent} from {source}", job_config=config).to_arrow(create_bqstorage_client=False)
        self.scratch.register("answer", answer)
        self.scratch.execute(f"create or replace temp table fetched as select {received} from answer")
        self.scratch.unregister("answer")
        return "temp.fetched"

    def append(self, schema: str, table: str, rows: Any) -> None:
        from pyarrow import parquet

        with tempfile.TemporaryFile() as file:
            with parquet.ParquetWriter(file, rows.schema) as writer:
                for batch in rows:
                    writer.write_batch(batch)
            file.seek(0)
            config = bigquery.LoadJobConfig(source_format="PARQUET", write_disposition="WRITE_APPEND", create_disposition="CREATE_NEVER")
            self._client.load_table_from_file(file, f"{self.warehouse.project}.{schema}.{table}", job_config=config).result()

    def destination(self) -> Any:
        from ingestion.dlt_internals.destinations import bigquery_destination

        return bigquery_destination(self.warehouse.credentials, self.warehouse.project, self.warehouse.location)

    def table_hints(self, key: Sequence[str]) -> dict[str, Any]:
        """Clustered by what is looked up in a log: a load's rows, a key's latest version."""
        from ingestion.dlt_internals.destinations import clustered_by

        return clustered_by(["_dlt_load_id", *key[:KEY_COLUMNS]])

    def ask(self) -> None:
        """Asks the server once, so that we can explain why it does not answer."""
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
