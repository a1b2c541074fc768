"""JSON as it was said: every digit of its numbers, and nothing dropped. Numbers are int and Decimal."""

import json
from collections import Counter
from typing import Any

import simplejson

# A record that JSON columns can't hold as it was said is in quarantine as the text that was said, under this name.
AS_TEXT = "json_text"
HALF = "\ud800"  # half of a character, which no engine holds


def parse(text: str) -> Any:
    """JSON, with every digit of its numbers, and nothing that it says dropped."""
    return simplejson.loads(text, use_decimal=True, allow_nan=True, parse_constant=_constant, object_pairs_hook=_object)


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
class _Constant(str):
    """NaN and its like."""


class _Twice(dict[Any, Any]):
    """An object that names a field twice: `pairs` is what it said."""

    pairs: list[tuple[str, Any]]


def _constant(name: str) -> _Constant:
    """The text that replaces NaN and the like."""
    return _Constant(name + HALF)


def _object(pairs: list[tuple[str, Any]]) -> dict[Any, Any]:
    """An object of JSON; one that names a field twice remembers both."""
    found = dict(pairs)
    if len(found) < len(pairs):
        found = _Twice({**found, HALF: None})
        found.pairs = pairs
    return found


def _odd(value: Any) -> str | None:
    """What is not as JSON should be anywhere in this value."""
    if isinstance(value, _Constant):
        return f"a value is {value.removesuffix(HALF)}, which JSON does not have"
    if isinstance(value, _Twice):
        names = Counter(name for name, _ in value.pairs)
        return f"an object names {names.most_common(1)[0][0]} twice"
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next(filter(None, map(_odd, inner)), None)


def _written(value: Any) -> str:
    """The JSON that gave this value, in ASCII."""
    if isinstance(value, dict):
        pairs = value.pairs if isinstance(value, _Twice) else value.items()
        return "{" + ",".join(f"{json.dumps(name)}:{_written(inner)}" for name, inner in pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    return value.removesuffix(HALF) if isinstance(value, _Constant) else simplejson.dumps(value, use_decimal=True)
