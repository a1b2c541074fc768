"""Reads tables of a PostgreSQL database: what changed, what was deleted, and nothing twice.

DuckDB's postgres extension reads the rows, so none of them becomes a Python object. The SELECT runs on
the server (`postgres_query`), where the cursor's index helps, and types that DuckDB would get wrong
travel as text: it turns a numeric NaN into 0.0 and an unbounded numeric into DOUBLE. The cast back is
DuckDB's, and fails on what the type can't hold. Then, and when a column's type is no longer raw's, the table is
read once more, carefully: all values as text, each put to the test (`ingestion.exact`), and a row with one that does not
fit goes to quarantine.

DuckDB's scan of the attached table would be faster, but can't be guarded against NaN: beside a `postgres_query`
in the same statement its first connection reads outside of the transaction, so not the snapshot that was checked.

How a run decides what to land of a table:

1. Nothing of it is in raw yet: everything; by one INSERT … SELECT inside dlt's load job when the warehouse is
   DuckDB, else as Arrow batches.
2. Else the rows whose cursor lies after the last one less a look-back (rows may commit late), and those
   without a cursor; of these, the ones that differ from what raw holds as the latest version of their key. All
   rows are read where the cursor is no time, as then nobody can tell how far to look back.
3. Keys are compared in every run while a table is small, and else once a day by the source's clock (or
   with --deletes, --full). A key that the source no longer has lands as its last row, marked deleted. A key that
   raw lacks, or holds as deleted, is read whatever its cursor says: it came back, or committed later than
   the look-back.

All of a table's reads share one transaction, and so one snapshot of the source.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from difflib import SequenceMatcher
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import dlt
import duckdb
import psycopg
import pyarrow
from dlt.common.destination.client import SqlModel
from dlt.common.normalizers.naming.snake_case import NamingConvention
from psycopg.conninfo import conninfo_to_dict

from ingestion import exact
from ingestion.context import CHANGED_AT, DELETED_AT, INSTANT, Context, Misfit, key_text
from ingestion.contract import Quarantined
from ingestion.engines import Columns, Session
from ingestion.engines.postgres import BROKE_OFF
from ingestion.engines.work import attach_postgres
from ingestion.errors import IngestError, Refused, first_line, redact
from ingestion.settings import lookback, setting

if TYPE_CHECKING:
    from dlt.extract import DltResource

COMPARE_KEYS_ALWAYS_BELOW = 500_000  # rows in raw: comparing so many keys takes a fraction of a second
KEYS_IN_SQL = 1_000  # more missing keys than that: the table is read whole
MAY_VANISH_ROWS = 2  # so many rows of a table may disappear between two runs, whatever share of it they are
BATCH_ROWS = 100_000
REASON, RECORD, LOADED = "why not", "as it was said", "when it was told"  # columns beside the source's own, which are hardly called that


@dataclass(frozen=True)
class Table:
    """A table to read, and its contract.

    `cursor` is the column that grows when a row changes; without one, the whole table is read each time, and what
    changed is landed. `excluded` columns never leave the source. A row whose key, or whose value of a `required` column, is
    null goes to quarantine.

    A column that raw has and the source lost stops the table, until it is `retired` (null from now on) or `renamed`: raw's
    name and the one that the source now uses, `{"amount": "total_amount"}`; the key, the cursor and required columns may be
    called by either. A table that keeps less than the share `keep` of its rows from one run to the next stops, too."""

    name: str
    primary_key: str | tuple[str, ...] = ()
    cursor: str | None = None
    excluded: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    retired: tuple[str, ...] = ()
    keep: float = 0.8

    def __post_init__(self) -> None:
        if self.cursor and not self.primary_key:
            raise ValueError(f"table {self.name}: a cursor demands a primary key, else versions of a row can't be told")

    def raw_name(self, column: str) -> str:
        """The name in raw of a source's column: dlt writes all names in snake case."""
        return next((name for name, now in self.renamed.items() if now == column), _naming().normalize_identifier(column))

    @property
    def key(self) -> tuple[str, ...]:
        return (self.primary_key,) if isinstance(self.primary_key, str) else self.primary_key


@dataclass(frozen=True)
class Column:
    """A source column: how the server hands it over, and what it is in raw."""

    name: str
    raw_name: str
    source_type: str  # as PostgreSQL names it, without its digits
    declared: str  # … with them: numeric(12,2)
    nullable: bool
    required: bool
    hint: dict[str, Any]  # dlt's type
    own_type: str  # DuckDB's name of the type that the source's values have
    raw_type: str  # … of the type in which they land: raw's, where raw has the column already
    sent: str  # on the server: the value, as it travels
    text: str  # on the server: its text, from which nothing is missing

    @property
    def received(self) -> str:
        """In DuckDB: the value; fails on one that does not fit."""
        name = _quoted(self.name)
        value = exact.checked(name, self.raw_type)
        if self.required and self.nullable:
            value = f"case when {name} is null then error('Conversion Error: no value') else {value} end"
        return f"{value} as {_quoted(self.raw_name)}"

    @property
    def value(self) -> str:
        """In DuckDB: the value of its text; null when that does not fit."""
        return f"case when {self.fits} then {exact.value(_quoted(self.name), self.raw_type)} end"

    @property
    def fits(self) -> str:
        """In DuckDB: whether its text fits raw's column. What was bytes or JSON can't be told from text that looks like it."""
        if self.is_changed and self.raw_type in ("BLOB", "JSON"):
            return f"({_quoted(self.name)} is null)"
        return exact.fits(_quoted(self.name), self.raw_type)

    @property
    def reason(self) -> str:
        """In DuckDB: why its text does not fit; null when it does."""
        name, value = _literal(self.name), _quoted(self.name)
        none = f"when {value} is null then {name} || ' is null, and is required' " if self.required else ""
        shown = f"""case when length({value}) > 40 then left({value}, 40) || '…' else {value} end"""
        why = f"""{name} || ' "' || {shown} || {_literal(f'" is no {exact.described(self.raw_type)}')}"""
        return f"case {none}when {value} is not null and not {self.fits} then {why} end"

    @property
    def is_changed(self) -> bool:
        """Whether the source's type is another than raw's."""
        return self.own_type != self.raw_type

    @property
    def is_doubtful(self) -> bool:
        """… and has values that raw's can't hold."""
        return self.is_changed and not exact.takes_all(self.raw_type, self.own_type)

    def is_called(self, *names: str | None) -> bool:
        return self.name in names or self.raw_name in names


