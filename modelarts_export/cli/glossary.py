"""Explanations of fields, values, exit codes, task states and API error codes."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from modelarts_export.api.endpoints import tasks_path
from modelarts_export.api.task import TaskState
from modelarts_export.cli.options.command_names import get_command_name
from modelarts_export.errors import InvalidInputError, ModelArtsExportError
from modelarts_export.request.enums import WireEnum
from modelarts_export.request.fields import RequestField, iter_all_fields
from modelarts_export.request.models import SpecMetadata, ToNewDataset, ToObs
from modelarts_export.sanitize import to_json
from modelarts_export.transport.error_codes import ROWS, ErrorCode
from modelarts_export.transport.response import Response, error_from_response

FIELD, VALUE, EXIT_CODE, STATUS, API_ERROR = "field", "value", "exit code", "task status", "API error"
_SUCCESS = ("success: the task was accepted, or, when waiting, succeeded", "continue")
_STATES = {
    TaskState.INIT: ("the task was accepted and has not begun", "wait"),
    TaskState.RUNNING: ("the task is writing", "wait"),
    TaskState.STOPPING: ("the task is being stopped, and is not finished yet", "wait"),
    TaskState.STOPPED: (
        "the task was stopped before its end, and the export is not complete",
        "submit it again if the export is still needed",
    ),
    TaskState.FAILED: (
        "the task is finished, and the export is not complete",
        "read its error, then submit again",
    ),
    TaskState.SUCCESSED: ("the task is finished, and everything is written", "continue"),
}
_INDEX = re.compile(r"\[\d*\]")
_MAX_SUGGESTIONS = 3


def collect_exit_codes() -> dict[int, tuple[str, str]]:
    """Return the meaning of each exit code and the action to take, sorted, from the error tree."""
    errors = [ModelArtsExportError]
    for error in errors:  # the list grows during the iteration
        errors += error.__subclasses__()
    codes = {
        error.exit_code: (error.meaning, error.action)
        for error in reversed(errors)
        if "meaning" in vars(error)
    }
    return dict(sorted({0: _SUCCESS, **codes}.items()))


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """One meaning of a topic; `facts` are its other properties, and `aliases` also find it."""

    kind: str
    name: str
    meaning: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()

    @property
    def short_name(self) -> str:
        """The name in a list: the last part of a field's path, the family of an error code."""
        head, _, last = self.name.rpartition(".")
        return {FIELD: last, API_ERROR: f"{head}.NNNN"}.get(self.kind, self.name)

    def to_dict(self) -> dict[str, Any]:
        """Return one flat object."""
        return {"kind": self.kind, "name": self.name, "meaning": self.meaning, **self.facts}

    def matches(self, topic: str) -> bool:
        """Return whether the topic is the name or an alias."""
        return _normalize(topic) in map(_normalize, (self.name, *self.aliases))


def explain(topic: str) -> list[Explanation]:
    """Return all meanings of a topic. Raises InvalidInputError, with close matches, for an unknown one."""
    explanations = list_explanations()
    matching = [each for each in explanations if each.matches(topic)]
    if not matching:
        names = {_normalize(name): name for each in explanations for name in (*each.aliases, each.name)}
        close = [names[key] for key in get_close_matches(_normalize(topic), names, n=_MAX_SUGGESTIONS)]
        suggestion = f"; did you mean {' or '.join(close)}?" if close else ""
        raise InvalidInputError(
            f"unknown topic {topic!r}{suggestion}", hint="modelarts-export explain lists the topics"
        )
    return matching


def list_explanations() -> list[Explanation]:
    """Return the explanations of all topics."""
    both = [each for model in (SpecMetadata, ToObs, ToNewDataset) for each in iter_all_fields(model)]
    fields = list({each.location: each for each in both}.values())
    return [
        *_explain_fields(fields),
        *_explain_exit_codes(),
        *_explain_values(fields),
        *_explain_states(),
        *(_explain_error_code(row) for row in ROWS),
    ]


