"""One record under its table's contract: how it lands, and why it does not."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

import pyarrow

from ingestion.connectors.tables import Field, RecordTable
from ingestion.exact_json import HALF, to_text
from ingestion.landing.contract import FieldContract, contract
from ingestion.landing.own_tables import Hints
from ingestion.landing.raw_tables import CHANGED_AT
from ingestion.warehouses import Session

COLUMNS: Hints = {
    "id": {"data_type": "text"},
    "updated_at": {"data_type": "timestamp"},
    "record": {"data_type": "json"},
    CHANGED_AT: {"data_type": "timestamp", "nullable": False},
}
TIMESTAMP = pyarrow.timestamp("us", "UTC")
SCHEMA = pyarrow.schema([("id", pyarrow.string()), ("updated_at", TIMESTAMP), ("record", pyarrow.string()), (CHANGED_AT, TIMESTAMP)])
MICROSECOND = timedelta(microseconds=1)
MISSING = object()


class Row(NamedTuple):
    """A record as it lands. `changed_at` is the time from which this version holds: the cursor, but never later than now."""

    key: str | None
    updated_at: datetime | None
    text: str  # the record as JSON
    changed_at: datetime

    @property
    def digest(self) -> str:
        """The MD5 of the record."""
        return hashlib.md5(self.text.encode(), usedforsecurity=False).hexdigest()

    def since(self, changed_at: datetime) -> "Row":
        """The same, holding from another time on."""
        return self._replace(changed_at=changed_at)


@dataclass(frozen=True)
class RecordContract:
    """The contract of a table's records."""

    table: RecordTable
    session: Session

    @cached_property
    def fields(self) -> list[FieldContract]:
        """The fields, and the key among them."""
        key = [Field(self.table.key)] if self.table.key else []
        return contract([*key, *(field for field in self.table.fields if field.name != self.table.key)], self.session)

    def row(self, said: Any, now: datetime) -> tuple[Row, dict[str, str]]:
        """A record as it lands, its numbers with the digits that they came with, and where and why it does not fit. It holds from
        its cursor on, but never from later than `now`."""
        table, record = self.table, self._with_names(said) if isinstance(said, dict) else {}
        key = record.get(table.key) if table.key else None
        updated_at = _timestamp(record.get(table.cursor)) if table.cursor else None
        wrong = dict(filter(None, (field.rejected_in(record) for field in self.fields)))
        if table.cursor and not updated_at:
            wrong.setdefault(table.cursor, f"{table.cursor} is {'not a timestamp' if table.cursor in record else 'missing'}")
        if not isinstance(said, dict):
            wrong = {"": "the record is no object"}
        text = to_text(record if isinstance(said, dict) else said, wrong)
        if HALF in wrong:
            key = None
        return Row(None if key is None else str(key), updated_at, text, min(updated_at or now, now)), wrong

    def would_mend(self, said: Any, place: str, name: str) -> bool:
        """Whether a record that does not fit would, as far as this place goes, if the field had this name."""
        renamed = replace(self.table, renamed={**self.table.renamed, place: name})
        _, wrong = RecordContract(renamed, self.session).row(said, datetime.now(UTC))
        return not any(at == place or at.startswith((f"{place}.", f"{place}[")) for at in wrong)

    def _with_names(self, record: dict[str, Any]) -> dict[str, Any]:
        """The record, with the fields that the source calls by another name now under the contract's name as well."""
        for name, now in self.table.renamed.items():
            value = _value(record, now.split("."))
            if value is not MISSING and _value(record, name.split(".")) is MISSING:
                record = _with(record, name.split("."), value)
        return record


def as_arrow(rows: Iterable[Row]) -> pyarrow.Table:
    """These rows, of which there is at least one."""
    columns = zip(*rows, strict=True)
    return pyarrow.table([pyarrow.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)], schema=SCHEMA)


def field_names(record: dict[str, Any], prefix: str = "") -> Iterable[str]:
    """The names of all fields: `amount.value`, `lines[].amount`."""
    for key, value in record.items():
        name = prefix + key
        yield name
        if isinstance(value, dict):
            yield from field_names(value, name + ".")
        elif isinstance(value, list):
            for element in value:
                if isinstance(element, dict):
                    yield from field_names(element, name + "[].")


def _timestamp(value: Any) -> datetime | None:
    """The time of an ISO text or of seconds since 1970; None when it is neither."""
    try:
        if isinstance(value, int):
            return datetime.fromtimestamp(value, UTC)
        found = datetime.fromisoformat(value)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


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