@dataclass(frozen=True)
class Server:
    """A PostgreSQL source: where it is, its clock, and how late its rows may commit."""

    name: str
    dsn: str
    clock_sql: str
    lookback: timedelta
    schema: str = "public"

    @cached_property
    def parameters(self) -> dict[str, str]:
        try:
            return {name: str(value) for name, value in conninfo_to_dict(self.dsn).items() if value is not None}
        except psycopg.Error as error:
            raise IngestError(
                f"sources.{self.name}.credentials is no connection string of PostgreSQL.",
                "It looks like postgresql://user:password@host:5432/database.",
            ) from error

    @property
    def address(self) -> str:
        return f"{self.parameters.get('host', 'localhost')}:{self.parameters.get('port', '5432')}"


def server(name: str) -> Server:
    """The server of source `name`, from its settings: credentials, clock_sql, lookback_hours, schema."""
    dsn = setting(f"sources.{name}.credentials")
    scheme, separator, rest = str(dsn).partition("://")
    return Server(
        name=name,
        # SQLAlchemy's form names a driver too: postgresql+psycopg2://
        dsn=f"{scheme.split('+')[0]}{separator}{rest}",
        clock_sql=setting(f"sources.{name}.clock_sql", "select now()"),
        lookback=lookback(name),
        schema=setting(f"sources.{name}.schema", "public"),
    )


class _Broken(IngestError):
    """The source no longer fulfils the table's contract."""


def read_tables(context: Context, tables: Sequence[Table]) -> list["DltResource"]:
    """What is new in these tables, as dlt resources. A table that can't be read goes to context.failures."""
    source = server(context.source)
    context.secrets.add(source.parameters.get("password", ""))
    wanted = [table for table in tables if table.name not in context.skipped]
    with connect(source) as session:
        clock = _clock(session, source)
        columns = columns_of(session, context, source.schema, wanted)
        readers = [_Reader(context, source, table, columns.get(table.name, []), clock) for table in wanted]
        for reader in readers:
            reader.look(session)
    # Values that PostgreSQL writes as text, ranges of instants for one, are not to change with a role's time zone.
    parameters = {**source.parameters, "options": f"{source.parameters.get('options', '')} -c timezone=UTC".strip()}
    attach_postgres(context.session.work, _alias(source.name), parameters)
    return [resource for reader in readers if (resource := reader.resource()) is not None]


def replay_tables(
    context: Context, tables: Sequence[Table], name: str, rows: Sequence[Quarantined]
) -> tuple[pyarrow.Table | None, dict[str, str]]:
    """The quarantined rows of the table of this name, put through the contract of today.

    Gives those that fit, as what is to be appended to raw, without versions that raw holds already; and why the others do
    not fit, by id. The source is not asked, nor needed."""
    table = next((table for table in tables if table.name == name), None)
    if table is None:
        return None, dict.fromkeys((row.row_id for row in rows), f"no table {name} is declared any more")
    types = {name: kind for name, kind in context.raw_types(table.name).items() if not name.startswith("_")}
    columns = [_replayed_column(table, name, kind) for name, kind in types.items()]
    reasons, sent = {}, []
    for row in rows:
        values, reason = _renamed(table, types, json.loads(row.record))
        if reason:
            reasons[row.row_id] = reason
        else:
            sent.append({**values, REASON: row.row_id, LOADED: row.load_id, CHANGED_AT: row.changed_at or context.began_at})
    if not sent:
        return None, reasons
    con = context.session.work
    texts = pyarrow.schema([*((name, pyarrow.string()) for name in [*types, REASON, LOADED]), (CHANGED_AT, pyarrow.timestamp("us", "UTC"))])
    con.register("replayed", pyarrow.Table.from_pylist(sent, schema=texts))
    try:
        whys = f"concat_ws('; ', {', '.join(column.reason for column in columns)})"
        found = con.execute(f"""select "{REASON}", {whys} from replayed where {whys} <> ''""").fetchall()
        reasons |= dict(found)
        values = ", ".join(f"{column.value} as {_quoted(column.raw_name)}" for column in columns)
        fitting = f"""select {values}, cast(null as timestamptz) as {DELETED_AT}, {CHANGED_AT} from replayed where {whys} = ''"""
        if table.key:  # of one version that was told twice, what was told last
            version = ", ".join([*(_quoted(table.raw_name(name)) for name in table.key), CHANGED_AT])
            fitting += f""" qualify row_number() over (partition by {version} order by "{LOADED}" desc) = 1"""
        con.execute(f"create or replace temp table fitting as {fitting}")
    finally:
        con.unregister("replayed")
    landed = f"select {_landed(context.session, types)}, {DELETED_AT}, {CHANGED_AT} from ({_unknown(context, table, types)})"
    found = con.execute(landed).to_arrow_table()
    con.execute("drop table temp.fitting")
    return (found if found.num_rows else None), reasons


def _renamed(table: Table, types: Columns, record: dict[str, str | None]) -> tuple[dict[str, str | None], str]:
    """A record's values by raw's names; or why raw can't hold them all."""
    values = {table.raw_name(name): value for name, value in record.items() if name not in table.excluded}
    unknown = [name for name in values if name not in types and name not in table.retired]
    return values, f"raw has no column {', '.join(unknown)} yet: load the table first" if unknown else ""


def _replayed_column(table: Table, name: str, kind: str) -> Column:
    """A raw column, as if the source had one of this name and type."""
    names = {*table.key, *table.required}
    required = name in names or any(table.raw_name(column) == name for column in names)
    quoted = _quoted(name)
    return Column(name, name, kind, kind, True, required, _hint(kind), kind, kind, quoted, quoted)


