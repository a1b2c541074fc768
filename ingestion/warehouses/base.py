"""What an engine must be able to do to be the warehouse."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from ingestion import sql
from ingestion.errors import IngestError
from ingestion.warehouses.old_names import refuse_old_names

if TYPE_CHECKING:
    import duckdb
    import pyarrow

# Names of types are DuckDB's everywhere in this package: VARCHAR, BIGINT, DECIMAL(12,2), TIMESTAMP WITH TIME ZONE …
Columns = dict[str, str]
NO_KEYS = "[]"


@dataclass(frozen=True)
class Warehouse(ABC):
    """One target of the dbt profile: its name, and its connection as dbt reads it."""

    target: str
    connection: dict[str, Any]

    @property
    def kind(self) -> str:
        """The engine, by dbt's name: duckdb, postgres or bigquery."""
        return str(self.connection["type"])

    @property
    def exists(self) -> bool:
        """Whether there is something to connect to; a server is taken to be there."""
        return True

    @property
    @abstractmethod
    def address(self) -> str:
        """Where it is, for people."""

    def refuse(self, *settings: str) -> None:
        """Raises IngestError for a setting that dbt uses and we do not: we would connect as somebody else."""
        if given := [name for name in settings if self.connection.get(name)]:
            raise IngestError(f"`ingest` does not know the setting {', '.join(given)} of target '{self.target}'.", "Leave it out.")

    @contextmanager
    def connect(self, read_only: bool = False) -> Iterator["Session"]:
        """A session, which is closed afterwards; raises IngestError with the remedy when the warehouse can't be opened, or was
        filled by an older version with other names in raw."""
        with self._open(read_only) as session:
            refuse_old_names(session)
            yield session

    @abstractmethod
    def _open(self, read_only: bool) -> AbstractContextManager["Session"]:
        """A session as `connect` gives it, whatever is in the warehouse."""


class Dialect(ABC):
    """How the engine writes names, values and types. It needs no connection."""

    def quoted(self, name: str) -> str:
        """The name in SQL."""
        return sql.quoted(name)

    def table(self, schema: str, name: str) -> str:
        """The table's name in SQL."""
        return f"{self.quoted(schema)}.{self.quoted(name)}"

    def literal(self, value: str | int | date | datetime) -> str:
        """The value in SQL; a timestamp must have a zone."""
        if isinstance(value, datetime):
            return f"timestamptz '{value.isoformat(sep=' ')}'"
        if isinstance(value, date):
            return f"date '{value.isoformat()}'"
        return sql.literal(value) if isinstance(value, str) else str(value)

    @abstractmethod
    def declared(self, data_type: str) -> str:
        """The engine's name of a type, as a column is declared with it."""

    def stored(self, data_type: str) -> str:
        """The type in which raw keeps values of this type."""
        return data_type

    def dlt_hint(self, hint: dict[str, Any]) -> dict[str, Any]:
        """dlt's hint for a raw column of this kind: as `stored`, in dlt's words."""
        return hint

    @abstractmethod
    def md5(self, column: str) -> str:
        """SQL: the MD5 of a text or JSON column, in hexadecimal digits."""

    @abstractmethod
    def widen(self, schema: str, table: str, column: str, data_type: str) -> str:
        """The statement that gives a raw column another type."""

    def wanted(self, keys: Columns) -> str:
        """A relation of the engine, as SQL, with the rows of the JSON text given to `fetch`: key columns as declared.
        Where the scratch database is the warehouse, keys need not travel, and nobody asks for it."""
        raise NotImplementedError


class Catalogue(ABC):
    """What is in the warehouse."""

    @abstractmethod
    def schemas(self) -> list[str]:
        """All schemas, by name."""

    @abstractmethod
    def tables(self, schema: str) -> list[str]:
        """The tables and views of a schema, by name; none when there is no such schema."""

    @abstractmethod
    def columns(self, schema: str, table: str) -> Columns:
        """The columns of a table and their types; none when there is no such table."""

    @abstractmethod
    def required(self, schema: str, table: str) -> set[str]:
        """The columns of a table that are never null."""

    @abstractmethod
    def size(self, schema: str, table: str) -> int:
        """How many rows a table that is there has, about."""


class Session(ABC):
    """The store: an open warehouse. SQL given to it is the engine's own, but names and values come from its dialect."""

    warehouse: Any
    dialect: ClassVar[Dialect]
    catalogue: Catalogue
    scratch_is_warehouse = False  # then a load job can be a SELECT over the source, and keys need not travel
    file_format: str | None = "parquet"  # in which dlt's load jobs get rows; None leaves it to dlt

    @property
    @abstractmethod
    def scratch(self) -> "duckdb.DuckDBPyConnection":
        """The scratch database: the DuckDB connection in which the landing decides."""

    @abstractmethod
    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a query: Decimal, datetime in UTC, date, bool, int, float, str (JSON too), bytes, None."""

    @abstractmethod
    def execute(self, sql: str) -> None:
        """Runs statements, separated by semicolons."""

    @abstractmethod
    def fetch(self, columns: Columns, source: str, keys: str | None = None) -> str:
        """A relation in `scratch`, as SQL, with these columns in these types of `source`, which is what follows FROM. It
        is there until the next fetch. `keys` is the JSON text that the dialect's `wanted` reads."""

    @abstractmethod
    def append(self, schema: str, table: str, rows: "pyarrow.RecordBatchReader") -> None:
        """Appends Arrow batches to a table whose columns have the types that `create` gave them."""

    @abstractmethod
    def destination(self) -> Any:
        """dlt's destination."""

    def table_hints(self, key: Sequence[str]) -> dict[str, Any]:
        """What dlt is to know of a raw table with this key."""
        return {}

    def create(self, schema: str, table: str, columns: Columns, required: Container[str] = ()) -> None:
        """Makes a table, and its schema."""
        quoted, declared = self.dialect.quoted, self.dialect.declared
        parts = [f"{quoted(name)} {declared(kind)}{' not null' * (name in required)}" for name, kind in columns.items()]
        self.execute(f"create schema if not exists {quoted(schema)}")
        self.execute(f"create table {self.dialect.table(schema, table)} ({', '.join(parts)})")

    @contextmanager
    def lock(self, source: str) -> Iterator[None]:
        """Keeps other runs from loading this source, where the engine can; raises IngestError when one does."""
        yield

    # The two that follow do nothing on an engine that needs nothing of the kind; B027 would have them abstract.

    def prepare(self, schema: str) -> None:  # noqa: B027 - see above
        """Raises IngestError when nothing can be landed in this schema."""

    def tune(self, schema: str, keys: Mapping[str, Sequence[str]], landed: Collection[str]) -> None:  # noqa: B027 - see above
        """What makes the tables of a raw schema fast to read, given their keys, now that these have new rows."""

    def explained(self, error: BaseException) -> IngestError | None:
        """Our own words for what the server said, where it said why; None for everything else."""
        return None


def keys_as_json(scratch: "duckdb.DuckDBPyConnection", relation: str, key: Sequence[str]) -> str:
    """The distinct keys in a relation of `scratch` as one JSON text, [["1","a"],["2","b"]]: how keys travel to a server."""
    values = ", ".join(f"cast({name} as varchar)" for name in key)
    found = scratch.execute(f"select to_json(list(distinct [{values}])) from {relation}").fetchone()
    return (found and found[0]) or NO_KEYS
