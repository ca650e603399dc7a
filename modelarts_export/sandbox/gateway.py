"""The sandbox as its callers meet it, without sockets: a service, and what goes wrong in front of it."""

import email.utils
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import replace

from modelarts_export.sandbox.authentication import Credentials
from modelarts_export.sandbox.cloud.contract import ApiError
from modelarts_export.sandbox.cloud.tasks import Cloud
from modelarts_export.sandbox.faults.catalogue import (
    KINDS,
    MESSAGES,
    ActiveFaults,
    Delivery,
    Fault,
    Faults,
    classify_call,
)
from modelarts_export.sandbox.iam import Identity
from modelarts_export.sandbox.messages import HttpReply, Request
from modelarts_export.sandbox.service import Service

_NOTHING = HttpReply(status=0, headers={}, body=b"")
_PAGE = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body><center><h1>{0}</h1></center></body>\r\n</html>\r\n"
)


class Gateway:
    """A service with faults; safe to call from several threads at once.

    `faults` may be replaced at any time; `cloud` is the state behind it all.
    """

    def __init__(  # noqa: PLR0913 - all of them are named
        self,
        *,
        credentials: Credentials,
        iam: Identity,
        clock: Callable[[], float],
        chance: random.Random,
        task_duration: float = 3.0,
        faults: Faults | None = None,
    ) -> None:
        """Begin with the built-in datasets; `clock` gives epoch seconds, `chance` makes IDs."""
        self.faults = faults or Faults()
        self._clock = clock
        self.cloud = Cloud(clock=self._service_clock, chance=chance, task_duration=task_duration)
        self._service = Service(
            credentials=credentials, iam=iam, cloud=self.cloud, clock=self._service_clock, chance=chance
        )

    def strike(self, method: str, target: str) -> ActiveFaults:
        """Return what a request is going to meet, and count it: all that is known before it is read."""
        return self.faults.next_faults(classify_call(method, target))

    def answer(self, request: Request, strike: ActiveFaults | None = None) -> HttpReply:
        """Return the reply to a request with what becomes of it; one without a `strike` is counted here."""
        strike = self.strike(request.method, request.target) if strike is None else strike
        return self._sent(self._answered(request, strike), strike)

    def refuse(self, refusal: ApiError) -> HttpReply:
        """Return the reply to what is no request that could be answered."""
        return self._sent(self._service.reply(refusal), {})

    def _service_clock(self) -> float:
        return self._clock() + self.faults.clock_skew

    def _answered(self, request: Request, strike: ActiveFaults) -> HttpReply:
        fault = strike.get("answer")
        lag = _time(strike, "lag")
        if fault is None:
            return self._service.answer(request, lag=lag)
        answered = self._service.answer(request, lag=lag) if fault.accepted else _NOTHING
        kind = KINDS[fault.kind]
        if kind.fate is Delivery.DELIVERED:
            return self._failure(fault, now=self._gateway_time(strike))
        cut_at = len(answered.body) // 2 if fault.at is None else fault.at
        return replace(answered, fate=kind.fate, reset=fault.reset, cut_at=cut_at, delay=fault.lasts)

    def _failure(self, fault: Fault, *, now: float) -> HttpReply:
        """Return the reply that a fault gives in the place of the service."""
        kind = KINDS[fault.kind]
        if fault.code:
            message = MESSAGES.get((kind.status, fault.code), kind.message)
            reply = self._service.reply(ApiError(status=kind.status, code=fault.code, message=message))
        else:
            page = _PAGE.format(f"{kind.status} {kind.message}").encode()
            headers = {"Content-Type": "text/html", "Content-Length": str(len(page))}
            reply = HttpReply(status=kind.status, headers=headers, body=page)
        return replace(reply, headers={**reply.headers, **_retry_after(fault, now)})

    def _sent(self, reply: HttpReply, strike: ActiveFaults) -> HttpReply:
        """Return a reply as it leaves: with the gateway's own time, and late."""
        headers = {name: value for name, value in reply.headers.items() if name != "Date"}
        if "date" not in strike or strike["date"].kind != "no-date":
            headers = {"Date": email.utils.formatdate(self._gateway_time(strike), usegmt=True), **headers}
        return replace(reply, headers=headers, delay=reply.delay + _time(strike, "late"))

    def _gateway_time(self, strike: ActiveFaults) -> float:
        return self._clock() + (strike["date"].skew if "date" in strike else 0.0)


def _time(strike: ActiveFaults, aspect: str) -> float:
    return strike[aspect].lasts if aspect in strike else 0.0


def _retry_after(fault: Fault, now: float) -> Mapping[str, str]:
    if fault.retry_after is not None:
        return {"Retry-After": str(math.ceil(fault.retry_after))}
    if fault.retry_at is not None:
        return {"Retry-After": email.utils.formatdate(now + fault.retry_at, usegmt=True)}
    return {}
