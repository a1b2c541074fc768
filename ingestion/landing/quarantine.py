"""Rows that do not fit their table's contract, kept whole with the reason: `raw_<source>.quarantine`.

A row is open until a later version of its key lands (superseded), the source no longer says it (withdrawn), or `ingest
replay` lands it (replayed).
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

from ingestion.errors import redact
from ingestion.landing.own_tables import Hints
from ingestion.landing.raw_tables import CHANGED_AT, RawTables

TABLE = "quarantine"
COLUMNS: Hints = {
    "table_name": {"data_type": "text", "nullable": False},
    "row_id": {"data_type": "text", "nullable": False},
    "row_key": {"data_type": "text"},
    "record": {"data_type": "json", "nullable": False},
    "reason": {"data_type": "text", "nullable": False},
    CHANGED_AT.removeprefix("_"): {"data_type": "timestamp"},
    "first_seen_at": {"data_type": "timestamp", "nullable": False},
    "last_seen_at": {"data_type": "timestamp", "nullable": False},
    "closed_at": {"data_type": "timestamp"},
    "closed_as": {"data_type": "text"},
}
# What a replay may put into its place: open, or a version of its own before the one that superseded it.
REPLAYABLE = "(closed_at is null or closed_as = 'superseded')"
MARKED_AT_ONCE = 1_000  # rows by one statement
BATCH_ROWS = 100_000
NOTED_REASONS = 5  # that a run notes; `ingest status` counts all


@dataclass(frozen=True)
class RejectedRow:
    """A source's row that does not fit its table's contract: whole, as JSON, with the reason. `key` is the row's key as
    JSON (`key_text`), `changed_at` the time from which the version holds, where they are known."""

    record: str
    reason: str
    key: str | None = None
    changed_at: datetime | None = None

    def id(self, table: str) -> str:
        """The same for the same row of the same table, whenever it is seen."""
        return hashlib.md5(f"{table}|{self.record}".encode(), usedforsecurity=False).hexdigest()


class QuarantinedRow(NamedTuple):
    """A row that is in quarantine, as a replay takes it."""

    row_id: str
    record: str
    changed_at: Any
    load_id: str
    is_open: bool = True  # False: a later version of its key has landed


class OpenRow(NamedTuple):
    """What a run needs to know of a row that is open."""

    row_id: str
    changed_at: datetime | None


def key_text(values: Iterable[Any]) -> str:
    """A row's key as text: `["17"]`."""
    return json.dumps([str(value) for value in values], ensure_ascii=False)


def key_texts(found: Any) -> Iterator[str]:
    """The keys that a query of the scratch database has found."""
    while rows := found.fetchmany(BATCH_ROWS):
        yield from map(key_text, rows)


