"""The kinds of faults, and which fault applies to a call."""

import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from threading import Lock

ALL = "all"
WHEN = ("on", "count", "after", "probability")
"""The keys that say when a fault applies."""
RETRY = ("retry-after", "retry-at")
"""The keys that set the header Retry-After of a reply."""

_TASKS = "/v2/[^/]+/datasets/[^/]+/export-tasks"
_CALLS = {
    "create": ("POST", re.compile(_TASKS)),
    "list": ("GET", re.compile(_TASKS)),
    "show": ("GET", re.compile(f"{_TASKS}/[^/]+")),
    "datasets": ("GET", re.compile("/v2/[^/]+/datasets(/[^/]+)?")),
    "token": ("POST", re.compile("/v3/auth/tokens")),
    "projects": ("GET", re.compile("/v3/projects")),
    "auth-projects": ("GET", re.compile("/v3/auth/projects")),
}
CALLS = (*_CALLS, ALL)
"""The calls that a fault can be limited to; `all` includes any other request."""


def classify_call(method: str, target: str) -> str:
    """Return which of CALLS a request is, `all` when it is none of the others."""
    path = target.partition("?")[0]
    matching = (name for name, (verb, form) in _CALLS.items() if verb == method and form.fullmatch(path))
    return next(matching, ALL)


class Delivery(Enum):
    """How much of an exchange is delivered: all, head and part of the body, only the request, or nothing."""

    DELIVERED = "delivered"
    CUT = "cut"
    DROPPED = "dropped"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True)
class FaultKind:
    """What a fault does, and the keys that it takes.

    `defaults` has the values of keys that are not given, `fixed` values that cannot be given. The keys in
    `required` must be given, those in `optional` and `when` may be. With a `status` it replies instead of the
    service; with another `delivery` than DELIVERED the reply is lost. At most one fault of each `aspect`
    applies to a call.
    """

    description: str
    on: str = "create"
    defaults: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    when: tuple[str, ...] = WHEN
    calls: tuple[str, ...] = CALLS
    aspect: str = "answer"
    delivery: Delivery = Delivery.DELIVERED
    status: int = 0
    message: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys that may be given."""
        return (*self.required, *self.defaults, *self.optional, *self.when)


KINDS: Mapping[str, FaultKind] = {
    "refuse": FaultKind(
        description="The connection is closed before the request is read.",
        defaults={"by": "rst"},
        delivery=Delivery.REFUSED,
    ),
    "drop": FaultKind(
        description="The connection is closed without a reply.",
        defaults={"accepted": "yes", "by": "fin"},
        delivery=Delivery.DROPPED,
    ),
    "stall": FaultKind(
        description="No reply comes for this long, then the connection is closed.",
        required=("for",),
        defaults={"accepted": "yes", "by": "fin"},
        delivery=Delivery.DROPPED,
    ),
    "cut": FaultKind(
        description="The request is executed, and the reply ends after N bytes of its body, or half of it.",
        defaults={"by": "fin"},
        fixed={"accepted": "yes"},
        optional=("at",),
        delivery=Delivery.CUT,
    ),
    "busy": FaultKind(
        description="400, and the request is not executed.",
        defaults={"code": "ModelArts.4409"},
        status=400,
        message="Too many tasks are running in the dataset",
    ),
    "400": FaultKind(
        description="400 with this code, and the request is not executed.",
        required=("code",),
        status=400,
        message="The request is refused",
    ),
    "403": FaultKind(
        description="No permission; the request is not executed.",
        defaults={"code": "ModelArts.0112"},
        status=403,
        message="The user is not authorized to perform this operation",
    ),
    "408": FaultKind(
        description="A timeout in front of the service.",
        defaults={"accepted": "no", "code": "ModelArts.4205"},
        status=408,
        message="The connection to the backend timed out",
    ),
    "429": FaultKind(
        description="Too many requests; the request is not executed.",
        defaults={"code": "APIGW.0308"},
        optional=RETRY,
        status=429,
        message="The throttling threshold has been reached: policy user over ratelimit,limit:5,time:1 minute",
    ),
    "500": FaultKind(
        description="An internal error.",
        defaults={"accepted": "no", "code": "ModelArts.0010"},
        status=500,
        message="Internal error",
    ),
    "502": FaultKind(
        description="A gateway that lost its connection to the service.",
        defaults={"accepted": "yes", "code": "none"},
        status=502,
        message="The backend is unavailable",
    ),
    "503": FaultKind(
        description="Out of service.",
        defaults={"accepted": "no", "code": "ModelArts.4302"},
        optional=RETRY,
        status=503,
        message="The service is unavailable",
    ),
    "504": FaultKind(
        description="A gateway that timed out.",
        defaults={"accepted": "yes", "code": "none"},
        status=504,
        message="The backend timed out",
    ),
    "lag": FaultKind(
        description="A task that is younger than this is neither listed nor shown.",
        on="list+show",
        required=("for",),
        calls=("list", "show"),
        aspect="lag",
    ),
    "late": FaultKind(description="The reply comes later.", on=ALL, required=("for",), aspect="late"),
    "date": FaultKind(description="The header Date is wrong.", on=ALL, required=("skew",), aspect="date"),
    "no-date": FaultKind(description="There is no header Date.", on=ALL, aspect="date"),
    "clock": FaultKind(
        description="The service's clock is wrong, the header Date is right.",
        required=("skew",),
        when=(),
        aspect="clock",
    ),
}
"""The kinds of faults by name; statuses and codes are those of API.md, section 5."""

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
"""The API's messages by status and code, for codes that a fault may have (API.md, section 5)."""

