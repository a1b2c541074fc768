"""What is known of one table of a database in one attempt to read it."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from ingestion.connectors.base import Description, ReadsInDuckDB
from ingestion.connectors.tables import TypedTable
from ingestion.landing import exact_types
from ingestion.landing.attempt import Attempt
from ingestion.landing.comparison import Comparison
from ingestion.landing.run import Options
from ingestion.landing.scratch_tables import ScratchTables
from ingestion.landing.typed_rows.columns import Column, contract, raw_name
from ingestion.sql import literal, quoted
from ingestion.warehouses import Columns

COMPARE_KEYS_ALWAYS_BELOW = 500_000  # rows in raw: comparing so many keys takes a fraction of a second


@dataclass
class TableInfo:
    """Facts of the declaration, the source, raw, and what the last load remembered. Nothing here changes them."""

    attempt: Attempt
    connection: ReadsInDuckDB
    table: TypedTable
    description: Description
    clock: datetime  # the source's, before any row was read

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def options(self) -> Options:
        return self.attempt.run.options

    @property
    def where(self) -> str:
        """The table, for people."""
        return f"table {self.connection.schema}.{self.name}"

    @property
    def module(self) -> str:
        """Where it is declared, for people."""
        return f"ingestion/sources/{self.attempt.run.source}.py"

    @property
    def today(self) -> str:
        return self.clock.date().isoformat()

    @cached_property
    def raw(self) -> Columns:
        """Raw's columns and their types."""
        return self.attempt.raw.types(self.name)

    @cached_property
    def has_rows(self) -> bool:
        return self.attempt.raw.has_rows(self.name)

    @cached_property
    def columns(self) -> list[Column]:
        return contract(self.table, self.description.columns, self.raw, self.attempt.run.session.dialect)

    @cached_property
    def key_columns(self) -> list[Column]:
        return [column for column in self.columns if column.is_called(*self.table.key)]

    @property
    def key_names(self) -> list[str]:
        return [column.raw_name for column in self.key_columns]

    @cached_property
    def doubtful(self) -> list[Column]:
        return [column for column in self.columns if column.is_doubtful]

    @cached_property
    def cursor(self) -> Column | None:
        return next((column for column in self.columns if column.is_called(self.table.cursor)), None)

    @property
    def cursor_is_time(self) -> bool:
        return self.cursor is not None and exact_types.is_time(self.cursor.own_type) and exact_types.is_time(self.cursor.raw_type)

    @property
    def known_columns(self) -> Columns:
        """The columns that raw has already, in the types of today."""
        return {c.raw_name: c.raw_type for c in self.columns if c.raw_name in self.raw}

    @cached_property
    def state(self) -> dict[str, Any]:
        """What the last load remembered."""
        return dict(self.attempt.state.get(self.name, {}))

    @property
    def types(self) -> dict[str, str]:
        """The declared types of the source's columns when it was last read."""
        return dict(self.state.get("types", {}))

    @property
    def new_columns(self) -> list[Column]:
        """Columns that raw has no values of: also in rows that have not changed since, there may be some now."""
        if not self.raw:
            return []
        known = {raw_name(self.table, name) for name in self.types} or set(self.raw)
        return [column for column in self.columns if column.raw_name not in known & set(self.raw)]

    @cached_property
    def has_differed(self) -> bool:
        """Whether the whole table has to be read, as raw was found to differ from it."""
        return not self.options.is_interval and self.attempt.log.has_differed(self.name)

    @cached_property
    def compares_keys(self) -> bool:
        """Whether this run compares keys: see `ingestion.landing.typed_rows`."""
        if not self.key_columns or not self.has_rows:
            return False
        if self.options.deletes or self.options.full or self.has_differed:
            return True
        if self.options.is_interval:
            return False
        rows = self.attempt.run.session.catalogue.size(self.attempt.raw.dataset, self.name)
        return rows < COMPARE_KEYS_ALWAYS_BELOW or self.state.get("keys_compared_on") != self.today

    @cached_property
    def scratch(self) -> ScratchTables:
        """Scratch tables: `source`, the rows that were read and fit; `validated`, all rows of a validating read, with the reason
        where one does not fit; `known`, what raw holds of them; `changes`, what is to be landed."""
        return ScratchTables(self.attempt.run.session, self.name)

    @property
    def comparison(self) -> Comparison:
        """Of the rows that were read with the versions that raw holds of them."""
        columns = [column.raw_name for column in self.columns]
        clock = f"timestamptz {literal(self.clock.isoformat())}"
        return Comparison(
            self.attempt.raw, self.scratch, self.name, columns, columns, self.key_names, self.known_columns, self._changed_at(clock), clock
        )

    def _changed_at(self, clock: str) -> str:
        """SQL: the time from which a row that was read holds, as its cursor says, but never later than the source's clock:
        what claims to be of 2099 would be the latest version for ever."""
        if not self.cursor or not self.cursor_is_time:
            return clock
        return f"least(coalesce({self.cursor.time(f'source.{quoted(self.cursor.raw_name)}')}, {clock}), {clock})"
