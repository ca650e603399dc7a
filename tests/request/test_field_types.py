"""The types of request fields: what each accepts, and the form in which it is sent."""

import string
from contextlib import suppress
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from modelarts_export.documents.yaml_scalars import Scalar, read_plain
from modelarts_export.identifiers import check_identifier
from modelarts_export.request.directories import find_undocumented_characters, normalize_directory
from modelarts_export.request.field_types import (
    Boolean,
    DatasetName,
    DirectoryInBucket,
    HardFlag,
    Identifier,
    Integer,
    ObsDirectory,
    Ratio,
    SampleDir,
    SampleId,
    SampleTime,
)

ANY = settings(deadline=None, max_examples=100, derandomize=True)
ANYTHING = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text()))


def make_number(text: str) -> Scalar:
    """Return a number of YAML with this source text."""
    return read_plain(text)


# fmt: off
VALID: list[tuple[Any, object, object]] = [
    (ObsDirectory, "obs://b/d", "/b/d/"),
    (DirectoryInBucket, "obs://b/d", "/b/d/"),
    (Identifier, "a-Z_0", "a-Z_0"),
    (Identifier, 64 * "a", 64 * "a"),
    (DatasetName, "数据-1_a", "数据-1_a"),
    (DatasetName, 100 * "n", 100 * "n"),
    (Ratio, "0.80", "0.80"),
    (Ratio, make_number("0.80"), "0.80"),
    (Ratio, make_number("1"), "1"),
    (Ratio, 1, "1"),
    (Ratio, 0.5, "0.5"),
    (Ratio, ".5", ".5"),
    (Ratio, "1.000", "1.000"),
    (SampleTime, "month", "month"),
    (SampleTime, "20240229-20240330", "20240229-20240330"),
    (SampleDir, "a/", "a/"),
    (SampleDir, "/", "/"),
    (HardFlag, True, "1"),
    (HardFlag, make_number("0"), "0"),
    (HardFlag, "True", "1"),
    (Integer, "-7", -7),
    (Integer, 10**20, 10**20),
    (Boolean, "TRUE", True),
    (Boolean, False, False),
    (SampleId, "0a1b-样本", "0a1b-样本"),
]
INVALID: list[tuple[Any, object]] = [
    *((ObsDirectory, value) for value in (3, None, ["/b/d/"], b"/b/d/", "")),
    *((DirectoryInBucket, value) for value in ("", "/b", "/b/", "obs://b", "S3://b/")),
    *((Identifier, value) for value in ("", 65 * "a", "a b", "a/b", "a\n", "é", "..", 3, None)),
    *((DatasetName, value) for value in ("", 101 * "n", "a.b", "a b", "é", "a\n", "😀", 3, None)),
    *((Ratio, value) for value in ("1.01", "-0", "-0.1", "nan", "inf", "", ".", "abc", "1,0", " 1", "1\n")),
    *((Ratio, value) for value in ("0x1", "1_0", "1e1", "1e999999999", "\u0660")),
    *((Ratio, value) for value in (2, -1, 1.5, float("nan"), float("inf"), True, None, ["1"])),
    *((SampleTime, value) for value in ("", "Month", "week", "20260101", "20260101-20260132", 3, None)),
    *((SampleTime, value) for value in ("20260101 - 20260102", "20260101-20260102\n", "00000101-00000102")),
    *((SampleTime, value) for value in ("20260101-20260201", "20260102-20260101")),
    *((SampleDir, value) for value in ("", "a", "a/b", 3, None)),
    *((HardFlag, value) for value in ("y", "2", "", 2, 1.0, None, ["1"])),
    *((Integer, value) for value in ("1.0", "", "a", " 1", "٣", "+1", 1.0, True, None, [1])),
    *((Boolean, value) for value in ("y", "1", "", 1, 0, None, [True])),
    *((SampleId, value) for value in ("", "a b", "a\n", "\t", "a\x00", "a\u202e", "a\u2028", 3, None)),
]
DIRECTORIES = [
    ("/b/d/", "/b/d/"),
    ("/b/d", "/b/d/"),
    ("obs://b/d", "/b/d/"),
    ("S3://B/D/", "/B/D/"),
    ("/b/v1.2 a/é/данные/", "/b/v1.2 a/é/данные/"),
    ("/b/𠀀/", "/b/𠀀/"),
    ("/b/" + 696 * "d", "/b/" + 696 * "d" + "/"),
    ("/b", "/b/"),
    ("obs://b", "/b/"),
    ("s3://b/", "/b/"),
]
INVALID_DIRECTORIES = [
    "", "/", "//", "b", "b/d", "obs://", "obs:/b/d", "obs:///b/d",
    "//b/d", "/b//d", "/b/d//", "/b/ d/\n", "/b/\x00/", "/b/😀/", "/b/©/", "/b/a\ufe0f/", "/b/1\u20e3/",
    "/b/\u200d/", "/b/\ud800/", "/b/%20/", "/b/a:b/", "/b/" + 697 * "d", "gs://b/d/", "file:///b/d",
]
# fmt: on


