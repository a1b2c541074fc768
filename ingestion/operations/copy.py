"""`ingest copy`: raw, with dlt's own tables and so all that it remembers, from one engine to another.

Raw is what can't be had again: what the sources said in the past. Everything else is built from it, history too.
Afterwards `dbt build` gives the same marts, and `ingest` goes on where it was.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ingestion.errors import IngestError, UsageError
from ingestion.warehouses import find_warehouse
from ingestion.warehouses.base import Session

BATCH_ROWS = 100_000
# dlt writes down there how it has made the tables, which it made for another engine.
NOT_COPIED = "_dlt_version"
# A load counts when it is in here: copied last, so that a copy which broke off is no half of the truth.
COPIED_LAST = "_dlt_loads"


@dataclass(frozen=True)
class Copied:
    """One table that was copied."""

    schema: str
    table: str
    rows: int


def copy(source: str, target: str, on_table: Callable[[str], None] = lambda _: None) -> list[Copied]:
    """Copies from one target of the profile to another; raises IngestError, having changed nothing, when there is
    something in the other already. Nothing else must write to either meanwhile."""
    from_, to = find_warehouse(source), find_warehouse(target)
    if (from_.kind, from_.address) == (to.kind, to.address):
        raise UsageError(f"{source} and {target} are the same warehouse: {to.address}.")
    if not from_.exists:
        raise IngestError(f"There is no warehouse {from_.address}.")
    with from_.connect(read_only=True) as reading, to.connect() as writing:
        schemas = [schema for schema in reading.catalogue.schemas() if schema.startswith("raw_")]
        if full := [schema for schema in schemas if writing.catalogue.tables(schema)]:
            raise IngestError(
                f"{to.address} holds {', '.join(full)} already, and a copy would mix with that.",
                "Drop these schemas there first, if nobody needs them; a copy that broke off may have left them.",
            )
        return [copied for schema in schemas for copied in _copy_schema(reading, writing, schema, on_table)]


def _copy_schema(reading: Session, writing: Session, schema: str, on_table: Callable[[str], None]) -> list[Copied]:
    tables = sorted((name for name in reading.catalogue.tables(schema) if name != NOT_COPIED), key=lambda name: (name == COPIED_LAST, name))
    copied = [_copy_table(reading, writing, schema, table, on_table) for table in tables]
    if COPIED_LAST in tables:
        landed = [name for name in tables if not name.startswith("_dlt")]
        writing.tune(schema, dict.fromkeys(landed, ()), landed)
    return copied


def _copy_table(reading: Session, writing: Session, schema: str, table: str, on_table: Callable[[str], None]) -> Copied:
    on_table(f"{schema}.{table}")
    columns = reading.catalogue.columns(schema, table)
    writing.create(schema, table, columns, reading.catalogue.required(schema, table))
    sent = ", ".join(f'"{name}"::varchar as "{name}"' if data_type == "JSON" else f'"{name}"' for name, data_type in columns.items())
    relation = reading.fetch(columns, reading.dialect.table(schema, table))
    writing.append(schema, table, reading.scratch.execute(f"select {sent} from {relation}").to_arrow_reader(BATCH_ROWS))
    rows, landed = _count(reading, schema, table), _count(writing, schema, table)
    if rows != landed:
        raise IngestError(f"{schema}.{table} has {rows} rows, and its copy {landed}.", "Was something else writing to them?")
    return Copied(schema, table, rows)


def _count(session: Session, schema: str, table: str) -> int:
    return int(session.rows(f"select count(*) from {session.dialect.table(schema, table)}")[0][0])
