"""The documented calls: routing, execution and the wording of replies."""

import email.utils
import json
import random
import re
from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote

from modelarts_export.sandbox.authentication import Credentials, KeyLockout
from modelarts_export.sandbox.cloud import contract
from modelarts_export.sandbox.cloud.contract import ApiError, JsonObject, make_parameter_error
from modelarts_export.sandbox.cloud.dataset_query import DatasetQuery, parse_query
from modelarts_export.sandbox.cloud.datasets import Dataset
from modelarts_export.sandbox.cloud.tasks import Cloud
from modelarts_export.sandbox.iam import Iam, is_iam_call, make_error
from modelarts_export.sandbox.messages import HttpReply, Request

BODY_LIMIT = 12 * 1024 * 1024
"""The largest body that is accepted, in bytes (API.md, section 5: 413, ModelArts.4104)."""

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
    """The API and IAM, without sockets; thread-safe."""

    def __init__(
        self,
        *,
        credentials: Credentials,
        iam: Iam,
        cloud: Cloud,
        clock: Callable[[], float],
        rng: random.Random,
    ) -> None:
        """Serve one project of a cloud; `clock` gives epoch seconds, `rng` the request IDs."""
        self._lockout = KeyLockout(credentials)
        self._iam = iam
        self._cloud = cloud
        self._clock = clock
        self._rng = rng

    def answer(self, request: Request, *, lag: float = 0.0) -> HttpReply:
        """Execute a request and return the reply; no request makes this raise.

        Tasks that are younger than `lag`, in seconds, are not shown.
        """
        now = self._clock()
        authenticate = partial(self._lockout.check, project_id=None, now=now)
        outcome = self._iam.answer(request, now=now, authenticate=authenticate)
        if isinstance(outcome, HttpReply):
            return outcome
        return self.make_reply(self._execute(request, lag) if outcome is None else outcome)

    def refuse(self, request: Request, error: ApiError) -> HttpReply:
        """Make the reply of an error, in IAM's form if the call is one of IAM."""
        if is_iam_call(request.target):
            return make_error(HTTPStatus(error.status), error.message, self._clock())
        return self.make_reply(error)

    def make_reply(self, outcome: JsonObject | ApiError) -> HttpReply:
        """Make the HTTP reply of an outcome; errors of the gateway have the request ID in the body too."""
        request_id = f"{self._rng.getrandbits(128):032x}"
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

    def _execute(self, request: Request, lag: float) -> JsonObject | ApiError:
        # Before the credentials: the gateway, too, checks the size of a body first.
        if len(request.body) > BODY_LIMIT:
            return _TOO_LARGE
        target = _split_target(request.target)
        if target is None:
            return ApiError(code="ModelArts.4105", message="The request target is not properly encoded")
        segments, query = target
        route = self._route(request, segments, query, lag)
        if route is None:
            return _NO_SUCH_API
        project_id, action = route
        now = self._clock()
        return self._lockout.check(request, project_id=project_id, now=now) or action()

    def _route(
        self, request: Request, segments: Sequence[str], query: dict[str, str], lag: float
    ) -> tuple[str, Action] | None:
        """Return the project of a call and the action to execute there (API.md, section 1)."""
        match request.method, *segments:
            case "GET", "v2", project, "datasets":
                return project, partial(self._list_datasets, query)
            case "GET", "v2", project, "datasets", dataset:
                return project, partial(self._show_dataset, dataset, query)
            case "POST", "v2", project, "datasets", dataset, "export-tasks":
                return project, partial(self._create_task, dataset, request.body)
            case "GET", "v2", project, "datasets", dataset, "export-tasks":
                return project, partial(self._list_tasks, dataset, query, lag)
            case "GET", "v2", project, "datasets", dataset, "export-tasks", task:
                return project, partial(self._show_task, dataset, task, lag)
        return None

    def _list_datasets(self, query: dict[str, str]) -> JsonObject | ApiError:
        wanted = parse_query(query)
        if isinstance(wanted, ApiError):
            return wanted
        shown = [self._describe(dataset, wanted) for dataset in wanted.select(self._cloud.list_datasets())]
        return _paginate(query, shown, total="total_number", name="datasets")

    def _show_dataset(self, dataset_id: str, query: dict[str, str]) -> JsonObject | ApiError:
        wanted, dataset = parse_query(query), self._cloud.find_dataset(dataset_id)
        if isinstance(dataset, ApiError):
            return dataset
        return wanted if isinstance(wanted, ApiError) else self._describe(dataset, wanted)

    def _describe(self, dataset: Dataset, wanted: DatasetQuery) -> JsonObject:
        list_running = partial(self._cloud.list_running, dataset.dataset_id)
        return dataset.to_dict() | wanted.describe_running_tasks(list_running)

    def _create_task(self, dataset_id: str, body: bytes) -> JsonObject | ApiError:
        dataset = self._cloud.find_dataset(dataset_id)
        if isinstance(dataset, ApiError):
            return dataset
        # Reading and exporting are separate IAM actions (API.md, section 1), checked before the body.
        accepted = _NO_PERMISSION if dataset.behavior.denied else contract.parse_body(body)
        task = accepted if isinstance(accepted, ApiError) else self._cloud.create_task(dataset, accepted)
        return task if isinstance(task, ApiError) else {"task_id": task.task_id}

    def _list_tasks(self, dataset_id: str, query: dict[str, str], lag: float) -> JsonObject | ApiError:
        dataset = self._cloud.find_dataset(dataset_id)
        if isinstance(dataset, ApiError):
            return dataset
        now = self._clock()
        shown = [task.to_dict(now) for task in self._cloud.list_tasks(dataset_id, lag=lag)]
        if "export_type" in query:
            wanted = _EXPORT_TYPES.get(query["export_type"])
            if wanted is None:
                return make_parameter_error("export_type", "0, 1, 2 or 3")
            shown = [task for task in shown if task.get("export_type") == wanted]
        return _paginate(query, shown, total="total_count", name="export_tasks")

    def _show_task(self, dataset_id: str, task_id: str, lag: float) -> JsonObject | ApiError:
        dataset = self._cloud.find_dataset(dataset_id)
        task = (
            dataset if isinstance(dataset, ApiError) else self._cloud.find_task(dataset_id, task_id, lag=lag)
        )
        return task if isinstance(task, ApiError) else task.to_dict(self._clock())


