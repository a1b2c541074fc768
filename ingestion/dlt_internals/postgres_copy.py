"""dlt's destination for PostgreSQL, with a load job that checks what it copies.

ADBC sends the bits of an Arrow column whatever the type of the table's column: PostgreSQL then takes 1.5 in a
bigint column for 4609434218613702656, and rounds a decimal to fewer digits. And dlt's own job fails on a
file without rows.
"""

from typing import Any

import pyarrow
from dlt.common.destination.client import LoadJob
from dlt.common.storages.load_package import ParsedLoadJobFileName
from dlt.destinations.impl.postgres.factory import postgres
from dlt.destinations.impl.postgres.postgres import PostgresClient, PostgresParquetCopyJob
from pyarrow import parquet, types

from ingestion.errors import IngestError

BATCH_ROWS = 100_000
# What a column of a type takes, by PostgreSQL's name of it; decimals are compared to the digit.
TAKES = {
    "bigint": types.is_int64,
    "boolean": types.is_boolean,
    "bytea": types.is_binary,
    "character varying": types.is_string,
    "date": types.is_date32,
    "double precision": types.is_float64,
    "json": types.is_string,
    "time without time zone": types.is_time64,
    "timestamp with time zone": lambda kind: kind == pyarrow.timestamp("us", "UTC"),
    "timestamp without time zone": lambda kind: kind == pyarrow.timestamp("us"),
}


class CopyJob(PostgresParquetCopyJob):
    """Copies one parquet file into its table, in one transaction."""

    def run(self) -> None:
        file = parquet.ParquetFile(self._file_path)
        self._check(file.schema_arrow)
        if not file.metadata.num_rows:
            return
        rows = pyarrow.RecordBatchReader.from_batches(file.schema_arrow, file.iter_batches(BATCH_ROWS))
        with self._connect() as connection, connection.cursor() as cursor:
            database, schema = self._set_catalog_and_schema()
            cursor.adbc_ingest(self.load_table_name, rows, mode="append", catalog_name=database, db_schema_name=schema)
            connection.commit()

    def _check(self, schema: pyarrow.Schema) -> None:
        """Raises IngestError when a column of the table is not of the type of what is to be copied into it."""
        client = self._job_client.sql_client
        found = client.execute_sql(
            "select attname, format_type(atttypid, atttypmod) from pg_attribute where attrelid = %s::regclass and attnum > 0",
            client.make_qualified_table_name(self.load_table_name),
        )
        columns: dict[str, str] = dict(found or ())  # type: ignore[arg-type]
        for field in schema:
            name = columns.get(field.name, "missing")
            if not _takes(name, field.type):
                raise IngestError(
                    f"column {field.name} of {self.load_table_name} in the warehouse is {name}, and what came is {field.type}.",
                    "Give the column the type that it had.",
                )


def _takes(name: str, kind: pyarrow.DataType) -> bool:
    kind = kind.value_type if types.is_dictionary(kind) else kind
    if types.is_decimal(kind):
        return name == f"numeric({kind.precision},{kind.scale})"
    takes = TAKES.get(name.partition("(")[0])
    return takes is not None and takes(kind)


class Client(PostgresClient):
    """dlt's client, with our load job for parquet files."""

    def create_load_job(self, table: Any, file_path: str, load_id: str, restore: bool = False) -> LoadJob:
        if ParsedLoadJobFileName.parse(file_path).file_format == "parquet":
            return CopyJob(file_path)
        return super().create_load_job(table, file_path, load_id, restore)


class Destination(postgres):
    """dlt's destination, with our client; its name for dlt stays the same."""

    @property
    def client_class(self) -> type[Client]:
        return Client

    @property
    def destination_type(self) -> str:
        return "dlt.destinations.postgres"
