"""The raw tables of one source: look-ups in the catalogue, and the SQL that reads what complete loads have landed."""

from collections.abc import Collection, Sequence

from ingestion.dlt_internals import LOAD_ID, LOADS, OWN_PREFIX
from ingestion.settings import OWN_TABLES
from ingestion.warehouses import Columns, Session
from ingestion.warehouses.base import NO_KEYS, keys_as_json

# More keys than that, and all of a raw table is fetched rather than theirs; BigQuery takes questions of 10 MB.
NAMED_KEYS, NAMED_BYTES = 500_000, 8_000_000

DELETED_AT, CHANGED_AT = "_deleted_at", "_changed_at"
TIMESTAMP = "TIMESTAMP WITH TIME ZONE"


class RawTables:
    """Remembers what the catalogue said, so make a new one when tables may have changed."""

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

    def complete_rows(self, table: str) -> str:
        """SQL: the raw rows that complete loads have landed. A load that died does not count."""
        return f"(select * from {self.name(table)} where {LOAD_ID} in (select load_id from {self.name(LOADS)} where status = 0))"

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

    def all_rows(self, table: str, columns: Columns, where: str = "") -> str:
        """A relation in the scratch database, as SQL: all versions that raw holds: these columns, `_deleted_at` and
        `_changed_at`."""
        columns = {**columns, DELETED_AT: TIMESTAMP, CHANGED_AT: TIMESTAMP}
        return self.session.fetch(columns, f"{self.complete_rows(table)} as known{where and f' where {where}'}")

    def latest_rows(self, table: str, columns: Columns, key: Sequence[str], keys: str) -> str:
        """A relation in the scratch database, as SQL: the latest version that raw holds of each key that is in `keys`, another
        relation there: these columns, `_deleted_at` and `_changed_at`."""
        session, known = self.session, f"{self.complete_rows(table)} as known"
        columns = {**columns, DELETED_AT: TIMESTAMP, CHANGED_AT: TIMESTAMP}
        by = ", ".join(map(session.dialect.quoted, key))
        named = None
        if session.scratch_is_warehouse:
            known += f" where ({by}) in (select ({by}) from {keys})"
        elif named := self._named(keys, key):
            known += f" inner join {session.dialect.wanted({name: columns[name] for name in key})} as wanted using ({by})"
        if named == NO_KEYS:
            nothing = ", ".join(f'cast(null as {kind}) as "{name}"' for name, kind in columns.items())
            return f"(select {nothing} where false)"
        rank = f"row_number() over (partition by {by} order by {CHANGED_AT} desc, {LOAD_ID} desc)"
        ranked = f"select {', '.join(map(session.dialect.quoted, columns))}, {rank} as _rank from {known}"
        return session.fetch(columns, f"({ranked}) as ranked where _rank = 1", named)

    def _named(self, keys: str, key: Collection[str]) -> str | None:
        """The keys in this relation as text for a server; None when they are too many to be sent."""
        scratch = self.session.scratch
        [(count,)] = scratch.execute(f"select count(*) from {keys}").fetchall()
        if count > NAMED_KEYS:
            return None
        text = keys_as_json(scratch, keys, [f'"{name}"' for name in key])
        return text if len(text) <= NAMED_BYTES else None
