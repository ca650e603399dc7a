"""A sandbox with a manual clock, whose IAM is called over HTTP."""

import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelarts_export.auth import signing
from modelarts_export.sandbox.account import User
from modelarts_export.sandbox.server import Sandbox

NOW = 1_767_322_245.25  # 2026-01-02T02:50:45.25Z


@dataclass(kw_only=True)
class IamClient:
    """A sandbox whose clock is `now`, in epoch seconds."""

    now: float = NOW
    sandbox: Sandbox = field(init=False)

    def __post_init__(self) -> None:
        """Make the sandbox without starting it."""
        self.sandbox = Sandbox(clock=lambda: self.now)

    def call(
        self, method: str, target: str, body: object = None, **headers: str
    ) -> tuple[http.client.HTTPResponse, Any]:
        """Send a request and return the reply and its parsed body; a body that is no bytes becomes JSON."""
        connection = http.client.HTTPConnection(self.sandbox.url.removeprefix("http://"), timeout=10)
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, target, body=content, headers=named)
        reply = connection.getresponse()
        parsed = json.loads(reply.read())
        connection.close()
        return reply, parsed

    def make_body(
        self, user: User | None = None, *, project: object = None, **changes: object
    ) -> dict[str, Any]:
        """Return the body of a valid call with changes to user or project."""
        user = user or self.sandbox.user
        domain = {"name": user.domain_name}
        known = {"name": user.user_name, "password": user.password, "domain": domain, **changes}
        scope = {"project": {"name": user.project_name} if project is None else project}
        return {"auth": {"identity": {"methods": ["password"], "password": {"user": known}}, "scope": scope}}

    def sign(self, target: str, *, key: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the headers of a signed GET call; `key` is a temporary key, in IAM's form."""
        own = {"access": self.sandbox.access_key, "secret": self.sandbox.secret_key}
        key = key or own
        date = time.strftime(signing.DATE_FORMAT, time.gmtime(self.now))
        canonical = signing.make_canonical_request(
            "GET", target, {"X-Sdk-Date": date}, b"", signed=["x-sdk-date"]
        )
        signature = signing.compute_signature(canonical, secret_key=key["secret"], date=date)
        claim = signing.format_authorization(key["access"], ["x-sdk-date"], signature)
        security = {"X_Security_Token": key["securitytoken"]} if "securitytoken" in key else {}
        return {"X_Sdk_Date": date, "Authorization": claim, **security}

    def request_key(self, **identity: Any) -> tuple[http.client.HTTPResponse, Any]:  # noqa: ANN401 - any JSON
        """Ask for a temporary key, with the sandbox's own token; return the reply and its parsed body."""
        body = {"auth": {"identity": {"methods": ["token"], **identity}}}
        target = "/v3.0/OS-CREDENTIAL/securitytokens"
        return self.call("POST", target, body, X_Auth_Token=self.sandbox.token)

    def request_token(self) -> str:
        """Return a new token."""
        reply, _ = self.call("POST", "/v3/auth/tokens", self.make_body())
        return str(reply.headers["X-Subject-Token"])

    def find_refusal(self, token: str) -> tuple[int, str] | None:
        """Return status and message if ModelArts refuses a token."""
        path = f"/v2/{self.sandbox.project_id}/datasets"
        reply, content = self.call("GET", path, X_Auth_Token=token)
        return None if reply.status == 200 else (reply.status, content["error_msg"])
