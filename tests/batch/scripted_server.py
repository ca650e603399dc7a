"""A server whose answers a function decides, for requests that come at the same time."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from modelarts_export.api.client import Client
from modelarts_export.auth.credentials import Token
from modelarts_export.auth.request_auth import TokenAuth
from modelarts_export.config.settings import Settings
from modelarts_export.transport.session import Transport

BUSY = (400, {"error_code": "ModelArts.4355", "error_msg": "busy"})
THROTTLED = (429, {"error_code": "APIGW.0308", "error_msg": "throttled; limit:5,time:2 second"})
REFUSED = (400, {"error_code": "ModelArts.4999", "error_msg": "refused"})

Answer = tuple[int, dict[str, Any]] | None
"""Status and body; None closes the connection without a reply."""


@dataclass(kw_only=True)
class ScriptedServer:
    """`posts` has dataset and path of each POST; `most` is how many there were at the same time."""

    url: str
    answer: Callable[[str, str], Answer]
    posts: list[tuple[str, str]] = field(default_factory=list)
    gets: list[str] = field(default_factory=list)
    most: int = 0
    inside: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def create(self, dataset_id: str, path: str) -> Answer:
        """Return the answer to a POST."""
        with self.lock:
            self.posts.append((dataset_id, path))
            self.inside += 1
            self.most = max(self.most, self.inside)
        try:
            return self.answer(dataset_id, path)
        finally:
            with self.lock:
                self.inside -= 1

    def make_client(self, **settings: Any) -> Client:  # noqa: ANN401 - as Settings has them
        """Return a client for this server."""
        transport = Transport(self.url, TokenAuth(Token(token="any")), Settings(**settings))
        return Client(transport, "p1")


def accept(_dataset_id: str, path: str) -> Answer:
    """Accept every request; the task's ID is made of its path."""
    return 200, {"task_id": "task-" + path.strip("/").replace("/", "-")}


@contextmanager
def serve(answer: Callable[[str, str], Answer] = accept) -> Iterator[ScriptedServer]:
    """Serve answers to POST; the list of tasks is empty."""

    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = server.create(self.path.split("/")[4], body["path"])
            if answer is None:
                self.close_connection = True
            else:
                self.reply(*answer)

        def do_GET(self) -> None:
            server.gets.append(self.path)
            self.reply(200, {"export_tasks": [], "total_count": 0})

        def reply(self, status: int, fields: dict[str, Any]) -> None:
            content = json.dumps(fields).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            with suppress(ConnectionError):  # the client was killed
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Keep stderr quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        server = ScriptedServer(url=f"http://127.0.0.1:{http.server_address[1]}", answer=answer)
        thread = threading.Thread(target=http.serve_forever, args=(0.002,), daemon=True)
        thread.start()
        yield server
        http.shutdown()
        thread.join()
