"""What `verify` asks of a database: its own catalogue, and figures that the server computes. One module a dialect.

Nothing here is known to the connector that reads the same database, so that neither shares the other's mistakes. Values travel as
*plain texts*: one text for a value, however source and warehouse store it. A number has no zeros behind its fraction, a time is
microseconds since 1970, bytes are hexadecimal digits.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from random import Random
from typing import Protocol


class Family(Enum):
    """What a value is, for comparing it."""

    NUMBER = "a number"  # exact
    FLOAT = "a floating-point number"
    TIME = "a time"
    JSON = "JSON"
    BYTES = "bytes"
    TEXT = "text"


@dataclass(frozen=True)
class Column:
    """A column, as the source's catalogue has it."""

    name: str
    declared: str  # numeric(12,2)
    family: Family
    is_readable: bool = True  # whether our user may read it
    is_showable: bool = False  # whether a value may be shown to say which row is meant


@dataclass(frozen=True)
class Selection:
    """What of a table is compared: these columns, those of the key among them, up to this value of the cursor."""

    table: str
    columns: Sequence[Column]
    key: Sequence[Column] = ()
    cursor: Column | None = None
    until: str | None = None  # as the source writes it; None compares all rows
    summed: frozenset[str] = field(default_factory=frozenset)  # names of the columns whose figures have a sum


Key = tuple[str, ...]  # plain texts
Row = tuple[str | None, ...]  # the plain texts of a selection's columns


@dataclass(frozen=True)
class Range:
    """Rows that follow one another by key: the key of each, and as the source writes it; and the figures of all of them."""

    keys: Sequence[Key]
    own_keys: Sequence[Sequence[str]]
    figures: Sequence[str | None]


@dataclass(frozen=True)
class Counts:
    """How many rows a table has."""

    rows: int
    without_key: int  # a column of the key is null
    keys: int  # distinct
    key_hash: str | None  # a sum over the keys
    newer: int = 0  # the cursor lies after the one that the last read came to
    without_cursor: int = 0


class Snapshot(Protocol):
    """A source at one moment: all answers are of it."""

    def size(self, table: str) -> int:
        """How many rows a table has, about."""

    def plain(self, literal: str, column: Column) -> str:
        """The plain text of a value that is given as the source writes it."""

    def counts(self, selection: Selection) -> Counts:
        """The rows of the whole table."""

    def key_at(self, selection: Selection, place: int, rows: int, random: Random) -> Sequence[str] | None:
        """The key, as the source writes it, at about this place of so many rows."""

    def range(self, selection: Selection, start: Sequence[str] | None, inclusive: bool, limit: int) -> Range | None:
        """So many rows from this key on; None when there is none."""

    def rows(self, selection: Selection, start: Sequence[str] | None, inclusive: bool, limit: int) -> list[Row]:
        """The rows of such a range."""

    def rows_with(self, selection: Selection, own_keys: Sequence[Sequence[str]]) -> list[Row]:
        """The rows with these keys."""

    def all_rows(self, selection: Selection) -> Iterator[list[Row]]:
        """All rows of the selection, some at a time; those without a key, too."""


class Database(Protocol):
    """A connection of `verify`'s own."""

    def describe(self, tables: Sequence[str]) -> dict[str, list[Column]]:
        """The columns of those of these tables that are there, by name."""

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """The source as it is now, until the context is left."""
