"""Many submissions through a cloud that fails now and then, and what has become of each of them.

python tests/bench/soak.py [--submissions N] [--threads N] [--seed N]

Real HTTP over loopback into the sandbox, with time that runs a hundred times faster than ours. The counts of
faults differ a little between two runs with one seed, since threads come in any order.
"""

import argparse
import json
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from requests import PreparedRequest

from modelarts_export.api.client import Client
from modelarts_export.auth.credentials import Token
from modelarts_export.auth.request_auth import TokenAuth
from modelarts_export.clock import Clock
from modelarts_export.config.parsers import parse_duration
from modelarts_export.config.settings import Settings
from modelarts_export.errors import ModelArtsExportError
from modelarts_export.request.models import ToObs
from modelarts_export.sandbox.faults.catalogue import Fault, Faults
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

SPEED = 100.0  # how much faster than ours the time of the soak runs
SHARE = 0.2  # of the creations, and of the looks, that meet a fault
DATASETS = 20  # so that a list has a page or two, as in life
CREATIONS = [
    "refuse",
    *("drop:accepted=yes", "drop:accepted=no", "drop:accepted=yes,by=rst", "drop:accepted=no,by=rst"),
    "cut",
    "stall:for=1s",  # of our time, and longer than the read timeout
    *("500:accepted=yes", "500:accepted=no", "502:accepted=yes", "502:accepted=no"),
    *("504:accepted=yes", "504:accepted=no", "503:accepted=yes,code=none", "503:retry-after=2s"),
    *("429:retry-after=2s", "busy"),
]
LOOKS = ["drop:on=list", "cut:on=list", "500:on=list", "502:on=list", "429:on=list,retry-after=1s"]
# An outage so long that some tasks are not found in time, although they are there.
OUTAGE = "502:on=list,after=20,count=200"
LAG = "lag:for=4s,on=list,probability=0.5"
SETTINGS = Settings(read_timeout=0.4, max_retries=1, queue_timeout=20.0)


class FastTime:
    """Time that runs SPEED times faster than ours, from now on."""

    def __init__(self) -> None:
        """Begin with the time of this machine."""
        self._began, self._wall = time.monotonic(), time.time()

    def clock(self) -> float:
        """Return seconds of a clock that never goes back."""
        return (time.monotonic() - self._began) * SPEED

    def wall(self) -> float:
        """Return epoch seconds."""
        return self._wall + self.clock()

    def sleep(self, seconds: float) -> None:
        """Let seconds pass."""
        time.sleep(seconds / SPEED)


