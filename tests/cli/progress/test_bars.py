"""The bars of a wait: at any width, below the messages."""

import re
from textwrap import wrap

import pytest
from rich.cells import cell_len

from modelarts_export.cli.output.console import Console
from tests.cli.progress.snapshots import SECRET
from tests.support.hostile_text import find_ci_commands
from tests.support.terminal import render_lines, show_in_process_on_terminal, show_on_terminal

ID = "rF9NNoB56k5rtYKg2Y7"
COLOR = re.compile(r"\x1b\[[\d;]*m")
for_any_width = pytest.mark.parametrize("columns", [44, 88, 204])


@for_any_width
def test_bar_stays_below_messages_after_the_wait(columns: int) -> None:
    """The result is alone on stdout."""
    shown = show_on_terminal("one", columns=columns)
    bar = {
        44: f"{ID} succeeded 100 %",
        88: f"{ID} succeeded {'━' * 21} 100 % 20/20  6m 40s",
        204: f"{ID} succeeded {'━' * 40} 100 % 20/20  6m 40s",
    }
    messages = ["a test message"] * 5
    assert shown.lines == [*messages, bar[columns], ""]
    assert (shown.out, shown.has_cursor) == ("the result\n", True)
    assert COLOR.search(shown.written)


def test_every_snapshot_is_drawn() -> None:
    """Queued, running with an estimate, and an outage with its error."""
    written = COLOR.sub("", show_on_terminal("one", columns=204).written)
    assert f"{ID} queued " in written
    assert f"{ID} running   {'━' * 14}╺{'━' * 25}  35 %  7/20  3m 20s 1m 25s left" in written
    assert f"export task {ID}: not seen for 0s: no connection to" in written


def test_columns_keep_their_place() -> None:
    """Samples have their final width, and the time left keeps its column while it is unknown."""
    written = COLOR.sub("", show_on_terminal("one", columns=80).written)
    drawn = [line for line in re.split(r"[\r\n]+", written) if line.startswith(f"{ID} running ")]
    assert len({line.index("/20 ") for line in drawn}) == 1
    assert {line.rstrip().endswith(" left") for line in drawn} == {True, False}
    ended = [line for line in re.split(r"[\r\n]+", written) if line.startswith(f"{ID} ")]
    assert len({(line.index("━"), line.rindex("━")) for line in ended}) == 1  # from queued to succeeded


EVERY_KIND = {
    44: [
        "queued-1    queued    ━━━━━━━━━━━━",
        "running-1   running   ━━━━╺━━━━━━━  35 %",
        "running-2   running   ━━━━━━━━━━━━ 100 %",
        "succeeded-1 succeeded ━━━━━━━━━━━━ 100 %",
        "failed-1    failed    ━━━━╺━━━━━━━  35 %",
        "paused-1    PAUSED    ━━━━━━━━━━━━",
        "unseen-1    running   ━━━━━━━━━━━━   1 %",
        "lost-1      given up  ━━━━━━━━━━━━",
        "export task lost-1: given up: no",
        "connection to modelarts.example.com: it",
        "was refused",
        "export task unseen-1: not seen for 1m",
        "40s: no connection to",
        "modelarts.example.com: it was refused",
    ],
    88: [
        "queued-1    queued    ━━━━━━━━━━━━━━━━━━━━━                      1m 40s",
        "running-1   running   ━━━━━━━╺━━━━━━━━━━━━━  35 %  7,100/20,000  1m 40s 3m 1s left",
        "running-2   running   ━━━━━━━━━━━━━━━━━━━━━ 100 %                1m 40s",
        "succeeded-1 succeeded ━━━━━━━━━━━━━━━━━━━━━ 100 % 20/20              0s",
        "failed-1    failed    ━━━━━━━╺━━━━━━━━━━━━━  35 %  7/20              0s",
        "paused-1    PAUSED    ━━━━━━━━━━━━━━━━━━━━━                      1m 40s",
        "unseen-1    running   ━━━━━━━━━━━━━━━━━━━━━   1 %                1m 40s",
        "lost-1      given up  ━━━━━━━━━━━━━━━━━━━━━                          0s",
        "export task lost-1: given up: no connection to modelarts.example.com: it was refused",
        "export task unseen-1: not seen for 1m 40s: no connection to modelarts.example.com:",
        "it was refused",
    ],
}


@pytest.mark.parametrize("columns", EVERY_KIND)
def test_narrow_terminal_has_fewer_columns(columns: int) -> None:
    """No line wraps."""
    lines = show_on_terminal("every_kind", columns=columns).lines
    assert lines[lines.index("a test message") + 1 : -1] == EVERY_KIND[columns]


