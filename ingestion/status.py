"""What the warehouse holds of each raw table, and how fresh it is. Needs no dlt, and no source."""

import base64
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pkgutil import iter_modules
from typing import Any

from ingestion import sources as sources_package
from ingestion.errors import UsageError
from ingestion.warehouse import Session, find_warehouse


@dataclass(frozen=True)
class TableStatus:
    """One raw table. Rows are those of complete loads."""

    source: str
    table: str
    loaded_at: datetime | None  # the last load that brought rows
    rows: int
    last_rows: int  # … and how many
    cursor: str | None  # how far the source was read
    read_at: datetime | None  # when the source was last asked with success, whether it had news or not


def status(sources: Iterable[str] | None = None, target: str | None = None) -> list[TableStatus]:
    """Every raw table of these sources (all when None); a source that was never loaded is one line without dates."""
    known = sorted(module.name for module in iter_modules(sources_package.__path__))
    names = list(sources or known)
    if unknown := [name for name in names if name not in known]:
        raise UsageError(f"There is no source {', '.join(unknown)}.", f"There are: {', '.join(known)}.")
    warehouse = find_warehouse(target)
    if not warehouse.exists:
        return [TableStatus(name, "-", None, 0, 0, None, None) for name in names]
    with warehouse.connect(read_only=True) as session:
        return [row for name in names for row in _source_status(session, name)]


def _source_status(session: Session, source: str) -> list[TableStatus]:
    schema = f"raw_{source}"
    tables = session.tables(schema)
    landed = [name for name in tables if not name.startswith("_dlt")]
    if "_dlt_loads" not in tables or not landed:
        return [TableStatus(source, "-", None, 0, 0, None, None)]
    state = _state(session, schema, source)
    rows = []
    for table in landed:
        loads = session.rows(
            f"""
            select loads.inserted_at, count(*)
            from {session.table(schema, table)} as landed
            join {session.table(schema, "_dlt_loads")} as loads on landed._dlt_load_id = loads.load_id and loads.status = 0
            group by loads.load_id, loads.inserted_at
            order by loads.inserted_at
            """
        )
        last = loads[-1] if loads else (None, 0)
        remembered = state.get(table, {})
        read_at = remembered.get("read_at")
        rows.append(
            TableStatus(
                source,
                table,
                last[0],
                sum(count for _, count in loads),
                last[1],
                remembered.get("cursor"),
                datetime.fromisoformat(read_at) if read_at else None,
            )
        )
    return rows


def _state(session: Session, schema: str, source: str) -> dict[str, dict[str, Any]]:
    """What dlt remembers of each table, from the state that came with the last complete load."""
    found = session.rows(
        f"""
        select state from {session.table(schema, "_dlt_pipeline_state")}
        where
            pipeline_name = {session.literal(source)}
            and _dlt_load_id in (select load_id from {session.table(schema, "_dlt_loads")} where status = 0)
        order by created_at desc
        limit 1
        """
    )
    if not found:
        return {}
    state = json.loads(zlib.decompress(base64.b64decode(found[0][0])))
    return state.get("sources", {}).get(source, {}).get("resources", {})
