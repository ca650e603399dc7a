"""Many submissions to a service with faults, and the result of each of them.

python tests/bench/soak.py [--submissions N] [--threads N] [--seed N] [--batch]

With --batch, one run of a batch submits them, each to a path of its own.

Real HTTP over loopback into the sandbox, with simulated time that runs a hundred times faster. The counts of
faults differ slightly between two runs with one seed, since the order of threads is not fixed.
"""

import argparse
import json
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from requests import PreparedRequest

from modelarts_export.api.client import Client
from modelarts_export.auth.credentials import Token
from modelarts_export.auth.request_auth import TokenAuth
from modelarts_export.batch.plan import BatchOptions, PlannedExport
from modelarts_export.batch.runner import BatchRunner
from modelarts_export.clock import Clock
from modelarts_export.config.parsers import parse_duration
from modelarts_export.config.settings import Settings
from modelarts_export.errors import ModelArtsExportError
from modelarts_export.request.models import ToObs
from modelarts_export.sandbox.faults.catalog import Fault, Faults
from modelarts_export.sandbox.faults.parser import parse_fault
from modelarts_export.sandbox.messages import HttpReply, Request
from modelarts_export.sandbox.server import Sandbox
from modelarts_export.submission.coordinator import SubmissionCoordinator
from modelarts_export.submission.events import (
    DuplicateFound,
    SubmissionEvent,
    SubmissionSkipped,
    TaskAccepted,
    TaskRecovered,
    TaskReused,
)
from modelarts_export.submission.submission import Submission
from modelarts_export.transport.session import Transport

SPEED = 100.0  # simulated seconds a second
SHARE = 0.2  # of create calls and of polls that have a fault
DATASETS = 20  # so that a list has one or two pages
CREATE_FAULTS = [
    "refuse",
    *("drop:accepted=yes", "drop:accepted=no", "drop:accepted=yes,by=rst", "drop:accepted=no,by=rst"),
    "cut",
    "stall:for=1s",  # a real second, longer than the read timeout
    *("500:accepted=yes", "500:accepted=no", "502:accepted=yes", "502:accepted=no"),
    *("504:accepted=yes", "504:accepted=no", "503:accepted=yes,code=none", "503:retry-after=2s"),
    *("429:retry-after=2s", "busy"),
]
POLL_FAULTS = ["drop:on=list", "cut:on=list", "500:on=list", "502:on=list", "429:on=list,retry-after=1s"]
# An outage so long that some tasks are not recovered in time.
OUTAGE = "502:on=list,after=20,count=200"
LAG = "lag:for=4s,on=list,probability=0.5"
SETTINGS = Settings(read_timeout=0.4, max_retries=1, queue_timeout=20.0)


class FastTime:
    """Clocks that run SPEED times faster."""

    def __init__(self) -> None:
        """Start with the time of this machine."""
        self._began, self._wall = time.monotonic(), time.time()

    def monotonic(self) -> float:
        """Return the monotonic clock, in seconds."""
        return (time.monotonic() - self._began) * SPEED

    def time(self) -> float:
        """Return epoch seconds."""
        return self._wall + self.monotonic()

    def sleep(self, seconds: float) -> None:
        """Sleep for simulated seconds."""
        time.sleep(seconds / SPEED)

    def make_clock(self, seed: int) -> Clock:
        """Return the clocks as a parameter, with repeatable random numbers."""
        return Clock(monotonic=self.monotonic, time=self.time, sleep=self.sleep, random=random.Random(seed))


