"""One kind of files in one attempt: read file by file, validated. A file that changed lands whole: what is compared with raw is the
version of each file, never its lines."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, time
from functools import cached_property
from typing import TYPE_CHECKING

import pyarrow

from ingestion.connectors.base import File, FileContent, ReadsFiles, Window
from ingestion.connectors.tables import TextTable
from ingestion.errors import ContractViolated, IngestError, first_line
from ingestion.landing.attempt import Attempt
from ingestion.landing.own_tables import Hints
from ingestion.landing.quarantine import RejectedRow
from ingestion.landing.scratch_tables import ALL, FITS, ScratchTables
from ingestion.landing.shrinkage import has_shrunk, if_right
from ingestion.landing.text_lines.contract import FileHeader, line_contract, notes, unparsed
from ingestion.sql import literal

if TYPE_CHECKING:
    from dlt.extract import DltResource


class LineLanding:
    """`resource` gives what lands; files are opened when it is read."""

    def __init__(self, attempt: Attempt, connection: ReadsFiles, table: TextTable) -> None:
        self._attempt, self._connection, self._table = attempt, connection, table
        self._options = attempt.run.options
        self._header = FileHeader(table, f"ingestion/sources/{attempt.run.source}.py")
        self._scratch = ScratchTables(attempt.run.session, table.name)
        self._count = 0  # lines of the file that was staged last
        before = attempt.state.get(table.name, {})
        # By name: what identifies this version of the file, and how many lines it had.
        self._read: dict[str, str] = dict(before.get("files", {}))
        self._lines: dict[str, int] = dict(before.get("lines", {}))

    def resource(self) -> "DltResource":
        columns: Hints = {
            **{name: {"data_type": "text"} for name in self._table.names},
            "file_name": {"data_type": "text", "nullable": False},
            "file_date": {"data_type": "date"},
            "line_number": {"data_type": "bigint", "nullable": False},
        }
        state = {"files": self._read, "lines": self._lines}
        return self._attempt.resource(self._table.name, columns, self._new_files, state)

    def _new_files(self) -> Iterator[pyarrow.Table]:
        run, options, refused, violated = self._attempt.run, self._options, [], False
        files = self._connection.read(self._table, Window(options.since, options.until), None if options.full else self._read)
        self._attempt.log.covers(self._table.name, options.since, options.until or run.began_at)
        if not files:
            run.notes.append(f"{self._connection.url} holds no file {self._table.pattern} yet")
        for file in files:
            if not self._wanted(file):
                continue
            try:
                rejected = self._validated(file)
            except (ContractViolated, OSError) as error:
                refused.append(f"{file.name}: {error if isinstance(error, ContractViolated) else first_line(error)}")
                violated |= isinstance(error, ContractViolated)
                continue
            self._attempt.quarantine.reject(self._table.name, rejected)
            self._attempt.quarantine.supersede(self._open.get(file.name, set()) - {row.id(self._table.name) for row in rejected})
            yield from self._scratch.batches("validated", ALL, FITS)
            self._read[file.name], self._lines[file.name] = file.version, self._count
        self._scratch.clear()
        if refused:
            failure = IngestError(
                "not landed: " + " ".join(refused),
                "A file is read again when it has changed. If nobody will fix it, move it away.",
            )
            (run.failures.add_violation if violated else run.failures.add)(self._table.name, failure)

    def _validated(self, file: File) -> list[RejectedRow]:
        """Stages the lines of a file that fit, and gives the others; raises ContractViolated when the file as a whole is not what was
        declared."""
        if self._table.full and not file.day:
            raise ContractViolated("its name has no date like 2026-01-31, which says from when on it holds.")
        with file.content() as content:
            header = self._header.check(content)
            names = self._header.own_names(header)
            rejected = self._stage(file, names, content)
            self._attempt.run.notes += notes(self._header, file, header, content, self._count)
        self._check_fits(rejected)
        self._check_size(file.name, self._count)
        return rejected

    def _stage(self, file: File, names: list[str], content: FileContent) -> list[RejectedRow]:
        self._scratch.clear()
        day = f"date {literal(file.day.isoformat())}" if file.day else "cast(null as date)"
        contract = line_contract(self._table, names, literal(file.name), day, {})
        rejected, last = [], 0
        self._count = 0
        for lines in content.lines(self._table.delimiter):
            self._count += lines.count
            if lines.rows.num_rows:
                self._scratch.read(contract, lines.rows.rename_columns([*names, "line_number"]))
            rejected += unparsed(file, lines)
            last = max([last, *lines.unparsed])
        if not content.ends_with_line_break and last == self._count > 0:
            raise ContractViolated("it breaks off in the middle of its last line.")
        return rejected + self._scratch.rejected()

    def _check_fits(self, rejected: list[RejectedRow]) -> None:
        """Raises ContractViolated when no line of a file fits."""
        if self._count and len(rejected) == self._count:
            why, count = Counter(row.reason for row in rejected).most_common(1)[0]
            raise ContractViolated(f"none of its {self._count} lines fits; in {count} of them: {why}.")

    def _check_size(self, name: str, lines: int) -> None:
        """Raises ContractViolated for a full file that lost much of what the file before it had."""
        earlier = [other for other in self._lines if other < name]
        if not earlier or not self._table.full or self._options.allow_deletes:
            return
        before = self._lines[max(earlier)]
        if has_shrunk(lines, before, self._table.min_retained_share):
            raise ContractViolated(
                f"it has {lines} lines, and the file before it had {before}.",
                if_right(self._attempt.run.source),
            )

    # Which files

    def _wanted(self, file: File) -> bool:
        options, is_known = self._options, self._read.get(file.name) == file.version
        if options.known and not is_known:
            return False
        if options.is_interval:
            is_inside = file.day is not None and options.covers(datetime.combine(file.day, time(), UTC))
            return is_inside and (options.known or not is_known or file.name not in self._held)
        return options.full or not is_known

    @cached_property
    def _held(self) -> set[str]:
        """The files of which raw has lines: a load can have been lost that the state still knows of."""
        raw, table = self._attempt.raw, self._table.name
        if not raw.has_rows(table):
            return set()
        return {name for (name,) in raw.session.rows(f"select distinct file_name from {raw.complete_rows(table)} as known")}

    @cached_property
    def _open(self) -> dict[str, set[str]]:
        """By file: the ids of its lines in quarantine."""
        found: dict[str, set[str]] = {}
        for row_id, record in self._attempt.quarantine.open_records(self._table.name):
            found.setdefault(json.loads(record)["file_name"], set()).add(row_id)
        return found
