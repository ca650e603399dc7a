"""Hints of checks with the flags, variables and commands that help."""

from dataclasses import replace

from modelarts_export.cli.connection import HOW_TO_GIVE, make_no_dataset_error
from modelarts_export.cli.context import CommandContext
from modelarts_export.cli.output.error_view import format_hint
from modelarts_export.diagnosis.check import Check, CheckStatus
from modelarts_export.diagnosis.diagnose import Subject
from modelarts_export.errors import MissingSettingError, NotFoundError


def add_hint(check: Check, context: CommandContext, subject: Subject) -> Check:
    """Return a check, with how to go on from the command line."""
    error = check.error
    if isinstance(error, MissingSettingError):
        return replace(check, hint=HOW_TO_GIVE[error.setting])
    if isinstance(error, NotFoundError):
        return replace(check, hint=format_hint(context.add_dataset_hint(error)))
    if error:
        return replace(check, hint=format_hint(error))
    has_no_dataset = not subject.dataset and not subject.errors
    if has_no_dataset and check.status is CheckStatus.SKIPPED and check.name == "dataset":
        return replace(check, hint=make_no_dataset_error().hint)
    return check
