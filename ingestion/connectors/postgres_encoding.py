"""Texts of a PostgreSQL database that is not in UTF-8.

The server converts what it sends, and one byte that its encoding leaves undefined ends the whole read; from SQL_ASCII it
converts nothing, as it does not know what the bytes mean. So where a text may not be decodable, its bytes travel, and are
decoded here, row by row. What can't be decoded travels on as `UNDECODED` and its bytes, which fits no column.
"""

import codecs
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ingestion.connectors.base import UNDECODED
from ingestion.sql import literal

if TYPE_CHECKING:
    import duckdb
    import psycopg

TEXT_TYPES = ("text", "varchar", "bpchar", "name", "json")
UNKNOWN = "SQL_ASCII"  # the server's name for bytes of which it knows nothing


@dataclass(frozen=True)
class Encoding:
    """What the texts of a database are in: `server`, as the server says, and `codec`, Python's name of what they are; empty for one
    that only the server has."""

    server: str
    codec: str

    @property
    def is_declared(self) -> bool:
        """Whether it is another than the server's."""
        return self.codec != (codec_of(self.server) or "")

    @cached_property
    def travels_as_bytes(self) -> bool:
        """Whether there may be texts that can't be decoded. Of encodings of several bytes the server itself sees to that."""
        is_single = self.codec not in ("", *SEVERAL_BYTES)
        return self.is_declared or (is_single and any(decoded(bytes([byte]), self.codec) is None for byte in range(1, 256)))

    def sent(self, text: str) -> str:
        """SQL of the source: the bytes of a text."""
        return f"convert_to({text}, {literal(self.server)})"

    def received(self, name: str, *, is_strict: bool) -> str:
        """SQL of DuckDB: the text of these bytes. One that can't be decoded fails the query if `is_strict`."""
        text = f"try(decode({name}))" if self.codec == "utf-8" else f"{self._function}({name})"
        undecoded = "error('Conversion Error: text in another encoding')" if is_strict else f"{literal(UNDECODED)} || lower(hex({name}))"
        return f"case when {name} is not null then coalesce({text}, {undecoded}) end"

    def statement(self, sql: str) -> bytes:
        """SQL as a session that `teach_session` has taught sends it."""
        return sql.encode(self.codec if self.travels_as_bytes else "utf-8")

    def literal(self, text: str) -> str:
        """SQL of the source, as DuckDB sends it: this text, in its encoding."""
        if not self.is_declared or text.isascii():
            return literal(text)
        return f"convert_from(decode('{text.encode(self.codec).hex()}', 'hex'), '{UNKNOWN}')"

    @property
    def _function(self) -> str:
        return f"decode_{self.codec.replace('-', '_')}"

    def teach(self, con: "duckdb.DuckDBPyConnection") -> None:
        """Makes DuckDB able to decode it. The server's own conversion is the same for each byte of an encoding of single bytes."""
        import duckdb

        def decode(text: bytes | None) -> str | None:
            return None if text is None else decoded(text, self.codec)

        if self.travels_as_bytes and self.codec != "utf-8":
            with suppress(duckdb.CatalogException, duckdb.NotImplementedException):  # another source has it too
                # Row by row: DuckDB 1.5.5 lets go of the texts in an Arrow array too early.
                con.create_function(self._function, decode, ["BLOB"], "VARCHAR", null_handling="special")  # type: ignore[call-overload]

    def teach_session(self, session: "psycopg.Connection") -> None:
        """Makes a session decode what it asks the server, which is to convert nothing."""
        from psycopg.adapt import Loader

        codec = self.codec

        class Decoded(Loader):
            def load(self, data: Any) -> str:
                text = decoded(bytes(data), codec)
                return f"{UNDECODED}{bytes(data).hex()}" if text is None else text

        if self.travels_as_bytes:
            session.execute(f"set client_encoding = {self.server}")
            for kind in TEXT_TYPES:
                session.adapters.register_loader(kind, Decoded)


SEVERAL_BYTES = ("utf-8", "euc_jp", "euc_jis_2004", "euc_kr", "gb2312")


def decoded(text: bytes, codec: str) -> str | None:
    """The text of these bytes; None when they are none."""
    try:
        return text.decode(codec)
    except UnicodeDecodeError:
        return None


def codec_of(name: str) -> str | None:
    """Python's name of an encoding, given PostgreSQL's or its own; None for one that it does not have."""
    for known in (name, name.upper().replace("WIN", "cp").replace("KOI8", "koi8_")):
        with suppress(LookupError):
            return codecs.lookup(known).name
    return None
