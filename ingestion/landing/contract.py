"""What a record or a line must be to land: its fields, each of a kind. What does not fit goes to quarantine, whole.

The kinds are `ingestion.landing.exact`'s, in DuckDB; a regular expression lets nearly all values through without asking it.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any

import pyarrow
from pyarrow import compute

from ingestion.connectors.tables import Field
from ingestion.landing import exact
from ingestion.warehouses import Session

# What a JSON value may be for a field of a kind; other kinds are decimals.
ALLOWED = {
    "text": ("text", "integer", "boolean"),  # engines spell a fraction in their own ways
    "integer": ("text", "integer"),
    "date": ("text",),
    "timestamp": ("text",),
    "object": ("object",),
    "list": ("list",),
}
NUMBERS = ("text", "integer", "number")
REMEMBERED = 10_000  # texts of a field that were put to the test one by one


class FieldContract:
    """One field, and the warehouse in whose scratch database its texts are put to the test."""

    def __init__(self, field: Field, session: Session) -> None:
        self._session = session
        self.name, self.kind, self.required = field.name, field.kind, field.required
        self._fits = lru_cache(REMEMBERED)(self._fits_alone)
        names = self.name.split(".")
        # The way into a record: each name, whether it goes on in every element of a list, and the name of the place.
        self._steps = [(name.removesuffix("[]"), name.endswith("[]"), ".".join(names[:n])) for n, name in enumerate(names, 1)]

    @cached_property
    def _surely_fits(self) -> "re.Pattern[str]":
        return re.compile(exact.surely_fits(self.kind))

    def _misfits(self, texts: pyarrow.Array) -> list[int]:
        """The positions of the texts that are not of the field's kind, in DuckDB."""
        con = self._session.scratch  # which a server has only when it is needed
        places = pyarrow.array(range(len(texts)), pyarrow.int64())
        con.register("texts_to_validate", pyarrow.table({"place": places, "text": texts}))
        try:
            misfits = f"select place from texts_to_validate where not {exact.fits('text', self.kind)} order by place"
            return [place for (place,) in con.execute(misfits).fetchall()]
        finally:
            con.unregister("texts_to_validate")

    def _fits_alone(self, text: str) -> bool:
        try:
            return not self._misfits(pyarrow.array([text], pyarrow.string()))
        except UnicodeEncodeError:  # half a character, which is in no number and no date
            return False

    # Texts of files

    def rejected_texts(self, texts: pyarrow.ChunkedArray) -> list[int]:
        """The positions of the texts, none of them null, that are not of the field's kind; blank ones are, unless the field is
        required."""
        blank = compute.equal(texts, "")
        rejected = _places(blank) if self.required else []
        if self.kind == "text":
            return rejected
        sure = compute.match_substring_regex(texts, f"^({self._surely_fits.pattern})$")
        doubtful = _places(compute.invert(compute.or_(sure, blank)))
        if doubtful:
            found = self._misfits(texts.take(pyarrow.array(doubtful, pyarrow.int64())).combine_chunks())
            rejected = sorted([*rejected, *(doubtful[at] for at in found)])
        return rejected

    # Values of JSON

    def rejected_in(self, record: Any, depth: int = 0) -> tuple[str, str] | None:
        """Where and why a record does not fit; None when it does. Numbers are int and Decimal."""
        value: Any = record
        for n, (name, each, place) in enumerate(self._steps[depth:], depth):
            if not isinstance(value, dict):
                if value is None and not self.required:
                    return None
                above = self._steps[n - 1][2]
                return above, f"{above} is {_a(_json_kind(value))}, not an object"
            if name not in value:
                place = place.removesuffix("[]")
                return (place, f"{place} is missing") if self.required else None
            value = value[name]
            if each and isinstance(value, list):
                return next(filter(None, (self.rejected_in(element, n + 1) for element in value)), None)
            if each and (value is not None or self.required):
                place = place.removesuffix("[]")
                return place, f"{place} is {_a(_json_kind(value))}, not a list"
        why = self._rejected_value(value)
        return (self.name, why) if why else None

    def _rejected_value(self, value: Any) -> str | None:
        """Why this JSON value is not of the field's kind; None when it is."""
        if value is None:
            return f"{self.name} is null" if self.required else None
        found = _json_kind(value)
        if found not in ALLOWED.get(self.kind, NUMBERS):
            return f"{self.name} is {_a(found)}, not {_a(self.kind)}"
        if found == "number" and Decimal(repr(float(value))) != value:
            return f"{self.name} is a number of more digits than DuckDB keeps in JSON; as a string it would land"
        if self._takes(value):
            return None
        return f"{self.name} is {_a(found)} {'out of range' if found == self.kind else f'that is not {_a(self.kind)}'}"

    def _takes(self, value: Any) -> bool:
        if self.kind in ("text", "object", "list") or self._surely_fits.fullmatch(str(value)):
            return True
        return self._fits(str(value))


def contract(fields: Iterable[Field], session: Session) -> list[FieldContract]:
    """The fields under their contract."""
    return [FieldContract(field, session) for field in fields]


def likely_name(missing: str, new: Iterable[str], fits: Callable[[str], bool]) -> str | None:
    """The name that a missing field has now, if there is one new field beside it that it could be."""
    candidates = [name for name in sorted(new) if name.rpartition(".")[0] == missing.rpartition(".")[0] and fits(name)]
    alike = [name for name in candidates if missing.rpartition(".")[2].lower() in name.lower()]
    chosen: Sequence[str] = alike if len(alike) == 1 else candidates
    return chosen[0] if len(chosen) == 1 else None


def _a(kind: str) -> str:
    return kind if kind in ("text", "null") else f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _json_kind(value: Any) -> str:
    """What a parsed JSON value is; bool before int, as it is one for Python."""
    for kind, name in ((bool, "boolean"), (int, "integer"), (Decimal, "number"), (str, "text"), (dict, "object"), (list, "list")):
        if isinstance(value, kind):
            return name
    return "null"


def _places(mask: Any) -> list[int]:
    found: list[int] = compute.indices_nonzero(mask).to_pylist()
    return found