@pytest.mark.parametrize(("kind", "value", "sent"), VALID)
def test_valid_value_is_accepted(kind: Any, value: object, sent: object) -> None:  # noqa: ANN401 - an annotation
    made = TypeAdapter(kind).validate_python(value)
    assert made == sent
    assert type(made) is type(sent)


@pytest.mark.parametrize(("kind", "value"), INVALID)
def test_invalid_value_is_refused(kind: Any, value: object) -> None:  # noqa: ANN401 - an annotation
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize(("written", "sent"), DIRECTORIES)
def test_directory_is_normalized(written: str, sent: str) -> None:
    assert normalize_directory(written) == sent


@pytest.mark.parametrize("written", INVALID_DIRECTORIES)
def test_invalid_directory_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"write|characters|ModelArts"):
        normalize_directory(written)


@pytest.mark.parametrize("character", [".", " ", "é", "я", "𠀀", "ก", "\u0301", "٣", "²"])
def test_letters_dots_and_spaces_are_undocumented_characters(character: str) -> None:
    assert find_undocumented_characters(f"/b/{character}/") == [character]


@pytest.mark.parametrize("character", "aZ0-_/桶㐀%*?:\\😀©\n\t\x00\u00a0\u200b\u202e\ufe0f\u20e3\ue000")
def test_other_characters_are_documented(character: str) -> None:
    assert find_undocumented_characters(f"/b/{character}/") == []


PARTS = st.text(st.sampled_from(string.ascii_letters + string.digits + "-_桶数"), min_size=1, max_size=20)
URIS = st.builds(
    lambda scheme, parts, end: scheme + "/".join(parts) + end,
    st.sampled_from(["/", "obs://", "s3://", "OBS://"]),
    st.lists(PARTS, min_size=2, max_size=5),
    st.sampled_from(["", "/"]),
)


@given(written=URIS)
@ANY
def test_normalized_directory_is_stable(written: str) -> None:
    """It begins and ends with a slash."""
    sent = normalize_directory(written)
    assert sent.startswith("/")
    assert sent.endswith("/")
    assert sent.strip("/") == written.rpartition("://")[2].strip("/")
    assert normalize_directory(sent) == sent


@given(written=st.text() | st.text("/ab:.s3 o", max_size=12).map("/b/".__add__))
@ANY
def test_any_text_is_normalized_or_refused(written: str) -> None:
    try:
        sent = normalize_directory(written)
    except ValueError:
        return
    assert normalize_directory(sent) == sent
    assert 3 <= len(sent) <= 700
    assert "//" not in sent
    assert sent.isprintable()


@given(text=st.text(max_size=70))
@ANY
def test_identifier_is_unchanged_or_refused(text: str) -> None:
    word = set(string.ascii_letters + string.digits + "_")
    if 1 <= len(text) <= 64 and text[0] in word and set(text) <= word | set(".-"):
        assert check_identifier(text) == text
    else:
        with pytest.raises(ValueError, match="is not an ID"):
            check_identifier(text)


@given(share=st.decimals(0, 1, allow_nan=False, places=6))
@ANY
def test_ratio_keeps_its_source_text(share: object) -> None:
    assert TypeAdapter(Ratio).validate_python(f"{share:f}") == f"{share:f}"


@given(share=st.floats().filter(lambda number: not 0 <= number <= 1))
@ANY
def test_number_outside_0_and_1_is_not_a_ratio(share: float) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Ratio).validate_python(share)


@given(first=st.dates(date(1000, 1, 1), date(9900, 1, 1)), days=st.integers(-40, 40))
@ANY
def test_time_span_has_at_most_thirty_days(first: date, days: int) -> None:
    text = f"{first:%Y%m%d}-{first + timedelta(days=days):%Y%m%d}"
    if 0 <= days <= 30:
        assert TypeAdapter(SampleTime).validate_python(text) == text
    else:
        with pytest.raises(ValidationError):
            TypeAdapter(SampleTime).validate_python(text)


@pytest.mark.parametrize("kind", list(dict.fromkeys(kind for kind, _ in INVALID)))
@given(value=ANYTHING)
@settings(deadline=None, max_examples=50, derandomize=True)
def test_any_value_is_accepted_or_refused(kind: Any, value: object) -> None:  # noqa: ANN401
    """No other exception than ValidationError is raised."""
    with suppress(ValidationError):
        TypeAdapter(kind).validate_python(value)
