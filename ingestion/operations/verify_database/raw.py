"""What raw holds of one table of a database, by queries of `verify`'s own: its latest rows, its live keys, how far it was read."""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import pyarrow

from ingestion.dlt_internals import LOAD_ID, LOADS, OWN_PREFIX
from ingestion.landing import quarantine, read_log
from ingestion.landing.raw_tables import CHANGED_AT, DELETED_AT
from ingestion.operations.verify_database.source import Column, Family, Key, Range, Row
from ingestion.operations.verify_database.values import PLACE, figures, hash_of, own_value, plain
from ingestion.sql import literal, quoted
from ingestion.warehouses import Columns, Session


@dataclass(frozen=True)
class RawColumn:
    """A column of the source, and the one in raw that holds it."""

    source: Column
    name: str
    kind: str  # raw's type, by DuckDB's name

    @property
    def plain(self) -> str:
        """SQL of DuckDB: the plain text of its value."""
        return plain(quoted(self.name), self.source.family, self.kind)


@dataclass(frozen=True)
class LastRead:
    """The last read of a table that took in all its changes."""

    until: datetime  # by the source's clock
    at: datetime


class RawTable:
    """A raw table. Its relations are in the session's scratch database."""

    def __init__(self, session: Session, schema: str, name: str) -> None:
        self._session, self._schema, self.name = session, schema, name
        self._scratch, self._quoted = session.scratch, session.dialect.quoted

    @cached_property
    def columns(self) -> Columns:
        """The columns that the source's values are in, and their types."""
        found = self._session.catalogue.columns(self._schema, self.name)
        return {name: kind for name, kind in found.items() if not name.startswith(OWN_PREFIX) and name not in (CHANGED_AT, DELETED_AT)}

    def last_read(self, names: Collection[str]) -> LastRead | None:
        """The last complete read of the table, which the log may know by any of these names."""
        if read_log.TABLE not in self._session.catalogue.tables(self._schema):
            return None
        found = self._session.rows(
            f"select read_until, read_at from {self._complete(read_log.TABLE)} as reads where table_name in ({self._literals(names)}) "
            "and outcome = 'complete' and read_until is not null and not coalesce(is_interval, false) order by read_id desc limit 1"
        )
        return LastRead(*found[0]) if found else None

    def quarantined(self, names: Collection[str], key: Sequence[RawColumn]) -> set[Key]:
        """The keys, as plain texts, of the rows that are open in quarantine."""
        if quarantine.TABLE not in self._session.catalogue.tables(self._schema):
            return set()
        rows = self._session.rows(
            f"select row_key from {self._complete(quarantine.TABLE)} as quarantine where table_name in ({self._literals(names)}) "
            "and closed_at is null and row_key is not null"
        )
        keys = [json.loads(row_key) for (row_key,) in rows]
        return self._plain_keys([values for values in keys if len(values) == len(key)], key)

    def _plain_keys(self, keys: list[list[str]], key: Sequence[RawColumn]) -> set[Key]:
        texts = ", ".join(
            f"coalesce({plain(f'try_cast(key[{n}] as {column.kind})', column.source.family, column.kind)}, key[{n}])"
            for n, column in enumerate(key, 1)
        )
        given = literal(json.dumps(keys))
        found = self._scratch.execute(f"select {texts} from (select unnest(from_json({given}, '[[\"varchar\"]]')) as key) as keys")
        return {Key(values) for values in found.fetchall()}

    # Ranges

    def hold(self, of: Range, columns: Sequence[RawColumn], key: Sequence[RawColumn]) -> None:
        """Puts the latest versions of a range's keys, those that are not deleted, where `figures` and `rows` find them."""
        size, places = len(key), zip(of.keys, of.own_keys, strict=True)
        self._store("checked_keys", [[(str(n), *plain_key, *own_key) for n, (plain_key, own_key) in enumerate(places, 1)]], 1 + 2 * size)
        typed = ", ".join(
            f"{own_value(f'c{size + n}', column.source.family, column.kind)} as {quoted(column.name)}" for n, column in enumerate(key, 1)
        )
        self._scratch.execute(f"create or replace temp table wanted as select {typed} from temp.checked_keys")
        kinds = {column.name: column.kind for column in columns}
        latest = self._latest(kinds, [column.name for column in key], "temp.wanted" if all(map(self._can_be_sent, key)) else None)
        pairs = " and ".join(f"keys.c{n} = {plain(f'latest.{quoted(c.name)}', c.source.family, c.kind)}" for n, c in enumerate(key, 1))
        self._scratch.execute(
            f"create or replace temp table checked_rows as select cast(keys.c0 as bigint) as {PLACE}, latest.* "
            f"from {latest} as latest inner join temp.checked_keys as keys on {pairs}"
        )

    def figures(self, columns: Sequence[RawColumn]) -> list[str | None]:
        """The figures of the range that is held: see `Snapshot.range`."""
        sums = [sql for column in columns for sql in figures(column.name, column.source.family, column.kind)]
        found = self._scratch.execute(f"select {', '.join(['cast(count(*) as varchar)', *sums])} from temp.checked_rows").fetchall()
        return list(found[0])

    def rows(self, columns: Sequence[RawColumn]) -> list[Row]:
        """The plain texts of the range that is held."""
        return self._scratch.execute(f"select {', '.join(column.plain for column in columns)} from temp.checked_rows").fetchall()

    # The whole table

    def key_counts(self, key: Sequence[RawColumn]) -> tuple[int, str | None]:
        """How many keys are live, and a sum over them: see `Counts`. The keys are kept for `keys_only_here` and `keys_missing`."""
        kinds = {column.name: column.kind for column in key}
        live = self._latest(kinds, list(kinds), None)
        texts = ", ".join(f"{column.plain} as c{n}" for n, column in enumerate(key))
        self._scratch.execute(f"create or replace temp table live_keys as select {texts} from {live} as live")
        names = ", ".join(f"c{n}" for n in range(len(key)))
        joined = hash_of(f"concat_ws('|', {names})")
        [found] = self._scratch.execute(f"select count(*), cast(sum({joined}) as varchar) from temp.live_keys").fetchall()
        return int(found[0]), found[1]

    def compare_keys(self, rows: Iterator[list[Row]], size: int) -> tuple[int, list[tuple[Key, str | None]]]:
        """How many keys are live in raw and not among these, which are the source's: `size` columns, and then the cursor; and
        those of the source that are not live in raw, with their cursor."""
        names = [f"c{n}" for n in range(size)]
        self._store("source_keys", rows, size + 1)
        pairs = " and ".join(f"live.{name} = source.{name}" for name in names)
        live, source = "temp.live_keys as live", "temp.source_keys as source"
        [(only_here,)] = self._scratch.execute(f"select count(*) from {live} anti join {source} on {pairs}").fetchall()
        is_key = " and ".join(f"source.{name} is not null" for name in names)
        missing = self._scratch.execute(f"select source.* from {source} anti join {live} on {pairs} where {is_key}").fetchall()
        return int(only_here), [(Key(row[:-1]), row[-1]) for row in missing]

    def count_missing(self, rows: Iterator[list[Row]], columns: Sequence[RawColumn]) -> tuple[int, int, int]:
        """Of a table without a key: the rows of raw, those of the source, and how many of these raw does not hold as often."""
        kinds = {column.name: column.kind for column in columns}
        complete = self._session.fetch(kinds, f"{self._complete(self.name)} as known")
        held = ", ".join(_comparable(column.plain, column) for column in columns)
        self._scratch.execute(f"create or replace temp table held_rows as select {held} from {complete} as known")
        self._store("source_rows", rows, len(columns))
        given = ", ".join(_comparable(f"c{n}", column) for n, column in enumerate(columns))
        missing = f"select {given} from temp.source_rows except all select * from temp.held_rows"
        [(in_raw, at_source, absent)] = self._scratch.execute(
            f"select (select count(*) from temp.held_rows), (select count(*) from temp.source_rows), (select count(*) from ({missing}))"
        ).fetchall()
        return int(in_raw), int(at_source), int(absent)

    # SQL

    def _latest(self, columns: Columns, key: Sequence[str], wanted: str | None) -> str:
        """A relation of the scratch database: the latest version of each key, of those in the relation `wanted` if one is given,
        without the deleted ones."""
        session, known = self._session, f"{self._complete(self.name)} as known"
        by, named = ", ".join(map(self._quoted, key)), None
        if wanted and session.scratch_is_warehouse:
            known += f" where ({by}) in (select ({by}) from {wanted})"
        elif wanted:
            texts = ", ".join(f"cast({quoted(name)} as varchar)" for name in key)
            found = self._scratch.execute(f"select to_json(list([{texts}])) from {wanted}").fetchall()
            named = found[0][0]
            known += f" inner join {session.dialect.wanted({name: columns[name] for name in key})} as wanted using ({by})"
        rank = f"row_number() over (partition by {by} order by {CHANGED_AT} desc, {LOAD_ID} desc)"
        ranked = f"select {', '.join(map(self._quoted, [*columns, DELETED_AT]))}, {rank} as _rank from {known}"
        return session.fetch(columns, f"({ranked}) as ranked where _rank = 1 and {DELETED_AT} is null", named)

    def _complete(self, table: str) -> str:
        name, loads = self._session.dialect.table(self._schema, table), self._session.dialect.table(self._schema, LOADS)
        return f"(select * from {name} where {LOAD_ID} in (select load_id from {loads} where status = 0))"

    def _literals(self, texts: Collection[str]) -> str:
        return ", ".join(map(self._session.dialect.literal, sorted(set(texts))))

    def _store(self, table: str, rows: Iterable[Sequence[Row]], width: int) -> None:
        """Makes rows of texts a table of the scratch database, with columns c0, c1 …"""
        names = [f"c{n}" for n in range(width)]
        self._scratch.execute(f"create or replace temp table {table} ({', '.join(f'{name} varchar' for name in names)})")
        for some in rows:
            given = {name: pyarrow.array([row[n] for row in some], pyarrow.string()) for n, name in enumerate(names)}
            self._scratch.register("verified_rows", pyarrow.table(given))
            try:
                self._scratch.execute(f"insert into temp.{table} select * from verified_rows")
            finally:
                self._scratch.unregister("verified_rows")

    def _can_be_sent(self, column: RawColumn) -> bool:
        """Whether the warehouse finds a key of this column when it is sent as a value of raw's type; else all rows are fetched."""
        if column.kind == "BLOB":
            return self._session.scratch_is_warehouse
        return not (column.kind == "VARCHAR" and column.source.family in (Family.TIME, Family.FLOAT))


def _comparable(text: str, column: RawColumn) -> str:
    """SQL: a text that is equal for equal values, given a plain text."""
    return f"cast(try_cast({text} as double) as varchar)" if column.source.family is Family.FLOAT else text
