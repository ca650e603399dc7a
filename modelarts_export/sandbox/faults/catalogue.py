"""What can go wrong in the sandbox on request, and whose turn it is to go wrong."""

import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from threading import Lock

ALL = "all"
WHEN = ("on", "count", "after", "probability")
"""The keys that say when a fault strikes."""
RETRY = ("retry-after", "retry-at")
"""The keys that give a reply the header Retry-After."""

_TASKS = "/v2/[^/]+/datasets/[^/]+/export-tasks"
_CALLS = {
    "create": ("POST", re.compile(_TASKS)),
    "list": ("GET", re.compile(_TASKS)),
    "show": ("GET", re.compile(f"{_TASKS}/[^/]+")),
    "datasets": ("GET", re.compile("/v2/[^/]+/datasets(/[^/]+)?")),
}
CALLS = (*_CALLS, ALL)
"""What a fault can be meant for; `all` takes in whatever else is asked."""


def classify_call(method: str, target: str) -> str:
    """Return which of CALLS a request is, `all` when it is none of the others."""
    path = target.partition("?")[0]
    known = _CALLS.items()
    return next((name for name, (verb, form) in known if verb == method and form.fullmatch(path)), ALL)


class Delivery(Enum):
    """How much of a reply arrives: all, the head and a part of the body, nothing, or not even the request."""

    DELIVERED = "delivered"
    CUT = "cut"
    DROPPED = "dropped"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True)
