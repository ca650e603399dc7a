"""What the words mean that a user meets: fields, values, exit codes, states of a task and error codes."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from modelarts_export.api.endpoints import tasks_path
from modelarts_export.api.task import TaskState
from modelarts_export.errors import InvalidInputError, ModelArtsExportError
from modelarts_export.request.enums import WireEnum
from modelarts_export.request.fields import RequestField, iter_all_fields
from modelarts_export.request.models import SpecMetadata, ToNewDataset, ToObs
from modelarts_export.sanitize import to_json
from modelarts_export.transport.error_codes import ROWS, ErrorCode
from modelarts_export.transport.response import Response, error_from_response

FIELD, VALUE, EXIT_CODE, STATUS, API_ERROR = "field", "value", "exit code", "task status", "API error"
_SUCCESS = ("accepted; or, when waiting, succeeded; or whatever else was asked for is done", "go on")
_STATES = {
    TaskState.INIT: ("the task was accepted and has not begun", "wait"),
    TaskState.RUNNING: ("the task is writing", "wait"),
    TaskState.STOPPING: ("the task is being stopped, and has not ended yet", "wait"),
    TaskState.STOPPED: (
        "the task was stopped before its end, and the export is not complete",
        "submit it again if the export is still needed",
    ),
    TaskState.FAILED: (
        "the task has ended, and the export is not complete",
        "look at its error, then submit anew",
    ),
    TaskState.SUCCESSED: ("the task has ended, and everything is written", "go on"),
}
_INDEX = re.compile(r"\[\d*\]")
_CLOSEST = 3


def collect_exit_codes() -> dict[int, tuple[str, str]]:
    """Return what each exit code means and what a script should do, from the error tree, in order."""
    kinds = [ModelArtsExportError]
    for kind in kinds:  # it grows while it is read
        kinds += kind.__subclasses__()
    codes = {
        kind.exit_code: (kind.meaning, kind.action) for kind in reversed(kinds) if "meaning" in vars(kind)
    }
    return dict(sorted({0: _SUCCESS, **codes}.items()))


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What one word means; `facts` are further things to know, `spellings` what else finds it."""

    kind: str
    name: str
    meaning: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    spellings: tuple[str, ...] = ()

    @property
    def short_name(self) -> str:
        """The name in a list: of a field without those around it, of an error code its family."""
        outer, _, last = self.name.rpartition(".")
        return {FIELD: last, API_ERROR: f"{outer}.NNNN"}.get(self.kind, self.name)

    def as_dict(self) -> dict[str, Any]:
        """Return it as one flat object."""
        return {"kind": self.kind, "name": self.name, "meaning": self.meaning, **self.facts}

    def is_found_by(self, word: str) -> bool:
        """Tell whether this is what the word means."""
        return _key(word) in map(_key, (self.name, *self.spellings))


def explain(word: str) -> list[Explanation]:
    """Return everything that a word means. Raises InvalidInputError with the nearest words for none."""
    known = everything()
    found = [each for each in known if each.is_found_by(word)]
    if not found:
        raise InvalidInputError(
            f"{word!r} is no word of this program or of the API{_nearest(word, known)}",
            hint="modelarts-export explain lists what can be explained",
        )
    return found


def everything() -> list[Explanation]:
    """Return all that can be explained."""
    fields = _fields()
    return [
        *_of_fields(fields),
        *_of_exit_codes(),
        *_of_values(fields),
        *_of_states(),
        *(_of_row(row) for row in ROWS),
    ]


def _key(word: str) -> str:
    """Return what is compared: a field, its flag and its place in a problem are one; case is ignored."""
    return _INDEX.sub("", word).lstrip("-").lower().replace("-", "_")


def _nearest(word: str, known: list[Explanation]) -> str:
    names = {_key(name): name for each in known for name in (*each.spellings, each.name)}
    close = [names[key] for key in get_close_matches(_key(word), names, n=_CLOSEST)]
    return f"; did you mean {' or '.join(close)}?" if close else ""


def _fields() -> list[RequestField]:
    """Return the fields of both kinds of spec, each once."""
    declared = [each for part in (SpecMetadata, ToObs, ToNewDataset) for each in iter_all_fields(part)]
    return list({each.location: each for each in declared}.values())


def _of_fields(fields: list[RequestField]) -> Iterator[Explanation]:
    lists = [declared for declared in fields if declared.is_list and declared.model]
    required = {
        kind.command: [f.location for f in iter_all_fields(kind) if f.field.is_required()]
        for kind in (ToObs, ToNewDataset)
    }
    for declared in fields:
        outermost = (f for f in lists if f.location == declared.location[: len(f.location)])
        commands = [command for command, locations in required.items() if declared.location in locations]
        yield _of_field(declared, next(outermost, declared), commands)


def _of_field(declared: RequestField, given_by: RequestField, required_by: list[str]) -> Explanation:
    """Explain a field, which any end of its dotted name finds; inside a list, the list's flag gives it."""
    steps = declared.location
    facts = {
        "flags": _flags_of(given_by),
        "required_by": required_by,
        "values": {member.label: member.wire_value for member in declared.enum or () if member.label},
        "example": None if declared.model or declared.enum else declared.example,
    }
    own_flags = _flags_of(declared) if declared is given_by else []
    return Explanation(
        kind=FIELD,
        name=".".join(steps),
        meaning=declared.help,
        facts={name: fact for name, fact in facts.items() if fact not in (None, [], {})},
        spellings=(*(".".join(steps[i:]) for i in range(1, len(steps))), *own_flags),
    )


def _flags_of(declared: RequestField) -> list[str]:
    negated = [f"--no-{declared.flag}"] if declared.is_boolean else []
    return [f"--{declared.flag}", *negated] if declared.flag else []


def _of_values(fields: list[RequestField]) -> Iterator[Explanation]:
    places: dict[type[WireEnum], list[str]] = {}
    for declared in fields:
        if declared.enum:
            places.setdefault(declared.enum, []).append(".".join(declared.location))
    for kind, names in places.items():
        yield from (_of_value(member, names) for member in kind)


def _of_value(member: WireEnum, names: list[str]) -> Explanation:
    """Explain a value; its code is found without the underscores around it, too, as people leave them out."""
    code = str(member.wire_value)
    return Explanation(
        kind=VALUE,
        name=member.label or '""',
        meaning=member.meaning,
        facts={"code": member.wire_value, "fields": names},
        spellings=(member.label, code, code.strip("_"), *_commands_of(member)),
    )


def _commands_of(member: WireEnum) -> list[str]:
    return [kind.command for kind in (ToObs, ToNewDataset) if kind.dest is member]


def _of_exit_codes() -> Iterator[Explanation]:
    for code, (meaning, action) in collect_exit_codes().items():
        yield Explanation(kind=EXIT_CODE, name=str(code), meaning=meaning, facts={"action": action})


def _of_states() -> Iterator[Explanation]:
    for state, (meaning, action) in _STATES.items():
        facts = {"shown_as": state.label, "action": action}
        yield Explanation(
            kind=STATUS, name=state.value, meaning=meaning, facts=facts, spellings=(state.label,)
        )


def _of_row(row: ErrorCode) -> Explanation:
    """Explain an answer of the API by the error that it makes of a submission."""
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
        spellings=(number, f"APIG.{number}") if family == "APIGW" else (number,),
    )
