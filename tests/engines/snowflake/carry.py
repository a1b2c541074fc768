"""Builds the project on fakesnow from the raw of a DuckDB warehouse, and compares every table with the one there, row by row.

    python carry.py WAREHOUSE FOLDER    # with the interpreter of .venv-snowflake; the folder is for what lies about

tests/test_snowflake.py runs it. docs/engines.md says what fakesnow can't carry: a second run, for one.
"""

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import fakesnow
import snowflake.connector
import yaml

PROJECT = Path(__file__).resolve().parent.parent.parent.parent
LAYERS = ("staging", "intermediate", "snapshots", "core", "marts")
NUMBERS = ("DECIMAL", "BIGINT", "INTEGER", "HUGEINT")
PROFILE = """\
waterworks:
  target: snowflake
  outputs:
    snowflake: {{type: snowflake, account: fakesnow, user: fake, password: snow, host: {host}, port: {port}, protocol: http,
      database: warehouse, schema: unfiled, warehouse: any, role: sysadmin, threads: 1}}
"""


def main() -> None:
    path, folder = sys.argv[1], Path(sys.argv[2])
    with fakesnow.server() as address, duckdb.connect(path, read_only=True) as original:
        original.execute("set TimeZone = 'UTC'")
        with snowflake.connector.connect(**address) as connection:

            def query(sql: str) -> list[tuple]:
                return connection.cursor().execute(sql).fetchall()

            query("create database warehouse")
            query("create schema warehouse.unfiled")
            load_raw(original, query, folder)
            build(address, folder)
            found = [line for schema in LAYERS for line in compared(original, query, schema)]
    print("\n".join(found))
    sys.exit(any("differ" in line for line in found))


def load_raw(original: duckdb.DuckDBPyConnection, query: Any, folder: Path) -> None:
    """All raw tables as they are, JSON as Snowflake's VARIANT; by way of files, which fakesnow reads as DuckDB does."""
    for schema, table in _tables(original, "schema_name like 'raw%'"):
        columns = {name: kind for name, kind, *_ in original.execute(f"describe {schema}.{table}").fetchall()}
        file = folder / f"{schema}.{table}.parquet"
        # A name without quotation marks is one in capitals there.
        texts = ", ".join(f'{name}{"::varchar" if kind == "JSON" else ""} as "{name.upper()}"' for name, kind in columns.items())
        original.execute(f"copy (select {texts} from {schema}.{table}) to '{file}'")
        values = ", ".join(f"parse_json({name}) as {name}" if kind == "JSON" else name for name, kind in columns.items())
        query(f"create schema if not exists warehouse.{schema}")
        query(f"create table warehouse.{schema}.{table} as select {values} from read_parquet('{file}')")


def build(address: dict[str, Any], folder: Path) -> None:
    """Seeds and models. No tests: fakesnow adds decimals as floats, which one of them would notice. And no publishing, which fakesnow
    can't do: on its first statement that fails there, Snowflake's client asks again and again for many minutes."""
    project = folder / "project"
    project.mkdir()
    for name in ("models", "macros", "seeds", "snapshots", "tests"):
        (project / name).symlink_to(PROJECT / name)
    settings = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())
    without_hooks = {name: value for name, value in settings.items() if name not in ("on-run-start", "on-run-end")}
    (project / "dbt_project.yml").write_text(yaml.safe_dump(without_hooks))
    (folder / "profiles.yml").write_text(PROFILE.format(**address))
    environment = {"DBT_PROFILES_DIR": folder, "DBT_TARGET_PATH": folder / "target", "DBT_LOG_PATH": folder, "DBT_TARGET": "snowflake"}
    subprocess.run(
        [Path(sys.executable).with_name("dbt"), "--quiet", "build", "--exclude", "resource_type:test", "resource_type:unit_test"],
        cwd=project, env=os.environ | {name: str(value) for name, value in environment.items()}, check=True,
    )  # fmt: skip


def compared(original: duckdb.DuckDBPyConnection, query: Any, schema: str) -> list[str]:
    """A line for each table: its rows, or how many differ, with an example."""
    lines = []
    for _, table in _tables(original, f"schema_name = '{schema}'"):
        # JSON is written differently, and `history_fingerprint` is each engine's own.
        described = original.execute(f"describe {schema}.{table}").fetchall()
        columns = {name: kind for name, kind, *_ in described if kind != "JSON" and name != "history_fingerprint"}
        here = original.execute(f"select {_values(columns, 'epoch_us({})')} from {schema}.{table}").fetchall()
        there = query(f"select {_values(columns, 'date_part(epoch_microsecond, {})')} from warehouse.{schema}.{table}")
        ours, theirs = _plain(columns, here), _plain(columns, there)
        different = sorted(set(ours) ^ set(theirs))
        if ours == theirs:
            lines.append(f"{schema}.{table}: {len(ours)} rows, the same")
        else:
            lines.append(f"{schema}.{table}: {len(ours)} and {len(theirs)} rows differ, such as {different[:2]}")
    return lines


def _tables(original: duckdb.DuckDBPyConnection, condition: str) -> list[tuple[str, str]]:
    found = original.execute(
        f"select schema_name, table_name from duckdb_tables() where {condition} "
        f"union all select schema_name, view_name from duckdb_views() where {condition} order by 1, 2"
    ).fetchall()
    return [(schema, name) for schema, name in found if not name.startswith("_dlt") or name == "_dlt_loads"]


def _values(columns: dict[str, str], timestamp: str) -> str:
    """As text or microseconds, since fakesnow's server sends a null timestamp as 1970."""
    return ", ".join(timestamp.format(name) if "TIME ZONE" in kind else f"cast({name} as varchar)" for name, kind in columns.items())


def _plain(columns: dict[str, str], rows: list[tuple]) -> list[str]:
    """Rows in an order of their own; 1.10 and 1.1 are one number."""
    numbers = [kind.startswith(NUMBERS) for kind in columns.values()]
    return sorted(
        repr([Decimal(value).normalize() if number and value is not None else value for value, number in zip(row, numbers, strict=True)])
        for row in rows
    )


if __name__ == "__main__":
    main()
