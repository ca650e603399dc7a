"""Which calls a round of polls makes, against the sandbox and against lists of odd lengths."""

from collections.abc import Iterator
from itertools import groupby
from urllib.parse import parse_qs, urlsplit

import pytest

from modelarts_export.api.task import ExportTask
from modelarts_export.request.models import ToNewDataset, ToObs
from modelarts_export.sandbox.messages import HttpReply, Request
from modelarts_export.sandbox.server import Sandbox
from tests.support.raw_server import make_reply
from tests.support.simulated import (
    SimulatedTime,
    get_targets,
    make_client,
    make_error_reply,
    make_list_reply,
    make_show_body,
    make_task,
    serve_answers,
)

GONE = make_error_reply("400 Bad Request", "ModelArts.4359")
TO_OBS = ToObs.model_validate({"path": "/b/out/"})


class SandboxRun:
    """A sandbox in simulated time, a client for it, and the time and target of each call."""

    def __init__(self) -> None:
        """Create a sandbox whose tasks take a hundred seconds."""
        self.time = SimulatedTime()
        self.calls: list[tuple[float, str]] = []
        self.sandbox = Sandbox(clock=self.time.monotonic, task_duration=100.0, observe=self._observe)
        self.client = make_client(self.sandbox.url, project=self.sandbox.project_id, token=self.sandbox.token)

    def _observe(self, request: Request, _: HttpReply) -> None:
        self.calls.append((self.time.passed, request.target))

    def create(self, number: int, dataset_id: str | None = None) -> list[ExportTask]:
        """Create a number of tasks of a dataset."""
        dataset_id = dataset_id or self.sandbox.dataset_id
        return [self.client.create(dataset_id, TO_OBS) for _ in range(number)]

    def create_datasets(self, number: int) -> list[str]:
        """Create a number of datasets, by exports that succeed."""
        for index in range(number):
            params = {
                "export_new_dataset_name": f"new-{index}",
                "export_new_dataset_work_path": f"/b/{index}/",
            }
            request = ToNewDataset.model_validate({"path": "/b/in/", "export_params": params})
            self.client.create(self.sandbox.dataset_id, request)
        self.time.now += 101
        return [self.client.find_dataset(f"new-{index}").dataset_id for index in range(number)]

    def count_calls(self, since: float) -> list[int]:
        """Return how many calls each round has made since then."""
        return [
            len(list(calls)) for at, calls in groupby(self.calls, key=lambda call: call[0]) if at >= since
        ]


@pytest.fixture
def sandbox_run() -> Iterator[SandboxRun]:
    """Serve for one test."""
    started = SandboxRun()
    with started.sandbox:
        yield started


def test_one_task_is_polled_with_the_show_call(sandbox_run: SandboxRun) -> None:
    """A new task is INIT, then RUNNING with its samples, then SUCCESSED."""
    (task,) = sandbox_run.create(1)
    seen = [(at, each) for at, (each,) in sandbox_run.time.iter_wait(sandbox_run.client, [task])]
    assert [status for status, _ in groupby(each.task.status for _, each in seen)] == [
        "INIT",
        "RUNNING",
        "SUCCESSED",
    ]
    assert 100 <= seen[-1][0] <= 130
    assert (seen[-1][1].estimator.finished, seen[-1][1].estimator.percent) == (20, 100.0)
    assert {target for _, target in sandbox_run.calls[1:]} == {
        f"/v2/{sandbox_run.sandbox.project_id}/datasets/sandbox-images/export-tasks/{task.task_id}"
    }


def test_several_tasks_of_a_dataset_take_one_list_call(sandbox_run: SandboxRun) -> None:
    """The snapshot is in the order of the tasks, whatever the order of the list."""
    tasks = sandbox_run.create(30)
    sandbox_run.time.now += 1
    begin = sandbox_run.time.passed
    snapshots = [snapshot for _, snapshot in sandbox_run.time.iter_wait(sandbox_run.client, tasks)]
    assert set(sandbox_run.count_calls(begin)) == {1}
    assert all("?limit=100&offset=0" in target for at, target in sandbox_run.calls if at >= begin)
    for snapshot in snapshots:
        assert [each.task.task_id for each in snapshot] == [each.task_id for each in tasks]
    assert {each.task.status for each in snapshots[-1]} == {"SUCCESSED"}
    assert snapshots[-1][0].task.raw["path"] == "/b/out/"