def _unknown(context: Context, table: Table, types: Columns) -> str:
    """SQL: the rows of temp.fitting that raw does not hold: these versions; of a table without a key, such rows of any time."""
    if not table.key:
        held = context.session.fetch(types, f"{context.complete_rows(table.name)} as known")
        equal = " and ".join(f"held.{_quoted(name)} is not distinct from fitting.{_quoted(name)}" for name in types)
        return f"select * from temp.fitting as fitting where not exists (select 1 from {held} as held where {equal})"
    columns = {**types, DELETED_AT: INSTANT, CHANGED_AT: INSTANT}
    first, last = context.session.work.execute(f"select min({CHANGED_AT}), max({CHANGED_AT}) from temp.fitting").fetchone()
    if not first:
        return "table temp.fitting"
    first, last = (context.session.literal(instant.astimezone(UTC)) for instant in (first, last))
    rows = f"{context.complete_rows(table.name)} as known where {CHANGED_AT} between {first} and {last}"
    return f"table temp.fitting except select * from {context.session.fetch(columns, rows)} as held"


def detach(context: Context) -> None:
    """Lets go of the source server; does nothing when it was never attached."""
    context.session.work.execute(f"detach database if exists {_alias(context.source)}")


class _Reader:
    """One table in one run."""

    def __init__(self, context: Context, source: Server, table: Table, columns: list[Column], clock: datetime) -> None:
        self.context, self.source, self.table, self.columns, self.clock = context, source, table, columns, clock
        self.session, self.con = context.session, context.session.work
        self.state = context.state.get(table.name, {})
        self.types = self.state.get("types", {})  # of the source's columns, when it was last read
        self.key_columns = [column for column in columns if column.is_called(*table.key)]
        self.key = ", ".join(_quoted(column.raw_name) for column in self.key_columns)
        self.cursor = next((column for column in columns if column.is_called(table.cursor)), None)
        self.raw = context.raw_types(table.name)
        self.has_rows = context.has_rows(table.name)
        self.high: str | None = None
        self.is_set_back = False
        self.gone: int | None = None  # rows that raw holds of a table without a key, and the source has no longer
        self.doubtful = [column for column in columns if column.is_doubtful]
        self.is_careful = bool(self.doubtful) or table.name in context.doubted
        self.misfits: list[Misfit] = []

    def look(self, session: psycopg.Connection) -> None:
        """Checks the table, and asks how far its cursor has come."""
        try:
            self._check(session)
            self._check_excluded(session)
            if self.cursor:
                self.high, self.is_set_back = self._highest_cursor(session), self._clock_was_set_back(session)
            self.context.covers(self.table.name, *self._interval(session))
        except (IngestError, psycopg.Error) as error:
            session.rollback()  # else the server would refuse whatever the other tables ask
            self._fail(error)

    def resource(self) -> "DltResource | None":
        """The dlt resource of what is new; None when the table failed or nothing is to be done."""
        if self.table.name in self.context.failures:
            return None
        try:
            items = self._items()
        except (IngestError, duckdb.Error) as error:
            self._fail(error)
            return None
        self.context.quarantine(self.table.name, self.misfits)
        self._note_changes()
        if self.is_set_back:
            self.context.notes.append(f"{self._where}: the source's clock stands before what was read last, so all rows were read")
        key = [column.raw_name for column in self.key_columns]
        return self.context.resource(self.table.name, self._hints(), items, self._remember(), key)

    # What to check

    def _check(self, session: psycopg.Connection) -> None:
        """Raises IngestError when the table is not what was declared, or no longer what raw holds."""
        if not self.columns:
            if session.execute("select to_regclass(%s)", [self._source_table]).fetchone()[0]:
                raise IngestError(f"{self._where} may not be read.", "Grant SELECT on it.")
            raise _Broken(f"{self._where} does not exist.", f"Correct or remove its line in {self._module}.")
        here = {column.raw_name for column in self.columns}
        given_up = {*self.table.retired, *map(self.table.raw_name, self.table.excluded)}
        lost = [name for name in self.raw if not name.startswith("_") and name not in here | given_up]
        if lost:
            raise self._lost(session, lost)
        declared = [*self.table.key, *filter(None, [self.table.cursor]), *self.table.required]
        if missing := [name for name in declared if not any(column.is_called(name) for column in self.columns)]:
            raise _Broken(f"{self._where} has no column {', '.join(missing)}.", f"Declare it anew in {self._module}.")
        twins = [name for name, count in Counter(c.raw_name for c in self.columns).items() if count > 1]
        if twins:
            raise _Broken(f"{self._where} has columns that are both {', '.join(twins)} in raw.", "Exclude one of them.")
        for column in self.columns:
            if column.is_changed and not column.hint:
                raise _Broken(
                    f"{self._where}: column {column.name} is {column.declared}; raw holds it as {column.raw_type}.", self._widen(column)
                )

    def _lost(self, session: psycopg.Connection, lost: list[str]) -> IngestError:
        """What to say of columns that raw has and the source has not: perhaps only their names are new."""
        if hidden := [name for name in self._column_names(session) if self.table.raw_name(name) in lost]:
            return IngestError(f"{self._where}: column {', '.join(hidden)} may not be read.", "Grant SELECT on it.")
        new = [column for column in self.columns if column.raw_name not in self.raw]
        renamed = dict(self.table.renamed)
        for name in lost:
            alike = [c for c in new if c.name not in renamed.values() and self.session.stored(c.own_type) == self.raw[name]]
            if alike:
                renamed[name] = max(alike, key=lambda c: SequenceMatcher(None, c.raw_name, name).ratio()).name
        found = [now for name, now in renamed.items() if self.table.renamed.get(name) != now]
        retired = json.dumps([*self.table.retired, *lost], ensure_ascii=False)[1:-1]
        message = f"{self._where} has lost column {', '.join(lost)}"
        gone = f"retired=({retired},)"
        if not found:
            told = f", and has new ones of other types: {', '.join(c.name for c in new)}" if new else ""
            return _Broken(f"{message}{told}.", f"If it is gone for good, write {gone} into its line in {self._module}.")
        return _Broken(
            f"{message}, and has {', '.join(found)}, new and of the same type.",
            f"If that is the new name, write renamed={json.dumps(renamed, ensure_ascii=False)} into its line in {self._module}; "
            f"if {', '.join(lost)} is gone for good, {gone}.",
        )

    def _check_excluded(self, session: psycopg.Connection) -> None:
        """Raises IngestError when an excluded column is not there: under a new name it would come along unseen."""
        if not self.table.excluded:
            return
        if gone := set(self.table.excluded) - set(self._column_names(session)):
            raise _Broken(
                f"column {', '.join(sorted(gone))} is to be excluded, but table {self.table.name} has none.",
                "If it was renamed, exclude the new name.",
            )

    def _column_names(self, session: psycopg.Connection) -> list[str]:
        """All columns of the table, those too that may not be read."""
        found = "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped"
        return [name for (name,) in session.execute(found, [self._source_table])]

    def _refuse_types(self, columns: Iterable[Column]) -> None:
        """Raises IngestError for a column whose type has changed so that raw's can't hold a single one of its values."""
        for column in columns:
            texts = f"select {column.text} as value from {self._source_table} where {_quoted(column.name)} is not null"
            found = f"select {column.fits} as fits from (select value as {_quoted(column.name)} from {self._answer(texts)}) as sent"
            if self.con.execute(f"select bool_or(fits) from ({found}) as found").fetchone()[0] is False:
                now = f"{self._where}: column {column.name} is {column.declared} now"
                raise _Broken(f"{now}, raw holds it as {column.raw_type}, and no value fits that.", self._widen(column))

    def _note_changes(self) -> None:
        """Tells people of columns that are new, retired, or of another type than before."""
        notes = self.context.notes
        if new := [f"{column.name} ({column.declared})" for column in self._new_columns]:
            notes.append(f"{self._where} has a new column {', '.join(new)}: landed")
        if gone := [name for name in self.table.retired if name in self.raw and name not in {c.raw_name for c in self.columns}]:
            notes.append(f"{self._where} no longer has {', '.join(gone)}: null from now on, as it is retired")
        for column in self.columns:
            before = self.types.get(column.name)
            now = f"{self._where}: column {column.name} is {column.declared} now" + (f", and was {before}" if before else "")
            if column.is_doubtful:
                notes.append(
                    f"{now}; raw holds it as {column.raw_type}. Values that fit that exactly are landed, rows with others "
                    f"go to quarantine. {self._widen(column)}"
                )
            elif before != column.declared and (before or column.is_changed):
                notes.append(f"{now}; raw's {column.raw_type} holds each of its values")

    def _widen(self, column: Column) -> str:
        kind = self.session.stored(column.own_type)
        return "To hold all of them: " + self.session.widen(self.context.dataset, self.table.name, column.raw_name, kind)

    def _fail(self, error: Exception) -> None:
        record = self.context.stop if isinstance(error, _Broken) else self.context.fail
        record(self.table.name, _in_our_words(error))

    def _hints(self) -> dict[str, dict[str, Any]]:
        """dlt's columns: as the source declares them; only keys are sure not to be null in raw."""
        hints = {c.raw_name: {**c.hint, "nullable": c not in self.key_columns} for c in self.columns}
        instants = {DELETED_AT: {"data_type": "timestamp"}, CHANGED_AT: {"data_type": "timestamp", "nullable": False}}
        return {**hints, **instants}

    # What to read

    def _highest_cursor(self, session: psycopg.Connection) -> str | None:
        """The highest cursor as text, but not beyond the source's clock: one row dated 2099 must not end all reading."""
        highest = f"max({_quoted(self.cursor.name)})"
        if self._cursor_is_time:
            highest = f"least({highest}, {_literal(self.clock.isoformat())}::{self.cursor.source_type})"
        return session.execute(f"select {highest}::text from {self._source_table}").fetchone()[0]

    def _clock_was_set_back(self, session: psycopg.Connection) -> bool:
        """Whether the source's clock stands before the cursor that was reached: rows that changed since are dated before it."""
        if not self._follows_cursor or self.context.options.is_interval:
            return False
        reached, now = (f"{_literal(value)}::{self.cursor.source_type}" for value in (self.state["cursor"], self.clock.isoformat()))
        return session.execute(f"select {reached} > {now}").fetchone()[0]

    def _remember(self) -> dict[str, Any]:
        """What the next run needs to know. A refilled interval changes nothing of it."""
        remembered = {}
        if not self.context.options.is_interval:
            remembered["types"] = {column.name: column.declared for column in self.columns}
            if self.high:
                remembered["cursor"] = self.high
            if self.gone is not None:
                remembered["gone"] = self.gone
        if self._compares_keys or not self.state:
            remembered["keys_compared_on"] = self._today
        return remembered

    @property
    def _low(self) -> str | None:
        """The cursor after which rows may be new, less the look-back; None when all rows may be."""
        if not self._follows_cursor or self.is_set_back or self.context.options.full or self._new_columns or self._has_differed:
            return None
        lookback = f"interval '{self.source.lookback.total_seconds():.0f} seconds'"
        return f"{_literal(self.state['cursor'])}::{self.cursor.source_type} - {lookback}"

    @property
    def _follows_cursor(self) -> bool:
        """Whether the cursor that was reached says what is new. One that is no time does not: numbers are drawn before they are
        committed, and nobody can tell how long; and one of another type can't be compared."""
        cursor = self.cursor
        return self._cursor_is_time and "cursor" in self.state and self.types.get(cursor.name, cursor.declared) == cursor.declared

    @cached_property
    def _has_differed(self) -> bool:
        """Whether the whole table has to be read, as raw was found to differ from it."""
        return not self.context.options.is_interval and self.context.has_differed(self.table.name)

    @property
    def _new_columns(self) -> list[Column]:
        """Columns that raw has no values of: also in rows that have not changed since, there may be some now."""
        if not self.raw:
            return []
        known = {self.table.raw_name(name) for name in self.types} or set(self.raw)
        return [column for column in self.columns if column.raw_name not in known & set(self.raw)]

    def _window(self) -> str:
        """The condition, on the server, of rows that may be new; empty for all."""
        options, cursor = self.context.options, self.cursor
        if options.is_interval and self._cursor_is_time:
            bounds = ((">=", options.since), ("<", options.until))
            name = _quoted(cursor.name)
            return " and ".join(f"{name} {sign} {_literal(bound.isoformat())}::{cursor.source_type}" for sign, bound in bounds if bound)
        if options.is_interval or not self._low:
            return ""
        return f"{_quoted(cursor.name)} > {self._low}" + (f" or {_quoted(cursor.name)} is null" if cursor.nullable else "")

    def _interval(self, session: psycopg.Connection) -> tuple[datetime | None, datetime]:
        """Which changes this read takes in, in the source's time: up to its clock, which was read before any row was."""
        options = self.context.options
        if options.is_interval and self._cursor_is_time:
            return options.since, min(options.until or self.clock, self.clock)
        if options.is_interval or not self._low:
            return None, self.clock
        seconds = session.execute(f"select greatest(extract(epoch from {self._low}), 0)").fetchone()[0]
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(seconds * 1_000_000)), self.clock

    def _items(self) -> Callable[[], Iterable[Any]]:
        """A function that gives the rows to land. Most tables hold nothing but what fits; another is read again, carefully."""
        if not self.is_careful:
            if not self.has_rows:
                self.context.unchecked.add(self.table.name)
                return self._everything
            try:
                return self._changes()
            except (duckdb.ConversionException, duckdb.InvalidInputException, duckdb.OutOfRangeException):
                self.is_careful = True
        return self._changes()

    def _everything(self) -> Iterator[Any]:
        """The whole table: as a SELECT that dlt's load job runs, where the warehouse can, else as Arrow batches."""
        columns = ", ".join(column.received for column in self.columns)
        read = f"(select {columns} from {self._query(self.columns, self._window())} as sent)"
        names = ", ".join(_quoted(column.raw_name) for column in self.columns)  # dlt takes no star
        statement = f"select {names}, cast(null as timestamptz) as {DELETED_AT}, {self._changed_at} as {CHANGED_AT} from {read} as source"
        if self.session.works_in_warehouse:
            yield _model(statement, self._hints())
            return
        yield from self._batches(f"({statement})")

    def _changes(self) -> Callable[[], Iterable[Any]]:
        """A function that gives the rows to land as Arrow batches.

        They are put aside in a temporary table first, so that whatever is wrong with one table shows
        here, and stops this table alone."""
        name, changes = self.table.name, f'temp."changes_{self.table.name}"'
        self.context.waiting[name] = self.context.quarantined_keys(name) if self.key else {}
        self.con.execute("begin")
        try:
            self._refuse_types(column for column in self.doubtful if column in self.key_columns)
            window = self._window()
            if self._compares_keys:
                self._compare_keys()
                window = self._with_missing_keys(window)
            read = self._read_carefully if self.is_careful else self._read
            read(window)
            self.con.execute(f'create or replace temp table "changes_{name}" as {self._different_rows()}')
            if not self.key and not self.context.options.is_interval:
                self._look_for_gone_rows()
            self._withdraw()
            if self._compares_keys:
                self.con.execute(f"insert into {changes} by name {self._deleted_rows()}")
            if self.is_careful:
                self.misfits = self._misfits()
            self.con.execute("commit")
        except BaseException:
            with suppress(duckdb.Error):  # of a server that is gone, whose first error says more
                self.con.execute("rollback")
            raise
        for kind in ("source", "known", "now", "live", "deleted", "missing", "careful"):
            self.con.execute(f'drop table if exists temp."{kind}_{name}"')
        if not self.con.execute(f"select 1 from {changes} limit 1").fetchall():
            return list
        return lambda: self._batches(changes, f"drop table {changes}")

    def _withdraw(self) -> None:
        """What is in quarantine of a key that has just been read, and fits, is no longer what the source says, be it that it
        says what it had said before, or something that it dates earlier."""
        name = self.table.name
        if not self.context.waiting[name]:
            return
        keys = ", ".join(_quoted(column.raw_name) for column in self.key_columns)
        for key in self._key_texts(f'select {keys} from temp."source_{name}"'):
            self.context.withdraw(name, key)

    def _key_texts(self, keys: str) -> Iterator[str]:
        """The keys that this query gives, as `quarantine` has them."""
        found = self.con.execute(keys)
        while rows := found.fetchmany(BATCH_ROWS):
            yield from map(key_text, rows)

    def _read(self, window: str) -> None:
        """Puts the rows of a window into temp.source_…; fails when there is one that does not fit."""
        received = ", ".join(column.received for column in self.columns)
        self.con.execute(
            f'create or replace temp table "source_{self.table.name}" as select {received} from {self._query(self.columns, window)}'
        )

    def _read_carefully(self, window: str) -> None:
        """Puts the rows of a window that fit into temp.source_…, and all into temp.careful_…, with the reason where there is one."""
        name = self.table.name
        values = ", ".join(f"{column.value} as {_quoted(column.raw_name)}" for column in self.columns)
        record = ", ".join(f"{_literal(column.name)}: {_quoted(column.name)}" for column in self.columns)
        reasons = ", ".join(column.reason for column in self.columns)
        self.con.execute(
            f'create or replace temp table "careful_{name}" as select {values}, to_json({{{record}}}) as "{RECORD}", '
            f"nullif(concat_ws('; ', {reasons}), '') as \"{REASON}\" from {self._query(self.columns, window)} as sent"
        )
        names = ", ".join(_quoted(column.raw_name) for column in self.columns)
        self.con.execute(
            f'create or replace temp table "source_{name}" as select {names} from temp."careful_{name}" where "{REASON}" is null'
        )
        if self.doubtful:
            held = ", ".join(f"count({_quoted(column.raw_name)})" for column in self.doubtful)
            counts = self.con.execute(f'select {held} from temp."careful_{name}"').fetchone()
            self._refuse_types(column for column, count in zip(self.doubtful, counts, strict=True) if not count)

    def _misfits(self) -> list[Misfit]:
        """The rows that were read and do not fit."""
        rows, instant, latest = f'temp."careful_{self.table.name}"', self._changed_at, ""
        if self.key and self.has_rows:
            instant = self._later(instant)
            latest = f"left join {self._latest(rows)} as latest on {self._pairs}"
        keys = "".join(f", source.{_quoted(column.raw_name)}" for column in self.key_columns)
        columns = f'source."{RECORD}", source."{REASON}", {instant}{keys}'
        found = self.con.execute(f'select {columns} from {rows} as source {latest} where source."{REASON}" is not null').to_arrow_table()
        return [
            Misfit(record, reason, key_text(key) if key and None not in key else None, changed_at)
            for record, reason, changed_at, *key in zip(*(column.to_pylist() for column in found.columns), strict=True)
        ]

    @property
    def _changed_at(self) -> str:
        """SQL: the instant from which a row that was read holds, as its cursor says, but never later than the source's clock:
        what claims to be of 2099 would be the latest version for ever."""
        clock = f"timestamptz {_literal(self.clock.isoformat())}"
        if not self._cursor_is_time:
            return clock
        return f"least(coalesce(cast(source.{_quoted(self.cursor.raw_name)} as timestamptz), {clock}), {clock})"

    def _later(self, instant: str) -> str:
        """SQL: this instant, when it is later than that of the version which raw holds (`latest`); else the clock, else a
        microsecond more than raw has. A transaction that began early and committed late brings an older cursor; the
        source's clock can be set back; and what the source says now is the latest version all the same."""
        clock, known = f"timestamptz {_literal(self.clock.isoformat())}", f"latest.{CHANGED_AT}"
        return (
            f"case when {known} is null or {instant} > {known} then {instant} "
            f"when {clock} > {known} then {clock} else {known} + interval 1 microsecond end"
        )

    def _deleted_rows(self) -> str:
        """SQL: what raw last held of the keys that are gone, marked with the source's time."""
        names = ", ".join(f"latest.{_quoted(name)}" for name in self._known_columns)
        clock = f"timestamptz {_literal(self.clock.isoformat())}"
        latest = self._latest(f'temp."deleted_{self.table.name}"')
        return f"select {names}, {clock} as {DELETED_AT}, {self._later(clock)} as {CHANGED_AT} from {latest} as latest"

    @property
    def _known_columns(self) -> dict[str, str]:
        """The columns that raw has already, in the types of today."""
        return {c.raw_name: c.raw_type for c in self.columns if c.raw_name in self.raw}

    def _latest(self, keys: str) -> str:
        """SQL: the latest version that raw holds of each key in the relation `keys`."""
        return self.context.latest_rows(self.table.name, self._known_columns, [c.raw_name for c in self.key_columns], keys)

    def _different_rows(self) -> str:
        """SQL: the rows read that are not the latest version of their key in raw already."""
        read, known = f'temp."source_{self.table.name}"', f'temp."known_{self.table.name}"'
        names = ", ".join(_quoted(c.raw_name) for c in self.columns)
        if not self.has_rows:
            return f"select source.*, cast(null as timestamptz) as {DELETED_AT}, {self._changed_at} as {CHANGED_AT} from {read} as source"
        if self.key:
            latest = self._latest(read)
            pairs = self._pairs
        else:
            columns = {**self._known_columns, DELETED_AT: INSTANT, CHANGED_AT: INSTANT}
            latest, pairs = self.session.fetch(columns, f"{self.context.complete_rows(self.table.name)} as known"), "false"
        self.con.execute(f"create or replace temp table {known.removeprefix('temp.')} as select * from {latest} as latest")
        return (
            f"select source.*, cast(null as timestamptz) as {DELETED_AT}, {self._later(self._changed_at)} as {CHANGED_AT} "
            f"from (select {names} from {read} {'except' if self.key else 'except all'} "
            f"select {self._known_names} from {known} where {DELETED_AT} is null) as source "
            f"left join {known} as latest on {pairs}"
        )

    @property
    def _known_names(self) -> str:
        """SQL: the columns, of what raw holds. One that is new at the source is null in all of it so far."""
        return ", ".join(_quoted(c.raw_name) if c.raw_name in self.raw else f"cast(null as {c.raw_type})" for c in self.columns)

    @property
    def _pairs(self) -> str:
        """SQL: that `source` and `latest` are versions of one key."""
        return " and ".join(f"source.{_quoted(c.raw_name)} = latest.{_quoted(c.raw_name)}" for c in self.key_columns)

    def _batches(self, rows: str, afterwards: str = "") -> Iterator[Any]:
        """The rows of a relation as Arrow tables, as the warehouse stores them; then a last statement."""
        columns = _landed(self.session, {column.raw_name: column.raw_type for column in self.columns})
        try:
            for batch in self.con.execute(f"select {columns}, {DELETED_AT}, {CHANGED_AT} from {rows}").to_arrow_reader(BATCH_ROWS):
                yield pyarrow.Table.from_batches([batch])
        except (duckdb.Error, OSError) as error:  # Arrow hands DuckDB's errors on as OSError
            raise Refused(self.table.name, _in_our_words(error)) from error
        if afterwards:
            self.con.execute(afterwards)

    # Which keys are gone, and which are missing

    @cached_property
    def _compares_keys(self) -> bool:
        """Whether this run compares keys: see the top of this file."""
        options = self.context.options
        if not self.key or not self.has_rows:
            return False
        if options.deletes or options.full or self._has_differed:
            return True
        if options.is_interval:
            return False
        rows = self.session.size(self.context.dataset, self.table.name)
        return rows < COMPARE_KEYS_ALWAYS_BELOW or self.state.get("keys_compared_on") != self._today

    def _compare_keys(self) -> None:
        """Puts the keys that the source lost into temp.deleted_…, and those that raw lacks into temp.missing_…"""
        name = self.table.name
        names = [_quoted(column.raw_name) for column in self.key_columns]
        pairs = " and ".join(f"live.{name} = now.{name}" for name in names)
        if self.is_careful:  # a key that does not fit is not in raw
            received = ", ".join(f"{column.value} as {_quoted(column.raw_name)}" for column in self.key_columns)
            fitting = f" where {' and '.join(column.fits for column in self.key_columns)}"
        else:
            received, fitting = ", ".join(column.received for column in self.key_columns), ""
        self.con.execute(
            f'create or replace temp table "now_{name}" as select {received} from {self._query(self.key_columns)} as sent{fitting}'
        )
        keys = {c.raw_name: c.raw_type for c in self.key_columns}
        self.con.execute(f'create or replace temp table "live_{name}" as select * from {self.context.live_keys(name, keys)} as known')
        for kind, left, right in (("deleted", "live", "now"), ("missing", "now", "live")):
            self.con.execute(
                f'create or replace temp table "{kind}_{name}" as '
                f'select {left}.* from temp."{left}_{name}" as {left} anti join temp."{right}_{name}" as {right} on {pairs}'
            )
        self._refuse_to_lose_too_much(self._size("deleted"), self._size("live"))
        if gone := set(self.context.waiting[name]):
            gone.difference_update(self._key_texts(f'select * from temp."now_{name}" union all select * from temp."live_{name}"'))
            for key in gone:
                self.context.withdraw(name, key)  # was deleted before it ever fitted

    def _size(self, kind: str) -> int:
        return self.con.execute(f'select count(*) from temp."{kind}_{self.table.name}"').fetchone()[0]

    def _refuse_to_lose_too_much(self, gone: int, live: int) -> None:
        many = gone > max(MAY_VANISH_ROWS, (1 - self.table.keep) * live) or 0 < gone == live
        if many and not self.context.options.allow_deletes:
            raise _Broken(
                f"{gone} of {live} rows are gone from the source at once; nothing of the table was loaded.",
                f"If that is right: ingest {self.source.name} --allow-deletes",
            )

    def _look_for_gone_rows(self) -> None:
        """Counts the rows that raw holds of a table without a key, and the source has no longer. There is no telling whether they
        are gone or were changed, so raw keeps them."""
        name, self.gone = self.table.name, 0
        if not self.has_rows:
            return
        names = ", ".join(_quoted(column.raw_name) for column in self.columns)
        known = f'select {self._known_names} from temp."known_{name}" except all select {names} from temp."source_{name}"'
        [(self.gone,)] = self.con.execute(f"select count(*) from ({known})").fetchall()
        before = self.state.get("gone", self.gone)
        live = self._size("known") - before
        self._refuse_to_lose_too_much(live - self._size("careful" if self.is_careful else "source"), live)
        if self.gone > before:
            self.context.notes.append(
                f"{self._where}: {self.gone - before} rows are gone or were changed, and no key says which: raw keeps them as they were"
            )

    def _with_missing_keys(self, window: str) -> str:
        """`window` widened by the keys that raw lacks; all rows when they are too many to name."""
        missing = self.con.execute(f'select * from temp."missing_{self.table.name}" limit {KEYS_IN_SQL + 1}').fetchall()
        if not window or not missing:
            return window
        if len(missing) > KEYS_IN_SQL:
            return ""
        values = ", ".join(f"({', '.join(_literal(str(value)) for value in row)})" for row in missing)
        return f"{window} or ({', '.join(_quoted(column.name) for column in self.key_columns)}) in ({values})"

    # Small things

    @property
    def _cursor_is_time(self) -> bool:
        return self.cursor is not None and exact.is_time(self.cursor.own_type) and exact.is_time(self.cursor.raw_type)

    @property
    def _where(self) -> str:
        return f"table {self.source.schema}.{self.table.name}"

    @property
    def _module(self) -> str:
        return f"ingestion/sources/{self.context.source}.py"

    @property
    def _today(self) -> str:
        return self.clock.date().isoformat()

    @property
    def _source_table(self) -> str:
        return f"{_quoted(self.source.schema)}.{_quoted(self.table.name)}"

    def _query(self, columns: Sequence[Column], window: str = "") -> str:
        """The table function that runs the SELECT of these columns on the source's server; carefully, of their texts."""
        sent = ", ".join(f"{column.text if self.is_careful else column.sent} as {_quoted(column.name)}" for column in columns)
        return self._answer(f"select {sent} from {self._source_table}" + (f" where {window}" if window else ""))

    def _answer(self, statement: str) -> str:
        return f"postgres_query({_literal(_alias(self.source.name))}, {_literal(statement)})"


