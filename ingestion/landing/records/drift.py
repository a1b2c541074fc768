"""What one read has seen of a table's records, and what that says of the source."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from ingestion.exact_json import HALF
from ingestion.landing.contract import likely_name
from ingestion.landing.records.record import RecordContract, field_names

FEW = 20  # records in which an optional field may be missing by chance
FEW_WRONG = 3  # fewer records after much that is right may be wrong in the same place by chance


@dataclass
class Seen:
    """`add` takes in each record; the rest is for when all came."""

    now: datetime  # when the read began: what is dated later must not end all reading
    records: int = 0
    new: int = 0  # that fit, and that raw did not hold
    highest: datetime | None = None  # cursor
    _fits_until: datetime | None = None  # the latest time of a record that fits
    _fitting_names: set[str] = field(default_factory=set)  # of the fields of records that fit
    _rejected_names: set[str] = field(default_factory=set)  # … and of those that do not
    # Time, if there is one to be read; record; what is wrong, by place.
    _rejected: list[tuple[datetime | None, Any, Mapping[str, str]]] = field(default_factory=list)

    def add(self, said: Any, wrong: Mapping[str, str], updated_at: datetime | None) -> None:
        """Takes in a record, what is wrong with it, and its cursor."""
        self.records += 1
        if isinstance(said, dict) and HALF not in wrong:
            (self._rejected_names if wrong else self._fitting_names).update(field_names(said))
        if updated_at and updated_at <= self.now:
            self.highest = max(self.highest or updated_at, updated_at)
        if wrong:
            self._rejected.append((updated_at and min(updated_at, self.now), said, wrong))
        elif not updated_at or updated_at <= self.now:
            self._fits_until = max(self._fits_until or updated_at or self.now, updated_at or self.now)

    @property
    def names(self) -> set[str]:
        """Of the fields of all records."""
        return self._fitting_names | self._rejected_names

    @property
    def has_rejected(self) -> bool:
        return bool(self._rejected)

    def violations(self, contract: RecordContract, known: Iterable[str], module: str) -> Iterator[str]:
        """What is wrong in the same way in all records from some time on, or in all where nothing fits: that is no row that
        went wrong, the source has changed. A few at the end of much that is new and right may be chance; if not, the next run
        has nothing else. Of those without a time nobody can tell whether they are the last. `known` are names of fields that
        came before."""
        dated = [rejected for rejected in self._rejected if rejected[0]]
        last = [rejected for rejected in dated if not self._fits_until or (rejected[0] and rejected[0] > self._fits_until)]
        if not self._fits_until and not dated:
            last = self._rejected
        if not last or (self.new and len(last) < FEW_WRONG):
            return
        table = contract.table
        _, example, reasons = last[0]
        for place in [place for place in reasons if all(place in wrong for *_, wrong in last)]:
            yield f"{reasons[place]} in all of {len(last)} new records."
            new = self._rejected_names - (self._fitting_names or set(known)) - {field.name for field in contract.fields}
            if now := likely_name(place, new, partial(contract.would_mend, example, place)):
                renamed = json.dumps({**table.renamed, place: now}, ensure_ascii=False)
                yield f"If it is called {now} now, write renamed={renamed} into {table.declared_as} of {module}."

    def name_changes(self, contract: RecordContract, known: set[str]) -> tuple[list[str], set[str]]:
        """What people should know of fields that are new, and of those that are in no record any more; and the names to
        remember, given those that were `known`."""
        notes, table = [], contract.table
        if known and (new := sorted(self.names - known)):
            notes.append(f"{table.name}: new in the records: {', '.join(new)}")
        mapped = tuple(f"{name}." for name in table.renamed)
        gone = sorted(name for name in known - self.names if not f"{name}.".startswith(mapped))
        if self.records >= FEW and gone:
            notes.append(f"{table.name}: in none of the {self.records} records any more: {', '.join(gone)}")
            known = known - set(gone)
        return notes, known | self.names
