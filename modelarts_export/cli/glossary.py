"""Explanations of fields, options, values, exit codes, task states, HTTP statuses and API error codes."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from http import HTTPStatus
from re import IGNORECASE
from re import compile as compile_pattern

from modelarts_export.api.endpoints import tasks_path
from modelarts_export.api.task import TaskState
from modelarts_export.cli.app import COMMANDS
from modelarts_export.cli.options.command_names import get_command_name
from modelarts_export.cli.options.parse_errors import suggest_format
from modelarts_export.cli.options.search_condition import SHORT_FORMS, list_pairs
from modelarts_export.cli.reference.explanation import (
    API_ERROR,
    EXIT_CODE,
    FIELD,
    HTTP_STATUS,
    STATUS,
    VALUE,
    Explanation,
)
from modelarts_export.cli.reference.flags import explain_flags
from modelarts_export.cli.reference.topics import collect_exit_codes, list_topics
from modelarts_export.errors import (
    AccessError,
    CanceledError,
    FailedTaskError,
    InvalidInputError,
    MixedOutcomesError,
    ModelArtsExportError,
    NotFinishedError,
    TemporaryError,
    TerminatedError,
    UnknownOutcomeError,
)
from modelarts_export.quoting import did_you_mean
from modelarts_export.request.enums import WireEnum
from modelarts_export.request.fields import RequestField, iter_all_fields
from modelarts_export.request.models import SearchCondition, SpecMetadata, ToNewDataset, ToObs
from modelarts_export.sanitize import to_json
from modelarts_export.transport.error_codes import ROWS, ErrorCode, ErrorKind, classify, list_statuses_of
from modelarts_export.transport.response import Response, error_from_response

_DIGITS = compile_pattern(r"\d")
_CODE = compile_pattern(r"[a-z]+\.\d+", IGNORECASE)
_UNLISTED = "an error code that is not listed is handled by its HTTP status, such as http:400; "
_PHRASES = {each.value: each.phrase for each in HTTPStatus if each >= HTTPStatus.MULTIPLE_CHOICES}
_QUEUED = "the program itself waits, and sends the request again, for --queue-timeout (default 30m)"
_RESUME = "modelarts-export wait DATASET TASK"
_NEXT_COMMANDS = {
    UnknownOutcomeError.exit_code: "modelarts-export list DATASET --path DIR, then the same command with "
    "--reuse-running --reuse-within 1h: it reuses a task that was accepted, and makes no second one",
    AccessError.exit_code: "modelarts-export explain credentials",
    TemporaryError.exit_code: "the same command",
    MixedOutcomesError.exit_code: "modelarts-export list DATASET --status failed, then the same apply with "
    "--reuse-running --reuse-within DURATION: it submits only what is missing",
    FailedTaskError.exit_code: "modelarts-export status DATASET TASK -o wide",
    NotFinishedError.exit_code: _RESUME,
    CanceledError.exit_code: _RESUME,
    TerminatedError.exit_code: _RESUME,
}
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


def explain(words: Sequence[str]) -> list[Explanation]:
    """Return all meanings of a topic, where `exit 10` is exit:10 and `exit codes` is exit-codes.

    Raises InvalidInputError, with the nearest name, for an unknown one.
    """
    explanations, topic = list_explanations(), " ".join(words)
    matching = [
        each for each in explanations if any(each.matches(separator.join(words)) for separator in "-:")
    ]
    if not matching:
        names = [name for each in explanations for name in (each.name, *each.aliases)]
        word = _DIGITS.sub("", topic).lower()  # another number is another code, and no typing error
        names = [name for name in names if word == topic.lower() or _DIGITS.sub("", name).lower() != word]
        is_flag = topic.startswith("-")
        names.sort(key=lambda name: name.startswith("-") is not is_flag)
        help_page = f"modelarts-export {topic} --help shows the command; " if topic in COMMANDS else ""
        suggestion = suggest_format(topic) or did_you_mean(topic, names)
        reason = _UNLISTED if _CODE.fullmatch(topic) else help_page
        raise InvalidInputError(
            f"unknown topic {topic!r}{suggestion}",
            hint=f"{reason}modelarts-export explain lists the topics",
        )
    return matching


@cache
def list_explanations() -> tuple[Explanation, ...]:
    """Return the explanations of all topics; cached, because tests call it often."""
    both = [each for model in (SpecMetadata, ToObs, ToNewDataset) for each in iter_all_fields(model)]
    fields = list({each.location: each for each in both}.values())
    flags = [flag for each in fields for flag in _format_flags(each)]
    return (
        *list_topics(fields),
        *_explain_fields(fields),
        *explain_flags(flags),
        *_explain_exit_codes(),
        *_explain_values(fields),
        *_explain_states(),
        *map(_explain_http_status, sorted({*_PHRASES, *(row.status for row in ROWS)})),
        *(_explain_error_code(row) for row in ROWS),
    )


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
    pairs = list_pairs() if flag_field.model is SearchCondition else {}
    own_pairs = pairs.get(declared.name, {}) if path[:-1] == flag_field.location else {}
    short_form = SHORT_FORMS.get(declared.name) if own_pairs else None
    facts = {
        "flags": flags,
        "write": [
            f"{flags[0]} {pair}" + (f" ({meaning})" if meaning != declared.help else "")
            for pair, meaning in own_pairs.items()
        ],
        "required_by": required_by,
        "values": {member.label: member.wire_value for member in declared.enum or () if member.label},
        "example": None if declared.model or declared.enum else declared.example,
    }
    return Explanation(
        kind=FIELD,
        name=".".join(path),
        meaning=declared.help,
        facts={name: fact for name, fact in facts.items() if fact not in (None, [], {})},
        sections=_describe_conditions(pairs) if declared.model is SearchCondition else {},
        aliases=(
            *(".".join(path[i:]) for i in range(1, len(path))),
            *(flags if declared is flag_field else []),
            *([short_form.key, short_form.key.partition(".")[0]] if short_form else []),
        ),
    )


def _describe_conditions(pairs: Mapping[str, Mapping[str, str]]) -> Mapping[str, Mapping[str, str]]:
    """Return how a condition is written on the command line."""
    return {
        "A condition is one or more of": {
            **{pair: meaning for each in pairs.values() for pair, meaning in each.items()},
            "{label_list: ...}": "a whole condition in YAML or JSON, as in a spec",
        }
    }


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
    """Explain a value; its code is also found without underscores, and its label in British spelling."""
    code = str(member.wire_value)
    commands = [get_command_name(kind) for kind in (ToObs, ToNewDataset) if kind.dest is member]
    return Explanation(
        kind=VALUE,
        name=member.label or '""',
        meaning=member.meaning,
        facts={
            "code": member.wire_value,
            "fields": names,
            **({"help": [f"modelarts-export {each} --help" for each in commands]} if commands else {}),
        },
        aliases=(member.label, code, code.strip("_"), member.label.replace("labeled", "labelled"), *commands),
    )


def _explain_exit_codes() -> Iterator[Explanation]:
    for code, (meaning, action) in collect_exit_codes().items():
        facts = {"action": action, **({"run": _NEXT_COMMANDS[code]} if code in _NEXT_COMMANDS else {})}
        yield Explanation(kind=EXIT_CODE, name=str(code), meaning=meaning, facts=facts)


def _explain_states() -> Iterator[Explanation]:
    for state, (meaning, action) in _STATES.items():
        facts = {"shown_as": state.label, "action": action}
        yield Explanation(kind=STATUS, name=state.value, meaning=meaning, facts=facts, aliases=(state.label,))


def _explain_http_status(status: int) -> Explanation:
    """Explain an HTTP status by the error that a submission raises for it when no code is known."""
    error = _make_error(status, {})
    codes = [row.code for row in ROWS if row.status == status]
    phrase, meaning = _PHRASES.get(status, ""), classify(status, None).meaning
    return Explanation(
        kind=HTTP_STATUS,
        name=str(status),
        meaning=meaning if phrase.lower() in ("", meaning) else f"{phrase}: {meaning}",
        facts={
            "exit_code": error.exit_code,
            "action": error.hint,
            **({"codes": codes} if codes else {}),
        },
        aliases=(f"{status // 100}xx",),
    )


def _explain_error_code(row: ErrorCode) -> Explanation:
    """Explain an error code by the error that a submission raises for it, and that of a failed task."""
    family, _, number = row.code.partition(".")
    error = _make_error(row.status, {"error_code": row.code})
    is_of_tasks = family == "ModelArts"
    return Explanation(
        kind=API_ERROR,
        name=row.code,
        meaning=row.meaning,
        condition=f"with HTTP {row.status}" if len(list_statuses_of(row.code)) > 1 else "",
        facts={
            "http_status": row.status,
            "exit_code": error.exit_code,
            **({"exit_code_of_a_failed_task": FailedTaskError.exit_code} if is_of_tasks else {}),
            **({"sent_again": _QUEUED} if row.kind is ErrorKind.BUSY else {}),
            "action": error.hint,
        },
        aliases=(number, f"APIG.{number}") if family == "APIGW" else (number,),
    )


def _make_error(status: int, body: dict[str, str]) -> ModelArtsExportError:
    """Return the error of a submission for a response."""
    content = to_json(body).encode()
    url = tasks_path("PROJECT", "DATASET")
    return error_from_response(Response(url=url, status=status, headers={}, content=content, changing=True))
