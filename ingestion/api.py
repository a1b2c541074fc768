"""Lands records of a REST API: each whole, as one JSON value beside its key and its cursor.

dlt's `rest_api` source asks, pages, and tries again (with back-off, and when Retry-After says). What an API
can do to us is dealt with here (docs/sources-that-change.md has the table of it all):

- its shape may change: a record is kept as it came, and one without the fields that models read goes to quarantine. An
  answer without the list of records, or without the pointer to the next page, stops the table: either would look like the
  end of the data;
- pages may repeat records, and the look-back does: a record that raw holds as the latest version of its key
  is not landed again;
- a cursor may come back: that would go on for ever, so it stops the table.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

import pyarrow
import simplejson
from dlt.common import jsonpath
from dlt.sources.helpers.requests import Client
from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator
from dlt.sources.rest_api import rest_api_resources
from requests import HTTPError, RequestException, Response

from ingestion.context import CHANGED_AT, Context, Misfit, key_text
from ingestion.contract import Broken, Field, Quarantined, likely_name
from ingestion.errors import IngestError, causes, first_line
from ingestion.settings import lookback

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
# Key and instant; a record without a key is the same whenever it comes, by its MD5.
Version = tuple[str, datetime | None]
# A record that JSON columns can't hold as it was said is in quarantine as the text that was said, under this name.
AS_TEXT = "json_text"
HALF = "\ud800"  # half of a character, which no engine holds
NUL = re.compile(r"(?<!\\)(\\\\)*\\u0000")
MICROSECOND = timedelta(microseconds=1)
FEW = 20  # records in which an optional field may be missing by chance
FEW_WRONG = 3  # fewer records after much that is right may be wrong in the same place by chance


@dataclass(frozen=True)
class Endpoint:
    """One list of records: the raw table, the path after base_url, where in the answer the records are, and
    which of their fields are key and cursor. Without a cursor everything is asked for each time.

    `fields` is what models read: a record that does not have it goes to quarantine. `renamed` gives the name that the source
    now uses for a field, `{"amount": "total_amount"}`: the record lands with both. `keep`, without a cursor: an answer with
    less than this share of the records of the last one is not believed."""

    table: str
    path: str
    records: str = "data"
    key: str | None = "id"
    cursor: str | None = "updated_at"
    since_parameter: str = "updated_since"
    fields: tuple[Field, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    keep: float = 0.8

    @cached_property
    def contract(self) -> list[Field]:
        """The fields, and the key among them."""
        return [*([Field(self.key)] if self.key else []), *(f for f in self.fields if f.name != self.key)]

    def row(self, said: Any, now: datetime) -> tuple[Row, dict[str, str]]:
        """A record as it lands, its numbers with the digits that they came with, and where and why it does not fit."""
        record = self.with_names(said) if isinstance(said, dict) else {}
        key = record.get(self.key) if self.key else None
        updated_at = _instant(record.get(self.cursor)) if self.cursor else None
        wrong = dict(filter(None, (field.misfit(record) for field in self.contract)))
        if self.cursor and not updated_at:
            wrong.setdefault(self.cursor, f"{self.cursor} is {'no instant' if self.cursor in record else 'missing'}")
        if not isinstance(said, dict):
            wrong = {"": "the record is no object"}
        text = _text(record if isinstance(said, dict) else said, wrong)
        if HALF in wrong:
            key = None
        return (None if key is None else str(key), updated_at, text, min(updated_at or now, now)), wrong

    def with_names(self, record: dict[str, Any]) -> dict[str, Any]:
        """The record, with the fields that the source calls by another name now under the contract's name as well."""
        for name, now in self.renamed.items():
            value = _value(record, now.split("."))
            if value is not MISSING and _value(record, name.split(".")) is MISSING:
                record = _with(record, name.split("."), value)
        return record


def read_endpoints(
    context: Context,
    client: dict[str, Any],
    endpoints: Sequence[Endpoint],
    params: dict[str, Any] | None = None,
) -> list["DltResource"]:
    """What is new at these endpoints, as dlt resources. `client` is that of dlt's rest_api configuration."""
    return [_Reader(context, client, endpoint, params or {}).resource() for endpoint in endpoints]


