"""What `${…}` in a spec stands for."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelarts_export.spec.interpolation import Interpolator, parse_assignments

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HANDED_OVER = "MODELARTS_EXPORT_VAR_"
GIVEN = {"BOTH": "by hand", "EMPTY_BY_HAND": "", "TWICE": "${PLAIN} $$"}
HANDED = {"BOTH": "environment", "PLAIN": "p", "EMPTY": "", "EMPTY_BY_HAND": "environment", "桶": "x"}
ENVIRON = {"HOME": "/root", **{HANDED_OVER + name: value for name, value in HANDED.items()}}
SECRET = "a-secret-of-mine"


def variables(given: dict[str, str], environ: dict[str, str]) -> Interpolator:
    """Return variables where one secret is known."""
    return Interpolator(given, environ, now=NOW, contains_secret=lambda text: SECRET in text)


VARIABLES = variables(GIVEN, ENVIRON)


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("", ""),
        ("no dollar", "no dollar"),
        ("${PLAIN}", "p"),
        ("/b/${PLAIN}/${PLAIN}", "/b/p/p"),
        ("${BOTH}", "by hand"),
        ("${EMPTY}", ""),
        ("${EMPTY_BY_HAND}", ""),
        ("${EMPTY:-other}", "other"),
        ("${PLAIN:-other}", "p"),
        ("${UNSET:-}", ""),
        ("${UNSET:-a:-b}", "a:-b"),
        ("${UNSET:-$PLAIN}", "$PLAIN"),
        ("${now:%Y-%m-%d}", "2026-01-02"),
        ("${now:%H:%M:%S}", "03:04:05"),
        ("$$", "$"),
        ("$$$$", "$$"),
        ("$${PLAIN}", "${PLAIN}"),
        ("$$${PLAIN}", "$p"),
        ("$PLAIN", "$PLAIN"),
        ("a$", "a$"),
        ("5$ {PLAIN}", "5$ {PLAIN}"),
        ("${TWICE}", "${PLAIN} $$"),
        (f"{SECRET}$", f"{SECRET}$"),  # the spec itself says it
    ],
)
def test_what_it_stands_for(text: str, expanded: str) -> None:
    """By hand before the environment; nothing is expanded twice; a dollar before anything else is itself."""
    assert VARIABLES.interpolate(text) == expanded


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "${UNSET}",
            "${UNSET} is not defined; give --var UNSET=VALUE, set MODELARTS_EXPORT_VAR_UNSET, or",
        ),
        ("${HOME}", "${HOME} is not defined; pass it with --var HOME"),
        ("${plain}", "${plain} is not defined"),
        ("${", "'${' has no } at its end"),
        ("a ${PLAIN", "'${PLAIN' has no } at its end"),
        ("${}", "${} is none of"),
        ("${1}", "${1} is none of"),
        ("${a b}", "${a b} is none of"),
        ("${PLAIN:=x}", "${PLAIN:=x} is none of"),
        ("${桶}", "${桶} is none of"),
        ("${now}", "${now} is not defined"),
        ("${KEY}", "${KEY} would put a secret into the request"),
        ("/b/${KEY}/", "${KEY} would put a secret into the request"),
        ("${HALF}${OTHER_HALF}", "${HALF}, ${OTHER_HALF} would put a secret into the request"),
        ("a-secret-of-${UNSET:-mine}", "${UNSET:-mine} would put a secret into the request"),
        ("${now:%" + 200 * "0" + "d}", "is no form of a time"),
        ("${LONG}" * 70, "makes the value longer than 64 MiB"),
    ],
)
def test_what_is_refused(text: str, words: str) -> None:
    """With what to write instead; a key is never put into a request, whoever sets it."""
    given = {**GIVEN, "KEY": SECRET, "HALF": SECRET[:7], "OTHER_HALF": SECRET[7:], "LONG": 2**20 * "a"}
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the words are what the test is about
        variables(given, ENVIRON).interpolate(text)
    assert words in str(caught.value)
    assert SECRET not in str(caught.value)
    assert len(str(caught.value)) < 300


@given(st.text(), st.dictionaries(st.text(), st.text()))
def test_any_text_is_expanded_or_refused(text: str, environ: dict[str, str]) -> None:
    """Nothing but a ValueError comes out of it."""
    try:
        expanded = variables({}, environ).interpolate(text)
    except ValueError:
        return
    assert "$" in text or expanded == text


def test_assignments() -> None:
    """A later one wins; the value may have anything in it."""
    texts = ["A=1", "B=x=y", "A=", "_c9=桶"]
    assert parse_assignments(texts, {"A": "environment"}) == {"A": "", "B": "x=y", "_c9": "桶"}


def test_an_assignment_without_a_value_takes_that_of_the_environment() -> None:
    """One that the environment does not have stays undefined, so that a default holds."""
    assert parse_assignments(["A", "B"], {"A": "1", "C": "2"}) == {"A": "1"}


@pytest.mark.parametrize("text", ["", "=x", "1=x", "1", "A B=x", "${A}=x"])
def test_what_is_no_assignment(text: str) -> None:
    """It is quoted back."""
    with pytest.raises(ValueError, match="is not NAME=VALUE"):
        parse_assignments([text], {})