class _Select(dlt.Relation):
    """A SELECT for dlt's load job. dlt has no public resource for SQL over a database attached to DuckDB."""

    def __init__(self, query: str, columns: dict[str, dict[str, Any]]) -> None:
        self._query, self._columns = query, columns

    def to_model(self) -> SqlModel:
        return SqlModel.from_query_string(self._query, "duckdb")

    @property
    def columns_schema(self) -> dict[str, Any]:
        return {name: {"name": name, **hint} for name, hint in self._columns.items()}


def _in_our_words(error: Exception) -> IngestError:
    """What to say when a value is not what its column can hold, and of other errors."""
    if isinstance(error, IngestError):
        return error
    if any(words in str(error) for words in BROKE_OFF):
        return IngestError(f"the server broke off while it was read: {first_line(error)}", "Its own log says why. The next run catches up.")
    if "onversion" not in str(error):
        return IngestError(first_line(error))
    return IngestError(
        f"a value does not fit its column's type: {first_line(error)}",
        "Correct it at the source, or widen the column there.",
    )


def _model(query: str, columns: dict[str, dict[str, Any]]) -> Any:
    return dlt.mark.with_hints(_Select(query, columns), hints=dlt.mark.make_hints(columns=columns))


def connect(source: Server) -> psycopg.Connection:
    """A connection to the source; raises IngestError with the remedy when there is none to be had."""
    try:
        return psycopg.connect(source.dsn, connect_timeout=int(source.parameters.get("connect_timeout", 10)))
    except psycopg.OperationalError as error:
        text = redact(first_line(error), [source.parameters.get("password", "")])
        if "authentication failed" in text or "no password" in text or "role" in text:
            raise IngestError(
                f"The server {source.address} refuses user {source.parameters.get('user', '?')}: wrong user or password.",
                f"Correct SOURCES__{source.name.upper()}__CREDENTIALS (or .dlt/secrets.toml).",
            ) from error
        raise IngestError(
            f"The server {source.address} can't be reached: {text}",
            "Is it up, and is the address right? The next run catches up.",
        ) from error


