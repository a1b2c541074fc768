"""A client of the sample company's systems, for tests: the shop's database and the payments API."""

import json
from collections.abc import Iterator
from email.message import Message
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import psycopg
import pytest

from demo.servers import Systems


def shop(systems: Systems, query: str, *values: Any) -> list[tuple]:
    """The rows of a query on the shop's database, as the user that the ingestion has."""
    with psycopg.connect(systems.settings()["SOURCES__SHOP__CREDENTIALS"]) as connection:
        return connection.execute(query, values).fetchall()


def get(systems: Systems, path: str, token: str | None = None, **parameters: Any) -> dict[str, Any]:
    """The answer of the payments API; with the valid token unless another is given."""
    settings = systems.settings()
    url = f"{settings['SOURCES__PAYMENTS__BASE_URL']}{path}?{urlencode(parameters)}"
    token = settings["SOURCES__PAYMENTS__API_TOKEN"] if token is None else token
    with urlopen(Request(url, headers={"Authorization": f"Bearer {token}"}), timeout=10) as answer:
        return json.load(answer)


def refused(systems: Systems, path: str, token: str | None = None, **parameters: Any) -> tuple[int, dict[str, Any], Message]:
    """Status, error and headers of a request that the API must refuse."""
    with pytest.raises(HTTPError) as error:
        get(systems, path, token, **parameters)
    body = json.load(error.value)
    return error.value.code, body["error"], error.value.headers


def pages(systems: Systems, path: str, **parameters: Any) -> Iterator[list[dict[str, Any]]]:
    """The records of each page. A request that the API refuses for the moment is sent again."""
    cursor: dict[str, str] | None = {}
    while cursor is not None:
        try:
            page = get(systems, path, **parameters, **cursor)
        except HTTPError as error:
            assert error.code in (429, 503)
            continue
        yield page["data"]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None
