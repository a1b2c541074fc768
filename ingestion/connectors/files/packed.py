"""What is in a file: text, text that gzip has packed, or something that is no text at all."""

import zlib
from collections.abc import Iterator

from ingestion.errors import ContractViolated

GZIP = b"\x1f\x8b"
NO_TEXT = {  # by how a file begins
    b"PK\x03\x04": "a ZIP archive or a spreadsheet",
    b"\xd0\xcf\x11\xe0": "a spreadsheet",
    b"PAR1": "Parquet",
    b"%PDF": "a PDF",
    b"\x28\xb5\x2f\xfd": "packed with zstd",
    b"BZh91AY&SY": "packed with bzip2",
    b"\xfd7zXZ": "packed with xz",
}


def unpacked(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The content of a file, unpacked when gzip has packed it; raises ContractViolated when it is no text."""
    first = next(chunks, b"")
    if kind := next((kind for begin, kind in NO_TEXT.items() if first.startswith(begin)), None):
        raise ContractViolated(f"it is {kind}, not text.")
    if first.startswith(GZIP):
        yield from _gunzipped(first, chunks)
    else:
        yield first
        yield from chunks


def _gunzipped(chunk: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """What gzip has packed, which may be several parts one after the other."""
    part = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        while chunk:
            yield part.decompress(chunk)
            rest = part.unused_data.lstrip(b"\0")  # zeros may fill up the end
            if part.eof and rest:
                part, chunk = zlib.decompressobj(zlib.MAX_WBITS | 16), rest
            else:
                chunk = next(chunks, b"")
                if part.eof and chunk:
                    part = zlib.decompressobj(zlib.MAX_WBITS | 16)
    except zlib.error as error:
        raise ContractViolated("it is packed with gzip, and damaged.") from error
    if not part.eof:
        raise ContractViolated("it is packed with gzip, and breaks off.")
