"""The cost of a wait: calls a round, CPU seconds an hour, and memory.

    python tests/bench/waiting.py

Each wait for tasks of ten datasets lasts ten hours, in simulated time but over real HTTP, which takes
minutes: a sandbox in a process of its own has the clock of the client, so that the CPU seconds are those of
the client alone. None of the tasks ends meanwhile. Nothing is asserted, as machines are noisy.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from modelarts_export.api.client import Client
from modelarts_export.api.task import ExportTask
from modelarts_export.auth.credentials import Token
from modelarts_export.auth.request_auth import TokenAuth
from modelarts_export.clock import Clock
from modelarts_export.config.settings import Settings
from modelarts_export.polling.options import PollOptions
from modelarts_export.polling.poller import poll
from modelarts_export.request.models import ToNewDataset, ToObs
from modelarts_export.transport.session import Transport

HOUR = 3600.0
DURATION = 100 * HOUR  # of a task, so that none ends
SERVER = f"""\
import json, sys
from modelarts_export.sandbox.server import Sandbox

now = 1.6e9
with Sandbox(clock=lambda: now, task_duration={DURATION}) as sandbox:
    known = {{"url": sandbox.url, "project": sandbox.project_id, "token": sandbox.token}}
    print(json.dumps(known), flush=True)
    for line in sys.stdin:
        now += float(line)
        print(flush=True)
"""
TO_OBS = ToObs.model_validate({"path": "/b/out/"})


class CallCounter:
    """Counts calls."""

    calls = 0

    def add(self, _: object) -> None:
        """Count a call."""
        self.calls += 1


@dataclass(kw_only=True)
class BenchClient:
    """A client, the count of its calls, and the clock of client and server."""

    client: Client
    server_input: IO[str]
    server_output: IO[str]
    counter: CallCounter
    now: float = 0.0

    def sleep(self, seconds: float) -> None:
        """Advance the clock, that of the server too."""
        self.now += seconds
        print(seconds, file=self.server_input, flush=True)
        self.server_output.readline()

    def create_datasets(self) -> list[str]:
        """Return ten datasets: three of the sandbox, and seven that exports have created."""
        for index in range(7):
            bench_client = {
                "export_new_dataset_name": f"new-{index}",
                "export_new_dataset_work_path": f"/b/work/{index}/",
            }
            request = ToNewDataset.model_validate({"path": "/b/in/", "export_params": bench_client})
            self.client.create("sandbox-images", request)
        self.sleep(DURATION)
        new = [self.client.find_dataset(f"new-{index}").dataset_id for index in range(7)]
        return ["sandbox-images", "sandbox-failing", "sandbox-slow", *new]

    def wait(self, tasks: list[ExportTask]) -> None:
        """Wait for ten hours, and print the cost."""
        clock = Clock(monotonic=lambda: self.now, sleep=self.sleep, random=random.Random(1))
        started, cpu, calls = self.now, time.process_time(), self.counter.calls
        rounds, after_one = 0, 0.0
        for _ in poll(self.client, tasks, PollOptions(timeout=10 * HOUR), clock=clock):
            rounds += 1
            if not after_one and self.now - started >= HOUR:
                after_one = measure_memory()
        cpu, calls = time.process_time() - cpu, self.counter.calls - calls
        print(f"{len(tasks):,} tasks: {calls / rounds:.1f} calls a round, {rounds / 10:.0f} rounds an hour")
        print(f"  {cpu / 10:.2f} CPU seconds an hour")
        print(f"  {after_one:.1f} MiB after 1 h, {measure_memory():.1f} MiB after 10 h")


def measure_memory() -> float:
    """Return the memory of this process in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024**2


@contextmanager
def open_client() -> Iterator[BenchClient]:
    """Start a server in a process of its own, and yield the client."""
    command = [sys.executable, "-c", SERVER]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, text=True, stdin=pipe, stdout=pipe) as server:
        assert server.stdin
        assert server.stdout
        known = json.loads(server.stdout.readline())
        tally = CallCounter()
        transport = Transport(
            known["url"], TokenAuth(Token(token=known["token"])), Settings(), on_call=tally.add
        )
        client = Client(transport, known["project"])
        yield BenchClient(
            client=client, counter=tally, server_input=server.stdin, server_output=server.stdout
        )
        server.kill()


def run_benchmark() -> None:
    """Print the figures."""
    for number in (1, 100, 1000):
        with open_client() as bench_client:
            datasets = bench_client.create_datasets()
            tasks = [bench_client.client.create(datasets[index % 10], TO_OBS) for index in range(number)]
            bench_client.sleep(DURATION / 9)  # until most of them are running and have samples
            bench_client.wait(tasks)


if __name__ == "__main__":
    run_benchmark()
