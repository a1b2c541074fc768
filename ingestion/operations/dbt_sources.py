"""`ingest sources`: dbt's source files name what raw holds, and models read only what is there.

`write` adds what was landed to the files (`ingestion.operations.dbt_source_file`); what raw no longer has is reported, and
taken out by a person. `check` compares both with what the models read (`ingestion.operations.columns_read`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ingestion.operations.columns_read import Reading, read_columns
from ingestion.operations.dbt_source_file import LOADS, SourceFile, Tables
from ingestion.settings import OWN_TABLES
from ingestion.warehouses import Session, find_warehouse


@dataclass
class Findings:
    """Where files, raw and models disagree: `errors` must be fixed, `notes` are for information."""

    errors: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def write(sources: Iterable[str], target: str | None = None) -> Findings:
    """Adds to the source files what was landed and is not in them; `notes` say what, `errors` what is left to people."""
    found = Findings()
    for source, raw in _landed(sources, target).items():
        file = SourceFile(source)
        if not raw:
            found.notes.append(f"{source} was never loaded: ingest {source}")
            continue
        found.notes += [f"{file.name}: added {name}" for name in file.add(raw)]
        found.errors += _lost(file, raw)
        found.errors += file.undescribed
    return found


def check(sources: Iterable[str], target: str | None = None) -> Findings:
    """Compares the source files with raw, and both with what the models read."""
    found, landed = Findings(), _landed(sources, target)
    files = {source: SourceFile(source) for source in landed}
    reading = read_columns(landed, {source: file.described for source, file in files.items()}, target)
    for source, raw in landed.items():
        file = files[source]
        if not raw:
            found.errors.append(f"{source} was never loaded, so there is nothing to compare: ingest {source}")
            continue
        found.errors += [f"{name} is in raw and not in {file.name}: ingest sources --write" for name in file.missing(raw)]
        found.errors += _lost(file, raw, reading)
        found.errors += file.undescribed
        found.notes += [
            f"no model reads {source}.{table}.{column}"
            for table, columns in raw.items()
            for column in columns
            if table not in (LOADS, *OWN_TABLES) and (f"raw_{source}", table, column) not in reading.columns
        ]
    found.notes += reading.unclear
    return found


def _landed(sources: Iterable[str], target: str | None) -> dict[str, Tables]:
    """By source: the tables and columns of its raw schema, own tables first; empty when it was never loaded."""
    warehouse = find_warehouse(target)
    if not warehouse.exists:
        return {source: {} for source in sources}
    with warehouse.connect(read_only=True) as session:
        return {source: _raw(session, f"raw_{source}") for source in sources}


def _raw(session: Session, schema: str) -> Tables:
    there = session.catalogue.tables(schema)
    names = [name for name in (LOADS, *sorted(OWN_TABLES, reverse=True)) if name in there]
    names += [name for name in there if not name.startswith("_dlt") and name not in OWN_TABLES]
    return {name: list(session.catalogue.columns(schema, name)) for name in names} if LOADS in there else {}


def _lost(file: SourceFile, raw: Tables, reading: Reading | None = None) -> list[str]:
    """What the file names and raw has not; with the models that read it, where they are known."""
    found = []
    for table, columns in file.described.items():
        lost: list[str | None] = [None] if table not in raw else [*(column for column in columns if column not in raw[table])]
        for column in lost:
            what = f"{file.source}.{table}" + (f".{column}" if column else "")
            readers = reading.models(f"raw_{file.source}", table, column) if reading else set()
            if readers:
                found.append(f"{what} is not in raw, and {', '.join(sorted(readers))} reads it")
            else:
                found.append(f"{what} is not in raw: remove it from {file.name}, unless a load that failed is about to bring it")
    return found
