"""PostgreSQL's types: how their values travel to DuckDB, exactly."""

from ingestion.connectors.base import SourceColumn
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
# Types whose text hangs on the server's settings; as JSON writes it, it does not.
WRITTEN_AS_JSON = ("date", "timestamp with time zone", "timestamp without time zone")


def source_column(name: str, data_type: str, declared: str, nullable: bool, precision: int | None, scale: int | None) -> SourceColumn:
    """The column, as information_schema describes it; a type that the table above does not know travels and stays as text."""
    own_type, cast = TYPES.get(data_type, ("VARCHAR", "::text"))
    if data_type == "numeric" and precision and 0 <= (scale or 0) <= precision <= 38:
        own_type = f"DECIMAL({precision},{scale or 0})"
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
