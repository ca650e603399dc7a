"""Suggestions for a mistyped word: good guesses only."""

import pytest

from modelarts_export.quoting import describe_invalid_choice, did_you_mean, find_nearest

KNOWN = [
    "export_type",
    "export_format",
    "--sample",
    "video",
    "all",
    "CarbonData",
    "obs://",
    "4409",
    "no-date",
]


@pytest.mark.parametrize(
    ("word", "nearest"),
    [
        ("exprot", "export_type"),
        ("export-fromat", "export_format"),
        ("--smaple", "--sample"),
        ("carbon", "CarbonData"),
        ("OBS", "obs://"),
        ("4490", "4409"),
        ("nodate", "no-date"),
        ("exp", "export_type"),
        ("epx", None),
        ("reexport", None),  # two letters from the first part of export_type
        ("wide", None),
        ("json", None),
        ("al", None),
        ("", None),
        ("export_typ" * 10, None),
    ],
)
def test_word_with_few_typing_errors_has_a_suggestion(word: str, nearest: str | None) -> None:
    assert find_nearest(word, KNOWN) == nearest
    assert did_you_mean(word, KNOWN) == (f"; did you mean {nearest!r}?" if nearest else "")


def test_word_with_fewest_typing_errors_is_suggested() -> None:
    assert find_nearest("sampls", ["sample", "samples", "sampls-2"]) == "sampls-2"
    assert find_nearest("smaples", ["sample", "samples"]) == "samples"


def test_long_list_of_choices_is_cut_and_begins_with_the_nearest() -> None:
    six = ["one", "two", "three", "four", "five", "sixth"]
    assert describe_invalid_choice("sixht", "number", six) == (
        "'sixht' is not a valid number (choose from sixth, one, two and 3 more); did you mean 'sixth'?"
    )
    assert describe_invalid_choice(7, "number", six[:5]).endswith("(choose from one, two, three, four, five)")