def _clock(session: psycopg.Connection, source: Server) -> datetime:
    """The source's own time, from its clock_sql."""
    try:
        clock = session.execute(source.clock_sql).fetchone()[0]
    except (psycopg.Error, TypeError) as error:
        raise IngestError(
            f"The source's clock can't be read with \"{source.clock_sql}\": {first_line(error)}",
            f"Correct SOURCES__{source.name.upper()}__CLOCK_SQL.",
        ) from error
    if not isinstance(clock, datetime) or clock.tzinfo is None:
        raise IngestError(f'"{source.clock_sql}" gives {clock!r}, not a timestamp with time zone.')
    return clock


def columns_of(session: psycopg.Connection, context: Context, schema: str, tables: Sequence[Table]) -> dict[str, list[Column]]:
    """By table: the columns that may be read, in the source's order, without the excluded ones."""
    rows = session.execute(
        """
        select
            columns.table_name, columns.column_name, columns.data_type, format_type(attribute.atttypid, attribute.atttypmod),
            columns.is_nullable = 'YES', columns.numeric_precision, columns.numeric_scale
        from information_schema.columns as columns
        inner join pg_namespace as namespace on columns.table_schema = namespace.nspname
        inner join pg_class as relation on namespace.oid = relation.relnamespace and columns.table_name = relation.relname
        inner join pg_attribute as attribute on relation.oid = attribute.attrelid and columns.column_name = attribute.attname
        where columns.table_schema = %s and columns.table_name = any(%s)
        order by columns.table_name, columns.ordinal_position
        """,
        [schema, [table.name for table in tables]],
    ).fetchall()
    declared = {table.name: table for table in tables}
    found: dict[str, list[Column]] = {}
    for table, name, *described in rows:
        if name not in declared[table].excluded:
            found.setdefault(table, []).append(_column(context, declared[table], name, *described))
    return found


