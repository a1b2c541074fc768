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
from ingestion.landing.column_types import as_landed
from ingestion.landing.own_tables import Hints
from ingestion.landing.quarantine import RejectedRow
from ingestion.landing.raw_tables import CHANGED_AT, DELETED_AT
from ingestion.landing.scratch_tables import FITS
from ingestion.landing.typed_rows import drift, keys
from ingestion.landing.typed_rows.columns import names, row_contract
from ingestion.landing.typed_rows.cursor import Reach
from ingestion.landing.typed_rows.table_info import TableInfo
from ingestion.sql import quoted

if TYPE_CHECKING:
    from dlt.extract import DltResource

DOES_NOT_FIT = (duckdb.ConversionException, duckdb.InvalidInputException, duckdb.OutOfRangeException)


class TableLanding:
    """`look` asks the source, `resource` reads it and decides what lands."""

    def __init__(self, info: TableInfo) -> None:
        self._info, self._attempt, self._con = info, info.attempt, info.attempt.run.session.scratch
        self._reach, self._scratch = Reach(info), info.scratch
        self._validates = bool(info.doubtful) or info.name in info.attempt.run.validate_all
        self._unknown_rows: int | None = None  # that raw holds of a table without a key, and the source has no longer

    def look(self) -> None:
        """Checks the table, and asks how far its cursor has come."""
        try:
            drift.check(self._info)
            self._reach.ask()
            self._attempt.log.covers(self._info.name, *self._reach.interval())
        except IngestError as error:
            self._fail(error)

    def resource(self) -> "DltResource | None":
        """The dlt resource of what is new; None when the table failed."""
        info, attempt = self._info, self._attempt
        if info.name in attempt.run.failures.reasons:
            return None
        try:
            items = self._items()
        except (IngestError, duckdb.Error) as error:
            self._fail(error)
            return None
        attempt.run.notes += drift.notes(info)
        if self._reach.is_set_back:
            attempt.run.notes.append(f"{info.where}: the source's clock is before the last read, so all rows were read")
        return attempt.resource(info.name, self._hints(), items, self._reach.to_remember(self._unknown_rows), info.key_names)

    def _fail(self, error: Exception) -> None:
        failures = self._attempt.run.failures
        (failures.add_violation if isinstance(error, ContractViolated) else failures.add)(self._info.name, self._explained(error))

    def _explained(self, error: Exception) -> IngestError:
        """What to say when a value is not what its column can hold, and of other errors."""
        if isinstance(error, IngestError):
            return error
        if explained := self._info.connection.explained(error):
            return explained
        if "onversion" not in str(error):
            return IngestError(first_line(error))
        return IngestError(
            f"a value does not fit its column's type: {first_line(error)}",
            "Correct it at the source, or widen the column there.",
        )

    def _hints(self) -> Hints:
        """dlt's columns: as the source declares them; only keys are sure not to be null in raw."""
        info = self._info
        hints = {c.raw_name: {**c.hint, "nullable": c not in info.key_columns} for c in info.columns}
        return {**hints, DELETED_AT: {"data_type": "timestamp"}, CHANGED_AT: {"data_type": "timestamp", "nullable": False}}

    # What to read

    def _items(self) -> Callable[[], Iterable[Any]]:
        """A function that gives the rows to land. Most tables hold nothing but what fits; another is read again, and validated."""
        if not self._validates:
            if not self._info.has_rows:
                self._attempt.unvalidated.add(self._info.name)
                return self._everything
            try:
                return self._changes()
            except DOES_NOT_FIT:
                self._validates = True
        return self._changes()

    def _everything(self) -> Iterator[Any]:
        """The whole table: as a SELECT that dlt's load job runs, where the warehouse can, else as Arrow batches."""
        info = self._info
        columns = ", ".join(column.received for column in info.columns)
        statement = self._info.comparison.as_new(f"(select {columns} from {self._sent(self._reach.window)} as sent)")
        if self._attempt.run.session.scratch_is_warehouse:
            yield select_job(statement, self._hints())
            return
        yield from self._scratch.stream(f"select {self._landed} from ({statement})", self._explained)

    def _changes(self) -> Callable[[], Iterable[Any]]:
        """A function that gives the rows to land as Arrow batches. They are put aside in a scratch table first, so that whatever
        is wrong with one table shows here, and stops this table alone."""
        self._con.execute("begin")
        try:
            rejected = self._stage_changes()
            self._con.execute("commit")
        except BaseException:
            with suppress(duckdb.Error):  # of a server that broke off, whose first error says more
                self._con.execute("rollback")
            raise
        self._attempt.quarantine.reject(self._info.name, rejected)
        self._scratch.clear(but="changes")
        if not self._scratch.count("changes"):
            self._scratch.clear()
            return list
        return self._changed

    def _stage_changes(self) -> list[RejectedRow]:
        """Puts what is to be landed into the scratch table `changes`; gives the rows that do not fit."""
        info = self._info
        drift.refuse_types(info, (column for column in info.doubtful if column in info.key_columns))
        window: Window | None = self._reach.window
        if info.compares_keys:
            keys.compare_keys(info, self._validates)
            window = self._with_missing_keys(self._reach.window)
        if self._validates:
            self._read_and_validate(window)
        else:
            columns = ", ".join(column.received for column in info.columns)
            self._scratch.create("source", f"select {columns} from {self._sent(window)}")
        comparison = info.comparison
        comparison.stage_known()
        self._scratch.create("changes", comparison.changes())
        if not info.key_columns and not info.options.is_interval:
            self._count_unknown_rows()
        if info.key_columns:
            # What is in quarantine of a key that was read, and fits, is no longer what the source says, whatever it says now.
            self._attempt.quarantine.withdraw_keys(info.name, f"select {names(info.key_columns)} from {self._scratch.name('source')}")
        if info.compares_keys:
            deleted = comparison.deleted(self._scratch.name("deleted"))
            self._con.execute(f"insert into {self._scratch.name('changes')} by name {deleted}")
        return self._rejected() if self._validates else []

    def _with_missing_keys(self, window: Window) -> Window | None:
        """The window, widened by the keys that raw lacks; None for all rows when they are too many to name."""
        missing = keys.missing_keys(self._info) if self._reach.is_bounded else ()
        return None if missing is None else replace(window, key=[column.name for column in self._info.key_columns], keys=missing)

    def _sent(self, window: Window | None) -> str:
        """The relation of the rows of a window, None for all; their texts where they are validated."""
        info = self._info
        texts = [column.name for column in info.columns if self._validates or column.is_changed]
        query = info.connection.read(info.table, window or Window(), self._reach.bookmark if window else None)
        return query.relation([column.source for column in info.columns], texts)

    def _read_and_validate(self, window: Window | None) -> None:
        """Puts the rows of a window that fit into `source`, and all into `validated`, with the reason where there is one."""
        info, scratch = self._info, self._scratch
        validated = scratch.create("validated", row_contract(info.columns, {}).validated(self._sent(window)))
        scratch.create("source", f"select {names(info.columns)} from {validated} where {FITS}")
        if info.doubtful:
            held = ", ".join(f"count({quoted(column.raw_name)})" for column in info.doubtful)
            [counts] = self._con.execute(f"select {held} from {validated}").fetchall()
            drift.refuse_types(info, (column for column, count in zip(info.doubtful, counts, strict=True) if not count))

    def _rejected(self) -> list[RejectedRow]:
        """The rows that were read and do not fit."""
        info, comparison = self._info, self._info.comparison
        at, latest = comparison.at, ""
        if info.key_columns and info.has_rows:
            rows = f"(select * from {self._scratch.name('validated')} where not {FITS})"
            at, latest = comparison.later(at), f"left join {comparison.latest(rows)} as latest on {comparison.pairs}"
        return self._scratch.rejected(at, [f"source.{quoted(name)}" for name in info.key_names], latest)

    def _count_unknown_rows(self) -> None:
        """Counts the rows that raw holds of a table without a key, and the source has no longer. It is unknown whether they
        were deleted or changed, so raw keeps them."""
        info, self._unknown_rows = self._info, 0
        if not info.has_rows:
            return
        scratch = self._scratch
        held = f"select {info.comparison.known_values('known')} from {scratch.name('known')} as known"
        gone = f"select count(*) from ({held} except all select {names(info.columns)} from {scratch.name('source')})"
        [(self._unknown_rows,)] = self._con.execute(gone).fetchall()
        before = info.state.get("gone", self._unknown_rows)
        live = scratch.count("known") - before
        keys.refuse_to_lose_too_much(info, live - scratch.count("validated" if self._validates else "source"), live)
        if self._unknown_rows > before:
            self._attempt.run.notes.append(
                f"{info.where}: {self._unknown_rows - before} rows were deleted or changed, and without a key it is unknown which: "
                "raw keeps them as they were"
            )

    def _changed(self) -> Iterator[pyarrow.Table]:
        yield from self._scratch.batches("changes", self._landed)
        self._scratch.clear()

    @property
    def _landed(self) -> str:
        """SQL: the columns as the warehouse stores them."""
        columns = {column.raw_name: column.raw_type for column in self._info.columns}
        return f"{as_landed(self._attempt.run.session, columns)}, {DELETED_AT}, {CHANGED_AT}"