def test_many_tasks_of_ten_datasets_take_ten_calls(sandbox_run: SandboxRun) -> None:
    """A dataset whose tasks are finished takes none."""
    datasets = [
        *sandbox_run.create_datasets(7),
        sandbox_run.sandbox.dataset_id,
        "sandbox-failing",
        "sandbox-slow",
    ]
    tasks = [each for dataset in datasets for each in sandbox_run.create(20, dataset)]
    sandbox_run.time.now += 1
    begin = sandbox_run.time.passed
    *_, (at, last) = sandbox_run.time.iter_wait(sandbox_run.client, tasks, timeout=400.0)
    rounds = sandbox_run.count_calls(begin)
    assert len({each.dataset_id for each in tasks}) == 10
    assert rounds[0] == 10
    *before, last_round = rounds
    assert before == sorted(before, reverse=True)
    assert set(before) == {10, 9, 1}
    assert last_round == 21  # at the deadline each unfinished task is asked for, since lists may lag
    assert at == begin + 400
    assert {(each.task.dataset_id, each.task.status) for each in last[160:]} == {
        ("sandbox-failing", "FAILED"),
        ("sandbox-slow", "INIT"),
    }
    assert {each.task.status for each in last[:160]} == {"SUCCESSED"}


def get_offset(target: str) -> int:
    """Return the offset of a request."""
    return int(parse_qs(urlsplit(target).query)["offset"][0])


class TaskList:
    """A server of one dataset with a list of tasks, and some that the list omits."""

    def __init__(self, number: int, *, hidden: tuple[str, ...] = ()) -> None:
        """Have tasks from n0 on."""
        self.ids = [f"n{index}" for index in range(number)]
        self.hidden = hidden
        self.ended: set[str] = set()

    def _entry(self, task_id: str) -> dict[str, object]:
        return {"task_id": task_id, "status": "SUCCESSED" if task_id in self.ended else "RUNNING"}

    def __call__(self, target: str) -> bytes:
        """Return a page, or one task."""
        if "?" not in target:
            asked = target.rpartition("/")[2]
            there = asked in (*self.ids, *self.hidden)
            return make_reply("200 OK", make_show_body(**self._entry(asked))) if there else GONE
        begin = 100 * get_offset(target)
        return make_list_reply([self._entry(each) for each in self.ids[begin : begin + 100]], len(self.ids))


def poll_calls(full: TaskList, *wanted: str, timeout: float = 1.5) -> list[list[str]]:
    """Return the calls of each round, shortened: an offset of the list, or an ID."""
    time = SimulatedTime()
    rounds: list[list[str]] = []
    with serve_answers(full) as server:
        for _ in time.iter_wait(
            make_client(server.url), [make_task(each) for each in wanted], timeout=timeout
        ):
            asked = [
                target.rpartition("offset=" if "?" in target else "/")[2] for target in get_targets(server)
            ]
            rounds.append(asked[sum(len(each) for each in rounds) :])
    return rounds


def test_pages_are_read_only_until_the_last_unfinished_task() -> None:
    assert poll_calls(TaskList(1000), "n3", "n7")[:3] == [["0"]] * 3
    assert poll_calls(TaskList(1000), "n3", "n150")[:3] == [["0", "1"]] * 3
    assert poll_calls(TaskList(1000), "n3", "n99", "n250", "n100")[:3] == [["0", "1", "2"]] * 3


def test_each_unfinished_task_is_shown_once_at_the_deadline() -> None:
    """The list may lag behind; the show call decides."""
    full = TaskList(10)
    full.ended = {"n3"}
    assert poll_calls(full, "n3", "n4", "n7")[-1] == ["0", "n4", "n7"]
    time = SimulatedTime()

    def lagging(target: str) -> bytes:
        entries = [{"task_id": each, "status": "RUNNING"} for each in ("n1", "n2")]
        return (
            make_list_reply(entries, 2)
            if "?" in target
            else make_reply("200 OK", make_show_body("SUCCESSED", task_id=target.rpartition("/")[2]))
        )

    with serve_answers(lagging) as server:
        *_, (_, last) = time.iter_wait(
            make_client(server.url), [make_task("n1"), make_task("n2")], timeout=1.5
        )
    assert [each.task.status for each in last] == ["SUCCESSED"] * 2


