"""DuckDB as the place to work in, beside or instead of the warehouse."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import duckdb


def work_in_memory() -> duckdb.DuckDBPyConnection:
    """An empty DuckDB in memory; what does not fit there goes to a folder that DuckDB makes and removes."""
    con = duckdb.connect()
    con.execute("set TimeZone = 'UTC'")
    con.execute(f"set temp_directory = {_literal(str(Path(tempfile.gettempdir()) / f'waterworks-work-{os.getpid()}'))}")
    return con


def attach_postgres(con: duckdb.DuckDBPyConnection, alias: str, parameters: Mapping[str, str]) -> None:
    """Attaches a PostgreSQL database, given in libpq's words, read-only. The password goes into a secret that lives
    in memory: neither dlt's files nor DuckDB's errors hold it."""
    con.execute(f"load {_literal(_extension())}")
    known = {"host": "host", "port": "port", "user": "user", "password": "password", "dbname": "database"}
    given = [(known[k], v) for k, v in parameters.items() if k in known]
    options = " ".join(f"{k}='{_escaped(v)}'" for k, v in parameters.items() if k not in known)
    con.execute(
        f"create or replace temporary secret {alias} (type postgres, "
        + ", ".join(f"{name} {_literal(value)}" for name, value in given)
        + ")"
    )
    con.execute(f"attach or replace {_literal(options)} as {alias} (type postgres, secret {alias}, read_only)")


def _extension() -> str:
    """The file of DuckDB's postgres extension, from its wheel: nothing is downloaded."""
    from importlib.resources import files

    folder = files("duckdb_extension_postgres_scanner") / "extensions" / f"v{duckdb.__version__}"
    return str(folder / "postgres_scanner.duckdb_extension")


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")
