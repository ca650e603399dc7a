"""The names of the commands that create an export task, one for each kind of request."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelarts_export.request.models import ExportRequest

_NAMES = {"DIR": "to-obs", "NEW_DATASET": "to-new-dataset"}  # by destination


def get_command_name(kind: "type[ExportRequest] | ExportRequest") -> str:
    """Return the name of the command that creates tasks of a kind of request."""
    return _NAMES[kind.dest.label]