class CursorPages(JSONResponseCursorPaginator):
    """Pages by a cursor in the answer; raises IngestError when the answer is not a page, or goes round in circles."""

    def __init__(self, next_cursor: str = "next_cursor", records: str = "data", parameter: str = "cursor") -> None:
        super().__init__(cursor_path=next_cursor, cursor_param=parameter)
        self.records = records
        self.seen: set[str] = set()

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        if not jsonpath.find_values(self.cursor_path, response.json()):
            raise Broken(
                f"The answer of {_address(response)} has no {self.cursor_path}, so there is no telling whether more follows.",
                "The API has changed: compare it with its documentation.",
            )
        super().update_state(response, data)
        if self._has_next_page and self._next_reference in self.seen:
            raise Broken(f"{_address(response)} gives the same page cursor twice: it would never end.")
        self.seen.add(self._next_reference)


class _Reader:
    """One endpoint in one run."""

    def __init__(self, context: Context, client: dict[str, Any], endpoint: Endpoint, params: dict[str, Any]) -> None:
        self.context, self.client, self.endpoint, self.params = context, client, endpoint, params
        self.start = self._start(context.state.get(endpoint.table, {}).get("cursor"))
        self.now = datetime.now(UTC)
        self.remember: dict[str, Any] = {}
        self.seen = _Seen()

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
        return datetime.fromisoformat(cursor) - lookback(self.context.source) if cursor else None

    def _new_records(self) -> Iterator[pyarrow.Table]:
        """The records that raw does not hold yet, as Arrow tables; those that do not fit go to quarantine."""
        rows = self._new_rows()
        try:
            while batch := list(islice(rows, BATCH_ROWS)):
                self.seen.new += len(batch)
                yield _arrow(batch)
        except Broken as error:
            self.context.stop(self.endpoint.table, error)
            return
        self._conclude()

    def _new_rows(self) -> Iterator[Row]:
        """The rows that raw does not hold yet. What the source says now is the latest version, be it dated earlier than what it
        said before; but of the versions that one read gives, in any order, it is the one that is dated last."""
        known, landed = self._known(), set()
        said: dict[str, datetime] = {}  # by key: the latest instant in this read
        dated_back: dict[tuple[str, datetime, str], Row] = {}
        for row in self._fitting_rows():
            key, updated_at, text, changed_at = row
            digest = _digest(text)
            name = key or digest
            said[name] = max(said.get(name, changed_at), changed_at)
            before, since = known.get(name, (None, changed_at))
            if before == digest:
                if key:
                    self.context.withdraw(self.endpoint.table, key_text([key]))
            elif changed_at < since:
                dated_back[name, changed_at, digest] = row
            else:
                if changed_at == since and name in landed:
                    changed_at += MICROSECOND
                known[name] = digest, changed_at
                landed.add(name)
                yield key, updated_at, text, changed_at
        held = _versions(self.context, self.endpoint, min((at for _, at, _ in dated_back), default=None))
        for (key, changed_at, digest), row in sorted(dated_back.items(), key=lambda item: item[1][3]):
            if changed_at == said[key]:
                changed_at = known[key][1] + MICROSECOND
                known[key] = digest, changed_at
            elif digest in held.get((key, changed_at), ()):
                continue
            yield *row[:3], changed_at

    def _fitting_rows(self) -> Iterator[Row]:
        """The records of this run that fit, as they land; those that do not go to quarantine."""
        context, endpoint = self.context, self.endpoint
        for said in self._records():
            row, wrong = endpoint.row(said, self.now)
            key, updated_at, _, changed_at = row
            if context.options.is_interval and not (updated_at and context.options.covers(updated_at)):
                continue
            self.seen.add(said, wrong, updated_at, self.now)
            if wrong:
                misfit = Misfit(_as_said(said), "; ".join(wrong.values()), key and key_text([key]), changed_at)
                context.quarantine(endpoint.table, [misfit])
            else:
                yield row

    def _covers(self) -> None:
        """The next read begins before this one's cursor: so they touch. Without a cursor only our own clock tells."""
        options, before = self.context.options, self.context.state.get(self.endpoint.table, {}).get("cursor")
        if self.endpoint.cursor or not options.is_interval:
            cursor = self.remember.get("cursor") or before
            reached = datetime.fromisoformat(cursor) if cursor else self.now
            # An API has no clock that we could ask, and of what lies in the future nobody has told yet.
            self.context.covers(self.endpoint.table, self.start, min(options.until, self.now) if options.until else reached)

    def _conclude(self) -> None:
        """What the records of this run say of the source, and what to remember of them."""
        context, endpoint, seen = self.context, self.endpoint, self.seen
        before = context.state.get(endpoint.table, {})
        source = f"ingestion/sources/{context.source}.py"
        if broken := [*seen.broken(endpoint, before.get("fields", ()), source), *self._shrunk(before.get("records", 0))]:
            remedy = f"Then: ingest replay {context.source}" if seen.misfits else ""
            context.stop(endpoint.table, IngestError(" ".join(broken), remedy))
        elif not context.options.is_interval:
            self._remember_fields(set(before.get("fields", ())))
            self.remember["records"] = seen.records
        if seen.highest and not context.options.is_interval:
            # Past what is in quarantine too, as that is not lost.
            cursor = max(seen.highest, datetime.fromisoformat(before["cursor"])) if before.get("cursor") else seen.highest
            self.remember["cursor"] = cursor.isoformat()
        self._covers()

    def _shrunk(self, before: int) -> Iterator[str]:
        """Why a list that is always asked for whole is not believed."""
        options, endpoint = self.context.options, self.endpoint
        if not (endpoint.cursor or options.is_interval or options.allow_deletes) and self.seen.records < endpoint.keep * before:
            yield (
                f"{self.seen.records} records came, and {before} the last time. If that is right: "
                f"ingest run {self.context.source} --allow-deletes"
            )

    def _remember_fields(self, known: set[str]) -> None:
        """Tells people at once of a field that is new, and of one that is in no record any more."""
        table, seen = self.endpoint.table, self.seen
        if known and (new := sorted(seen.names - known)):
            self.context.notes.append(f"{table}: new in the records: {', '.join(new)}")
        mapped = tuple(f"{name}." for name in self.endpoint.renamed)
        gone = sorted(name for name in known - seen.names if not f"{name}.".startswith(mapped))
        if seen.records >= FEW and gone:
            self.context.notes.append(f"{table}: in none of the {seen.records} records any more: {', '.join(gone)}")
            known -= set(gone)
        self.remember["fields"] = sorted(known | seen.names)

    def _known(self) -> dict[str, tuple[str, datetime]]:
        """By key: the MD5 of the latest version that raw holds, and since when it holds; as far back as is read now."""
        table = self.endpoint.table
        if not self.context.has_rows(table):
            return {}
        session = self.context.session
        digest = session.md5("record")
        since = ""
        if self.start:
            start = session.literal(self.start)
            since = f"where updated_at is null or updated_at >= {start} or {CHANGED_AT} >= {start}"
        rows = session.rows(
            f"""
            select record_key, digest, {CHANGED_AT} from (
                select
                    coalesce(id, {digest}) as record_key,
                    {digest} as digest,
                    {CHANGED_AT},
                    row_number() over (
                        partition by coalesce(id, {digest}) order by {CHANGED_AT} desc, _dlt_load_id desc
                    ) as version_rank
                from {self.context.complete_rows(table)} as known
                {since}
            ) as ranked
            where version_rank = 1
            """
        )
        return {key: (digest, changed_at) for key, digest, changed_at in rows}

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


