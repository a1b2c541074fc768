"""The payments company's REST API, run as a process of its own: `python -m demo.payments_api FILE PORT`.

It serves what lies in a SQLite file: tables payments and refunds (id, updated_at in milliseconds, record as
JSON text) and settings (the bearer token, how often it misbehaves, the names that its fields have by now).
Standard library only, to start fast.
"""

import base64
import json
import signal
import sqlite3
import sys
import threading
from contextlib import closing
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

SCHEMA = """
    pragma journal_mode = wal;
    create table if not exists payments (id text primary key, updated_at integer, record text) without rowid;
    create table if not exists refunds (id text primary key, updated_at integer, record text) without rowid;
    create table if not exists settings (name text primary key, value text) without rowid;
    create index if not exists payments_cursor on payments (updated_at, id);
    create index if not exists refunds_cursor on refunds (updated_at, id);
"""
DEFAULT_LIMIT, LARGEST_LIMIT = 100, 500
# Every n-th authorised request fails so; every n-th page begins with the last record of the one before.
FAULTS = {"too_many_every": 40, "unavailable_every": 61, "repeat_every": 7}


class Problem(Exception):
    """An answer that is an error: HTTP status, code, message, further headers."""

    def __init__(self, status: int, code: str, message: str, **headers: str):
        self.status, self.headers = status, headers
        self.body = {"error": {"code": code, "message": message}}


class Query(NamedTuple):
    """The parameters of a request, checked."""

    limit: int
    cursor: tuple[int, str, int] | None  # updated_at, id, page
    updated_since: int  # milliseconds


class Api(ThreadingHTTPServer):
    """The server: knows its file, and counts requests so that its faults come at the same ones every time."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, file: Path, port: int):
        super().__init__(("127.0.0.1", port), Handler)
        self.file, self._requests, self._lock = file, 0, threading.Lock()
        self._generation: str | None = None

    def next_request(self, generation: str) -> int:
        """The number of this request since the faults were last set (which changes their generation)."""
        with self._lock:
            if generation != self._generation:
                self._requests, self._generation = 0, generation
            self._requests += 1
            return self._requests


class Handler(BaseHTTPRequestHandler):
    """One connection, kept alive over many requests, with one connection to the file."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # headers and body in one packet: otherwise every answer waits for a delayed ACK
    disable_nagle_algorithm = True
    timeout = 120
    server: Api

    def setup(self) -> None:
        super().setup()
        self.database = sqlite3.connect(self.server.file, timeout=30, isolation_level=None)

    def finish(self) -> None:
        self.database.close()
        super().finish()

    def do_GET(self) -> None:
        try:
            status, body, headers = 200, self._answer(), {}
        except Problem as problem:
            status, body, headers = problem.status, json.dumps(problem.body), problem.headers
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a load makes a thousand requests."""

    def _answer(self) -> str:
        url = urlsplit(self.path)
        if url.path == "/health":
            return '{"status":"ok"}'
        settings = dict(self.database.execute("select name, value from settings"))
        self._authorise(settings.get("token"))
        if url.path not in ("/v1/payments", "/v1/refunds"):
            raise Problem(404, "not_found", f"There is no {url.path}.")
        query = _query(url.query)
        self._misbehave(settings)
        return self._page(url.path.removeprefix("/v1/"), query, settings)

    def _authorise(self, token: str | None) -> None:
        scheme, _, given = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token or given.strip() != token:
            text = "The bearer token is missing, wrong or has expired."
            raise Problem(401, "unauthorized", text, WWW_Authenticate="Bearer")

    def _misbehave(self, settings: dict[str, str]) -> None:
        number = self.server.next_request(settings.get("generation", ""))
        too_many, unavailable = int(settings.get("too_many_every", 0)), int(settings.get("unavailable_every", 0))
        if too_many and number % too_many == 0:
            raise Problem(429, "too_many_requests", "Slow down.", Retry_After="1")
        if unavailable and number % unavailable == 0:
            raise Problem(503, "unavailable", "Try again later.")

    def _page(self, table: str, query: Query, settings: dict[str, str]) -> str:
        """Records after the cursor, or from updated_since on; as JSON text."""
        repeat_every, names = int(settings.get("repeat_every", 0)), json.loads(settings.get("renamed", "{}"))
        at, id_, page = query.cursor or (query.updated_since, "", 1)
        again = repeat_every and page > 1 and page % repeat_every == 0
        rows = self.database.execute(
            f"select updated_at, id, record from {table} "
            f"where (updated_at, id) {'>=' if again else '>'} (?, ?) order by updated_at, id limit ?",
            (at, id_, query.limit + 1),
        ).fetchall()
        more, rows = len(rows) > query.limit, rows[: query.limit]
        cursor = json.dumps(_to_cursor(rows[-1][0], rows[-1][1], page + 1)) if more else "null"
        return f'{{"data":[{",".join(_renamed(record, names) for _, _, record in rows)}],"next_cursor":{cursor}}}'


def _renamed(record: str, names: dict[str, str]) -> str:
    """The record as the API hands it out since it renamed these fields; amounts are texts, so no digit is lost."""
    if not names:
        return record
    fields = {names.get(name, name): value for name, value in json.loads(record).items()}
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False)


def _query(text: str) -> Query:
    given = {name: values[-1] for name, values in parse_qs(text, keep_blank_values=True).items()}
    if unknown := given.keys() - {"updated_since", "limit", "cursor"}:
        raise Problem(400, "bad_request", f"Unknown parameter {min(unknown)!r}.")
    try:
        limit = int(given.get("limit", DEFAULT_LIMIT))
    except ValueError:
        limit = 0
    if not 1 <= limit <= LARGEST_LIMIT:
        raise Problem(400, "bad_request", f"limit must be a whole number from 1 to {LARGEST_LIMIT}.")
    cursor = _from_cursor(given["cursor"]) if given.get("cursor") else None
    return Query(limit, cursor, _milliseconds(given.get("updated_since")))


def _milliseconds(text: str | None) -> int:
    """An ISO timestamp as milliseconds since 1970, rounded up, as updated_since is inclusive; 0 if none."""
    if not text:
        return 0
    try:
        timestamp = datetime.fromisoformat(text)
    except ValueError:
        timestamp = None
    if timestamp is None or timestamp.tzinfo is None:
        raise Problem(400, "bad_request", "updated_since must be an ISO timestamp with its zone: 2026-01-05T03:04:05Z.")
    since = timestamp - datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    microseconds = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return -(-microseconds // 1000)


def _to_cursor(at: int, id_: str, page: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([at, id_, page]).encode()).decode()


def _from_cursor(text: str) -> tuple[int, str, int]:
    try:
        at, id_, page = json.loads(base64.urlsafe_b64decode(text))
        return int(at), str(id_), int(page)
    except (ValueError, TypeError):
        raise Problem(400, "bad_request", "The cursor is not one of ours.") from None


def open_file(file: Path) -> sqlite3.Connection:
    """The API's file with its tables, made if need be; only its owner may read it."""
    file.touch(mode=0o600)
    connection = sqlite3.connect(file, timeout=30)
    connection.executescript(SCHEMA)
    return connection


def main() -> None:
    """Serve until SIGTERM."""
    file, port = Path(sys.argv[1]), int(sys.argv[2])
    with closing(open_file(file)):
        api = Api(file, port)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        api.serve_forever()
    finally:
        api.server_close()


if __name__ == "__main__":
    main()