def _split_target(target: str) -> tuple[list[str], dict[str, str]] | None:
    """Return the path's segments and the query, or None when the target is not percent-encoded UTF-8."""
    if re.search("%(?![0-9A-Fa-f]{2})", target):
        return None
    path, _, query = target.partition("?")
    try:
        # Split before decoding: an encoded slash belongs to its segment.
        segments = [unquote(segment, errors="strict") for segment in path.removeprefix("/").split("/")]
        return segments, dict(parse_qsl(query, keep_blank_values=True, errors="strict"))
    except ValueError:
        return None


def _paginate(
    query: dict[str, str], shown: list[JsonObject], *, total: str, name: str
) -> JsonObject | ApiError:
    """Return one page; `offset` counts pages, not entries (API.md, section 3)."""
    limit, offset = _parse_number(query.get("limit", "10")), _parse_number(query.get("offset", "0"))
    if limit is None or not 1 <= limit <= 100:  # noqa: PLR2004 - the documented range is clearest as it is
        return make_parameter_error("limit", "an integer from 1 to 100")
    if offset is None:
        return make_parameter_error("offset", "a page number from 0")
    return {total: len(shown), name: shown[offset * limit : (offset + 1) * limit]}


def _parse_number(text: str) -> int | None:
    # int() of a very long number raises, so accept at most nine digits.
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else None
