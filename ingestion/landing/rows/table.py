"""One table of a database in one attempt: looked at, read, validated, compared with raw, staged."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow

from ingestion.connectors.base import Window
from ingestion.dlt_internals.pipeline import select_job
from ingestion.errors import ContractViolated, IngestError, first_line
from ingestion.landing.hints import as_landed
from ingestion.landing.own_tables import Hints
from ingestion.landing.quarantine import RejectedRow
from ingestion.landing.raw_tables import CHANGED_AT, DELETED_AT
from ingestion.landing.rows import drift, keys
from ingestion.landing.rows.columns import names, row_contract
from ingestion.landing.rows.cursor import Reach
from ingestion.landing.rows.facts import TableFacts
from ingestion.landing.staging import FITS
from ingestion.sql import quoted

if TYPE_CHECKING:
    from dlt.extract import DltResource

DOES_NOT_FIT = (duckdb.ConversionException, duckdb.InvalidInputException, duckdb.OutOfRangeException)


class TableLanding:
    """`look` asks the source, `resource` reads it and decides what lands."""

    def __init__(self, facts: TableFacts) -> None:
        self._facts, self._attempt, self._con = facts, facts.attempt, facts.attempt.run.session.scratch
        self._reach, self._staging = Reach(facts), facts.staging
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
        statement = self._facts.comparison.as_new(f"(select {columns} from {self._sent(self._reach.window)} as sent)")
        if self._attempt.run.session.scratch_is_warehouse:
            yield select_job(statement, self._hints())
            return
        yield from self._staging.stream(f"select {self._landed} from ({statement})", self._explained)

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
        self._staging.clear(but="changes")
        if not self._staging.count("changes"):
            self._staging.clear()
            return list
        return self._changed

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
            self._staging.create("source", f"select {columns} from {self._sent(window)}")
        comparison = facts.comparison
        comparison.stage_known()
        self._staging.create("changes", comparison.changes())
        if not facts.key_columns and not facts.options.is_interval:
            self._count_unknown_rows()
        if facts.key_columns:
            # What is in quarantine of a key that was read, and fits, is no longer what the source says, whatever it says now.
            self._attempt.quarantine.withdraw_keys(facts.name, f"select {names(facts.key_columns)} from {self._staging.name('source')}")
        if facts.compares_keys:
            deleted = comparison.deleted(self._staging.name("deleted"))
            self._con.execute(f"insert into {self._staging.name('changes')} by name {deleted}")
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
        facts, staging = self._facts, self._staging
        validated = staging.create("validated", row_contract(facts.columns, {}).validated(self._sent(window)))
        staging.create("source", f"select {names(facts.columns)} from {validated} where {FITS}")
        if facts.doubtful:
            held = ", ".join(f"count({quoted(column.raw_name)})" for column in facts.doubtful)
            [counts] = self._con.execute(f"select {held} from {validated}").fetchall()
            drift.refuse_types(facts, (column for column, count in zip(facts.doubtful, counts, strict=True) if not count))

    def _rejected(self) -> list[RejectedRow]:
        """The rows that were read and do not fit."""
        facts, comparison = self._facts, self._facts.comparison
        at, latest = comparison.at, ""
        if facts.key_columns and facts.has_rows:
            rows = f"(select * from {self._staging.name('validated')} where not {FITS})"
            at, latest = comparison.later(at), f"left join {comparison.latest(rows)} as latest on {comparison.pairs}"
        return self._staging.rejected(at, [f"source.{quoted(name)}" for name in facts.key_names], latest)

    def _count_unknown_rows(self) -> None:
        """Counts the rows that raw holds of a table without a key, and the source has no longer. There is no telling whether they
        are gone or were changed, so raw keeps them."""
        facts, self._unknown_rows = self._facts, 0
        if not facts.has_rows:
            return
        staging = self._staging
        held = f"select {facts.comparison.known_values('known')} from {staging.name('known')} as known"
        gone = f"select count(*) from ({held} except all select {names(facts.columns)} from {staging.name('source')})"
        [(self._unknown_rows,)] = self._con.execute(gone).fetchall()
        before = facts.state.get("gone", self._unknown_rows)
        live = staging.count("known") - before
        keys.refuse_to_lose_too_much(facts, live - staging.count("validated" if self._validates else "source"), live)
        if self._unknown_rows > before:
            self._attempt.run.notes.append(
                f"{facts.where}: {self._unknown_rows - before} rows are gone or were changed, and no key says which: "
                "raw keeps them as they were"
            )

    def _changed(self) -> Iterator[pyarrow.Table]:
        yield from self._staging.batches("changes", self._landed)
        self._staging.clear()

    @property
    def _landed(self) -> str:
        """SQL: the columns as the warehouse stores them."""
        columns = {column.raw_name: column.raw_type for column in self._facts.columns}
        return f"{as_landed(self._attempt.run.session, columns)}, {DELETED_AT}, {CHANGED_AT}"
