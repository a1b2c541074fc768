"""Reads tables of a PostgreSQL database: what changed, what was deleted, and nothing twice.

DuckDB's postgres extension reads the rows, so none of them becomes a Python object. The SELECT runs on
the server (`postgres_query`), where the cursor's index helps, and types that DuckDB would get wrong
travel as text: it turns a numeric NaN into 0.0 and an unbounded numeric into DOUBLE. The cast back is
DuckDB's, and fails on what the type can't hold.

DuckDB's scan of the attached table would be faster, but can't be guarded against NaN: beside a `postgres_query`
in the same statement its first connection reads outside of the transaction, so not the snapshot that was checked.

How a run decides what to land of a table:

1. Nothing of it is in raw yet: everything; by one INSERT … SELECT inside dlt's load job when the warehouse is
   DuckDB, else as Arrow batches.
2. Else the rows whose cursor lies after the last one less a look-back (rows may commit late), and those
   without a cursor; of these, the ones that differ from what raw holds as the latest version of their key.
3. Keys are compared in every run while a table is small, and else once a day by the source's clock (or
   with --deletes, --full). A key that the source no longer has lands as its last row, marked deleted. A key that
   raw lacks, or holds as deleted, is read whatever its cursor says: it came back, or committed later than
   the look-back.

All of a table's reads share one transaction, and so one snapshot of the source.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import dlt
import duckdb
import psycopg
import pyarrow
from dlt.common.destination.client import SqlModel
from dlt.common.normalizers.naming.snake_case import NamingConvention
from psycopg.conninfo import conninfo_to_dict

from ingestion.context import CHANGED_AT, DELETED_AT, INSTANT, Context
from ingestion.engines.work import attach_postgres
from ingestion.errors import IngestError, Refused, first_line, redact
from ingestion.settings import setting

if TYPE_CHECKING:
    from dlt.extract import DltResource

COMPARE_KEYS_ALWAYS_BELOW = 500_000  # rows in raw: comparing so many keys takes a fraction of a second
KEYS_IN_SQL = 1_000  # more missing keys than that: the table is read whole
MAY_VANISH = 0.2  # the share of a table's rows that may disappear between two runs
MAY_VANISH_ROWS = 10  # … or that many
BATCH_ROWS = 100_000


@dataclass(frozen=True)
class Table:
    """A table to read. `cursor` is the column that grows when a row changes; without one, the whole table is
    read each time, and what changed is landed. `excluded` columns never leave the source."""

    name: str
    primary_key: str | tuple[str, ...] = ()
    cursor: str | None = None
    excluded: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.cursor and not self.primary_key:
            raise ValueError(f"table {self.name}: a cursor demands a primary key, else versions of a row can't be told")

    @property
    def key(self) -> tuple[str, ...]:
        return (self.primary_key,) if isinstance(self.primary_key, str) else self.primary_key


@dataclass(frozen=True)
class Column:
    """A source column: how the server hands it over, and what it is in raw."""

    name: str
    source_type: str  # as PostgreSQL writes it
    nullable: bool
    hint: dict[str, Any]  # dlt's type
    raw_type: str  # DuckDB's name of that type
    as_text: str | None = None  # the cast on the server, when the value travels as something else

    @property
    def sent(self) -> str:
        return f"{_quoted(self.name)}{self.as_text} as {_quoted(self.name)}" if self.as_text else _quoted(self.name)

    @property
    def received(self) -> str:
        return f"cast({_quoted(self.name)} as {self.raw_type}) as {_quoted(self.raw_name)}"

    @property
    def raw_name(self) -> str:
        """Its name in raw, where dlt writes all names in snake case."""
        return _naming().normalize_identifier(self.name)


@dataclass(frozen=True)
class Server:
    """A PostgreSQL source: where it is, its clock, and how late its rows may commit."""

    name: str
    dsn: str
    clock_sql: str
    lookback_hours: float
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
        lookback_hours=float(setting(f"sources.{name}.lookback_hours", 48)),
        schema=setting(f"sources.{name}.schema", "public"),
    )


def read_tables(context: Context, tables: Sequence[Table]) -> list["DltResource"]:
    """What is new in these tables, as dlt resources. A table that can't be read goes to context.failures."""
    source = server(context.source)
    context.secrets.add(source.parameters.get("password", ""))
    wanted = [table for table in tables if table.name not in context.skipped]
    with _connect(source) as session:
        clock = _clock(session, source)
        columns = _columns(session, source.schema, wanted)
        readers = [_Reader(context, source, table, columns.get(table.name, []), clock) for table in wanted]
        for reader in readers:
            reader.look(session)
    attach_postgres(context.session.work, _alias(source.name), source.parameters)
    return [resource for reader in readers if (resource := reader.resource()) is not None]


