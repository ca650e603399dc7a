"""A command closes its connections before it returns."""

import json
import threading
from socket import socket

from tests.conftest import Run
from tests.support.raw_server import RawServer, make_reply, serve


def test_command_closes_its_connections(run: Run) -> None:
    """Before the process exits, the server reads the end of the stream."""
    closed = threading.Event()

    def keep_alive(server: RawServer, peer: socket) -> None:
        while server.read(peer):
            peer.sendall(make_reply("200 OK", json.dumps({"task_id": "t1", "status": "RUNNING"}).encode()))
        closed.set()

    with serve(keep_alive) as server:
        outcome = run("to-obs abc --path /b/d/", **server.variables)
        assert (outcome.code, len(server.requests), server.connections) == (0, 2, 1)
        assert closed.wait(5)
