"""What differs from raw: SQL of DuckDB over what was read into scratch tables, whatever form it came in.

Rows with a key are versions of it: a row lands when it is not the latest version that raw holds of its key, and its time says
where it belongs. Rows without a key land when raw does not hold them as often. Files and parts land whole, so what counts is
the last load of each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC

from ingestion.dlt_internals import LOAD_ID
from ingestion.landing.raw_tables import CHANGED_AT, DELETED_AT, RawTables
from ingestion.landing.scratch_tables import ScratchTables
from ingestion.sql import quoted
from ingestion.warehouses import Columns

# Columns beside the rows' own, which are hardly called that: by which load a row went to quarantine; its place in the order in which
# rows came; since when its version holds, as its source says, and where it lands.
LOADED, CAME = "when it was loaded", "when it came"
AT, PLACED, TURN, AFTER = '"dated"', '"place in time"', '"turn in order"', '"comes after"'
HELD_AT, LAST_AT, IS_HELD, IS_REPEATED = '"time that raw has"', '"last time of this read"', '"is in raw"', '"is repeated"'
# Whether a version is dated no later than the one that raw holds, and earlier than another one of this read.
BELONGS_BEFORE = f"coalesce({AT} <= {HELD_AT} and {AT} < {LAST_AT}, false)"


@dataclass(frozen=True)
class Comparison:
    """The rows in the scratch table `source`, and the versions that raw holds of them.

    `columns` land; those in `compared` tell one version of a `key` from another. `known` are columns that raw has, with types;
    `computed` is the warehouse's SQL of those of them that it computes. `at` is SQL over `source`: since when a version holds.
    `clock`, where the source has one, is SQL too: what has to come after raw's version holds since then."""

    raw: RawTables
    scratch: ScratchTables
    table: str
    columns: Sequence[str]
    compared: Sequence[str]
    key: Sequence[str]
    known: Columns
    at: str
    clock: str | None = None
    computed: Mapping[str, str] = field(default_factory=dict)

    @property
    def pairs(self) -> str:
        """SQL: that `source` and `latest` are versions of one key."""
        return " and ".join(f"source.{quoted(name)} = latest.{quoted(name)}" for name in self.key)

    def later(self, at: str) -> str:
        """SQL: this time, when it is later than that of the version which raw holds (`latest`); else the clock, else a
        microsecond more than raw has. A transaction that began early and committed late brings an older cursor; the source's
        clock can be set back; and what the source says now is the latest version all the same. Where nobody can ask the clock,
        another version of the very same time keeps it: its load shows that it is the later one."""
        known = f"latest.{CHANGED_AT}"
        if self.clock is None:
            return f"case when {known} is null or {at} >= {known} then {at} else {known} + interval 1 microsecond end"
        return (
            f"case when {known} is null or {at} > {known} then {at} "
            f"when {self.clock} > {known} then {self.clock} else {known} + interval 1 microsecond end"
        )

    def latest(self, keys: str) -> str:
        """SQL: the latest version that raw holds of each key in the relation `keys`."""
        return self.raw.latest_rows(self.table, self.known, self.key, keys, self.computed)

    def as_new(self, rows: str) -> str:
        """SQL: the rows of a relation as they land when raw holds nothing yet."""
        columns = ", ".join(map(quoted, self.columns))
        return f"select {columns}, cast(null as timestamptz) as {DELETED_AT}, {self.at} as {CHANGED_AT} from {rows} as source"

    def stage_known(self) -> None:
        """Puts what raw holds of the keys in `source` into `known`; of a table without a key, all of it."""
        if self.raw.has_rows(self.table):
            known = self.latest(self.scratch.name("source")) if self.key else self.raw.versions(self.table, self.known, "true")
            self.scratch.create("known", f"select * from {known} as latest")
            return
        columns = ", ".join(map(quoted, dict.fromkeys([*self.key, *self.known])))
        times = f"cast(null as timestamptz) as {DELETED_AT}, cast(null as timestamptz) as {CHANGED_AT}"
        self.scratch.create("known", f"select {columns}{', ' * bool(columns)}{times} from {self.scratch.name('source')} where false")

    def changes(self) -> str:
        """SQL: the rows of `source` that are not the latest version of their key in raw (`known`) already; without a key, those
        that raw does not hold as often. One read gives one version of each key."""
        source, known = self.scratch.name("source"), self.scratch.name("known")
        rows, pairs = source, self.pairs
        if not self.key:
            compared = ", ".join(map(quoted, self.compared))
            rows = f"(select {compared} from {source} except all select {self.known_values('known')} from {known} as known)"
            pairs = "false"
        columns = ", ".join(f"source.{quoted(name)}" for name in self.columns)
        return (
            f"select {columns}, cast(null as timestamptz) as {DELETED_AT}, {self.later(self.at)} as {CHANGED_AT} "
            f"from {rows} as source left join {known} as latest on {pairs} where not {self.is_held}"
        )

    def changes_of_versions(self) -> str:
        """SQL: the same, where one read gives several versions of a key, in any order. The one that is dated last is the latest, be
        it dated earlier than what raw holds; of those that are dated alike, the one that came last. One that is dated earlier than
        what raw holds, and is not the last, belongs before it, unless raw has it there."""
        by, keys = (", ".join(f"{prefix}{quoted(name)}" for name in self.key) for prefix in ("source.", ""))
        versions = self.scratch.create(
            "versions",
            f"select source.*, {self.at} as {AT}, {self.later(self.at)} as {PLACED}, latest.{CHANGED_AT} as {HELD_AT}, "
            f"{self.is_held} as {IS_HELD}, max({self.at}) over (partition by {by}) as {LAST_AT} "
            f"from {self.scratch.name('source')} as source left join {self.scratch.name('known')} as latest on {self.pairs}",
        )
        columns, came = ", ".join(map(quoted, self.columns)), quoted(CAME)
        same = " and ".join(f"{quoted(name)} is not distinct from lag({quoted(name)}) over in_order" for name in self.compared)
        in_order = f"window in_order as (partition by {keys} order by {AT}, {came})"
        repeats = f"case when lag({came}) over in_order is null then {IS_HELD} else {same} end as {IS_REPEATED}"
        latest = f"select *, {repeats} from {versions} where not {BELONGS_BEFORE} {in_order}"
        # Each lands a microsecond after the one before it, unless it is dated later than that.
        turns = f"select *, row_number() over in_order as {TURN} from ({latest}) where not {IS_REPEATED} {in_order}"
        at = f"make_timestamptz(max(epoch_us({PLACED}) - {TURN}) over (partition by {keys} order by {TURN}) + {TURN})"
        return f"select {columns}, {at} as {CHANGED_AT} from ({turns}) union all {self._earlier(versions, columns, keys)}"

    def _earlier(self, versions: str, columns: str, keys: str) -> str:
        """SQL: the versions that belong before the one that raw holds as the latest, and that raw does not have there."""
        earlier = f"from {versions} as source where {BELONGS_BEFORE} and not {IS_HELD}"
        [(first,)] = self.raw.session.scratch.execute(f"select min({AT}) {earlier}").fetchall()
        if first:
            since = f"{CHANGED_AT} >= {self.raw.session.dialect.literal(first.astimezone(UTC))}"
            held = self.scratch.create("held", f"select * from {self._versions('source', self.known, since)}")
            pairs = [f"source.{quoted(name)} = held.{quoted(name)}" for name in (*self.key, *self.compared)]
            earlier += f" and not exists (select 1 from {held} as held where {' and '.join(pairs)} and source.{AT} = held.{CHANGED_AT})"
        version = ", ".join([keys, AT, *map(quoted, self.compared)])
        return f"select {columns}, {AT} {earlier} qualify row_number() over (partition by {version} order by {quoted(CAME)}) = 1"

    def _versions(self, kind: str, columns: Columns, where: str) -> str:
        """SQL: the versions that raw holds, and fulfil a condition, of the keys in a scratch table; of all without a key."""
        return self.raw.versions(self.table, columns, where, self.key, self.scratch.name(kind), self.computed)

    def not_held(self) -> str:
        """SQL: the rows of `source`, which a replay brings, that raw has not learnt since. As when it is read, what came later is
        the later version, be it dated earlier."""
        source, con = self.scratch.name("source"), self.raw.session.scratch
        equal = [f"source.{name} is not distinct from held.{name}" for name in map(quoted, self.compared)]
        same = " and ".join(equal)
        columns = ", ".join(map(quoted, self.columns))
        if not self.raw.has_rows(self.table):
            return f"select {columns}, {self.at} as {CHANGED_AT} from {source} as source"
        if not self.key:
            held = self.scratch.create("held", f"select * from {self._versions('source', self.known, 'true')}")
            unknown = f"not exists (select 1 from {held} as held where {same})"
            return f"select {columns}, {self.at} as {CHANGED_AT} from {source} as source where {unknown}"
        [(first,)] = con.execute(f"select min({self.at}) from {source} as source").fetchall()
        since = f"{CHANGED_AT} >= {self.raw.session.dialect.literal(first.astimezone(UTC))}" if first else "false"
        held = self.scratch.create("held", f"select * from {self._versions('source', {**self.known, LOAD_ID: 'VARCHAR'}, since)}")
        pairs = " and ".join(f"source.{quoted(name)} = held.{quoted(name)}" for name in self.key)
        keys = ", ".join(map(quoted, self.key))
        loaded = quoted(LOADED)
        first_loads = f"(select {keys}, {CHANGED_AT}, min({LOAD_ID}) as {loaded} from {held} group by all)"
        later = f"held.{CHANGED_AT} > {self.at} and held.{loaded} < source.{loaded}"
        dated = (
            f"select *, {self.at} as {AT}, row_number() over (partition by {keys} order by {loaded}, {self.at}) as {TURN}, "
            f"(select max(held.{CHANGED_AT}) from {first_loads} as held where {pairs} and {later}) as {AFTER} from {source} as source"
        )
        pushed = f"max(epoch_us({AFTER}) - {TURN}) over (partition by {keys} order by {TURN}) + {TURN} + 1"
        placed = self.scratch.create("placed", f"select *, greatest({AT}, make_timestamptz({pushed})) as {PLACED} from ({dated})")
        learnt = f"{pairs} and source.{PLACED} = held.{CHANGED_AT} and (({same}) or held.{LOAD_ID} > source.{loaded})"
        unknown = f"not exists (select 1 from {held} as held where {learnt})"
        return f"select {columns}, {PLACED} as {CHANGED_AT} from {placed} as source where {unknown}"

    @property
    def is_held(self) -> str:
        """SQL: whether `source` is what `latest` holds: false where that is deleted, or not there."""
        live = f"latest.{CHANGED_AT} is not null"
        if DELETED_AT in self.raw.types(self.table):
            live += f" and latest.{DELETED_AT} is null"
        equal = [f"source.{quoted(name)} is not distinct from {self._known(name, 'latest')}" for name in self.compared]
        return f"({' and '.join([live, *equal])})"

    def known_values(self, relation: str) -> str:
        """SQL: the compared columns, of what raw holds. One that is new at the source is null in all of it so far."""
        return ", ".join(self._known(name, relation) for name in self.compared)

    def _known(self, name: str, relation: str) -> str:
        return f"{relation}.{quoted(name)}" if name in self.known else "null"

    def deleted(self, keys: str) -> str:
        """SQL: what raw last held of these keys, which were deleted, marked with the time of the source's clock."""
        clock = str(self.clock)
        columns = ", ".join(f"latest.{quoted(name)}" for name in self.known)
        # Of keys too many to travel, the versions of all keys came.
        latest = f"{self.latest(keys)} as latest semi join {keys} as source on {self.pairs}"
        return f"select {columns}, {clock} as {DELETED_AT}, {self.later(clock)} as {CHANGED_AT} from {latest}"


def completed(raw: RawTables, table: str, scratch: ScratchTables, columns: Columns, files: Sequence[str]) -> str:
    """SQL: the files of which `source` has lines that their last load has not brought, each whole: those lines, and the others as
    raw holds them."""
    names = ", ".join(map(quoted, columns))
    source, line = scratch.name("source"), "file_name, line_number"
    if not raw.has_rows(table):
        return f"select {names} from {source}"
    is_file = f"file_name in ({', '.join(map(raw.session.dialect.literal, files))})"
    held = scratch.create("held", f"select * from {raw.last_loads(table, columns, is_file, 'file_name')}")
    new = f"(select {names} from {source} anti join {held} using ({line}))"
    return f"select {names} from {held} semi join {new} as new using (file_name) union all select {names} from {new} as new order by {line}"


def differ(here: str, there: str, columns: Sequence[str]) -> str:
    """SQL: the rows that one of two relations has and the other lacks."""
    names = ", ".join(map(quoted, columns))
    return (
        f"(select {names} from {here} as here except select {names} from {there} as there) "
        f"union all (select {names} from {there} as there except select {names} from {here} as here)"
    )