def _normalize(topic: str) -> str:
    """Return a key without case, dashes and indices, so that a field and its flag are equal."""
    return _INDEX.sub("", topic).lstrip("-").lower().replace("-", "_")


def _explain_fields(fields: list[RequestField]) -> Iterator[Explanation]:
    lists = [each for each in fields if each.is_list and each.model]
    required = {
        get_command_name(kind): [each.location for each in iter_all_fields(kind) if each.info.is_required()]
        for kind in (ToObs, ToNewDataset)
    }
    for each in fields:
        outer_lists = (outer for outer in lists if outer.location == each.location[: len(outer.location)])
        commands = [command for command, locations in required.items() if each.location in locations]
        yield _explain_field(each, next(outer_lists, each), commands)


def _explain_field(declared: RequestField, flag_field: RequestField, required_by: list[str]) -> Explanation:
    """Explain a field, which any end of its dotted name finds; `flag_field` is the list that contains it."""
    path = declared.location
    flags = _format_flags(flag_field)
    facts = {
        "flags": flags,
        "required_by": required_by,
        "values": {member.label: member.wire_value for member in declared.enum or () if member.label},
        "example": None if declared.model or declared.enum else declared.example,
    }
    return Explanation(
        kind=FIELD,
        name=".".join(path),
        meaning=declared.help,
        facts={name: fact for name, fact in facts.items() if fact not in (None, [], {})},
        aliases=(
            *(".".join(path[i:]) for i in range(1, len(path))),
            *(flags if declared is flag_field else []),
        ),
    )


def _format_flags(declared: RequestField) -> list[str]:
    negated = [f"--no-{declared.flag}"] if declared.is_boolean else []
    return [f"--{declared.flag}", *negated] if declared.flag else []


def _explain_values(fields: list[RequestField]) -> Iterator[Explanation]:
    fields_by_enum: dict[type[WireEnum], list[str]] = {}
    for declared in fields:
        if declared.enum:
            fields_by_enum.setdefault(declared.enum, []).append(".".join(declared.location))
    for enum, names in fields_by_enum.items():
        yield from (_explain_value(member, names) for member in enum)


def _explain_value(member: WireEnum, names: list[str]) -> Explanation:
    """Explain a value; its code is also found without the underscores around it."""
    code = str(member.wire_value)
    commands = [get_command_name(kind) for kind in (ToObs, ToNewDataset) if kind.dest is member]
    return Explanation(
        kind=VALUE,
        name=member.label or '""',
        meaning=member.meaning,
        facts={"code": member.wire_value, "fields": names},
        aliases=(member.label, code, code.strip("_"), *commands),
    )


def _explain_exit_codes() -> Iterator[Explanation]:
    for code, (meaning, action) in collect_exit_codes().items():
        yield Explanation(kind=EXIT_CODE, name=str(code), meaning=meaning, facts={"action": action})


def _explain_states() -> Iterator[Explanation]:
    for state, (meaning, action) in _STATES.items():
        facts = {"shown_as": state.label, "action": action}
        yield Explanation(kind=STATUS, name=state.value, meaning=meaning, facts=facts, aliases=(state.label,))


def _explain_error_code(row: ErrorCode) -> Explanation:
    """Explain an error code by the error that a submission raises for it."""
    family, _, number = row.code.partition(".")
    content = to_json({"error_code": row.code}).encode()
    url = tasks_path("PROJECT", "DATASET")
    error = error_from_response(
        Response(url=url, status=row.status, headers={}, content=content, changing=True)
    )
    return Explanation(
        kind=API_ERROR,
        name=row.code,
        meaning=row.meaning,
        facts={"http_status": row.status, "exit_code": error.exit_code, "action": error.hint},
        aliases=(number, f"APIG.{number}") if family == "APIGW" else (number,),
    )
