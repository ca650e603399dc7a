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

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Protocol

from modelarts_export.api.client import Client
from modelarts_export.api.task import ExportTask
from modelarts_export.clock import SYSTEM_CLOCK, Clock
from modelarts_export.config.settings import Settings
from modelarts_export.errors import (
    BusyError,
    ModelArtsExportError,
    PathUsedError,
    TemporaryError,
    UnknownOutcomeError,
)
from modelarts_export.request.models import ExportRequest
from modelarts_export.submission.busy_queue import Patience
from modelarts_export.submission.coordinator import SubmissionCoordinator
from modelarts_export.submission.reconciliation import (
    SLACK,
    Instant,
    Reconciler,
    Search,
    reconcile,
    usable_date,
)
from modelarts_export.submission.reuse import FAIL, ReusePolicy, select_reusable

_GLANCE = 5.0  # seconds: the task exists, and its state is a courtesy
_LONGEST_CHECK = 30.0  # seconds that a check for a duplicate may take
_FRESH = 1.0  # seconds; what a poll of the list has shown holds for so long


class SubmissionEvents(Protocol):
    """Hears of what happens while it happens."""

    def accepted(self, task: ExportTask) -> None:
        """Hear of a task the moment its ID is known."""

    def found(self, task: ExportTask) -> None:
        """Hear of a task of ours that was found again after a lost reply."""

    def reused(self, task: ExportTask) -> None:
        """Report an identical older task that is used instead of a new one."""

    def skipped(self, task: ExportTask) -> None:
        """Report an unfinished task because of which nothing is submitted."""

    def resent(self, task: ExportTask, error: ModelArtsExportError) -> None:
        """Hear that the request was sent twice because of this error, so that a duplicate may exist."""

    def unseen(self, error: ModelArtsExportError) -> None:
        """Hear why the accepted task could not be looked at."""

    def talk(self, line: str) -> None:
        """Hear what is going on, in words."""

    def warn(self, line: str) -> None:
        """Hear what may be wrong."""

    def alarm(self, line: str) -> None:
        """Hear of tasks beside the one that is returned, whose IDs nothing else tells."""


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Where the submissions of a process are made: what they share, and what they are made with."""

    client: Client
    settings: Settings
    listener: SubmissionEvents
    traffic: SubmissionCoordinator = field(default_factory=SubmissionCoordinator)
    timing: Clock = SYSTEM_CLOCK


class Submission:
    """One request on its way to become one task."""

    def __init__(
        self, desk: Desk, dataset_id: str, request: ExportRequest, *, reuse: ReusePolicy | None = None
    ) -> None:
        """Prepare to send a request to a dataset, unless an older task is reused or makes it needless."""
        self.dataset_id = dataset_id
        self.task: ExportTask | None = None
        self._request = request
        self._reuse = reuse or ReusePolicy()
        self._client, self._settings, self._listener = desk.client, desk.settings, desk.listener
        self._halt = _Halt(desk.timing.sleep)
        self._traffic, self._timing = desk.traffic, replace(desk.timing, sleep=self._halt.sleep)
        self._ledger = Reconciler(
            client=desk.client, dataset_id=dataset_id, body=request.to_dict(), timing=self._timing
        )
        self._patience = Patience(
            dataset_id=dataset_id,
            settings=desk.settings,
            traffic=desk.traffic,
            timing=self._timing,
            tell=desk.listener.talk,
        )
        self.is_sending = False  # whether a request is on its way, or its reply
        self._is_under_way = False
        self._claimed_ids: set[str] = set()
        self._warned: set[str] = set()
        self._first_unknown_send: Instant | None = (
            None  # just before the first send of which nobody knows the end
        )
        self._reason: ModelArtsExportError | None = None  # why its end is unknown
        self._named: tuple[str, ...] = ()  # the IDs of tasks that broken replies named
        self._unknown_sends = 0
        self._sent_again = False
        self._polled: float | None = None  # when the list was last known as a whole, by the clock
        self._since: float | None = None
        self._accepted_after: float | None = None  # seconds from the first send, when there were two

    @property
    def outcome_unknown(self) -> bool:
        """Whether a task may have been accepted of which nobody knows."""
        return self.task is None and (self._is_under_way or self._first_unknown_send is not None)

    def cancel(self) -> None:
        """Let nothing new begin; what is on its way comes to its end. May be called from any thread."""
        self._halt.called = True

    def run(self) -> ExportTask:
        """Return the task that was created, found again or reused, or because of which nothing was created.

        Raises what Client.create raises, PathUsedError before anything is accepted, UnknownOutcomeError once
        a send of which nobody knows the end was followed by no task, and KeyboardInterrupt after halt.
        """
        with self._traffic.one_at_a_time(self.dataset_id, self._request.path) as taken, self._patience.place:
            self._claimed_ids, self._ledger = taken, replace(self._ledger, claimed_ids=taken)
            return self._create()

    def _existing(self) -> ExportTask | None:
        """Return the older task that makes a new one needless; what is listed now is known from then on."""
        if not self._reuse.wanted or self._first_unknown_send:
            return None
        pages = list(self._client.iter_task_pages(self.dataset_id, timeout=self._settings.read_timeout))
        tasks = [task for page in pages for task in page.tasks]
        self._ledger = replace(self._ledger, ids_before_send=frozenset(task.task_id for task in tasks))
        now = usable_date(pages[0].date, self._timing)
        choice = select_reusable(tasks, self._ledger.body, self._reuse, now=now)
        self._warn_once(choice.notes)
        if choice.path_used and self._reuse.if_path_used == FAIL:
            raise PathUsedError(choice.path_used, hint="choose another path")
        if choice.path_used:
            self._warn_once((f"{choice.path_used}; what the API does with files there is not documented",))
        if choice.task:
            self.task = choice.task
            self._claimed_ids.add(self.task.task_id)
            (self._listener.skipped if choice.task.skipped else self._listener.reused)(choice.task)
        return choice.task

    def _warn_once(self, lines: Iterable[str]) -> None:
        """Warn of what was not warned of when the list was read before."""
        for line in lines:
            if line not in self._warned:
                self._warned.add(line)
                self._listener.warn(line)

    def _create(self) -> ExportTask:
        """Send until there is a task.

        After each pause there may be one to reuse, which another host has created meanwhile, or our own one
        of a send before.
        """
        while True:
            self._traffic.wait_until_open(self._timing)
            self._halt.check()
            if found := self._listed():
                return found
            try:
                task = self._existing() or self._send()
            except ModelArtsExportError as error:
                if found := self._recovered(error):
                    return found
            else:
                self.check_for_duplicates()
                return task

    def _listed(self) -> ExportTask | None:
        """Return our task of an earlier send, when the list shows it by now.

        Raises UnknownOutcomeError when the list cannot be read.
        """
        sent, polled = self._first_unknown_send, self._polled
        if sent is None or (polled is not None and self._timing.monotonic() - polled <= _FRESH):
            return None
        result = self._search(sent, until_known=True)
        if result.tasks:
            return self._recover(result.tasks)
        if result.trouble:
            raise self._unknown(
                result.trouble, f"polling the list before another send failed: {result.trouble}"
            )
        return None

    def _recovered(self, error: ModelArtsExportError) -> ExportTask | None:
        """Return our task after a failure; None when the request may be sent, now.

        Raises the error where nothing can be done about it.
        """
        if isinstance(error, TemporaryError) and not (
            self._first_unknown_send and isinstance(error, BusyError)
        ):
            try:
                self._patience.bear(error)
            except TemporaryError:
                if self._first_unknown_send is None:
                    raise
            else:
                return None
        if self._first_unknown_send is None:
            raise error
        return self._reconcile(error, self._first_unknown_send)

    def _send(self) -> ExportTask:
        now, self.is_sending = Instant.now(self._timing), True
        try:
            self._halt.check()  # after `is_sending` is set: who halts looks at it afterwards
            self._is_under_way = True
            self.task = self._client.create(self.dataset_id, self._request)
        except UnknownOutcomeError as error:
            self._first_unknown_send, self._reason = self._first_unknown_send or now, self._reason or error
            self._named = tuple(dict.fromkeys((*self._named, *error.task_ids)))
            self._unknown_sends += 1
            raise
        except ModelArtsExportError:
            self._is_under_way = False
            raise
        finally:
            self.is_sending = False
        self._claimed_ids.add(self.task.task_id)
        self._listener.accepted(self.task)
        self._tell_of_resend(self.task, sends=self._unknown_sends + 1)
        return self.task

    def _reconcile(self, error: ModelArtsExportError, sent: Instant) -> ExportTask | None:
        """Return our task, found in the list; None when it is not there and may be sent once more."""
        self._halt.check()
        failed = self._timing.monotonic()
        seconds = self._settings.reconcile_timeout
        self._listener.talk(f"{error}; polling the list for its task, for up to {seconds:g}s")
        result = self._search(sent)
        if result.tasks:
            return self._recover(result.tasks)
        if result.trouble:
            raise self._unknown(
                result.trouble, f"{error}; polling the list failed: {result.trouble}"
            ) from error
        given_up = isinstance(error, UnknownOutcomeError) and error.server_gave_up
        if self._sent_again or not given_up or self._settings.on_lost_reply == "stop":
            raise self._unknown(error, f"{error}; no such task is listed, but it may be yet") from error
        self._wait_as_asked(error, failed)
        self._sent_again = True
        self._listener.talk("no such task is listed; sending the request again")
        return None

    def _search(self, sent: Instant, *, until_known: bool = False) -> Search:
        begun = self._timing.monotonic()
        result = reconcile(
            self._ledger,
            sent,
            patience=self._settings.reconcile_timeout,
            task_ids=self._named,
            until_known=until_known,
        )
        self._patience.extend(self._timing.monotonic() - begun)
        self._since = self._since if result.since is None else result.since
        self._polled = None if result.trouble else self._timing.monotonic()
        return result

    def _wait_as_asked(self, error: ModelArtsExportError, failed: float) -> None:
        """Wait for as long as the server asked when the request failed; the polls have taken some of it.

        Raises UnknownOutcomeError when that is too long.
        """
        left = (error.retry_after or 0.0) - (self._timing.monotonic() - failed)
        if left > self._settings.retry_timeout:
            raise self._unknown(error, f"{error}; the server asks to wait for {ceil(left)}s") from error
        if left > 0:
            self._listener.talk(f"waiting for {ceil(left)}s, as the server asks")
            self._timing.sleep(left)

    def _recover(self, found: tuple[ExportTask, ...]) -> ExportTask:
        self.task = found[0]
        self._claimed_ids.update(each.task_id for each in found)
        self._listener.found(self.task)
        if len(found) > 1:
            ids = ", ".join(task.task_id for task in found)
            self._listener.alarm(f"{len(found)} tasks may be the one that was sent, nearest first: {ids}")
        self._tell_of_resend(self.task, sends=self._unknown_sends)
        return self.task

    def _tell_of_resend(self, task: ExportTask, *, sends: int) -> None:
        """Say that the request was sent twice, when both sends may have been accepted."""
        if sends > 1 and self._first_unknown_send and self._reason:
            self._accepted_after = self._first_unknown_send.elapsed(self._timing)
            self._listener.resent(task, self._reason)

    def check_for_duplicates(self) -> None:
        """Poll the list once for a duplicate of the task, when the request was sent twice, and tell of each.

        A duplicate may be listed late, so that a second check is worth its call when the task has ended.
        After halt nothing is checked.
        """
        if (
            self.task is None
            or self._first_unknown_send is None
            or self._accepted_after is None
            or self._halt.called
        ):
            return
        try:
            found = self._ledger.find_duplicates(
                self.task,
                self._first_unknown_send,
                before=self._accepted_after,
                timeout=min(self._settings.reconcile_timeout or _GLANCE, _LONGEST_CHECK),
            )
        except ModelArtsExportError as error:
            self._listener.warn(f"the check for a duplicate task failed: {error}")
            return
        for each in found:
            self._claimed_ids.add(each.task_id)
            self._listener.alarm(f"export task {each.task_id} is a duplicate of {self.task.task_id}")

    def _unknown(self, error: ModelArtsExportError, words: str) -> UnknownOutcomeError:
        if self._named:
            words = f"{words}; a broken reply named export task {', '.join(self._named)}"
        if self._unknown_sends > 1 or self._sent_again:
            words = f"{words}; the request was sent twice"
        sent = self._first_unknown_send
        return UnknownOutcomeError(
            words,
            task_ids=self._named,
            path=self._request.path,
            since=sent.wall - SLACK if sent and self._since is None else self._since,
            error_code=error.error_code,
            http_status=error.http_status,
            request_id=error.request_id,
        )


class _Halt:
    """Ends what sleeps, or is about to begin, once it was called."""

    def __init__(self, sleep: Callable[[float], None]) -> None:
        self.called = False
        self._sleep = sleep

    def sleep(self, seconds: float) -> None:
        self._sleep(seconds)
        self.check()

    def check(self) -> None:
        if self.called:
            raise KeyboardInterrupt


def fetch_status(client: Client, task: ExportTask, listener: SubmissionEvents) -> ExportTask:
    """Return a task as one look shows it now.

    A look that fails does not undo the success: the listener hears of it, and the task is returned as it was
    accepted.
    """
    try:
        return task.updated_with(client.show(task.dataset_id, task.task_id, timeout=_GLANCE))
    except ModelArtsExportError as error:
        listener.unseen(error)
        return task
