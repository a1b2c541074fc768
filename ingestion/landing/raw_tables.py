"""The raw tables of one source: look-ups in the catalogue, and the SQL that reads what complete loads have landed."""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from ingestion.dlt_internals import LOAD_ID, LOADS, OWN_PREFIX
from ingestion.settings import OWN_TABLES
from ingestion.warehouses import Columns, Session
from ingestion.warehouses.base import NO_KEYS, keys_as_json

# More keys than that, and all of a raw table is fetched rather than theirs; BigQuery takes questions of 10 MB.
NAMED_KEYS, NAMED_BYTES = 500_000, 8_000_000

DELETED_AT, CHANGED_AT = "_deleted_at", "_changed_at"
TIMESTAMP = "TIMESTAMP WITH TIME ZONE"
NOTHING: Mapping[str, str] = MappingProxyType({})


class RawTables:
    """Caches the catalogue, so make a new one when tables may have changed."""

    def __init__(self, session: Session, dataset: str) -> None:
        self.session, self.dataset = session, dataset
        self._types: dict[str, Columns] = {}

    def name(self, table: str) -> str:
        """The raw table's name in SQL."""
        return self.session.dialect.table(self.dataset, table)

    def types(self, table: str) -> Columns:
        """The raw table's columns and their types, as DuckDB calls them; empty when there is no such table yet."""
        if table not in self._types:
            self._types[table] = self.session.catalogue.columns(self.dataset, table)
        return self._types[table]

    def landed_tables(self) -> list[str]:
        """The tables with the source's rows that are there now."""
        there = self.session.catalogue.tables(self.dataset)
        return [name for name in there if not name.startswith(OWN_PREFIX) and name not in OWN_TABLES]

    def complete_rows(self, table: str, computed: Mapping[str, str] = NOTHING) -> str:
        """SQL: the raw rows that complete loads have landed, and columns that are `computed` of theirs, by name. A load that died
        does not count."""
        columns = "".join(f", {value} as {self.session.dialect.quoted(name)}" for name, value in computed.items())
        complete = f"{LOAD_ID} in (select load_id from {self.name(LOADS)} where status = 0)"
        return f"(select *{columns} from {self.name(table)} as landed where {complete})"

    def has_rows(self, table: str) -> bool:
        """Whether a complete load has landed anything in this table."""
        if not self.types(table) or not self.types(LOADS):
            return False
        return bool(self.session.rows(f"select 1 from {self.complete_rows(table)} as known limit 1"))

    def last_load(self) -> str:
        """The id of the last load that the warehouse holds; empty when it holds none."""
        if not self.types(LOADS):
            return ""
        return self.session.rows(f"select max(load_id) from {self.name(LOADS)}")[0][0] or ""

    def live_keys(self, table: str, key: Columns) -> str:
        """A relation in the scratch database, as SQL: the keys that raw holds, as of the latest version of each, as not
        deleted."""
        by = ", ".join(map(self.session.dialect.quoted, key))
        live = f"max(case when {DELETED_AT} is null then {CHANGED_AT} end) = max({CHANGED_AT})"
        return self.session.fetch(key, f"{self.complete_rows(table)} as known group by {by} having {live}")

    def times(self, table: str) -> Columns:
        """The columns beside a source's own with the time from which a version holds, and the deletion of its row: what raw has of them."""
        return {name: TIMESTAMP for name in (DELETED_AT, CHANGED_AT) if name in self.types(table)}

    def versions(
        self, table: str, columns: Columns, where: str, key: Sequence[str] = (), keys: str = "", computed: Mapping[str, str] = NOTHING
    ) -> str:
        """A relation in the scratch database, as SQL: all versions that raw holds, and fulfil a condition: these columns, some of
        which can be `computed`, and `times`. Of the keys in `keys`, another relation there; of all without."""
        columns = {**columns, **self.times(table)}
        known, named = self._of_keys(table, columns, key, keys, computed) if key else (self._known(table, computed), None)
        return self.session.fetch(columns, f"(select * from {known}) as known where {where}", named)

    def latest_rows(self, table: str, columns: Columns, key: Sequence[str], keys: str, computed: Mapping[str, str] = NOTHING) -> str:
        """A relation in the scratch database, as SQL: the latest version that raw holds of each key that is in `keys`, another
        relation there: these columns, some of which can be `computed`, and `times`."""
        columns = {**columns, **self.times(table)}
        known, named = self._of_keys(table, columns, key, keys, computed)
        if named == NO_KEYS:
            nothing = ", ".join(f'cast(null as {kind}) as "{name}"' for name, kind in columns.items())
            return f"(select {nothing} where false)"
        by = ", ".join(map(self.session.dialect.quoted, key))
        return self._first(columns, known, f"row_number() over (partition by {by} order by {CHANGED_AT} desc, {LOAD_ID} desc)", named)

    def _known(self, table: str, computed: Mapping[str, str]) -> str:
        return f"{self.complete_rows(table, computed)} as known"

    def _of_keys(self, table: str, columns: Columns, key: Sequence[str], keys: str, computed: Mapping[str, str]) -> tuple[str, str | None]:
        """SQL: what follows FROM for the rows of these keys; and the keys as text, where they have to travel."""
        session, known = self.session, self._known(table, computed)
        by = ", ".join(map(session.dialect.quoted, key))
        if session.scratch_is_warehouse:
            return f"{known} where ({by}) in (select ({by}) from {keys})", None
        if named := self._named(keys, key):
            known += f" inner join {session.dialect.wanted({name: columns[name] for name in key})} as wanted using ({by})"
        return known, named

    def last_loads(self, table: str, columns: Columns, where: str, by: str | None = None) -> str:
        """A relation in the scratch database, as SQL: of the rows that fulfil a condition, those of the last load; of the last one of
        each value of the column `by`, such as each file."""
        partition = f"partition by {self.session.dialect.quoted(by)} " if by else ""
        known = f"{self.complete_rows(table)} as known where {where}"
        return self._first(columns, known, f"rank() over ({partition}order by {LOAD_ID} desc)", None)

    def _first(self, columns: Columns, known: str, rank: str, named: str | None) -> str:
        ranked = f"select {', '.join(map(self.session.dialect.quoted, columns))}, {rank} as _rank from {known}"
        return self.session.fetch(columns, f"({ranked}) as ranked where _rank = 1", named)

    def _named(self, keys: str, key: Collection[str]) -> str | None:
        """The keys in this relation as text for a server; None when they are too many to be sent."""
        scratch = self.session.scratch
        [(count,)] = scratch.execute(f"select count(*) from {keys}").fetchall()
        if count > NAMED_KEYS:
            return None
        text = keys_as_json(scratch, keys, [f'"{name}"' for name in key])
        return text if len(text) <= NAMED_BYTES else None
