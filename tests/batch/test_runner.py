"""The submission of many exports with a pool, over real HTTP and with real threads."""

import gc
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from modelarts_export.batch.plan import BatchOptions, PlannedExport
from modelarts_export.batch.report import ReportRow
from modelarts_export.batch.runner import BatchRunner
from modelarts_export.cancellation import CancelToken
from modelarts_export.clock import Clock
from modelarts_export.errors import CanceledError
from modelarts_export.request.models import ToObs
from modelarts_export.submission.events import RetryScheduled, SubmissionEvent, SubmissionQueued, TaskAccepted
from tests.batch.scripted_server import BUSY, REFUSED, THROTTLED, Answer, ScriptedServer, accept, serve

LIMIT = 5.0  # seconds


def make_exports(count: int, dataset_id: str = "d1", *, first: int = 0) -> list[PlannedExport]:
    """Return exports of one dataset, each with a path of its own."""
    return [
        PlannedExport(
            spec=f"a.yaml:{number + 1}",
            name=None,
            dataset_id=dataset_id,
            request=ToObs(path=f"/b/{number}/"),
        )
        for number in range(first, first + count)
    ]


def run(  # noqa: PLR0913 - the server, the exports, and what a runner takes
    server: ScriptedServer,
    exports: list[PlannedExport],
    *,
    on_event: Callable[[SubmissionEvent], None] = lambda _event: None,
    settings: dict[str, Any] | None = None,
    clock: Clock | None = None,
    cancel: CancelToken | None = None,
    **options: Any,  # noqa: ANN401 - as BatchOptions has them
) -> list[ReportRow]:
    """Submit exports without retries, and return their rows."""
    client = server.make_client(**{"max_retries": 0, "reconcile_timeout": 0.0, **(settings or {})})
    runner = BatchRunner(
        client,
        exports,
        BatchOptions(**options),
        on_event=on_event,
        cancel=cancel,
        clock=clock or Clock(),
    )
    with client:
        return runner.run()


def get_codes(rows: list[ReportRow]) -> list[int | None]:
    return [row.exit_code for row in rows]


def test_rows_are_in_order_and_each_export_is_sent_once() -> None:
    events: list[SubmissionEvent] = []
    with serve() as server:
        rows = run(server, make_exports(40), on_event=events.append, concurrency=4)
    assert [row.task and row.task.task_id for row in rows] == [f"task-b-{number}" for number in range(40)]
    assert sorted(server.posts) == sorted(("d1", f"/b/{number}/") for number in range(40))
    assert sorted(str(event.export.spec) for event in events) == sorted(row.spec for row in rows)
    assert {type(event) for event in events} == {TaskAccepted}


def test_requests_are_freed_and_the_pool_is_as_large_as_asked_for() -> None:
    """The server answers some time after three requests have arrived, and no fourth one comes meanwhile."""
    together = threading.Barrier(3)
    first = threading.Event()

    def answer(dataset_id: str, path: str) -> Answer:
        if first.is_set():  # the first one is alone, until it has shown that the credentials are accepted
            together.wait(LIMIT)
            time.sleep(0.01)  # a fourth one would come now
        first.set()
        return accept(dataset_id, path)

    exports = make_exports(10)
    requests = [weakref.ref(export.request) for export in exports]
    with serve(answer) as server, server.make_client() as client:
        runner = BatchRunner(client, iter(exports), BatchOptions(concurrency=3))
        del exports
        runner.run()
    for thread in threading.enumerate():
        if thread.name == "submission":
            thread.join(LIMIT)
    assert server.most == 3
    gc.collect()
    assert len(runner.rows) == 10
    assert [each() for each in requests] == [None] * 10


@pytest.mark.parametrize("count", [1, 300])
def test_wrong_credentials_cost_one_call(count: int) -> None:
    refused = (401, {"error_code": "APIGW.0301", "error_msg": "Incorrect IAM authentication information"})
    with serve(lambda *_: refused) as server:
        rows = run(server, make_exports(count), concurrency=8)
    assert get_codes(rows) == [4] * count
    assert len(server.posts) == 1


