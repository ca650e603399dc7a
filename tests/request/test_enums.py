"""The enumerations: labels, wire values, and parsing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelarts_export.quoting import did_you_mean, quote
from modelarts_export.request import enums
from modelarts_export.request.enums import DatasetType, ExportType, SampleState, WireEnum

ANY = settings(deadline=None, max_examples=50, derandomize=True)
KINDS = [kind for kind in vars(enums).values() if isinstance(kind, type) and issubclass(kind, WireEnum)]
MEMBERS = [member for kind in KINDS if kind is not WireEnum for member in kind.__members__.values()]
LETTER_CASES = (str, str.lower, str.upper, str.title, str.swapcase)
INVALID_VALUES = [
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


def test_documented_enumerations_are_complete() -> None:
    """There are ten with 54 members, among them "" for any state."""
    assert len(KINDS) == 11
    assert len(MEMBERS) == 54


@pytest.mark.parametrize("member", MEMBERS, ids=str)
def test_label_and_wire_value_are_parsed_in_any_letter_case(member: WireEnum) -> None:
    for name in (member.label, str(member.wire_value)):
        assert {type(member).parse(case(name)) for case in LETTER_CASES} == {member}
    assert type(member).parse(member) is member
    assert type(member).parse(member.wire_value) is member


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_names_of_members_are_unique(kind: type[WireEnum]) -> None:
    spellings = [{member.label.lower(), str(member.wire_value).lower()} for member in kind]
    assert len(set().union(*spellings)) == sum(map(len, spellings))


@pytest.mark.parametrize("value", INVALID_VALUES, ids=lambda value: type(value).__name__)
def test_value_that_is_neither_text_nor_integer_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"is not a valid export type \(choose from labeled, unlabeled, "):
        ExportType.parse(value)


def test_integer_is_a_wire_value() -> None:
    assert ExportType.parse(0) is ExportType.LABELED


@pytest.mark.parametrize("word", ["all", "ALL", "All"])
def test_sample_state_all_is_explained(word: str) -> None:
    with pytest.raises(ValueError, match="__ALL__ means labeled samples only; write labeled, or leave"):
        SampleState.parse(word)


@pytest.mark.parametrize("word", ["none", "None"])
def test_sample_state_none_is_explained(word: str) -> None:
    with pytest.raises(ValueError, match="__NONE__ means unlabeled samples only; write unlabeled, or leave"):
        SampleState.parse(word)


def test_labels_omit_the_empty_label() -> None:
    assert DatasetType.labels()[:3] == ["image-classification", "object-detection", "image-segmentation"]
    assert "" not in SampleState.labels()
    assert len(SampleState.labels()) == 13


SUGGESTIONS = [
    ("serch", ["labeled", "search"], "; did you mean 'search'?"),
    ("SERCH", ["labeled", "Search"], "; did you mean 'Search'?"),
    ("export_typ", ["export_format", "export_type"], "; did you mean 'export_type'?"),
    ("zzz", ["labeled", "search"], ""),
    ("", ["labeled"], ""),
    ("labeled", [], ""),
]


@pytest.mark.parametrize(("word", "known", "said"), SUGGESTIONS)
def test_similar_word_is_suggested(word: str, known: list[str], said: str) -> None:
    assert did_you_mean(word, known) == said


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind is not WireEnum], ids=lambda kind: kind.__name__
)
@given(value=st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none(), st.lists(st.text())))
@ANY
def test_any_value_is_parsed_or_refused(kind: type[WireEnum], value: object) -> None:
    try:
        assert kind.parse(value) in kind
    except ValueError as error:
        assert quote(value) in str(error)  # noqa: PT017 - either end is right
