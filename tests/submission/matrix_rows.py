"""The expected result of a submission for each fault and each state of the clocks, written by hand.

A result is the exit code, the number of POSTs and the number of tasks they created: `10 1 0`. With exit code 0
it has the ID of the last of these tasks. An older task of the same export is never taken for one of them, and
there are no warnings.
"""

from dataclasses import dataclass

from modelarts_export.config.settings import Settings
from tests.submission.simulated_service import Clocks


@dataclass(frozen=True)
class Row:
    """A fault and its results, in each cell or in a few.

    After a lost reply, the result depends on whether the list shows the task in time: `listed` or `unlisted`.
    `undated` is the result without a usable Date header and without a list that was read before the POST.
    Faults of the same kind are handled alike once they are classified: one `in_all_cells` stands for them.
    """

    fault: str
    listed: str
    unlisted: str
    undated: str
    in_all_cells: bool = False


def make_uniform_row(fault: str, result: str, *, in_all_cells: bool = False) -> Row:
    """Return the row of a fault that loses no reply: its result does not depend on the list."""
    return Row(fault, result, result, result, in_all_cells)


# No fault of the sandbox: an interceptor removes the body of the reply.
EMPTY_REPLY = "empty"
ACCEPTED = {
    "no fault": make_uniform_row("", "0 1 1", in_all_cells=True),
    # the server closed the connection, so it is done: sent again once when no task is listed
    "drop": Row("drop:count=1", "0 1 1", "0 2 2", "10 1 1", in_all_cells=True),
    "drop by a reset": Row("drop:count=1,by=rst", "0 1 1", "0 2 2", "10 1 1"),
    "drop, always": Row("drop", "0 1 1", "10 2 2", "10 1 1", in_all_cells=True),
    "500": Row("500:count=1,accepted=yes", "0 1 1", "0 2 2", "10 1 1"),
    "502": Row("502:count=1", "0 1 1", "0 2 2", "10 1 1"),
    "503 without a code": Row("503:count=1,accepted=yes,code=none", "0 1 1", "0 2 2", "10 1 1"),
    # timed out in the client or in the gateway: the service may still process the request
    "stall": Row("stall:count=1,for=2m", "0 1 1", "10 1 1", "10 1 1"),
    "408": Row("408:count=1,accepted=yes", "0 1 1", "10 1 1", "10 1 1"),
    "504": Row("504:count=1", "0 1 1", "10 1 1", "10 1 1", in_all_cells=True),
    # a success without a usable ID
    "cut": Row("cut:count=1", "0 1 1", "10 1 1", "10 1 1", in_all_cells=True),
    "cut by a reset": Row("cut:count=1,by=rst,at=0", "0 1 1", "10 1 1", "10 1 1"),
    "2xx without an ID": Row(EMPTY_REPLY, "0 1 1", "10 1 1", "10 1 1"),
}
NOT_ACCEPTED = {
    # proven by the reply
    "refuse": make_uniform_row("refuse:count=1", "0 2 1", in_all_cells=True),
    "refuse, always": make_uniform_row("refuse", "5 3 0"),
    "429": make_uniform_row("429:count=1", "0 2 1"),
    "429 with Retry-After": make_uniform_row("429:count=1,retry-after=5s", "0 2 1"),
    "429 for an hour": make_uniform_row("429:retry-after=1h", "5 1 0"),
    "429, always": make_uniform_row("429", "5 2 0"),
    "503 with a code": make_uniform_row("503:count=1", "0 2 1"),
    "busy": make_uniform_row("busy:count=1", "0 2 1", in_all_cells=True),
    "busy, always": make_uniform_row("busy", "5 3 0"),
    # not proven
    "drop": Row("drop:count=1,accepted=no", "0 2 1", "0 2 1", "10 1 0", in_all_cells=True),
    "drop by a reset": Row("drop:count=1,accepted=no,by=rst", "0 2 1", "0 2 1", "10 1 0"),
    "drop, always": Row("drop:accepted=no", "10 2 0", "10 2 0", "10 1 0", in_all_cells=True),
    "500": Row("500:count=1", "0 2 1", "0 2 1", "10 1 0"),
    "502": Row("502:count=1,accepted=no", "0 2 1", "0 2 1", "10 1 0"),
    "503 without a code": Row("503:count=1,code=none", "0 2 1", "0 2 1", "10 1 0"),
    "stall": Row("stall:count=1,for=2m,accepted=no", "10 1 0", "10 1 0", "10 1 0"),
    "408": Row("408:count=1", "10 1 0", "10 1 0", "10 1 0"),
    "504": Row("504:count=1,accepted=no", "10 1 0", "10 1 0", "10 1 0", in_all_cells=True),
}
# polls at 0, 1, 3 and 4 s; three attempts; a busy dataset is tried at 0, 5 and 15 s
LIMITS = Settings(reconcile_timeout=4.0, queue_timeout=15.0, max_retries=2)

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
# the age of a task is unknown
UNDATED = {
    "no Date": _NO_DATE,
    "2 hours fast, with a token": _FAST,
    "2 hours slow, with a token": _SLOW,
    "a Date of last year": _OTHER_CENTURY,
    "set back by an hour": Clocks(set=-3600.0, keys=False),
    "set forward by an hour": Clocks(set=3600.0, keys=False),
}
# the list was read before the POST
LISTED_BEFORE = {
    "no Date, list read before": _NO_DATE,
    "2 hours fast, list read before": _FAST,
    "2 hours slow, list read before": _SLOW,
    "a Date of last year, list read before": _OTHER_CENTURY,
}
LONG_LAG = "30m"
LAGS = ("0s", "3s", LONG_LAG)  # the last is longer than the reconcile timeout
OLDER_EXPORTS = (10.0, 3600.0)  # the ages of older tasks of the same export, in seconds
