"""Create an export task exactly once, as far as the server's list of tasks can show that.

           ┌─────────── not accepted, and retries are left ──────────┐
           ▼                                                         │
    ──► SENDING ──┬── an ID ─────────────────────────────► ACCEPTED  │
           ▲      ├── not accepted ──────────────────────────────────┴─► error 5
           │      ├── refused ───────────────────────────► error 2, 3, 4 or 6
           │      └── unknown ───────┐
           │                         ▼
           │      ┌────────────── RECONCILING, for as long as reconcile_timeout
           │      ├── a task ────────────────────────────► ACCEPTED
           └──────┼── none, and the server has given up: once more, and once only
                  └── none, or the polls failed ─────────► error 10

After the first send whose outcome is unknown, error 5 and a refusal lead to RECONCILING as well: a busy
dataset or a name that is taken may be that send's own doing. Then no end is left but ACCEPTED and 10, and the
list is polled before each further send.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import ceil

from modelarts_export.api.client import Client
from modelarts_export.api.task import ExportTask
from modelarts_export.cancellation import CancelToken
from modelarts_export.clock import SYSTEM_CLOCK, Clock
from modelarts_export.errors import (
    BusyError,
    CanceledError,
    ModelArtsExportError,
    PathUsedError,
    TemporaryError,
    ThrottledError,
    UnknownOutcomeError,
)
from modelarts_export.request.models import ExportRequest
from modelarts_export.submission.busy_queue import BusyQueue
from modelarts_export.submission.coordinator import SubmissionCoordinator
from modelarts_export.submission.events import (
    DuplicateCheckFailed,
    DuplicateFound,
    DuplicatePossible,
    EventHandler,
    ExportLabel,
    ReconciliationStarted,
    ResendScheduled,
    RetryScheduled,
    ReuseWarning,
    SubmissionQueued,
    SubmissionSkipped,
    TaskAccepted,
    TaskRecovered,
    TaskReused,
    log_event,
)
from modelarts_export.submission.reconciliation import (
    SLACK,
    Instant,
    Reconciler,
    Reconciliation,
    reconcile,
    usable_date,
)
from modelarts_export.submission.reuse import omit_sent, select_reusable
from modelarts_export.submission.reuse_policy import FAIL, ReusePolicy
from modelarts_export.transport.retry import RetryPolicy

_SHORTEST_CHECK = 5.0  # seconds for the check for a duplicate when reconciliation has none
_LONGEST_CHECK = 30.0  # seconds that a check for a duplicate may take
_FRESH = 1.0  # seconds for which a poll of the list counts as current


@dataclass
class _UnknownSends:
    """The sends whose outcome is unknown; `task_ids` are those that their broken replies named."""

    first: Instant | None = None
    reason: UnknownOutcomeError | None = None
    count: int = 0
    task_ids: tuple[str, ...] = ()

    def add(self, sent: Instant, error: UnknownOutcomeError) -> None:
        self.first, self.reason = self.first or sent, self.reason or error
        self.task_ids = tuple(dict.fromkeys((*self.task_ids, *error.task_ids)))
        self.count += 1


class Submission:
    """One export request that is to become exactly one task."""

    def __init__(  # noqa: PLR0913 - what a submission needs, each with a default but the first three
        self,
        client: Client,
        dataset_id: str,
        request: ExportRequest,
        *,
        reuse: ReusePolicy | None = None,
        spec: str | None = None,
        on_event: EventHandler = log_event,
        coordinator: SubmissionCoordinator | None = None,
        clock: Clock = SYSTEM_CLOCK,
        cancel: CancelToken | None = None,
        queue_begin: float | None = None,
        sent: set[tuple[str, str]] | None = None,
    ) -> None:
        """Prepare to submit with the settings of the client; nothing is sent yet.

        `spec` names the request in events. By default, all submissions of one client share a `coordinator`.
        `queue_begin` is when its dataset was first busy, if that held it back. The submissions of a batch
        share `sent`, the dataset and path of each request that was sent: their tasks are no older ones.
        """
        self.dataset_id = dataset_id
        self.task: ExportTask | None = None
        self.is_sending = False  # from before the request is sent until its reply was read
        self._client, self._request, self._on_event = client, request, on_event
        self._settings, self._reuse = client.settings, reuse or ReusePolicy()
        self._coordinator = coordinator or SubmissionCoordinator.shared_by(client)
        self._cancel = cancel or CancelToken()
        clock = self._clock = self._cancel.guard(clock)
        self._label = ExportLabel(dataset_id=dataset_id, path=request.path, spec=spec)
        self._reconciler = Reconciler(client=client, dataset_id=dataset_id, request=request, clock=clock)
        self._retries = RetryPolicy.from_settings(self._settings, clock=clock).start()
        self._queue = BusyQueue(
            dataset_id=dataset_id,
            timeout=self._settings.queue_timeout,
            coordinator=self._coordinator,
            clock=self._clock,
            begin=queue_begin,
            check=self._cancel.raise_if_canceled,
            on_enter=lambda error: self._on_event(SubmissionQueued(export=self._label, error=error)),
            on_retry=self._report_retry,
        )
        self._sent = set() if sent is None else sent
        self._claimed_ids, self._warned = set[str](), set[str]()
        self._may_be_accepted = False  # the send under way, or the last one
        self._unknown, self._was_resent = _UnknownSends(), False
        self._polled: float | None = None  # when the whole list was read last, by the monotonic clock
        self._since: float | None = None
        self._accepted_after: float | None = None  # seconds from the first unknown send to the accepted one

    @property
    def outcome_unknown(self) -> bool:
        """Whether a task may have been accepted whose ID is not known."""
        return self.task is None and (self._may_be_accepted or self._unknown.first is not None)

    @property
    def may_have_duplicate(self) -> bool:
        """Whether the request was sent twice, and both sends may have been accepted."""
        return self.task is not None and self._accepted_after is not None

    def run(self) -> ExportTask:
        """Return the task that was created, recovered or reused, or because of which nothing was sent.

        Raises what Client.create raises, PathUsedError before anything is accepted, UnknownOutcomeError when
        the outcome of a send is unknown and no task was found, and CanceledError after a cancellation.
        """
        check = self._cancel.raise_if_canceled
        alone = self._coordinator.one_at_a_time(self.dataset_id, self._request.path, check, clock=self._clock)
        try:
            with alone as claimed_ids, self._queue.slot:
                self._claimed_ids = claimed_ids
                self._reconciler = replace(self._reconciler, claimed_ids=claimed_ids)
                return self._create()
        except CanceledError:
            if not self.outcome_unknown:
                raise
            raise CanceledError(
                "canceled; an export task may have been accepted",
                task_ids=self._unknown.task_ids,
                path=self._request.path,
                since=self._find_earliest_creation(),
            ) from None

    def _create(self) -> ExportTask:
        """Send until there is a task.

        During each pause, another host may create a task to reuse, or the task of an earlier send may appear.
        """
        check = self._cancel.raise_if_canceled
        while True:
            self._coordinator.wait_until_open(self._clock)
            check()
            if recovered := self._find_task_of_earlier_send():
                return recovered
            try:
                with self._coordinator.authenticate(lambda: self._client.is_authenticated, check):
                    task = self._find_reusable_task() or self._send()
            except ModelArtsExportError as error:
                if self.task:  # an event handler raised it, and the task exists
                    raise
                if recovered := self._handle_failure(error):
                    return recovered
            else:
                self.check_for_duplicates()
                return task

    def _find_task_of_earlier_send(self) -> ExportTask | None:
        """Return the task of an earlier send if the list shows it by now.

        Raises UnknownOutcomeError when the list cannot be read: another send could make a duplicate.
        """
        sent, polled = self._unknown.first, self._polled
        if sent is None or (polled is not None and self._clock.monotonic() - polled <= _FRESH):
            return None
        result = self._reconcile_list(sent, until_known=True)
        if result.tasks:
            return self._recover(result.tasks)
        if result.error:
            raise self._make_unknown_outcome(
                result.error, f"polling the list before another send failed: {result.error}"
            )
        return None

    def _find_reusable_task(self) -> ExportTask | None:
        """Return the older task that replaces a new one; other tasks that are listed now are not ours."""
        if not self._reuse.wanted or self._unknown.first:
            return None
        pages = list(self._client.iter_task_pages(self.dataset_id, timeout=self._settings.read_timeout))
        tasks = [task for page in pages for task in page.tasks]
        known_ids = frozenset(task.task_id for task in tasks)
        self._reconciler = replace(self._reconciler, ids_before_send=known_ids)
        now = usable_date(pages[0].date, self._clock)
        older = omit_sent(tasks, self.dataset_id, self._request.path, self._sent)
        decision = select_reusable(older, self._reconciler.body, self._reuse, now=now)
        self._warn_once(decision.notes)
        if decision.path_used and self._reuse.if_path_used == FAIL:
            raise PathUsedError(decision.path_used, hint="choose another path")
        if decision.path_used:
            self._warn_once(
                [f"{decision.path_used}; the API does not document what it does with files there"]
            )
        if decision.task:
            self.task = decision.task
            self._claimed_ids.add(self.task.task_id)
            kind = SubmissionSkipped if self.task.skipped else TaskReused
            self._on_event(kind(export=self._label, task=self.task))
        return decision.task

    def _warn_once(self, messages: Iterable[str]) -> None:
        """Report each warning once, although the list is read before each send."""
        for message in messages:
            if message not in self._warned:
                self._warned.add(message)
                self._on_event(ReuseWarning(export=self._label, message=message))

    def _send(self) -> ExportTask:
        now, self.is_sending = Instant.now(self._clock), True
        try:
            self._cancel.raise_if_canceled()  # after is_sending is set: who cancels reads it afterward
            self._may_be_accepted = True
            self._sent.add((self.dataset_id, self._request.path))
            self._polled = None  # a poll of the list counts for one send
            self.task = self._client.create(self.dataset_id, self._request)
        except UnknownOutcomeError as error:
            self._unknown.add(now, error)
            raise
        except ModelArtsExportError:
            self._may_be_accepted = False
            raise
        finally:
            self.is_sending = False
        self._claimed_ids.add(self.task.task_id)
        self._on_event(TaskAccepted(export=self._label, task=self.task))
        self._report_possible_duplicate(self.task, sends=self._unknown.count + 1)
        return self.task

    def _handle_failure(self, error: ModelArtsExportError) -> ExportTask | None:
        """Return the recovered task; None when the request may be sent now. Raises any other error."""
        sent = self._unknown.first
        if isinstance(error, TemporaryError) and not (sent and isinstance(error, BusyError)):
            try:
                self._wait_or_raise(error)
            except TemporaryError:
                if sent is None:
                    raise
            else:
                return None
        if sent is None:
            raise error
        return self._reconcile(error, sent)

    def _wait_or_raise(self, error: TemporaryError) -> None:
        """Sleep before the next send. Raises the error at the limit of the retries or of the queue."""
        if isinstance(error, BusyError):
            begin = self._clock.monotonic()
            self._queue.wait_or_raise(error)
            self._retries.extend(self._clock.monotonic() - begin)
            return
        pause = self._retries.pause_or_raise(error)
        if isinstance(error, ThrottledError):
            self._coordinator.throttle(pause, self._clock)
        self._report_retry(error, pause, self._retries.announced_timeout)
        self._clock.sleep(pause)

    def _report_retry(self, error: TemporaryError, pause: float, timeout: float | None) -> None:
        self._on_event(RetryScheduled(export=self._label, error=error, pause=pause, timeout=timeout))

    def _reconcile(self, error: ModelArtsExportError, sent: Instant) -> ExportTask | None:
        """Return the task that the list shows; None when it shows none and the request may be sent again."""
        self._cancel.raise_if_canceled()
        failed, timeout = self._clock.monotonic(), self._settings.reconcile_timeout
        self._on_event(ReconciliationStarted(export=self._label, error=error, timeout=timeout))
        result = self._reconcile_list(sent)
        if result.tasks:
            return self._recover(result.tasks)
        if result.error:
            raise self._make_unknown_outcome(
                result.error, f"{error}; polling the list failed: {result.error}"
            ) from error
        server_gave_up = isinstance(error, UnknownOutcomeError) and error.server_gave_up
        if self._was_resent or not server_gave_up or self._settings.on_lost_reply == "stop":
            words = f"{error}; no such task is listed, but it may appear later"
            raise self._make_unknown_outcome(error, words) from error
        self._pause_before_resend(error, failed)
        self._was_resent = True
        return None

    def _reconcile_list(self, sent: Instant, *, until_known: bool = False) -> Reconciliation:
        begin = self._clock.monotonic()
        result = reconcile(
            self._reconciler,
            sent,
            timeout=self._settings.reconcile_timeout,
            task_ids=self._unknown.task_ids,
            until_known=until_known,
        )
        self._retries.extend(self._clock.monotonic() - begin)
        self._since = self._since if result.since is None else result.since
        self._polled = None if result.error else self._clock.monotonic()
        return result

    def _pause_before_resend(self, error: ModelArtsExportError, failed: float) -> None:
        """Sleep for what is left of the Retry-After of a request that failed at `failed`.

        Raises UnknownOutcomeError when that is longer than the retry timeout.
        """
        left = max((error.retry_after or 0.0) - (self._clock.monotonic() - failed), 0.0)
        if left > self._settings.retry_timeout:
            words = f"{error}; the server asks to wait for {ceil(left)}s"
            raise self._make_unknown_outcome(error, words) from error
        self._on_event(ResendScheduled(export=self._label, pause=left))
        if left:
            self._clock.sleep(left)

    def _recover(self, tasks: tuple[ExportTask, ...]) -> ExportTask:
        self.task, task_ids = tasks[0], tuple(task.task_id for task in tasks)
        self._claimed_ids.update(task_ids)
        self._on_event(TaskRecovered(export=self._label, task=self.task, task_ids=task_ids))
        self._report_possible_duplicate(self.task, sends=self._unknown.count)
        return self.task

    def _report_possible_duplicate(self, task: ExportTask, *, sends: int) -> None:
        """Report that the request was sent twice, when both sends may have been accepted."""
        if sends > 1 and self._unknown.first and self._unknown.reason:
            self._accepted_after = self._unknown.first.elapsed(self._clock)
            self._on_event(DuplicatePossible(export=self._label, task=task, error=self._unknown.reason))

    def check_for_duplicates(self) -> None:
        """Poll the list once for duplicates of the task when the request was sent twice, and report each.

        A duplicate may be listed late, so that a second check is worth its call when the task has ended.
        Nothing is checked after a cancellation.
        """
        sent, accepted_after = self._unknown.first, self._accepted_after
        if self.task is None or sent is None or accepted_after is None or self._cancel.is_canceled:
            return
        timeout = min(self._settings.reconcile_timeout or _SHORTEST_CHECK, _LONGEST_CHECK)
        try:
            found = self._reconciler.find_duplicates(self.task, sent, before=accepted_after, timeout=timeout)
        except ModelArtsExportError as error:
            self._on_event(DuplicateCheckFailed(export=self._label, error=error))
            return
        for duplicate in found:
            self._claimed_ids.add(duplicate.task_id)
            self._on_event(DuplicateFound(export=self._label, task=self.task, duplicate=duplicate))

    def _make_unknown_outcome(self, error: ModelArtsExportError, words: str) -> UnknownOutcomeError:
        if self._unknown.task_ids:
            words = f"{words}; a broken reply named export task {', '.join(self._unknown.task_ids)}"
        if self._unknown.count > 1 or self._was_resent:
            words = f"{words}; the request was sent twice"
        return UnknownOutcomeError(
            words,
            task_ids=self._unknown.task_ids,
            path=self._request.path,
            since=self._find_earliest_creation(),
            error_code=error.error_code,
            http_status=error.http_status,
            request_id=error.request_id,
        )

    def _find_earliest_creation(self) -> float | None:
        """Return the time, in epoch seconds, at or after which a task of the unknown sends was created."""
        sent = self._unknown.first
        return sent.time - SLACK if sent and self._since is None else self._since
