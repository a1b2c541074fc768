"""PostgreSQL through DuckDB's extension: how a source is read, and how rows come back from a warehouse."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ingestion.errors import IngestError
from ingestion.sql import literal

if TYPE_CHECKING:
    import duckdb

# What one driver or another says when the server went away.
BROKE_OFF = ("server closed the connection", "terminating connection", "Connection refused", "connection is lost", "connection is closed")
# libpq's name of a parameter: the one of DuckDB's secret.
SECRET = {"host": "host", "port": "port", "user": "user", "password": "password", "dbname": "database"}


def attach_postgres(con: "duckdb.DuckDBPyConnection", alias: str, parameters: Mapping[str, str]) -> None:
    """Attaches a PostgreSQL database, given in libpq's words, read-only. The password goes into a secret that lives
    in memory: neither dlt's files nor DuckDB's errors hold it."""
    con.execute(f"load {literal(_extension())}")
    parameters = {"client_encoding": "UTF8", **parameters}  # a role may have another, and DuckDB has none but this
    given = ", ".join(f"{SECRET[name]} {literal(value)}" for name, value in parameters.items() if name in SECRET)
    options = " ".join(f"{name}='{_escaped(value)}'" for name, value in parameters.items() if name not in SECRET)
    con.execute(f"create or replace temporary secret {alias} (type postgres, {given})")
    con.execute(f"attach or replace {literal(options)} as {alias} (type postgres, secret {alias}, read_only)")


def answer(alias: str, statement: str) -> str:
    """SQL of DuckDB: the table function that runs a SELECT on the attached server."""
    return f"postgres_query({literal(alias)}, {literal(statement)})"


def broke_off(error: Exception) -> IngestError | None:
    """What to say when the server of a source went away while it was read; None for other errors."""
    if not any(words in str(error) for words in BROKE_OFF):
        return None
    return IngestError("the server broke off while it was read.", "Its own log says why. The next run catches up.")


def _extension() -> str:
    """The file of DuckDB's postgres extension, from its wheel: nothing is downloaded."""
    from importlib.resources import files

    import duckdb

    folder = files("duckdb_extension_postgres_scanner") / "extensions" / f"v{duckdb.__version__}"
    return str(folder / "postgres_scanner.duckdb_extension")


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")
