"""Interpolation of `${…}` in the strings of a spec: variables, their defaults, and the time.

A spec may be untrusted, so it reads only variables that the user passes by name.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime

from modelarts_export.quoting import shorten

VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
VARIABLE_PREFIX = "MODELARTS_EXPORT_VAR_"
_PLACEHOLDER = re.compile(r"\$\$|\$\{([^}]*)(\}?)")
_TIME = "now:"
_MAX_LENGTH = 64 * 2**20  # characters; a whole spec has no more
_MAX_TIME_LENGTH = 100  # characters of a time format; each directive can make many


class UndefinedVariableError(ValueError):
    """A variable has neither a value nor a default; `name` is its name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"${{{shorten(name)}}} is not defined")
        self.name = name


class Interpolator:
    """The values that replace `${…}`: those given, then those of the environment."""

    def __init__(
        self,
        values: Mapping[str, str],
        environ: Mapping[str, str],
        *,
        now: datetime,
        contains_secret: Callable[[str], bool],
    ) -> None:
        """`now` is the start of the process, in the local time zone.

        Only variables named MODELARTS_EXPORT_VAR_NAME are read from `environ`. A text for which
        `contains_secret` returns True must not be sent in a request.
        """
        self._values = values
        self._environ = environ
        self._now = now
        self._contains_secret = contains_secret
        self._times: dict[str, str] = {}  # by format: a spec repeats few formats, and strftime is slow

    def interpolate(self, text: str) -> str:
        """Replace each `${…}` once, and `$$` with a dollar.

        Raises UndefinedVariableError for an undefined variable, and ValueError for an invalid `${…}`, a
        secret, or a result that is too long. No message contains the value of a variable.
        """
        parts, end, size = list[str](), 0, len(text)
        for placeholder in _PLACEHOLDER.finditer(text):
            value = self._replace(placeholder)
            size += len(value)
            if size > _MAX_LENGTH:
                raise ValueError(
                    f"{shorten(placeholder[0])} makes the value longer than {_MAX_LENGTH // 2**20} MiB"
                )
            parts += text[end : placeholder.start()], value
            end = placeholder.end()
        interpolated = "".join((*parts, text[end:]))
        if interpolated != text and self._contains_secret(interpolated):
            names = dict.fromkeys(each[0] for each in _PLACEHOLDER.finditer(text) if each[1])
            raise ValueError(f"{shorten(', '.join(names))} would put a secret into the request")
        return interpolated

    def _replace(self, placeholder: re.Match[str]) -> str:
        if placeholder[0] == "$$":
            return "$"
        expression, end = placeholder[1], placeholder[2]
        if not end:
            raise ValueError(f"{shorten(placeholder[0])!r} has no closing }}; write $$ for a dollar sign")
        if expression.startswith(_TIME):
            return self._format_time(expression.removeprefix(_TIME))
        return self._resolve_variable(expression)

    def _resolve_variable(self, expression: str) -> str:
        name, has_default, default = expression.partition(":-")
        shown = f"${{{shorten(expression)}}}"
        if not VARIABLE_NAME.fullmatch(name):
            raise ValueError(
                f"{shown} is not valid; write ${{NAME}}, ${{NAME:-default}} or ${{now:%Y-%m-%d}}"
            )
        if "${" in default:
            raise ValueError(f"{shown} has ${{ in its default, where nothing is replaced")
        value = self._values.get(name, self._environ.get(VARIABLE_PREFIX + name))
        if has_default and not value:
            return default
        if value is None:
            raise UndefinedVariableError(name)
        return value

    def _format_time(self, time_format: str) -> str:
        if time_format in self._times:
            return self._times[time_format]
        reason = f"{shorten(time_format)!r} is not a valid time format; write ${{now:%Y-%m-%d}}"
        if len(time_format) > _MAX_TIME_LENGTH:
            raise ValueError(reason)
        try:
            return self._times.setdefault(time_format, self._now.strftime(time_format))
        except ValueError:
            raise ValueError(reason) from None
