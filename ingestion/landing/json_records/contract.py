"""What the records of a table must be: SQL of DuckDB over their JSON.

The fields make a tree, which is walked as a record is: an object that is missing is named once, not once a field below it, and
of a list the first element that does not fit.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ingestion.connectors.tables import Field, RecordTable
from ingestion.landing import exact_types
from ingestion.landing.contract import Contract, fits
from ingestion.landing.raw_tables import CHANGED_AT
from ingestion.sql import literal, quoted

# What a JSON value may be for a field of a kind; other kinds are decimals.
ALLOWED = {
    "text": ("text", "an integer", "a boolean"),  # engines spell a fraction in their own ways
    "integer": ("text", "an integer"),
    "date": ("text",),
    "timestamp": ("text",),
    "object": ("an object",),
    "list": ("a list",),
}
NUMBERS = ("text", "an integer", "a number")
NUL_REASON = literal("a string has the character \\u0000, which PostgreSQL does not hold")


class Value(NamedTuple):
    """A value of a record: SQL of its type, as DuckDB's JSON has it, and of its text; of its elements, where it is a list."""

    type: str
    text: str
    elements: str

    @property
    def kind(self) -> str:
        """SQL: what it is, for people. Fractions are marked, so other numbers are integers, be they large."""
        number = f"starts_with({self.text}, {exact_types.MARK})"
        return (
            f"case {self.type} when 'VARCHAR' then case when {number} then 'a number' else 'text' end when 'OBJECT' then 'an object' "
            f"when 'ARRAY' then 'a list' when 'BOOLEAN' then 'a boolean' when 'NULL' then 'null' else 'an integer' end"
        )


Look = Callable[[str], Value]  # the value at a JSON pointer


@dataclass
class Node:
    """A place in a record: what is declared of it, and of the places below it, by name: `lines[]` for those of a list's elements."""

    place: str = ""
    declared: list[Field] = field(default_factory=list)
    below: dict[str, "Node"] = field(default_factory=dict)

    def add(self, new: Field) -> None:
        node = self
        for name in new.name.split("."):
            node = node.below.setdefault(name, Node(f"{node.place}.{name}".lstrip(".")))
        node.declared.append(new)

    @property
    def is_required(self) -> bool:
        return any(declared.required for declared in self.declared) or any(node.is_required for node in self.below.values())


class _Record:
    """The values of a relation's record that a contract asks for, all taken out of its JSON at once."""

    def __init__(self, has_lists: bool) -> None:
        self._pointers: list[str] = []
        self._has_lists = has_lists

    def value(self, pointer: str) -> Value:
        if pointer not in self._pointers:
            self._pointers.append(pointer)
        number = self._pointers.index(pointer) + 1
        return Value(f"types[{number}]", f"texts[{number}]", f"json_extract(json_extract(marked, {literal(pointer)}), '$[*]')")

    def relation(self, read: str) -> str:
        pointers = f"[{', '.join(map(literal, self._pointers))}]" if self._pointers else "cast([] as varchar[])"
        # A fraction where no field is declared need not be looked at; of what is in lists the types are not known here.
        of_fields = f"list_contains(json_type(record, {pointers}), 'DOUBLE')"
        found = exact_types.has_fractions("record") if self._has_lists else of_fields
        marked = f"case when unstorable is not null then null when {found} then {exact_types.marked_fractions('record')} else record end"
        values = f"json_type(marked, {pointers}) as types, json_extract_string(marked, {pointers}) as texts"
        return f"(select *, {values} from (select *, {marked} as marked from {read}))"


def record_contract(table: RecordTable, now: str, carried: Mapping[str, str]) -> Contract:
    """The contract of a table's records, as `records.sent` gives them. A version holds from its cursor on, but never from later
    than `now`, which is SQL."""
    key = [Field(table.key)] if table.key else []
    root, record = Node(), _Record(any("[]" in one.name for one in table.fields))
    for declared in [*key, *(one for one in table.fields if one.name != table.key)]:
        root.add(declared)
    reasons = [*_below(root, record.value, "unstorable is null"), *_cursor_reasons(table, record)]
    found = record.value(_pointer(table.key)).text if table.key else "cast(null as varchar)"
    return Contract(
        values={"id": found, "updated_at": "updated_at", "record": "record"},
        reasons=["unstorable", *reasons, f"case when {exact_types.has_nul('record')} then {NUL_REASON} end"],
        record="coalesce(said, record)",
        carried={CHANGED_AT: f"least(coalesce(updated_at, {now}), {now})", **carried},
        relation=record.relation,
    )


def _cursor_reasons(table: RecordTable, record: _Record) -> Iterator[str]:
    """Why nobody can tell since when a record holds. Where the cursor is a field as well, what is wrong with that says it."""
    if not table.cursor:
        return
    cursor = record.value(_pointer(table.cursor))
    missing, wrong = (literal(f"{table.cursor} is {what}") for what in ("missing", "not a timestamp"))
    why = f"case when {cursor.type} is null then {missing} else {wrong} end"
    others = [reason for one in table.fields if one.name == table.cursor for reason in [_reason(one, cursor)]]
    silent = "".join(f" and {reason} is null" for reason in others)
    yield f"case when unstorable is null and updated_at is null{silent} then {why} end"


