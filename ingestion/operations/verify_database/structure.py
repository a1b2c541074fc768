"""Which columns of a source's table are which of raw's, and which are not compared, and why."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ingestion.connectors.tables import TypedTable
from ingestion.operations.verify_database.names import match, matched
from ingestion.operations.verify_database.raw import RawColumn
from ingestion.operations.verify_database.source import Column
from ingestion.warehouses import Columns


@dataclass
class Structure:
    """A table's columns at the source and in raw."""

    columns: list[RawColumn] = field(default_factory=list)  # that are at both
    key: list[RawColumn] = field(default_factory=list)
    cursor: RawColumn | None = None
    undeclared: list[str] = field(default_factory=list)  # columns of the key, or the cursor, that are not at both
    only_at_source: list[str] = field(default_factory=list)
    only_in_raw: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)  # why, by column


def structure(table: TypedTable, at_source: Sequence[Column], in_raw: Columns) -> Structure:
    """Finds for each of the source's columns raw's, as declared or by likeness."""
    found = Structure(left_out=dict.fromkeys(table.excluded, "excluded"))
    given = {column.name: column for column in at_source if column.name not in table.excluded}
    found.unreadable = [name for name, column in given.items() if not column.is_readable]
    names = _raw_names(table, given, in_raw)
    found.columns = [
        RawColumn(column, names[name], in_raw[names[name]])
        for name, column in given.items()
        if name in names and name not in found.unreadable
    ]
    found.only_at_source = [name for name in given if name not in names and name not in found.unreadable]
    rest = [name for name in in_raw if name not in names.values()]
    given_up = {**_matched(table.excluded, rest, "excluded"), **_matched(table.retired, rest, "retired")}
    found.left_out |= given_up
    found.only_in_raw = [name for name in rest if name not in given_up]
    key = [(name, _called(name, found.columns)) for name in table.key]
    found.key = [column for _, column in key if column]
    found.cursor = _called(table.cursor, found.columns) if table.cursor else None
    found.undeclared = [name for name, column in key if not column]
    found.undeclared += [table.cursor] if table.cursor and not found.cursor else []
    return found


def _raw_names(table: TypedTable, given: Mapping[str, Column], in_raw: Columns) -> dict[str, str]:
    """By the source's name of a column: raw's."""
    names = {now: raw for declared, now in table.renamed.items() if now in given and (raw := match(declared, in_raw))}
    rest = [name for name in in_raw if name not in names.values()]
    return {**names, **matched([name for name in given if name not in names], rest)}


def _matched(names: Iterable[str], candidates: Sequence[str], why: str) -> dict[str, str]:
    return dict.fromkeys(matched(names, candidates).values(), why)


def _called(name: str, columns: Sequence[RawColumn]) -> RawColumn | None:
    """The column that is called so at the source, or in raw."""
    by_name = [column for column in columns if column.source.name == name] or [column for column in columns if column.name == name]
    return by_name[0] if by_name else None