def test_failure_does_not_stop_the_others() -> None:
    with serve(lambda d, path: REFUSED if path in ("/b/0/", "/b/3/") else accept(d, path)) as server:
        rows = run(server, make_exports(6))
    assert get_codes(rows) == [6, 0, 0, 6, 0, 0]


def test_fail_fast_sends_nothing_more() -> None:
    with serve(lambda d, path: REFUSED if path == "/b/2/" else accept(d, path)) as server:
        rows = run(server, make_exports(6), concurrency=1, fail_fast=True)
    assert get_codes(rows) == [0, 0, 6, None, None, None]
    assert len(server.posts) == 3


def test_fail_fast_gives_up_what_waits_for_a_busy_dataset() -> None:
    """It was never accepted, and its retry would come after the failure."""
    queued = threading.Event()

    def answer(dataset_id: str, path: str) -> Answer:
        if dataset_id == "busy":
            return BUSY
        return REFUSED if queued.wait(LIMIT) else accept(dataset_id, path)

    def watch(event: SubmissionEvent) -> None:
        if isinstance(event, SubmissionQueued):
            queued.set()

    begin = time.monotonic()
    with serve(answer) as server:
        exports = [*make_exports(1, "busy"), *make_exports(2, first=1)]
        rows = run(server, exports, on_event=watch, concurrency=1, fail_fast=True)
    assert get_codes(rows) == [None, 6, None]
    assert time.monotonic() - begin < LIMIT


def test_busy_dataset_does_not_hold_up_others() -> None:
    """Two places, and ten exports of a dataset that is busy until all of the other one are accepted."""
    done = threading.Event()
    accepted: list[str] = []

    def answer(dataset_id: str, path: str) -> Answer:
        if dataset_id == "busy" and not done.is_set():
            return BUSY
        if dataset_id == "free":
            accepted.append(path)
            if len(accepted) == 10:
                done.set()
        return accept(dataset_id, path)

    exports = [*make_exports(10, "busy"), *make_exports(10, "free", first=10)]
    clock = Clock(sleep=lambda _seconds: time.sleep(0.01))
    with serve(answer) as server:
        rows = run(server, exports, concurrency=2, clock=clock)
    assert get_codes(rows) == [0] * 20
    assert server.most <= 3  # two of the pool, and the one that tries the busy dataset again
    refused = [post for post in server.posts[: server.posts.index(("free", "/b/19/"))] if post[0] == "busy"]
    assert len(set(refused)) <= 2  # the others are held back


def test_throttled_request_holds_all_others_back() -> None:
    """The server asks one of them to wait for two seconds; time runs twenty times faster."""
    sent: list[float] = []
    throttled: list[float] = []
    clock = Clock(monotonic=lambda: time.monotonic() * 20, sleep=lambda seconds: time.sleep(seconds / 20))

    def answer(dataset_id: str, path: str) -> Answer:
        sent.append(clock.monotonic())
        return THROTTLED if len(sent) == 2 else accept(dataset_id, path)

    def watch(event: SubmissionEvent) -> None:
        if isinstance(event, RetryScheduled):
            throttled.append(clock.monotonic())

    with serve(answer) as server:
        exports, settings = make_exports(10), {"max_retries": 1}
        rows = run(server, exports, on_event=watch, clock=clock, settings=settings, concurrency=2)
    assert get_codes(rows) == [0] * 10
    [begin] = throttled
    assert sum(begin < moment < begin + 1.9 for moment in sent) <= 1  # that of the other thread


