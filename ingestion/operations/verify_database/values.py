"""Plain texts (see `source`) of what raw holds, as SQL of DuckDB; and whether two plain texts are one value."""

import json
import math
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from ingestion.operations.verify_database.source import Family
from ingestion.sql import quoted

WIDEST_SUM = 35  # digits: what a range of wider numbers comes to may have more than DuckDB's 38
PLACE = '"place in the range"'  # the column that numbers the rows of a range
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def can_be_summed(family: Family, kind: str) -> bool:
    """Whether the values of a raw column of this type have a sum that is exact."""
    if family is not Family.NUMBER:
        return False
    return kind == "BIGINT" or (kind.startswith("DECIMAL(") and int(kind[8:].partition(",")[0]) <= WIDEST_SUM)


def plain(name: str, family: Family, kind: str) -> str:
    """SQL: the plain text of a raw value, given what it is at the source, and the type that raw has it in."""
    text = f"cast({name} as varchar)"
    match family:
        case Family.NUMBER:
            return f"case when contains({text}, '.') then rtrim(rtrim({text}, '0'), '.') else {text} end"
        case Family.TIME if kind in ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"):
            return f"cast(epoch_us({f'cast({name} as timestamp)' if kind == 'DATE' else name}) as varchar)"
        case Family.TIME:
            return f"coalesce(cast(epoch_us(try_cast({text} as timestamptz)) as varchar), {text})"
        case Family.BYTES:
            return f"lower(hex({name}))" if kind == "BLOB" else f"regexp_replace({text}, '^\\\\x', '')"
        case _:
            return text


def figures(name: str, family: Family, kind: str) -> list[str]:
    """SQL: what is compared of a column of a range, as the source's server computes it: see `postgres`."""
    is_summed, value = can_be_summed(family, kind), quoted(name)
    ends = [plain(f"{end}({value})", family, kind) for end in ("min", "max")] if is_summed or family is Family.TIME else []
    sums = [plain(f"sum({value})", family, kind)] if is_summed else []
    placed = f"{PLACE} || ':' || {plain(value, family, kind)}"
    return [f"cast(count({value}) as varchar)", *sums, *ends, f"cast(sum({hash_of(placed)}) as varchar)"]


def hash_of(text: str) -> str:
    """SQL: a number of 60 bits."""
    return f"cast('0x' || left(md5({text}), 15) as bigint)"


def own_value(text: str, family: Family, kind: str) -> str:
    """SQL: the value in raw's type of a text as the source writes it."""
    if kind == "BLOB":
        return f"unhex(substr({text}, 3))" if family is Family.BYTES else f"encode({text})"
    return f"try_cast({text} as {kind})"


def are_equal(at_source: str | None, in_raw: str | None, family: Family) -> bool:
    """Whether two plain texts are one value. Different ways to write it count where a column has changed its type, and raw keeps
    another than the source."""
    if at_source == in_raw or at_source is None or in_raw is None:
        return at_source == in_raw
    readers: dict[Family, tuple[Any, ...]] = {
        Family.FLOAT: (_float,),
        Family.NUMBER: (_number,),
        Family.TIME: (_time,),
        Family.JSON: (_json,),
        Family.BYTES: (),
        Family.TEXT: (_number, _time),
    }
    for read in readers[family]:
        with suppress(ValueError, InvalidOperation, OverflowError):
            if read(at_source) == read(in_raw):
                return True
    return False


def _number(text: str) -> Decimal:
    return Decimal(text)


def _float(text: str) -> float | str:
    number = float(text)
    return "NaN" if math.isnan(number) else number


def _time(text: str) -> datetime:
    if text.lstrip("-").isdigit():
        return EPOCH + timedelta(microseconds=int(text))
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _json(text: str) -> Any:
    return json.loads(text, parse_int=Decimal, parse_float=Decimal)
