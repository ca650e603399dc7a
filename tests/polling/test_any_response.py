"""Properties of a wait that hold whatever a server answers."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelarts_export.api.task import ExportTask
from modelarts_export.errors import ModelArtsExportError
from tests.support.raw_server import make_reply
from tests.support.simulated import (
    SimulatedTime,
    make_accepted_task,
    make_client,
    make_error_reply,
    make_task,
    serve_answers,
)

RUNNING, ENDED = "RUNNING", ("SUCCESSED", "FAILED", "completed")
TIMEOUTS = [0.0, 0.3, 7.0, 60.0, 300.0]
OUTAGES = [0.0, 5.0, 60.0, 900.0]
BROKEN = [
    make_error_reply("500 Internal Server Error", "ModelArts.0010"),
    make_reply("502 Bad Gateway", b"<html>Bad Gateway</html>"),
    make_error_reply("503 Service Unavailable", "ModelArts.4302", "Retry-After: 20"),
    make_error_reply("429 Too Many Requests", "APIGW.0308", "Retry-After: Sun, 06 Nov 2033 08:50:07 GMT"),
    make_reply("504 Gateway Timeout"),
    make_error_reply("403 Forbidden", "ModelArts.0112"),
    make_error_reply("401 Unauthorized", "APIGW.0301"),
    make_error_reply("400 Bad Request", "ModelArts.4359"),
    make_error_reply("400 Bad Request", "ModelArts.0104"),
    make_reply("404 Not Found"),
    make_reply("302 Found", b"", "Location: http://127.0.0.1:9/"),
    make_reply("204 No Content"),
    b"",
    b"220 smtp.example ESMTP\r\n",
]
ODD_JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-5, 10**16),
        st.sampled_from(["", RUNNING, "\ud800", "t0", "t1"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["task_id", "status", "export_tasks", "total_count", "progress", "error_code"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@dataclass(frozen=True, kw_only=True)
class Step:
    """What a server does with one call: a raw reply, or the tasks as they are; and how long that takes."""

    whole: bytes | None = None
    ends: frozenset[str] = frozenset()
    word: str = ENDED[0]
    listed: frozenset[str] = frozenset(["t0", "t1", "t2"])
    seconds: float = 0.0


STEPS = st.builds(
    Step,
    whole=st.one_of(
        st.none(),
        st.none(),
        st.sampled_from(BROKEN),
        ODD_JSON.map(lambda value: make_reply("200 OK", json.dumps(value).encode())),
    ),
    ends=st.frozensets(st.sampled_from(["t0", "t1", "t2"]), max_size=2),
    word=st.sampled_from(ENDED),
    listed=st.frozensets(st.sampled_from(["t0", "t1", "t2", "other"])),
    seconds=st.sampled_from([0.0, 0.0, 0.0, 1.0, 90.0]),
)


@dataclass(kw_only=True)
class Server:
    """Take one step for each call, the last one repeatedly; `again` has the calls for finished tasks."""

    time: SimulatedTime
    steps: Sequence[Step]
    tasks: Sequence[ExportTask]
    ended: set[tuple[str, str]] = field(default_factory=set)
    again: list[str] = field(default_factory=list)
    calls: int = 0

    def __call__(self, target: str) -> bytes:
        """Return the reply to a call."""
        step = self.steps[min(self.calls, len(self.steps) - 1)]
        self.calls += 1
        self.time.now += step.seconds
        dataset, _, asked = target.removeprefix("/v2/0123/datasets/").partition("/export-tasks")
        wanted = {(each.dataset_id, each.task_id) for each in self.tasks if each.dataset_id == dataset}
        if (dataset, asked[1:]) in self.ended or wanted <= self.ended:
            self.again.append(target)
        if step.whole is not None:
            return step.whole
        there = step.listed if asked.startswith("?") else {asked[1:]}
        tasks = [{"task_id": name, "status": step.word if name in step.ends else RUNNING} for name in there]
        self.ended |= {(dataset, name) for name in step.ends & there}
        fields = {"total_count": len(tasks), "export_tasks": tasks} if asked.startswith("?") else tasks[0]
        return make_reply("200 OK", json.dumps(fields).encode())


def check_wait(server: Server, **limits: float | None) -> None:
    """Wait until the end, and check each snapshot."""
    time, tasks, timeout = server.time, server.tasks, limits["timeout"] or 0.0
    last: list[ExportTask] = []
    over = False
    overslept: list[float] = []
    time.meanwhile = lambda passed: overslept.append(passed) if passed > timeout + 1e-6 else None
    with serve_answers(server) as raw:
        snapshots = time.iter_wait(make_client(raw.url), tasks, **limits)
        for rounds, (_, snapshot) in enumerate(snapshots):
            assert rounds < 500
            assert [each.task.task_id for each in snapshot] == [each.task_id for each in tasks]
            for before, each in zip(last, snapshot, strict=False):
                assert not before.is_finished or each.task == before
            last = [each.task for each in snapshot]
            over = not any(each.is_unfinished for each in snapshot)
            for each in snapshot:
                assert isinstance(each.last_error, ModelArtsExportError) or not each.abandoned
        assert over or time.passed >= timeout - 1e-6
    assert overslept == []
    assert server.again == []


@settings(max_examples=150, deadline=None)
@given(
    st.lists(STEPS, min_size=1, max_size=12),
    st.integers(1, 3),
    st.booleans(),
    st.sampled_from(TIMEOUTS),
    st.sampled_from(OUTAGES),
    st.sampled_from([None, 1.0, 30.0]),
)
@example([Step(whole=BROKEN[0], seconds=90.0), Step()], 2, True, 300.0, 60.0, 30.0)  # noqa: FBT003
@example([Step(ends=frozenset(["t0"])), Step()], 3, False, 60.0, 60.0, None)  # noqa: FBT003
def test_wait_ends_whatever_polls_return(  # noqa: PLR0913, PLR0917 - all that can be drawn
    steps: list[Step],
    number: int,
    new: bool,  # noqa: FBT001
    timeout: float,
    max_outage: float,
    poll_interval: float | None,
) -> None:
    """It never raises, sleeps past its deadline or polls a finished task again."""
    make = make_accepted_task if new else make_task
    tasks = [make(f"t{index}") for index in range(number)]
    limits = {"timeout": timeout, "max_outage": max_outage, "poll_interval": poll_interval}
    check_wait(Server(time=SimulatedTime(), steps=steps, tasks=tasks), **limits)


@settings(max_examples=50, deadline=None)
@given(st.lists(STEPS, min_size=1, max_size=8), st.sampled_from(TIMEOUTS))
def test_wait_for_two_datasets_ends_whatever_polls_return(steps: list[Step], timeout: float) -> None:
    """Calls for both alternate, so that an error of one comes between polls of the other."""
    tasks = [make_task("t0", "a"), make_task("t1", "a"), make_task("t2", "b")]
    check_wait(Server(time=SimulatedTime(), steps=steps, tasks=tasks), timeout=timeout)
