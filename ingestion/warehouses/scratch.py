"""The scratch database: DuckDB in memory, where the landing decides when the warehouse is a server."""

import os
import tempfile
from pathlib import Path

import duckdb

from ingestion.sql import literal


def scratch_in_memory() -> duckdb.DuckDBPyConnection:
    """An empty DuckDB in memory; what does not fit there goes to a folder that DuckDB makes and removes."""
    con = duckdb.connect()
    con.execute("set TimeZone = 'UTC'")
    con.execute(f"set temp_directory = {literal(str(Path(tempfile.gettempdir()) / f'waterworks-scratch-{os.getpid()}'))}")
    return con
