"""The exports of spec files, for callers in Python."""

import logging
import os
from collections.abc import Mapping
from datetime import datetime
from os import PathLike
from types import MappingProxyType

from modelarts_export.arguments import check_type
from modelarts_export.config.environment import make_environment_layer
from modelarts_export.config.options import resolve_option
from modelarts_export.config.settings import Settings
from modelarts_export.providers.chain import make_secret_check
from modelarts_export.providers.sources.environment import iter_secrets
from modelarts_export.request.validation import ValidatedExport
from modelarts_export.sanitize import Redactor
from modelarts_export.spec.interpolation import Interpolator
from modelarts_export.spec.loader import load_specs as load_spec_set

_LOGGER = logging.getLogger(__name__)
_NO_VARIABLES: Mapping[str, str] = MappingProxyType({})


def load_specs(
    *files: str | PathLike[str],
    recursive: bool = False,
    variables: Mapping[str, str] = _NO_VARIABLES,
    now: datetime | None = None,
    environ: Mapping[str, str] | None = None,
) -> list[ValidatedExport]:
    """Return the export of each document of these files and of the spec files in these directories.

    Nothing is sent. All documents are validated together: two that write to one path are a problem. Each
    `${NAME}` in them is replaced with that of `variables`, else with MODELARTS_EXPORT_VAR_NAME of `environ`,
    and `${now:…}` is the time `now`, by default the current one in the local time zone. With `recursive`,
    directories in directories are read too. Warnings are logged. Raises InvalidInputError, whose `problems`
    are all that were found, each with its file, line and column.
    """
    for file in files:
        check_type("files", file, str | PathLike)
    check_type("recursive", recursive, bool)
    check_type("variables", variables, Mapping)
    for name, value in variables.items():
        check_type(f"variables[{name!r}]", value, str)
    check_type("now", now, datetime, optional=True)
    environ = os.environ if environ is None else environ
    check_type("environ", environ, Mapping)
    redactor = Redactor(iter_secrets(environ))
    interpolator = Interpolator(
        variables,
        environ,
        now=now or datetime.now().astimezone(),
        contains_secret=make_secret_check(environ, redactor.add_secret, redactor.contains_secret),
    )
    timeout: float = resolve_option(Settings, "read_timeout", make_environment_layer(environ))
    names = [os.fspath(file) for file in files]
    specs = load_spec_set(names, interpolator.interpolate, timeout, recursive=recursive)
    for warning in specs.warnings:
        _LOGGER.warning("%s", warning if warning.message else f"and {warning.count:,} more warnings")
    return [loaded.export for loaded in specs.exports]
