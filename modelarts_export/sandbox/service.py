"""One request in, one reply out: the documented calls, and how the gateway and ModelArts word answers."""

import email.utils
import json
import random
import re
from collections.abc import Callable, Sequence
from functools import partial
from urllib.parse import parse_qsl, unquote

from modelarts_export.sandbox import iam as identity
from modelarts_export.sandbox.authentication import Credentials, KeyLockout
from modelarts_export.sandbox.cloud import contract
from modelarts_export.sandbox.cloud.contract import ApiError, JsonObject
from modelarts_export.sandbox.cloud.tasks import Cloud
from modelarts_export.sandbox.messages import HttpReply, Request

BODY_LIMIT = 12 * 1024 * 1024
"""The largest body that is looked at, in bytes (API.md, section 5: 413, ModelArts.4104)."""

_TOO_LARGE = ApiError(status=413, code="ModelArts.4104", message="The request body is larger than 12 MB")
_EXPORT_TYPES = {"0": 0, "1": 1, "2": 2, "3": 3}
_NO_SUCH_API = ApiError(status=404, code="APIGW.0101", message="The API does not exist or is not published")
_NO_PERMISSION = ApiError(
    status=403,
    code="ModelArts.0112",
    message="The user is not authorized to perform modelarts:dataset:createExportTask",
)

Action = Callable[[], JsonObject | ApiError]


class Service:
    """The API without sockets, and IAM's call for a token; safe to call from several threads at once."""

    def __init__(
        self,
        *,
        credentials: Credentials,
        iam: identity.Identity,
        cloud: Cloud,
        clock: Callable[[], float],
        chance: random.Random,
    ) -> None:
        """Serve one project of a cloud; `clock` gives epoch seconds, `chance` the request IDs."""
        self._gate = KeyLockout(credentials)
        self._iam = iam
        self._cloud = cloud
        self._clock = clock
        self._chance = chance

    def answer(self, request: Request, *, lag: float = 0.0) -> HttpReply:
        """Return the reply to a request; whatever the request, this raises nothing but its own bugs.

        Tasks that are younger than `lag`, in seconds, are not shown.
        """
        if identity.is_asked(request):
            return self._iam.answer(request, now=self._clock())
        return self.reply(self._outcome(request, lag))

    def reply(self, outcome: JsonObject | ApiError) -> HttpReply:
        """Return an outcome as it goes over the wire; the gateway puts the request ID into its body too."""
        request_id = f"{self._chance.getrandbits(128):032x}"
        status, shown = 200, outcome
        if isinstance(outcome, ApiError):
            status, shown = outcome.status, {"error_code": outcome.code, "error_msg": outcome.message}
            if outcome.code.startswith("APIGW."):
                shown["request_id"] = request_id
        body = json.dumps(shown).encode()
        headers = {
            "Date": email.utils.formatdate(self._clock(), usegmt=True),
            "X-Request-Id": request_id,
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
        }
        return HttpReply(status=status, headers=headers, body=body)

    def _outcome(self, request: Request, lag: float) -> JsonObject | ApiError:
        # Before the credentials: the gateway, too, measures a body before it looks at who sends it.
        if len(request.body) > BODY_LIMIT:
            return _TOO_LARGE
        target = _decoded(request.target)
        if target is None:
            return ApiError(code="ModelArts.4105", message="The request target is not properly encoded")
        segments, query = target
        route = self._route(request, segments, query, lag)
        if route is None:
            return _NO_SUCH_API
        project_id, action = route
        now = self._clock()
        return self._gate.refusal(request, project_id=project_id, now=now) or action()

    def _route(
        self, request: Request, segments: Sequence[str], query: dict[str, str], lag: float
    ) -> tuple[str, Action] | None:
        """Return the project that is called and what is to be done there (API.md, section 1)."""
        match request.method, *segments:
            case "GET", "v2", project, "datasets":
                return project, partial(self._datasets, query)
            case "GET", "v2", project, "datasets", dataset:
                return project, partial(self._dataset, dataset)
            case "POST", "v2", project, "datasets", dataset, "export-tasks":
                return project, partial(self._create, dataset, request.body)
            case "GET", "v2", project, "datasets", dataset, "export-tasks":
                return project, partial(self._tasks, dataset, query, lag)
            case "GET", "v2", project, "datasets", dataset, "export-tasks", task:
                return project, partial(self._task, dataset, task, lag)
        return None

    def _datasets(self, query: dict[str, str]) -> JsonObject | ApiError:
        exportable = query.get("support_export", "false")
        if exportable not in {"true", "false"}:
            return _bad_argument("support_export", "true or false")
        shown = [
            dataset.shown()
            for dataset in self._cloud.datasets()
            if dataset.exportable or exportable == "false"
        ]
        return _page(query, shown, total="total_number", name="datasets")

    def _dataset(self, dataset_id: str) -> JsonObject | ApiError:
        dataset = self._cloud.dataset(dataset_id)
        return dataset if isinstance(dataset, ApiError) else dataset.shown()

    def _create(self, dataset_id: str, body: bytes) -> JsonObject | ApiError:
        dataset = self._cloud.dataset(dataset_id)
        if isinstance(dataset, ApiError):
            return dataset
        # IAM's actions tell looking from exporting (API.md, section 1), before anybody reads the body.
        accepted = _NO_PERMISSION if dataset.behaviour.denied else contract.parse_body(body)
        task = accepted if isinstance(accepted, ApiError) else self._cloud.create(dataset, accepted)
        return task if isinstance(task, ApiError) else {"task_id": task.task_id}

    def _tasks(self, dataset_id: str, query: dict[str, str], lag: float) -> JsonObject | ApiError:
        dataset = self._cloud.dataset(dataset_id)
        if isinstance(dataset, ApiError):
            return dataset
        now = self._clock()
        shown = [task.shown(now) for task in self._cloud.tasks(dataset_id, lag=lag)]
        if "export_type" in query:
            wanted = _EXPORT_TYPES.get(query["export_type"])
            if wanted is None:
                return _bad_argument("export_type", "0, 1, 2 or 3")
            shown = [task for task in shown if task.get("export_type") == wanted]
        return _page(query, shown, total="total_count", name="export_tasks")

    def _task(self, dataset_id: str, task_id: str, lag: float) -> JsonObject | ApiError:
        dataset = self._cloud.dataset(dataset_id)
        task = dataset if isinstance(dataset, ApiError) else self._cloud.task(dataset_id, task_id, lag=lag)
        return task if isinstance(task, ApiError) else task.shown(self._clock())


