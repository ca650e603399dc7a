"""Interpolation of `${…}` in the strings of a spec."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelarts_export.spec.interpolation import VARIABLE_PREFIX, Interpolator

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
VALUES = {"BOTH": "given", "GIVEN_EMPTY": "", "TWICE": "${PLAIN} $$"}
OF_ENVIRONMENT = {"BOTH": "environment", "PLAIN": "p", "EMPTY": "", "GIVEN_EMPTY": "environment", "桶": "x"}
ENVIRON = {"HOME": "/root", **{VARIABLE_PREFIX + name: value for name, value in OF_ENVIRONMENT.items()}}
SECRET = "a-secret-of-mine"


def make_interpolator(values: dict[str, str], environ: dict[str, str]) -> Interpolator:
    """Return an interpolator for which one text is a secret."""
    return Interpolator(values, environ, now=NOW, contains_secret=lambda text: SECRET in text)


@pytest.mark.parametrize(
    ("text", "interpolated"),
    [
        ("", ""),
        ("no dollar", "no dollar"),
        ("${PLAIN}", "p"),
        ("/b/${PLAIN}/${PLAIN}", "/b/p/p"),
        ("${BOTH}", "given"),
        ("${EMPTY}", ""),
        ("${GIVEN_EMPTY}", ""),
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
def test_placeholders_are_replaced_once(text: str, interpolated: str) -> None:
    """Given values precede those of the environment; any other dollar stays."""
    assert make_interpolator(VALUES, ENVIRON).interpolate(text) == interpolated


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${UNSET}", "${UNSET} is not defined"),
        ("${HOME}", "${HOME} is not defined"),
        ("${plain}", "${plain} is not defined"),
        ("${", "'${' has no closing }"),
        ("a ${PLAIN", "'${PLAIN' has no closing }"),
        ("${}", "${} is not valid; write ${NAME}, ${NAME:-default} or ${now:%Y-%m-%d}"),
        ("${1}", "${1} is not valid"),
        ("${a b}", "${a b} is not valid"),
        ("${PLAIN:=x}", "${PLAIN:=x} is not valid"),
        ("${桶}", "${桶} is not valid"),
        ("${A:-${B}}", "${A:-${B} has ${ in its default"),
        ("${now}", "${now} is not defined"),
        ("${KEY}", "${KEY} would put a secret into the request"),
        ("/b/${KEY}/", "${KEY} would put a secret into the request"),
        ("${HALF}${OTHER_HALF}", "${HALF}, ${OTHER_HALF} would put a secret into the request"),
        ("a-secret-of-${UNSET:-mine}", "${UNSET:-mine} would put a secret into the request"),
        ("${now:%" + 200 * "0" + "d}", "is not a valid time format"),
        ("${LONG}" * 70, "makes the value longer than 64 MiB"),
    ],
)
def test_invalid_placeholder_is_refused(text: str, message: str) -> None:
    """A secret is refused whatever variable contains it, and no message shows it."""
    values = {**VALUES, "KEY": SECRET, "HALF": SECRET[:7], "OTHER_HALF": SECRET[7:], "LONG": 2**20 * "a"}
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared below
        make_interpolator(values, ENVIRON).interpolate(text)
    assert message in str(caught.value)
    assert SECRET not in str(caught.value)
    assert len(str(caught.value)) < 300


@given(st.text(), st.dictionaries(st.text(), st.text()))
def test_any_text_is_interpolated_or_refused(text: str, environ: dict[str, str]) -> None:
    """No other exception than ValueError is raised."""
    try:
        interpolated = make_interpolator({}, environ).interpolate(text)
    except ValueError:
        return
    assert "$" in text or interpolated == text