def test_entries_without_a_status_are_shown() -> None:
    time = SimulatedTime()

    def without(target: str) -> bytes:
        entries = [{"task_id": "n1"}, {"task_id": "n2", "status": "SUCCESSED"}]
        return (
            make_list_reply(entries, 2)
            if "?" in target
            else make_reply("200 OK", make_show_body("SUCCESSED", task_id=target.rpartition("/")[2]))
        )

    with serve_answers(without) as server:
        ((_, last),) = time.iter_wait(
            make_client(server.url), [make_task("n1"), make_task("n2")], timeout=60.0
        )
        assert [each.rpartition("/")[2] for each in get_targets(server)][1:] == ["n1"]
    assert [each.task.status for each in last] == ["SUCCESSED"] * 2


def test_few_tasks_deep_in_a_long_list_are_shown() -> None:
    """The list is read once, to count its pages."""
    assert poll_calls(TaskList(1000), "n950", "n420") == [
        [str(page) for page in range(10)],
        *[["n950", "n420"]] * 3,
    ]


def test_last_unfinished_task_is_shown() -> None:
    """The list is for several tasks."""
    full = TaskList(10)
    full.ended = {"n3"}
    assert poll_calls(full, "n3", "n7") == [["0"], ["n7"], ["n7"], ["n7"]]
    assert poll_calls(TaskList(1000), "n7") == [["n7"]] * 4


def test_tasks_missing_in_the_list_are_shown() -> None:
    """The list may lag behind, or omit old tasks; listed tasks are not shown."""
    full = TaskList(5, hidden=("old", "new"))
    assert poll_calls(full, "old", "n1", "new")[:3] == [["0", "old", "new"]] * 3


def test_task_that_is_not_found_is_abandoned() -> None:
    time = SimulatedTime()
    with serve_answers(TaskList(5)) as server:
        *_, (_, last) = time.iter_wait(
            make_client(server.url), [make_task("typo"), make_task("n1")], timeout=30.0
        )
        asked = get_targets(server)
    assert [(each.abandoned, each.task.status) for each in last] == [(True, None), (False, "RUNNING")]
    assert 1 < sum(target.endswith("/typo") for target in asked) < sum("?" in target for target in asked) + 2
    assert asked[-1].endswith("/n1")


def test_task_given_twice_is_polled_once() -> None:
    """It is in each snapshot as often as it was given."""
    time = SimulatedTime()
    with serve_answers(TaskList(5)) as server:
        for _, snapshot in time.iter_wait(
            make_client(server.url), [make_task("n1"), make_task("n1")], timeout=1.5
        ):
            assert [each.task.status for each in snapshot] == ["RUNNING"] * 2
        assert not any("?" in target for target in get_targets(server))


def test_finished_task_is_not_polled_again() -> None:
    """Its status does not change, whatever a later list shows."""
    time = SimulatedTime()
    full = TaskList(5)
    full.ended = {"n1"}

    def forget(_: float) -> None:
        full.ended = {"n2"} if time.passed > 1 else {"n1"}

    time.meanwhile = forget
    with serve_answers(full) as server:
        tasks = [make_task("n1"), make_task("n2"), make_task("n3"), make_task("n4")]
        *_, (_, last) = time.iter_wait(make_client(server.url), tasks, timeout=20.0)
    assert [each.task.status for each in last] == ["SUCCESSED", "SUCCESSED", "RUNNING", "RUNNING"]


def test_poll_updates_the_fields_of_a_task() -> None:
    """Fields of the creation stay unless the poll has newer ones."""
    time = SimulatedTime()
    given = make_task("n1", path="/b/out/", version_id="v", status="INIT")
    with serve_answers(
        lambda _: make_reply("200 OK", make_show_body(task_id="n1", path="/b/other/", extra=1))
    ) as server:
        *_, (_, (seen,)) = time.iter_wait(make_client(server.url), [given], timeout=0.0)
    assert seen.task.raw == {
        "task_id": "n1",
        "status": "RUNNING",
        "path": "/b/other/",
        "version_id": "v",
        "extra": 1,
    }
    assert seen.task.task_id == "n1"
