"""The text of a file with delimiters, taken apart batch by batch: each field exactly as it is written. An empty field is the
empty string. No more than a batch of a file is in memory."""

import codecs
import csv as text_csv
import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from typing import IO

import pyarrow
from pyarrow import csv

from ingestion.connectors.base import Lines
from ingestion.connectors.files.packed import unpacked
from ingestion.errors import ContractViolated, first_line

CHUNK = 1_000_000  # bytes that are looked at together
BATCH, LARGEST_BATCH = 8_000_000, 2**31 - 1  # … that are taken apart together
IN_MEMORY = 16_000_000  # a larger file goes to a temporary one
text_csv.field_size_limit(sys.maxsize)  # of the look at quotes, which else refuses what pyarrow takes


@contextmanager
def opened_text(file: IO[bytes]) -> Iterator["TextContent"]:
    """A file's content, which is closed afterwards; raises ContractViolated when it is not UTF-8. It is copied first: so it is
    fetched once, and all looks at it are at the same content, whatever is written meanwhile."""
    with SpooledTemporaryFile(IN_MEMORY) as copy:
        with file:
            content = TextContent(copy, unpacked(_chunks(file)))
        yield content


class TextContent:
    """The copy of a file, which is filled from `chunks`."""

    def __init__(self, copy: IO[bytes], chunks: Iterator[bytes]) -> None:
        self._file, self.is_blank, last = copy, True, ""
        for chunk, text in _decoded(chunks):
            copy.write(chunk)
            self.is_blank = self.is_blank and not text.strip()
            last = text or last
        self.ends_with_line_break = last.endswith(("\n", "\r"))

    def header(self, delimiter: str) -> list[str]:
        """The fields of the first line, by this delimiter."""
        self._file.seek(0)
        first = re.split(rb"[\r\n]", self._file.readline(), maxsplit=1)[0].decode("utf-8-sig")  # old files of Apple end lines with \r
        return next(text_csv.reader([first], delimiter=delimiter), [])

    def lines(self, delimiter: str) -> Iterator[Lines]:
        """The lines by this delimiter. A line break between quotes begins no new one."""
        odd, expected = self._odd_quotes(delimiter)
        wrong: dict[int, tuple[str, str]] = {}
        read = reached = 0  # lines that are right, and the number of the last one

        def skip(row: csv.InvalidRow) -> str:
            wrong[row.number - 1] = row.text, f"it has {row.actual_columns} fields, not {row.expected_columns}"
            return "skip"

        try:
            for rows in self._batches(delimiter, skip):
                numbers = _numbers(reached, len(rows), wrong)
                read, reached = read + len(rows), numbers[-1] if numbers else reached
                lines = pyarrow.Table.from_batches([rows]).append_column("line_number", pyarrow.array(numbers, pyarrow.int64()))
                yield Lines(_without(lines, numbers, odd), {})
        except pyarrow.ArrowInvalid as error:
            raise ContractViolated(first_line(error)) from error
        if odd and expected != read + len(wrong):
            raise ContractViolated(f"line {min(odd)} has a quote that is not closed, or text after a closing quote.")
        yield Lines(pyarrow.table({}), dict(sorted((wrong | odd).items())))

    def _batches(self, delimiter: str, skip: object) -> Iterator[pyarrow.RecordBatch]:
        """The lines in batches. pyarrow takes no line that is longer than a batch: then it begins anew, with larger ones."""
        size, given = BATCH, 0
        while True:
            seen = 0
            try:
                for rows in self._parsed(delimiter, skip, size):
                    new = rows.slice(max(0, given - seen))
                    seen += len(rows)
                    if len(new):
                        given += len(new)
                        yield new
                return
            except pyarrow.ArrowInvalid as error:
                if "straddl" not in str(error) or size == LARGEST_BATCH:
                    raise
                size = min(8 * size, LARGEST_BATCH)

    def _parsed(self, delimiter: str, skip: object, size: int) -> Iterator[pyarrow.RecordBatch]:
        names = self.header(delimiter)
        self._file.seek(0)
        yield from csv.open_csv(
            self._file,
            read_options=csv.ReadOptions(use_threads=False, block_size=size),  # with threads a wrong row has no number
            parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=skip),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, pyarrow.string()), strings_can_be_null=False, check_utf8=False
            ),
        )

    def _odd_quotes(self, delimiter: str) -> tuple[dict[int, tuple[str, str]], int]:
        """The lines whose quotes pyarrow would guess at, by number, and how many lines there are. Raises ContractViolated for a
        quote that never closes."""
        if not self._has_quotes(delimiter):
            return {}, 0
        self._file.seek(0)
        text = io.TextIOWrapper(self._file, "utf-8-sig", newline="")
        try:
            return _odd_quotes(text, delimiter)
        finally:
            text.detach()

    def _has_quotes(self, delimiter: str) -> bool:
        """Whether any field begins with a quote."""
        begins = re.compile(rb'[\n\r%s]"' % re.escape(delimiter.encode()))
        self._file.seek(0)
        before = b"\n"
        for chunk in _chunks(self._file):
            if b'"' in chunk and begins.search(before + chunk.removeprefix(codecs.BOM_UTF8)):
                return True
            before = chunk[-1:]
        return False


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk


def _decoded(chunks: Iterator[bytes]) -> Iterator[tuple[bytes, str]]:
    """The chunks, and their texts; raises ContractViolated when they are not UTF-8."""
    decoder, lines = codecs.getincrementaldecoder("utf-8-sig")(), 1
    for chunk in chunks:
        if lines == 1 and chunk.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise ContractViolated("it is UTF-16, not UTF-8.")
        yield chunk, _text(decoder, chunk, lines)
        lines += chunk.count(b"\n")
    _text(decoder, b"", lines, final=True)


def _text(decoder: codecs.IncrementalDecoder, chunk: bytes, line: int, final: bool = False) -> str:
    try:
        return decoder.decode(chunk, final)
    except UnicodeDecodeError as error:
        line += error.object.count(b"\n", 0, error.start)
        raise ContractViolated(
            f"it is not UTF-8: byte 0x{error.object[error.start]:02X} in line {line}, as Latin-1 or Windows-1252 have it."
        ) from error


def _numbers(before: int, count: int, wrong: dict[int, tuple[str, str]]) -> list[int]:
    """The numbers of so many lines after line `before`, of which those in `wrong` are none."""
    if not wrong:
        return list(range(before + 1, before + count + 1))
    found: list[int] = []
    number = before
    while len(found) < count:
        number += 1
        if number not in wrong:
            found.append(number)
    return found


def _without(lines: pyarrow.Table, numbers: list[int], odd: dict[int, tuple[str, str]]) -> pyarrow.Table:
    return lines.filter(pyarrow.array([number not in odd for number in numbers], pyarrow.bool_())) if odd else lines


def _odd_quotes(text: Iterator[str], delimiter: str) -> tuple[dict[int, tuple[str, str]], int]:
    found: dict[int, tuple[str, str]] = {}
    last = [""]

    def remembered() -> Iterator[str]:
        for line in text:
            last[0] = line
            yield line

    lines = text_csv.reader(remembered(), delimiter=delimiter, strict=True)
    number = -1  # the header is none
    while True:
        try:
            if next(lines):  # a blank line is none
                number += 1
        except StopIteration:
            return found, number
        except text_csv.Error as error:
            number += 1
            if "end of data" in str(error):
                raise ContractViolated(
                    f"a quote that opens in line {number} never closes: the file breaks off, or a quote in a text is not doubled."
                ) from error
            found[number] = last[0].rstrip("\r\n"), "there is text after a closing quote"
