"""What must become of a submission, whatever goes wrong and whatever the clocks say: written by hand.

An end is an exit code, how many POSTs were sent, and how many tasks were made of them: `10 1 0`. Exit 0 comes
with the ID of the last of these tasks. No older twin is ever taken for one of them, and nothing is warned
about.
"""

from dataclasses import dataclass

from modelarts_export.config.settings import Settings
from tests.submission.worlds import Clocks


@dataclass(frozen=True)
class Row:
    """A fault, with its ends: that without a lost reply, or those after one.

    After a lost reply the task, if there is one, is `listed` within the looks or it is not; and `undated` is
    the end when the server tells no time, or one that is far from ours, and no list was read before.
    """

    fault: str
    listed: str
    unlisted: str
    undated: str


def alike(fault: str, end: str) -> Row:
    """Return the row of a fault that loses no reply: what the list shows, and when, is all the same."""
    return Row(fault, end, end, end)


# A 2xx without an ID is no fault of the sandbox: the reply to the POST loses its body.
EMPTY = "empty"
ACCEPTED = {
    "no fault": alike("", "0 1 1"),
    # hung up: when nothing is listed, nobody is at it any more, and once more is all that is tried
    "drop": Row("drop:count=1", "0 1 1", "0 2 2", "10 1 1"),
    "drop by a reset": Row("drop:count=1,by=rst", "0 1 1", "0 2 2", "10 1 1"),
    "drop, always": Row("drop", "0 1 1", "10 2 2", "10 1 1"),
    "500": Row("500:count=1,accepted=yes", "0 1 1", "0 2 2", "10 1 1"),
    "502": Row("502:count=1", "0 1 1", "0 2 2", "10 1 1"),
    "503 without a code": Row("503:count=1,accepted=yes,code=none", "0 1 1", "0 2 2", "10 1 1"),
    # given up by us or in front of the service, which may be at it still
    "stall": Row("stall:count=1,for=2m", "0 1 1", "10 1 1", "10 1 1"),
    "408": Row("408:count=1,accepted=yes", "0 1 1", "10 1 1", "10 1 1"),
    "504": Row("504:count=1", "0 1 1", "10 1 1", "10 1 1"),
    # a success, of which the ID is lost
    "cut": Row("cut:count=1", "0 1 1", "10 1 1", "10 1 1"),
    "cut by a reset": Row("cut:count=1,by=rst,at=0", "0 1 1", "10 1 1", "10 1 1"),
    "2xx without an ID": Row(EMPTY, "0 1 1", "10 1 1", "10 1 1"),
}
NOT_ACCEPTED = {
    # provably so
    "refuse": alike("refuse:count=1", "0 2 1"),
    "refuse, always": alike("refuse", "5 3 0"),
    "429": alike("429:count=1", "0 2 1"),
    "429 with Retry-After": alike("429:count=1,retry-after=5s", "0 2 1"),
    "429 for an hour": alike("429:retry-after=1h", "5 1 0"),
    "429, always": alike("429", "5 2 0"),
    "503 with a code": alike("503:count=1", "0 2 1"),
    "busy": alike("busy:count=1", "0 2 1"),
    "busy, always": alike("busy", "5 3 0"),
    # for all that anybody knows, it may have been
    "drop": Row("drop:count=1,accepted=no", "0 2 1", "0 2 1", "10 1 0"),
    "drop by a reset": Row("drop:count=1,accepted=no,by=rst", "0 2 1", "0 2 1", "10 1 0"),
    "drop, always": Row("drop:accepted=no", "10 2 0", "10 2 0", "10 1 0"),
    "500": Row("500:count=1", "0 2 1", "0 2 1", "10 1 0"),
    "502": Row("502:count=1,accepted=no", "0 2 1", "0 2 1", "10 1 0"),
    "503 without a code": Row("503:count=1,code=none", "0 2 1", "0 2 1", "10 1 0"),
    "stall": Row("stall:count=1,for=2m,accepted=no", "10 1 0", "10 1 0", "10 1 0"),
    "408": Row("408:count=1", "10 1 0", "10 1 0", "10 1 0"),
    "504": Row("504:count=1,accepted=no", "10 1 0", "10 1 0", "10 1 0"),
}
# looks at 0, 1, 3 and 4 s; three tries that are refused; a busy dataset is asked at 0, 5 and 15 s
PATIENCE = Settings(reconcile_timeout=4.0, queue_timeout=15.0, max_retries=2)

_FAST = Clocks(ahead=7200.0, keys=False)
_SLOW = Clocks(ahead=-7200.0, keys=False)
_NO_DATE = Clocks(faults=("no-date",), keys=False)
_OTHER_CENTURY = Clocks(faults=("date:skew=-365d",), keys=False)
CLOCKS = {
    "right": Clocks(keys=False),
    "14 minutes fast, with keys": Clocks(ahead=840.0),
    "14 minutes slow, with keys": Clocks(ahead=-840.0),
    "19 minutes fast, with a token": Clocks(ahead=1140.0, keys=False),
    "service 2 s ahead of the gateway": Clocks(faults=("clock:skew=2s",), keys=False),
    "service 2 s behind the gateway": Clocks(faults=("clock:skew=-2s",), keys=False),
    "suspended for 10 minutes": Clocks(suspended=600.0, keys=False),
    "set back by 15 minutes": Clocks(set=-900.0, keys=False),
}
# nobody can tell how old a task is
TIMELESS = {
    "no Date": _NO_DATE,
    "2 hours fast, with a token": _FAST,
    "2 hours slow, with a token": _SLOW,
    "a Date of last year": _OTHER_CENTURY,
    "set back by an hour": Clocks(set=-3600.0, keys=False),
    "set forward by an hour": Clocks(set=3600.0, keys=False),
}
# but the list was read before the send
READ_BEFORE = {
    "no Date, list read before": _NO_DATE,
    "2 hours fast, list read before": _FAST,
    "2 hours slow, list read before": _SLOW,
    "a Date of last year, list read before": _OTHER_CENTURY,
}
LONG = "30m"
LAGS = ("0s", "3s", LONG)  # the last is longer than any look
TWINS: tuple[tuple[float, ...], ...] = (
    (),
    (10.0, 3600.0),
)  # how old other exports of the same are, in seconds
