"""The process: a command runs in one thread, and the main thread owns SIGINT, SIGTERM and the exit.

A handler that raises would interrupt whatever runs: a lock that is being released, a half-written line, an
import. So handlers do nothing, and the main thread reads the signals from a pipe. It tells the command to
start nothing new, waits for the reply of a request that creates something, has the last words written, and
exits.
"""

import os
import select
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from time import monotonic

LastWords = Sequence[Callable[[], None]]
"""What writes the last words, a function for each stream."""

_SIGNALED = 128  # plus the number of the signal, as a shell has it
_INTERRUPTED = _SIGNALED + signal.SIGINT
_GRACE = 0.2  # seconds in which a command that was told to stop ends by itself
_REPLY = 5.0  # seconds that the reply of a request which creates something may take after a signal
_LAST_WORDS = 0.5  # seconds after which a stream that takes nothing is given up
_STACK = 16 * 1024 * 1024  # bytes, as a main thread has; the default of some systems is far less


class Interruption:
    """What a signal does to the command that runs. The command sets it; the main thread acts on it."""

    def __init__(self, wake: Callable[[], None] = lambda: None) -> None:
        """Begin without a signal; `wake` makes the main thread look at this again."""
        self.conclude: Callable[[int], LastWords] | None = None
        self.forward: Callable[[int], None] | None = None
        self.is_sending: Callable[[], bool] = lambda: False
        self._cancel: Callable[[], None] = lambda: None
        self._tell: Callable[[str], None] = lambda _line: None
        self._requested = threading.Event()
        self._wake = wake

    def request(self) -> None:
        """Tell the command to start nothing new."""
        self._requested.set()
        self._cancel()

    def check(self) -> None:
        """Raise KeyboardInterrupt after a signal."""
        if self._requested.is_set():
            raise KeyboardInterrupt

    def sleep(self, seconds: float | None) -> None:
        """Let seconds pass, or all time to come. Raises KeyboardInterrupt when a signal arrives."""
        self._requested.wait(seconds)
        self.check()

    def conclude_with(self, conclude: Callable[[int], LastWords]) -> None:
        """Let this prepare the last words from now on; it gets the number of the signal."""
        self.conclude = conclude

    @contextmanager
    def sending(
        self, *, is_sending: Callable[[], bool], cancel: Callable[[], None], tell: Callable[[str], None]
    ) -> Iterator[None]:
        """Let a signal wait for a reply while `is_sending`; `cancel` stops all that was not sent yet.

        `tell` announces that it waits. Raises KeyboardInterrupt after a signal, at the beginning and at the
        end.
        """
        self.is_sending, self._cancel, self._tell = is_sending, cancel, tell
        self.check()  # after `cancel` is set: a signal before that is seen here, a later one cancels
        try:
            yield
        finally:
            self._wake()
        self.check()

    @contextmanager
    def forwarding(self, forward: Callable[[int], None]) -> Iterator[None]:
        """Give each signal to somebody else meanwhile."""
        self.forward = forward
        try:
            yield
        finally:
            self.forward = None

    def announce(self, line: str) -> None:
        """Say that the exit waits for something; a stream that is blocked does not hold it up."""
        _run_beside(partial(self._tell, line)).join(_GRACE)


def supervise(command: Callable[[Interruption], int]) -> int:
    """Run a command and return its exit code; after a signal, exit the process by the code of that."""
    _occupy_closed_descriptors()
    inbox = _Inbox()
    interruption = Interruption(inbox.wake)
    thread = _CommandThread(command, interruption, inbox.wake)
    thread.start_with_large_stack()
    while thread.code is None:
        number = inbox.wait(None)
        if number and interruption.forward:
            interruption.forward(number)
        elif number and thread.code is None:
            _interrupt(number, thread, interruption, inbox)
    return thread.code


def _interrupt(number: int, thread: "_CommandThread", interruption: Interruption, inbox: "_Inbox") -> None:
    """Exit the process, unless the command comes to an end of its own at this very moment."""
    if not interruption.conclude:  # the program is not loaded yet
        os._exit(_SIGNALED + number)
    interruption.request()
    again = inbox.wait_until(lambda: thread.code is not None, _GRACE)
    if interruption.is_sending() and not again:
        interruption.announce(f"waiting up to {_REPLY:.0f} s for the reply; interrupt again to leave at once")
        inbox.wait_until(lambda: not interruption.is_sending(), _REPLY, signals_end_it=True)
    inbox.wait_until(lambda: not interruption.is_sending(), _GRACE)  # it may just be arriving
    if not interruption.is_sending():
        inbox.wait_until(lambda: thread.code is not None, _GRACE / 2)
    if thread.code in (None, _INTERRUPTED):
        _write(interruption.conclude(number))
        os._exit(_SIGNALED + number)  # what still runs may hold the lock of a stream


def _write(words: LastWords) -> None:
    """Write to each stream in a thread of its own: one that is blocked keeps no word from the other."""
    deadline = monotonic() + _LAST_WORDS
    for thread in [_run_beside(write) for write in words]:
        thread.join(max(deadline - monotonic(), 0.0))


def _run_beside(call: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    return thread


class _CommandThread(threading.Thread):
    """The thread in which the command runs; `code` is its exit code once it has ended."""

    def __init__(
        self, command: Callable[[Interruption], int], interruption: Interruption, wake: Callable[[], None]
    ) -> None:
        super().__init__(name="command", daemon=True)
        self.code: int | None = None
        self._command, self._interruption, self._wake = command, interruption, wake

    def start_with_large_stack(self) -> None:
        before = threading.stack_size(_STACK)
        self.start()
        threading.stack_size(before)

    def run(self) -> None:
        code = 1
        try:
            code = self._command(self._interruption)
        except SystemExit as error:  # the completion of a shell ends so
            code = error.code if isinstance(error.code, int) else int(error.code is not None)
        except KeyboardInterrupt:
            code = _INTERRUPTED
        finally:
            self.code = code
            self._wake()


class _Inbox:
    """The signals of the process, as they came, and zeros from whoever wakes the reader."""

    def __init__(self) -> None:
        """Receive SIGINT and SIGTERM from now on, save those that the parent process ignores."""
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self._poll = select.poll()
        self._poll.register(self._reader, select.POLLIN)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda *_: None)

    def wake(self) -> None:
        """Wake the reader."""
        with suppress(BlockingIOError):  # so full that it is awake anyway
            os.write(self._writer, b"\0")

    def wait(self, seconds: float | None) -> int:
        """Return the number of the next signal; 0 when it was woken or the seconds are over."""
        ready = self._poll.poll(None if seconds is None else max(seconds, 0.0) * 1000)
        return os.read(self._reader, 1)[0] if ready else 0

    def wait_until(
        self, condition: Callable[[], bool], seconds: float, *, signals_end_it: bool = False
    ) -> bool:
        """Wait until a condition holds, for so many seconds at most; return whether there was a signal."""
        deadline, signaled = monotonic() + seconds, False
        while not condition() and (left := deadline - monotonic()) > 0:
            signaled = bool(self.wait(left)) or signaled
            if signaled and signals_end_it:
                break
        return signaled


def _occupy_closed_descriptors() -> None:
    """Open something in place of a standard stream that is closed, or a socket would get its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
