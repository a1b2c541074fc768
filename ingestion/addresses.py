"""Addresses with a password in them, as people write them: with characters that a URL wants encoded. Read as they stand, half of the
password would be the host, and stand in every error."""

import re
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from ingestion.errors import IngestError

HOST = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(:[0-9]*)?(,.*)?")
ENCODED = re.compile(r"([^%]|%[0-9a-fA-F]{2})*")


def with_encoded_password(url: str, setting: str) -> str:
    """The URL with user and password encoded, where they are not. Raises IngestError where it can be read in two ways."""
    scheme, separator, rest = url.partition("://")
    if not separator or "@" not in rest:
        return url
    is_clear, place = _is_clear(url), rest
    if is_clear:
        place = urlsplit(url).netloc
        # Behind a user or a port an @ further on may end the rest of a password.
        if "@" in rest.removeprefix(place) and not {"@", ":"}.isdisjoint(place):
            raise _ambiguous(setting)
    login, at, _ = place.rpartition("@")
    encoded = ":".join(map(_encoded, login.split(":", 1)))
    found = f"{scheme}://{encoded}{rest.removeprefix(login)}" if at else url
    if not is_clear and not _is_clear(found):
        raise _ambiguous(setting)
    return found


def _ambiguous(setting: str) -> IngestError:
    signs = "@ is %40, / is %2F, : is %3A, ? is %3F, % is %25"
    return IngestError(f"{setting} can be read in two ways.", f"Encode the signs in its user and password: {signs}.")


def password_of(url: str) -> set[str]:
    """The password of a URL, as it is written and as it is meant, for the list of what must not be shown."""
    found = urlsplit(url).password if "://" in url else None
    return {found, unquote(found)} if found else set()


def without_login(url: str) -> str:
    """The URL, for people: without user, password and query."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _is_clear(url: str) -> bool:
    """Whether the part between scheme and path is user, password, host and port, all of them encoded."""
    try:
        place = urlsplit(url).netloc
    except ValueError:  # brackets that hold no IPv6
        return False
    login, _, host = place.rpartition("@")
    return "@" not in login and " " not in login and bool(ENCODED.fullmatch(login)) and bool(HOST.fullmatch(host))


def _encoded(text: str) -> str:
    return quote(text, safe="%" if ENCODED.fullmatch(text) else "")