class Quarantine:
    """The quarantine of one source in one attempt to read it."""

    def __init__(self, raw: RawTables, secrets: set[str]) -> None:
        self._raw, self._session, self._secrets = raw, raw.session, secrets
        self._rejected: dict[str, list[RejectedRow]] = {}  # by table
        self._superseded: set[str] = set()  # ids of rows of whose keys a later version came, and fits
        self._withdrawn: set[str] = set()  # … of which the source says now that they are otherwise
        self._seen_again: set[str] = set()  # … of those that came again as they were
        self.new: Counter[str] = Counter()  # by table: rows that were not in quarantine before

    # While tables are read

    def reject(self, table: str, rows: Collection[RejectedRow]) -> None:
        """Takes in rows that do not fit the table's contract."""
        self._rejected.setdefault(table, []).extend(rows)

    def lands(self, table: str, key: str, changed_at: datetime) -> None:
        """Notes that a version of this key lands, which holds from a time on. What is in quarantine of an earlier one is
        superseded, and a replay may still put it into its place; what is there of this very version, or claims to be of a
        later one, is withdrawn."""
        for row in self.open_keys(table).get(key, ()):
            is_earlier = row.changed_at is None or changed_at > row.changed_at
            (self._superseded if is_earlier else self._withdrawn).add(row.row_id)

    def withdraw(self, table: str, key: str) -> None:
        """Notes that the source says of this key what raw holds already, or nothing any more: what is in quarantine of it is
        withdrawn."""
        self._withdrawn |= {row.row_id for row in self.open_keys(table).get(key, ())}

    def withdraw_keys(self, table: str, query: str) -> None:
        """Withdraws what is in quarantine of the keys that a query of the scratch database gives."""
        if not self.open_keys(table):
            return
        for key in key_texts(self._session.scratch.execute(query)):
            self.withdraw(table, key)

    def supersede(self, row_ids: Iterable[str]) -> None:
        """Notes that these rows came again."""
        self._superseded.update(row_ids)

    def closing(self, table: str) -> dict[str, list[str]]:
        """What is to be closed when the load is complete, for dlt's state: a run that dies when its load is complete has yet
        to do it, and the next one does."""
        # An earlier version of what still does not fit was there, too.
        self._withdrawn.difference_update(row.id(table) for row in self._rejected.get(table, ()))
        return {"superseded": sorted(self._superseded), "withdrawn": sorted(self._withdrawn)}

    def new_rows(self) -> list[dict[str, Any]]:
        """The rejected rows that are not in quarantine yet, each once."""
        known = {row.row_id for rows in self._open.values() for _, row in rows} if self._rejected else set()
        now, found = datetime.now(UTC), []
        for table, rows in self._rejected.items():
            for row_id, row in {row.id(table): row for row in rows}.items():
                if row_id in known:
                    self._seen_again.add(row_id)
                    continue
                self.new[table] += 1
                found.append(self._row(table, row_id, row, now))
        return found

    def _row(self, table: str, row_id: str, row: RejectedRow, now: datetime) -> dict[str, Any]:
        return {
            "table_name": table,
            "row_id": row_id,
            "row_key": row.key,
            "record": row.record,
            "reason": redact(row.reason, self._secrets),
            "changed_at": row.changed_at,
            "first_seen_at": now,
            "last_seen_at": now,
        }

    # What is there

    @cached_property
    def _open(self) -> dict[str, list[tuple[str | None, OpenRow]]]:
        """By table: the rows that are open, with their keys. Fetched once an attempt."""
        found = defaultdict(list)
        for table, key, row_id, changed_at in self._rows("table_name", "row_key", "row_id", "changed_at"):
            found[table].append((key, OpenRow(row_id, changed_at)))
        return dict(found)

    @cached_property
    def _open_keys(self) -> dict[str, dict[str, list[OpenRow]]]:
        found: dict[str, dict[str, list[OpenRow]]] = {}
        for table, rows in self._open.items():
            for key, row in rows:
                if key:
                    found.setdefault(table, {}).setdefault(key, []).append(row)
        return found

    def open_keys(self, table: str) -> dict[str, list[OpenRow]]:
        """By key: the rows of a table that are open, and from when on they hold."""
        return self._open_keys.get(table, {})

    def open_records(self, table: str) -> list[tuple[str, str]]:
        """Id and record of the rows of a table that are open."""
        if table not in self._open:
            return []
        is_table = f"table_name = {self._session.dialect.literal(table)}"
        return [(row_id, record) for row_id, record in self._rows("row_id", "record", where=f"closed_at is null and {is_table}")]

    def replayable(self) -> dict[str, list[QuarantinedRow]]:
        """By table: the rows that a replay puts through again."""
        found: dict[str, list[QuarantinedRow]] = {}
        columns = ("table_name", "row_id", "record", "changed_at", "_dlt_load_id", "closed_at")
        for table, row_id, record, changed_at, load_id, closed_at in self._rows(*columns, where=REPLAYABLE):
            found.setdefault(table, []).append(QuarantinedRow(row_id, record, changed_at, load_id, closed_at is None))
        return found

    def _rows(self, *columns: str, where: str = "closed_at is null") -> list[tuple[Any, ...]]:
        if not self._raw.has_rows(TABLE):
            return []
        names = ", ".join(map(self._session.dialect.quoted, columns))
        return self._session.rows(f"select {names} from {self._raw.complete_rows(TABLE)} as known where {where}")

    # When the load is complete

    def after_load(self) -> None:
        """Marks what came again, and closes what is no longer what the source says."""
        self.mark(self._seen_again, f"last_seen_at = {self._session.dialect.literal(datetime.now(UTC))}")
        self._close({"superseded": self._superseded, "withdrawn": self._withdrawn})

    def close_left(self, states: Iterable[Mapping[str, Any]]) -> None:
        """Does what a run that died before `after_load` has left to do: the states of its tables have come with its load."""
        for state in states:
            if "read_at" in state:  # a row that is as bad as one that was closed can have come since
                self._close(state, f"first_seen_at <= {self._session.dialect.literal(_end_of_second(state['read_at']))}")

    def _close(self, ids: Mapping[str, Any], condition: str = "true") -> None:
        for closed_as in ("superseded", "withdrawn"):
            change = f"closed_at = {self._session.dialect.literal(datetime.now(UTC))}, closed_as = '{closed_as}'"
            self.mark(ids.get(closed_as, ()), change, f"closed_at is null and {condition}")

    def mark(self, ids: Iterable[str], change: str, condition: str = "closed_at is null") -> None:
        """Changes these rows if they fulfil a condition, by default that they are open."""
        chosen = sorted(ids)
        for start in range(0, len(chosen), MARKED_AT_ONCE):
            some = ", ".join(map(self._session.dialect.literal, chosen[start : start + MARKED_AT_ONCE]))
            self._session.execute(f"update {self._raw.name(TABLE)} set {change} where row_id in ({some}) and {condition}")

    def close_replayed(self, fitting: Iterable[str], reasons: Mapping[str, str]) -> None:
        """Closes rows that a replay has landed, and writes down why others, by id, do not fit today. A replay that dies before
        this does no harm: the next one finds that raw holds the rows."""
        now = self._session.dialect.literal(datetime.now(UTC))
        self.mark(fitting, f"closed_at = {now}, closed_as = 'replayed'", REPLAYABLE)
        by_reason: dict[str, list[str]] = {}
        for row_id, reason in reasons.items():
            by_reason.setdefault(reason, []).append(row_id)
        for reason, ids in by_reason.items():
            self.mark(ids, f"reason = {self._session.dialect.literal(redact(reason, self._secrets))}", REPLAYABLE)

    def notes(self, source: str) -> Iterator[str]:
        """What people should know of the rows that are open, by table and reason."""
        open_rows = Counter(self._rows("table_name", "reason"))
        for (table, reason), count in open_rows.most_common(NOTED_REASONS):
            yield f"{table}: {count} row{'s' * (count != 1)} in quarantine: {reason}"
        if open_rows:
            yield f"once you have fixed the contract or the mapping: ingest replay {source}"


def _end_of_second(written: str) -> datetime:
    """The end of the second in a state, which has whole seconds."""
    return datetime.fromisoformat(written) + timedelta(seconds=1)
