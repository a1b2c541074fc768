"""Lists of JSON records of a REST API.

dlt's `rest_api` source asks, pages, and tries again (with back-off, and when Retry-After says): `[runtime]
request_max_attempts`, request_backoff_factor … of dlt. An answer without the list of records, or without the pointer to the
next page, is refused: either would look like the end of the data. A page cursor that comes back would go on for ever.
Redirects are followed; the token goes to no other host.

Settings: sources.NAME.base_url, unless it is declared; api_token with `auth="bearer"`; and if need be lookback_hours.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import urljoin, urlsplit, urlunsplit

from dlt.common import jsonpath
from dlt.sources.helpers.requests import Client
from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator
from dlt.sources.rest_api import rest_api_resources
from requests import HTTPError, RequestException, Response
from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema, SSLError, Timeout, TooManyRedirects

from ingestion import exact_json
from ingestion.addresses import password_of, with_encoded_password, without_login
from ingestion.connectors.base import Run, Window
from ingestion.connectors.tables import RecordTable
from ingestion.errors import ContractViolated, IngestError, RefusedTable, causes, first_line
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
        path = f"sources.{run.source}.base_url"
        base_url = with_encoded_password(setting(path, self.base_url), path)
        run.secrets.update(password_of(base_url))
        client: dict[str, Any] = {"base_url": base_url}
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
        """The records of a list; raises RefusedTable when this list alone can't be read, IngestError when the API can't."""
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
            raise self._explained(table, error) from error

    def _explained(self, table: Endpoint, error: Exception) -> Exception:
        """Our own words for what the API did; errors that are not the API's stay as they are."""
        name = f"SOURCES__{self._source.upper()}__"
        for cause in causes(error):
            if isinstance(cause, ContractViolated):
                return cause
            if isinstance(cause, IngestError):
                return RefusedTable(table.name, cause)
            if isinstance(cause, HTTPError) and cause.response is not None:
                return self._of_status(table, cause.response)
            if isinstance(cause, RequestException):
                base_url = without_login(self._client["base_url"])
                failure = IngestError(
                    f"{base_url} can't be reached or broke off: {_why(cause)}.",
                    f"Is it up, and is {name}BASE_URL right? The next run catches up.",
                )
                return RefusedTable(table.name, failure) if isinstance(cause, TooManyRedirects) else failure
        return error

    def _of_status(self, table: Endpoint, response: Response) -> IngestError:
        """What to say of an answer that is an error: it fails its list alone, unless nobody knows us."""
        name, status, address = f"SOURCES__{self._source.upper()}__", response.status_code, without_login(response.url)
        asked = without_login(urljoin(self._client["base_url"].rstrip("/") + "/", table.path))
        host = urlsplit(address).netloc
        if host != urlsplit(asked).netloc:
            failure = IngestError(
                f"{asked} redirects to {host}, which answers {status}: the token is sent to no other host.",
                f"If the API has moved there, set {name}BASE_URL.",
            )
        elif status == 401:
            return IngestError(
                f"{address} refuses the token ({status}): it is wrong or has expired.", f"Get a new one and set {name}API_TOKEN."
            )
        elif status == 403:
            failure = IngestError(f"{address} refuses the token (403): it may not read this.", f"Get one that may and set {name}API_TOKEN.")
        else:
            failure = IngestError(f"{address} answers {status}.", "The next run tries again and catches up.")
        return RefusedTable(table.name, failure)


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
    session, target = client.session, client.session.get_redirect_target

    def with_query(response: Response) -> str | None:
        """Where a redirect leads. Some servers leave the query out when they add a slash: all pages would be the first one."""
        found = target(response)
        asked, there = urlsplit(response.url), urlsplit(urljoin(response.url, found or ""))
        if found and asked.query and not there.query and asked.netloc == there.netloc:
            return urlunsplit(there._replace(query=asked.query))
        return found

    session.get_redirect_target = with_query  # type: ignore[method-assign, assignment]
    return session


def _checked(records: str) -> Callable[..., Response]:
    """A look at each answer before anyone else: numbers keep their digits, and a list of records must be there."""

    def check(response: Response, *args: Any, **kwargs: Any) -> Response:
        if not response.ok or response.is_redirect:
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


def _why(error: RequestException) -> str:
    """Why there is no answer, in our words: those of the library have the address with all parameters."""
    if isinstance(error, TooManyRedirects):
        return "it redirects more than 30 times"
    if isinstance(error, Timeout):
        return "it does not answer in time"
    if isinstance(error, SSLError):
        return "its certificate is not accepted"
    if isinstance(error, InvalidURL | InvalidSchema | MissingSchema):
        return "this is no address"
    return "the name of its host is not known" if "resol" in str(error) else type(error).__name__


def _address(response: Response) -> str:
    """The address without login and parameters, in which some APIs want their secrets."""
    return without_login(response.url)
