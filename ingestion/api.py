"""Lands records of a REST API: each whole, as one JSON value beside its key and its cursor.

dlt's `rest_api` source asks, pages, and tries again (with back-off, and when Retry-After says). What an API
can do to us is dealt with here:

- its shape may change: a record is kept as it came, and only an answer without the list of records, or
  without the pointer to the next page, stops the load: either would look like the end of the data;
- pages may repeat records, and the look-back does: a record that raw holds as the latest version of its key
  is not landed again;
- a cursor may come back: that would go on for ever, so it stops the load.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow
import simplejson
from dlt.common import jsonpath
from dlt.sources.helpers.requests import Client
from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator
from dlt.sources.rest_api import rest_api_resources
from requests import HTTPError, RequestException, Response

from ingestion.context import CHANGED_AT, Context
from ingestion.errors import IngestError, causes, first_line

if TYPE_CHECKING:
    from dlt.extract import DltResource

BATCH_ROWS = 20_000
COLUMNS = {
    "id": {"data_type": "text"},
    "updated_at": {"data_type": "timestamp"},
    "record": {"data_type": "json"},
    CHANGED_AT: {"data_type": "timestamp", "nullable": False},
}
INSTANT = pyarrow.timestamp("us", "UTC")
SCHEMA = pyarrow.schema([("id", pyarrow.string()), ("updated_at", INSTANT), ("record", pyarrow.string()), (CHANGED_AT, INSTANT)])
# Key, cursor, the record as JSON, and the instant from which this version holds: the cursor, but never later than now.
Row = tuple[str | None, datetime | None, str, datetime]


@dataclass(frozen=True)
class Endpoint:
    """One list of records: the raw table, the path after base_url, where in the answer the records are, and
    which of their fields are key and cursor. Without a cursor everything is asked for each time."""

    table: str
    path: str
    records: str = "data"
    key: str | None = "id"
    cursor: str | None = "updated_at"
    since_parameter: str = "updated_since"


def read_endpoints(
    context: Context,
    client: dict[str, Any],
    endpoints: Sequence[Endpoint],
    params: dict[str, Any] | None = None,
    lookback_hours: float = 48,
) -> list["DltResource"]:
    """What is new at these endpoints, as dlt resources. `client` is that of dlt's rest_api configuration."""
    return [_Reader(context, client, endpoint, params or {}, lookback_hours).resource() for endpoint in endpoints]


class CursorPages(JSONResponseCursorPaginator):
    """Pages by a cursor in the answer; raises IngestError when the answer is not a page, or goes round in circles."""

    def __init__(self, next_cursor: str = "next_cursor", records: str = "data", parameter: str = "cursor") -> None:
        super().__init__(cursor_path=next_cursor, cursor_param=parameter)
        self.records = records
        self.seen: set[str] = set()

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        if not jsonpath.find_values(self.cursor_path, response.json()):
            raise IngestError(
                f"The answer of {_address(response)} has no {self.cursor_path}, so there is no telling whether more follows.",
                "The API has changed: compare it with its documentation.",
            )
        super().update_state(response, data)
        if self._has_next_page and self._next_reference in self.seen:
            raise IngestError(f"{_address(response)} gives the same page cursor twice: it would never end.")
        self.seen.add(self._next_reference)


