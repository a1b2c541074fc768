"""Lands text files with delimiters from a folder or a bucket, each field exactly as it is written.

dlt's `filesystem` source finds and opens the files. Beside its fields a row has the file's name, the date in
that name, and the number of its line (1 is the first after the header; a line break between quotes begins no new one), so it
can always be found again. An empty field is the empty string. A file is read when its size or time of change is not the one
that was read before: a file that was written anew lands again, whole, in a later load.

A line that does not fit goes to quarantine, and the rest of its file lands. A file that as a whole is not what was declared
(a column missing, another delimiter, cut off in the middle) is not landed, not even in part; the others are, and the run says so.
"""

import csv as text_csv
import io
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse
from urllib.request import url2pathname

import pyarrow
from dlt.sources.filesystem import filesystem
from pyarrow import compute, csv

from ingestion.context import Context, Misfit
from ingestion.contract import Broken, Field, Quarantined, likely_name
from ingestion.errors import IngestError, first_line
from ingestion.settings import project_dir, setting

if TYPE_CHECKING:
    from dlt.extract import DltResource

DATE_IN_NAME = re.compile(r"\d{4}-\d{2}-\d{2}")
DELIMITERS = ("|", ";", ",", "\t")
BLANKS = " \t\n\v\f\r\xa0"  # what the macro `clean_text` takes off
text_csv.field_size_limit(sys.maxsize)  # of the look at quotes, which else refuses what pyarrow takes


@dataclass(frozen=True)
class FileSet:
    """Files of one kind: the raw table, the pattern of their names, and the columns that each must have.

    `renamed` gives the name that the files now use for a column, `{"unit_cost": "cost"}`: it lands under the column's own.
    `full`: each file is all there is, so one with less than the share `keep` of the lines of the file before is not believed."""

    table: str
    pattern: str
    columns: tuple[Field | str, ...]  # a name alone is a text, which may be blank
    delimiter: str = ","
    renamed: Mapping[str, str] = field(default_factory=dict)
    full: bool = False
    keep: float = 0.8

    @property
    def fields(self) -> list[Field]:
        return [column if isinstance(column, Field) else Field(column, required=False) for column in self.columns]

    @property
    def names(self) -> list[str]:
        return [field.name for field in self.fields]


def read_files(context: Context, sets: Sequence[FileSet]) -> list["DltResource"]:
    """What arrived since the last load, as dlt resources."""
    url = _bucket_url(context.source)
    return [_Reader(context, url, files).resource() for files in sets]


