"""How older tasks of the dataset count for a submission: options, each declared once."""

from collections.abc import Callable
from dataclasses import dataclass

from modelarts_export.arguments import check_seconds, check_type
from modelarts_export.config.options import option
from modelarts_export.config.parsers import parse_bool, parse_positive_duration
from modelarts_export.errors import InvalidInputError
from modelarts_export.quoting import describe_invalid_choice
from modelarts_export.request.directories import parse_any_directory

IGNORE, WARN, FAIL = "ignore", "warn", "fail"


def _parse_path_check(text: str) -> str:
    choices = [IGNORE, WARN, FAIL]
    if text.lower() not in choices:
        raise ValueError(describe_invalid_choice(text, "action", choices))
    return text.lower()


@dataclass(frozen=True, kw_only=True)
class ReusePolicy:
    """How older tasks of the dataset count; `reuse_within` is in seconds, `skip_if_running` a directory."""

    reuse_running: bool = option(
        parse_bool,
        "Reuse an identical task of this dataset that is queued or running, instead of a second one",
        default=False,
    )
    reuse_within: float | None = option(
        parse_positive_duration,
        "Reuse also an identical one that succeeded, created this recently",
        "DURATION",
    )
    skip_if_running: str | None = option(
        parse_any_directory,
        "Submit nothing while an unfinished task of this dataset writes to this directory or below it",
        "DIR",
    )
    if_path_used: str = option(
        _parse_path_check,
        "What to do when a task of this dataset, not failed, writes to the same path, above or below it: "
        "ignore, warn, fail",
        "VALUE",
        words=[IGNORE, WARN, FAIL],
        default=IGNORE,
    )

    def __post_init__(self) -> None:
        """Check and normalize what Python code gives. Raises InvalidInputError."""
        check_type("reuse_running", self.reuse_running, bool)
        check_seconds("reuse_within", self.reuse_within, optional=True)
        check_type("skip_if_running", self.skip_if_running, str, optional=True)
        check_type("if_path_used", self.if_path_used, str)
        if self.reuse_within == 0:
            raise InvalidInputError("reuse_within: must be longer than zero")
        self._normalize("skip_if_running", parse_any_directory)
        self._normalize("if_path_used", _parse_path_check)

    def _normalize(self, name: str, parse: Callable[[str], str]) -> None:
        value = getattr(self, name)
        try:
            object.__setattr__(self, name, None if value is None else parse(value))
        except ValueError as error:
            raise InvalidInputError(f"{name}: {error}") from None

    @property
    def reuses(self) -> bool:
        """Whether an identical task is reused."""
        return self.reuse_running or self.reuse_within is not None

    @property
    def wanted(self) -> bool:
        """Whether the list must be read before the request is sent."""
        return self.reuses or self.skip_if_running is not None or self.if_path_used != IGNORE
