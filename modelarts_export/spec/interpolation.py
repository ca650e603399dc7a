"""`${…}` in the string values of a spec: variables that were handed to it, their defaults, and the time.

A spec may come from somebody else, so that it reads nothing but what the user hands to it by name.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from modelarts_export.quoting import shorten

_MARKED = re.compile(r"\$\$|\$\{([^}]*)(\}?)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TIME = "now:"
_HANDED_OVER = "MODELARTS_EXPORT_VAR_"
_LONGEST = 64 * 2**20  # characters; a spec has no more in all
_LONGEST_TIME = 100  # characters of a form of the time, which may ask for many blanks each


class Interpolator:
    """What `${NAME}` stands for: what was given by hand, then what the environment hands over."""

    def __init__(
        self,
        given: Mapping[str, str],
        environ: Mapping[str, str],
        *,
        now: datetime,
        contains_secret: Callable[[str], bool],
    ) -> None:
        """`now` is the one instant of the process, in the local time zone.

        Of the environment only MODELARTS_EXPORT_VAR_NAME is read; `contains_secret` tells whether a text has
        a secret, which must not be put into a request.
        """
        self._given = given
        self._environ = environ
        self._now = now
        self._contains_secret = contains_secret
        self._times: dict[str, str] = {}  # by their format; a spec repeats one, and it costs

    def interpolate(self, text: str) -> str:
        """Return the text with every `${…}` replaced once, and `$$` as a dollar.

        Raises ValueError, without the value of any variable, for an undefined name, and where a secret or too
        much would come out.
        """
        parts, end, size = list[str](), 0, len(text)
        for marked in _MARKED.finditer(text):
            value = self._replace(marked)
            size += len(value)
            if size > _LONGEST:
                raise ValueError(f"{shorten(marked[0])} makes the value longer than {_LONGEST // 2**20} MiB")
            parts += text[end : marked.start()], value
            end = marked.end()
        expanded = "".join((*parts, text[end:]))
        if expanded != text and self._contains_secret(expanded):
            names = list(dict.fromkeys(marked[0] for marked in _MARKED.finditer(text) if marked[1]))
            raise ValueError(f"{shorten(', '.join(names))} would put a secret into the request")
        return expanded

    def _replace(self, marked: re.Match[str]) -> str:
        if marked[0] == "$$":
            return "$"
        inner, end = marked[1], marked[2]
        if not end:
            raise ValueError(f"{shorten(marked[0])!r} has no }} at its end; write $$ for a dollar sign")
        return (
            self._format_time(inner.removeprefix(_TIME))
            if inner.startswith(_TIME)
            else self._resolve_variable(inner)
        )

    def _resolve_variable(self, inner: str) -> str:
        name, otherwise, default = inner.partition(":-")
        shown = shorten(inner)
        if not _NAME.fullmatch(name):
            raise ValueError(f"${{{shown}}} is none of ${{NAME}}, ${{NAME:-default}} and ${{now:%Y-%m-%d}}")
        if "${" in default:
            raise ValueError(f"${{{shown}}} has another ${{ in its default; nothing is filled in twice")
        value = self._given.get(name, self._environ.get(_HANDED_OVER + name))
        if otherwise and not value:
            return default
        if value is None:
            raise ValueError(f"${{{shorten(name)}}} is not defined; {self._remedy(shorten(name))}")
        return value

    def _remedy(self, name: str) -> str:
        if name in self._environ:
            return f"pass it with --var {name}"
        return f"give --var {name}=VALUE, set {_HANDED_OVER}{name}, or write ${{{name}:-default}}"

    def _format_time(self, form: str) -> str:
        if form in self._times:
            return self._times[form]
        reason = f"{shorten(form)!r} is no form of a time; write ${{now:%Y-%m-%d}}"
        if len(form) > _LONGEST_TIME:
            raise ValueError(reason)
        try:
            return self._times.setdefault(form, self._now.strftime(form))
        except ValueError:
            raise ValueError(reason) from None


def parse_assignments(texts: Iterable[str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return what `NAME=VALUE` texts say, a later one winning; `NAME` alone takes the environment's value.

    A NAME that the environment does not have stays undefined. Raises ValueError for a text that is neither.
    """
    pairs = dict[str, str]()
    for text in texts:
        name, equals, value = text.partition("=")
        if not _NAME.fullmatch(name):
            raise ValueError(f"{shorten(name)!r} is not NAME=VALUE or NAME")
        if equals:
            pairs[name] = value
        elif name in environ:
            pairs[name] = environ[name]
    return pairs
