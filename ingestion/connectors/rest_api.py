"""Lists of JSON records of a REST API.

dlt's `rest_api` source asks, pages, and tries again (with back-off, and when Retry-After says): `[runtime]
request_max_attempts`, request_backoff_factor … of dlt. An answer without the list of records, or without the pointer to the
next page, is refused: either would look like the end of the data. A page cursor that comes back would go on for ever.

Settings: sources.NAME.base_url, unless it is declared; api_token with `auth="bearer"`; and if need be lookback_hours.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from dlt.common import jsonpath
from dlt.sources.helpers.requests import Client
from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator
from dlt.sources.rest_api import rest_api_resources
from requests import HTTPError, RequestException, Response

from ingestion import exact_json
from ingestion.connectors.base import Run, Window
from ingestion.connectors.tables import RecordTable
from ingestion.errors import ContractViolated, IngestError, causes, first_line
from ingestion.settings import lookback, setting


@dataclass(frozen=True)
class Endpoint(RecordTable):
    """One list of records: the raw table, the path after base_url, where in the answer the records are, and the parameter that
    asks for those that changed since a time."""

    path: str
    _: KW_ONLY
    records: str = "data"
    since_parameter: str = "updated_since"


@dataclass(frozen=True)
class CursorPages:
    """Pages by a cursor in the answer."""

    next_cursor: str = "next_cursor"
    parameter: str = "cursor"


@dataclass(frozen=True)
class Setting:
    """A value that is looked up when the source is opened: sources.NAME.`name`."""

    name: str
    default: Any = None


@dataclass(frozen=True)
class RestApiSource:
    """An API, and the lists of it that are read. `params` go with every request; a value of them can be a `Setting`."""

    tables: Sequence[Endpoint]
    _: KW_ONLY
    base_url: str | None = None
    auth: Literal["bearer"] | None = None
    pages: CursorPages | Literal["single_page"] = CursorPages()
    params: Mapping[str, Any] = field(default_factory=dict)

    @contextmanager
    def open(self, run: Run) -> Iterator["RestApiConnection"]:
        """Looks the settings up; raises IngestError for one that is missing. Nothing is asked yet."""
        client: dict[str, Any] = {"base_url": setting(f"sources.{run.source}.base_url", self.base_url)}
        if self.auth == "bearer":
            token = setting(f"sources.{run.source}.api_token")
            run.secrets.add(token)
            client["auth"] = {"type": "bearer", "token": token}
        client["paginator"] = _CursorPaginator(self.pages) if isinstance(self.pages, CursorPages) else self.pages
        params = {
            name: setting(f"sources.{run.source}.{value.name}", value.default) if isinstance(value, Setting) else value
            for name, value in self.params.items()
        }
        yield RestApiConnection(run.source, client, params)


class RestApiConnection:
    """`client` is that of dlt's rest_api configuration."""

    def __init__(self, source: str, client: Mapping[str, Any], params: Mapping[str, Any]) -> None:
        self._source, self._client, self._params = source, client, params
        self.lookback: timedelta = lookback(source)

    def read(self, table: Endpoint, window: Window, bookmark: datetime | None) -> Iterator[Any]:
        """The records of a list; raises IngestError with the remedy when the API fails."""
        params = dict(self._params)
        if since := bookmark - self.lookback if bookmark else window.since:
            params[table.since_parameter] = since.isoformat().replace("+00:00", "Z")
        endpoint = {
            "path": table.path,
            "params": params,
            "data_selector": table.records,
            "response_actions": [_checked(table.records)],
        }
        config: Any = {
            "client": {"session": _session(), **self._client},
            "resources": [{"name": table.name, "endpoint": endpoint}],
        }
        try:
            yield from rest_api_resources(config)[0]
        except Exception as error:
            raise self._explained(error) from error

    def _explained(self, error: Exception) -> Exception:
        """Our own words for what the API did; errors that are not the API's stay as they are."""
        name = f"SOURCES__{self._source.upper()}__"
        for cause in causes(error):
            if isinstance(cause, IngestError):
                return cause
            if isinstance(cause, HTTPError) and cause.response is not None:
                status, address = cause.response.status_code, _address(cause.response)
                if status in (401, 403):
                    return IngestError(
                        f"{address} refuses the token ({status}): it is wrong or has expired.",
                        f"Get a new one and set {name}API_TOKEN.",
                    )
                return IngestError(f"{address} answers {status}.", "The next run tries again and catches up.")
            if isinstance(cause, RequestException):
                return IngestError(
                    f"{self._client['base_url']} can't be reached or broke off: {first_line(cause)}",
                    f"Is it up, and is {name}BASE_URL right? The next run catches up.",
                )
        return error


class _CursorPaginator(JSONResponseCursorPaginator):
    """dlt's pages by a cursor; raises ContractViolated when the answer is not a page, or goes round in circles."""

    def __init__(self, pages: CursorPages) -> None:
        super().__init__(cursor_path=pages.next_cursor, cursor_param=pages.parameter)
        self.seen: set[str] = set()

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        if not jsonpath.find_values(self.cursor_path, response.json()):
            raise ContractViolated(
                f"The answer of {_address(response)} has no {self.cursor_path}, so it is unknown whether there are more pages.",
                "The API has changed: compare it with its documentation.",
            )
        super().update_state(response, data)
        if self._has_next_page and self._next_reference in self.seen:
            raise ContractViolated(f"{_address(response)} returns the same page cursor twice: reading would never end.")
        self.seen.add(str(self._next_reference))


def _session() -> Any:
    """A session that tries again."""
    client = Client(raise_for_status=False)
    client.configure()
    return client.session


def _checked(records: str) -> Callable[..., Response]:
    """A look at each answer before anyone else: numbers keep their digits, and a list of records must be there."""

    def check(response: Response, *args: Any, **kwargs: Any) -> Response:
        if not response.ok:
            return response
        try:
            parsed = exact_json.parse(response.content.decode("utf-8-sig"))  # JSON is UTF-8, whatever the headers say or do not
        except (ValueError, RecursionError) as error:
            raise IngestError(f"The answer of {_address(response)} is not JSON: {first_line(error)}") from error
        found = jsonpath.find_values(records, parsed)
        if not found or not isinstance(found[0], list):
            raise ContractViolated(
                f"The answer of {_address(response)} has no list '{records}'.",
                "The API has changed: compare it with its documentation.",
            )
        response.json = lambda **_: parsed  # type: ignore[method-assign]
        return response

    return check


def _address(response: Response) -> str:
    """The address without its parameters, in which some APIs want their secrets."""
    return response.url.partition("?")[0]
