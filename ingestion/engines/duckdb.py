"""DuckDB as the warehouse: a file, which one program at a time may write to."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from ingestion.engines import Columns, Session, Warehouse
from ingestion.errors import IngestError, first_line, redact
from ingestion.settings import project_dir


class DuckDBWarehouse(Warehouse):
    @property
    def path(self) -> Path:
        """The DuckDB file; a relative path starts at the project's folder, as it does for dbt."""
        return project_dir() / self.connection.get("path", "")

    @property
    def exists(self) -> bool:
        return self.path.exists()

    @property
    def address(self) -> str:
        return str(self.path)

    @contextmanager
    def connect(self, read_only: bool = False) -> Iterator["DuckDBSession"]:
        try:
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
    """The landing works in the warehouse itself, so nothing has to be fetched."""

    works_in_warehouse = True
    file_format = None

    def __init__(self, warehouse: DuckDBWarehouse, connection: duckdb.DuckDBPyConnection) -> None:
        super().__init__(warehouse)
        self._connection = connection

    @property
    def work(self) -> duckdb.DuckDBPyConnection:
        return self._connection

    def rows(self, sql: str) -> list[tuple]:
        return self._connection.execute(sql).fetchall()

    def execute(self, sql: str) -> None:
        self._connection.execute(sql)

    def schemas(self) -> list[str]:
        found = "select schema_name from information_schema.schemata where catalog_name = current_database() order by 1"
        return [name for (name,) in self.rows(found)]

    def tables(self, schema: str) -> list[str]:
        # No parameters: DuckDB imports pandas to bind one, and that takes longer than all of `ingest status`.
        found = self._connection.execute(
            f"select table_name from information_schema.tables where table_schema = {self.literal(schema)} "
            "and table_catalog = current_database() order by 1"
        )
        return [name for (name,) in found.fetchall()]

    def columns(self, schema: str, table: str) -> Columns:
        try:
            described = self._connection.execute(f"describe {self.table(schema, table)}").fetchall()
        except duckdb.CatalogException:
            return {}
        return {name: data_type for name, data_type, *_ in described}

    def required(self, schema: str, table: str) -> set[str]:
        described = self.rows(f"describe {self.table(schema, table)}")
        return {name for name, _, nullable, *_ in described if nullable == "NO"}

    def size(self, schema: str, table: str) -> int:
        return self.rows(f"select count(*) from {self.table(schema, table)}")[0][0]

    def fetch(self, columns: Columns, source: str, keys: str | None = None) -> str:
        return f"(select {', '.join(map(self.quoted, columns))} from {source})"

    def append(self, schema: str, table: str, rows: Any) -> None:
        self._connection.register("appended", rows)
        try:
            self._connection.execute(f"insert into {self.table(schema, table)} by name select * from appended")
        finally:
            self._connection.unregister("appended")

    def declared(self, data_type: str) -> str:
        return data_type

    def destination(self) -> Any:
        import dlt

        return dlt.destinations.duckdb(self._connection)

    def md5(self, column: str) -> str:
        return f"md5({column})"

    def widen(self, schema: str, table: str, column: str, data_type: str) -> str:
        return f"alter table {self.table(schema, table)} alter {self.quoted(column)} type {data_type}"
