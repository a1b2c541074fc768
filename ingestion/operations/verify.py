"""Compares what a source says now with what raw holds as the latest: does each value arrive as it was?

Databases are compared by `verify_database`, APIs and files by `verify_again`. What changed since the last read is no
difference, and what is in quarantine is known not to be in raw.
"""

from collections.abc import Iterable, Iterator
from random import Random

from ingestion.connectors.tables import TypedTable
from ingestion.errors import IngestError, explanation, redact
from ingestion.landing.attempt import Attempt
from ingestion.landing.run import Run
from ingestion.operations.status import table_states
from ingestion.operations.verify_again import read_again
from ingestion.operations.verify_database import compare_tables
from ingestion.operations.verify_report import UNDATED, TableCheck
from ingestion.registry import connectors, declared_tables, known_sources
from ingestion.settings import prepare_dlt
from ingestion.warehouses import Session, find_warehouse

__all__ = ["UNDATED", "TableCheck", "sample", "verify"]
RANGES = 3  # that are compared of a table when not all are


def verify(sources: Iterable[str] | None = None, target: str | None = None, everything: bool = False, seed: int = 0) -> list[TableCheck]:
    """Compares these sources (all when None) with raw: some ranges of each table, which `seed` chooses, or everything."""
    names, random, warehouse = known_sources(sources), Random(seed), find_warehouse(target)
    prepare_dlt()
    if not warehouse.exists:
        raise IngestError(f"There is no warehouse {warehouse.address} yet.", "Load something first: ingest")
    with warehouse.connect(read_only=True) as session:
        return [check for name in names for check in _source(name, session, everything, random)]


def sample(run: Run) -> list[TableCheck]:
    """Compares one range of each of a database's tables, right after they were loaded."""
    tables = [table.name for table in declared_tables(run.source) if isinstance(table, TypedTable)]
    tables = [table for table in tables if table not in run.failures.reasons]
    return list(_database(run, tables, 1, Random())) if tables else []


def _source(name: str, session: Session, everything: bool, random: Random) -> list[TableCheck]:
    run = Run(name, session)
    if not table_states(session, name):
        return [TableCheck(name, "-", note="was never loaded")]
    try:
        typed = [table.name for table in declared_tables(name) if isinstance(table, TypedTable)]
        checks = list(_database(run, typed, 0 if everything else RANGES, random)) if typed else []
        others = len(typed) < len(declared_tables(name))
        return checks + (list(read_again(run, everything, random)) if others else [])
    except Exception as error:
        why = redact(explanation(session.explained(error) or error), run.secrets)
        return [TableCheck(name, "-", differences=[f"it can't be compared: {why}"])]


def _database(run: Run, tables: list[str], ranges: int, random: Random) -> Iterator[TableCheck]:
    """Compares these tables of a source, so many ranges of each, all for 0."""
    attempt = Attempt(run, table_states(run.session, run.source))
    for connector in connectors(run.source):
        chosen = [table for table in connector.tables if isinstance(table, TypedTable) and table.name in tables]
        if chosen:
            with connector.open(run) as connection:
                yield from compare_tables(attempt, connection, chosen, ranges, random)
