"""JSON as it was said: every digit of its numbers, and nothing dropped. Numbers are int and Decimal."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import accumulate
from typing import Any

import simplejson

# A record that JSON columns can't hold as it was said is in quarantine as the text that was said, under this name.
AS_TEXT = "json_text"
HALF = "\ud800"  # half of a character, which no engine holds
# More levels are an attack or an error. Python's recursion ends at a thousand calls, of which a level takes two.
DEEPEST = 250
STEPS, NO_BRACKETS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff"), bytes(set(range(256)) - set(b"[{]}"))
# Python takes no integer of more digits from a text, and no decimal of a longer exponent.
MOST_DIGITS, MOST_OF_EXPONENT = 4_000, 10
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|NaN|-?Infinity|[\[\]{}]', re.DOTALL)


def parse(text: str) -> Any:
    """JSON, with every digit of its numbers, and nothing that it says dropped. What no engine holds is an `_Odd`."""
    if not _may_be_deep(text):
        with suppress(ValueError, ArithmeticError):  # what only the other way can take, or nobody
            return _parsed(text, _constant)
    kept, odd = _without_odd_parts(text)
    return _parsed(kept, lambda _: next(odd))


def _parsed(text: str, constant: Callable[[str], Any]) -> Any:
    return simplejson.loads(text, use_decimal=True, allow_nan=True, parse_constant=constant, object_pairs_hook=_object)


_ENCODER = simplejson.JSONEncoder(use_decimal=True, ensure_ascii=False, separators=(",", ":"))


def to_text(record: Any) -> str:
    """The record as JSON. It can't be encoded where `unstorable` says why."""
    text: str = _ENCODER.encode(record)
    return text


def unstorable(record: Any) -> str | None:
    """Why no JSON column of every engine holds the record as it was said; None when they do."""
    try:
        to_text(record).encode()
        return None
    except UnicodeEncodeError:
        return _odd(record) or "a string has half a character (a lone surrogate)"


def to_quarantine(record: Any) -> str:
    """The record as quarantine holds it: JSON that every engine can hold."""
    if isinstance(record, dict) and not unstorable(record):
        return to_text(record)
    return json.dumps({AS_TEXT: _written(record)})


def from_quarantine(record: str) -> Any:
    """The record that quarantine holds as `to_quarantine` wrote it."""
    said = parse(record)
    return parse(said[AS_TEXT]) if said.keys() == {AS_TEXT} else said


# What JSON should not hold, and some servers send: each carries half a character, so that its record can't be encoded, which
# is where `to_text` notices. To look at every value would cost more than to parse it.
class _Odd(str):
    """What can't be parsed, as it was said: `why` it can't."""

    why: str


def _odd_part(text: str, why: str) -> _Odd:
    odd = _Odd(text + HALF)
    odd.why = why
    return odd


class _Twice(dict[Any, Any]):
    """An object that names a field twice: `pairs` is what it said."""

    pairs: list[tuple[str, Any]]


def _constant(name: str) -> _Odd:
    """What replaces NaN and the like."""
    return _odd_part(name, f"a value is {name}, which JSON does not have")


def _may_be_deep(text: str) -> bool:
    """Whether there may be more than `DEEPEST` levels. Brackets in strings count too, as to tell them apart takes long."""
    steps = memoryview(text.encode("ascii", "replace").translate(STEPS, NO_BRACKETS)).cast("b")
    return max(accumulate(steps), default=0) > DEEPEST


def _without_odd_parts(text: str) -> tuple[str, Iterator[_Odd]]:
    """The text with a NaN in the place of each part that is not to be parsed: values that nest too deep, numbers that are too long.
    These parts in their order, with those that were NaN and the like before."""
    kept: list[str] = []
    odd: list[_Odd] = []
    depth = start = end = 0

    def cut(until: int, why: str) -> int:
        kept.extend((text[end:start], "NaN"))
        odd.append(_odd_part(text[start:until], why))
        return until

    for token in TOKEN.finditer(text):
        said = token[0]
        if said in "[{":
            depth += 1
            start = token.start() if depth == DEEPEST + 1 else start
        elif said in "]}":
            depth -= 1
            if depth == DEEPEST:
                end = cut(token.end(), f"a value has more than {DEEPEST} levels")
        elif depth <= DEEPEST and said[0] != '"':
            start = token.start()
            if said.endswith(("NaN", "Infinity")):
                odd.append(_constant(said))
            elif len(said) > MOST_DIGITS or len(said.lower().partition("e")[2]) > MOST_OF_EXPONENT:
                end = cut(token.end(), f"a number has {len(said)} digits")
    return "".join([*kept, text[end:]]), iter(odd)


def _object(pairs: list[tuple[str, Any]]) -> dict[Any, Any]:
    """An object of JSON; one that names a field twice remembers both."""
    found = dict(pairs)
    if len(found) < len(pairs):
        found = _Twice({**found, HALF: None})
        found.pairs = pairs
    return found


def _odd(value: Any) -> str | None:
    """What is not as JSON should be anywhere in this value."""
    if isinstance(value, _Odd):
        return value.why
    if isinstance(value, _Twice):
        names = Counter(name for name, _ in value.pairs)
        return f"an object names {names.most_common(1)[0][0]} twice"
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next(filter(None, map(_odd, inner)), None)


def _written(value: Any) -> str:
    """The JSON that gave this value, in ASCII."""
    if isinstance(value, dict):
        written = []  # a loop, as each level of a generator would be another of Python's recursion
        for name, inner in value.pairs if isinstance(value, _Twice) else value.items():
            written.append(f"{json.dumps(name)}:{_written(inner)}")
        return "{" + ",".join(written) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    return value.removesuffix(HALF) if isinstance(value, _Odd) else simplejson.dumps(value, use_decimal=True)
