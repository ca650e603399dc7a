"""The enumerations: each value has a word and a code, and is read by both."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelarts_export.quoting import did_you_mean, quote
from modelarts_export.request import enums as vocabulary
from modelarts_export.request.enums import DatasetType, ExportType, SampleState, WireEnum

ANY = settings(deadline=None, max_examples=50, derandomize=True)
KINDS = [kind for kind in vars(vocabulary).values() if isinstance(kind, type) and issubclass(kind, WireEnum)]
MEMBERS = [member for kind in KINDS if kind is not WireEnum for member in kind.__members__.values()]
LETTER_CASES = (str, str.lower, str.upper, str.title, str.swapcase)
NO_VALUES = [
    None,
    True,
    False,
    3.0,
    1.5,
    [],
    ["search"],
    {},
    {"a": 1},
    b"search",
    object(),
    " search",
    "search\n",
]


def test_there_are_the_documented_enumerations() -> None:
    """Ten of them with 54 values, counting "" for any state."""
    assert len(KINDS) == 11
    assert len(MEMBERS) == 54


@pytest.mark.parametrize("member", MEMBERS, ids=str)
def test_a_value_is_read_by_word_and_by_code_in_any_letter_case(member: WireEnum) -> None:
    for name in (member.label, str(member.wire_value)):
        assert {type(member).parse(case(name)) for case in LETTER_CASES} == {member}
    assert type(member).parse(member) is member
    assert type(member).parse(member.wire_value) is member


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_spelling_means_two_values(kind: type[WireEnum]) -> None:
    spellings = [{member.label.lower(), str(member.wire_value).lower()} for member in kind]
    assert len(set().union(*spellings)) == sum(map(len, spellings))


@pytest.mark.parametrize("value", NO_VALUES, ids=lambda value: type(value).__name__)
def test_what_is_no_text_and_no_whole_number_is_no_value(value: object) -> None:
    with pytest.raises(ValueError, match="is not one of labeled, unlabeled, all, search"):
        ExportType.parse(value)


def test_a_number_of_a_file_is_a_code() -> None:
    assert ExportType.parse(0) is ExportType.LABELED


@pytest.mark.parametrize("word", ["all", "ALL", "All"])
def test_a_bare_all_is_explained(word: str) -> None:
    with pytest.raises(ValueError, match="__ALL__ means labeled samples only; write labeled, or leave"):
        SampleState.parse(word)


@pytest.mark.parametrize("word", ["none", "None"])
def test_a_bare_none_is_explained(word: str) -> None:
    with pytest.raises(ValueError, match="__NONE__ means unlabeled samples only; write unlabeled, or leave"):
        SampleState.parse(word)


def test_words_are_shown_and_the_empty_one_is_not() -> None:
    assert DatasetType.labels()[:3] == ["image-classification", "object-detection", "image-segmentation"]
    assert "" not in SampleState.labels()
    assert len(SampleState.labels()) == 13


NEAREST = [
    ("serch", ["labeled", "search"], "; did you mean search?"),
    ("SERCH", ["labeled", "Search"], "; did you mean Search?"),
    ("export_typ", ["export_format", "export_type"], "; did you mean export_type?"),
    ("zzz", ["labeled", "search"], ""),
    ("", ["labeled"], ""),
    ("labeled", [], ""),
]


@pytest.mark.parametrize(("word", "known", "said"), NEAREST)
def test_the_nearest_word_is_named_when_there_is_one(word: str, known: list[str], said: str) -> None:
    assert did_you_mean(word, known) == said


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind is not WireEnum], ids=lambda kind: kind.__name__
)
@given(value=st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none(), st.lists(st.text())))
@ANY
def test_any_value_is_a_member_or_a_value_error_in_words(kind: type[WireEnum], value: object) -> None:
    try:
        assert kind.parse(value) in kind
    except ValueError as error:
        assert quote(value) in str(error)  # noqa: PT017 - either end is right
