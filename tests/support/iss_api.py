"""The API of docs/add-a-source.md: it says when the space station is next seen from a place."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class IssApi:
    """A local server that knows the passes over Wellington, and refuses to answer for any other place."""

    def __init__(self) -> None:
        self.passes: list[dict[str, int]] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                address = urlsplit(self.path)
                place = parse_qs(address.query)
                known = address.path == "/iss-pass.json" and place == {"lat": ["-41.3"], "lon": ["174.8"]}
                answer = json.dumps({"message": "success", "response": api.passes} if known else {"message": "failure"}).encode()
                self.send_response(200 if known else 400)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> "IssApi":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def settings(self) -> dict[str, str]:
        """The environment variables with which the source finds this server, and asks for Wellington."""
        return {
            "SOURCES__ISS__BASE_URL": f"http://127.0.0.1:{self._server.server_port}",
            "SOURCES__ISS__LATITUDE": "-41.3",
            "SOURCES__ISS__LONGITUDE": "174.8",
        }