@dataclass
class _Seen:
    """What one run has seen of the records."""

    records: int = 0
    new: int = 0  # that fit, and that raw did not hold
    highest: datetime | None = None  # cursor
    fits_until: datetime | None = None  # the latest instant of a record that fits
    fitting_names: set[str] = field(default_factory=set)  # of the fields of records that fit
    misfit_names: set[str] = field(default_factory=set)  # … and of those that do not
    # Instant, if there is one to be read; record; what is wrong, by place.
    misfits: list[tuple[datetime | None, Any, Mapping[str, str]]] = field(default_factory=list)

    def add(self, said: Any, wrong: Mapping[str, str], updated_at: datetime | None, now: datetime) -> None:
        self.records += 1
        if isinstance(said, dict) and HALF not in wrong:
            _add_names(said, "", self.misfit_names if wrong else self.fitting_names)
        # A record dated in the future must not end all reading: the cursor goes no further than now.
        if updated_at and updated_at <= now:
            self.highest = max(self.highest or updated_at, updated_at)
        if wrong:
            self.misfits.append((updated_at and min(updated_at, now), said, wrong))
        elif not updated_at or updated_at <= now:
            self.fits_until = max(self.fits_until or updated_at or now, updated_at or now)

    @property
    def names(self) -> set[str]:
        return self.fitting_names | self.misfit_names

    def broken(self, endpoint: Endpoint, known: Iterable[str], source: str) -> Iterator[str]:
        """What is wrong in the same way in all records from some instant on, or in all where nothing fits: that is no row that
        went wrong, the source has changed. A few at the end of much that is new and right may be chance; if not, the next run
        has nothing else. Of those without an instant nobody can tell whether they are the last."""
        dated = [misfit for misfit in self.misfits if misfit[0]]
        last = [misfit for misfit in dated if not self.fits_until or misfit[0] > self.fits_until]
        if not self.fits_until and not dated:
            last = self.misfits
        if not last or (self.new and len(last) < FEW_WRONG):
            return
        _, example, reasons = last[0]
        for place in [place for place in reasons if all(place in wrong for *_, wrong in last)]:
            yield f"{reasons[place]} in all of {len(last)} new records."
            new = self.misfit_names - (self.fitting_names or set(known)) - {field.name for field in endpoint.contract}
            if now := likely_name(place, new, lambda name, place=place: self._mends(endpoint, example, place, name)):
                renamed = json.dumps({**endpoint.renamed, place: now}, ensure_ascii=False)
                yield f"If it is called {now} now, write renamed={renamed} into Endpoint({endpoint.table!r}, …) of {source}."

    @staticmethod
    def _mends(endpoint: Endpoint, said: Any, place: str, name: str) -> bool:
        """Whether a record that does not fit would, as far as this place goes, if the field had this name."""
        _, wrong = replace(endpoint, renamed={**endpoint.renamed, place: name}).row(said, datetime.now(UTC))
        return not any(at == place or at.startswith((f"{place}.", f"{place}[")) for at in wrong)


