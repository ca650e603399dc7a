"""A spec to fill in: what is required as blank keys, and every other field as a comment with its help."""

import re
from collections.abc import Iterator
from textwrap import wrap
from typing import Any

from pydantic import BaseModel

from modelarts_export.request.enums import WireEnum
from modelarts_export.request.fields import RequestField, iter_fields
from modelarts_export.request.models import ExportRequest, SpecMetadata
from modelarts_export.sanitize import to_json

_WIDTH = 100
_STEP = "  "
_SPACED = 2  # levels whose entries stand apart; deeper ones are read as one block
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_:/-]*")  # what YAML reads as text without quotes
_ASKED_FOR = ("dataset_id",)  # it can come from elsewhere, but without it nothing is exported
_HEAD = (
    "# A spec for modelarts-export {command}. Fill in what is blank, and check it with",
    "#",
    "#   modelarts-export {command} -f FILE --dry-run",
    "#",
    "# A string may use ${{NAME}}, which --var NAME=VALUE, --var NAME or MODELARTS_EXPORT_VAR_NAME gives,",
    "# ${{NAME:-default}} and ${{now:%Y-%m-%d}}. No other variable of the environment is read.",
    "#",
    "# A field is set by removing the # in front of its key, and of the keys that it stands under.",
)


def render_template(kind: type[ExportRequest]) -> Iterator[str]:
    """Yield the lines of a spec of this kind with every field in it."""
    yield from (line.format(command=kind.command) for line in _HEAD)
    for declared in (*iter_fields(SpecMetadata), *iter_fields(kind)):
        yield from _render_field(declared, "")


def _render_field(declared: RequestField, indent: str) -> Iterator[str]:
    """Yield the lines of a field and of those in it."""
    if len(indent) < _SPACED * len(_STEP):
        yield ""
    yield from _render_comment(_describe(declared), indent)
    key = f"{indent}{'' if _is_uncommented(declared) else '#'}{declared.name}:"
    if declared.model:
        yield key
        yield from _render_nested_fields(declared.model, indent + _STEP, is_list=declared.is_list)
    else:
        value = _get_default(declared) if _is_uncommented(declared) else declared.example
        yield key if value is None else f"{key} {_to_yaml(value)}"


def _render_nested_fields(part: type[BaseModel], indent: str, *, is_list: bool) -> Iterator[str]:
    """Yield the fields of a part; in a list, the dash has a line of its own, so that any may be the first."""
    if is_list:
        yield f"{indent}#-"
    for field in iter_fields(part):
        yield from _render_field(field, indent + _STEP if is_list else indent)


def _is_uncommented(declared: RequestField) -> bool:
    """Tell whether the field is required or has a value anyway, so that its key stands there."""
    return declared.field.default is not None or declared.name in _ASKED_FOR


def _get_default(declared: RequestField) -> object:
    """Return the value that the field has anyway, or None for a blank to fill in."""
    return declared.field.default if isinstance(declared.field.default, WireEnum) else None


def _describe(declared: RequestField) -> str:
    words = declared.enum.labels() if declared.enum else []
    return f"{declared.help} ({', '.join(words)})" if words else declared.help


def _render_comment(text: str, indent: str) -> list[str]:
    lead = f"{indent}# "
    lines = wrap(text, _WIDTH - len(lead), break_on_hyphens=False)
    return [lead + line for line in lines]


def _to_yaml(value: Any) -> str:  # noqa: ANN401 - JSON of any shape, or a Choice
    """Return the value on one line, with quotes only where YAML needs them."""
    if isinstance(value, WireEnum):
        return value.label
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_to_yaml(key)}: {_to_yaml(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_to_yaml, value))}]"
    return value if isinstance(value, str) and _PLAIN.fullmatch(value) else to_json(value)
