"""A file, and each of its lines, under the contract of its table."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ingestion.connectors.base import File, FileContent, Lines
from ingestion.connectors.tables import TextTable
from ingestion.dlt_internals.pipeline import raw_name
from ingestion.errors import ContractViolated
from ingestion.landing.contract import Contract, likely_name, text_reasons
from ingestion.landing.quarantine import RejectedRow
from ingestion.sql import literal, quoted

DELIMITERS = ("|", ";", ",", "\t")


@dataclass(frozen=True)
class FileHeader:
    """What the first line of each file of a table must have."""

    table: TextTable
    module: str  # where the table is declared, for people

    def check(self, content: FileContent) -> list[str]:
        """The names in the file's first line; raises ContractViolated when it is not the header that was declared."""
        table = self.table
        if content.is_blank:
            raise ContractViolated("it is empty.")
        header = list(content.header(table.delimiter))
        wanted = self._wanted(header)
        missing = [column for column in wanted if column not in header]
        if "" in map(str.strip, header):
            raise ContractViolated("its header has a column without a name.")
        if len(set(header)) < len(header):
            raise ContractViolated("its header names a column twice.")
        if twins := _twins(self.own_names(header)):
            raise ContractViolated(f"its header has {' and '.join(twins)}, which are one name in raw.")
        if not missing:
            return header
        for other in DELIMITERS:
            if set(wanted) <= set(content.header(other)):
                raise ContractViolated(
                    f"its delimiter is {other!r}. If that is right, write delimiter={other!r} into {table.name} of {self.module}."
                )
        if len(missing) == len(wanted):
            raise ContractViolated("its first line is not a header with these columns.")
        raise ContractViolated(self._missing(header, wanted, missing))

    def undeclared(self, header: Sequence[str]) -> list[str]:
        """The additional columns: they are kept, with a note."""
        wanted = self._wanted(header)
        return [column for column in header if column not in wanted]

    def _wanted(self, header: Sequence[str]) -> list[str]:
        """The declared columns, by the names that this file may use for them."""
        return [column if column in header else self.table.renamed.get(column, column) for column in self.table.names]

    def _missing(self, header: list[str], wanted: list[str], missing: list[str]) -> str:
        new = [column for column in header if column not in wanted]
        message = f"its header has no {', '.join(missing)}."
        for column in missing:
            if now := likely_name(column, new, lambda other: True):
                renamed = json.dumps({**self.table.renamed, self.table.names[wanted.index(column)]: now}, ensure_ascii=False)
                message += f" If {column} is called {now} now, write renamed={renamed} into {self.table.name} of {self.module}."
        return message

    def own_names(self, header: Sequence[str]) -> list[str]:
        """The contract's names of a file's columns."""
        renamed = self.table.renamed.items()
        return [next((name for name, now in renamed if now == column and name not in header), column) for column in header]


def _twins(names: Sequence[str]) -> list[str]:
    """Names that are one in raw."""
    known: dict[str, str] = {}
    for name in names:
        if (first := known.setdefault(raw_name(name), name)) != name:
            return [first, name]
    return []


def line_contract(table: TextTable, columns: Sequence[str], file_name: str, file_date: str, carried: Mapping[str, str]) -> Contract:
    """What each line must be; `file_name` and `file_date` are SQL."""
    fields = ", ".join(f"{literal(name)}: {quoted(name)}" for name in columns)
    return Contract(
        values={
            **{name: quoted(name) for name in columns},
            "line_number": "line_number",
            "file_name": file_name,
            "file_date": file_date,
        },
        reasons=text_reasons(columns, table.fields),
        record=f"to_json({{'file_name': {file_name}, 'line_number': line_number, 'fields': {{{fields}}}}})",
        carried=carried,
    )


def unparsed(file: File, lines: Lines) -> list[RejectedRow]:
    """The lines that could not be taken apart, as quarantine keeps them."""
    return [
        RejectedRow(json.dumps({"file_name": file.name, "line_number": number, "line": line, "why": why}, ensure_ascii=False), why)
        for number, (line, why) in lines.unparsed.items()
    ]


def notes(header: FileHeader, file: File, names: Sequence[str], content: FileContent, count: int) -> Iterator[str]:
    """What people should know of a file that lands."""
    if extra := header.undeclared(names):
        yield f"{file.name} has columns that were not declared: {', '.join(extra)}"
    if not content.ends_with_line_break:
        yield f"{file.name} ends without a line break: if its last field is cut off, nobody can tell"
    if not count:
        yield f"{file.name} has no line but its header"
