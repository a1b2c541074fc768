"""DuckDB, the engine without a server, and what all engines of the tests have in common."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import duckdb

PROJECT = Path(__file__).resolve().parent.parent.parent


class ServerError(Exception):
    """A server could not be started; the message shows what it wrote."""


@dataclass(frozen=True)
class Column:
    """A column as the engine's catalogue describes it."""

    name: str
    kind: str
    is_nullable: bool


class DuckDBFile:
    """A warehouse in a file of the folder. The other engines override what differs, so a test can treat all alike."""

    target = "dev"

    def __init__(self, folder: Path):
        self.folder = folder

    def start(self) -> None:
        self._write_profile(self._example_profile())

    def stop(self) -> None:
        """Nothing runs."""

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables with which dbt and `ingest` find this engine."""
        return {
            "DBT_TARGET": self.target,
            "DBT_PROFILES_DIR": str(self.folder / "profiles"),
            "WAREHOUSE_PATH": str(self._file),
        }

    def query(self, sql: str) -> list[tuple]:
        """Rows as Python values: Decimal, datetime in UTC, date, bool, int, str."""
        with duckdb.connect(str(self._file), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return connection.execute(sql).fetchall()

    def execute(self, sql: str) -> None:
        """Change the warehouse without `ingest` or dbt."""
        with duckdb.connect(str(self._file)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(sql)

    def rows(self, schema: str, table: str, columns: list[str]) -> list[tuple]:
        """All rows of a table or view."""
        return self.query(f"select {', '.join(columns)} from {schema}.{table}")

    def catalogue(self) -> dict[tuple[str, str], list[Column]]:
        """The columns, in their order, of every table and view by schema and name."""
        return by_table(
            self.query(
                """
                select table_schema, table_name, column_name, data_type, is_nullable = 'YES'
                from information_schema.columns order by ordinal_position
                """
            )
        )

    def copy(self, folder: Path) -> "DuckDBFile":
        """A second warehouse, started, that holds all that this one holds now. Stop it like this one."""
        copied = DuckDBFile(folder)
        copied.start()
        if self._file.exists():
            shutil.copy(self._file, copied._file)
        return copied

    @property
    def _file(self) -> Path:
        return self.folder / "warehouse.duckdb"

    def _example_profile(self) -> str:
        """The profile that a newcomer starts with, not the developer's own."""
        return (PROJECT / "profiles.yml.example").read_text()

    def _write_profile(self, text: str) -> None:
        (self.folder / "profiles").mkdir(parents=True, exist_ok=True)
        (self.folder / "profiles" / "profiles.yml").write_text(text)


def by_table(rows: list[tuple]) -> dict[tuple[str, str], list[Column]]:
    """Columns by schema and table, from rows of schema, table and the values of a Column."""
    tables: dict[tuple[str, str], list[Column]] = {}
    for schema, table, *column in rows:
        tables.setdefault((schema, table), []).append(Column(*column))
    return tables
