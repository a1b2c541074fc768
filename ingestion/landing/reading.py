"""Reads the tables of a source, each by the form in which its rows come: where the ways part, and meet again."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from ingestion.connectors.base import Acknowledges, Connection
from ingestion.connectors.tables import PartTable, RecordTable, Table, TextTable, TypedTable
from ingestion.landing.attempt import Attempt
from ingestion.landing.json_records.replay import quarantined as quarantined_records
from ingestion.landing.json_records.table import RecordLanding
from ingestion.landing.parts import PartLanding
from ingestion.landing.quarantine import QuarantinedRow
from ingestion.landing.replayed import Quarantined, Replayed, replayed
from ingestion.landing.text_lines.replay import quarantined as quarantined_lines
from ingestion.landing.text_lines.table import LineLanding
from ingestion.landing.typed_rows.replay import quarantined as quarantined_rows
from ingestion.landing.typed_rows.table import TableLanding
from ingestion.landing.typed_rows.table_info import TableInfo
from ingestion.registry import connectors

if TYPE_CHECKING:
    from dlt.extract import DltResource

# By the form of a table: what lands it, and how quarantined rows of it are put through again.
LANDINGS: dict[type, Any] = {RecordTable: RecordLanding, TextTable: LineLanding, PartTable: PartLanding}
REPLAYS: dict[type, Any] = {TypedTable: quarantined_rows, RecordTable: quarantined_records, TextTable: quarantined_lines}


@contextmanager
def open_source(attempt: Attempt) -> Iterator[list["DltResource"]]:
    """The dlt resources of all that is new at a source, and of the landing's own tables. Its connections are open until the load
    has ended; a source that waits for it gets an acknowledgement when it is complete."""
    with ExitStack() as stack:
        resources, opened = [], []
        for connector in connectors(attempt.run.source):
            connection = stack.enter_context(connector.open(attempt.run))
            opened.append(connection)
            resources += resources_of(attempt, connection, connector.tables)
        resources += attempt.own_resources([resource.name for resource in resources])
        yield resources
        # Not of tables that failed: what was not landed has to come again.
        landed = {table: bookmark for table, bookmark in attempt.bookmarks.items() if table not in attempt.run.failures.reasons}
        for connection in opened:
            if isinstance(connection, Acknowledges):
                connection.acknowledge(landed)


def resources_of(attempt: Attempt, connection: Connection, tables: Sequence[Table]) -> list["DltResource"]:
    """What is new in these tables, as dlt resources. A table that can't be read goes to the failures of the run."""
    wanted = [table for table in tables if table.name not in attempt.skipped]
    typed: Any = [table for table in wanted if isinstance(table, TypedTable)]
    found = _typed_resources(attempt, connection, typed) if typed else []
    return found + [
        _of_form(LANDINGS, table)(attempt, connection, table).resource() for table in wanted if not isinstance(table, TypedTable)
    ]


def _typed_resources(attempt: Attempt, connection: Any, tables: Sequence[TypedTable]) -> list["DltResource"]:
    """All tables are looked at before the first is read: what is committed meanwhile comes with the next run."""
    clock, descriptions = connection.clock(), connection.describe(tables)
    landings = [TableLanding(TableInfo(attempt, connection, table, descriptions[table.name], clock)) for table in tables]
    for landing in landings:
        landing.look()
    connection.attach(attempt.run.session.scratch)
    return [resource for landing in landings if (resource := landing.resource()) is not None]


def replay_table(attempt: Attempt, tables: Sequence[Table], name: str, rows: Sequence[QuarantinedRow]) -> Replayed:
    """Quarantined rows of the table of this name, put through the contract of today."""
    table = next((table for table in tables if table.name == name), None)
    if table is None:
        return Replayed.refused(rows, f"table {name} is no longer declared")
    found: Quarantined = _of_form(REPLAYS, table)(attempt, table, rows)
    return replayed(attempt.run.session, name, found)


def _of_form(choices: dict[type, Any], table: Table) -> Any:
    return next(choice for form, choice in choices.items() if isinstance(table, form))
