"""The gateway of the sandbox, without sockets: the service behind injected faults."""

import email.utils
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import replace

from modelarts_export.sandbox.authentication import Credentials
from modelarts_export.sandbox.cloud.contract import ApiError
from modelarts_export.sandbox.cloud.tasks import Cloud
from modelarts_export.sandbox.faults.catalog import (
    KINDS,
    MESSAGES,
    ActiveFaults,
    Delivery,
    Fault,
    Faults,
    classify_call,
)
from modelarts_export.sandbox.iam import Iam
from modelarts_export.sandbox.messages import HttpReply, Request
from modelarts_export.sandbox.service import Service

_NO_REPLY = HttpReply(status=0, headers={}, body=b"")
_PAGE = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body><center><h1>{0}</h1></center></body>\r\n</html>\r\n"
)


class Gateway:
    """The service with injected faults; thread-safe.

    `faults` may be replaced at any time; `cloud` holds the datasets and tasks.
    """

    def __init__(  # noqa: PLR0913 - all of them are named
        self,
        *,
        credentials: Credentials,
        iam: Iam,
        clock: Callable[[], float],
        rng: random.Random,
        task_duration: float = 3.0,
        faults: Faults | None = None,
    ) -> None:
        """Create the built-in datasets; `clock` gives epoch seconds, `rng` makes IDs."""
        self.faults = faults or Faults()
        self._clock = clock
        self.cloud = Cloud(clock=self._read_service_clock, rng=rng, task_duration=task_duration)
        self._service = Service(
            credentials=credentials, iam=iam, cloud=self.cloud, clock=self._read_service_clock, rng=rng
        )

    def next_faults(self, method: str, target: str) -> ActiveFaults:
        """Return the faults that apply to a request, and count it; headers and body may be unread."""
        return self.faults.next_faults(classify_call(method, target))

    def answer(self, request: Request, active_faults: ActiveFaults | None = None) -> HttpReply:
        """Return the reply to a request; without `active_faults` they are determined and counted here."""
        active_faults = (
            self.next_faults(request.method, request.target) if active_faults is None else active_faults
        )
        return self._add_date_and_delay(self._apply_fault(request, active_faults), active_faults)

    def refuse(self, refusal: ApiError) -> HttpReply:
        """Return the reply to a request that cannot be executed."""
        return self._add_date_and_delay(self._service.make_reply(refusal), {})

    def _read_service_clock(self) -> float:
        return self._clock() + self.faults.clock_skew

    def _apply_fault(self, request: Request, active_faults: ActiveFaults) -> HttpReply:
        fault = active_faults.get("answer")
        lag = _get_duration(active_faults, "lag")
        if fault is None:
            return self._service.answer(request, lag=lag)
        reply = self._service.answer(request, lag=lag) if fault.accepted else _NO_REPLY
        kind = KINDS[fault.kind]
        if kind.delivery is Delivery.DELIVERED:
            return self._make_failure(request, fault, now=self._read_gateway_clock(active_faults))
        cut_at = len(reply.body) // 2 if fault.at is None else fault.at
        return replace(reply, delivery=kind.delivery, reset=fault.reset, cut_at=cut_at, delay=fault.duration)

    def _make_failure(self, request: Request, fault: Fault, *, now: float) -> HttpReply:
        """Return the reply that a fault gives instead of the service."""
        kind = KINDS[fault.kind]
        if fault.code:
            message = MESSAGES.get((kind.status, fault.code), kind.message)
            error = ApiError(status=kind.status, code=fault.code, message=message)
            reply = self._service.refuse(request, error)
        else:
            page = _PAGE.format(f"{kind.status} {kind.message}").encode()
            headers = {"Content-Type": "text/html", "Content-Length": str(len(page))}
            reply = HttpReply(status=kind.status, headers=headers, body=page)
        return replace(reply, headers={**reply.headers, **_make_retry_after(fault, now)})

    def _add_date_and_delay(self, reply: HttpReply, active_faults: ActiveFaults) -> HttpReply:
        """Return a reply with the gateway's Date header and the delay of a `late` fault."""
        headers = {name: value for name, value in reply.headers.items() if name != "Date"}
        if "date" not in active_faults or active_faults["date"].kind != "no-date":
            headers = {
                "Date": email.utils.formatdate(self._read_gateway_clock(active_faults), usegmt=True),
                **headers,
            }
        return replace(reply, headers=headers, delay=reply.delay + _get_duration(active_faults, "late"))

    def _read_gateway_clock(self, active_faults: ActiveFaults) -> float:
        return self._clock() + (active_faults["date"].skew if "date" in active_faults else 0.0)


def _get_duration(active_faults: ActiveFaults, aspect: str) -> float:
    return active_faults[aspect].duration if aspect in active_faults else 0.0


def _make_retry_after(fault: Fault, now: float) -> Mapping[str, str]:
    if fault.retry_after is not None:
        return {"Retry-After": str(math.ceil(fault.retry_after))}
    if fault.retry_at is not None:
        return {"Retry-After": email.utils.formatdate(now + fault.retry_at, usegmt=True)}
    return {}
