"""Which texts a type holds exactly, as SQL for DuckDB: the one place that knows.

There are two vocabularies. The *types* of raw's columns (BIGINT, DECIMAL(12,2), TIMESTAMP …) are for values of databases: a
text fits when the column's own text of it says the same, as DuckDB's casts alone would round 1.239 to 1.24, take 017 for 17,
and forget the BC of a date. The *kinds* of fields (integer, decimal(12, 2), timestamp …) are for texts that stay texts in raw:
one fits when the macro of staging that casts it (`safe_integer`, `safe_decimal`, `safe_date`, `safe_timestamp`) loses nothing.
So what fits here is exact in staging, and is never a null there.
"""

import re

from ingestion.connectors.base import UNDECODED

DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
HOUR = "[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?"
ZONE = "(Z|[+-][0-9]{2}(:?[0-9]{2}){0,2})"
# What a text must look like; digits, days and hours are checked by the cast.
GRAMMAR = {
    "BIGINT": "-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?",
    "BOOLEAN": "true|false",
    "DATE": DAY,
    "TIME": HOUR,
    "TIMESTAMP": f"{DAY}[T ]{HOUR}",
    "TIMESTAMP WITH TIME ZONE": f"{DAY}[T ]{HOUR}{ZONE}",
    "BLOB": r"\\x([0-9a-f]{2})*",
}
GRAMMAR["DOUBLE"] = f"-?Infinity|NaN|{GRAMMAR['BIGINT']}"
# JSON that no server's text can take: an escaped NUL, after an even number of backslashes.
NUL = r"(^|[^\\])(\\\\)*\\u0000"
# Beyond these DuckDB has times (infinity too) and servers none; ADBC would make other times of them, in silence.
FIRST, END = "0001-01-01", "10000-01-01"


def is_number(kind: str) -> bool:
    """Is it a type of numbers?"""
    return kind in ("BIGINT", "DOUBLE") or kind.startswith("DECIMAL")


def is_time(kind: str) -> bool:
    """Is it a type of dates or timestamps?"""
    return kind.startswith(("DATE", "TIMESTAMP"))


def value(text: str, kind: str) -> str:
    """The value of a text, where it fits; anything elsewhere."""
    if kind == "BLOB":
        return f"case when {_looks_like(text, 'BLOB')} then unhex(substr({text}, 3)) end"
    return f"try_cast({text} as {kind})"


def fits(text: str, kind: str) -> str:
    """Whether this type or kind holds exactly what the text says: true or false, also of null."""
    if kind == "VARCHAR":
        return f"not coalesce(starts_with({text}, '{UNDECODED}'), false)"
    if is_kind(kind):
        return f"coalesce({_fits_kind(text, kind)}, false)"
    cast, checks = value(text, kind), []
    if kind != "JSON":
        checks.append(_looks_like(text, "BIGINT" if kind.startswith("DECIMAL") else kind))
    if is_number(kind):
        checks.append(f"({_digits(text)} = {_digits(f'cast({cast} as varchar)')} or {text} in ('NaN', 'Infinity', '-Infinity'))")
        if kind != "DOUBLE":
            checks.append(f"not ({cast} = 0 and starts_with({text}, '-'))")
    return f"coalesce({' and '.join([*checks, f'{cast} is not null', *_limits(cast, kind)])}, false)"


def checked(sql: str, kind: str) -> str:
    """The value of this SQL as a column of this type has it; DuckDB fails on what does not fit. For values that the source holds
    in a type of the same name."""
    cast = f"cast({sql} as {kind})"
    limits = _limits(cast, kind)
    if not limits:
        return cast
    return f"case when {sql} is null or ({' and '.join(limits)}) then {cast} else error('Conversion Error: {_escaped(sql)}') end"


def described(kind: str) -> str:
    """The type, for people, with what else a value must be."""
    if is_time(kind):
        return f"{kind} of the years 1 to 9999"
    more = {"VARCHAR": "text in the source's encoding", "JSON": r"JSON of strings without \u0000", "TIME": "TIME before 24:00"}
    return more.get(kind, kind)


def _limits(cast: str, kind: str) -> list[str]:
    """What values of this type can be in DuckDB, and in no server."""
    if is_time(kind):
        return [f"{cast} >= cast('{FIRST}' as {kind})", f"{cast} < cast('{END}' as {kind})"]
    if kind == "TIME":
        return [f"{cast} < time '24:00:00'"]
    if kind == "JSON":
        return [f"not {has_nul(f'cast({cast} as varchar)')}"]
    return []


# Fractions in JSON. DuckDB's JSON has them as doubles, so the digits that were said can't be asked of it.
MARK = "chr(1)"
_STRING, _FRACTION = r'("(?:[^"\\]|\\.)*")', r"([:,\[])(-?[0-9]+(?:[.][0-9]+(?:[eE][+-]?[0-9]+)?|[eE][+-]?[0-9]+))"


def has_fractions(json: str) -> str:
    """SQL: whether there may be a fraction in JSON without blanks."""
    return f"regexp_matches({json}, '[:,\\[]-?[0-9]+[.eE]')"


def marked_fractions(json: str) -> str:
    """SQL: JSON without blanks, its fractions as strings of their digits behind a MARK. What is in strings stays as it is: they are
    matched first, whole. JSON holds no control characters, so they can stand for the quotes until it is clear which are needed."""
    marked = f"regexp_replace({json}, '{_STRING}|{_FRACTION}', '\\1\\2' || chr(2) || '\\3' || chr(3), 'g')"
    return f"""replace(replace(replace({marked}, chr(2) || chr(3), ''), chr(2), '"\\u0001'), chr(3), '"')"""