# PostgreSQL's type: dlt's, DuckDB's, and the cast on the server where the value would not arrive as it is.
TYPES: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "smallint": ({"data_type": "bigint"}, "BIGINT", None),
    "integer": ({"data_type": "bigint"}, "BIGINT", None),
    "bigint": ({"data_type": "bigint"}, "BIGINT", None),
    "oid": ({"data_type": "bigint"}, "BIGINT", "::bigint"),
    "boolean": ({"data_type": "bool"}, "BOOLEAN", None),
    "double precision": ({"data_type": "double"}, "DOUBLE", None),
    "real": ({"data_type": "double"}, "DOUBLE", "::text"),  # widened as it is, 0.1 becomes 0.10000000149
    "date": ({"data_type": "date"}, "DATE", None),
    "timestamp with time zone": ({"data_type": "timestamp"}, "TIMESTAMP WITH TIME ZONE", None),
    "timestamp without time zone": ({"data_type": "timestamp", "timezone": False}, "TIMESTAMP", None),
    "time without time zone": ({"data_type": "time"}, "TIME", None),
    "text": ({"data_type": "text"}, "VARCHAR", None),
    "character varying": ({"data_type": "text"}, "VARCHAR", None),
    "character": ({"data_type": "text"}, "VARCHAR", None),
    "json": ({"data_type": "json"}, "JSON", "::text"),
    "jsonb": ({"data_type": "json"}, "JSON", "::text"),
    "bytea": ({"data_type": "binary"}, "BLOB", None),
}