class Sender(TokenAuth):
    """Writes on each request whose it is: the number of the submission that this thread makes."""

    def __init__(self, token: str) -> None:
        """Keep the token, and a number for each thread."""
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
    """What the server did for each submission, and what each was told; several threads write to it."""

    calls: Counter[str] = field(default_factory=Counter)
    made: dict[str, int] = field(default_factory=dict)
    told: defaultdict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    warnings: defaultdict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    ends: dict[int, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def exits(self) -> Counter[int]:
        """How many submissions ended with each exit code."""
        return Counter(self.ends.values())

    @property
    def accepted_unknown(self) -> int:
        """How many ended with 10 although there is a task."""
        return len({number for number in self.made.values() if self.ends[number] == 10})

    @property
    def twins(self) -> int:
        """How many tasks there are beside the first of each submission."""
        return len(self.made) - len(set(self.made.values()))

    @property
    def adds_up(self) -> bool:
        """Whether each task on the server is that of an exit 0, or of an exit 10 that was accepted."""
        return len(self.made) - self.twins == self.exits[0] + self.accepted_unknown

    @property
    def lost(self) -> list[str]:
        """The IDs that nobody was told of, although the submission did not end with 10."""
        return [
            task_id
            for task_id, number in self.made.items()
            if self.ends[number] != 10 and task_id not in " ".join(self.told[number] + self.warnings[number])
        ]

    @property
    def strange(self) -> list[str]:
        """The IDs that somebody was told of whose tasks they are not."""
        pairs = ((task_id, number) for number, told in self.told.items() for task_id in told)
        return [task_id for task_id, number in pairs if self.made.get(task_id) != number]


def handle(record: Record, number: int, event: SubmissionEvent) -> None:
    """Keep the IDs that an event of a submission tells, and warnings of others."""
    match event:
        case TaskAccepted() | TaskRecovered() | TaskReused() | SubmissionSkipped():
            record.told[number].append(event.task.task_id)
            if isinstance(event, TaskRecovered):
                record.warnings[number].extend(event.task_ids[1:])
        case DuplicateFound(duplicate=duplicate):
            record.warnings[number].append(duplicate.task_id)


def faults(seed: int) -> Faults:
    """Return faults that a creation, and a look, meets with the probability SHARE, an outage and a lag."""
    others = [parse_fault(words, parse_duration) for words in (OUTAGE, LAG)]
    return Faults([*others, *_each(CREATIONS), *_each(LOOKS)], rng=random.Random(seed))


def _each(words: Sequence[str]) -> list[Fault]:
    # A fault is asked only when those before it have let the call pass.
    shares = [SHARE / len(words) / (1 - SHARE * before / len(words)) for before in range(len(words))]
    return [
        parse_fault(f"{each}{',' if ':' in each else ':'}probability={share:.9f}", parse_duration)
        for each, share in zip(words, shares, strict=True)
    ]


def soak(submissions: int, *, threads: int = 16, seed: int = 1) -> Record:
    """Make so many submissions, three of ten identical to their neighbours, and return what came of them."""
    record, now = Record(), FastTime()
    lock = threading.Lock()

    def observe(request: Request, _: HttpReply) -> None:
        with lock:
            record.calls[request.method] += 1
            if request.method != "POST" or not request.body:
                return
            path, dataset_id = json.loads(request.body)["path"], request.target.split("/")[4]
            # One submission at a time writes to a path, so that what is new there came of this one.
            for task in sandbox.gateway.cloud.list_tasks(dataset_id):
                if task.request_fields["path"] == path:
                    record.made.setdefault(task.task_id, int(request.get_header("X-Submission") or ""))

    sandbox = Sandbox(clock=now.wall, rng=random.Random(seed), faults=faults(seed), observe=observe)
    datasets = _datasets(sandbox)
    sender = Sender(sandbox.token)
    client = Client(Transport(sandbox.url, sender, SETTINGS), sandbox.project_id)
    clock = Clock(monotonic=now.clock, time=now.wall, sleep=now.sleep, random=random.Random(seed))
    coordinator = SubmissionCoordinator()

    def submit(number: int) -> None:
        sender.number = number
        place = number - number % 10 if number % 10 < 3 else number
        dataset_id = datasets[place % len(datasets)]
        request = ToObs(path=f"/soak/{place}/")
        try:
            Submission(
                client,
                dataset_id,
                request,
                on_event=partial(handle, record, number),
                coordinator=coordinator,
                clock=clock,
            ).run()
            record.ends[number] = 0
        except ModelArtsExportError as error:
            record.ends[number] = error.exit_code

    begin = time.perf_counter()
    with sandbox, ThreadPoolExecutor(threads) as pool:
        list(pool.map(submit, range(submissions)))
    record.seconds = time.perf_counter() - begin
    return record


def _datasets(sandbox: Sandbox) -> list[str]:
    """Return the IDs of datasets that are there for the soak."""
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
    """Print what came of them; the exit code is 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description="Submit through a cloud that fails")
    parser.add_argument("--submissions", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    record = soak(arguments.submissions, threads=arguments.threads, seed=arguments.seed)
    rows = {
        "submissions": len(record.ends),
        "tasks on the server": len(record.made),
        **{f"exits {code}": count for code, count in sorted(record.exits.items())},
        "exits 10 that were accepted": record.accepted_unknown,
        "second tasks": record.twins,
        "lost IDs": len(record.lost),
        "IDs of others": len(record.strange),
        "creations sent": record.calls["POST"],
        "looks": record.calls["GET"],
        "seconds": round(record.seconds),
    }
    for name, count in rows.items():
        print(f"{name:28}{count:>7,}")
    raise SystemExit(bool(record.lost or record.strange or not record.adds_up))


if __name__ == "__main__":
    main()
