"""Submission of the exports of a batch, with a pool of threads that share one client.

They are submitted in their order, some at the same time. One that waits for a busy dataset leaves its place
to another, and further exports of that dataset are held back until none waits for it any more.
"""

import threading
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial

from modelarts_export.api.client import Client
from modelarts_export.batch.plan import BatchOptions, PlannedExport
from modelarts_export.batch.report import ReportRow, make_rows
from modelarts_export.cancellation import CancelToken
from modelarts_export.clock import SYSTEM_CLOCK, Clock
from modelarts_export.errors import BusyError, CanceledError, ModelArtsExportError, UnknownOutcomeError
from modelarts_export.submission.coordinator import SubmissionCoordinator
from modelarts_export.submission.events import EventHandler, SubmissionEvent, SubmissionQueued, log_event
from modelarts_export.submission.reuse_policy import ReusePolicy
from modelarts_export.submission.submission import Submission

_MOST_IN_QUEUES = 256  # threads that wait outside the pool; a further one keeps its place


@dataclass(frozen=True, kw_only=True)
class BatchCounts:
    """How many exports a batch has; how many have a task, failed, or wait for a busy dataset."""

    total: int
    submitted: int
    failed: int
    queued: int


@dataclass(kw_only=True)
class _Job:
    """An export that is being submitted; `waits` for its dataset, with a place in the pool or without."""

    index: int
    export: PlannedExport
    submission: Submission
    cancel: CancelToken
    waits: bool = False
    in_pool: bool = True


@dataclass(kw_only=True)
class _Queue:
    """How many submissions wait for a busy dataset, and the exports that are held back because of them.

    `begin` is since when the dataset has been busy, by the monotonic clock.
    """

    waiting: int = 0
    held_back: deque[tuple[int, PlannedExport]] = field(default_factory=deque)
    begin: float | None = None