def test_reason_for_giving_up_is_left_to_the_error_at_the_end() -> None:
    shown = show_on_terminal("given_up", columns=88)
    assert "export task lost-1: not seen for 0s: no connection" in COLOR.sub("", shown.written)
    assert any(line.startswith("lost-1 ") and " given up " in line for line in shown.lines)
    assert "no connection" not in "".join(shown.lines)


def test_wide_terminal_has_all_columns() -> None:
    lines = show_on_terminal("every_kind", columns=204).lines
    assert f"paused-1    PAUSED    {'━' * 40}" + " " * 22 + "1m 40s" in lines


SUMMARY = {
    40: f"40 export tasks {'━' * 2}╸{'━' * 3}  43 % 200/800",
    80: f"40 export tasks {'━' * 10}╸{'━' * 14}  43 % 200/800  3m 20s",
    120: f"40 export tasks {'━' * 17}╸{'━' * 22}  43 % 200/800  3m 20s",
    200: f"40 export tasks {'━' * 17}╸{'━' * 22}  43 % 200/800  3m 20s",
}


@pytest.mark.parametrize("columns", SUMMARY)
def test_many_tasks_share_one_bar(columns: int) -> None:
    """It is filled by samples, and a line below it counts the tasks in each state."""
    lines = show_on_terminal("crowd", columns=columns).lines
    counts = wrap("9 succeeded, 1 failed, 18 running, 12 queued", columns - 4)
    assert lines == ["a test message"] * 2 + [SUMMARY[columns], *counts, ""]


def test_summary_bar_never_goes_back() -> None:
    """Neither when a large total becomes known."""
    written = COLOR.sub("", show_on_terminal("growing_crowd", columns=80).written)
    shares = [int(share) for share in re.findall(r"(\d+) %", written)]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (25, 100)


@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.parametrize("scenario", ["one", "every_kind", "crowd", "wordy"])
def test_echo_of_ctrl_c_wraps_no_line(scenario: str, columns: int) -> None:
    """Each drawn line leaves room for two ^C at its end."""
    shown = show_on_terminal(scenario, columns=columns, on_snapshot=lambda _: None)
    drawn = COLOR.sub("", shown.written).partition("\x1b[?25l")[2].partition("\x1b[?25h")[0]
    lines = re.split(r"[\r\n]+|\x1b\[\d*[A-Z]", drawn)
    assert 20 < max(map(cell_len, lines)) <= columns - len("^C^C")


@pytest.mark.parametrize("columns", [40, 80])
def test_calls_are_one_line_a_poll(columns: int) -> None:
    """It is not longer than the terminal is wide, and ends with the request ID of the last call."""

    def print_calls(console: Console) -> None:
        for number in range(3):
            console.print_call(f"GET http://127.0.0.1:4000/{'long/' * 20} 200 0.01s request r{number}")

    lines = show_on_terminal("one", columns=columns, on_snapshot=print_calls).lines
    calls = [line for line in lines if line.endswith("request r2")]
    assert len(calls) == 5
    assert {cell_len(line) for line in calls} == {columns}
    assert all(line.startswith("3 calls, the") for line in calls)
    assert len(lines) == 5 + 1 + 1


@pytest.mark.parametrize("scenario", ["interrupted", "broken"])
def test_cursor_is_shown_again_after_an_error(scenario: str) -> None:
    """The bar stays on the terminal."""
    shown = show_in_process_on_terminal(scenario)
    assert shown.code != 0
    assert "\x1b[?25l" in shown.written
    assert shown.has_cursor
    assert any(line.startswith(f"{ID} running   ━━━") for line in shown.lines)


def test_bar_is_redrawn_between_polls() -> None:
    written = COLOR.sub("", show_on_terminal("lasting", pause=2.2, columns=204).written)
    assert "1s" in re.findall(r"35 % +(\d+s)", written)


def test_no_color_keeps_static_bars() -> None:
    shown = show_on_terminal("every_kind", NO_COLOR="1")
    assert not COLOR.search(shown.written)
    lines = shown.lines[shown.lines.index("a test message") + 1 :]
    assert lines[0] == "queued-1    queued" + " " * 47 + "1m 40s"
    assert lines[4] == f"failed-1    failed    {'━' * 7}" + " " * 16 + "35 %  7/20              0s"
    assert "\x1b[?25l" in shown.written


def test_rich_variables_do_not_disable_bars() -> None:
    """TTY_INTERACTIVE and TTY_COMPATIBLE are variables of rich."""
    shown = show_on_terminal("one", TTY_INTERACTIVE="0", TTY_COMPATIBLE="0", FORCE_COLOR="")
    assert f"{ID} queued " in COLOR.sub("", shown.written)


