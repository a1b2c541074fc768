"""PostgreSQL's types: how their values travel to DuckDB, exactly."""

import re
from dataclasses import replace

from ingestion.connectors.base import SourceColumn
from ingestion.errors import IngestError
from ingestion.sql import quoted

# PostgreSQL's type: DuckDB's, and the cast on the server where the value would not arrive as it is.
TYPES: dict[str, tuple[str, str]] = {
    "smallint": ("BIGINT", ""),
    "integer": ("BIGINT", ""),
    "bigint": ("BIGINT", ""),
    "oid": ("BIGINT", "::bigint"),
    "boolean": ("BOOLEAN", ""),
    "double precision": ("DOUBLE", ""),
    "real": ("DOUBLE", "::text"),  # widened as it is, 0.1 becomes 0.10000000149
    "date": ("DATE", ""),
    "timestamp with time zone": ("TIMESTAMP WITH TIME ZONE", ""),
    "timestamp without time zone": ("TIMESTAMP", ""),
    "time without time zone": ("TIME", ""),
    "text": ("VARCHAR", ""),
    "character varying": ("VARCHAR", ""),
    "character": ("VARCHAR", ""),
    "json": ("JSON", "::text"),
    "jsonb": ("JSON", "::text"),
    "bytea": ("BLOB", ""),
}
NUMERIC = re.compile(r"numeric\((\d+),(-?\d+)\)")
# Types whose text hangs on the server's settings; as JSON writes it, it does not.
WRITTEN_AS_JSON = ("date", "timestamp with time zone", "timestamp without time zone")


def source_column(name: str, data_type: str, declared: str, base: str, nullable: bool) -> SourceColumn:
    """The column: its type, that as it is declared, and that under a domain. A type that the table above does not know travels and
    stays as text."""
    own_type, cast = TYPES.get(data_type, ("VARCHAR", "::text"))
    if digits := NUMERIC.fullmatch(base):
        precision, scale = int(digits[1]), int(digits[2])
        own_type = f"DECIMAL({precision},{scale})" if 0 <= scale <= precision <= 38 else own_type
    return SourceColumn(
        name=name,
        source_type=data_type,
        declared=declared,
        nullable=nullable,
        own_type=own_type,
        value=f"{quoted(name)}{cast}",
        text=_text(quoted(name), data_type),
    )


def _text(name: str, data_type: str) -> str:
    if data_type in WRITTEN_AS_JSON:
        return f"to_json({name}) #>> '{{}}'"
    return f"'\\x' || encode({name}, 'hex')" if data_type == "bytea" else f"{name}::text"


def as_decimal(column: SourceColumn, kind: str) -> SourceColumn:
    """A numeric without digits, as one with those of decimal(12, 2). A value that has others travels as what no decimal is: a cast
    would round it."""
    found = re.fullmatch(r"decimal\((\d+), *(\d+)\)", kind)
    if not found or column.source_type != "numeric":
        raise IngestError(f"column {column.name} is {column.declared}, and can't land as {kind}.", "A numeric can, as decimal(12, 2).")
    digits, scale, name = int(found[1]), int(found[2]), quoted(column.name)
    fits = f"{name} = round({name}, {scale}) and abs({name}) < 1e{digits - scale}::numeric"
    value = f"case when {fits} then round({name}, {scale})::text when {name} is not null then 'other digits' end"
    return replace(column, own_type=f"DECIMAL({digits},{scale})", value=value)
