"""Compares ranges of the keys of one table: figures first, and where they differ the rows."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from functools import cached_property
from random import Random

from ingestion.operations.verify_database.judges import Differing, Judge
from ingestion.operations.verify_database.raw import RawColumn, RawTable
from ingestion.operations.verify_database.source import Family, Key, Range, Row, Selection, Snapshot
from ingestion.operations.verify_database.values import are_equal
from ingestion.operations.verify_report import TableCheck, hidden

RANGE_ROWS = 1_000


class Ranges:
    """The ranges of one table at the source, and what raw holds of them. `names` are those that quarantine may know it by."""

    def __init__(
        self, snapshot: Snapshot, selection: Selection, raw: RawTable, columns: Sequence[RawColumn], judge: Judge, names: set[str],
        check: TableCheck,
    ) -> None:  # fmt: skip
        self._snapshot, self._selection, self._judge, self._check = snapshot, selection, judge, check
        self._raw, self._columns, self._names = raw, columns, names
        places = {column.source.name: place for place, column in enumerate(columns)}
        self._key = [columns[places[column.name]] for column in selection.key]
        self._key_places = [places[column.name] for column in selection.key]
        self._cursor_place = places[selection.cursor.name] if selection.cursor else None
        self._key_names = ", ".join(column.name for column in self._key)
        self.quarantined_rows = 0  # that were left out, as raw can't hold them
        self.doubled_keys = 0  # that are no keys

    def compare(self, ranges: int, random: Random) -> None:
        """Compares so many ranges of the key that chance chooses; all, one after the other, when they are no more, or for 0."""
        rows = self._snapshot.size(self._selection.table) if ranges else 0
        if ranges and rows > ranges * RANGE_ROWS:
            for place in random.sample(range(0, rows, RANGE_ROWS), ranges):
                self._compare_range(self._snapshot.key_at(self._selection, place, rows, random), True)
            return
        last, inclusive = None, True
        while last := self._compare_range(last, inclusive):
            inclusive = False

    def _compare_range(self, start: Sequence[str] | None, inclusive: bool) -> Sequence[str] | None:
        """Compares the range that begins at (or after) this key; gives its last key, None when there was none."""
        found = self._snapshot.range(self._selection, start, inclusive, RANGE_ROWS)
        if found is None:
            return None
        self._raw.hold(found, self._columns, self._key)
        self._check.rows = (self._check.rows or 0) + len(found.keys)
        if list(found.figures) != self._raw.figures(self._columns):
            self._report(found, self._differing(found, self._snapshot.rows(self._selection, start, inclusive, RANGE_ROWS)))
        return found.own_keys[-1]

    def _differing(self, found: Range, at_source: Sequence[Row]) -> list[Differing]:
        """The rows of a range that are not in raw as they are, but for what is known to be in quarantine."""
        own_keys = dict(zip(found.keys, found.own_keys, strict=True))
        doubled = {key for key, count in Counter(found.keys).items() if count > 1}
        self.doubled_keys += len(doubled)
        in_raw = {self._key_of(row): row for row in self._raw.rows(self._columns)}
        differing = []
        for row in at_source:
            key = self._key_of(row)
            held = in_raw.get(key)
            if key in doubled or (held and not self._differing_places(row, held)):
                continue
            if key in self.quarantined:
                self.quarantined_rows += 1
                continue
            differing.append(Differing(key, own_keys[key], row, held, self._cursor_of(row), self._cursor_of(held)))
        return differing

    @cached_property
    def quarantined(self) -> set[Key]:
        """The keys of rows that wait in quarantine."""
        return self._raw.quarantined(self._names, self._key)

    def _differing_places(self, row: Row, held: Row) -> list[int]:
        return [place for place, column in enumerate(self._columns) if not are_equal(row[place], held[place], column.source.family)]

    def _key_of(self, row: Row) -> Key:
        return Key(row[place] or "" for place in self._key_places)

    def _cursor_of(self, row: Row | None) -> str | None:
        return row[self._cursor_place] if row and self._cursor_place is not None else None

    # In words

    def _report(self, found: Range, differing: Sequence[Differing]) -> None:
        certain, unsettled = self._judge.sort(differing, self._selection)
        self._check.differences += self._sentences(found, certain)
        self._check.unsettled += self._sentences(found, unsettled)

    def _sentences(self, found: Range, rows: Sequence[Differing]) -> list[str]:
        shown = [self._shown(key) for key in (found.keys[0], found.keys[-1])]
        where = f"{self._key_names} {shown[0]} to {shown[1]}" if all(shown) else f"a range of {self._key_names}"
        found_wrong, size = [], len(found.keys)
        if absent := [row for row in rows if row.in_raw is None]:
            first = self._shown(absent[0].key)
            found_wrong.append(f"{where}: {len(absent)} of {size} rows not in raw" + (f", the first {first}" if first else ""))
        both = [(row, row.in_raw) for row in rows if row.in_raw is not None]
        for place, column in enumerate(self._columns):
            family = column.source.family
            wrong = [(row, held) for row, held in both if not are_equal(row.at_source[place], held[place], family)]
            if wrong:
                values = [(row.at_source[place], held[place]) for row, held in wrong]
                first = self._shown(wrong[0][0].key)
                which = f"{self._key_names} {first}" if first else "the first"
                found_wrong.append(f"{where}: {column.name} differs in {len(wrong)} of {size} rows; {which}: {_how(values, family)}")
        return found_wrong

    def _shown(self, key: Key) -> str:
        """A key that may be shown; empty for one that may be personal."""
        return ", ".join(key) if all(column.source.is_showable for column in self._key) else ""


def _how(values: Sequence[tuple[str | None, str | None]], family: Family) -> str:
    """How the first of these values differ at source and in raw, without a value; and of numbers how much all of them do."""
    at_source, in_raw = values[0]
    # How far a value is from zero is the value.
    if at_source not in (None, "0") and in_raw not in (None, "0"):
        with suppress(ValueError, InvalidOperation, OverflowError):  # NaN, infinity, a time before our years
            if family is Family.NUMBER:
                all_of_them = sum((_distance(*pair) for pair in values if None not in pair), Decimal())
                return f"raw is off by {_distance(at_source, in_raw):f}" + f", all by {all_of_them:f}" * (len(values) > 1)
            if family is Family.TIME:
                return f"raw is off by {timedelta(microseconds=int(_distance(at_source, in_raw)))}"
    return f"source {_kind(at_source, family)}, raw {_kind(in_raw, family)}"


def _distance(at_source: str | None, in_raw: str | None) -> Decimal:
    return Decimal(str(in_raw)) - Decimal(str(at_source))


def _kind(text: str | None, family: Family) -> str:
    if family is Family.NUMBER and text == "0":
        return "zero"
    return hidden(text) if text is None or family is Family.TEXT else family.value
