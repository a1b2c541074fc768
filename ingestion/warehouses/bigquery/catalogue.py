"""What is in a project of BigQuery."""

from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from ingestion.warehouses.base import Catalogue, Columns
from ingestion.warehouses.bigquery.dialect import duckdb_type


class BigQueryCatalogue(Catalogue):
    """Asks the REST API, which bills nothing."""

    def __init__(self, client: bigquery.Client, project: str) -> None:
        self._client, self._project = client, project

    def schemas(self) -> list[str]:
        return sorted(item.dataset_id for item in self._client.list_datasets())

    def tables(self, schema: str) -> list[str]:
        try:
            return sorted(item.table_id for item in self._client.list_tables(f"{self._project}.{schema}"))
        except NotFound:
            return []

    def columns(self, schema: str, table: str) -> Columns:
        try:
            found = self._client.get_table(f"{self._project}.{schema}.{table}")
        except NotFound:
            return {}
        return {field.name: duckdb_type(field) for field in found.schema}

    def required(self, schema: str, table: str) -> set[str]:
        found = self._client.get_table(f"{self._project}.{schema}.{table}")
        return {field.name for field in found.schema if field.mode == "REQUIRED"}

    def size(self, schema: str, table: str) -> int:
        return self._client.get_table(f"{self._project}.{schema}.{table}").num_rows or 0
