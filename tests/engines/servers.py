"""The engines as real servers on this machine: PostgreSQL itself, and a stand-in for BigQuery.

    with PostgresWarehouse(folder) as engine:   # or BigQueryStandIn(folder), or DuckDBFile(folder)
        os.environ.update(engine.environment)   # dbt and `ingest` now work on it
        engine.query("select 1")                # through the engine's own client, and nothing that is under test

In a shell: `PYTHONPATH=tests python -m engines.servers postgres FOLDER` prints what to export, and serves until Ctrl-C.
"""

import signal
import sys
from contextlib import suppress
from pathlib import Path

from engines.bigquery_stand_in import BigQueryStandIn
from engines.duckdb_file import PROJECT, Column, DuckDBFile, ServerError
from engines.postgres import PostgresWarehouse

__all__ = ["ENGINES", "PROJECT", "BigQueryStandIn", "Column", "DuckDBFile", "PostgresWarehouse", "ServerError"]

ENGINES = {engine.target: engine for engine in (DuckDBFile, PostgresWarehouse, BigQueryStandIn)}


def main() -> None:
    engine = ENGINES[sys.argv[1]](Path(sys.argv[2]).resolve())
    # `kill`, and Ctrl-C of a job in the background, must not leave a server behind either.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    with suppress(KeyboardInterrupt), engine:
        print("\n".join(f"export {name}={value}" for name, value in engine.environment.items()), flush=True)
        while True:
            signal.pause()


if __name__ == "__main__":
    main()