HINTS = {raw_type: hint for hint, raw_type, _ in TYPES.values()}
# Types whose text hangs on the server's settings; as JSON writes it, it does not.
WRITTEN_AS_JSON = ("date", "timestamp with time zone", "timestamp without time zone")


def _column(
    context: Context, table: Table, name: str, data_type: str, declared: str, nullable: bool, precision: int | None, scale: int | None
) -> Column:
    """The column; a type that no table above knows travels and stays as text. What raw has already lands in raw's type."""
    _, own_type, cast = TYPES.get(data_type, ({}, "VARCHAR", "::text"))
    if data_type == "numeric" and precision and 0 <= (scale or 0) <= precision <= 38:
        own_type = f"DECIMAL({precision},{scale or 0})"
    raw_name, quoted = table.raw_name(name), _quoted(name)
    text = f"{quoted}::text"
    if data_type in WRITTEN_AS_JSON:
        text = f"to_json({quoted}) #>> '{{}}'"
    elif data_type == "bytea":
        text = f"'\\x' || encode({quoted}, 'hex')"
    held = context.raw_types(table.name).get(raw_name)
    is_changed = held not in (None, context.session.stored(own_type))
    raw_type = held if is_changed else own_type
    return Column(
        name=name,
        raw_name=raw_name,
        source_type=data_type,
        declared=declared,
        nullable=nullable,
        required=not {name, raw_name}.isdisjoint({*table.key, *table.required}),
        hint=_hint(raw_type),
        own_type=own_type,
        raw_type=raw_type,
        sent=text if is_changed else f"{quoted}{cast or ''}",
        text=text,
    )


def _hint(kind: str) -> dict[str, Any]:
    """dlt's type; empty for one that we never make."""
    if digits := exact.precision(kind):
        return {"data_type": "decimal", "precision": digits[0], "scale": digits[1]}
    return HINTS.get(kind, {})


def _landed(session: Session, columns: Columns) -> str:
    """SQL: these columns as Arrow takes them to the warehouse."""
    stored = {name: session.stored(kind) for name, kind in columns.items()}
    return ", ".join(
        f"cast({_quoted(name)} as {'VARCHAR' if kind == 'JSON' else kind}) as {_quoted(name)}" for name, kind in stored.items()
    )


def _alias(source: str) -> str:
    return f"source_{source}"


@cache
def _naming() -> NamingConvention:
    return NamingConvention()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