KEYS: Mapping[str, tuple[str, str]] = {
    "for": ("DURATION", "how long"),
    "skew": ("[-]DURATION", "how far ahead, or with a minus how far behind"),
    "accepted": ("yes|no", "whether the request is executed"),
    "by": ("fin|rst", "how the connection is closed"),
    "at": ("N", "how many bytes of the body arrive"),
    "code": ("CODE|none", "the API's error code; for none the reply is an HTML page"),
    "retry-after": ("DURATION", "the header Retry-After, in seconds"),
    "retry-at": ("DURATION", "the header Retry-After, as a date that far ahead"),
    "on": ("CALL[+CALL...]", f"the calls that it applies to: {', '.join(CALLS[:-1])} or {ALL}"),
    "count": ("N", "to how many calls it applies; no limit by default"),
    "after": ("N", "how many calls it skips first"),
    "probability": ("P", "how likely it applies to a call, above 0 and up to 1"),
}
"""The keys of a fault: the form of the value, and its meaning."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault to inject; times are in seconds.

    `count` None means no limit, `at` None half of the body, and `code` None an HTML page.
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
    duration: float = 0.0
    skew: float = 0.0
    retry_after: float | None = None
    retry_at: float | None = None

    @property
    def aspect(self) -> str:
        """The aspect of a call that it affects."""
        return KINDS[self.kind].aspect


ActiveFaults = Mapping[str, Fault]
"""The faults that apply to a call, at most one for each aspect."""


def refuses_connection(active_faults: ActiveFaults) -> bool:
    """Tell whether the connection is closed before the request is read."""
    return "answer" in active_faults and KINDS[active_faults["answer"].kind].delivery is Delivery.REFUSED


class Faults:
    """Faults in their order, each with a counter; thread-safe.

    The first fault of an aspect that matches a call and is not used up applies; those after it do not count
    the call, so that `drop:count=1` and `502:count=2` apply one after the other.
    """

    def __init__(self, faults: Iterable[Fault] = (), *, rng: random.Random | None = None) -> None:
        """Begin with all counters at zero; `rng` decides for faults with a probability."""
        faults = list(faults)
        self._counters = [FaultCounter(fault) for fault in faults if fault.aspect != "clock"]
        self._rng = rng or random.Random()  # noqa: S311 - whether a call fails is no secret
        self._lock = Lock()
        self.clock_skew = sum(fault.skew for fault in faults if fault.aspect == "clock")
        """How far the service's clock is ahead, in seconds."""

    def next_faults(self, call: str) -> ActiveFaults:
        """Return the faults that apply to one of CALLS, and count it."""
        active: dict[str, Fault] = {}
        with self._lock:
            for counter in self._counters:
                fault = counter.fault
                if fault.aspect not in active and fault.on & {call, ALL} and counter.count_call(self._rng):
                    active[fault.aspect] = fault
        return active


class FaultCounter:
    """A fault with the number of calls that it counted and applied to."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._calls = self._applied = 0

    def count_call(self, rng: random.Random) -> bool:
        """Count a matching call and return whether the fault applies to it."""
        fault = self.fault
        if fault.count is not None and self._applied >= fault.count:
            return False
        self._calls += 1
        # A fault with probability 1 draws no number, so that a seed gives the others the same draws.
        applies = self._calls > fault.after and (fault.probability == 1 or rng.random() < fault.probability)
        self._applied += applies
        return applies
