"""The template of a spec: required fields as blank keys, and all others as comments with their help."""

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
_INDENT = "  "
_SEPARATED_LEVELS = 2  # of nesting; an empty line precedes each of their fields
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_:/-]*")  # text that YAML reads as text without quotes
_REQUESTED = ("dataset_id",)  # optional in a spec, but every export needs one


def render_template(kind: type[ExportRequest]) -> Iterator[str]:
    """Yield the lines of a spec with all fields of a kind of request."""
    for field in (*iter_fields(SpecMetadata), *iter_fields(kind)):
        yield from _render_field(field, "")


def _render_field(field: RequestField, indent: str) -> Iterator[str]:
    if len(indent) < _SEPARATED_LEVELS * len(_INDENT):
        yield ""
    labels = field.enum.labels() if field.enum else []
    help_text = f"{field.help} ({', '.join(labels)})" if labels else field.help
    marker = f"{indent}# "
    yield from (marker + line for line in wrap(help_text, _WIDTH - len(marker), break_on_hyphens=False))
    default = field.info.default
    is_commented = default is None and field.name not in _REQUESTED
    key = f"{indent}{'#' if is_commented else ''}{field.name}:"
    if field.model:
        yield key
        yield from _render_nested_fields(field.model, indent + _INDENT, is_list=field.is_list)
    elif is_commented:
        yield f"{key} {_to_yaml(field.example)}"
    else:
        yield f"{key} {_to_yaml(default)}" if isinstance(default, WireEnum) else key


def _render_nested_fields(model: type[BaseModel], indent: str, *, is_list: bool) -> Iterator[str]:
    if is_list:
        yield f"{indent}#-"  # on its own line, so that any field can be uncommented alone
    for field in iter_fields(model):
        yield from _render_field(field, indent + _INDENT if is_list else indent)


def _to_yaml(value: Any) -> str:  # noqa: ANN401 - any JSON value or a WireEnum
    """Format a value on one line, with quotes only where YAML needs them."""
    if isinstance(value, WireEnum):
        return value.label
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_to_yaml(key)}: {_to_yaml(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_to_yaml, value))}]"
    return value if isinstance(value, str) and _PLAIN.fullmatch(value) else to_json(value)
