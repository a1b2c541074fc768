"""What the measured processes run: `python -m benchmarks.measured COMMAND …`. It imports no more than it needs,
since a process is measured from its start to its end.

land                `ingest run order_lines`, a source of benchmarks/sources
copy FILE HOW       the bare SQL that does the same; HOW is a key of QUERIES
models FILE SCRIPT  runs a JSON list of SQL statements in the DuckDB file
"""

import json
import os
import sys
from pathlib import Path

# `scan` is what DuckDB's postgres extension does best: it reads the table in parts, over several connections, and turns
# a numeric NaN into 0.0. `query` is what `ingest` may ask for instead: one connection, numerics as text, so that nothing
# is wrong in silence.
QUERIES = {
    "scan": "select *, cast(null as timestamptz) as _deleted_at, '1' as _dlt_load_id from source.public.order_items",
    "query": """
        select
            * replace (cast(unit_price as decimal(12, 2)) as unit_price, cast(discount_amount as decimal(12, 2)) as discount_amount),
            cast(null as timestamptz) as _deleted_at, '1' as _dlt_load_id
        from postgres_query('source', 'select id, order_id, line_number, product_id, quantity, unit_price::text,
            discount_amount::text, updated_at from order_items')
    """,
}


def land() -> int:
    """Load the order lines with `ingest`, as a source of anybody's own would be."""
    from ingestion import sources

    sources.__path__.append(str(Path(__file__).with_name("sources")))
    from ingestion.cli import main

    return main(["run", "order_lines"])


def copy(file: str, how: str) -> None:
    """Copy the table into a new DuckDB file, in the schema and under the name that `ingest` gives it."""
    from importlib.resources import files

    import duckdb

    folder = files("duckdb_extension_postgres_scanner") / "extensions" / f"v{duckdb.__version__}"
    with duckdb.connect(file) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"load '{folder / 'postgres_scanner.duckdb_extension'}'")
        connection.execute(f"attach '{os.environ['SOURCES__ORDER_LINES__CREDENTIALS']}' as source (type postgres, read_only)")
        connection.execute("create schema raw_order_lines")
        connection.execute(f"create table raw_order_lines.order_items as {QUERIES[how]}")


def models(file: str, script: str) -> None:
    """Run the statements one after another, in one connection."""
    import duckdb

    with duckdb.connect(file) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for statement in json.loads(Path(script).read_text()):
            connection.execute(statement)


if __name__ == "__main__":
    sys.exit({"land": land, "copy": copy, "models": models}[sys.argv[1]](*sys.argv[2:]))
