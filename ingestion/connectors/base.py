"""What a connector may be able to do, and what it gives.

A connector reads: it never compares, rejects or writes, and knows neither landing nor warehouses. The landing asks for a
capability, one small Protocol each, never for a kind of system. docs/ingestion.md has the table of who must do what.
"""

import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ingestion.connectors.tables import PartTable, RecordTable, Table, TextTable, TypedTable
from ingestion.errors import IngestError

if TYPE_CHECKING:
    import duckdb
    import pyarrow

# What begins a text that could not be decoded; its bytes follow, in hexadecimal. Unicode has the first character for nothing but
# marks like this one, and no column takes it: the row goes to quarantine.
UNDECODED = "\ufdd0\\x"


class Run(Protocol):
    """What a connector may know of the run that it reads for."""

    @property
    def source(self) -> str:
        """The name of the source, under which its settings are."""

    @property
    def secrets(self) -> set[str]:
        """What must never be shown; a connector adds its own before it uses them."""


class Connector(Protocol):
    """A system, declared: its tables, and how to reach it."""

    @property
    def tables(self) -> Sequence[Table]:
        """The tables, in the order in which they are to be read."""

    def open(self, run: Run) -> AbstractContextManager["Connection"]:
        """A connection, which is closed afterwards; raises IngestError with the remedy when there is none to be had."""


@dataclass(frozen=True)
class Window:
    """Which rows are asked for: those that changed in [since, until), all without bounds. Of a database: `cursor` is the column
    with the time of the change; rows with these `keys`, values of the columns `key`, are read whatever it is."""

    since: datetime | None = None
    until: datetime | None = None
    cursor: "SourceColumn | None" = None
    key: Sequence[str] = ()
    keys: Sequence[Sequence[Any]] = ()

    @property
    def is_bounded(self) -> bool:
        return self.since is not None or self.until is not None

    def covers(self, at: datetime) -> bool:
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)


class Connection(Protocol):
    """Every connection reads. What else it can do is a capability, one of the Protocols below."""

    def read(self, table: Any, window: Window, bookmark: Any) -> Any:
        """The rows of a table in a window, from the bookmark on that the last load left (None: from the beginning). More rows
        than that do no harm: the landing lands what raw lacks.

        TypedTable: a `Query`; the bookmark is the highest cursor, as text. RecordTable: an iterator of parsed records; the
        bookmark is the highest cursor. TextTable: a list of `File`; the bookmark is the version of each file
        that need not be read again, by name. PartTable: an iterator of `Part`; no bookmark."""


class HasClock(Protocol):
    """A system whose own time can be asked."""

    def clock(self) -> datetime:
        """The time there, with its zone."""


class LooksBack(Protocol):
    """A system whose rows may commit late."""

    @property
    def lookback(self) -> timedelta:
        """How long before the bookmark a read begins."""


@runtime_checkable
class Acknowledges(Protocol):
    """A system that keeps what it sent until the load is acknowledged."""

    def acknowledge(self, bookmarks: Mapping[str, Any]) -> None:
        """Called when the load is complete: by table, what it remembers."""


# Databases


@dataclass(frozen=True)
class SourceColumn:
    """A column of a database: how it is declared there, and how its values travel."""

    name: str
    source_type: str  # as the source names it, without its digits
    declared: str  # … with them: numeric(12,2)
    nullable: bool
    own_type: str  # DuckDB's name of the type that holds the values
    value: str  # SQL of the source: the value, as it travels
    text: str  # … its text, from which nothing is missing
    timezone: str | None = None  # of times without a zone, where it was declared


@dataclass(frozen=True)
class Description:
    """A table of a database, as the source has it now."""

    exists: bool
    columns: Sequence[SourceColumn] = ()  # those that may be read, without the excluded ones
    all_names: Sequence[str] = ()  # of all columns, those too that may not be read


@dataclass(frozen=True)
class Reached:
    """How far a cursor has come: as text, but not beyond the time that was asked for; None when there is no row. `ahead` is by how
    much its highest value lies after that time, before it if negative; None where the cursor has a zone, or is no timestamp."""

    cursor: str | None
    ahead: timedelta | None = None


