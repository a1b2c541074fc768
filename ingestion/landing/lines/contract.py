"""A file, and each of its lines, under the contract of its table."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow
from pyarrow import compute

from ingestion.connectors.base import File, FileContent, Lines
from ingestion.connectors.tables import TextTable
from ingestion.errors import ContractViolated
from ingestion.landing.contract import contract, likely_name
from ingestion.landing.quarantine import RejectedRow
from ingestion.warehouses import Session

DELIMITERS = ("|", ";", ",", "\t")
BLANKS = " \t\n\v\f\r\xa0"  # what the macro `clean_text` takes off


@dataclass(frozen=True)
class LineContract:
    """What each file of a table must have."""

    table: TextTable
    module: str  # where the table is declared, for people
    session: Session

    def check_header(self, content: FileContent) -> list[str]:
        """The names in the file's first line; raises ContractViolated when it is not the header that was declared."""
        table = self.table
        if content.is_blank:
            raise ContractViolated("it is empty.")
        header = list(content.header(table.delimiter))
        wanted = self._wanted(header)
        missing = [column for column in wanted if column not in header]
        if len(set(header)) < len(header):
            raise ContractViolated("its header names a column twice.")
        if not missing:
            return header
        for other in DELIMITERS:
            if set(wanted) <= set(content.header(other)):
                raise ContractViolated(
                    f"its delimiter is {other!r}. If that is right, write delimiter={other!r} into {table.name} of {self.module}."
                )
        if len(missing) == len(wanted):
            raise ContractViolated("its first line is no header with these columns.")
        raise ContractViolated(self._missing(header, wanted, missing))

    def undeclared(self, header: Sequence[str]) -> list[str]:
        """The columns too many: they are kept, and people are told."""
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

    def reasons(self, rows: pyarrow.Table) -> dict[int, list[str]]:
        """By position: why a line does not fit."""
        found: dict[int, list[str]] = {}
        for column in rows.column_names:
            if column != "line_number":
                for place in compute.indices_nonzero(compute.match_substring(rows[column], "\0")).to_pylist():
                    found.setdefault(place, []).append(f"{column} has the character \\u0000, which PostgreSQL does not hold")
        for field in contract(self.table.fields, self.session):
            texts = compute.utf8_trim(rows[field.name], BLANKS)
            for place in field.rejected_texts(texts):
                why = "is blank" if texts[place].as_py() == "" else f"is no {field.kind}"
                found.setdefault(place, []).append(f"{field.name} {why}")
        return dict(sorted(found.items()))

    def validated(self, file: File, header: Sequence[str], lines: Lines) -> tuple[pyarrow.Table, list[RejectedRow]]:
        """The lines of a file that fit, as they land, and the others; raises ContractViolated when none fits."""
        rows = lines.rows.rename_columns([*self.own_names(header), "line_number"])
        rejected = [_rejected(file.name, number, why, line=line, why=why) for number, (line, why) in lines.unparsed.items()]
        reasons = self.reasons(rows)
        for place, found in reasons.items():
            row = rows.slice(place, 1).to_pylist()[0]
            rejected.append(_rejected(file.name, row.pop("line_number"), "; ".join(found), fields=row))
        if lines.count and len(rejected) == lines.count:
            why, count = Counter(row.reason for row in rejected).most_common(1)[0]
            raise ContractViolated(f"none of its {lines.count} lines fits; in {count} of them: {why}.")
        fits = compute.invert(compute.is_in(pyarrow.array(range(len(rows))), pyarrow.array([*reasons], pyarrow.int64())))
        return as_landed(rows.filter(fits), file.name, file.day), rejected

    def why_not(self, record: Mapping[str, Any]) -> str | None:
        """Why a quarantined line does not fit; None when it does."""
        if "fields" not in record:
            return str(record["why"])
        line = pyarrow.table({name: [text] for name, text in record["fields"].items()})
        if missing := [name for name in self.table.names if name not in line.column_names]:
            return f"{missing[0]} is missing"
        return "; ".join(self.reasons(line).get(0, ())) or None


def as_landed(rows: pyarrow.Table, name: str, day: date | None) -> pyarrow.Table:
    """The lines with their file's name and date."""
    rows = rows.append_column("file_name", pyarrow.array([name] * len(rows), pyarrow.string()))
    return rows.append_column("file_date", pyarrow.array([day] * len(rows), pyarrow.date32()))


def _rejected(file: str, number: int, reason: str, **what: Any) -> RejectedRow:
    return RejectedRow(json.dumps({"file_name": file, "line_number": number, **what}, ensure_ascii=False), reason)


def notes(contract: LineContract, file: File, header: Sequence[str], lines: Lines) -> Iterator[str]:
    """What people should know of a file that lands."""
    if extra := contract.undeclared(header):
        yield f"{file.name} has columns that were not declared: {', '.join(extra)}"
    if not lines.ends_with_line_break:
        yield f"{file.name} ends without a line break: if its last field is cut off, nobody can tell"
    if not lines.count:
        yield f"{file.name} has no line but its header"