def detach(context: Context) -> None:
    """Lets go of the source server; does nothing when it was never attached."""
    context.session.work.execute(f"detach database if exists {_alias(context.source)}")


class _Reader:
    """One table in one run."""

    def __init__(self, context: Context, source: Server, table: Table, columns: list[Column], clock: datetime) -> None:
        self.context, self.source, self.table, self.columns, self.clock = context, source, table, columns, clock
        self.session, self.con = context.session, context.session.work
        self.state = context.state.get(table.name, {})
        self.key_columns = [column for column in columns if column.name in table.key]
        self.key = ", ".join(_quoted(column.raw_name) for column in self.key_columns)
        self.cursor = next((column for column in columns if column.name == table.cursor), None)
        self.raw = context.raw_types(table.name)
        self.has_rows = context.has_rows(table.name)
        self.high: str | None = None

    def look(self, session: psycopg.Connection) -> None:
        """Checks the table, and asks how far its cursor has come."""
        try:
            self._check()
            self._check_excluded(session)
            if self.cursor:
                self.high = self._highest_cursor(session)
        except (IngestError, psycopg.Error) as error:
            self._fail(error)

    def resource(self) -> "DltResource | None":
        """The dlt resource of what is new; None when the table failed or nothing is to be done."""
        if self.table.name in self.context.failures:
            return None
        try:
            items = self._changes() if self.has_rows else self._everything
        except (IngestError, duckdb.Error) as error:
            self._fail(error)
            return None
        key = [column.raw_name for column in self.key_columns]
        return self.context.resource(self.table.name, self._hints(), items, self._remember(), key)

    # What to check

    def _check(self) -> None:
        """Raises IngestError when the table is not what was declared, or no longer what raw holds."""
        where = f"table {self.source.schema}.{self.table.name}"
        if not self.columns:
            raise IngestError(f"{where} does not exist or may not be read.", "Grant SELECT on it, or retire it.")
        missing = {*self.table.key, *filter(None, [self.table.cursor])} - {column.name for column in self.columns}
        if missing:
            raise IngestError(f"{where} has no column {', '.join(sorted(missing))}.", "Declare its key and cursor anew.")
        twins = [name for name, count in Counter(c.raw_name for c in self.columns).items() if count > 1]
        if twins:
            raise IngestError(f"{where} has columns that are both {', '.join(twins)} in raw.", "Exclude one of them.")
        for column in self.columns:
            before = self.raw.get(column.raw_name)
            if before and before != self.session.stored(column.raw_type):
                raise IngestError(
                    f"{where}: column {column.name} is {column.source_type} now; raw holds it as {before}.",
                    "Widen it first: "
                    + self.session.widen(self.context.dataset, self.table.name, column.raw_name, self.session.stored(column.raw_type)),
                )
        gone = [name for name in self.raw if not name.startswith("_") and name not in {c.raw_name for c in self.columns}]
        if gone:
            self.context.notes.append(f"{where} no longer has {', '.join(gone)}: null from now on")

    def _check_excluded(self, session: psycopg.Connection) -> None:
        """Raises IngestError when an excluded column is not there: under a new name it would come along unseen."""
        if not self.table.excluded:
            return
        rows = session.execute("select attname from pg_attribute where attrelid = %s::regclass", [self._source_table])
        if gone := set(self.table.excluded) - {name for (name,) in rows}:
            raise IngestError(
                f"column {', '.join(sorted(gone))} is to be excluded, but table {self.table.name} has none.",
                "If it was renamed, exclude the new name.",
            )

    def _fail(self, error: Exception) -> None:
        self.context.fail(self.table.name, _in_our_words(error))

    def _hints(self) -> dict[str, dict[str, Any]]:
        """dlt's columns: as the source declares them; only keys are sure not to be null in raw."""
        hints = {c.raw_name: {**c.hint, "nullable": c.name not in self.table.key} for c in self.columns}
        instants = {DELETED_AT: {"data_type": "timestamp"}, CHANGED_AT: {"data_type": "timestamp", "nullable": False}}
        return {**hints, **instants}

    # What to read

    def _highest_cursor(self, session: psycopg.Connection) -> str | None:
        """The highest cursor as text, but not beyond the source's clock: one row dated 2099 must not end all reading."""
        highest = f"max({_quoted(self.cursor.name)})"
        if self._cursor_is_time:
            highest = f"least({highest}, {_literal(self.clock.isoformat())}::{self.cursor.source_type})"
        return session.execute(f"select {highest}::text from {self._source_table}").fetchone()[0]

    def _remember(self) -> dict[str, Any]:
        """What the next run needs to know. A refilled interval changes nothing of it."""
        remembered = {}
        if self.high and not self.context.options.is_interval:
            remembered["cursor"] = self.high
        if self._compares_keys or not self.state:
            remembered["keys_compared_on"] = self._today
        return remembered

    def _window(self) -> str:
        """The condition, on the server, of rows that may be new; empty for all."""
        options, cursor = self.context.options, self.cursor
        if not cursor:
            return ""
        name = _quoted(cursor.name)
        if options.is_interval:
            bounds = ((">=", options.since), ("<", options.until))
            return " and ".join(f"{name} {sign} {_literal(bound.isoformat())}::{cursor.source_type}" for sign, bound in bounds if bound)
        low = self.state.get("cursor")
        if options.full or not low:
            return ""
        since = f"{_literal(low)}::{cursor.source_type}"
        if self._cursor_is_time:
            since += f" - interval '{self.source.lookback_hours * 3600:.0f} seconds'"
        return f"{name} > {since}" + (f" or {name} is null" if cursor.nullable else "")

    def _everything(self) -> Iterator[Any]:
        """The whole table: as a SELECT that dlt's load job runs, where the warehouse can, else as Arrow batches."""
        columns = ", ".join(column.received for column in self.columns)
        read = f"(select {columns} from {self._query(self._window())} as sent)"
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
        self.con.execute("begin")
        try:
            window = self._window()
            if self._compares_keys:
                self._compare_keys()
                window = self._with_missing_keys(window)
            received = ", ".join(column.received for column in self.columns)
            self.con.execute(f'create or replace temp table "source_{name}" as select {received} from {self._query(window)}')
            self.con.execute(f'create or replace temp table "changes_{name}" as {self._different_rows()}')
            if self._compares_keys:
                self.con.execute(f"insert into {changes} by name {self._deleted_rows()}")
            self.con.execute("commit")
        except BaseException:
            self.con.execute("rollback")
            raise
        for kind in ("source", "known", "now", "live", "deleted", "missing"):
            self.con.execute(f'drop table if exists temp."{kind}_{name}"')
        if not self.con.execute(f"select 1 from {changes} limit 1").fetchall():
            return list
        return lambda: self._batches(changes, f"drop table {changes}")

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
        # A column that is new at the source is null in all that raw holds so far.
        known_names = ", ".join(_quoted(c.raw_name) if c.raw_name in self.raw else f"cast(null as {c.raw_type})" for c in self.columns)
        if self.key:
            latest = self._latest(read)
            pairs = " and ".join(f"source.{_quoted(c.raw_name)} = latest.{_quoted(c.raw_name)}" for c in self.key_columns)
        else:
            columns = {**self._known_columns, DELETED_AT: INSTANT, CHANGED_AT: INSTANT}
            latest, pairs = self.session.fetch(columns, f"{self.context.complete_rows(self.table.name)} as known"), "false"
        self.con.execute(f"create or replace temp table {known.removeprefix('temp.')} as select * from {latest} as latest")
        return (
            f"select source.*, cast(null as timestamptz) as {DELETED_AT}, {self._later(self._changed_at)} as {CHANGED_AT} "
            f"from (select {names} from {read} except select {known_names} from {known} where {DELETED_AT} is null) as source "
            f"left join {known} as latest on {pairs}"
        )

    def _batches(self, rows: str, afterwards: str = "") -> Iterator[Any]:
        """The rows of a relation as Arrow tables, as the warehouse stores them; then a last statement."""
        columns = ", ".join(f"{self._landed(column)} as {_quoted(column.raw_name)}" for column in self.columns)
        try:
            for batch in self.con.execute(f"select {columns}, {DELETED_AT}, {CHANGED_AT} from {rows}").to_arrow_reader(BATCH_ROWS):
                yield pyarrow.Table.from_batches([batch])
        except (duckdb.Error, OSError) as error:  # Arrow hands DuckDB's errors on as OSError
            raise Refused(self.table.name, _in_our_words(error)) from error
        if afterwards:
            self.con.execute(afterwards)

    def _landed(self, column: Column) -> str:
        """SQL: the column as Arrow takes it to the warehouse. Only DuckDB has an infinite time, and years beyond 9999
        on the way: ADBC would make another time of it, in silence."""
        name, data_type = _quoted(column.raw_name), self.session.stored(column.raw_type)
        if data_type == "JSON":
            return f"cast({name} as varchar)"
        if self.session.works_in_warehouse or not data_type.startswith(("DATE", "TIMESTAMP")):
            return f"cast({name} as {data_type})"
        complaint = f"{_literal(f'Conversion Error: {column.name} is ')} || {name} || ', and only the years 1 to 9999 can be landed'"
        first, end = (f"cast('{day}' as {data_type})" for day in ("0001-01-01", "10000-01-01"))
        return (
            f"case when {name} is null or ({name} >= {first} and {name} < {end}) then cast({name} as {data_type}) "
            f"else error({complaint}) end"
        )

    # Which keys are gone, and which are missing

    @cached_property
    def _compares_keys(self) -> bool:
        """Whether this run compares keys: see the top of this file."""
        options = self.context.options
        if not self.key or not self.has_rows:
            return False
        if options.deletes or options.full:
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
        sent, received = ", ".join(c.sent for c in self.key_columns), ", ".join(c.received for c in self.key_columns)
        statement = f"select {sent} from {self._source_table}"
        self.con.execute(
            f'create or replace temp table "now_{name}" as select {received} '
            f"from postgres_query({_literal(_alias(self.source.name))}, {_literal(statement)})"
        )
        keys = {c.raw_name: c.raw_type for c in self.key_columns}
        self.con.execute(f'create or replace temp table "live_{name}" as select * from {self.context.live_keys(name, keys)} as known')
        for kind, left, right in (("deleted", "live", "now"), ("missing", "now", "live")):
            self.con.execute(
                f'create or replace temp table "{kind}_{name}" as '
                f'select {left}.* from temp."{left}_{name}" as {left} anti join temp."{right}_{name}" as {right} on {pairs}'
            )
        self._refuse_to_lose_too_much()

    def _refuse_to_lose_too_much(self) -> None:
        live, deleted = (
            self.con.execute(f'select count(*) from temp."{kind}_{self.table.name}"').fetchone()[0] for kind in ("live", "deleted")
        )
        if deleted > max(MAY_VANISH_ROWS, MAY_VANISH * live) and not self.context.options.allow_deletes:
            raise IngestError(
                f"{deleted} of {live} rows are gone from the source at once; nothing of the table was loaded.",
                f"If that is right: ingest {self.source.name} --allow-deletes",
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
        return self.cursor is not None and self.cursor.source_type.startswith(("timestamp", "date"))

    @property
    def _today(self) -> str:
        return self.clock.date().isoformat()

    @property
    def _source_table(self) -> str:
        return f"{_quoted(self.source.schema)}.{_quoted(self.table.name)}"

    def _query(self, window: str) -> str:
        """The table function that runs the SELECT of this table on the source's server."""
        sent = ", ".join(column.sent for column in self.columns)
        statement = f"select {sent} from {self._source_table}" + (f" where {window}" if window else "")
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
    if "onversion" not in str(error):
        return IngestError(first_line(error))
    return IngestError(
        f"a value does not fit its column's type: {first_line(error)}",
        "Correct it at the source, or widen the column there.",
    )


def _model(query: str, columns: dict[str, dict[str, Any]]) -> Any:
    return dlt.mark.with_hints(_Select(query, columns), hints=dlt.mark.make_hints(columns=columns))


def _connect(source: Server) -> psycopg.Connection:
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


def _columns(session: psycopg.Connection, schema: str, tables: Sequence[Table]) -> dict[str, list[Column]]:
    """By table: the columns that may be read, in the source's order, without the excluded ones."""
    rows = session.execute(
        """
        select table_name, column_name, data_type, is_nullable = 'YES', numeric_precision, numeric_scale
        from information_schema.columns
        where table_schema = %s and table_name = any(%s)
        order by table_name, ordinal_position
        """,
        [schema, [table.name for table in tables]],
    ).fetchall()
    excluded = {(table.name, name) for table in tables for name in table.excluded}
    found: dict[str, list[Column]] = {}
    for table, name, data_type, nullable, precision, scale in rows:
        if (table, name) not in excluded:
            found.setdefault(table, []).append(_column(name, data_type, nullable, precision, scale))
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


def _column(name: str, data_type: str, nullable: bool, precision: int | None, scale: int | None) -> Column:
    """The column; a type that no table above knows travels and stays as text."""
    if data_type == "numeric" and precision and 0 <= (scale or 0) <= precision <= 38:
        hint = {"data_type": "decimal", "precision": precision, "scale": scale or 0}
        return Column(name, data_type, nullable, hint, f"DECIMAL({precision},{scale or 0})", "::text")
    hint, raw_type, cast = TYPES.get(data_type, ({"data_type": "text"}, "VARCHAR", "::text"))
    return Column(name, data_type, nullable, hint, raw_type, cast)


def _alias(source: str) -> str:
    return f"source_{source}"


@cache
def _naming() -> NamingConvention:
    return NamingConvention()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
