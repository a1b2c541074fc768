"""What one read has seen of a table's records, and what follows for the source."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from ingestion.connectors.tables import RecordTable
from ingestion.exact_json import from_quarantine
from ingestion.landing.contract import REASON, RECORD, likely_name
from ingestion.landing.json_records.contract import fields_below
from ingestion.landing.json_records.record import by_place, would_mend
from ingestion.sql import literal, quoted
from ingestion.warehouses import Session

if TYPE_CHECKING:
    import duckdb

FEW = 20  # records in which an optional field may be missing by chance
FEW_WRONG = 3  # fewer records after much that is right may be wrong in the same place by chance


@dataclass
class Seen:
    """`add` takes in each batch of records; the rest is for when all came."""

    now: datetime  # when the read began: what is dated later must not end all reading
    records: int = 0
    new: int = 0  # that fit, and that raw did not hold
    highest: datetime | None = None  # cursor
    _fits_until: datetime | None = None  # the latest time of a record that fits
    _fitting_names: set[str] = field(default_factory=set)  # of the fields of records that fit
    _rejected_names: set[str] = field(default_factory=set)  # … and of those that do not
    _rejected: list[tuple[datetime | None, str, Mapping[str, str]]] = field(default_factory=list)  # time, record, what is wrong by place

    def add(self, con: "duckdb.DuckDBPyConnection", batch: str) -> None:
        """Takes in a relation of records that were validated."""
        rejected, now = f"{quoted(REASON)} is not null", f"timestamptz {literal(self.now.isoformat())}"
        [(count, highest, undated)] = con.execute(
            f"select count(*), max(updated_at) filter (updated_at <= {now}), bool_or(updated_at is null and not ({rejected})) from {batch}"
        ).fetchall()
        [(fits_until,)] = con.execute(f"select max(updated_at) from {batch} where not ({rejected}) and updated_at <= {now}").fetchall()
        self.records += count
        self.highest = max(filter(None, (self.highest, highest)), default=None)
        self._fits_until = max(filter(None, (self._fits_until, fits_until, self.now if undated else None)), default=None)
        for is_rejected, structure in con.execute(
            f"select distinct {rejected}, json_structure(coalesce(said, record)) from {batch} where record is not null"
        ).fetchall():
            (self._rejected_names if is_rejected else self._fitting_names).update(fields_below([json.loads(structure)]))
        at = f"case when updated_at > {now} then {now} else updated_at end"
        for updated_at, record, why in con.execute(
            f"select {at}, {quoted(RECORD)}, {quoted(REASON)} from {batch} where {rejected}"
        ).fetchall():
            self._rejected.append((updated_at, record, by_place(why)))

    @property
    def names(self) -> set[str]:
        """Of the fields of all records."""
        return self._fitting_names | self._rejected_names

    @property
    def has_rejected(self) -> bool:
        return bool(self._rejected)

    def violations(self, session: Session, table: RecordTable, known: Iterable[str], module: str) -> Iterator[str]:
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
        declared = {table.key, *(field.name for field in table.fields)}
        _, example, reasons = last[0]
        for place in [place for place in reasons if all(place in wrong for *_, wrong in last)]:
            yield f"{reasons[place]} in all of {len(last)} new records."
            new = self._rejected_names - (self._fitting_names or set(known)) - declared
            if now := likely_name(place, new, partial(would_mend, session, table, from_quarantine(example), place)):
                renamed = json.dumps({**table.renamed, place: now}, ensure_ascii=False)
                yield f"If it is called {now} now, write renamed={renamed} into {table.declared_as} of {module}."

    def name_changes(self, table: RecordTable, known: set[str]) -> tuple[list[str], set[str]]:
        """What people should know of fields that are new, and of those that are in no record any more; and the names to
        remember, given those that were `known`."""
        notes = []
        if known and (new := sorted(self.names - known)):
            notes.append(f"{table.name}: new in the records: {', '.join(new)}")
        mapped = tuple(f"{name}." for name in table.renamed)
        gone = sorted(name for name in known - self.names if not f"{name}.".startswith(mapped))
        if self.records >= FEW and gone:
            notes.append(f"{table.name}: no longer in any of the {self.records} records: {', '.join(gone)}")
            known = known - set(gone)
        return notes, known | self.names
