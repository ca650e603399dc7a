"""What the submissions of one process agree on, with threads and without real time."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import pytest

from modelarts_export.timing import Timing
from modelarts_export.traffic import Traffic

_MOMENT = 0.05  # seconds in which a thread that may go on does
_PATIENCE = 5.0


@dataclass(kw_only=True)
class Time:
    """A clock that moves while somebody sleeps."""

    now: float = 100.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        """Move."""
        self.slept.append(seconds)
        self.now += seconds

    @property
    def timing(self) -> Timing:
        """The same as a parameter."""
        return Timing(clock=lambda: self.now, sleep=self.sleep)


def test_a_closed_gate_is_waited_for() -> None:
    """By everybody, and only once."""
    time, traffic = Time(), Traffic()
    traffic.pass_gate(time.timing)
    traffic.close_for(30, time.timing)
    traffic.close_for(10, time.timing)  # which opens nothing earlier
    traffic.pass_gate(time.timing)
    traffic.pass_gate(time.timing)
    assert time.slept == [30]


def test_a_gate_that_is_closed_again_meanwhile() -> None:
    """The wait goes on."""
    time, traffic = Time(), Traffic()

    def sleep(seconds: float) -> None:
        if not time.slept:
            traffic.close_for(50, time.timing)
        time.sleep(seconds)

    traffic.close_for(20, time.timing)
    traffic.pass_gate(Timing(clock=lambda: time.now, sleep=sleep))
    assert time.slept == [20, 30]


def passes(held: AbstractContextManager[None], wanted: Callable[[], AbstractContextManager[None]]) -> bool:
    """Tell whether another thread gets in while somebody is; once nobody is, it must."""
    inside = threading.Event()

    def enter() -> None:
        with wanted():
            inside.set()

    thread = threading.Thread(target=enter, daemon=True)
    with held:
        thread.start()
        passed = inside.wait(_MOMENT)
    thread.join(_PATIENCE)
    assert inside.is_set()
    return passed


@pytest.mark.parametrize(
    ("dataset_id", "path", "passed"), [("d", "/b/x/", False), ("d", "/b/y/", True), ("e", "/b/x/", True)]
)
def test_turns(dataset_id: str, path: str, passed: bool) -> None:  # noqa: FBT001 - a row
    """One submission at a time to a path of a dataset."""
    traffic = Traffic()
    assert passes(traffic.turn("d", "/b/x/"), lambda: traffic.turn(dataset_id, path)) == passed


@pytest.mark.parametrize(("dataset_id", "passed"), [("d", False), ("e", True)])
def test_queues(dataset_id: str, passed: bool) -> None:  # noqa: FBT001 - a row
    """One submission at a time asks a busy dataset; those to come stand behind it, and turns do not mind."""
    traffic = Traffic()
    assert passes(traffic.queue("d"), lambda: traffic.queue(dataset_id)) == passed
    assert passes(traffic.queue("d"), lambda: traffic.turn("d", "/b/x/"))