def test_dumb_terminal_gets_lines() -> None:
    """It has no cursor control."""
    shown = show_on_terminal("one", TERM="dumb", FORCE_COLOR="1")
    assert f"export task {ID}: queued" in COLOR.sub("", shown.written).splitlines()
    assert not re.search(r"\x1b\[[^m]*[A-Za-ln-z]", shown.written)


@pytest.mark.parametrize(("columns", "rows"), [(44, 5), (88, 4)])
def test_bars_in_ascii(columns: int, rows: int) -> None:
    """Bars are hyphens, and an escaped character counts with its escape."""
    shown = show_on_terminal("hostile", columns=columns, encoding="ascii")
    assert shown.written.isascii()
    assert r"\u2026" not in shown.written
    assert len(shown.lines[shown.lines.index("a test message") + 1 : -1]) == rows
    lines = show_on_terminal("every_kind", encoding="ascii").lines
    assert "failed-1    failed    ------- -------------  35 %  7/20              0s" in lines


def test_notes_are_limited() -> None:
    """Three notes of three lines each are shown."""
    lines = show_on_terminal("wordy", columns=88).lines
    notes = lines[lines.index("a test message") + 5 : -1]
    assert len(notes) == 9
    assert [line for line in notes if "export task" in line] == notes[::3]


HOSTILE = {
    44: [
        r"\x1b[2J[bold… \x1b]0;owned\x07[re…  10 %",
        r"\x3a:error::… STATUSSTATUSSTATUSS…",
        "***           running",
        "export task ***: not seen for 1m 40s:",
        r"got ***\n::add-mask::x \x1b[31m",
    ],
    88: [
        r"\x1b[2J[bold]a\r\nb                      \x1b]0;owned\x07[re… ╸━━━━━━━  10 %  1m 40s",
        r"\x3a:error::猫\u202elonglonglonglonglon… STATUSSTATUSSTATUSS… ━━━━━━━━        1m 40s",
        "***                                      running              ━━━━━━━━        1m 40s",
        r"export task ***: not seen for 1m 40s: got ***\n::add-mask::x \x1b[31m",
    ],
}


@pytest.mark.parametrize("columns", HOSTILE)
def test_hostile_text_is_escaped(columns: int) -> None:
    """Text is cut at its column, and markup and commands are not interpreted."""
    shown = show_on_terminal("hostile", columns=columns)
    assert shown.lines[shown.lines.index("a test message") + 1 : -1] == HOSTILE[columns]
    assert SECRET not in shown.written
    assert find_ci_commands("\n".join(shown.lines)) == []


def test_closed_terminal_keeps_the_result() -> None:
    for scenario in ("one", "crowd"):
        shown = show_in_process_on_terminal(scenario, is_closed=True)
        assert (shown.code, shown.out) == (0, "the result\n")


def test_emulated_terminal_detects_overwritten_text() -> None:
    """It also detects lines that are too long."""
    assert render_lines("ab\r\ncd\r\x1b[2K\x1b[1A\x1b[2Kef", 80) == ["ef"]
    assert render_lines("abcdef", 4) == ["abcd", "ef"]
    with pytest.raises(AssertionError, match="below"):
        render_lines("ab\r\ncd\x1b[1A", 80)
    with pytest.raises(AssertionError, match="over"):
        render_lines("abc\rd", 80)


def test_messages_are_whole_above_bars() -> None:
    """A warning longer than the terminal is wide, JSON, and an excerpt."""

    def print_messages(console: Console) -> None:
        console.print("w" * 60, "warning")
        console.print_raw('{"a":"[bold]"}')
        console.print_excerpt("key: value", 5, "1 | ")

    lines = show_on_terminal("lasting", columns=40, on_snapshot=print_messages).lines
    assert lines == [
        "warning: " + "w" * 31,
        "w" * 29,
        '{"a":"[bold]"}',
        "1 | key: value",
        "         ^",
        f"{ID} running    35 %",
        "",
    ]


def test_full_bar_is_green_only_after_success() -> None:
    """A progress of 148 is no success."""
    written = show_on_terminal("every_kind").written
    colors = dict(re.findall(r"m(\w+-\d) *\x1b\[0m \S+ *\x1b\[0m \x1b\[([\d;]+)m━", written))
    green, red, pink = "38;5;70", "31", "38;5;197"
    assert {name: colors[name] for name in ("running-1", "running-2", "succeeded-1", "failed-1")} == {
        "running-1": pink,
        "running-2": pink,
        "succeeded-1": green,
        "failed-1": red,
    }


def test_note_is_redrawn_whole() -> None:
    """A message above the bars redraws them too."""
    written = COLOR.sub("", show_on_terminal("every_kind").written)
    assert written.count("it was refused\r\n") + written.count("s refused\r") >= 2
    assert "it wa\r" not in written
