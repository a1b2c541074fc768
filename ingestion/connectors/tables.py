"""Declarations: what a table is, by the form in which its rows come. The landing goes by these, never by the kind of system."""

import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from enum import Enum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import pyarrow


KINDS = r"text|integer|decimal\(\d+, *\d+\)|date|timestamp|object|list"


class Delivery(Enum):
    """How a table reaches us."""

    SNAPSHOT = "snapshot"  # all there is: what is absent is deleted
    CHANGES = "changes"  # rows that changed since a cursor, with a look-back; keys are compared for deletions
    EVENTS = "events"  # a log with positions: what the warehouse holds is dropped, the source acknowledged after the load


@dataclass(frozen=True)
class Field:
    """A field that models read. `kind` is text, integer, decimal(precision, scale), date or timestamp, in an API's records
    also object or list. In an API's records a name may lead into objects and lists: `amount.value`, `lines[].amount`.
    A row without a required field, or with a null or a blank in it, goes to quarantine."""

    name: str
    kind: str = "text"
    required: bool = True

    def __post_init__(self) -> None:
        if not re.fullmatch(KINDS, self.kind):
            raise ValueError(
                f"field {self.name}: the kind {self.kind} is unknown; use text, integer, decimal(precision, scale), date, timestamp, "
                "object or list"
            )


@dataclass(frozen=True)
class TypedTable:
    """A table of a database: columns with types of the source's own.

    `cursor` is the column that grows when a row changes; without one, the whole table is read each time, and what changed is
    landed. `excluded` columns never leave the source. A row whose key, or whose value of a `required` column, is null goes to
    quarantine.

    A column that raw has and the source lost violates the contract, until it is `retired` (null from now on) or `renamed`: raw's
    name and the one that the source now uses, `{"amount": "total_amount"}`; the key, the cursor and required columns may be
    called by either. A table that retains less than the share `min_retained_share` of its rows from one run to the next stops,
    too.

    `types` are for numerics of the source that have no digits declared, and so land as text: `{"price": "decimal(12, 2)"}`. A row
    with a NaN there, or with more digits, goes to quarantine.

    `timezone` is the zone of the cursor, `"Pacific/Auckland"`, where it is a timestamp without one; else the one of the source's
    settings, else UTC."""

    name: str
    primary_key: str | tuple[str, ...] = ()
    cursor: str | None = None
    excluded: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    retired: tuple[str, ...] = ()
    min_retained_share: float = 0.8
    types: Mapping[str, str] = field(default_factory=dict)
    timezone: str | None = None

    def __post_init__(self) -> None:
        if self.cursor and not self.primary_key:
            raise ValueError(f"table {self.name}: a cursor needs a primary key, which identifies the versions of a row")

    @property
    def key(self) -> tuple[str, ...]:
        """The columns of the primary key."""
        return (self.primary_key,) if isinstance(self.primary_key, str) else self.primary_key

    @property
    def delivery(self) -> Delivery:
        return Delivery.CHANGES if self.cursor else Delivery.SNAPSHOT


@dataclass(frozen=True)
class RecordTable:
    """A list of JSON records. `key` and `cursor` are fields of a record; without a cursor everything is asked for each time.

    `fields` is what models read: a record that does not have it goes to quarantine. `renamed` gives the name that the source
    now uses for a field, `{"amount": "total_amount"}`: the record lands with both. `min_retained_share`, without a cursor: an
    answer with less than this share of the records of the last one violates the contract.

    `timezone` is the zone of the cursor where it is a time without one, `"Pacific/Auckland"`; else UTC."""

    name: str
    _: KW_ONLY
    key: str | None = "id"
    cursor: str | None = "updated_at"
    fields: tuple[Field, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    min_retained_share: float = 0.8
    timezone: str | None = None

    def __post_init__(self) -> None:
        if self.timezone:
            ZoneInfo(self.timezone)  # raises an error that names it when there is none

    @property
    def delivery(self) -> Delivery:
        return Delivery.CHANGES if self.cursor else Delivery.SNAPSHOT

    @property
    def declared_as(self) -> str:
        """How its declaration begins, for the message that says what to write into it."""
        return f"{type(self).__name__}({self.name!r}, …)"


@dataclass(frozen=True)
class TextTable:
    """Lines of text files with delimiters: the pattern of their names, and the columns that each file must have.

    `renamed` gives the name that the files now use for a column, `{"unit_cost": "cost"}`: it lands under the column's own.
    `full`: each file is all there is, so one with less than the share `min_retained_share` of the lines of the file before is
    not believed."""

    name: str
    pattern: str
    columns: tuple[Field | str, ...]  # a name alone is a text, which may be blank
    _: KW_ONLY
    delimiter: str = ","
    renamed: Mapping[str, str] = field(default_factory=dict)
    full: bool = False
    min_retained_share: float = 0.8

    @property
    def delivery(self) -> Delivery:
        return Delivery.SNAPSHOT if self.full else Delivery.EVENTS

    @property
    def fields(self) -> list[Field]:
        return [column if isinstance(column, Field) else Field(column, required=False) for column in self.columns]

    @property
    def names(self) -> list[str]:
        return [field.name for field in self.fields]


@dataclass(frozen=True)
class PartTable:
    """Rows that come in parts, such as a year each, as Arrow tables of this schema. A part lands whole when it is not what
    raw holds of it, so the latest load of a part is all there is of it."""

    name: str
    schema: "pyarrow.Schema"

    @property
    def delivery(self) -> Delivery:
        return Delivery.SNAPSHOT


Table = TypedTable | RecordTable | TextTable | PartTable
