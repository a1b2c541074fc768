"""The DuckDB file, open."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from ingestion.errors import IngestError, first_line, redact
from ingestion.settings import project_dir
from ingestion.warehouses.base import Columns, Session, Warehouse
from ingestion.warehouses.duckdb.catalogue import DIALECT, DuckDBCatalogue
from ingestion.warehouses.duckdb.file import make_private


class DuckDBWarehouse(Warehouse):
    """A file."""

    @property
    def path(self) -> Path:
        """The DuckDB file; a relative path starts at the project's folder, as it does for dbt."""
        return project_dir() / str(self.connection.get("path", ""))

    @property
    def exists(self) -> bool:
        return self.path.exists()

    @property
    def address(self) -> str:
        return str(self.path)

    @contextmanager
    def _open(self, read_only: bool) -> Iterator["DuckDBSession"]:
        try:
            if not read_only:
                make_private(self.path)
            con = duckdb.connect(str(self.path), read_only=read_only)
        except duckdb.Error as error:
            raise self._unusable(error) from error
        try:
            con.execute("set TimeZone = 'UTC'")
            yield DuckDBSession(self, con)
        finally:
            con.close()

    def _unusable(self, error: Exception) -> IngestError:
        if "lock" in str(error).lower():
            return IngestError(
                f"The warehouse {self.path} is in use: {first_line(error)}",
                "Close the program that holds it (a dbt run, a notebook, the duckdb shell) and run `ingest` again.",
            )
        return IngestError(
            f"The warehouse {self.path} can't be opened: {redact(first_line(error))}",
            f"Check the path of target '{self.target}' in profiles.yml.",
        )


class DuckDBSession(Session):
    """The landing decides in the warehouse itself, so nothing has to be fetched."""

    dialect = DIALECT
    scratch_is_warehouse = True
    file_format = None

    def __init__(self, warehouse: DuckDBWarehouse, connection: duckdb.DuckDBPyConnection) -> None:
        self.warehouse = warehouse
        self.catalogue = DuckDBCatalogue(connection)
        self._connection = connection

    @property
    def scratch(self) -> duckdb.DuckDBPyConnection:
        return self._connection

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql).fetchall()

    def execute(self, sql: str) -> None:
        self._connection.execute(sql)

    def fetch(self, columns: Columns, source: str, keys: str | None = None) -> str:
        return f"(select {', '.join(map(self.dialect.quoted, columns))} from {source})"

    def append(self, schema: str, table: str, rows: Any) -> None:
        self._connection.register("appended", rows)
        try:
            self._connection.execute(f"insert into {self.dialect.table(schema, table)} by name select * from appended")
        finally:
            self._connection.unregister("appended")

    def destination(self) -> Any:
        from ingestion.dlt_internals.destinations import duckdb_destination

        return duckdb_destination(self._connection)
