"""The shop's database: a PostgreSQL that is filled by COPY, and moved on by one transaction a day."""

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from demo.postgres import Postgres
from demo.state import State

if TYPE_CHECKING:
    import pyarrow as pa

    from demo.company import Changes, Company

SCHEMA = Path(__file__).with_name("shop.sql")
CHUNK = 200_000  # rows that are turned into text at a time


class Shop:
    """The shop's server and what is in it. The state has its port and passwords."""

    def __init__(self, folder: Path):
        self.server = Postgres(folder / "postgres")

    def start(self, state: State) -> None:
        """Start the server, on the port of before if that is free."""
        state.postgres_port = self.server.start(state.postgres_port)

    def connect(self, state: State, database: str = "shop", autocommit: bool = False) -> psycopg.Connection:
        """A connection as the owner of everything."""
        return psycopg.connect(
            host="127.0.0.1", port=state.postgres_port, user="postgres", password=state.admin_password,
            dbname=database, autocommit=autocommit,
        )  # fmt: skip

    def fill(self, state: State, company: "Company") -> None:
        """Make the database with all rows of the present."""
        tables, keys = SCHEMA.read_bytes().split(b"----\n")
        with self.connect(state, "postgres", autocommit=True) as connection:
            connection.execute(sql.SQL("create role reader login password {}").format(sql.Literal(state.reader_password)))
            connection.execute("create database shop")
        with self.connect(state) as connection:
            connection.execute(tables)
            for table in _tables():
                _copy(connection, table, company.rows(table))
            connection.execute("insert into moa.clock values (%s)", (company.clock,))
            connection.execute(keys)

    def apply(self, connection: psycopg.Connection, company: "Company", changes: "Changes") -> None:
        """One day's changes and the new clock in one transaction, so that nobody sees half a day."""
        with connection.transaction():
            for table, ids in changes.deletes.items():
                connection.execute(sql.SQL("delete from {} where id = any(%s)").format(sql.Identifier(table)), (ids.tolist(),))
            for table in _tables():
                _upsert(connection, table, company.rows(table, changes.upserts[table]))
            connection.execute("update moa.clock set now = %s", (company.clock,))


def _tables() -> tuple[str, ...]:
    from demo.company import SHOP_TABLES  # numpy and Arrow would slow down `demo env`

    return SHOP_TABLES


def _upsert(connection: psycopg.Connection, table: str, rows: "pa.Table") -> None:
    """Insert these rows, or put them in place of those with their ids."""
    into = sql.Identifier(table)
    new = sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in rows.column_names[1:])
    connection.execute(sql.SQL("create temporary table changed (like {}) on commit drop").format(into))
    _copy(connection, "changed", rows)
    connection.execute(sql.SQL("insert into {} select * from changed on conflict (id) do update set {}").format(into, new))
    connection.execute("drop table changed")


def _copy(connection: psycopg.Connection, table: str, rows: "pa.Table") -> None:
    """Rows into a table by COPY; the text is made by Arrow, a chunk at a time."""
    from pyarrow import csv

    options = csv.WriteOptions(include_header=False)
    columns = sql.SQL(", ").join(map(sql.Identifier, rows.column_names))
    statement = sql.SQL("copy {} ({}) from stdin (format csv)").format(sql.Identifier(table), columns)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for start in range(0, rows.num_rows, CHUNK):
            buffer = BytesIO()
            csv.write_csv(rows.slice(start, CHUNK), buffer, options)
            copy.write(buffer.getvalue())
