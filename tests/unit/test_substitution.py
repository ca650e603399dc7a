"""What `${…}` in a spec stands for."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelarts_export.substitution import Variables, read_assignments

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
GIVEN = {"BOTH": "by hand", "EMPTY_BY_HAND": "", "TWICE": "${PLAIN} $$"}
ENVIRON = {"BOTH": "environment", "PLAIN": "p", "EMPTY": "", "EMPTY_BY_HAND": "environment", "桶": "x"}
VARIABLES = Variables(GIVEN, ENVIRON, now=NOW)


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
    ],
)
def test_what_it_stands_for(text: str, expanded: str) -> None:
    """By hand before the environment; nothing is expanded twice; a dollar before anything else is itself."""
    assert VARIABLES.expand(text) == expanded


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("${UNSET}", "${UNSET} is not defined; set it, give --var UNSET=VALUE or ${UNSET:-default}"),
        ("${plain}", "${plain} is not defined"),
        ("${", "'${' has no } at its end"),
        ("a ${PLAIN", "'${PLAIN' has no } at its end"),
        ("${}", "${} is none of"),
        ("${1}", "${1} is none of"),
        ("${a b}", "${a b} is none of"),
        ("${PLAIN:=x}", "${PLAIN:=x} is none of"),
        ("${桶}", "${桶} is none of"),
        ("${now}", "${now} is not defined"),
        ("${HW_SECRET_KEY}", "is for credentials"),
        ("${HUAWEICLOUD_SDK_SK:-x}", "is for credentials"),
        ("${OS_PASSWORD}", "is for credentials"),
        ("${HW_PROJECT_ID}", "is for credentials"),
    ],
)
def test_what_is_refused(text: str, words: str) -> None:
    """With what to write instead; a key is never put into a request, whoever sets it."""
    variables = Variables({**GIVEN, "HW_SECRET_KEY": "x"}, {**ENVIRON, "OS_PASSWORD": "secret"}, now=NOW)
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the words are what the test is about
        variables.expand(text)
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


@given(st.text(), st.dictionaries(st.text(), st.text()))
def test_any_text_is_expanded_or_refused(text: str, environ: dict[str, str]) -> None:
    """Nothing but a ValueError comes out of it."""
    try:
        expanded = Variables({}, environ, now=NOW).expand(text)
    except ValueError:
        return
    assert "$" in text or expanded == text


def test_assignments() -> None:
    """A later one wins; the value may have anything in it."""
    assert read_assignments(["A=1", "B=x=y", "A=", "_c9=桶"]) == {"A": "", "B": "x=y", "_c9": "桶"}


@pytest.mark.parametrize("text", ["", "A", "=x", "1=x", "A B=x", "${A}=x"])
def test_what_is_no_assignment(text: str) -> None:
    """It is quoted back."""
    with pytest.raises(ValueError, match="is not NAME=VALUE"):
        read_assignments([text])
