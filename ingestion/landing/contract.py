"""What rows must be to land, whatever they come from: SQL of DuckDB over a relation of what was read.

A form of tables (`typed_rows`, `json_records`, `text_lines`) says how each column lands, and each reason why a row does not.
`landing.scratch_tables` puts rows to that test, those that are read and those that are replayed alike.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ingestion.connectors.tables import Field
from ingestion.landing import exact_types
from ingestion.sql import literal, quoted

REASON, RECORD = "why not", "as it was said"  # columns beside raw's own, which are hardly called that
BLANKS = "(' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || chr(160))"  # what the macro `clean_text` takes off


@dataclass(frozen=True)
class Contract:
    """`values` are SQL by raw's column: the value as it lands, anything where the row does not fit. Each of `reasons` is null for
    a row that fits. `record` is the row as JSON, whole, as quarantine keeps it. `relation` gives what they are said of, given the
    relation that was read; `carried` are columns that a row keeps until it lands, such as the time of its version."""

    values: Mapping[str, str]
    reasons: Sequence[str]
    record: str
    carried: Mapping[str, str]
    relation: Callable[[str], str] = lambda read: f"{read} as sent"

    def validated(self, read: str) -> str:
        """SQL: all rows of a relation, as they land, with the reason where one does not fit."""
        columns = {**self.values, **self.carried}
        values = ", ".join(f"{value} as {quoted(name)}" for name, value in columns.items())
        why = f"nullif(concat_ws('; ', {', '.join(self.reasons)}), '')" if self.reasons else "cast(null as varchar)"
        # The record is written for those rows alone that do not fit. The reasons are long: DuckDB should plan them once.
        record = f"case when {quoted(REASON)} is not null then {self.record} end"
        found = f"(select *, {why} as {quoted(REASON)} from {self.relation(read)}) as read"
        return f"select {values}, {quoted(REASON)}, {record} as {quoted(RECORD)} from {found}"


def text_reasons(columns: Iterable[str], fields: Iterable[Field]) -> list[str]:
    """SQL: why the texts of these columns do not fit, and those of fields among them."""
    nul = "has the character \\u0000, which PostgreSQL does not hold"
    return [
        *(f"case when contains({quoted(name)}, chr(0)) then {literal(f'{name} {nul}')} end" for name in columns),
        *(_text_reason(field) for field in fields if field.required or field.kind != "text"),
    ]


def _text_reason(field: Field) -> str:
    """Nearly all texts fit as they are, and need not be trimmed to see it."""
    name, text = quoted(field.name), f"trim({quoted(field.name)}, {BLANKS})"
    surely = f"ascii({name}) between 33 and 126"  # no blank
    if exact_types.is_kind(field.kind):
        surely = f"regexp_full_match({name}, {literal(exact_types.surely_fits(field.kind))})"
    blank = literal(f"{field.name} is blank") if field.required else "null"
    wrong = (
        f"when not ({fits(text, field.kind)}) then {literal(f'{field.name} is not a valid {field.kind}')} " if field.kind != "text" else ""
    )
    return f"case when {surely} then null when {text} = '' then {blank} {wrong}end"


def fits(text: str, kind: str) -> str:
    """SQL: whether a text is of a field's kind. A regular expression lets nearly all through before the dearer test: of a CASE
    DuckDB computes that for the others only, of an OR for all."""
    if not exact_types.is_kind(kind):
        return "true"
    return (
        f"case when regexp_full_match({text}, {literal(exact_types.surely_fits(kind))}) then true else {exact_types.fits(text, kind)} end"
    )


def likely_name(missing: str, new: Iterable[str], is_fit: Callable[[str], bool]) -> str | None:
    """The name that a missing field has now, if there is one new field beside it that it could be."""
    candidates = [name for name in sorted(new) if name.rpartition(".")[0] == missing.rpartition(".")[0] and is_fit(name)]
    alike = [name for name in candidates if missing.rpartition(".")[2].lower() in name.lower()]
    chosen: Sequence[str] = alike if len(alike) == 1 else candidates
    return chosen[0] if len(chosen) == 1 else None