class _Reader:
    """The files of one kind in one run."""

    def __init__(self, context: Context, url: str, files: FileSet) -> None:
        self.context, self.url, self.files = context, url, files
        before = context.state.get(files.table, {})
        # By name: what tells this version of the file from another, and how many lines it had.
        self.read: dict[str, str] = dict(before.get("files", {}))
        self.lines: dict[str, int] = dict(before.get("lines", {}))
        self.open: dict[str, set[str]] = {}  # by name: the ids of its lines in quarantine
        self.columns: dict[str, dict[str, Any]] = {
            **{name: {"data_type": "text"} for name in files.names},
            "file_name": {"data_type": "text", "nullable": False},
            "file_date": {"data_type": "date"},
            "line_number": {"data_type": "bigint", "nullable": False},
        }

    def resource(self) -> "DltResource":
        return self.context.resource(self.files.table, self.columns, self._new_files, {"files": self.read, "lines": self.lines})

    def _new_files(self) -> Iterator[pyarrow.Table]:
        context, options, refused, broken, listed = self.context, self.context.options, [], False, self._listed()
        context.covers(self.files.table, options.since, options.until or context.began_at)
        for table, row_id, record in context.open_quarantine("table_name", "row_id", "record"):
            if table == self.files.table:
                self.open.setdefault(json.loads(record)["file_name"], set()).add(row_id)
        if not listed:
            context.notes.append(f"{self.url} holds no file {self.files.pattern} yet")
        for file in listed:
            name = file["relative_path"]
            version = f"{file['modification_date'].timestamp():.6f}/{file['size_in_bytes']}"
            if not self._wanted(name, version):
                continue
            try:
                if self.files.full and not _date_in(name):
                    raise Broken("its name has no date like 2026-01-31, which says from when on it holds.")
                rows, misfits = self._rows(name, file.read_bytes())
                self._check_size(name, rows.num_rows + len(misfits))
            except (Broken, OSError) as error:
                refused.append(f"{name}: {error if isinstance(error, Broken) else first_line(error)}")
                broken |= isinstance(error, Broken)
                continue
            self._quarantine(name, misfits)
            yield rows
            self.read[name], self.lines[name] = version, rows.num_rows + len(misfits)
        if refused:
            error = IngestError(
                "not landed: " + " ".join(refused),
                "A file is read again when it has changed. One that nobody will mend has to be moved away.",
            )
            (context.stop if broken else context.fail)(self.files.table, error)

    def _check_size(self, name: str, lines: int) -> None:
        """Raises Broken for a full file that lost much of what the file before it had."""
        earlier = [other for other in self.lines if other < name]
        if not earlier or not self.files.full or self.context.options.allow_deletes:
            return
        before = self.lines[max(earlier)]
        if lines < self.files.keep * before:
            raise Broken(
                f"it has {lines} lines, and the file before it had {before}.",
                f"If that is right: ingest run {self.context.source} --allow-deletes",
            )

    def _quarantine(self, name: str, misfits: list[Misfit]) -> None:
        """Puts a file's misfits into quarantine; those of an earlier version of the file are superseded by it."""
        self.context.quarantine(self.files.table, misfits)
        self.context.superseded |= self.open.get(name, set()) - {misfit.id(self.files.table) for misfit in misfits}

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
        options, is_known = self.context.options, self.read.get(name) == version
        if options.known and not is_known:
            return False
        if options.is_interval:
            day = _date_in(name)
            is_inside = day is not None and options.covers(datetime.combine(day, datetime.min.time(), UTC))
            return is_inside and (options.known or not is_known or name not in self._held)
        return options.full or not is_known

    @cached_property
    def _held(self) -> set[str]:
        """The files of which raw has lines: a load can have been lost that the state still knows of."""
        table = self.files.table
        if not self.context.has_rows(table):
            return set()
        rows = self.context.session.rows(f"select distinct file_name from {self.context.complete_rows(table)} as known")
        return {name for (name,) in rows}

    def _rows(self, name: str, content: bytes) -> tuple[pyarrow.Table, list[Misfit]]:
        """The file's lines as a table of texts, and those that do not fit; raises Broken when the file is not what was declared."""
        text = _decoded(content)
        header = self._header(name, text)
        table, wrong = _parsed(content, text, self.files.delimiter, header)
        table = table.rename_columns([_own_name(column, header, self.files.renamed) for column in header])
        total = len(table) + len(wrong)
        if not text.endswith("\n"):
            if total in wrong:
                raise Broken("it breaks off in the middle of its last line.")
            self.context.notes.append(f"{name} ends without a line break: if its last field is cut off, nobody can tell")
        if not total:
            self.context.notes.append(f"{name} has no line but its header")
        lines = [number for number in range(1, total + 1) if number not in wrong]
        table = table.append_column("line_number", pyarrow.array(lines, pyarrow.int64()))
        misfits = [_misfit(name, number, why, line=line, why=why) for number, (line, why) in wrong.items()]
        reasons = _reasons(table, self.files)
        for place, found in reasons.items():
            row = table.slice(place, 1).to_pylist()[0]
            misfits.append(_misfit(name, row.pop("line_number"), "; ".join(found), fields=row))
        if total and len(misfits) == total:
            why, count = Counter(misfit.reason for misfit in misfits).most_common(1)[0]
            raise Broken(f"none of its {total} lines fits; in {count} of them: {why}.")
        fits = compute.invert(compute.is_in(pyarrow.array(range(len(table))), pyarrow.array([*reasons], pyarrow.int64())))
        return _as_landed(table.filter(fits), name), misfits

    def _header(self, name: str, text: str) -> list[str]:
        """The names in the file's first line. A column too many is kept, and people are told."""
        files, source = self.files, f"ingestion/sources/{self.context.source}.py"
        first = text.partition("\n")[0].removesuffix("\r")
        if not text.strip():
            raise Broken("it is empty.")
        header = next(text_csv.reader([first], delimiter=files.delimiter), [])
        wanted = [column if column in header else files.renamed.get(column, column) for column in files.names]
        missing = [column for column in wanted if column not in header]
        if len(set(header)) < len(header):
            raise Broken("its header names a column twice.")
        if not missing:
            if extra := [column for column in header if column not in wanted]:
                self.context.notes.append(f"{name} has columns that were not declared: {', '.join(extra)}")
            return header
        for other in DELIMITERS:
            if set(wanted) <= set(next(text_csv.reader([first], delimiter=other), [])):
                raise Broken(f"its delimiter is {other!r}. If that is right, write delimiter={other!r} into {files.table} of {source}.")
        if len(missing) == len(wanted):
            raise Broken("its first line is no header with these columns.")
        new = [column for column in header if column not in wanted]
        told = f"its header has no {', '.join(missing)}."
        for column in missing:
            if now := likely_name(column, new, lambda other: True):
                renamed = json.dumps({**files.renamed, files.names[wanted.index(column)]: now}, ensure_ascii=False)
                told += f" If {column} is called {now} now, write renamed={renamed} into {files.table} of {source}."
        raise Broken(told)


