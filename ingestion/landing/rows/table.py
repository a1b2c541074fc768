"""One table of a database in one attempt: looked at, read, validated, compared with raw, staged."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow

from ingestion.connectors.base import Window
from ingestion.dlt_internals.pipeline import select_job
from ingestion.errors import ContractViolated, IngestError, RefusedTable, first_line
from ingestion.landing.hints import as_landed
from ingestion.landing.own_tables import Hints
from ingestion.landing.quarantine import RejectedRow, key_text
from ingestion.landing.raw_tables import CHANGED_AT, DELETED_AT
from ingestion.landing.rows import drift, keys
from ingestion.landing.rows.columns import names, reasons, values
from ingestion.landing.rows.comparison import Comparison
from ingestion.landing.rows.cursor import Reach
from ingestion.landing.rows.facts import TableFacts
from ingestion.sql import literal, quoted

if TYPE_CHECKING:
    from dlt.extract import DltResource

BATCH_ROWS = 100_000
REASON, RECORD = "why not", "as it was said"  # columns beside the source's own, which are hardly called that
SCRATCH = ("source", "known", "now", "live", "deleted", "missing", "validated")
DOES_NOT_FIT = (duckdb.ConversionException, duckdb.InvalidInputException, duckdb.OutOfRangeException)


class TableLanding:
    """`look` asks the source, `resource` reads it and decides what lands."""

    def __init__(self, facts: TableFacts) -> None:
        self._facts, self._attempt, self._con = facts, facts.attempt, facts.attempt.run.session.scratch
        self._reach, self._comparison = Reach(facts), Comparison(facts)
        self._validates = bool(facts.doubtful) or facts.name in facts.attempt.run.validate_all
        self._unknown_rows: int | None = None  # that raw holds of a table without a key, and the source has no longer

    def look(self) -> None:
        """Checks the table, and asks how far its cursor has come."""
        try:
            drift.check(self._facts)
            self._reach.ask()
            self._attempt.log.covers(self._facts.name, *self._reach.interval())
        except IngestError as error:
            self._fail(error)

    def resource(self) -> "DltResource | None":
        """The dlt resource of what is new; None when the table failed."""
        facts, attempt = self._facts, self._attempt
        if facts.name in attempt.run.failures.reasons:
            return None
        try:
            items = self._items()
        except (IngestError, duckdb.Error) as error:
            self._fail(error)
            return None
        attempt.run.notes += drift.notes(facts)
        if self._reach.is_set_back:
            attempt.run.notes.append(f"{facts.where}: the source's clock stands before what was read last, so all rows were read")
        return attempt.resource(facts.name, self._hints(), items, self._reach.to_remember(self._unknown_rows), facts.key_names)

    def _fail(self, error: Exception) -> None:
        failures = self._attempt.run.failures
        (failures.add_violation if isinstance(error, ContractViolated) else failures.add)(self._facts.name, self._explained(error))

    def _explained(self, error: Exception) -> IngestError:
        """What to say when a value is not what its column can hold, and of other errors."""
        if isinstance(error, IngestError):
            return error
        if explained := self._facts.connection.explained(error):
            return explained
        if "onversion" not in str(error):
            return IngestError(first_line(error))
        return IngestError(
            f"a value does not fit its column's type: {first_line(error)}",
            "Correct it at the source, or widen the column there.",
        )

    def _hints(self) -> Hints:
        """dlt's columns: as the source declares them; only keys are sure not to be null in raw."""
        facts = self._facts
        hints = {c.raw_name: {**c.hint, "nullable": c not in facts.key_columns} for c in facts.columns}
        return {**hints, DELETED_AT: {"data_type": "timestamp"}, CHANGED_AT: {"data_type": "timestamp", "nullable": False}}

    # What to read

    def _items(self) -> Callable[[], Iterable[Any]]:
        """A function that gives the rows to land. Most tables hold nothing but what fits; another is read again, and validated."""
        if not self._validates:
            if not self._facts.has_rows:
                self._attempt.unvalidated.add(self._facts.name)
                return self._everything
            try:
                return self._changes()
            except DOES_NOT_FIT:
                self._validates = True
        return self._changes()

    def _everything(self) -> Iterator[Any]:
        """The whole table: as a SELECT that dlt's load job runs, where the warehouse can, else as Arrow batches."""
        facts = self._facts
        columns = ", ".join(column.received for column in facts.columns)
        statement = self._comparison.as_new(f"(select {columns} from {self._sent(self._reach.window)} as sent)")
        if self._attempt.run.session.scratch_is_warehouse:
            yield select_job(statement, self._hints())
            return
        yield from self._batches(f"({statement})")

    def _changes(self) -> Callable[[], Iterable[Any]]:
        """A function that gives the rows to land as Arrow batches. They are put aside in a scratch table first, so that whatever
        is wrong with one table shows here, and stops this table alone."""
        self._con.execute("begin")
        try:
            rejected = self._stage_changes()
            self._con.execute("commit")
        except BaseException:
            with suppress(duckdb.Error):  # of a server that is gone, whose first error says more
                self._con.execute("rollback")
            raise
        self._attempt.quarantine.reject(self._facts.name, rejected)
        for kind in SCRATCH:
            self._con.execute(f"drop table if exists {self._facts.scratch(kind)}")
        changes = self._facts.scratch("changes")
        if not self._con.execute(f"select 1 from {changes} limit 1").fetchall():
            return list
        return lambda: self._batches(changes, f"drop table {changes}")

    def _stage_changes(self) -> list[RejectedRow]:
        """Puts what is to be landed into the scratch table `changes`; gives the rows that do not fit."""
        facts = self._facts
        drift.refuse_types(facts, (column for column in facts.doubtful if column in facts.key_columns))
        window: Window | None = self._reach.window
        if facts.compares_keys:
            keys.compare_keys(facts, self._validates)
            window = self._with_missing_keys(self._reach.window)
        if self._validates:
            self._read_and_validate(window)
        else:
            columns = ", ".join(column.received for column in facts.columns)
            self._create("source", f"select {columns} from {self._sent(window)}")
        self._create("changes", self._comparison.different_rows())
        if not facts.key_columns and not facts.options.is_interval:
            self._count_unknown_rows()
        keys.withdraw_read_keys(facts)
        if facts.compares_keys:
            self._con.execute(f"insert into {facts.scratch('changes')} by name {self._comparison.deleted_rows(facts.scratch('deleted'))}")
        return self._rejected() if self._validates else []

    def _with_missing_keys(self, window: Window) -> Window | None:
        """The window, widened by the keys that raw lacks; None for all rows when they are too many to name."""
        missing = keys.missing_keys(self._facts) if self._reach.is_bounded else ()
        return None if missing is None else replace(window, key=[column.name for column in self._facts.key_columns], keys=missing)

    def _sent(self, window: Window | None) -> str:
        """The relation of the rows of a window, None for all; their texts where they are validated."""
        facts = self._facts
        texts = [column.name for column in facts.columns if self._validates or column.is_changed]
        query = facts.connection.read(facts.table, window or Window(), self._reach.bookmark if window else None)
        return query.relation([column.source for column in facts.columns], texts)

    def _read_and_validate(self, window: Window | None) -> None:
        """Puts the rows of a window that fit into `source`, and all into `validated`, with the reason where there is one."""
        facts = self._facts
        record = ", ".join(f"{literal(column.name)}: {quoted(column.name)}" for column in facts.columns)
        self._create(
            "validated",
            f'select {values(facts.columns)}, to_json({{{record}}}) as "{RECORD}", nullif({reasons(facts.columns)}, \'\') as "{REASON}" '
            f"from {self._sent(window)} as sent",
        )
        validated = facts.scratch("validated")
        self._create("source", f'select {names(facts.columns)} from {validated} where "{REASON}" is null')
        if facts.doubtful:
            held = ", ".join(f"count({quoted(column.raw_name)})" for column in facts.doubtful)
            [counts] = self._con.execute(f"select {held} from {validated}").fetchall()
            drift.refuse_types(facts, (column for column, count in zip(facts.doubtful, counts, strict=True) if not count))

    def _rejected(self) -> list[RejectedRow]:
        """The rows that were read and do not fit."""
        facts, comparison = self._facts, self._comparison
        rows, at, latest = facts.scratch("validated"), comparison.changed_at, ""
        if facts.key_columns and facts.has_rows:
            at = comparison.later(at)
            latest = f"left join {comparison.latest(rows)} as latest on {comparison.pairs}"
        key_columns = "".join(f", source.{quoted(name)}" for name in facts.key_names)
        columns = f'source."{RECORD}", source."{REASON}", {at}{key_columns}'
        found = self._con.execute(f'select {columns} from {rows} as source {latest} where source."{REASON}" is not null').to_arrow_table()
        return [
            RejectedRow(record, reason, key_text(key) if key and None not in key else None, changed_at)
            for record, reason, changed_at, *key in zip(*(column.to_pylist() for column in found.columns), strict=True)
        ]

    def _count_unknown_rows(self) -> None:
        """Counts the rows that raw holds of a table without a key, and the source has no longer. There is no telling whether they
        are gone or were changed, so raw keeps them."""
        facts, self._unknown_rows = self._facts, 0
        if not facts.has_rows:
            return
        read = facts.scratch("source")
        known = f"select {facts.known_names} from {facts.scratch('known')} except all select {names(facts.columns)} from {read}"
        [(self._unknown_rows,)] = self._con.execute(f"select count(*) from ({known})").fetchall()
        before = facts.state.get("gone", self._unknown_rows)
        live = keys.size(facts, "known") - before
        keys.refuse_to_lose_too_much(facts, live - keys.size(facts, "validated" if self._validates else "source"), live)
        if self._unknown_rows > before:
            self._attempt.run.notes.append(
                f"{facts.where}: {self._unknown_rows - before} rows are gone or were changed, and no key says which: "
                "raw keeps them as they were"
            )

    def _create(self, kind: str, query: str) -> None:
        self._con.execute(f'create or replace temp table "{kind}_{self._facts.name}" as {query}')

    def _batches(self, rows: str, afterwards: str = "") -> Iterator[pyarrow.Table]:
        """The rows of a relation as Arrow tables, as the warehouse stores them; then a last statement."""
        columns = as_landed(self._attempt.run.session, {column.raw_name: column.raw_type for column in self._facts.columns})
        try:
            for batch in self._con.execute(f"select {columns}, {DELETED_AT}, {CHANGED_AT} from {rows}").to_arrow_reader(BATCH_ROWS):
                yield pyarrow.Table.from_batches([batch])
        except (duckdb.Error, OSError) as error:  # Arrow hands DuckDB's errors on as OSError
            raise RefusedTable(self._facts.name, self._explained(error)) from error
        if afterwards:
            self._con.execute(afterwards)
