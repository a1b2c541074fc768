"""What differs between the same table on several engines: rows by their key, columns by their type."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from engines.servers import Column

# What a type of an engine's catalogue can mean: two columns are of the same type when they can mean the same.
# Widths of integers are not compared, as BigQuery has one; raw JSON is text there, for its own JSON type rounds numbers.
MEANINGS = {
    "integer": {"integer"}, "bigint": {"integer"}, "smallint": {"integer"},
    "decimal": {"decimal"}, "numeric": {"decimal"},
    "varchar": {"text"}, "character varying": {"text"}, "text": {"text"}, "string": {"text", "json"}, "json": {"json"},
    "boolean": {"boolean"}, "date": {"date"},
    "timestamp with time zone": {"timestamp"}, "timestamp": {"timestamp"},
}  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """One value that is not the same everywhere, by engine."""

    table: str
    key: str
    column: str
    values: dict[str, str]


def differing_rows(table: str, columns: Sequence[str], key: Sequence[str], rows: dict[str, Sequence[tuple]]) -> Iterator[Difference]:
    """Every value that is not the same on all engines, and every row that is missing on one.

    `columns` name the values of a row. Rows with the same key are distinguished by their number, in the order of their values.
    """
    indexed = {engine: _indexed(columns, key, found) for engine, found in rows.items()}
    if all(index == next(iter(indexed.values())) for index in indexed.values()):
        return
    for identity in sorted(set().union(*indexed.values()), key=repr):
        found = {engine: index.get(identity) for engine, index in indexed.items()}
        name = ", ".join(f"{column}={value}" for column, value in zip(key, identity, strict=False))
        if None in found.values():
            yield Difference(table, name, "(row)", {engine: "missing" if row is None else "there" for engine, row in found.items()})
            continue
        for position, column in enumerate(columns):
            values = {engine: row[position] for engine, row in found.items()}
            first = next(iter(values.values()))
            if any(value != first for value in values.values()):
                yield Difference(table, name, column, {engine: _shown(value) for engine, value in values.items()})


def _indexed(columns: Sequence[str], key: Sequence[str], rows: Sequence[tuple]) -> dict[tuple, tuple]:
    """Rows by key and number."""
    places = [columns.index(column) for column in key]
    index = {(*(row[place] for place in places), 0): row for row in rows}
    if len(index) == len(rows):
        return index
    seen: Counter = Counter()
    for row in sorted(rows, key=repr):
        identity = tuple(row[place] for place in places)
        index[(*identity, seen[identity])] = row
        seen[identity] += 1
    return index


def _shown(value: Any) -> str:
    """Strings in quotes: an empty one is not null, and spaces are seen."""
    return "null" if value is None else repr(value) if isinstance(value, str) else str(value)


def differing_columns(table: str, columns: dict[str, list[Column]], strict: bool) -> Iterator[Difference]:
    """Columns that are not everywhere, in another order, or of another type; and where null is allowed here and not there.

    strict: also the digits of decimals, which only a contract fixes: a view forgets them on some engines.
    """
    names = {engine: [column.name for column in found] for engine, found in columns.items()}
    if len({tuple(each) for each in names.values()}) > 1:
        yield Difference(table, "", "(columns)", {engine: ", ".join(each) for engine, each in names.items()})
        return
    for same in zip(*columns.values(), strict=True):
        found = dict(zip(columns, same, strict=True))
        meanings = [_meanings(column.kind, strict) for column in same]
        if not set.intersection(*meanings):
            yield Difference(table, "", f"{same[0].name}: type", {engine: column.kind for engine, column in found.items()})
        if len({column.is_nullable for column in same}) > 1:
            nulls = {engine: "may be null" if column.is_nullable else "not null" for engine, column in found.items()}
            yield Difference(table, "", f"{same[0].name}: null", nulls)


def _meanings(kind: str, strict: bool) -> set[str]:
    name, size = re.fullmatch(r"([^(]*)(\(.*\))?", kind.lower()).groups()
    found = MEANINGS.get(name.strip(), {name})
    return {f"decimal{(size or '').replace(' ', '')}"} if strict and found == {"decimal"} else found
