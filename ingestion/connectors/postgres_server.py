"""Where a PostgreSQL database is, and a session with it in which nothing that a role, a database or this machine has set changes a
text."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

import psycopg
from psycopg.conninfo import conninfo_to_dict

from ingestion.addresses import with_encoded_password
from ingestion.connectors.postgres_encoding import UNKNOWN, Encoding, codec_of
from ingestion.errors import IngestError
from ingestion.settings import lookback, setting
from ingestion.sql import quoted

# What changes how the server writes a value, or reads our SQL. A role, a database or postgresql.conf may say otherwise.
PINNED = {
    "DateStyle": "ISO,MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "xmlbinary": "base64",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
}
OVERRIDING = ("PGTZ", "PGDATESTYLE")  # of the environment: libpq sends them after our options
# Money is written by the locale. One for all, but where money has no hundredths: 1,234 yen would be 12.34.
PIN_MONEY = """
    select set_config('lc_monetary', locale, false)
    from (select case when 0::money::text ~ '0[^0-9]00([^0-9]|$)' then 'C' else current_setting('lc_monetary') end as locale) as chosen
"""

WRONG_USER = "wrong user or password"
# What libpq says, and what we say of it.
REFUSALS = {
    "authentication failed": WRONG_USER,
    "no password": WRONG_USER,
    "role ": WRONG_USER,
    "pg_hba.conf": "its pg_hba.conf has no entry for this user, database and machine",
    "does not exist": "it has no such database",
    "translate host name": "no such host is known",
    "resolve host": "no such host is known",
    "Connection refused": "nobody listens there",
    "timeout": "it does not answer in time",
    "certificate": "its certificate is not accepted",
    "SSL": "it does not agree about SSL",
    "connection slots": "it takes no more connections",
    "too many": "it takes no more connections",
    "starting up": "it is starting up",
    "shutting down": "it is shutting down",
}


@dataclass(frozen=True)
class Server:
    """Where a database is, and what its settings say of it."""

    source: str
    dsn: str
    clock_sql: str
    lookback: timedelta
    schema: str
    encoding: str = ""  # of the texts, where it is declared
    timezone: str = ""  # of times without a zone, where it is declared

    @classmethod
    def of(cls, source: str) -> "Server":
        """The server of a source, from its settings."""
        credentials = f"sources.{source}.credentials"
        scheme, separator, rest = str(setting(credentials)).strip().partition("://")
        return cls(
            source,
            # SQLAlchemy's form names a driver too: postgresql+psycopg2://
            with_encoded_password(f"{scheme.split('+')[0]}{separator}{rest}", credentials),
            setting(f"sources.{source}.clock_sql", "select now()"),
            lookback(source),
            setting(f"sources.{source}.schema", "public"),
            setting(f"sources.{source}.encoding", ""),
            setting(f"sources.{source}.timezone", ""),
        )

    @cached_property
    def parameters(self) -> dict[str, str]:
        """The connection, in libpq's words."""
        try:
            return {name: str(value) for name, value in conninfo_to_dict(self.dsn).items() if value is not None}
        except psycopg.Error as error:
            raise IngestError(
                f"sources.{self.source}.credentials is not a PostgreSQL connection string.",
                "Write it like postgresql://user:password@host:5432/database.",
            ) from error

    @property
    def address(self) -> str:
        """Where it is, for people."""
        return f"{self.parameters.get('host', 'localhost')}:{self.parameters.get('port', '5432')}"

    def pinned(self, **more: str) -> dict[str, str]:
        """The connection, with what is pinned. `search_path` is the schema: names of types are then written the same for every role."""
        for name in OVERRIDING:
            os.environ.pop(name, None)
        settings: Mapping[str, str] = {**PINNED, "search_path": quoted(self.schema), **more}
        options = " ".join(f"-c {name}={_escaped(value)}" for name, value in settings.items())
        given = self.parameters
        return {**given, "client_encoding": "UTF8", "options": f"{given.get('options', '')} {options}".strip()}

    def connect(self) -> tuple[psycopg.Connection, Encoding, str]:
        """A connection, each of whose statements is a transaction; what texts are in; and the locale of money."""
        try:
            session = psycopg.connect(**{"connect_timeout": "10", **self.pinned()}, autocommit=True)  # type: ignore[arg-type]
        except psycopg.OperationalError as error:
            raise self._refused(error) from error
        try:
            encoding = self._encoding(session.info.parameter_status("server_encoding") or "UTF8")
            encoding.teach_session(session)
            [(money,)] = session.execute(PIN_MONEY).fetchall()
        except Exception:
            session.close()
            raise
        return session, encoding, money

    def _encoding(self, server: str) -> Encoding:
        name = f"SOURCES__{self.source.upper()}__ENCODING"
        if self.encoding and server == "UTF8":
            raise IngestError("The database is in UTF8, which its server checks.", f"Remove {name}.")
        if server == UNKNOWN and not self.encoding:
            raise IngestError(
                f"The database is in {UNKNOWN}: its server does not know what the bytes of a text mean.",
                f"Set {name} to what its applications write: UTF8, LATIN1, WIN1252 …",
            )
        codec = codec_of(self.encoding or server)
        if codec is None and self.encoding:
            raise IngestError(f"{name} is not a known encoding.", "Known are UTF8, LATIN1, WIN1252 …")
        return Encoding(server, codec or "")

    def _refused(self, error: Exception) -> IngestError:
        """Why there is no connection, in our words: those of libpq repeat what it took for host and user."""
        text = str(error)
        why = next((ours for theirs, ours in REFUSALS.items() if theirs in text), "the connection broke off")
        if why == WRONG_USER:
            return IngestError(
                f"The server {self.address} refuses user {self.parameters.get('user', '?')}: {why}.",
                f"Correct SOURCES__{self.source.upper()}__CREDENTIALS (or .dlt/secrets.toml).",
            )
        return IngestError(
            f"The server {self.address} can't be reached: {why}.", "Is it up, and is the address right? The next run catches up."
        )


def _escaped(value: str) -> str:
    """A value as libpq's options have it."""
    return value.replace("\\", "\\\\").replace(" ", "\\ ")