def _below(node: Node, value: Look, guard: str) -> Iterator[str]:
    """SQL: each reason why what is below a place does not fit, null unless the place is an object."""
    for name, child in node.below.items():
        found = value(_pointer(name.removesuffix("[]")))
        yield from (f"case when {guard} then {reason} end" for reason in _reasons(child, found, value, name))


def _reasons(node: Node, found: Value, value: Look, name: str) -> Iterator[str]:
    if name.endswith("[]"):
        yield _not_a(node, found, node.place.removesuffix("[]"), "ARRAY", "a list")
        yield from (_first_of(found.elements, reason, node.place) for reason in _of_element(node))
        return
    yield from (_reason(declared, found) for declared in node.declared)
    if node.below:
        yield _not_a(node, found, node.place, "OBJECT", "an object")
        prefix = _pointer(name)
        yield from _below(node, lambda pointer: value(prefix + pointer), f"{found.type} = 'OBJECT'")


def _of_element(node: Node) -> Iterator[str]:
    """SQL: the reasons of one element of a list, over its variable."""
    element = _variable(node.place)

    def value(pointer: str) -> Value:
        at = literal(pointer)
        text, elements = f"json_extract_string({element}, {at})", f"json_extract(json_extract({element}, {at}), '$[*]')"
        return Value(f"json_type({element}, {at})", text, elements)

    itself = Value(f"json_type({element})", f"json_extract_string({element}, '$')", f"json_extract({element}, '$[*]')")
    yield from (_reason(declared, itself) for declared in node.declared)
    if node.below:
        yield _not_a(node, itself, node.place, "OBJECT", "an object")
        yield from _below(node, value, f"{itself.type} = 'OBJECT'")


def _first_of(elements: str, reason: str, place: str) -> str:
    """SQL: the first of these reasons that there is in a list's elements."""
    return f"list_filter(list_transform({elements}, lambda {_variable(place)}: {reason}), lambda why: why is not null)[1]"


def _variable(place: str) -> str:
    return quoted(f"element of {place}")


def _not_a(node: Node, found: Value, place: str, kind: str, called: str) -> str:
    """SQL: why a place is not an object, or a list."""
    missing, null = (literal(f"{place} {what}") for what in ("is missing", f"is null, not {called}"))
    absent = f"when {found.type} is null then {missing} when {found.type} = 'NULL' then {null} " if node.is_required else ""
    is_fine = f"{found.type} = '{kind}'" + ("" if node.is_required else f" or {found.type} is null or {found.type} = 'NULL'")
    return f"case when {is_fine} then null {absent}else {literal(f'{place} is ')} || ({found.kind}) || {literal(f', not {called}')} end"


def _reason(declared: Field, found: Value) -> str:
    """SQL: why a value does not fit; null when it does. Most do, and are asked no more than that."""
    name, kind = declared.name, declared.kind
    missing, null = (literal(f"{name} is {what}") if declared.required else "null" for what in ("missing", "null"))
    fit = ""
    if exact_types.is_kind(kind):
        fit = f"when {found.type} = 'VARCHAR' and regexp_full_match({found.text}, {literal(exact_types.surely_fits(kind))}) then null "
    allowed = ", ".join(map(literal, ALLOWED.get(kind, NUMBERS)))
    an = f"an {kind}" if kind[0] in "aeiou" else kind if kind == "text" else f"a {kind}"
    text = f"ltrim({found.text}, {exact_types.MARK})"
    digits = literal(f"{name} is a number of more digits than DuckDB keeps in JSON; as a string it would land")
    unlike = literal(f"{name} is ") + f" || ({found.kind}) || " + literal(f" that is not {an}")
    that = f"case ({found.kind}) when {literal(an)} then {literal(f'{name} is {an} out of range')} else {unlike} end"
    return (
        f"case {fit}when {found.type} is null then {missing} when {found.type} = 'NULL' then {null} "
        f"when ({found.kind}) not in ({allowed}) then {literal(f'{name} is ')} || ({found.kind}) || {literal(f', not {an}')} "
        f"when case when starts_with({found.text}, {exact_types.MARK}) then not {exact_types.is_kept_by_json(text)} else false end "
        f"then {digits} "
        f"when not {fits(text, kind)} then {that} end"
    )


def _pointer(place: str) -> str:
    """The JSON pointer of names that lead through objects."""
    return "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in place.split("."))


def fields_below(structures: Iterable[object], prefix: str = "") -> Iterator[str]:
    """The names of all fields in what DuckDB's `json_structure` says: `amount.value`, `lines[].amount`."""
    for structure in structures:
        if isinstance(structure, dict):
            for key, inner in structure.items():
                yield prefix + key
                yield from fields_below([inner], f"{prefix}{key}.")
                if isinstance(inner, list):
                    yield from fields_below(inner, f"{prefix}{key}[].")
