"""What a row of a source must be to land: its fields, each of a kind.

A kind is what staging will cast the field's text to, and takes the same text as the macro that does it (`safe_integer`,
`safe_decimal`, `safe_date`, `safe_instant`), as far as the cast changes nothing. So what fits here is exact in staging, and is
never a null there. What does not fit goes to quarantine, whole.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

import pyarrow
from pyarrow import compute

from ingestion.errors import IngestError

DAY = "[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}"
OFFSET = "((0[0-9]|1[0-3])(:[0-5][0-9])?|14(:00)?)"
TIME = "[T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,6})?"
NUMBER = "-?[0-9]{1,38}([.][0-9]{1,38})?([eE][+-]?[0-9]{1,2})?"
EVERY_MONTHS_DAY = "[1-8][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"


class Broken(IngestError):
    """A source no longer fulfils a table's contract: nothing that it sends can be taken for what was agreed."""


@dataclass(frozen=True)
class Field:
    """A field that models read. `kind` is text, integer, decimal(precision, scale), date or instant, in an API's records
    also object or list. In an API's records a name may lead into objects and lists: `amount.value`, `lines[].amount`.
    A row without a required field, or with a null or a blank in it, goes to quarantine."""

    name: str
    kind: str = "text"
    required: bool = True

    @cached_property
    def fast(self) -> "re.Pattern[str]":
        """What fits whatever else is true: nearly all values there are. The others are looked at one by one."""
        if self.kind.startswith("decimal"):
            whole, places = self.size[0] - self.size[1], self.size[1]
            return re.compile(f"-?[0-9]{{1,{whole}}}([.][0-9]{{1,{places}}})?" if whole and places else "-?[0-9]" if whole else "0")
        return re.compile(
            {"integer": "-?[0-9]{1,18}", "date": EVERY_MONTHS_DAY, "instant": f"{EVERY_MONTHS_DAY}{TIME}(Z|[+]{OFFSET})"}[self.kind]
        )

    @cached_property
    def size(self) -> tuple[int, int]:
        """Precision and scale of a decimal."""
        precision, scale = re.fullmatch(r"decimal\((\d+), *(\d+)\)", self.kind).groups()
        return int(precision), int(scale)

    def takes(self, text: str) -> bool:
        """Whether this text is of the field's kind, with nothing lost."""
        if self.kind == "text" or self.fast.fullmatch(text):
            return True
        if self.kind == "integer":
            return bool(re.fullmatch("-?[0-9]{1,19}", text)) and -(2**63) <= int(text) < 2**63
        if self.kind == "date":
            return bool(re.fullmatch(DAY, text)) and _in_calendar(text)
        if self.kind == "instant":
            # BigQuery ends with the year 9999, so the macro takes none of its instants from the west.
            west = re.fullmatch(f"{DAY}{TIME}-{OFFSET}", text) and not text.startswith("9999")
            return bool(west or re.fullmatch(f"{DAY}{TIME}(Z|[+]{OFFSET})", text)) and _in_calendar(text[:10])
        return bool(re.fullmatch(NUMBER, text)) and _fits(Decimal(text), *self.size)

    @cached_property
    def steps(self) -> list[tuple[str, bool, str]]:
        """The way into a record: each name, whether it goes on in every element of a list, and the name of the place."""
        names = self.name.split(".")
        return [(name.removesuffix("[]"), name.endswith("[]"), ".".join(names[:n])) for n, name in enumerate(names, 1)]

    def misfit(self, record: dict[str, Any], depth: int = 0) -> tuple[str, str] | None:
        """Where and why a record does not fit; None when it does. Numbers are int and Decimal."""
        value: Any = record
        for n, (name, each, place) in enumerate(self.steps[depth:], depth):
            if not isinstance(value, dict):
                if value is None and not self.required:
                    return None
                above = self.steps[n - 1][2]
                return above, f"{above} is {_a(_json_kind(value))}, not an object"
            if name not in value:
                place = place.removesuffix("[]")
                return (place, f"{place} is missing") if self.required else None
            value = value[name]
            if each and isinstance(value, list):
                return next(filter(None, (self.misfit(element, n + 1) for element in value)), None)
            if each and (value is not None or self.required):
                place = place.removesuffix("[]")
                return place, f"{place} is {_a(_json_kind(value))}, not a list"
        why = self.wrong(value)
        return (self.name, why) if why else None

    def wrong(self, value: Any) -> str | None:
        """Why this JSON value is not of the field's kind; None when it is."""
        if value is None:
            return f"{self.name} is null" if self.required else None
        found = _json_kind(value)
        if self.kind in ("object", "list"):
            return None if found == self.kind else f"{self.name} is {_a(found)}, not {_a(self.kind)}"
        allowed = {
            "text": ("text", "integer", "boolean"),  # engines spell a fraction in their own ways
            "integer": ("text", "integer"),
            "date": ("text",),
            "instant": ("text",),
        }.get(self.kind, ("text", "integer", "number"))
        if found not in allowed:
            return f"{self.name} is {_a(found)}, not {_a(self.kind)}"
        if found == "number" and Decimal(repr(float(value))) != value:
            return f"{self.name} is a number of more digits than DuckDB keeps in JSON; as a string it would land"
        return None if self.takes(str(value)) else f"{self.name} is {found} that is no {self.kind}"

    def misfits(self, texts: pyarrow.ChunkedArray) -> list[int]:
        """The positions of the texts, none of them null, that are not of the field's kind; blank ones are, unless the field is
        required."""
        blank = compute.equal(texts, "")
        if self.kind == "text":
            return _places(blank) if self.required else []
        doubtful = _places(compute.invert(compute.match_substring_regex(texts, f"^({self.fast.pattern})$")))
        values = texts.take(pyarrow.array(doubtful, pyarrow.int64())).to_pylist()
        return [place for place, text in zip(doubtful, values, strict=True) if (self.required if text == "" else not self.takes(text))]


class Quarantined(NamedTuple):
    """A row of `quarantine`, as `replay` of a source takes it."""

    row_id: str
    record: str
    changed_at: Any
    load_id: str
    is_open: bool = True  # False: a later version of its key has landed


def likely_name(missing: str, new: Iterable[str], fits: Callable[[str], bool]) -> str | None:
    """The name that a missing field has now, if there is one new field beside it that it could be."""
    candidates = [name for name in sorted(new) if name.rpartition(".")[0] == missing.rpartition(".")[0] and fits(name)]
    alike = [name for name in candidates if missing.rpartition(".")[2].lower() in name.lower()]
    chosen = alike if len(alike) == 1 else candidates
    return chosen[0] if len(chosen) == 1 else None


def _a(kind: str) -> str:
    return kind if kind in ("text", "null") else f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _json_kind(value: Any) -> str:
    """What a parsed JSON value is; bool before int, as it is one for Python."""
    for kind, name in ((bool, "boolean"), (int, "integer"), (Decimal, "number"), (str, "text"), (dict, "object"), (list, "list")):
        if isinstance(value, kind):
            return name
    return "null"


def _fits(number: Decimal, precision: int, scale: int) -> bool:
    """Whether a decimal of this size holds the number exactly."""
    digits, exponent = number.normalize().as_tuple()[1:] if number else ((0,), 0)
    return -exponent <= scale and len(digits) + exponent <= precision - scale


def _in_calendar(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


def _places(mask: Any) -> list[int]:
    return compute.indices_nonzero(mask).to_pylist()