class BatchRunner:
    """Submits the exports of one batch."""

    def __init__(  # noqa: PLR0913 - what a submission needs, for all of them
        self,
        client: Client,
        exports: Iterable[PlannedExport],
        options: BatchOptions,
        *,
        reuse: ReusePolicy | None = None,
        on_event: EventHandler = log_event,
        cancel: CancelToken | None = None,
        coordinator: SubmissionCoordinator | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """Submit nothing yet, and have a row for each export already.

        The runner keeps a request until it was sent; an iterator as `exports` does not keep it either.
        `on_event` is called in the threads of the pool.
        """
        self._client, self._options, self._reuse, self._on_event = client, options, reuse, on_event
        self._coordinator = coordinator or SubmissionCoordinator.shared_by(client)
        self._cancel, self._clock = cancel or CancelToken(), clock
        self._lock = threading.Condition(threading.RLock())
        self._ready = deque(enumerate(exports))
        self._rows = make_rows((export for _, export in self._ready), client.project_id)
        self._queues: defaultdict[str, _Queue] = defaultdict(_Queue)
        self._jobs: dict[int, _Job] = {}
        self._sent, self._sent_twice = set[tuple[str, str]](), list[Submission]()
        self._is_stopped = False
        self._bug: Exception | None = None

    def run(self) -> list[ReportRow]:
        """Submit the exports, and return a row for each in their order.

        Raises CanceledError after a cancellation, as soon as no reply is awaited any more; `rows` tells what
        became of each export.
        """
        with self._lock:
            self._fill_pool()
            while self._jobs:
                self._lock.wait()
        if self._bug:
            raise self._bug
        self._cancel.raise_if_canceled()
        return self._rows

    @property
    def is_sending(self) -> bool:
        """Whether the reply to a request that creates a task is awaited."""
        with self._lock:
            return any(job.submission.is_sending for job in self._jobs.values())

    @property
    def rows(self) -> list[ReportRow]:
        """The rows as they are now; without its reply, the outcome of a request that was sent is unknown."""
        with self._lock:
            rows = list(self._rows)
            for job in self._jobs.values():
                rows[job.index] = _describe(rows[job.index], job.submission, CanceledError("interrupted"))
            return rows

    @property
    def counts(self) -> BatchCounts:
        """How many exports are done, and how many wait."""
        with self._lock:
            return BatchCounts(
                total=len(self._rows),
                submitted=sum(row.task is not None for row in self._rows),
                failed=sum(row.error is not None for row in self._rows),
                queued=sum(queue.waiting + len(queue.held_back) for queue in self._queues.values()),
            )

    def check_for_duplicates(self) -> None:
        """Report duplicates of the tasks whose request was sent twice."""
        for submission in self._sent_twice:
            submission.check_for_duplicates()

    def _fill_pool(self) -> None:
        """Start a thread for each place of the pool that is free, as far as there are exports for them.

        Where the system has no further thread, the threads that run take the other exports. Raises
        RuntimeError when none runs.
        """
        while job := self._start_next():
            try:
                threading.Thread(target=self._work, args=(job,), name="submission", daemon=True).start()
            except RuntimeError:
                del self._jobs[job.index]
                self._ready.appendleft((job.index, job.export))
                if not self._jobs:
                    raise
                return

    def _start_next(self) -> _Job | None:
        """Return the next export whose dataset is not waited for, if the pool has a place for it."""
        if sum(job.in_pool for job in self._jobs.values()) >= self._options.concurrency:
            return None
        while self._ready and not self._is_stopped and not self._cancel.is_canceled:
            index, export = self._ready.popleft()
            queue = self._queues[export.dataset_id]
            if queue.waiting:
                queue.held_back.append((index, export))
                continue
            job = self._jobs[index] = self._make_job(index, export, queue.begin)
            return job
        return None

    def _make_job(self, index: int, export: PlannedExport, queue_begin: float | None) -> _Job:
        cancel = self._cancel.make_child()
        submission = Submission(
            self._client,
            export.dataset_id,
            export.request,
            reuse=self._reuse,
            spec=self._rows[index].title,
            on_event=partial(self._handle_event, index),
            coordinator=self._coordinator,
            clock=self._clock,
            cancel=cancel,
            queue_begin=queue_begin,
            sent=self._sent,
        )
        return _Job(index=index, export=export, submission=submission, cancel=cancel)

    def _work(self, job: _Job | None) -> None:
        """Submit one export after the other, in a thread of the pool."""
        while job:
            error: ModelArtsExportError | None = None
            try:
                job.submission.run()
            except ModelArtsExportError as failure:
                error = failure
            except Exception as bug:  # noqa: BLE001 - raised again in the thread that waits for the pool
                self._bug = bug
                self._stop()
            job = self._finish(job, error)

    def _handle_event(self, index: int, event: SubmissionEvent) -> None:
        if isinstance(event, SubmissionQueued):
            self._enter_queue(self._jobs[index])
        self._on_event(event)

    def _enter_queue(self, job: _Job) -> None:
        """Give the place of a submission that waits for its dataset to another export."""
        with self._lock:
            queue = self._queues[job.submission.dataset_id]
            queue.begin = self._clock.monotonic() if queue.begin is None else queue.begin
            queue.waiting += 1
            job.waits = True
            job.in_pool = sum(not each.in_pool for each in self._jobs.values()) >= _MOST_IN_QUEUES
            self._fill_pool()

    def _finish(self, job: _Job, error: ModelArtsExportError | None) -> _Job | None:
        """Keep the result of a submission, and return the next one for its thread."""
        with self._lock:
            row = self._rows[job.index] = _describe(self._rows[job.index], job.submission, error)
            del self._jobs[job.index]
            if job.submission.may_have_duplicate:
                self._sent_twice.append(job.submission)
            if row.error and self._options.fail_fast:
                self._stop()
            self._leave_queue(job, is_busy=isinstance(error, BusyError))
            following = self._start_next()
            self._fill_pool()
            if not self._jobs:
                self._lock.notify_all()
            return following

    def _leave_queue(self, job: _Job, *, is_busy: bool) -> None:
        """Let the exports go on that were held back, unless another one waits for the dataset."""
        queue = self._queues[job.submission.dataset_id]
        queue.waiting -= job.waits
        if not queue.waiting:
            queue.begin = queue.begin if is_busy else None
            self._ready.extendleft(reversed(queue.held_back))
            queue.held_back.clear()

    def _stop(self) -> None:
        """Submit nothing more, not even what was refused for now; a lost reply is still reconciled."""
        with self._lock:
            self._is_stopped = True
            for job in self._jobs.values():
                if not job.submission.outcome_unknown:
                    job.cancel.cancel()


def _describe(row: ReportRow, submission: Submission, error: ModelArtsExportError | None) -> ReportRow:
    """Return the row with the result of a submission; unchanged when it was canceled before any send."""
    if submission.task:
        return replace(row, task=submission.task)
    if isinstance(error, CanceledError):
        if not submission.outcome_unknown:
            return row
        error = UnknownOutcomeError(
            "the request was sent, but its outcome was not awaited",
            task_ids=error.task_ids,
            path=row.path,
            since=error.since,
        )
    if error:  # without the frames of the submission, which hold its request
        error.__cause__ = error.__context__ = error.__traceback__ = None
    return replace(row, error=error)
