"""Lands text files with delimiters from a folder or a bucket, each field exactly as it is written.

dlt's `filesystem` source finds and opens the files. Beside its fields a row has the file's name, the date in
that name, and the number of its line (1 is the first after the header), so it can always be found again. An
empty field is the empty string. A file is read when its size or time of change is not the one that was read
before: a file that was written anew lands again, whole, in a later load.

A file that is not what was declared (no header, a column missing, a line with too many fields) is not landed,
not even in part; the others are, and the run says so.
"""

import csv as text_csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse
from urllib.request import url2pathname

import pyarrow
from dlt.sources.filesystem import filesystem
from pyarrow import csv

from ingestion.context import Context
from ingestion.errors import IngestError, first_line
from ingestion.settings import project_dir, setting

if TYPE_CHECKING:
    from dlt.extract import DltResource

DATE_IN_NAME = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class FileSet:
    """Files of one kind: the raw table, the pattern of their names, and the columns that each must have."""

    table: str
    pattern: str
    columns: tuple[str, ...]
    delimiter: str = ","


def read_files(context: Context, sets: Sequence[FileSet]) -> list["DltResource"]:
    """What arrived since the last load, as dlt resources."""
    url = _bucket_url(context.source)
    return [_Reader(context, url, files).resource() for files in sets]


class _Reader:
    """The files of one kind in one run."""

    def __init__(self, context: Context, url: str, files: FileSet) -> None:
        self.context, self.url, self.files = context, url, files
        # By name: what tells this version of the file from another.
        self.read: dict[str, str] = dict(context.state.get(files.table, {}).get("files", {}))
        self.columns: dict[str, dict[str, Any]] = {
            **{name: {"data_type": "text"} for name in files.columns},
            "file_name": {"data_type": "text", "nullable": False},
            "file_date": {"data_type": "date"},
            "line_number": {"data_type": "bigint", "nullable": False},
        }

    def resource(self) -> "DltResource":
        return self.context.resource(self.files.table, self.columns, self._new_files, {"files": self.read})

    def _new_files(self) -> Iterator[pyarrow.Table]:
        refused, listed = [], self._listed()
        if not listed:
            self.context.notes.append(f"{self.url} holds no file {self.files.pattern} yet")
        for file in listed:
            name = file["relative_path"]
            version = f"{file['modification_date'].timestamp():.6f}/{file['size_in_bytes']}"
            if not self._wanted(name, version):
                continue
            try:
                yield self._rows(name, file.read_bytes())
            except (IngestError, pyarrow.ArrowInvalid, UnicodeDecodeError, OSError) as error:
                refused.append(f"{name}: {first_line(error)}")
                continue
            self.read[name] = version
        if refused:
            self.context.fail(
                self.files.table,
                IngestError("not landed: " + "; ".join(refused), "Ask for the file anew; it is read when it has changed."),
            )

    def _listed(self) -> list[Any]:
        """The files that are there now, by name; raises IngestError when there is no such place."""
        try:
            files = list(filesystem(bucket_url=self.url, file_glob=self.files.pattern))
        except Exception as error:
            raise IngestError(
                f"{self.url} can't be listed: {first_line(error)}",
                f"Correct SOURCES__{self.context.source.upper()}__BUCKET_URL, or its credentials.",
            ) from error
        return sorted(files, key=lambda file: file["relative_path"])

    def _wanted(self, name: str, version: str) -> bool:
        options = self.context.options
        if options.is_interval:
            day = _date_in(name)
            return day is not None and options.covers(datetime.combine(day, datetime.min.time(), UTC))
        return options.full or self.read.get(name) != version

    def _rows(self, name: str, content: bytes) -> pyarrow.Table:
        """The file's lines as a table of texts; raises IngestError or ArrowInvalid when it is not what was declared."""
        header = self._header(name, content)
        table = csv.read_csv(
            io.BytesIO(content),
            parse_options=csv.ParseOptions(delimiter=self.files.delimiter, newlines_in_values=True),
            convert_options=csv.ConvertOptions(column_types={column: pyarrow.string() for column in header}, strings_can_be_null=False),
        )
        day, rows = _date_in(name), table.num_rows
        if not rows:
            self.context.notes.append(f"{name} has no line but its header")
        table = table.append_column("file_name", pyarrow.array([name] * rows, pyarrow.string()))
        table = table.append_column("file_date", pyarrow.array([day] * rows, pyarrow.date32()))
        return table.append_column("line_number", pyarrow.array(range(1, rows + 1), pyarrow.int64()))

    def _header(self, name: str, content: bytes) -> list[str]:
        """The names in the file's first line. A column too many is kept, and people are told."""
        first = content.partition(b"\n")[0].decode("utf-8-sig")
        header = next(text_csv.reader([first], delimiter=self.files.delimiter), [])
        missing = [column for column in self.files.columns if column not in header]
        if missing or len(set(header)) < len(header):
            raise IngestError(f"its header has no {', '.join(missing)}" if missing else "its header names a column twice")
        if extra := [column for column in header if column not in self.files.columns]:
            self.context.notes.append(f"{name} has columns that were not declared: {', '.join(extra)}")
        return header


def _bucket_url(source: str) -> str:
    """The place of the files; a relative folder starts at the project's. A local folder must exist: dlt would
    take a missing one for an empty one."""
    url = setting(f"sources.{source}.bucket_url")
    scheme = urlparse(url).scheme
    if len(scheme) > 1 and scheme != "file":  # one letter is a drive of Windows
        return url
    folder = project_dir() / (url2pathname(urlparse(url).path) if scheme == "file" else url)
    if not folder.is_dir():
        raise IngestError(f"The folder {folder} does not exist.", f"Correct SOURCES__{source.upper()}__BUCKET_URL, or mount it.")
    return folder.as_uri()


def _date_in(name: str) -> date | None:
    found = DATE_IN_NAME.search(name)
    try:
        return date.fromisoformat(found.group()) if found else None
    except ValueError:
        return None
