"""The cost of polling an endless list after a lost reply: seconds and memory of the whole command.

python tests/bench/polls.py [--limit SECONDS]

A real command runs against a server on loopback that closes the POST without a reply, and returns a full page
of new tasks for each page of the list.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

_NUMBERS = count()


class _EndlessListHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Read the request, and close the connection."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.close_connection = True

    def do_GET(self) -> None:
        """Return a page of a hundred new tasks."""
        number = next(_NUMBERS)
        tasks = [{"task_id": f"rF9NNoB56k5r{number}-{each}", "path": "/b/other/"} for each in range(100)]
        body = json.dumps({"total_count": 10**9, "export_tasks": tasks}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Do nothing."""


def main() -> None:
    """Print the cost; the exit code is 1 if the limit was exceeded."""
    parser = argparse.ArgumentParser(description="Poll an endless list")
    parser.add_argument("--limit", type=float, default=20.0)
    limit = parser.parse_args().limit
    with ThreadingHTTPServer(("127.0.0.1", 0), _EndlessListHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        variables = {
            "HUAWEICLOUD_SDK_AK": "AKEXAMPLE0000000TEST",
            "HUAWEICLOUD_SDK_SK": "SKexample0123456789abcdefghijklmnopqrstuv",
            "HUAWEICLOUD_SDK_PROJECT_ID": "0123",
            "MODELARTS_EXPORT_ENDPOINT": f"http://127.0.0.1:{server.server_address[1]}",
        }
        command = [sys.executable, "-m", "modelarts_export", "to-obs", "abc", "--path", "/b/d/"]
        started = time.perf_counter()
        done = subprocess.run(
            [*command, "--reconcile-timeout", f"{limit:g}s"], env={**os.environ, **variables}, check=False
        )
        seconds = time.perf_counter() - started
        server.shutdown()
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"exit {done.returncode}, {seconds:.1f} s, {memory:.0f} MiB, {next(_NUMBERS):,} pages")
    raise SystemExit(done.returncode != 10 or seconds > limit + 5)


if __name__ == "__main__":
    main()