class NumberedTokenAuth(TokenAuth):
    """An auth that adds the number of the submission to each request; each thread sets its own number."""

    def __init__(self, token: str) -> None:
        """Use a token, and a number for each thread."""
        super().__init__(Token(token=token))
        self._here = threading.local()

    @property
    def number(self) -> int:
        """The number of the submission of this thread."""
        return int(self._here.number)

    @number.setter
    def number(self, number: int) -> None:
        self._here.number = number

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the number to the headers."""
        request.headers["X-Submission"] = str(self.number)
        return super().__call__(request)


@dataclass(kw_only=True)
class Record:
    """The calls, the tasks and the results of all submissions; several threads write to it."""

    calls: Counter[str] = field(default_factory=Counter)
    created: dict[str, int] = field(default_factory=dict)
    reported_ids: defaultdict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    warnings: defaultdict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    exit_codes: dict[int, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def exit_counts(self) -> Counter[int]:
        """The number of submissions for each exit code."""
        return Counter(self.exit_codes.values())

    @property
    def accepted_unknown(self) -> int:
        """The number of submissions with exit code 10 that created a task."""
        return len({number for number in self.created.values() if self.exit_codes[number] == 10})

    @property
    def duplicates(self) -> int:
        """The number of tasks beyond the first of each submission."""
        return len(self.created) - len(set(self.created.values()))

    @property
    def is_consistent(self) -> bool:
        """Whether the tasks are those of exit code 0 and of accepted submissions with exit code 10."""
        return len(self.created) - self.duplicates == self.exit_counts[0] + self.accepted_unknown

    @property
    def lost_ids(self) -> list[str]:
        """The IDs that were not reported, although the exit code was not 10."""
        return [
            task_id
            for task_id, number in self.created.items()
            if self.exit_codes[number] != 10
            and task_id not in " ".join(self.reported_ids[number] + self.warnings[number])
        ]

    @property
    def wrong_ids(self) -> list[str]:
        """The IDs that were reported by a submission that did not create the task."""
        pairs = ((task_id, number) for number, task_ids in self.reported_ids.items() for task_id in task_ids)
        return [task_id for task_id, number in pairs if self.created.get(task_id) != number]


def record_event(record: Record, number: int, event: SubmissionEvent) -> None:
    """Record the IDs of an event of a submission."""
    match event:
        case TaskAccepted() | TaskRecovered() | TaskReused() | SubmissionSkipped():
            record.reported_ids[number].append(event.task.task_id)
            if isinstance(event, TaskRecovered):
                record.warnings[number].extend(event.task_ids[1:])
        case DuplicateFound(duplicate=duplicate):
            record.warnings[number].append(duplicate.task_id)


def make_faults(seed: int) -> Faults:
    """Return faults of create calls and of polls with the probability SHARE, an outage and a lag."""
    others = [parse_fault(words, parse_duration) for words in (OUTAGE, LAG)]
    return Faults(
        [*others, *_parse_with_shares(CREATE_FAULTS), *_parse_with_shares(POLL_FAULTS)],
        rng=random.Random(seed),
    )


def _parse_with_shares(words: Sequence[str]) -> list[Fault]:
    # A fault is considered only if none before it was applied to the call.
    shares = [SHARE / len(words) / (1 - SHARE * before / len(words)) for before in range(len(words))]
    return [
        parse_fault(f"{each}{',' if ':' in each else ':'}probability={share:.9f}", parse_duration)
        for each, share in zip(words, shares, strict=True)
    ]


def run_soak(submissions: int, *, threads: int = 16, seed: int = 1) -> Record:
    """Run submissions, three of ten for the same export, and return the record."""
    record, now = Record(), FastTime()
    sandbox = _make_sandbox(record, now, seed, lambda _path, header: int(header))
    datasets = _create_datasets(sandbox)
    sender = NumberedTokenAuth(sandbox.token)
    client = Client(Transport(sandbox.url, sender, SETTINGS), sandbox.project_id)
    clock, coordinator = now.make_clock(seed), SubmissionCoordinator()

    def submit(number: int) -> None:
        sender.number = number
        export_number = number - number % 10 if number % 10 < 3 else number
        dataset_id = datasets[export_number % len(datasets)]
        request = ToObs(path=f"/soak/{export_number}/")
        try:
            Submission(
                client,
                dataset_id,
                request,
                on_event=partial(record_event, record, number),
                coordinator=coordinator,
                clock=clock,
            ).run()
            record.exit_codes[number] = 0
        except ModelArtsExportError as error:
            record.exit_codes[number] = error.exit_code

    start = time.perf_counter()
    with sandbox, ThreadPoolExecutor(threads) as pool:
        list(pool.map(submit, range(submissions)))
    record.seconds = time.perf_counter() - start
    return record


def run_batch_soak(exports: int, *, threads: int = 16, seed: int = 1) -> Record:
    """Submit a batch, in which each export has a path of its own, and return the record."""
    record, now = Record(), FastTime()
    sandbox = _make_sandbox(record, now, seed, lambda path, _header: _get_number(path))
    datasets = _create_datasets(sandbox)
    client = Client(
        Transport(sandbox.url, TokenAuth(Token(token=sandbox.token)), SETTINGS), sandbox.project_id
    )
    plan = [
        PlannedExport(
            spec=f"soak.yaml:{number}",
            name=None,
            dataset_id=datasets[number % len(datasets)],
            request=ToObs(path=f"/soak/{number}/"),
        )
        for number in range(exports)
    ]
    runner = BatchRunner(
        client,
        plan,
        BatchOptions(concurrency=threads),
        on_event=lambda event: record_event(record, _get_number(event.export.path), event),
        clock=now.make_clock(seed),
        coordinator=SubmissionCoordinator(),
    )
    start = time.perf_counter()
    with sandbox:
        rows = runner.run()
    record.seconds = time.perf_counter() - start
    for number, row in enumerate(rows):
        record.exit_codes[number] = -1 if row.exit_code is None else row.exit_code
        if row.task and row.task.task_id not in record.reported_ids[number]:
            record.reported_ids[number].append(row.task.task_id)
    return record


def _get_number(path: str) -> int:
    return int(path.split("/")[2])


def _make_sandbox(
    record: Record, now: FastTime, seed: int, find_number: Callable[[str, str], int]
) -> Sandbox:
    """Return a sandbox with faults, which records which submission has created each task.

    `find_number` returns the number of a submission, from its path and the header X-Submission.
    """
    lock = threading.Lock()

    def observe(request: Request, _: HttpReply) -> None:
        with lock:
            record.calls[request.method] += 1
            if request.method != "POST" or not request.body:
                return
            path, dataset_id = json.loads(request.body)["path"], request.target.split("/")[4]
            # One submission at a time has a path, so that it created each new task with this path.
            for task in sandbox.gateway.cloud.list_tasks(dataset_id):
                if task.request_fields["path"] == path:
                    number = find_number(path, request.get_header("X-Submission") or "")
                    record.created.setdefault(task.task_id, number)

    sandbox = Sandbox(clock=now.time, rng=random.Random(seed), faults=make_faults(seed), observe=observe)
    return sandbox


def _create_datasets(sandbox: Sandbox) -> list[str]:
    """Create the datasets of the run, and return their IDs."""
    cloud = sandbox.gateway.cloud
    for number in range(DATASETS):
        params = {
            "export_dest": "NEW_DATASET",
            "export_new_dataset_name": f"soak-{number}",
            "export_new_dataset_work_path": f"/soak/work/{number}/",
        }
        body = {"path": "/soak/in/", "export_params": params}
        cloud.add_task(sandbox.dataset_id, body, age=3600, duration=0)
    return [each.dataset_id for each in cloud.list_datasets() if each.name.startswith("soak-")]


def main() -> None:
    """Print the counts; the exit code is 1 if an ID was lost or wrong, or if counts differ."""
    parser = argparse.ArgumentParser(description="Submit to a service with faults")
    parser.add_argument("--submissions", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", action="store_true")
    arguments = parser.parse_args()
    run = run_batch_soak if arguments.batch else run_soak
    record = run(arguments.submissions, threads=arguments.threads, seed=arguments.seed)
    rows = {
        "submissions": len(record.exit_codes),
        "tasks on the server": len(record.created),
        **{f"exits {code}": count for code, count in sorted(record.exit_counts.items())},
        "exits 10 that were accepted": record.accepted_unknown,
        "duplicate tasks": record.duplicates,
        "lost IDs": len(record.lost_ids),
        "wrong IDs": len(record.wrong_ids),
        "create calls": record.calls["POST"],
        "polls": record.calls["GET"],
        "seconds": round(record.seconds),
    }
    for name, count in rows.items():
        print(f"{name:28}{count:>7,}")
    raise SystemExit(bool(record.lost_ids or record.wrong_ids or not record.is_consistent))


if __name__ == "__main__":
    main()
