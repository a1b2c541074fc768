"""Names and texts in the SQL of DuckDB and of PostgreSQL, which quote alike."""


def quoted(name: str) -> str:
    """The name of a column, table or schema."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """The text as a string."""
    return "'" + text.replace("'", "''") + "'"
