"""Create an export task exactly once, as far as the server's list of tasks can show that.

           ┌──────── not accepted, and some patience is left ────────┐
           ▼                                                         │
    ──► SENDING ──┬── an ID ─────────────────────────────► ACCEPTED  │
           ▲      ├── not accepted ──────────────────────────────────┴─► error 5
           │      ├── refused ───────────────────────────► error 2, 3, 4 or 6
           │      └── nobody knows ──┐
           │                         ▼
           │      ┌────────────── LOOKING, for as long as --reconcile-timeout
           │      ├── a task ────────────────────────────► ACCEPTED
           └──────┼── none, and the server has given up: once more, and once only
                  └── none, or the looks failed ─────────► error 10

After the first send of which nobody knows the end, error 5 and a refusal lead to LOOKING as well: a busy
dataset or a name that is taken may be that send's own doing. Then no end is left but ACCEPTED and 10.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

from modelarts_export.client import Client
from modelarts_export.config import Settings
from modelarts_export.errors import (
    BusyError,
    ModelArtsExportError,
    PathUsedError,
    TemporaryError,
    UnknownOutcomeError,
)
from modelarts_export.patience import Patience
from modelarts_export.reconciliation import Ledger, Moment, search
from modelarts_export.replies import LOOK_FIRST
from modelarts_export.request import ExportRequest
from modelarts_export.reuse import FAIL, Reuse, choose
from modelarts_export.task import ExportTask
from modelarts_export.timing import TIMING, Timing
from modelarts_export.traffic import Traffic

_GLANCE = 5.0  # seconds: the task exists, and its state is a courtesy


class Listener(Protocol):
    """Hears of what happens while it happens."""

    def accepted(self, task: ExportTask) -> None:
        """Hear of a task the moment its ID is known."""

    def found(self, task: ExportTask) -> None:
        """Hear of a task of ours that was found again after a lost reply."""

    def reused(self, task: ExportTask) -> None:
        """Report an identical older task that is used instead of a new one."""

    def skipped(self, task: ExportTask) -> None:
        """Report an unfinished task because of which nothing is submitted."""

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
    listener: Listener
    traffic: Traffic = field(default_factory=Traffic)
    timing: Timing = TIMING


class Submission:
    """One request on its way to become one task."""

    def __init__(
        self, desk: Desk, dataset_id: str, request: ExportRequest, *, reuse: Reuse | None = None
    ) -> None:
        """Prepare to send a request to a dataset, unless an older task is reused or makes it needless."""
        self.dataset_id = dataset_id
        self.task: ExportTask | None = None
        self._request = request
        self._reuse = reuse or Reuse()
        self._client, self._settings, self._listener = desk.client, desk.settings, desk.listener
        self._halt = _Halt(desk.timing.sleep)
        self._traffic, self._timing = desk.traffic, replace(desk.timing, sleep=self._halt.sleep)
        self._ledger = Ledger(
            client=desk.client, dataset_id=dataset_id, body=request.body(), timing=self._timing
        )
        self._patience = Patience(
            dataset_id=dataset_id,
            settings=desk.settings,
            traffic=desk.traffic,
            timing=self._timing,
            tell=desk.listener.talk,
        )
        self._is_under_way = False
        self._taken: set[str] = set()
        self._warned: set[str] = set()
        self._doubtful: Moment | None = None  # just before the first send of which nobody knows the end
        self._sent_again = False

    @property
    def is_in_doubt(self) -> bool:
        """Whether a task may have been accepted of which nobody knows."""
        return self.task is None and (self._is_under_way or self._doubtful is not None)

    def halt(self) -> None:
        """Let nothing new begin; what is on its way comes to its end. May be called from any thread."""
        self._halt.called = True

    def run(self) -> ExportTask:
        """Return the task that was created, found again or reused, or because of which nothing was created.

        Raises what Client.create raises, PathUsedError before anything is accepted, UnknownOutcomeError once
        a send of which nobody knows the end was followed by no task, and KeyboardInterrupt after halt.
        """
        with self._traffic.turn(self.dataset_id, self._request.path) as taken, self._patience.place:
            self._taken, self._ledger = taken, replace(self._ledger, taken=taken)
            return self._created()

    def _existing(self) -> ExportTask | None:
        """Return the older task that makes a new one needless; what is listed now is known from then on."""
        if not self._reuse.wanted or self._doubtful:
            return None
        pages = list(self._client.task_pages(self.dataset_id, timeout=self._settings.read_timeout))
        tasks = [task for page in pages for task in page.tasks]
        self._ledger = replace(self._ledger, known=frozenset(task.task_id for task in tasks))
        choice = choose(tasks, self._ledger.body, self._reuse, now=pages[0].date)
        self._warn_once(choice.notes)
        if choice.path_used and self._reuse.if_path_used == FAIL:
            raise PathUsedError(choice.path_used, hint="choose another path")
        if choice.path_used:
            self._warn_once((f"{choice.path_used}; what the API does with files there is not documented",))
        if choice.task:
            self.task = choice.task
            self._taken.add(self.task.task_id)
            (self._listener.skipped if choice.task.skipped else self._listener.reused)(choice.task)
        return choice.task

    def _warn_once(self, lines: Iterable[str]) -> None:
        """Warn of what was not warned of when the list was read before."""
        for line in lines:
            if line not in self._warned:
                self._warned.add(line)
                self._listener.warn(line)

    def _created(self) -> ExportTask:
        while True:
            try:
                task = self._persistently()
            except ModelArtsExportError as error:
                if self._doubtful is None:
                    raise
                found = self._reconciled(error, self._doubtful)
                if found:
                    return found
            else:
                self._warn_of_twins(task)
                return task

    def _persistently(self) -> ExportTask:
        """Reuse, skip or send, again while the trouble passes and nothing was accepted.

        After each pause there may be a task to reuse, which another host has created meanwhile.
        """
        while True:
            self._traffic.pass_gate(self._timing)
            self._halt.check()
            try:
                return self._existing() or self._send()
            except TemporaryError as error:
                if self._doubtful and isinstance(error, BusyError):
                    raise
                self._patience.bear(error)

    def _send(self) -> ExportTask:
        self._halt.check()
        now, self._is_under_way = Moment.now(self._timing), True
        try:
            self.task = self._client.create(self.dataset_id, self._request)
        except UnknownOutcomeError:
            self._doubtful = self._doubtful or now
            raise
        except ModelArtsExportError:
            self._is_under_way = False
            raise
        self._taken.add(self.task.task_id)
        self._listener.accepted(self.task)
        return self.task

    def _reconciled(self, error: ModelArtsExportError, sent: Moment) -> ExportTask | None:
        """Return our task, found in the list; None when it is not there and may be sent once more."""
        self._halt.check()
        patience = self._settings.reconcile_timeout
        self._listener.talk(f"{error}; looking for a task of it, for up to {patience:g} s")
        try:
            found = search(self._ledger, sent, patience=patience)
        except ModelArtsExportError as trouble:
            raise self._unknown(trouble, f"{error}; looking for the task failed: {trouble}") from error
        if found:
            return self._found(found)
        given_up = isinstance(error, UnknownOutcomeError) and error.given_up
        if self._sent_again or not given_up:
            raise self._unknown(error, f"{error}; no such task is listed, but it may be yet") from error
        self._sent_again = True
        self._listener.talk("there is no such task; sending it once more")
        return None

    def _found(self, found: tuple[ExportTask, ...]) -> ExportTask:
        self.task = found[0]
        self._taken.update(each.task_id for each in found)
        self._listener.found(self.task)
        if len(found) > 1:
            ids = ", ".join(task.task_id for task in found)
            self._listener.alarm(f"{len(found)} tasks may be the one that was sent, nearest first: {ids}")
        return self.task

    def _warn_of_twins(self, task: ExportTask) -> None:
        """Look for another task of ours, when one of two sends had no reply."""
        if self._doubtful is None or self._halt.called:
            return
        try:
            found = self._ledger.twins(task, self._doubtful)
        except ModelArtsExportError as error:
            self._listener.warn(f"whether it was accepted twice could not be found out: {error}")
            return
        for twin in found:
            self._taken.add(twin.task_id)
            self._listener.alarm(f"export tasks {task.task_id} and {twin.task_id} are the same export")

    def _unknown(self, error: ModelArtsExportError, words: str) -> UnknownOutcomeError:
        return UnknownOutcomeError(
            f"{words}; it was sent twice" if self._sent_again else words,
            hint=LOOK_FIRST.replace("DATASET", self.dataset_id),
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


def look_at(client: Client, task: ExportTask, listener: Listener) -> ExportTask:
    """Return a task as one look shows it now.

    A look that fails does not undo the success: the listener hears of it, and the task is returned as it was
    accepted.
    """
    try:
        return task.seen_as(client.show(task.dataset_id, task.task_id, timeout=_GLANCE))
    except ModelArtsExportError as error:
        listener.unseen(error)
        return task
