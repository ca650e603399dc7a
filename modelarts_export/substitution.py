"""`${…}` in the string values of a spec: variables, their defaults, and the time."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from modelarts_export.credentials import is_read_by_a_source

_MARKED = re.compile(r"\$\$|\$\{([^}]*)(\}?)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TIME = "now:"


class Variables:
    """What `${NAME}` stands for: first what was given by hand, then the environment."""

    def __init__(self, given: Mapping[str, str], environ: Mapping[str, str], *, now: datetime) -> None:
        """`now` is the one instant of the process, in the local time zone."""
        self._given = given
        self._environ = environ
        self._now = now

    def expand(self, text: str) -> str:
        """Return the text with every `${…}` replaced once, and `$$` as a dollar.

        Raises ValueError for an undefined name, and for a variable that a credential source reads: a spec
        from somebody else must not be able to send a key away.
        """
        return _MARKED.sub(self._value, text)

    def _value(self, marked: re.Match[str]) -> str:
        if marked[0] == "$$":
            return "$"
        inner, end = marked[1], marked[2]
        if not end:
            raise ValueError(f"{marked[0]!r} has no }} at its end; write $$ for a dollar sign")
        return self._time(inner.removeprefix(_TIME)) if inner.startswith(_TIME) else self._variable(inner)

    def _variable(self, inner: str) -> str:
        name, otherwise, default = inner.partition(":-")
        if not _NAME.fullmatch(name):
            raise ValueError(f"${{{inner}}} is none of ${{NAME}}, ${{NAME:-default}} and ${{now:%Y-%m-%d}}")
        if "${" in default:
            raise ValueError(f"${{{inner}}} has another ${{ in its default; nothing is filled in twice")
        if is_read_by_a_source(name):
            raise ValueError(
                f"${{{name}}} is for credentials and is never put into a request; use another name"
            )
        value = self._given.get(name, self._environ.get(name))
        if otherwise and not value:
            return default
        if value is None:
            raise ValueError(
                f"${{{name}}} is not defined; set it, give --var {name}=VALUE or ${{{name}:-default}}"
            )
        return value

    def _time(self, form: str) -> str:
        try:
            return self._now.strftime(form)
        except ValueError:
            raise ValueError(f"{form!r} is no form of a time; write ${{now:%Y-%m-%d}}") from None


def read_assignments(texts: Iterable[str]) -> dict[str, str]:
    """Return what `NAME=VALUE` texts say, a later one winning. Raises ValueError for one that is no such."""
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not _NAME.fullmatch(name):
            raise ValueError(f"{text!r} is not NAME=VALUE")
        pairs[name] = value
    return pairs