def replayed(
    context: Context, endpoints: Sequence[Endpoint], table: str, rows: Sequence[Quarantined]
) -> tuple[pyarrow.Table | None, dict[str, str]]:
    """Quarantined records under today's contract: those that fit, as they land, and for the others why not. Left out is what
    raw has learnt since: the record itself, or what a later load says of the same version."""
    endpoint = next((endpoint for endpoint in endpoints if endpoint.table == table), None)
    if not endpoint:
        return None, dict.fromkeys((row.row_id for row in rows), "its endpoint is no longer read")
    fitting: dict[Version, tuple[str, Row]] = {}  # the last load that brought it
    reasons = {}
    for quarantined in sorted(rows, key=lambda row: row.load_id):
        row, wrong = endpoint.row(_said(quarantined.record), quarantined.changed_at)
        if wrong:
            reasons[quarantined.row_id] = "; ".join(wrong.values())
        else:
            key, _, text, changed_at = row
            fitting[(key, changed_at) if key else (_digest(text), None)] = quarantined.load_id, row
    known = _versions(context, endpoint, min((row[3] for _, row in fitting.values()), default=None))
    instants: dict[str | None, list[tuple[datetime, str]]] = {}  # by key: of its versions, and when they were told
    for (key, changed_at), loads in known.items():
        if changed_at:
            instants.setdefault(key, []).append((changed_at, min(loads.values())))
    new = []
    for load_id, (key, updated_at, text, changed_at) in sorted(fitting.values(), key=lambda found: (found[0], found[1][3])):
        # As when it is read: what was told later is the later version, be it dated earlier.
        if told_before := [at for at, first_load in instants.get(key, ()) if at > changed_at and first_load < load_id]:
            changed_at = max(told_before) + MICROSECOND
            instants[key].append((changed_at, ""))
        digest = _digest(text)
        loads = known.get((key, changed_at) if key else (digest, None), {})
        if digest not in loads and max(loads.values(), default="") <= load_id:
            new.append((key, updated_at, text, changed_at))
    return (_arrow(new) if new else None), reasons


