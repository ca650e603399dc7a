"""The variables of --var, and what an undefined variable's error advises."""

from datetime import UTC, datetime

import pytest

from modelarts_export.cli.options.spec_variables import make_interpolator, parse_assignments
from modelarts_export.errors import InvalidInputError

UNSET_MESSAGE = (
    "${UNSET} is not defined; give --var UNSET=VALUE, set MODELARTS_EXPORT_VAR_UNSET, "
    "or write ${UNSET:-default}"
)
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def test_last_assignment_of_a_name_is_used() -> None:
    """A value may contain any character."""
    texts = ["A=1", "B=x=y", "A=", "_c9=桶"]
    assert parse_assignments(texts, {"A": "environment"}) == {"A": "", "B": "x=y", "_c9": "桶"}


def test_name_alone_takes_the_value_of_the_environment() -> None:
    """Without one it stays undefined, so that a default is used."""
    assert parse_assignments(["A", "B"], {"A": "1", "C": "2"}) == {"A": "1"}


@pytest.mark.parametrize("text", ["", "=x", "1=x", "1", "A B=x", "${A}=x"])
def test_invalid_assignment_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match=r"--var: '.*' is not NAME=VALUE"):
        make_interpolator([text], {}, now=NOW, contains_secret=lambda _text: False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "${UNSET}",
            UNSET_MESSAGE,
        ),
        ("${HOME}", "${HOME} is not defined; pass it with --var HOME"),
    ],
)
def test_error_of_an_undefined_variable_says_how_to_pass_it(text: str, message: str) -> None:
    interpolate = make_interpolator([], {"HOME": "/root"}, now=NOW, contains_secret=lambda _text: False)
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared below
        interpolate(text)
    assert str(caught.value) == message
