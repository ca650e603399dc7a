"""What it costs to poll a list that never ends, after a lost reply: seconds and memory of the whole command.

python tests/bench/polls.py [--limit SECONDS]

A real command against a server on this machine that closes the POST without a reply, and has a full page of
new tasks after each page, as fast as it can.
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


class _Endless(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Take the request, and hang up."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.close_connection = True

    def do_GET(self) -> None:
        """Give a hundred tasks that nobody has seen before."""
        number = next(_NUMBERS)
        tasks = [{"task_id": f"rF9NNoB56k5r{number}-{each}", "path": "/b/other/"} for each in range(100)]
        body = json.dumps({"total_count": 10**9, "export_tasks": tasks}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    """Print the costs; the exit code is 1 when the limit did not hold."""
    parser = argparse.ArgumentParser(description="Poll a list without an end")
    parser.add_argument("--limit", type=float, default=20.0)
    limit = parser.parse_args().limit
    with ThreadingHTTPServer(("127.0.0.1", 0), _Endless) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        own = {
            "HUAWEICLOUD_SDK_AK": "AKEXAMPLE0000000TEST",
            "HUAWEICLOUD_SDK_SK": "SKexample0123456789abcdefghijklmnopqrstuv",
            "HUAWEICLOUD_SDK_PROJECT_ID": "0123",
            "MODELARTS_EXPORT_ENDPOINT": f"http://127.0.0.1:{server.server_address[1]}",
        }
        command = [sys.executable, "-m", "modelarts_export", "to-obs", "abc", "--path", "/b/d/"]
        begun = time.perf_counter()
        done = subprocess.run(
            [*command, "--reconcile-timeout", f"{limit:g}s"], env={**os.environ, **own}, check=False
        )
        seconds = time.perf_counter() - begun
        server.shutdown()
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"exit {done.returncode}, {seconds:.1f} s, {memory:.0f} MiB, {next(_NUMBERS):,} pages")
    raise SystemExit(done.returncode != 10 or seconds > limit + 5)


if __name__ == "__main__":
    main()