def test_time_in_the_queue_of_a_busy_dataset_counts_for_those_held_back() -> None:
    """The dataset stays busy: when the first one has waited for the timeout, the others are tried once."""
    now = [1000.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    clock = Clock(monotonic=lambda: now[0], sleep=sleep)
    with serve(lambda *_: BUSY) as server:
        rows = run(server, make_exports(30), concurrency=1, clock=clock, settings={"queue_timeout": 600.0})
    assert get_codes(rows) == [5] * 30
    assert 600.0 <= now[0] - 1000.0 < 700.0
    tries = [server.posts.count(("d1", f"/b/{number}/")) for number in range(30)]
    assert tries[0] > 5
    assert tries[1:] == [1] * 29


def test_dataset_stays_busy_while_another_export_waits_for_it() -> None:
    """One of two that wait is accepted; when the other has waited for the timeout, the rest is tried once."""
    now, queued = [1000.0], threading.Semaphore(0)
    tries, accepted = Counter[str](), list[str]()

    def sleep(seconds: float) -> None:
        now[0] += seconds

    def answer(dataset_id: str, path: str) -> Answer:
        tries[path] += 1
        if tries[path] == 2 and len(tries) < 3 and not accepted:  # that of the one that holds the slot
            accepted.append(path)
            for _ in range(2):
                assert queued.acquire(timeout=LIMIT)
            return accept(dataset_id, path)
        return BUSY

    def watch(event: SubmissionEvent) -> None:
        if isinstance(event, SubmissionQueued):
            queued.release()

    clock = Clock(monotonic=lambda: now[0], sleep=sleep)
    with serve(answer) as server:
        exports, settings = make_exports(4), {"queue_timeout": 600.0}
        rows = run(server, exports, on_event=watch, concurrency=2, clock=clock, settings=settings)
    assert sorted(row.exit_code or 0 for row in rows) == [0, 5, 5, 5]
    assert [tries["/b/2/"], tries["/b/3/"]] == [1, 1]


def test_cancellation_starts_nothing_new_and_keeps_what_is_known() -> None:
    """The second request is accepted after the cancellation, the third is lost, and no other is sent."""
    cancel, arrived = CancelToken(), threading.Barrier(3)

    def answer(dataset_id: str, path: str) -> Answer:
        if path == "/b/0/":
            return accept(dataset_id, path)
        arrived.wait(LIMIT)
        while not cancel.is_canceled:
            time.sleep(0.001)
        return None if path == "/b/2/" else accept(dataset_id, path)

    with serve(answer) as server:
        client = server.make_client()
        options = BatchOptions(concurrency=2)
        runner = BatchRunner(client, make_exports(5), options, on_event=lambda _event: None, cancel=cancel)

        def interrupt() -> None:
            arrived.wait(LIMIT)
            assert runner.is_sending
            assert get_codes(runner.rows) == [0, 10, 10, None, None]
            cancel.cancel()

        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(CanceledError), client:
            runner.run()
        thread.join()
    assert not runner.is_sending
    assert get_codes(runner.rows) == [0, 0, 10, None, None]
    assert len(server.posts) == 3


def test_bug_in_a_thread_ends_the_batch_and_is_raised() -> None:
    def fail(_event: SubmissionEvent) -> None:
        raise ZeroDivisionError

    with serve() as server, pytest.raises(ZeroDivisionError):
        run(server, make_exports(20), on_event=fail, concurrency=1)
    assert len(server.posts) == 1


def test_counts_tell_how_many_were_submitted_and_failed() -> None:
    with serve(lambda d, path: REFUSED if path == "/b/1/" else accept(d, path)) as server:
        client = server.make_client(max_retries=0)
        runner = BatchRunner(client, make_exports(3), BatchOptions(), on_event=lambda _event: None)
        with client:
            runner.run()
    counts = runner.counts
    assert (counts.total, counts.submitted, counts.failed, counts.queued) == (3, 2, 1, 0)


def test_fewer_threads_than_asked_for_submit_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a container limits its threads."""
    start, started = threading.Thread.start, list[threading.Thread]()

    def start_at_most_two(thread: threading.Thread) -> None:
        if thread.name == "submission":
            if len(started) == 2:
                raise RuntimeError("can't start new thread")
            started.append(thread)
        start(thread)

    with serve() as server:
        monkeypatch.setattr(threading.Thread, "start", start_at_most_two)
        rows = run(server, make_exports(20), concurrency=8)
    assert get_codes(rows) == [0] * 20
    assert len(server.posts) == 20
