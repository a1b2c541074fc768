"""Which name in raw belongs to which of the source's: by likeness, not by the rule that made it."""

import re
from collections.abc import Callable, Collection, Iterable

LONG = 40  # characters: a longer name may have been shortened, in its middle
KEPT = 12  # characters that a shortened name keeps at its beginning


def matched(names: Iterable[str], candidates: Collection[str]) -> dict[str, str]:
    """For each of the names the candidate that is it, where there is just one. Each candidate is given once: to the name that is
    most like it."""
    left, free, found = list(dict.fromkeys(names)), list(candidates), {}
    for is_alike in (_equal, _equal_but_for_case, _equal_letters, _equal_but_for_signs, _shortened):
        for name in list(left):
            alike = [candidate for candidate in free if is_alike(name, candidate)]
            rivals = [other for other in left if alike and is_alike(other, alike[0])]
            if len(alike) == 1 and rivals == [name]:
                found[name] = alike[0]
                left.remove(name)
                free.remove(alike[0])
    return found


def match(name: str, candidates: Collection[str]) -> str | None:
    """The candidate that is this name; None when there is none, or more than one."""
    return matched([name], candidates).get(name)


Alike = Callable[[str, str], bool]


def _equal(name: str, candidate: str) -> bool:
    return name == candidate


def _equal_but_for_case(name: str, candidate: str) -> bool:
    return name.lower() == candidate.lower()


def _equal_letters(name: str, candidate: str) -> bool:
    """OrderItems is order_items."""
    return bool(_letters(name)) and _letters(name) == _letters(candidate)


def _equal_but_for_signs(name: str, candidate: str) -> bool:
    """Raw may have anything for what is no letter or digit of ASCII."""
    if re.fullmatch(r"\w*", name, re.ASCII):
        return False
    pattern = "".join(f"{sign.lower()}_*" if sign.isascii() and sign.isalnum() else "[a-z0-9_]*" for sign in f"_{name}")
    return re.fullmatch(pattern, candidate.lower()) is not None


def _shortened(name: str, candidate: str) -> bool:
    is_long = len(name) >= LONG and len(candidate) >= LONG
    return is_long and _letters(name)[:KEPT] == _letters(candidate)[:KEPT]


def _letters(name: str) -> str:
    return "".join(char for char in name.lower() if char.isalnum())