def is_kept_by_json(number: str) -> str:
    """SQL: whether DuckDB's JSON has a fraction as it was said: it is a double there."""
    return f"coalesce({_digits(number)} = {_digits(f'cast(try_cast({number} as double) as varchar)')}, false)"


def has_nul(json: str) -> str:
    """SQL: whether a string in this JSON has an escaped NUL. Most documents hold no such thing, and the pattern need not be tried
    on them."""
    return f"case when contains({json}, chr(92) || 'u0000') then regexp_matches({json}, '{NUL}') else false end"


def _looks_like(text: str, kind: str) -> str:
    return f"regexp_full_match({text}, '{GRAMMAR[kind]}')"


def _digits(text: str) -> str:
    """The digits of a number without the zeros around them: equal before and after a cast when it changed nothing,
    however either is written, since no cast makes ten times as much."""
    return f"trim(regexp_replace({text}, '[eE].*|[-.]', '', 'g'), '0')"


def _escaped(text: str) -> str:
    return text.replace("'", "''")


def precision(kind: str) -> tuple[int, int] | None:
    """Digits, and those of them after the point, of DECIMAL(12,2)."""
    found = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", kind)
    return (int(found[1]), int(found[2])) if found else None


def takes_all(held: str, kind: str) -> bool:
    """Whether a raw column of type `held` holds every value of the other type exactly."""
    if held == "VARCHAR":
        return True
    held_digits, digits = precision(held), (19, 0) if kind == "BIGINT" else precision(kind)
    if not held_digits or not digits:
        return False
    return held_digits[1] >= digits[1] and held_digits[0] - held_digits[1] >= digits[0] - digits[1]


# Kinds of fields

KIND_DAY = "[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}"
KIND_TIME = "[T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,6})?"
OFFSET = "((0[0-9]|1[0-3])(:[0-5][0-9])?|14(:00)?)"
NUMBER = "-?[0-9]{1,38}([.][0-9]{1,38})?([eE][+-]?[0-9]{1,2})?"
# All days but the 29th of February, before the year 9000.
SURE_DAY = "[1-8][0-9]{3}-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)"
# What fits whatever else is true: nearly all values there are, so that the others alone are put to the test.
SURELY = {
    "integer": "-?[0-9]{1,18}",
    "date": SURE_DAY,
    "timestamp": f"{SURE_DAY}{KIND_TIME}(Z|[+-]{OFFSET})",
}


def is_kind(kind: str) -> bool:
    """Whether it is a kind of field, not a type of a column."""
    return kind in SURELY or kind.startswith("decimal(")


def surely_fits(kind: str) -> str:
    """A regular expression of texts that fit a kind."""
    if kind in SURELY:
        return SURELY[kind]
    whole, places = size(kind)[0] - size(kind)[1], size(kind)[1]
    if not whole:
        return "0"
    return f"-?[0-9]{{1,{whole}}}" + (f"([.][0-9]{{1,{places}}}0{{0,{38 - places}}})?" if places else "")


def size(kind: str) -> tuple[int, int]:
    """Precision and scale of decimal(12, 2)."""
    found = re.fullmatch(r"decimal\((\d+), *(\d+)\)", kind)
    if not found:
        raise ValueError(f"{kind} is not a kind of field")
    return int(found[1]), int(found[2])


def _fits_kind(text: str, kind: str) -> str:
    if kind == "integer":
        number = f"try_cast({text} as hugeint)"
        return f"regexp_full_match({text}, '-?[0-9]{{1,19}}') and {number} between -9223372036854775808 and 9223372036854775807"
    if kind == "date":
        return f"regexp_full_match({text}, '{KIND_DAY}') and try_cast({text} as date) is not null"
    if kind == "timestamp":
        # BigQuery ends with the year 9999, so the macro takes none of its timestamps from the west.
        west = f"regexp_full_match({text}, '{KIND_DAY}{KIND_TIME}-{OFFSET}') and not starts_with({text}, '9999')"
        utc_or_east = f"regexp_full_match({text}, '{KIND_DAY}{KIND_TIME}(Z|[+]{OFFSET})')"
        return f"(({west}) or {utc_or_east}) and try_cast(left({text}, 10) as date) is not null"
    return _fits_decimal(text, *size(kind))


def _fits_decimal(text: str, digits: int, places: int) -> str:
    """By the digits themselves, as the text may have more than any type of DuckDB holds: 1.50e3 has the digits 15, and two zeros
    behind them."""
    fraction = f"regexp_extract({text}, '[.]([0-9]+)', 1)"
    power = f"coalesce(try_cast(nullif(regexp_extract({text}, '[eE][+]?(-?[0-9]+)$', 1), '') as integer), 0)"
    all_digits = f"(regexp_extract({text}, '^-?([0-9]+)', 1) || {fraction})"
    zeros = f"({power} - length({fraction}) + length({all_digits}) - length(rtrim({all_digits}, '0')))"
    kept = f"trim({all_digits}, '0')"
    is_zero = f"{kept} = ''" if digits > places else f"{text} = '0'"
    is_short = f"{kept} <> '' and -{zeros} <= {places} and length({kept}) + {zeros} <= {digits - places}"
    return f"regexp_full_match({text}, '{NUMBER}') and ({is_zero} or {is_short})"
