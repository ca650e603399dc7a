"""Text that must be escaped or redacted wherever it is written, and what tells whether it was."""

import re

# Text that a terminal, a log or a CI system would interpret, and how it is escaped outside JSON.
HOSTILE = [
    ("\x1b[2J\x1b]0;owned\x07", r"\x1b[2J\x1b]0;owned\x07"),
    ("a\rb\nc\td", r"a\rb\nc\td"),
    ("\x7f\x00\x08", r"\x7f\x00\x08"),
    ("\x9b31m\x85", r"\x9b31m\x85"),
    ("\u202etxt.exe\u2066\u2069\u200f\u061c", r"\u202etxt.exe\u2066\u2069\u200f\u061c"),
    ("\u2028\u2029", r"\u2028\u2029"),
    ("\ud800", r"\ud800"),
    ("[bold red]markup[/bold red] :smile:", "[bold red]markup[/bold red] :smile:"),
    ("\n::error file=x::injected", r"\n::error file=x::injected"),
    ("::stop-commands::x", r"\x3a:stop-commands::x"),
    ("  ::add-mask::x", r"  \x3a:add-mask::x"),
    ("a ##[add-mask]b", r"a \x23#[add-mask]b"),
    ("###vso[task.setvariable]x", r"#\x23#vso[task.setvariable]x"),
    ("a ##teamcity[buildStop]", r"a \x23#teamcity[buildStop]"),
    ("\u3000::error::x", "\u3000\\x3a:error::x"),
]
HARMFUL = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
COMMAND = re.compile(r"^\s*::|##[A-Za-z]*\[")
SECRETS = {
    "HUAWEICLOUD_SDK_SK": "SKexample0123456789abcdefghijklmnopqrstuv",
    "HUAWEICLOUD_SDK_SECURITY_TOKEN": 'token"with\\quotes/+==',
    "HW_SECRET_KEY": "another-secret-that-did-not-win",
    "HW_AUTH_TOKEN": "MIIsomething-long-and-secret",
}


def is_shown(text: str, shown: str, written: str) -> bool:
    """Return whether the text is shown; `::` is escaped only where it begins a line."""
    return shown in written or (text.lstrip().startswith("::") and text in written)


def find_ci_commands(written: str) -> list[str]:
    """Return the lines that a CI system would run as commands."""
    return [line for line in written.splitlines() if COMMAND.search(line)]