def replayed(
    context: Context, sets: Sequence[FileSet], table: str, rows: Sequence[Quarantined]
) -> tuple[pyarrow.Table | None, dict[str, str]]:
    """Quarantined lines under today's contract: for the others why they do not fit; those that do land with all other lines of
    their file, as raw holds them, since models take the last load of a file for all of it."""
    files = next((files for files in sets if files.table == table), None)
    fitting: dict[str, list[dict[str, Any]]] = {}  # by file: lines
    reasons = {}
    for row in rows:
        record = json.loads(row.record)
        if not files:
            reasons[row.row_id] = "its files are no longer read"
        elif not row.is_open:
            reasons[row.row_id] = "its file has come anew"
        elif why := _still_wrong(record, files):
            reasons[row.row_id] = why
        else:
            fitting.setdefault(record["file_name"], []).append({**record["fields"], "line_number": record["line_number"]})
    whole = [found for name, lines in sorted(fitting.items()) if (found := _completed(context, table, name, lines))]
    return (pyarrow.concat_tables(whole, promote_options="default") if whole else None), reasons


def _still_wrong(record: dict[str, Any], files: FileSet) -> str | None:
    """Why a quarantined line does not fit; None when it does."""
    if "fields" not in record:
        return record["why"]
    line = pyarrow.table({name: [text] for name, text in record["fields"].items()})
    missing = [name for name in files.names if name not in line.column_names]
    return f"{missing[0]} is missing" if missing else "; ".join(_reasons(line, files).get(0, ())) or None


def _completed(context: Context, table: str, name: str, lines: list[dict[str, Any]]) -> pyarrow.Table | None:
    """A file's lines as raw holds them, and these; None when it holds these too."""
    session, raw = context.session, context.complete_rows(table)
    columns = [column for column in context.raw_types(table) if column not in ("_dlt_load_id", "file_name", "file_date")]
    known = session.rows(
        f"select {', '.join(map(session.quoted, columns))} from {raw} as known where file_name = {session.literal(name)} "
        f"and _dlt_load_id = (select max(_dlt_load_id) from {raw} as loads where file_name = {session.literal(name)})"
    )
    found = {row["line_number"]: row for row in (dict(zip(columns, values, strict=True)) for values in known)}
    if all(line["line_number"] in found for line in lines):
        return None
    found = {line["line_number"]: {**dict.fromkeys(columns), **line} for line in lines} | found
    schema = pyarrow.schema([(column, pyarrow.int64() if column == "line_number" else pyarrow.string()) for column in columns])
    return _as_landed(pyarrow.Table.from_pylist([found[number] for number in sorted(found)], schema=schema), name)


def _as_landed(table: pyarrow.Table, name: str) -> pyarrow.Table:
    """The lines with the file's name and date."""
    table = table.append_column("file_name", pyarrow.array([name] * len(table), pyarrow.string()))
    return table.append_column("file_date", pyarrow.array([_date_in(name)] * len(table), pyarrow.date32()))


def _decoded(content: bytes) -> str:
    """The file's text; raises Broken when it is not UTF-8."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Broken("it is UTF-16, not UTF-8.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Broken(f"it is not UTF-8: byte 0x{content[error.start]:02X} in line {line}, as Latin-1 or Windows-1252 have it.") from error


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
        raise Broken(first_line(error)) from error
    total = len(table) + len(wrong)
    if odd:
        if lines != total:
            raise Broken(f"the quotes in line {min(odd)} are not closed as they should be.")
        numbers = [number for number in range(1, total + 1) if number not in wrong]
        table = table.filter(pyarrow.array([number not in odd for number in numbers], pyarrow.bool_()))
    return table, dict(sorted((wrong | odd).items()))


def _odd_quotes(text: str, delimiter: str) -> tuple[dict[int, tuple[str, str]], int]:
    """The lines whose quotes pyarrow would guess at, by number, and how many lines there are. Raises Broken for a quote that
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
                raise Broken(f"a quote that opens in line {number} never closes: it breaks off, or the quote is none.") from error
            found[number] = text.splitlines()[lines.line_num - 1], "there is text after a closing quote"


def _reasons(table: pyarrow.Table, files: FileSet) -> dict[int, list[str]]:
    """By position: why a line does not fit."""
    found: dict[int, list[str]] = {}
    for column in table.column_names:
        if column != "line_number":
            for place in compute.indices_nonzero(compute.match_substring(table[column], "\0")).to_pylist():
                found.setdefault(place, []).append(f"{column} has the character \\u0000, which PostgreSQL does not hold")
    for expected in files.fields:
        texts = compute.utf8_trim(table[expected.name], BLANKS)
        for place in expected.misfits(texts):
            why = "is blank" if texts[place].as_py() == "" else f"is no {expected.kind}"
            found.setdefault(place, []).append(f"{expected.name} {why}")
    return dict(sorted(found.items()))


def _misfit(file: str, number: int, reason: str, **what: Any) -> Misfit:
    return Misfit(json.dumps({"file_name": file, "line_number": number, **what}, ensure_ascii=False), reason)


def _own_name(column: str, header: Sequence[str], renamed: Mapping[str, str]) -> str:
    """The contract's name of a column of a file."""
    return next((name for name, now in renamed.items() if now == column and name not in header), column)


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
