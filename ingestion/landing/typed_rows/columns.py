"""The contract of one column: what it is at the source and in raw, and the SQL of DuckDB that holds the one to the other."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ingestion.connectors.base import SourceColumn
from ingestion.connectors.tables import TypedTable
from ingestion.dlt_internals import pipeline as dlt_pipeline
from ingestion.landing import exact_types
from ingestion.landing.column_types import dlt_hint
from ingestion.landing.contract import Contract
from ingestion.sql import literal, quoted
from ingestion.warehouses import Columns, Dialect


@dataclass(frozen=True)
class Column:
    """A source's column, and what it is in raw. Types are DuckDB's names: `own_type` is the one that the source's values have,
    `raw_type` the one in which they land: raw's, where raw has the column already."""

    source: SourceColumn
    raw_name: str
    raw_type: str
    required: bool
    is_changed: bool  # whether the source's type is another than raw's

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def own_type(self) -> str:
        return self.source.own_type

    @property
    def hint(self) -> dict[str, Any]:
        """dlt's type; empty for one that we never make."""
        return dlt_hint(self.raw_type)

    @property
    def received(self) -> str:
        """The value of what was read; fails on one that does not fit."""
        name = quoted(self.name)
        value = exact_types.checked(name, self.raw_type)
        if self.required and self.source.nullable:
            value = f"case when {name} is null then error('Conversion Error: no value') else {value} end"
        return f"{value} as {quoted(self.raw_name)}"

    @property
    def value(self) -> str:
        """The value of its text; null when that does not fit."""
        return f"case when {self.fits} then {exact_types.value(quoted(self.name), self.raw_type)} end"

    @property
    def fits(self) -> str:
        """Whether its text fits raw's column. Bytes and JSON can't be distinguished from text that looks like them."""
        if self.is_changed and self.raw_type in ("BLOB", "JSON"):
            return f"({quoted(self.name)} is null)"
        return exact_types.fits(quoted(self.name), self.raw_type)

    @property
    def reason(self) -> str:
        """Why its text does not fit; null when it does. It names no value, which could be personal: the row in quarantine has it."""
        name, value = literal(self.name), quoted(self.name)
        none = f"when {value} is null then {name} || ' is null, and is required' " if self.required else ""
        why = literal(f"{self.name} is not a valid {exact_types.described(self.raw_type)}")
        return f"case {none}when {value} is not null and not {self.fits} then {why} end"

    def time(self, value: str) -> str:
        """SQL: the point in time of its value in raw. One without a zone is of the zone that was declared, else UTC."""
        if self.source.timezone and {self.own_type, self.raw_type} <= {"TIMESTAMP", "DATE"}:
            return f"(cast({value} as timestamp) at time zone {literal(self.source.timezone)})"
        return f"cast({value} as timestamptz)"

    @property
    def is_doubtful(self) -> bool:
        """Whether the source's type is another than raw's, and has values that raw's can't hold."""
        return self.is_changed and not exact_types.takes_all(self.raw_type, self.own_type)

    def is_called(self, *names: str | None) -> bool:
        """Whether it has one of these names, at the source or in raw."""
        return self.name in names or self.raw_name in names


def raw_name(table: TypedTable, column: str) -> str:
    """The name in raw of a source's column."""
    return next((name for name, now in table.renamed.items() if now == column), None) or dlt_pipeline.raw_name(column)


def contract(table: TypedTable, columns: Iterable[SourceColumn], raw: Columns, dialect: Dialect) -> list[Column]:
    """A source's columns under their contract; what raw has already lands in raw's type."""
    found = []
    for column in columns:
        name = raw_name(table, column.name)
        held = raw.get(name)
        is_changed = held is not None and held != dialect.stored(column.own_type)
        required = not {column.name, name}.isdisjoint({*table.key, *table.required})
        found.append(Column(column, name, held if held and is_changed else column.own_type, required, is_changed))
    return found


def contract_of_raw(table: TypedTable, raw: Columns) -> list[Column]:
    """Raw's columns, as if the source had each under the same name and of the same type: for rows that come from quarantine."""
    names = {*table.key, *table.required}
    required = names | {raw_name(table, column) for column in names}
    return [
        Column(SourceColumn(name, kind, kind, True, kind, quoted(name), quoted(name)), name, kind, name in required, False)
        for name, kind in raw.items()
    ]


def names(columns: Iterable[Column]) -> str:
    """SQL: the columns, by raw's names."""
    return ", ".join(quoted(column.raw_name) for column in columns)


def row_contract(columns: Iterable[Column], carried: Mapping[str, str]) -> Contract:
    """What rows of texts must be, by the source's names of their columns."""
    columns = list(columns)
    return Contract(
        values={column.raw_name: column.value for column in columns},
        reasons=[column.reason for column in columns],
        record=f"to_json({{{', '.join(f'{literal(column.name)}: {quoted(column.name)}' for column in columns)}}})",
        carried=carried,
    )
