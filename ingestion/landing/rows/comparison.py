"""What differs from raw: SQL of DuckDB, over rows that were read into scratch tables.

Scratch tables of one table: `source`, the rows that were read and fit; `validated`, all rows of a validating read, with the
reason where one does not fit; `known`, what raw holds of them; `changes`, what is to be landed.
"""

from ingestion.landing.raw_tables import CHANGED_AT, DELETED_AT
from ingestion.landing.rows.columns import names
from ingestion.landing.rows.facts import TableFacts
from ingestion.sql import literal, quoted


class Comparison:
    """The rows of one table that were read, and the versions that raw holds of them."""

    def __init__(self, facts: TableFacts) -> None:
        self._facts = facts
        self._clock = f"timestamptz {literal(facts.clock.isoformat())}"

    @property
    def changed_at(self) -> str:
        """SQL: the time from which a row that was read holds, as its cursor says, but never later than the source's clock:
        what claims to be of 2099 would be the latest version for ever."""
        cursor = self._facts.cursor
        if not cursor or not self._facts.cursor_is_time:
            return self._clock
        return f"least(coalesce(cast(source.{quoted(cursor.raw_name)} as timestamptz), {self._clock}), {self._clock})"

    def later(self, at: str) -> str:
        """SQL: this time, when it is later than that of the version which raw holds (`latest`); else the clock, else a
        microsecond more than raw has. A transaction that began early and committed late brings an older cursor; the source's
        clock can be set back; and what the source says now is the latest version all the same."""
        known = f"latest.{CHANGED_AT}"
        return (
            f"case when {known} is null or {at} > {known} then {at} "
            f"when {self._clock} > {known} then {self._clock} else {known} + interval 1 microsecond end"
        )

    @property
    def pairs(self) -> str:
        """SQL: that `source` and `latest` are versions of one key."""
        return " and ".join(f"source.{quoted(name)} = latest.{quoted(name)}" for name in self._facts.key_names)

    def latest(self, keys: str) -> str:
        """SQL: the latest version that raw holds of each key in the relation `keys`."""
        facts = self._facts
        return facts.attempt.raw.latest_rows(facts.name, facts.known_columns, facts.key_names, keys)

    def as_new(self, rows: str) -> str:
        """SQL: the rows of a relation as they land when raw holds nothing yet."""
        columns = names(self._facts.columns)
        return f"select {columns}, cast(null as timestamptz) as {DELETED_AT}, {self.changed_at} as {CHANGED_AT} from {rows} as source"

    def different_rows(self) -> str:
        """SQL: the rows of `source` that are not the latest version of their key in raw already; without a key, those that raw
        does not hold as often."""
        facts = self._facts
        read, known = facts.scratch("source"), facts.scratch("known")
        if not facts.has_rows:
            return self.as_new(read)
        latest = self.latest(read) if facts.key_columns else facts.attempt.raw.all_rows(facts.name, facts.known_columns)
        con = facts.attempt.run.session.scratch
        con.execute(f"create or replace temp table {known.removeprefix('temp.')} as select * from {latest} as latest")
        return (
            f"select source.*, cast(null as timestamptz) as {DELETED_AT}, {self.later(self.changed_at)} as {CHANGED_AT} "
            f"from (select {names(facts.columns)} from {read} {'except' if facts.key_columns else 'except all'} "
            f"select {facts.known_names} from {known} where {DELETED_AT} is null) as source "
            f"left join {known} as latest on {self.pairs if facts.key_columns else 'false'}"
        )

    def deleted_rows(self, keys: str) -> str:
        """SQL: what raw last held of these keys, which are gone, marked with the source's time."""
        columns = ", ".join(f"latest.{quoted(name)}" for name in self._facts.known_columns)
        times = f"{self._clock} as {DELETED_AT}, {self.later(self._clock)} as {CHANGED_AT}"
        return f"select {columns}, {times} from {self.latest(keys)} as latest"
