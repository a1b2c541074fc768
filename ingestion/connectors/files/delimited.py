"""The text of a file with delimiters, taken apart: each field exactly as it is written. An empty field is the empty string."""

import csv as text_csv
import io
import re
import sys

import pyarrow
from pyarrow import csv

from ingestion.connectors.base import Lines
from ingestion.errors import ContractViolated, first_line

text_csv.field_size_limit(sys.maxsize)  # of the look at quotes, which else refuses what pyarrow takes


class TextContent:
    """A file's content; raises ContractViolated when it is not UTF-8."""

    def __init__(self, content: bytes) -> None:
        self._content, self._text = content, _decoded(content)
        self.is_blank = not self._text.strip()

    def header(self, delimiter: str) -> list[str]:
        """The fields of the first line, by this delimiter."""
        first = self._text.partition("\n")[0].removesuffix("\r")
        return next(text_csv.reader([first], delimiter=delimiter), [])

    def lines(self, delimiter: str) -> Lines:
        """The lines by this delimiter. A line break between quotes begins no new one."""
        rows, unparsed = _parsed(self._content, self._text, delimiter, self.header(delimiter))
        numbers = [number for number in range(1, len(rows) + len(unparsed) + 1) if number not in unparsed]
        return Lines(rows.append_column("line_number", pyarrow.array(numbers, pyarrow.int64())), unparsed, self._text.endswith("\n"))


def _decoded(content: bytes) -> str:
    """The file's text; raises ContractViolated when it is not UTF-8."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ContractViolated("it is UTF-16, not UTF-8.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ContractViolated(
            f"it is not UTF-8: byte 0x{content[error.start]:02X} in line {line}, as Latin-1 or Windows-1252 have it."
        ) from error


def _parsed(content: bytes, text: str, delimiter: str, header: list[str]) -> tuple[pyarrow.Table, dict[int, tuple[str, str]]]:
    """The lines that have all fields, as texts; the others by number: what they say, and what is wrong."""
    wrong: dict[int, tuple[str, str]] = {}

    def skip(row: csv.InvalidRow) -> str:
        wrong[row.number - 1] = row.text, f"it has {row.actual_columns} fields, not {row.expected_columns}"
        return "skip"

    odd, lines = _odd_quotes(text, delimiter)
    try:
        table = csv.read_csv(
            io.BytesIO(content),
            read_options=csv.ReadOptions(use_threads=False),  # else a wrong row has no number
            parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=skip),
            convert_options=csv.ConvertOptions(column_types=dict.fromkeys(header, pyarrow.string()), strings_can_be_null=False),
        )
    except pyarrow.ArrowInvalid as error:
        raise ContractViolated(first_line(error)) from error
    total = len(table) + len(wrong)
    if odd:
        if lines != total:
            raise ContractViolated(f"the quotes in line {min(odd)} are not closed as they should be.")
        numbers = [number for number in range(1, total + 1) if number not in wrong]
        table = table.filter(pyarrow.array([number not in odd for number in numbers], pyarrow.bool_()))
    return table, dict(sorted((wrong | odd).items()))


def _odd_quotes(text: str, delimiter: str) -> tuple[dict[int, tuple[str, str]], int]:
    """The lines whose quotes pyarrow would guess at, by number, and how many lines there are. Raises ContractViolated for a quote that
    never closes."""
    if not re.search(rf'(^|[\n\r{re.escape(delimiter)}])"', text):
        return {}, 0
    found: dict[int, tuple[str, str]] = {}
    lines = text_csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
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
                raise ContractViolated(f"a quote that opens in line {number} never closes: it breaks off, or the quote is none.") from error
            found[number] = text.splitlines()[lines.line_num - 1], "there is text after a closing quote"
