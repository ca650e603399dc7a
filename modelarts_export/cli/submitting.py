"""A submission that a signal does not tear apart, as it runs in a thread that signals do not reach."""

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelarts_export.submission import Submission
    from modelarts_export.task import ExportTask

_AT_ONCE = 0.2  # seconds in which what does not wait for a reply ends
_REPLIES = 5.0  # seconds that a reply on its way may take after a signal


class Alarm:
    """A sleep that can be ended."""

    def __init__(self) -> None:
        """Let everybody sleep."""
        self._ringing = threading.Event()

    def sleep(self, seconds: float) -> None:
        """Let seconds pass, or fewer."""
        self._ringing.wait(seconds)

    def ring(self) -> None:
        """Let nobody sleep any more."""
        self._ringing.set()


def submitted(submission: "Submission", alarm: Alarm, *, tell: "Callable[[str], None]") -> "ExportTask":
    """Return what Submission.run returns, and raise what it raises.

    A KeyboardInterrupt lets nothing new begin, and waits for the reply that is on its way, which `tell` says;
    another one ends that, too.
    """
    run = _Run(submission.run)
    try:
        run.start()  # which waits for the thread, and may be interrupted when the request is on its way
        run.ended.wait()
    except KeyboardInterrupt:
        submission.halt()
        alarm.ring()
        if not run.ended.wait(_AT_ONCE):
            tell(f"waiting up to {_REPLIES:.0f} s for the reply; interrupt again to leave at once")
            run.ended.wait(_REPLIES)
        raise
    return run.result()


class _Run(threading.Thread):
    """A thread that keeps what a call returned or raised; the process does not wait for it."""

    def __init__(self, call: "Callable[[], ExportTask]") -> None:
        super().__init__(daemon=True)
        self.ended = threading.Event()
        self._call = call
        self._returned: ExportTask | None = None
        self._raised: BaseException | None = None

    def run(self) -> None:
        try:
            self._returned = self._call()
        except BaseException as error:  # noqa: BLE001 - raised again where somebody waits for it
            self._raised = error
        self.ended.set()

    def result(self) -> "ExportTask":
        if self._returned is None:
            raised, self._raised = self._raised, None  # its traceback holds this thread, and open sockets
            raise raised or RuntimeError("the submission has not ended")
        return self._returned
