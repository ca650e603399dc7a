"""The process: the command runs in one thread, the main thread handles SIGINT, SIGTERM and the exit.

A signal handler that raises would interrupt any code: a lock that is being released, a line that is half
written, an import. So the handlers do nothing, and the main thread reads the signals from a pipe. It cancels
the command, waits for the reply of a request that creates something, writes the final output, and exits.
"""

import os
import select
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from time import monotonic

FinalOutput = Sequence[Callable[[], None]]
"""The functions that write the final output after a signal, one for each stream."""
SIGNALED = 128
"""The exit code after a signal, less the number of the signal, as in a shell."""

_INTERRUPTED = SIGNALED + signal.SIGINT
_GRACE = 0.2  # seconds for a canceled command to return
_REPLY_TIMEOUT = 5.0  # seconds for the reply of a request that creates something, after a signal
_BLOCKED_TIMEOUT = 0.5  # seconds for the final output on streams that take nothing, all together
_OUTPUT_TIMEOUT = 60.0  # seconds for one part of the final output, which may have many thousand rows
_BLOCKED_CHECK = 0.05  # seconds
_STACK = 16 * 1024 * 1024  # bytes, as a main thread has; the default of some systems is far less


class Interruption:
    """What a signal does to the running command: the command sets it, the main thread reads it."""

    def __init__(self, wake: Callable[[], None] = lambda: None) -> None:
        """Start without a signal; `wake` makes the main thread check its conditions again."""
        self.make_final_output: Callable[[int], FinalOutput] | None = None
        self.forward: Callable[[int], None] | None = None
        self.is_sending: Callable[[], bool] = lambda: False
        from modelarts_export.cancellation import CancelToken  # noqa: PLC0415 - signals are handled now

        self.cancel_token = CancelToken()
        self._print_message: Callable[[str], None] = lambda _line: None
        self._wake = wake

    def request(self) -> None:
        """Cancel the command, so that it starts no new request."""
        self.cancel_token.cancel()

    def set_final_output(self, make_final_output: Callable[[int], FinalOutput]) -> None:
        """Set the function that makes the final output from the number of the signal."""
        self.make_final_output = make_final_output

    @contextmanager
    def delay_exit(
        self,
        *,
        is_sending: Callable[[], bool],
        print_message: Callable[[str], None],
    ) -> Iterator[None]:
        """Delay the exit after a signal while a request is being sent.

        `print_message` announces the delay. Raises CanceledError after a signal, on entry and on exit.
        """
        self.is_sending, self._print_message = is_sending, print_message
        self.cancel_token.raise_if_canceled()
        try:
            yield
        finally:
            self._wake()
        self.cancel_token.raise_if_canceled()

    @contextmanager
    def forward_signals(self, forward: Callable[[int], None]) -> Iterator[None]:
        """Pass each signal to `forward` instead of exiting."""
        self.forward = forward
        try:
            yield
        finally:
            self.forward = None

    def announce(self, line: str) -> None:
        """Print a message without waiting for a blocked stream."""
        _start_thread(partial(self._print_message, line)).join(_GRACE)


def supervise(command: Callable[[Interruption], int]) -> int:
    """Run a command and return its exit code; after a signal, exit the process with the signal's code."""
    _open_missing_streams()
    signals = _SignalPipe()
    interruption = Interruption(signals.wake)
    thread = _CommandThread(command, interruption, signals.wake)
    thread.start_with_large_stack()
    while thread.code is None:
        number = signals.wait(None)
        if number and interruption.forward:
            interruption.forward(number)
        elif number and thread.code is None:
            _interrupt(number, thread, interruption, signals)
    return thread.code


def _interrupt(
    number: int, thread: "_CommandThread", interruption: Interruption, signals: "_SignalPipe"
) -> None:
    """Exit the process, unless the command finishes with an exit code of its own in the meantime."""
    if not interruption.make_final_output:  # the program is not loaded yet
        os._exit(SIGNALED + number)
    interruption.request()
    again = signals.wait_until(lambda: thread.code is not None, _GRACE)
    if interruption.is_sending() and not again:
        interruption.announce(
            f"waiting up to {_REPLY_TIMEOUT:.0f} s for the reply; interrupt again to exit at once"
        )
        signals.wait_until(lambda: not interruption.is_sending(), _REPLY_TIMEOUT, stop_at_signal=True)
    signals.wait_until(lambda: not interruption.is_sending(), _GRACE)  # the reply may be arriving
    if not interruption.is_sending():
        signals.wait_until(lambda: thread.code is not None, _GRACE / 2)
    if thread.code in (None, _INTERRUPTED):
        _write(interruption.make_final_output(number))
        os._exit(SIGNALED + number)  # a running thread may hold the lock of a stream


def _write(output: FinalOutput) -> None:
    """Write the whole output, one part after the other; a blocked stream delays it for a while only."""
    for write in output:
        thread, ends = _start_thread(write), monotonic() + _OUTPUT_TIMEOUT
        free_at = monotonic()
        while thread.is_alive() and monotonic() < ends:
            thread.join(_BLOCKED_CHECK)
            if not _is_stream_blocked():
                free_at = monotonic()
            elif monotonic() - free_at > _BLOCKED_TIMEOUT / len(output):
                break


def _is_stream_blocked() -> bool:
    """Return whether a write to stdout or stderr would wait for its reader."""
    streams = select.poll()
    for number in (1, 2):
        streams.register(number, select.POLLOUT)
    return len(streams.poll(0)) < 2  # noqa: PLR2004 - one of the two is not ready


def _start_thread(call: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    return thread


class _CommandThread(threading.Thread):
    """The thread of the command; `code` is its exit code, and None while it runs.

    A Future would do the same, and load `logging` at each start, even for one key press of completion.
    """

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
        except SystemExit as error:  # shell completion exits like this
            code = error.code if isinstance(error.code, int) else int(error.code is not None)
        finally:
            self.code = code
            self._wake()


class _SignalPipe:
    """A pipe with a byte for each signal of the process, and a zero for each call of `wake`."""

    def __init__(self) -> None:
        """Receive SIGINT and SIGTERM, except one that the parent process set to be ignored."""
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self._poll = select.poll()
        self._poll.register(self._reader, select.POLLIN)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda *_: None)

    def wake(self) -> None:
        """Make `wait` return."""
        with suppress(BlockingIOError):  # a full pipe wakes the reader anyway
            os.write(self._writer, b"\0")

    def wait(self, seconds: float | None) -> int:
        """Return the number of the next signal, or 0 after `wake` or a timeout."""
        ready = self._poll.poll(None if seconds is None else max(seconds, 0.0) * 1000)
        return os.read(self._reader, 1)[0] if ready else 0

    def wait_until(
        self, condition: Callable[[], bool], seconds: float, *, stop_at_signal: bool = False
    ) -> bool:
        """Wait until a condition holds, at most some seconds; return whether a signal arrived."""
        deadline, signaled = monotonic() + seconds, False
        while not condition() and (left := deadline - monotonic()) > 0:
            signaled = bool(self.wait(left)) or signaled
            if signaled and stop_at_signal:
                break
        return signaled


def _open_missing_streams() -> None:
    """Open /dev/null for each closed standard stream, as a socket would get its descriptor."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
