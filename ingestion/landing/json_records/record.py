"""Records as they come into the scratch database: as JSON, each with its time."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow

from ingestion.connectors.tables import RecordTable
from ingestion.exact_json import to_quarantine, to_text, unstorable
from ingestion.landing.contract import REASON
from ingestion.landing.json_records.contract import record_contract
from ingestion.landing.scratch_tables import ScratchTables
from ingestion.warehouses import Session

SCHEMA = {
    "record": pyarrow.string(),  # as it lands; null where JSON columns can't hold it
    "said": pyarrow.string(),  # as quarantine keeps it, where that is something else
    "updated_at": pyarrow.timestamp("us", "UTC"),
    "unstorable": pyarrow.string(),  # why it can't land, whatever the contract says
}
MISSING = object()


def sent(table: RecordTable, records: Sequence[Any], carried: Mapping[str, pyarrow.Array] | None = None) -> pyarrow.Table:
    """Parsed records as the contract takes them, their numbers with the digits that they came with."""
    named = [_with_names(table, said) for said in records] if table.renamed else records
    texts: list[Any] = list(map(to_text, named))
    said: list[Any] = [None] * len(texts)
    wrong: list[Any] = [None] * len(texts)
    if table.renamed:
        said = [None if name is record else to_quarantine(record) for name, record in zip(named, records, strict=True)]
    for n in _unstorable(records, texts):
        texts[n], said[n], wrong[n] = None, to_quarantine(records[n]), unstorable(records[n]) or "the record is not an object"
    times = [time_of(table, record) for record in records] if table.cursor else [None] * len(texts)
    columns = zip((texts, said, times, wrong), SCHEMA.values(), strict=True)
    return pyarrow.table({**dict(zip(SCHEMA, (pyarrow.array(c, kind) for c, kind in columns), strict=True)), **(carried or {})})


def _unstorable(records: Sequence[Any], texts: Sequence[str]) -> list[int]:
    """The positions of what is no object, or no text that can be encoded. SQL can't be asked: it would never see them."""
    others = [n for n, record in enumerate(records) if not isinstance(record, dict)]
    try:
        "".join(texts).encode()
        return others
    except UnicodeEncodeError:
        return sorted({*others, *(n for n, record in enumerate(records) if unstorable(record))})


def time_of(table: RecordTable, record: Any) -> datetime | None:
    """The cursor of a record: an ISO text of any kind that Python knows, or seconds since 1970; None when it is neither."""
    value = _value(record, (table.cursor,)) if table.cursor else None
    if value is MISSING and table.renamed.get(table.cursor or ""):
        value = _value(record, table.renamed[table.cursor or ""].split("."))
    try:
        if isinstance(value, int):
            return datetime.fromtimestamp(value, UTC)
        found = datetime.fromisoformat(value)  # type: ignore[arg-type]
        return (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(table.timezone) if table.timezone else UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def would_mend(session: Session, table: RecordTable, said: Any, place: str, name: str) -> bool:
    """Whether a record that does not fit would, as far as this place goes, if the field had this name."""
    renamed = replace(table, renamed={**table.renamed, place: name})
    scratch = ScratchTables(session, f"{table.name} renamed")
    scratch.read(record_contract(renamed, "now()", {}), sent(renamed, [said]))
    found = session.scratch.execute(f'select "{REASON}" from {scratch.name("validated")}').fetchall()[0][0]
    scratch.clear()
    return not any(at == place or at.startswith((f"{place}.", f"{place}[")) for at in by_place(found or ""))


def by_place(why: str) -> dict[str, str]:
    """The reasons why a record does not fit, by the place that each begins with."""
    return {reason.partition(" is ")[0]: reason for reason in why.split("; ") if reason}


def _with_names(table: RecordTable, record: Any) -> Any:
    """The record, with the fields that the source calls by another name now under the contract's name as well."""
    for name, now in table.renamed.items() if isinstance(record, dict) else ():
        value = _value(record, now.split("."))
        if value is not MISSING and _value(record, name.split(".")) is MISSING:
            record = _with(record, name.split("."), value)
    return record


def _value(record: Any, names: Sequence[str]) -> Any:
    """What is at this path; MISSING when it leads nowhere."""
    for name in names:
        record = record.get(name, MISSING) if isinstance(record, dict) else MISSING
    return record


def _with(record: Any, names: Sequence[str], value: Any) -> dict[str, Any]:
    """The record with this value at this path; the record itself stays as it is."""
    name, *rest = names
    record = record if isinstance(record, dict) else {}
    return {**record, name: _with(record.get(name), rest, value) if rest else value}
