"""What one run of one source works with: the warehouse's raw tables, what was asked for, what was remembered."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow

from ingestion.engines import NO_KEYS, Columns, Session, keys_as_json
from ingestion.errors import IngestError, first_line, redact
from ingestion.settings import OWN_TABLES

if TYPE_CHECKING:
    from dlt.extract import DltResource

# More keys than that, and all of a raw table is fetched rather than theirs; BigQuery takes questions of 10 MB.
NAMED_KEYS, NAMED_BYTES = 500_000, 8_000_000
MARKED_AT_ONCE = 1_000  # rows of quarantine by one statement
QUARANTINE_NOTES = 5  # reasons that a run tells of; `ingest status` counts all

DELETED_AT, CHANGED_AT = "_deleted_at", "_changed_at"
INSTANT = "TIMESTAMP WITH TIME ZONE"
DIFFERS = "differs"  # the outcome of a read after which raw is not what the source says
READS = {
    "read_id": {"data_type": "bigint", "nullable": False},
    "table_name": {"data_type": "text", "nullable": False},
    "read_at": {"data_type": "timestamp", "nullable": False},
    "outcome": {"data_type": "text", "nullable": False},
    "reason": {"data_type": "text"},
    "read_from": {"data_type": "timestamp"},
    "read_until": {"data_type": "timestamp"},
    "is_interval": {"data_type": "bool"},  # whether only an interval was asked for, which says nothing of what is new
    "rows_landed": {"data_type": "bigint"},  # null for a first load inside DuckDB until it has been counted
    "rows_quarantined": {"data_type": "bigint", "nullable": False},
}
QUARANTINE = {
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
ARROW = {
    "bigint": pyarrow.int64(),
    "text": pyarrow.string(),
    "json": pyarrow.string(),
    "bool": pyarrow.bool_(),
    "timestamp": pyarrow.timestamp("us", "UTC"),
}


@dataclass(frozen=True)
class Misfit:
    """A source's row that does not fit its table's contract: whole, as JSON, with the reason. `key` is the row's key as
    JSON (`key_text`), `changed_at` the instant from which the version holds, where they are known."""

    record: str
    reason: str
    key: str | None = None
    changed_at: datetime | None = None

    def id(self, table: str) -> str:
        """The same for the same row of the same table, whenever it is seen."""
        return hashlib.md5(f"{table}|{self.record}".encode(), usedforsecurity=False).hexdigest()


def key_text(values: Iterable[Any]) -> str:
    """A row's key as text: `["17"]`."""
    return json.dumps([str(value) for value in values], ensure_ascii=False)


@dataclass(frozen=True)
class Options:
    """What was asked for. An interval [since, until) is read again without moving the cursor."""

    since: datetime | None = None
    until: datetime | None = None
    full: bool = False  # read all there is, and land what differs from raw
    deletes: bool = False  # compare keys whether it is due or not
    allow_deletes: bool = False  # believe a source that lost much of a table
    known: bool = False  # read only what was read before, as it was then: for comparing

    @property
    def is_interval(self) -> bool:
        return self.since is not None or self.until is not None

    def covers(self, instant: datetime) -> bool:
        return (self.since is None or instant >= self.since) and (self.until is None or instant < self.until)


@dataclass(frozen=True)
class Progress:
    """One step of a run, for a progress bar: what is happening to which table, and the rows so far (if known)."""

    source: str
    table: str | None
    step: str  # reading, loading, done or failed
    rows: int | None = None