def _versions(context: Context, endpoint: Endpoint, since: datetime | None) -> dict[Version, dict[str, str]]:
    """By version: the MD5 of each record that raw has of it, and the load; of those that hold from this instant or later."""
    found: dict[Version, dict[str, str]] = {}
    if since and context.has_rows(endpoint.table):
        digest, literal = context.session.md5("record"), context.session.literal(since)
        for key, changed_at, md5, load_id in context.session.rows(
            f"select id, {CHANGED_AT}, {digest}, _dlt_load_id from {context.complete_rows(endpoint.table)} as known "
            + (f"where {CHANGED_AT} >= {literal}" if endpoint.key else "")
        ):
            found.setdefault((key, changed_at) if key else (md5, None), {})[md5] = load_id
    return found


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
            parsed = _parsed(response.content.decode("utf-8-sig"))  # JSON is UTF-8, whatever the headers say or do not
        except (ValueError, RecursionError) as error:
            raise IngestError(f"The answer of {_address(response)} is not JSON: {first_line(error)}") from error
        found = jsonpath.find_values(records, parsed)
        if not found or not isinstance(found[0], list):
            raise Broken(
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


# What JSON should not hold, and some servers send: each carries half a character, so that its record can't be encoded, which
# is where `_text` notices. To look at every value would cost more than to parse it.
class _Constant(str):
    """NaN and its like."""


class _Twice(dict):
    """An object that names a field twice: `pairs` is what it said."""

    pairs: list[tuple[str, Any]]


def _constant(name: str) -> _Constant:
    return _Constant(name + HALF)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        found = _Twice({**found, HALF: None})
        found.pairs = pairs
    return found


def _parsed(text: str) -> Any:
    """JSON, with every digit of its numbers, and nothing that it says dropped."""
    return simplejson.loads(text, use_decimal=True, allow_nan=True, parse_constant=_constant, object_pairs_hook=_object)


def _text(record: Any, wrong: dict[str, str]) -> str:
    """The record as JSON; adds to `wrong` what no JSON column of every engine holds as it was said."""
    text = simplejson.dumps(record, use_decimal=True, ensure_ascii=False, separators=(",", ":"))
    if NUL.search(text):
        wrong["\\u0000"] = "a string has the character \\u0000, which PostgreSQL does not hold"
    try:
        text.encode()
    except UnicodeEncodeError:
        wrong[HALF] = _odd(record) or "a string has half a character (a lone surrogate)"
    return text


def _odd(value: Any) -> str | None:
    """What is not as JSON should be anywhere in this value."""
    if isinstance(value, _Constant):
        return f"a value is {value.removesuffix(HALF)}, which JSON does not have"
    if isinstance(value, _Twice):
        names = Counter(name for name, _ in value.pairs)
        return f"an object names {names.most_common(1)[0][0]} twice"
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next(filter(None, map(_odd, inner)), None)


def _as_said(record: Any) -> str:
    """The record as quarantine holds it: JSON that every engine can hold."""
    wrong: dict[str, str] = {}
    text = _text(record, wrong)
    return text if isinstance(record, dict) and HALF not in wrong else json.dumps({AS_TEXT: _written(record)})


def _said(record: str) -> Any:
    """The record that quarantine holds as `_as_said` wrote it."""
    said = _parsed(record)
    return _parsed(said[AS_TEXT]) if said.keys() == {AS_TEXT} else said


def _written(value: Any) -> str:
    """The JSON that gave this value, in ASCII."""
    if isinstance(value, dict):
        pairs = value.pairs if isinstance(value, _Twice) else value.items()
        return "{" + ",".join(f"{json.dumps(name)}:{_written(inner)}" for name, inner in pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    return value.removesuffix(HALF) if isinstance(value, _Constant) else simplejson.dumps(value, use_decimal=True)


MISSING = object()


def _value(record: Any, names: Sequence[str]) -> Any:
    """What is at this path; MISSING when it leads nowhere."""
    for name in names:
        record = record.get(name, MISSING) if isinstance(record, dict) else MISSING
    return record


def _with(record: Any, names: Sequence[str], value: Any) -> dict[str, Any]:
    """The record with this value at this path; the record itself stays as it is."""
    name, *rest = names
    record = record if isinstance(record, dict) else {}
    return {**record, name: _with(record.get(name), rest, value) if rest else value}


def _add_names(record: dict[str, Any], prefix: str, names: set[str]) -> None:
    """Adds the names of all fields: `amount.value`, `lines[].amount`."""
    for key, value in record.items():
        name = prefix + key
        names.add(name)
        if isinstance(value, dict):
            _add_names(value, name + ".", names)
        elif isinstance(value, list):
            for element in value:
                if isinstance(element, dict):
                    _add_names(element, name + "[].", names)


def _digest(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _arrow(rows: Iterable[Row]) -> pyarrow.Table:
    columns = zip(*rows, strict=True)
    return pyarrow.table([pyarrow.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)], schema=SCHEMA)


def _address(response: Response) -> str:
    """The address without its parameters, in which some APIs want their secrets."""
    return response.url.partition("?")[0]
