"""Compares the tables of databases with raw, by a way that shares nothing with the one on which rows are read.

The source is asked over a connection of its own: its catalogue for columns and types, its server for counts, exact sums, ends, and
hashes of all values. Raw is asked the same. Names are matched by likeness (`names`), raw's latest rows found by SQL that is
written here (`raw`). Where figures of a range differ, its rows are compared (`ranges`), as texts of which there is one for each
value (`source`). The linter holds that nothing here imports a connector, or the landing of rows.

A row that differs may have changed since it was read: `judges` knows. What nobody can know is reported apart, and is no success.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ingestion.connectors.tables import TypedTable
from ingestion.dlt_internals import OWN_PREFIX
from ingestion.landing.run import Run
from ingestion.operations.verify_database.connect import connect
from ingestion.operations.verify_database.names import match, matched
from ingestion.operations.verify_database.raw import RawTable
from ingestion.operations.verify_database.source import Database, Snapshot
from ingestion.operations.verify_database.table import Depth, TableComparison, why_not
from ingestion.operations.verify_report import TableCheck
from ingestion.settings import OWN_TABLES

__all__ = ["Depth", "Snapshot", "compare_tables", "connect"]


def compare_tables(
    run: Run, database: Database, tables: Sequence[TypedTable], states: Mapping[str, dict[str, Any]], depth: Depth
) -> Iterator[TableCheck]:
    """Compares these tables of a source; `states` is what its last load remembered of each."""
    at_source = database.describe([table.name for table in tables])
    there = run.session.catalogue.tables(run.dataset)
    in_raw = matched([table.name for table in tables], [t for t in there if not t.startswith(OWN_PREFIX) and t not in OWN_TABLES])
    for table in tables:
        check = TableCheck(run.source, table.name)
        columns, raw_name = at_source.get(table.name), in_raw.get(table.name)
        if columns is None:
            check.not_compared = "the source has no such table"
        elif raw_name is None:
            check.differences.append("it is at the source, and raw has no table for it: it was never loaded, or landed under another name")
        else:
            check.raw_table = raw_name
            state = states.get(match(table.name, list(states)) or "", {})
            raw = RawTable(run.session, run.dataset, raw_name)
            try:
                # One snapshot for all that is asked of a table, as others write to the source meanwhile.
                with database.snapshot() as snapshot:
                    TableComparison(run, table, columns, raw, state, depth, check).compare(snapshot)
            except Exception as error:  # what differs in other tables is to be known all the same
                check.not_compared = why_not(error)
        yield check
