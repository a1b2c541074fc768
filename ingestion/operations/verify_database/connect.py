"""A connection of `verify`'s own to a source, by the settings that name it."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import conninfo_to_dict

from ingestion.addresses import with_encoded_password
from ingestion.errors import IngestError
from ingestion.operations.verify_database.postgres import PostgresDatabase
from ingestion.operations.verify_database.source import Database
from ingestion.settings import setting

CONNECT_SECONDS = 10


@contextmanager
def connect(source: str, secrets: set[str]) -> Iterator[Database]:
    """The database of a source, by the scheme of its address; its password is added to `secrets`."""
    path = f"sources.{source}.credentials"
    address = with_encoded_password(str(setting(path)).strip(), path)
    scheme, separator, rest = address.partition("://")
    kind = scheme.partition("+")[0] if separator else "postgresql"  # SQLAlchemy's form names a driver, too
    if kind not in ("postgresql", "postgres"):
        raise IngestError(f"`ingest verify` does not know databases of the kind {kind}.", "It knows PostgreSQL.")
    with _postgres(source, f"{kind}://{rest}" if separator else address, secrets) as database:
        yield database


@contextmanager
def _postgres(source: str, address: str, secrets: set[str]) -> Iterator[PostgresDatabase]:
    try:
        given = conninfo_to_dict(address)
        secrets.add(str(given.get("password") or ""))
        timeout = int(given.get("connect_timeout") or CONNECT_SECONDS)
        connection = psycopg.connect(
            address, connect_timeout=timeout, autocommit=True, application_name="waterworks verify", client_encoding="UTF8"
        )
    except psycopg.Error:
        # What the driver says of it may quote the address, and half of a password in it.
        raise IngestError("the source can't be reached.", f"Try: ingest {source}") from None
    with connection:
        if str(setting(f"sources.{source}.encoding", "UTF8")).upper() not in ("UTF8", "UTF-8"):
            raise IngestError("its texts are in another encoding than its server says, which then can't compare them.")
        yield PostgresDatabase(connection, str(setting(f"sources.{source}.schema", "public")))