class FaultKind:
    """What a fault does, and the words that go with it.

    `preset` has the words that it is given beforehand, and `fixed` those that nobody can change; it must be
    given the keys in `needs` and may be given those in `also` and `when`. With a `status` it replies in the
    place of the service; with a `fate` the reply is lost. A call meets one fault of each `aspect`.
    """

    description: str
    on: str = "create"
    preset: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    when: tuple[str, ...] = WHEN
    calls: tuple[str, ...] = CALLS
    aspect: str = "answer"
    fate: Delivery = Delivery.DELIVERED
    status: int = 0
    message: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that it takes."""
        return (*self.needs, *self.preset, *self.also, *self.when)


KINDS: Mapping[str, FaultKind] = {
    "refuse": FaultKind(
        description="The connection is closed before the request is read.",
        preset={"by": "rst"},
        fate=Delivery.REFUSED,
    ),
    "drop": FaultKind(
        description="The connection is closed without a reply.",
        preset={"accepted": "yes", "by": "fin"},
        fate=Delivery.DROPPED,
    ),
    "stall": FaultKind(
        description="Nothing comes for so long, and then the connection is closed.",
        needs=("for",),
        preset={"accepted": "yes", "by": "fin"},
        fate=Delivery.DROPPED,
    ),
    "cut": FaultKind(
        description="It is executed, and the reply ends after N bytes of its body, or half of it.",
        preset={"by": "fin"},
        fixed={"accepted": "yes"},
        also=("at",),
        fate=Delivery.CUT,
    ),
    "busy": FaultKind(
        description="400, and nothing is executed.",
        preset={"code": "ModelArts.4409"},
        status=400,
        message="Too many tasks are running in the dataset",
    ),
    "400": FaultKind(
        description="A refusal of the request with this code; nothing is executed.",
        needs=("code",),
        status=400,
        message="The request is refused",
    ),
    "408": FaultKind(
        description="A timeout in front of the service.",
        preset={"accepted": "no", "code": "ModelArts.4205"},
        status=408,
        message="The connection to the backend timed out",
    ),
    "429": FaultKind(
        description="Too many requests; nothing is executed.",
        preset={"code": "APIGW.0308"},
        also=RETRY,
        status=429,
        message="The throttling threshold has been reached: policy user over ratelimit,limit:5,time:1 minute",
    ),
    "500": FaultKind(
        description="An internal error.",
        preset={"accepted": "no", "code": "ModelArts.0010"},
        status=500,
        message="Internal error",
    ),
    "502": FaultKind(
        description="A gateway that lost the service.",
        preset={"accepted": "yes", "code": "none"},
        status=502,
        message="The backend is unavailable",
    ),
    "503": FaultKind(
        description="Out of service.",
        preset={"accepted": "no", "code": "ModelArts.4302"},
        also=RETRY,
        status=503,
        message="The service is unavailable",
    ),
    "504": FaultKind(
        description="A gateway that waited in vain.",
        preset={"accepted": "yes", "code": "none"},
        status=504,
        message="The backend timed out",
    ),
    "lag": FaultKind(
        description="A task that is younger than this is not shown.",
        on="list+show",
        needs=("for",),
        calls=("list", "show"),
        aspect="lag",
    ),
    "late": FaultKind(description="The reply comes later.", on=ALL, needs=("for",), aspect="late"),
    "date": FaultKind(description="The header Date is wrong.", on=ALL, needs=("skew",), aspect="date"),
    "no-date": FaultKind(description="There is no header Date.", on=ALL, aspect="date"),
    "clock": FaultKind(
        description="The service's clock is wrong, the header Date is right.",
        needs=("skew",),
        when=(),
        aspect="clock",
    ),
}
"""What can go wrong, by the first word of a fault; statuses and codes are those of API.md, section 5."""

MESSAGES: Mapping[tuple[int, str], str] = {
    (400, "ModelArts.4111"): "The region in the request header is invalid",
    (400, "ModelArts.4126"): "The account is locked",
    (400, "ModelArts.4204"): "No permission to call the API",
    (400, "ModelArts.4365"): "The dataset has no labels",
    (400, "ModelArts.4370"): "Only one dataset version can be published in a minute",
    (400, "ModelArts.4371"): "The dataset version exists",
    (400, "ModelArts.4410"): "The label does not exist",
    (400, "ModelArts.4420"): "The sample does not exist",
    (400, "ModelArts.4430"): "The label attribute does not exist",
    (400, "ModelArts.4714"): "The dataset version quota is used up",
    (500, "ModelArts.0109"): "The account is not authorized",
    (500, "ModelArts.4302"): "Access is rejected by the backend of the gateway",
}
"""What the API says under codes that a fault may be given, by status and code (API.md, section 5)."""

KEYS: Mapping[str, tuple[str, str]] = {
    "for": ("DURATION", "how long"),
    "skew": ("[-]DURATION", "how far ahead, or with a minus how far behind"),
    "accepted": ("yes|no", "whether the request is executed all the same"),
    "by": ("fin|rst", "how the connection is closed"),
    "at": ("N", "how many bytes of the body arrive"),
    "code": ("CODE|none", "the API's error code; for none the reply is an HTML page"),
    "retry-after": ("DURATION", "the header Retry-After, in seconds"),
    "retry-at": ("DURATION", "the header Retry-After, as a date that far ahead"),
    "on": ("CALL[+CALL...]", f"the calls that it is meant for: {', '.join(CALLS[:-1])} or {ALL}"),
    "count": ("N", "how often it strikes; without it there is no end"),
    "after": ("N", "how many calls it lets pass first"),
    "probability": ("P", "how likely it strikes, above 0 and up to 1"),
}
"""The keys of a fault: what a value looks like, and what it means."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that goes wrong, read from words as KINDS and KEYS have them; times are in seconds.

    No `count` is for ever, no `at` half of the body, and no `code` an HTML page.
    """

    kind: str
    on: frozenset[str]
    count: int | None = None
    after: int = 0
    probability: float = 1.0
    accepted: bool = False
    reset: bool = False
    at: int | None = None
    code: str | None = None
    lasts: float = 0.0
    skew: float = 0.0
    retry_after: float | None = None
    retry_at: float | None = None

    @property
    def aspect(self) -> str:
        """What it makes go wrong."""
        return KINDS[self.kind].aspect


ActiveFaults = Mapping[str, Fault]
"""What a call meets: at most one fault for each aspect."""


def refuses(strike: ActiveFaults) -> bool:
    """Tell whether a call is over before it is read."""
    return "answer" in strike and KINDS[strike["answer"].kind].fate is Delivery.REFUSED


class Faults:
    """Faults in their order, with the memory of how often each has struck; safe for several threads at once.

    A call is for the first fault of an aspect that fits and still strikes; those behind it do not count it,
    so that `drop:count=1` and `502:count=2` are met one after the other.
    """

    def __init__(self, faults: Iterable[Fault] = (), *, chance: random.Random | None = None) -> None:
        """Begin with none of them met; `chance` decides for those that have a probability."""
        faults = list(faults)
        self._turns = [FaultCounter(fault) for fault in faults if fault.aspect != "clock"]
        self._chance = chance or random.Random()  # noqa: S311 - whether a call fails is no secret
        self._lock = Lock()
        self.clock_skew = sum(fault.skew for fault in faults if fault.aspect == "clock")
        """How far the service's clock is ahead, in seconds."""

    def next_faults(self, call: str) -> ActiveFaults:
        """Return what one of CALLS meets, and count it."""
        struck: dict[str, Fault] = {}
        with self._lock:
            for turn in self._turns:
                fault = turn.fault
                if fault.aspect not in struck and fault.on & {call, ALL} and turn.comes(self._chance):
                    struck[fault.aspect] = fault
        return struck


class FaultCounter:
    """A fault, and how often it was met and has struck."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._met = self._struck = 0

    def comes(self, chance: random.Random) -> bool:
        """Tell whether it strikes a call that is for it, and count both."""
        fault = self.fault
        if fault.count is not None and self._struck >= fault.count:
            return False
        self._met += 1
        # A fault that is certain leaves the dice alone, so that a seed tells the same of the others.
        strikes = self._met > fault.after and (fault.probability == 1 or chance.random() < fault.probability)
        self._struck += strikes
        return strikes
