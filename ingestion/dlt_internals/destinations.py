"""Warehouses that are open already, as dlt's destinations: dlt would look for credentials of its own."""

from collections.abc import Mapping, Sequence
from typing import Any


def duckdb_destination(connection: Any) -> Any:
    """DuckDB, on this connection."""
    import dlt

    return _asked_once(dlt.destinations.duckdb(connection))


def postgres_destination(parameters: Mapping[str, str], password: str) -> Any:
    """PostgreSQL, with our load job."""
    from ingestion.dlt_internals.postgres_copy import Destination

    return _asked_once(Destination(credentials=postgres_credentials(parameters, password)))


def postgres_credentials(parameters: Mapping[str, str], password: str) -> Any:
    """A connection in libpq's words, as dlt holds it."""
    from dlt.destinations.impl.postgres.configuration import PostgresCredentials

    given: dict[str, Any] = dict(parameters)
    credentials = PostgresCredentials()
    credentials.host = given.pop("host", "localhost")
    credentials.port = int(given.pop("port", 5432))
    credentials.username = given.pop("user", None)
    credentials.database = given.pop("dbname", None)
    credentials.password = password
    credentials.connect_timeout = int(given.pop("connect_timeout", 10))
    credentials.query = given
    credentials.session_timezone = "UTC"
    credentials.__is_resolved__ = True
    return credentials


def bigquery_destination(google: Any, project: str, location: str) -> Any:
    """BigQuery, with Google's credentials as they are."""
    import dlt
    from dlt.common.configuration.specs import GcpServiceAccountCredentials

    class Credentials(GcpServiceAccountCredentials):
        """dlt's place for credentials, holding the ones that are there already."""

        google: Any = None

        def to_native_credentials(self) -> Any:
            return self.google

    credentials = Credentials()
    credentials.google = google
    credentials.project_id, credentials.private_key, credentials.client_email = project, "-", "-"
    credentials.__is_resolved__ = True
    return _asked_once(dlt.destinations.bigquery(credentials=credentials, location=location, project_id=project))


def _asked_once(destination: Any) -> Any:
    """The destination, which from now on remembers what it answers to `capabilities`. dlt asks it about twenty times a load, and each
    time reads all settings of the destination again: an eighth of the CPU time of a load. They don't change within a run."""
    ask = destination.capabilities
    answers: dict[Any, Any] = {}

    def capabilities(config: Any = None, naming: Any = None) -> Any:
        if config is not None:
            return ask(config, naming)
        kind = type(naming)
        if kind not in answers:
            answers[kind] = ask(naming=naming)
        return answers[kind].copy()  # dlt writes into what it gets

    destination.capabilities = capabilities
    return destination


def clustered_by(columns: Sequence[str]) -> dict[str, Any]:
    """dlt's hint for a table of BigQuery that is clustered by these columns."""
    from dlt.destinations.impl.bigquery.bigquery_adapter import CLUSTER_COLUMNS_HINT

    return {CLUSTER_COLUMNS_HINT: list(columns)}
