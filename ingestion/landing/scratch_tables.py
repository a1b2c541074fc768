"""The rows of one table between reading and loading: in the scratch database, with what the contract says of each."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import duckdb
import pyarrow

from ingestion.errors import IngestError, RefusedTable
from ingestion.landing.contract import REASON, RECORD, Contract
from ingestion.landing.quarantine import RejectedRow, key_text
from ingestion.sql import quoted

if TYPE_CHECKING:
    from ingestion.warehouses import Session

BATCH_ROWS = 100_000
FITS = f"{quoted(REASON)} is null"
ALL = f"* exclude ({quoted(REASON)}, {quoted(RECORD)})"  # columns of `validated`: without what the contract says


class ScratchTables:
    """Scratch tables of one table. `validated`: all rows that were read; a form may put more beside it."""

    def __init__(self, session: "Session", table: str) -> None:
        self._con, self._table = session.scratch, table
        self._made: set[str] = set()

    def name(self, kind: str) -> str:
        """SQL: the scratch table of this kind."""
        return f"temp.{quoted(f'{kind}_{self._table}')}"

    def create(self, kind: str, query: str) -> str:
        """Makes a scratch table; gives its name."""
        self._con.execute(f"create or replace temp table {quoted(f'{kind}_{self._table}')} as {query}")
        self._made.add(kind)
        return self.name(kind)

    def read(self, contract: Contract, rows: "pyarrow.Table | str") -> None:
        """Adds rows, an Arrow table or a relation, to those that were read, and puts them to the test."""
        if isinstance(rows, str):
            self._add("validated", contract.validated(rows))
        else:
            self.add("validated", rows, contract.validated)

    def add(self, kind: str, rows: pyarrow.Table, query: Callable[[str], str] = lambda read: f"table {read}") -> None:
        """Adds what a query makes of an Arrow table to a scratch table, which is made if need be."""
        self._con.register("rows_read", rows)
        try:
            self._add(kind, query("rows_read"))
        finally:
            self._con.unregister("rows_read")

    def _add(self, kind: str, query: str) -> None:
        if kind in self._made:
            self._con.execute(f"insert into {self.name(kind)} by name {query}")
        else:
            self.create(kind, query)

    def count(self, kind: str) -> int:
        """The rows of a scratch table."""
        return int(self._con.execute(f"select count(*) from {self.name(kind)}").fetchall()[0][0]) if kind in self._made else 0

    def rejected(self, changed_at: str = "cast(null as timestamptz)", key: Sequence[str] = (), joined: str = "") -> list[RejectedRow]:
        """The rows that were read and do not fit; `changed_at` and `key` are SQL over `source`, the rows, and what is joined."""
        if "validated" not in self._made:
            return []
        columns = ", ".join([f"source.{quoted(RECORD)}", f"source.{quoted(REASON)}", changed_at, *key])
        found = self._con.execute(
            f"select {columns} from {self.name('validated')} as source {joined} where not source.{FITS}"
        ).to_arrow_table()
        return [
            RejectedRow(record, reason, key_text(values) if values and None not in values else None, at)
            for record, reason, at, *values in zip(*(column.to_pylist() for column in found.columns), strict=True)
        ]

    def batches(self, kind: str, columns: str, where: str = "true") -> Iterator[pyarrow.Table]:
        """The rows of a scratch table that fulfil a condition, as Arrow tables. Each is asked for by itself, so that other things
        may be asked in between."""
        for start in range(0, self.count(kind), BATCH_ROWS):
            some = f"rowid >= {start} and rowid < {start + BATCH_ROWS} and {where}"
            rows = self._con.execute(f"select {columns} from {self.name(kind)} where {some}").to_arrow_table()
            if rows.num_rows:
                yield rows

    def stream(self, query: str, explained: Callable[[Exception], IngestError]) -> Iterator[pyarrow.Table]:
        """The rows of a query that reads the source itself, as Arrow tables. Nothing else may be asked of the scratch database until
        the last one came."""
        try:
            for batch in self._con.execute(query).to_arrow_reader(BATCH_ROWS):
                yield pyarrow.Table.from_batches([batch])
        except (duckdb.Error, OSError) as error:  # Arrow hands DuckDB's errors on as OSError
            raise RefusedTable(self._table, explained(error)) from error

    def clear(self, but: str = "") -> None:
        """Drops the scratch tables, but for one."""
        for kind in self._made - {but}:
            self._con.execute(f"drop table if exists {self.name(kind)}")
        self._made &= {but}