class Query(Protocol):
    """Rows that DuckDB reads from the source by itself, so that none of them becomes a Python object."""

    def relation(self, columns: Sequence[SourceColumn], texts: Container[str] = ()) -> str:
        """SQL of DuckDB: these columns, under their own names; those that `texts` names as texts, the others as values."""


class ReadsInDuckDB(HasClock, LooksBack, Protocol):
    """A database that DuckDB attaches: what it is asked before its rows are read."""

    @property
    def schema(self) -> str:
        """The schema of the tables, for people."""

    def describe(self, tables: Sequence[TypedTable]) -> Mapping[str, Description]:
        """The tables as they are now, by name."""

    def name(self, table: TypedTable) -> str:
        """The table's name in the source's SQL."""

    def highest(self, table: TypedTable, cursor: SourceColumn, not_after: datetime | None) -> Reached:
        """How far the cursor has come, but not beyond a time."""

    def is_before(self, at: datetime, cursor: SourceColumn, bookmark: str) -> bool:
        """Whether a time lies before a bookmark of this cursor."""

    def begins_at(self, cursor: SourceColumn, bookmark: str) -> datetime:
        """From when on a read from this bookmark takes in changes: the look-back before it."""

    def attach(self, con: "duckdb.DuckDBPyConnection") -> None:
        """Makes queries of this connection run in this DuckDB, until the connection is closed."""

    def read(self, table: TypedTable, window: Window, bookmark: str | None) -> Query:
        """See `Connection`."""

    def explained(self, error: Exception) -> IngestError | None:
        """What to say when reading failed because the server went away; None for other errors."""


# APIs, files, parts


class ReadsRecords(LooksBack, Protocol):
    """A system that gives JSON."""

    def read(self, table: RecordTable, window: Window, bookmark: datetime | None) -> Iterator[Any]:
        """See `Connection`. Numbers are int and Decimal: see `ingestion.exact_json`."""


@dataclass(frozen=True)
class Lines:
    """Some lines of a text file. `rows` has a column of texts for each name of the header, and `line_number` (1 is the first after
    the header). Lines that could not be taken apart are by number in `unparsed`: the line, and what is wrong with it."""

    rows: "pyarrow.Table"
    unparsed: Mapping[int, tuple[str, str]]

    @property
    def count(self) -> int:
        return int(self.rows.num_rows) + len(self.unparsed)


class FileContent(Protocol):
    """The content of a text file."""

    is_blank: bool
    ends_with_line_break: bool

    def header(self, delimiter: str) -> Sequence[str]:
        """The fields of the first line, by this delimiter."""

    def lines(self, delimiter: str) -> Iterator[Lines]:
        """The lines after the header by this delimiter, batch by batch; raises ContractViolated when the file can't be taken
        apart, be it after some batches."""


@dataclass(frozen=True)
class File:
    """A file that is there: its position is name and version. It is opened by `content`, which raises ContractViolated when it
    is not text."""

    name: str
    version: str  # changes when the file is written again
    content: Callable[[], AbstractContextManager[FileContent]]

    @property
    def day(self) -> date | None:
        """The date in its name."""
        return day_in(self.name)


def day_in(name: str) -> date | None:
    """The date in a file's name, if there is one: 2026-01-31."""
    found = re.search(r"\d{4}-\d{2}-\d{2}", name)
    try:
        return date.fromisoformat(found.group()) if found else None
    except ValueError:
        return None


class ReadsFiles(Protocol):
    """A folder or a bucket."""

    @property
    def url(self) -> str:
        """Where it is, for people."""

    def read(self, table: TextTable, window: Window, bookmark: Mapping[str, str] | None) -> Sequence[File]:
        """See `Connection`. All files may come, in the order of their names: to list them costs little."""


@dataclass(frozen=True)
class Part:
    """All rows of a part of a table: those in which these columns have these values."""

    rows: "pyarrow.Table"
    equal: Mapping[str, str] = field(default_factory=dict)
    year_of: tuple[str, int] | None = None  # … and in which this date lies in this year


class ReadsParts(Protocol):
    """A library or a function of ours."""

    def read(self, table: PartTable, window: Window, bookmark: None) -> Iterator[Part]:
        """See `Connection`."""