def _decoded(target: str) -> tuple[list[str], dict[str, str]] | None:
    """Return the path's segments and the query, or None for what is not percent-encoded UTF-8."""
    if re.search("%(?![0-9A-Fa-f]{2})", target):
        return None
    path, _, query = target.partition("?")
    try:
        # Split before decoding: an encoded slash belongs to its segment.
        segments = [unquote(segment, errors="strict") for segment in path.removeprefix("/").split("/")]
        return segments, dict(parse_qsl(query, keep_blank_values=True, errors="strict"))
    except ValueError:
        return None


def _page(query: dict[str, str], shown: list[JsonObject], *, total: str, name: str) -> JsonObject | ApiError:
    """Return one page; `offset` counts pages, not entries (API.md, section 3)."""
    limit, offset = _number(query.get("limit", "10")), _number(query.get("offset", "0"))
    if limit is None or not 1 <= limit <= 100:  # noqa: PLR2004 - the documented range is clearest as it is
        return _bad_argument("limit", "an integer from 1 to 100")
    if offset is None:
        return _bad_argument("offset", "a page number from 0")
    return {total: len(shown), name: shown[offset * limit : (offset + 1) * limit]}


def _number(text: str) -> int | None:
    # Nine digits are plenty, and int() of a very long number raises.
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else None


def _bad_argument(name: str, wanted: str) -> ApiError:
    return ApiError(code="ModelArts.0104", message=f"Invalid parameter: {name} must be {wanted}")
