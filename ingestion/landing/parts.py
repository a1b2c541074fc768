"""Tables that come in parts, each of which lands whole when it is not what raw holds of it, so that the latest load of a part
is all there is of it: what was withdrawn or renamed is not in it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pyarrow

from ingestion.connectors.base import Part, ReadsParts, Window
from ingestion.connectors.tables import PartTable
from ingestion.landing.attempt import Attempt
from ingestion.landing.comparison import differ
from ingestion.landing.own_tables import Hints

if TYPE_CHECKING:
    from dlt.extract import DltResource

HINTS = {"string": "text", "date32[day]": "date", "int64": "bigint"}  # by Arrow's name of a type


class PartLanding:
    """`resource` gives the parts that are not in raw as they are now."""

    def __init__(self, attempt: Attempt, connection: ReadsParts, table: PartTable) -> None:
        self._attempt, self._connection, self._table = attempt, connection, table

    def resource(self) -> "DltResource":
        columns: Hints = {field.name: {"data_type": HINTS[str(field.type)]} for field in self._table.schema}
        return self._attempt.resource(self._table.name, columns, self._new_parts, {})

    def _new_parts(self) -> Iterator[pyarrow.Table]:
        self._attempt.log.covers(self._table.name, None, self._attempt.run.began_at)
        for part in self._connection.read(self._table, Window(), None):
            if self._differs(part):
                yield part.rows

    def _differs(self, part: Part) -> bool:
        """Whether a part is not what the latest complete load of it holds."""
        raw, name, columns = self._attempt.raw, self._table.name, self._table.schema.names
        if not raw.has_rows(name):
            return True
        quoted, literal = raw.session.dialect.quoted, raw.session.dialect.literal
        conditions = [f"{quoted(column)} = {literal(value)}" for column, value in part.equal.items()]
        if part.year_of:
            conditions.append(f"extract(year from {quoted(part.year_of[0])}) = {part.year_of[1]}")
        types = {column: raw.types(name)[column] for column in columns}
        held = raw.last_loads(name, types, " and ".join(conditions) or "true")
        con = raw.session.scratch
        con.register("part", part.rows)
        try:
            return bool(con.execute(f"{differ('part', held, columns)} limit 1").fetchall())
        finally:
            con.unregister("part")