@dataclass
class Context:
    """One run of one source."""

    source: str
    session: Session
    options: Options
    state: dict[str, dict[str, Any]]  # by table: what its last complete load remembered
    report: Callable[[Progress], None] = lambda progress: None
    skipped: frozenset[str] = frozenset()  # tables that failed to load a moment ago
    unchecked: set[str] = field(default_factory=set)  # … that are landed as they come, in the belief that all of it fits
    doubted: set[str] = field(default_factory=set)  # … that did not: the next attempt looks at each of their values
    secrets: set[str] = field(default_factory=set)  # never to be shown
    failures: dict[str, str] = field(default_factory=dict)  # by table: why it was not loaded
    stopped: set[str] = field(default_factory=set)  # … those whose contract the source no longer fulfils
    misfits: dict[str, list[Misfit]] = field(default_factory=dict)  # by table: what does not fit its contract
    intervals: dict[str, tuple[datetime | None, datetime | None]] = field(default_factory=dict)  # by table: see `covers`
    landed: Counter = field(default_factory=Counter)  # by table: rows
    uncounted: set[str] = field(default_factory=set)  # tables whose rows a SELECT in the warehouse landed
    waiting: dict[str, dict[str, list[tuple[str, datetime | None]]]] = field(default_factory=dict)  # see quarantined_keys
    superseded: set[str] = field(default_factory=set)  # ids of quarantined rows of whose keys a later version came, and fits
    withdrawn: set[str] = field(default_factory=set)  # … of which the source says now that they are otherwise
    seen_again: set[str] = field(default_factory=set)  # … of those that came again as they were
    quarantined: Counter = field(default_factory=Counter)  # by table: rows that are new in quarantine
    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    notes: list[str] = field(default_factory=list)  # what people should know although all went well
    replayed: Callable[["Context"], list["DltResource"]] | None = None  # gives the rows of a replay, which are loaded instead
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by table: the columns by which raw is looked up
    types: dict[str, Columns] = field(default_factory=dict)  # by table: what raw_types has found

    def begin_attempt(self, state: dict[str, dict[str, Any]]) -> None:
        """Forgets what an attempt to read the source has found, but for the tables that failed in it."""
        self.state, self.skipped = state, frozenset(self.failures)
        for found in (
            self.types,
            self.unchecked,
            self.misfits,
            self.intervals,
            self.landed,
            self.uncounted,
            self.superseded,
            self.withdrawn,
            self.seen_again,
            self.quarantined,
        ):
            found.clear()

    @property
    def dataset(self) -> str:
        return f"raw_{self.source}"

    def raw(self, table: str) -> str:
        """The raw table's name in SQL."""
        return self.session.table(self.dataset, table)

    def raw_types(self, table: str) -> Columns:
        """The raw table's columns and their types, as DuckDB calls them; empty when there is no such table yet."""
        if table not in self.types:
            self.types[table] = self.session.columns(self.dataset, table)
        return self.types[table]

    def complete_rows(self, table: str) -> str:
        """SQL: the raw rows that complete loads have landed. A load that died does not count."""
        return f"(select * from {self.raw(table)} where _dlt_load_id in (select load_id from {self.raw('_dlt_loads')} where status = 0))"

    def has_rows(self, table: str) -> bool:
        """Whether a complete load has landed anything in this table."""
        if not self.raw_types(table) or not self.raw_types("_dlt_loads"):
            return False
        return bool(self.session.rows(f"select 1 from {self.complete_rows(table)} as known limit 1"))

    def live_keys(self, table: str, key: Columns) -> str:
        """A relation in the working connection, as SQL: the keys that raw holds, as of the latest version of each, as
        not deleted."""
        by = ", ".join(map(self.session.quoted, key))
        live = f"max(case when {DELETED_AT} is null then {CHANGED_AT} end) = max({CHANGED_AT})"
        return self.session.fetch(key, f"{self.complete_rows(table)} as known group by {by} having {live}")

    def latest_rows(self, table: str, columns: Columns, key: Sequence[str], keys: str) -> str:
        """A relation in the working connection, as SQL: the latest version that raw holds of each key that is in `keys`,
        another relation there: these columns, `_deleted_at` and `_changed_at`."""
        session, known = self.session, f"{self.complete_rows(table)} as known"
        columns = {**columns, DELETED_AT: INSTANT, CHANGED_AT: INSTANT}
        by = ", ".join(map(session.quoted, key))
        named = None
        if session.works_in_warehouse:
            known += f" where ({by}) in (select ({by}) from {keys})"
        elif named := self._named(keys, key):
            known += f" inner join {session.wanted({name: columns[name] for name in key})} as wanted using ({by})"
        if named == NO_KEYS:
            nothing = ", ".join(f'cast(null as {kind}) as "{name}"' for name, kind in columns.items())
            return f"(select {nothing} where false)"
        rank = f"row_number() over (partition by {by} order by {CHANGED_AT} desc, _dlt_load_id desc)"
        ranked = f"select {', '.join(map(session.quoted, columns))}, {rank} as _rank from {known}"
        return session.fetch(columns, f"({ranked}) as ranked where _rank = 1", named)

    def _named(self, keys: str, key: Sequence[str]) -> str | None:
        """The keys in this relation as text for a server; None when they are too many to be sent."""
        work = self.session.work
        if work.execute(f"select count(*) from {keys}").fetchone()[0] > NAMED_KEYS:
            return None
        text = keys_as_json(work, keys, [f'"{name}"' for name in key])
        return text if len(text) <= NAMED_BYTES else None

    def resource(
        self,
        table: str,
        columns: dict[str, dict[str, Any]],
        items: Callable[[], Iterable[Any]],
        remember: dict[str, Any] | None = None,
        key: Sequence[str] = (),
    ) -> "DltResource":
        """A dlt resource that appends what `items()` yields (Arrow tables), and remembers `remember` once they are
        loaded; `items` may still change `remember` while it runs. The raw table is there afterwards even when
        nothing was yielded: models read it. `key` names the columns by which it will be looked up."""
        import dlt

        self.keys[table] = tuple(key)
        columns = {name: self.session.landed(hint) for name, hint in columns.items()}
        quarantined = self.waiting[table] = self.quarantined_keys(table) if key else {}

        def rows() -> Iterator[Any]:
            self.report(Progress(self.source, table, "reading"))
            exists = bool(self.raw_types(table))
            for item in items():
                yield item
                exists = True
                if not isinstance(item, pyarrow.Table):
                    self.uncounted.add(table)
                    continue
                self.landed[table] += item.num_rows
                if quarantined:
                    for row in item.select([*key, CHANGED_AT]).to_pylist():
                        self.lands(table, key_text(row[name] for name in key), row[CHANGED_AT])
                self.report(Progress(self.source, table, "reading", self.landed[table]))
            if not exists:
                yield _no_rows(columns)
            # An earlier version of what still does not fit was there, too.
            self.withdrawn.difference_update(misfit.id(table) for misfit in self.misfits.get(table, ()))
            # `read_at` also makes every run a load, so that what is fresh and what is not shows in `_dlt_loads`.
            # A run that dies when its load is complete has yet to close what it superseded: the next one does, from this.
            closing = {"superseded": sorted(self.superseded), "withdrawn": sorted(self.withdrawn)}
            state = {"read_at": datetime.now(UTC).isoformat(timespec="seconds"), **closing, **(remember or {})}
            dlt.current.resource_state().update(state)

        return self.appending(table, columns, rows, key)

    def appending(self, table: str, columns: dict[str, dict[str, Any]], rows: Callable[[], Iterator[Any]], key: Sequence[str] = ()) -> Any:
        """A dlt resource that appends what `rows()` yields, and nothing else."""
        import dlt

        resource = dlt.resource(
            rows,
            name=table,
            write_disposition="append",
            file_format=self.session.file_format,
            # Every value was cast to these types before it came here, and what did not fit went to quarantine: dlt's
            # own ways to fit a value into a column change it in silence.
            columns=columns,
        )
        if hints := self.session.table_hints(key):
            resource.apply_hints(additional_table_hints=hints)
        return resource

    # What people have to know of a read: it is landed in the same package as the rows, so that the one is never there
    # without the other.

    def covers(self, table: str, read_from: datetime | None, read_until: datetime | None) -> None:
        """Notes the interval of changes, in the source's time, that this read takes in: `[read_from, read_until)`; from
        the beginning where `read_from` is None."""
        self.intervals[table] = (read_from, read_until)

    def quarantine(self, table: str, misfits: Collection[Misfit]) -> None:
        """Rows that do not fit the table's contract; call it while the table is read."""
        self.misfits.setdefault(table, []).extend(misfits)

    def fail(self, table: str, error: Exception) -> None:
        """Notes that this table can't be read or landed; the others go on."""
        text = str(error) if isinstance(error, IngestError) else first_line(error)
        self.failures[table] = redact(text, self.secrets)

    def stop(self, table: str, error: Exception) -> None:
        """Notes that the source no longer fulfils this table's contract; the others go on. Models that read the table are not
        built until a read of it is complete: see the test `last_read_is_complete`."""
        self.fail(table, error)
        self.stopped.add(table)

    def records(self, tables: Sequence[str]) -> list["DltResource"]:
        """The resources to be read after those of `tables`, the source's own: `quarantine` and `reads`."""

        def misfits() -> Iterator[Any]:
            new = list(self._new_misfits())
            if new or not self.raw_types("quarantine"):
                yield _arrow(QUARANTINE, new)

        def reads() -> Iterator[Any]:
            yield _arrow(READS, list(self._reads({*tables, *self.failures})))

        return [
            self.appending(name, {column: self.session.landed(hint) for column, hint in columns.items()}, rows)
            for name, columns, rows in (("quarantine", QUARANTINE, misfits), ("reads", READS, reads))
        ]

    def record_failure(self, why: str, table: str | None = None) -> None:
        """Records in `reads`, outside of any load, that none of the source's tables could be read; or, of one table, that what
        raw holds of it differs from the source. A source that was never loaded has none, and nothing that could be taken for up
        to date."""
        there = [name for name in self.session.tables(self.dataset) if not name.startswith("_dlt") and name not in OWN_TABLES]
        tables = [table] if table else there
        self.types.clear()
        if not there or not self.raw_types("reads"):
            return
        self.failures |= dict.fromkeys(tables, redact(why, self.secrets))
        found = {"outcome": DIFFERS} if table else {}
        rows = [{**row, **found, "rows_landed": 0, "rows_quarantined": 0, "_dlt_load_id": ""} for row in self._reads(tables)]
        columns = {**READS, "_dlt_load_id": {"data_type": "text", "nullable": False}}
        self.session.append(self.dataset, "reads", _arrow(columns, rows).to_reader())

    def has_differed(self, table: str) -> bool:
        """Whether raw was found to differ from the source, and no read has taken in all of the table since."""
        if not self.has_rows("reads"):
            return False
        is_table, last = f"table_name = {self.session.literal(table)}", "select coalesce(max(read_id), 0) from"
        is_whole = "outcome = 'complete' and read_from is null and read_until is not null and not coalesce(is_interval, false)"
        [(differed,)] = self.session.rows(f"{last} {self.raw('reads')} where {is_table} and outcome = '{DIFFERS}'")
        [(whole,)] = self.session.rows(f"{last} {self.complete_rows('reads')} as known where {is_table} and {is_whole}")
        return differed > whole

    def after_load(self) -> None:
        """Notes in `quarantine` what came again, and what is no longer what the source says."""
        self.mark(self.seen_again, f"last_seen_at = {self.session.literal(datetime.now(UTC))}")
        self._close({"superseded": self.superseded, "withdrawn": self.withdrawn})

    def close_left(self) -> None:
        """Does what a run that died before `after_load` has left to do: the state has come with its load."""
        for state in self.state.values():
            if "read_at" in state:  # a row that is as bad as one that was closed can have come since
                self._close(state, f"first_seen_at <= {self.session.literal(_end_of_second(state['read_at']))}")

    def lands(self, table: str, key: str, changed_at: datetime) -> None:
        """Notes that a version of this key lands, which holds from an instant on. What is in quarantine of an earlier one is
        superseded, and `replay` may still put it into its place; what is there of this very version, or claims to be of a later
        one, is withdrawn."""
        for row_id, since in self.waiting.get(table, {}).get(key, ()):
            (self.superseded if since is None or changed_at > since else self.withdrawn).add(row_id)

    def withdraw(self, table: str, key: str) -> None:
        """Notes that the source says of this key what raw holds already, or nothing any more: what is in quarantine of it is withdrawn."""
        self.withdrawn |= {row_id for row_id, _ in self.waiting.get(table, {}).get(key, ())}

    def _close(self, ids: Mapping[str, Any], condition: str = "true") -> None:
        for closed_as in ("superseded", "withdrawn"):
            change = f"closed_at = {self.session.literal(datetime.now(UTC))}, closed_as = '{closed_as}'"
            self.mark(ids.get(closed_as, ()), change, f"closed_at is null and {condition}")

    def mark(self, ids: Iterable[str], change: str, condition: str = "closed_at is null") -> None:
        """Changes these rows of `quarantine`, if they fulfil a condition, by default that they are open."""
        chosen = sorted(ids)
        for start in range(0, len(chosen), MARKED_AT_ONCE):
            some = ", ".join(map(self.session.literal, chosen[start : start + MARKED_AT_ONCE]))
            self.session.execute(f"update {self.raw('quarantine')} set {change} where row_id in ({some}) and {condition}")

    def note_quarantine(self) -> None:
        """Tells people of the rows that are in quarantine, by table and reason."""
        self.types.clear()
        open_rows = Counter(self.open_quarantine("table_name", "reason"))
        for (table, reason), count in open_rows.most_common(QUARANTINE_NOTES):
            self.notes.append(f"{table}: {count} row{'s' * (count != 1)} in quarantine: {reason}")
        if open_rows:
            self.notes.append(f"when the contract or the mapping is mended: ingest replay {self.source}")

    def _new_misfits(self) -> Iterator[dict[str, Any]]:
        """The misfits of this run that are not in quarantine yet, each once."""
        known = {row_id for row_id, *_ in self.open_quarantine("row_id")} if self.misfits else set()
        now = datetime.now(UTC)
        for table, found in self.misfits.items():
            for row_id, misfit in {misfit.id(table): misfit for misfit in found}.items():
                if row_id in known:
                    self.seen_again.add(row_id)
                    continue
                self.quarantined[table] += 1
                yield {
                    "table_name": table,
                    "row_id": row_id,
                    "row_key": misfit.key,
                    "record": misfit.record,
                    "reason": redact(misfit.reason, self.secrets),
                    "changed_at": misfit.changed_at,
                    "first_seen_at": now,
                    "last_seen_at": now,
                }

    def open_quarantine(self, *columns: str, where: str = "closed_at is null") -> list[tuple]:
        """These columns of the quarantined rows that fulfil a condition, by default those that are open."""
        if not self.has_rows("quarantine"):
            return []
        return self.session.rows(
            f"select {', '.join(map(self.session.quoted, columns))} from {self.complete_rows('quarantine')} as known where {where}"
        )

    def quarantined_keys(self, table: str) -> dict[str, list[tuple[str, datetime | None]]]:
        """By key: the quarantined rows of a table that are open, and the instants from which they hold."""
        found: dict[str, list[tuple[str, datetime | None]]] = {}
        for name, key, row_id, changed_at in self.open_quarantine("table_name", "row_key", "row_id", "changed_at"):
            if name == table and key:
                found.setdefault(key, []).append((row_id, changed_at))
        return found

    def _reads(self, tables: Iterable[str]) -> Iterator[dict[str, Any]]:
        """What to record of this read of each table."""
        number = 1
        if self.raw_types("reads"):
            number += self.session.rows(f"select coalesce(max(read_id), 0) from {self.raw('reads')}")[0][0]
        for table in sorted(tables):
            read_from, read_until = self.intervals.get(table, (None, None))
            yield {
                "read_id": number,
                "table_name": table,
                "read_at": self.began_at,
                "outcome": "complete" if table not in self.failures else "stopped" if table in self.stopped else "failed",
                "reason": self.failures.get(table),
                "read_from": read_from,
                "read_until": read_until,
                "is_interval": self.options.is_interval,
                "rows_landed": None if table in self.uncounted else self.landed[table],
                "rows_quarantined": self.quarantined[table],
            }


def _arrow(columns: dict[str, dict[str, Any]], rows: list[dict[str, Any]]) -> pyarrow.Table:
    schema = pyarrow.schema([pyarrow.field(name, ARROW[hint["data_type"]]) for name, hint in columns.items()])
    return pyarrow.Table.from_pylist(rows, schema=schema)


def _end_of_second(instant: str) -> datetime:
    """The instant of a state, which has whole seconds."""
    return datetime.fromisoformat(instant) + timedelta(seconds=1)


def _no_rows(columns: dict[str, dict[str, Any]]) -> Any:
    """An Arrow table with these columns and no row. `dlt.mark.materialize_table_schema` would go through dlt's JSON
    normaliser, which adds columns of its own."""
    from dlt.common.destination import DestinationCapabilitiesContext
    from dlt.common.libs.pyarrow import columns_to_arrow

    named = {name: {"nullable": True, **hint, "name": name} for name, hint in columns.items()}
    return columns_to_arrow(named, DestinationCapabilitiesContext.generic_capabilities("parquet"), "UTC").empty_table()