class _Reader:
    """One endpoint in one run."""

    def __init__(self, context: Context, client: dict[str, Any], endpoint: Endpoint, params: dict[str, Any], lookback: float) -> None:
        self.context, self.client, self.endpoint, self.params = context, client, endpoint, params
        self.lookback = timedelta(hours=lookback)
        self.start = self._start(context.state.get(endpoint.table, {}).get("cursor"))
        # A record dated in the future must not end all reading: the cursor goes no further than now.
        self.now = datetime.now(UTC)
        self.remember: dict[str, Any] = {}

    def resource(self) -> "DltResource":
        key = ("id",) if self.endpoint.key else ()
        return self.context.resource(self.endpoint.table, COLUMNS, self._new_records, self.remember, key)

    def _start(self, cursor: str | None) -> datetime | None:
        """From when on the API is asked; None for all there is."""
        options = self.context.options
        if not self.endpoint.cursor or options.full:
            return None
        if options.is_interval:
            return options.since
        return datetime.fromisoformat(cursor) - self.lookback if cursor else None

    def _new_records(self) -> Iterator[pyarrow.Table]:
        """The records that raw does not hold yet, as Arrow tables."""
        known = self._known()
        highest: datetime | None = None
        batch: list[Row] = []
        for record in self._records():
            row = self._row(record)
            key, updated_at, text, _ = row
            if updated_at and updated_at <= self.now:
                highest = max(highest or updated_at, updated_at)
            if self.context.options.is_interval and not (updated_at and self.context.options.covers(updated_at)):
                continue
            digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
            if known.get(key or digest) == digest:
                continue
            known[key or digest] = digest
            batch.append(row)
            if len(batch) >= BATCH_ROWS:
                yield _arrow(batch)
                batch = []
        if batch:
            yield _arrow(batch)
        self._move_cursor(highest)

    def _move_cursor(self, highest: datetime | None) -> None:
        before = self.context.state.get(self.endpoint.table, {}).get("cursor")
        if highest and not self.context.options.is_interval:
            cursor = max(highest, datetime.fromisoformat(before)) if before else highest
            self.remember["cursor"] = cursor.isoformat()

    def _known(self) -> dict[str, str]:
        """By key: the MD5 of the latest version that raw holds, as far back as is read now."""
        table = self.endpoint.table
        if not self.context.has_rows(table):
            return {}
        session = self.context.session
        digest = session.md5("record")
        since = f"where updated_at is null or updated_at >= {session.literal(self.start)}" if self.start else ""
        rows = session.rows(
            f"""
            select record_key, digest from (
                select
                    coalesce(id, {digest}) as record_key,
                    {digest} as digest,
                    row_number() over (
                        partition by coalesce(id, {digest}) order by {CHANGED_AT} desc, _dlt_load_id desc
                    ) as version_rank
                from {self.context.complete_rows(table)} as known
                {since}
            ) as ranked
            where version_rank = 1
            """
        )
        return dict(rows)

    def _records(self) -> Iterator[Any]:
        """The records that dlt's rest_api gives for this endpoint; raises IngestError with the remedy when the API fails."""
        endpoint = self.endpoint
        params = dict(self.params)
        if self.start:
            params[endpoint.since_parameter] = self.start.isoformat().replace("+00:00", "Z")
        config = {
            "client": {"session": _session(), **self.client},
            "resources": [
                {
                    "name": endpoint.table,
                    "endpoint": {
                        "path": endpoint.path,
                        "params": params,
                        "data_selector": endpoint.records,
                        "response_actions": [_checked(endpoint.records)],
                    },
                }
            ],
        }
        try:
            yield from rest_api_resources(config)[0]
        except Exception as error:
            raise self._explained(error) from error

    def _explained(self, error: Exception) -> Exception:
        """Our own words for what the API did; errors that are not the API's stay as they are."""
        setting = f"SOURCES__{self.context.source.upper()}__"
        for cause in causes(error):
            if isinstance(cause, IngestError):
                return cause
            if isinstance(cause, HTTPError) and cause.response is not None:
                status, address = cause.response.status_code, _address(cause.response)
                if status in (401, 403):
                    return IngestError(
                        f"{address} refuses the token ({status}): it is wrong or has expired.",
                        f"Get a new one and set {setting}API_TOKEN.",
                    )
                return IngestError(f"{address} answers {status}.", "The next run tries again and catches up.")
            if isinstance(cause, RequestException):
                return IngestError(
                    f"{self.client['base_url']} can't be reached or broke off: {first_line(cause)}",
                    f"Is it up, and is {setting}BASE_URL right? The next run catches up.",
                )
        return error

    def _row(self, record: Any) -> Row:
        """The record as it lands, its numbers with the digits that they came with."""
        text = simplejson.dumps(record, use_decimal=True, ensure_ascii=False, separators=(",", ":"))
        fields = record if isinstance(record, dict) else {}
        key = fields.get(self.endpoint.key) if self.endpoint.key else None
        cursor = fields.get(self.endpoint.cursor) if self.endpoint.cursor else None
        updated_at = _instant(cursor)
        return (None if key is None else str(key)), updated_at, text, min(updated_at or self.now, self.now)


def _session() -> Any:
    """A session that tries again: `[runtime] request_max_attempts`, request_backoff_factor … of dlt."""
    client = Client(raise_for_status=False)
    client.configure()
    return client.session


def _checked(records: str) -> Callable[..., Response]:
    """A look at each answer before anyone else: numbers keep their digits, and a list of records must be there."""

    def check(response: Response, *args: Any, **kwargs: Any) -> Response:
        if not response.ok:
            return response
        try:
            parsed = simplejson.loads(response.text, use_decimal=True)
        except ValueError as error:
            raise IngestError(f"The answer of {_address(response)} is not JSON: {first_line(error)}") from error
        found = jsonpath.find_values(records, parsed)
        if not found or not isinstance(found[0], list):
            raise IngestError(
                f"The answer of {_address(response)} has no list '{records}'.",
                "The API has changed: compare it with its documentation.",
            )
        response.json = lambda **_: parsed
        return response

    return check


def _instant(value: Any) -> datetime | None:
    """The instant of an ISO text or of seconds since 1970; None when it is neither."""
    try:
        if isinstance(value, int):
            return datetime.fromtimestamp(value, UTC)
        instant = datetime.fromisoformat(value)
        return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _arrow(rows: Iterable[Row]) -> pyarrow.Table:
    columns = zip(*rows, strict=True)
    return pyarrow.table([pyarrow.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)], schema=SCHEMA)


def _address(response: Response) -> str:
    """The address without its parameters, in which some APIs want their secrets."""
    return response.url.partition("?")[0]
