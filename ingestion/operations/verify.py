"""Compares what a source has now with what raw holds as the latest: does each value arrive as it was?

Databases are compared by `verify_database`, APIs and files by `verify_again`. What is not compared is said, with the reason.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from random import Random

from ingestion.connectors.tables import TypedTable
from ingestion.errors import IngestError, explanation, redact
from ingestion.landing.raw_tables import RawTables
from ingestion.landing.run import Run
from ingestion.operations.status import table_states
from ingestion.operations.verify_again import read_again
from ingestion.operations.verify_database import Depth, Snapshot, compare_tables, connect
from ingestion.operations.verify_report import TableCheck
from ingestion.registry import declared_tables, known_sources
from ingestion.settings import prepare_dlt
from ingestion.warehouses import Session, find_warehouse

__all__ = ["TableCheck", "before_load", "sample", "verify"]
RANGES = 3  # that are compared of a table when not all are


def verify(sources: Iterable[str] | None = None, target: str | None = None, everything: bool = False, seed: int = 0) -> list[TableCheck]:
    """Compares these sources (all when None) with raw: some ranges of each table, which `seed` chooses, or everything."""
    names, random, warehouse = known_sources(sources), Random(seed), find_warehouse(target)
    prepare_dlt()
    if not warehouse.exists:
        raise IngestError(f"There is no warehouse {warehouse.address} yet.", "Load the sources first: ingest")
    with warehouse.connect(read_only=True) as session:
        return [check for name in names for check in _source(name, session, everything, random)]


@contextmanager
def before_load(run: Run) -> Iterator[Snapshot | None]:
    """The source of a load as it is before anything is read, for the `sample` after it; None where the sample needs none, as
    each table has a cursor, or where there is none to be had. It is held until the context is left."""
    stack, before = ExitStack(), None
    if any(not table.cursor for table in _typed_tables(run.source)):
        with suppress(Exception):  # the load itself says what is wrong with the source
            before = stack.enter_context(stack.enter_context(connect(run.source, run.secrets)).snapshot())
    try:
        yield before
    finally:
        with suppress(Exception):  # the server may have broken off meanwhile
            stack.close()


def sample(run: Run, before: Snapshot | None = None) -> list[TableCheck]:
    """Compares one range of each of a database's tables, right after they were loaded."""
    tables = [table for table in _typed_tables(run.source) if table.name not in run.failures.reasons]
    return _databases(run, tables, Depth(1, Random(), is_sample=True, before=before))


def _source(name: str, session: Session, everything: bool, random: Random) -> list[TableCheck]:
    run = Run(name, session)
    if not table_states(session, name):
        return [TableCheck(name, "-", rows=None, notes=["the source was never loaded, so there is nothing to compare"])]
    try:
        typed = _typed_tables(name)
        checks = _databases(run, typed, Depth(0 if everything else RANGES, random))
        others = len(typed) < len(declared_tables(name))
        checks += list(read_again(run, everything, random)) if others else []
        return checks + _undeclared(run, checks)
    except Exception as error:
        why = redact(explanation(session.explained(error) or error), run.secrets)
        return [TableCheck(name, "-", not_compared=why)]


def _undeclared(run: Run, checks: list[TableCheck]) -> list[TableCheck]:
    """The tables of raw that none of these checks is of."""
    left = set(RawTables(run.session, run.dataset).landed_tables()) - {check.raw_table for check in checks}
    return [
        TableCheck(run.source, table, table, rows=None, notes=["not compared: no declared table is this one"]) for table in sorted(left)
    ]


def _typed_tables(source: str) -> list[TypedTable]:
    return [table for table in declared_tables(source) if isinstance(table, TypedTable)]


def _databases(run: Run, tables: list[TypedTable], depth: Depth) -> list[TableCheck]:
    if not tables:
        return []
    with connect(run.source, run.secrets) as database:
        return list(compare_tables(run, database, tables, table_states(run.session, run.source), depth))
