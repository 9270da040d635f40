"""A webhook's receiver in a thread: checks signatures, keeps what it got, says what it is told."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = b"geheim-geheim"


@dataclass(slots=True)
class Receiver:
    """What came, in order; `status` is what it answers."""

    port: int = 0
    status: int = 200
    got: list[dict[str, Any]] = field(default_factory=list)
    forged: list[str] = field(default_factory=list)  # signatures that were not right

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def take(self, body: bytes, timestamp: str, signature: str) -> None:
        wanted = hmac.new(SECRET, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        if signature != f"sha256={wanted}":
            self.forged.append(signature)
        self.got.append(json.loads(body))


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Listens on a free port of 127.0.0.1 until the context ends."""
    made = Receiver()

    class Post(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.take(
                body,
                self.headers.get("X-Secmon-Timestamp", ""),
                self.headers.get("X-Secmon-Signature", ""),
            )
            self.send_response(made.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Post)
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
