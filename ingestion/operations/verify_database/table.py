"""Compares one table of a database with raw: its columns, its keys, and its rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import psycopg

from ingestion.connectors.tables import TypedTable
from ingestion.errors import IngestError
from ingestion.landing.run import Run
from ingestion.operations.verify_database.judges import ByCursor, ByEarlierSnapshot, Judge, Nobody
from ingestion.operations.verify_database.ranges import Ranges
from ingestion.operations.verify_database.raw import LastRead, RawColumn, RawTable
from ingestion.operations.verify_database.source import Column, Counts, Family, Selection, Snapshot
from ingestion.operations.verify_database.structure import Structure, structure
from ingestion.operations.verify_database.values import can_be_summed
from ingestion.operations.verify_report import TableCheck
from ingestion.settings import lookback


@dataclass(frozen=True)
class Depth:
    """How much of each table is compared: so many ranges, which chance chooses, all for 0. A sample, right after a load, looks
    at neither columns nor counts; it has a snapshot from before the load."""

    ranges: int
    random: Random
    is_sample: bool = False
    before: Snapshot | None = None


class TableComparison:
    """One table at one moment, and its raw table. `remembered` is what the last load remembered of it."""

    def __init__(
        self, run: Run, table: TypedTable, columns: Sequence[Column], raw: RawTable, remembered: dict[str, Any], depth: Depth,
        check: TableCheck,
    ) -> None:  # fmt: skip
        self._run, self._table, self._raw, self._depth, self._check = run, table, raw, depth, check
        self._reached: str | None = remembered.get("cursor")
        self._names = {table.name, raw.name}
        self._structure: Structure = structure(table, columns, raw.columns)

    def compare(self, snapshot: Snapshot) -> None:
        """Compares what can be; what can't is said."""
        check, found = self._check, self._structure
        if not self._depth.is_sample:
            self._check_columns(found)
        if found.undeclared:
            check.not_compared = f"the declared key or cursor {', '.join(found.undeclared)} is not at the source and in raw"
            return
        read = self._raw.last_read(self._names)
        if read is None:
            check.not_compared = "no complete read of it is known"
            return
        check.read_at = read.at
        if not found.key:
            if not self._depth.is_sample:
                self._compare_without_key(snapshot)
            return
        selection, judge = self._selection(snapshot, read)
        ranges = Ranges(snapshot, selection, self._raw, found.columns, judge, self._names, check)
        if not self._depth.is_sample:
            self._compare_keys(snapshot, selection, judge, ranges)
        ranges.compare(self._depth.ranges, self._depth.random)
        if self._depth.is_sample:
            check.unsettled.clear()  # which the next read takes
        if ranges.quarantined_rows:
            check.notes.append(f"{ranges.quarantined_rows} rows in quarantine, which are not in raw")
        if ranges.doubled_keys and self._depth.is_sample:
            check.differences.append(f"the key {self._key_names} is not a key at the source: {ranges.doubled_keys} come more than once")

    @property
    def _key_names(self) -> str:
        return ", ".join(column.source.name for column in self._structure.key)

    # Columns

    def _check_columns(self, found: Structure) -> None:
        check = self._check
        check.differences += [
            f"column {name} is at the source, and raw has none for it: it is new since the last read, or landed under another name"
            for name in found.only_at_source
        ]
        check.differences += [
            f"column {name} of raw is not at the source: it was removed or renamed there, and is neither retired nor renamed here"
            for name in found.only_in_raw
        ]
        if found.unreadable:
            check.not_compared = f"column {', '.join(found.unreadable)} may not be read. Grant SELECT on it"
        if found.left_out:
            check.notes.append(f"not compared: {', '.join(f'column {name} ({why})' for name, why in found.left_out.items())}")

    # Which rows

    def _selection(self, snapshot: Snapshot, read: LastRead) -> tuple[Selection, Judge]:
        """What is compared, and who knows what changed since it was read."""
        found = self._structure
        columns, key = [column.source for column in found.columns], [column.source for column in found.key]
        summed = frozenset(c.source.name for c in found.columns if can_be_summed(c.source.family, c.kind))
        cursor = found.cursor.source if found.cursor else None
        before = self._depth.before
        if cursor is None or cursor.family is not Family.TIME:
            why = "it has no cursor" if cursor is None else f"its cursor {cursor.name} is not a time"
            self._check.notes.append(f"{why}, so all rows are compared as they are now")
            selection = Selection(self._table.name, columns, key, summed=summed)
            return selection, ByEarlierSnapshot(before) if before else Nobody()
        ago = lookback(self._run.source)
        # When the table was empty there is no cursor: what was there long before that read is in raw all the same.
        reached = self._reached or (read.until - ago).isoformat()
        selection = Selection(self._table.name, columns, key, cursor, reached, summed)
        if before:
            return selection, ByEarlierSnapshot(before)
        return selection, ByCursor(int(snapshot.plain(reached, cursor)), ago)

    # Keys

    def _compare_keys(self, snapshot: Snapshot, selection: Selection, judge: Judge, ranges: Ranges) -> None:
        """Counts rows and keys on both sides, and finds the keys that only one of them has."""
        check, counts = self._check, snapshot.counts(selection)
        check.at_source = counts.rows
        check.in_raw, key_hash = self._raw.key_counts(self._structure.key)
        self._check_key(counts)
        if counts.newer:
            check.notes.append(f"{counts.newer:,} rows changed since the last read, and are not compared")
        if (check.in_raw, key_hash) == (counts.keys, counts.key_hash):
            return
        keys = [*selection.key, *([selection.cursor] if selection.cursor else [selection.key[0]])]
        deleted, missing = self._raw.compare_keys(snapshot.all_rows(Selection(selection.table, keys)), len(selection.key))
        if deleted:
            check.unsettled.append(f"{deleted:,} rows of raw are not at the source")
        missing = [(key, cursor) for key, cursor in missing if key not in ranges.quarantined]
        if not self._depth.ranges:
            return  # each is found in its range
        if isinstance(judge, ByCursor):
            missing = [(key, cursor) for key, cursor in missing if not judge.is_newer(cursor)]
        certain = [key for key, cursor in missing if isinstance(judge, ByCursor) and not judge.may_be_late(cursor, None)]
        for found, count in ((check.differences, len(certain)), (check.unsettled, len(missing) - len(certain))):
            found += [f"{count:,} keys of the source are not in raw"] if count else []

    def _check_key(self, counts: Counts) -> None:
        names, table = self._key_names, self._table.name
        if counts.without_key:
            self._check.differences.append(f"the key {names} is not a key at the source: it is null in {counts.without_key:,} rows")
        rows = counts.rows - counts.without_key
        if counts.keys < rows:
            self._check.differences.append(
                f"the key {names} is not a key at the source: {rows:,} rows have {counts.keys:,} different keys. They are found by: "
                f"select {names}, count(*) from {table} group by {names} having count(*) > 1"
            )

    # Without a key

    def _compare_without_key(self, snapshot: Snapshot) -> None:
        """Looks in raw for each of the source's rows, as often as the source has it. Raw keeps deleted rows."""
        check = self._check
        columns = [column for column in self._structure.columns if not self._is_rewritten(column)]
        selection = Selection(self._table.name, [column.source for column in columns])
        check.in_raw, check.at_source, missing = self._raw.count_missing(snapshot.all_rows(selection), columns)
        check.rows = check.at_source
        check.notes.append("it has no key: raw is searched for each row, and keeps deleted rows")
        if others := [column.name for column in self._structure.columns if column not in columns]:
            check.notes.append(f"not compared: column {', '.join(others)} (JSON, which the warehouse writes in its own way)")
        if missing:
            check.unsettled.append(f"{missing:,} of {check.at_source:,} rows are not in raw")

    def _is_rewritten(self, column: RawColumn) -> bool:
        return column.source.family is Family.JSON and not self._run.session.scratch_is_warehouse


def why_not(error: Exception) -> str:
    """Why a table could not be compared, without a value: what drivers say quotes them."""
    if isinstance(error, IngestError):
        return str(error)
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return "its rows may not be read. Grant SELECT on it"
    state = getattr(error, "sqlstate", None)
    return f"could not be compared: {type(error).__name__}" + (f" ({state})" if state else "")
