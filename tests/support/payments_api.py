"""A payments API that answers as a test says."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit
from urllib.request import Request, urlopen

from demo.servers import Systems


class PaymentsApi:
    """Each request takes the next answer of `script` (status, body, headers), and a good one when that is used up.

    A body that is None breaks the connection off. `records` are what a good answer pages through; `queries` and `times` say
    what was asked, and when, `tokens` the Authorization that came with it. A path in `redirects` is answered with the address there.
    """

    def __init__(self) -> None:
        self.script: list[tuple[int, Any, dict[str, str]]] = []
        self.queries: list[str] = []
        self.times: list[datetime] = []
        self.tokens: list[str | None] = []
        self.redirects: dict[str, str] = {}
        self.records: dict[str, list[dict]] = {"payments": [], "refunds": []}

    def __enter__(self) -> "PaymentsApi":
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                url = urlsplit(self.path)
                api.queries.append(url.query)
                api.times.append(datetime.now(UTC))
                api.tokens.append(self.headers["Authorization"])
                status, body, headers = api.answer(url)
                content = (body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content) + (100 if body is None else 0)))
                self.end_headers()
                self.wfile.write(content)
                if body is None:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, url: SplitResult) -> tuple[int, Any, dict[str, str]]:
        if url.path in self.redirects:
            return 301, "moved", {"Location": self.redirects[url.path]}
        return self.script.pop(0) if self.script else (200, self.page(url), {})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def page(self, url: SplitResult) -> dict[str, Any]:
        """Two records a page, ordered by cursor and id; the pointer to the next page is its offset."""
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        since = datetime.fromisoformat(asked.get("updated_since", "1970-01-01T00:00:00Z"))
        rows = [r for r in self.records[url.path.rstrip("/").rpartition("/")[2]] if datetime.fromisoformat(r["updated_at"]) >= since]
        rows.sort(key=lambda r: (r["updated_at"], r["id"]))
        start = int(asked.get("cursor", 0))
        return {"data": rows[start : start + 2], "next_cursor": str(start + 2) if start + 2 < len(rows) else None}

    def answer_once(self, *records: dict[str, Any]) -> None:
        """Answer the next request, which is for payments, with one page of these records in this order."""
        self.script = [(200, {"data": records, "next_cursor": None}, {})]

    def proxy(self, systems: Systems, settings: dict[str, str]) -> None:
        """Take the company's real records, and be the API in these settings."""
        with company_api(systems) as ask:
            self.records = {table: ask(table) for table in self.records}
        settings["SOURCES__PAYMENTS__BASE_URL"] = self.url


@contextmanager
def company_api(systems: Systems) -> Iterator[Callable[[str], list[dict]]]:
    """A function that gives all records of a list of the company's real API."""
    settings = systems.settings()

    def ask(table: str) -> list[dict]:
        records: dict[str, dict] = {}
        cursor: str | None = ""
        while cursor is not None:
            request = Request(
                f"{settings['SOURCES__PAYMENTS__BASE_URL']}/v1/{table}?limit=500{cursor and '&cursor=' + cursor}",
                headers={"Authorization": f"Bearer {settings['SOURCES__PAYMENTS__API_TOKEN']}"},
            )
            with urlopen(request, timeout=30) as answer:
                page = json.load(answer)
            records |= {record["id"]: record for record in page["data"]}
            cursor = page["next_cursor"]
        return list(records.values())

    systems.faults()
    yield ask


def payment(number: int, day: int = 1, **changes: Any) -> dict[str, Any]:
    """A payment as the provider sends it, with changes; a field whose value is ... is left out."""
    at = f"2026-01-{day:02}T03:00:00.000Z"
    record = {
        "id": f"pay_{number:02}",
        "object": "payment",
        "order": {"id": number, "channel": "web"},
        "amount": {"value": f"{number}.50", "currency": "NZD"},
        "method": {"type": "card", "card": {"brand": "visa", "last4": "0012"}},
        "status": "captured",
        "note": "김치 😀",
        "created_at": at,
        "updated_at": at,
    }
    return {name: value for name, value in (record | changes).items() if value is not ...}


def renamed_payment(number: int, day: int = 1, **changes: Any) -> dict[str, Any]:
    """A payment after the provider renamed `amount` to `total_amount`."""
    record = payment(number, day, **changes)
    return {("total_amount" if name == "amount" else name): value for name, value in record.items()}
