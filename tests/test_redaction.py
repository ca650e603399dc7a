"""No secret is left in a text, in whatever form it stands there, and nothing else of the text changes."""

import html
import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelarts_export.sanitize import Redactor

SECRET = 'pass"wörd/+&<%41\\n=long'
FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON in UTF-8": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "JSON by number": lambda text: "".join(f"\\u{ord(c):04x}" if ord(c) < 0x10000 else c for c in text),
    "escaped slashes": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "percent": lambda text: quote(text, safe=""),
    "percent, in lower case": lambda text: re.sub("%..", lambda m: m[0].lower(), quote(text, safe="")),
    "percent, all of it": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "form": quote_plus,
    "HTML": html.escape,
    "HTML by number": lambda text: "".join(f"&#{ord(c)};" for c in text),
    "HTML by hex number": lambda text: "".join(f"&#x{ord(c):X};" for c in text),
    "base64": lambda text: b64encode(text.encode()).decode(),
    "base64, in something": lambda text: b64encode(f"u:{text}@".encode()).decode(),
    "base64, in something else": lambda text: b64encode(f"user:{text}@h".encode()).decode(),
    "base64 for URLs": lambda text: urlsafe_b64encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
    "a header": lambda text: text.encode().decode("latin-1"),
}
SECRETS = st.text(st.characters(codec="utf-8", exclude_characters="\0*"), min_size=12, max_size=40)
ORDINARY = st.text(st.sampled_from("abcxyz 019-_.,:/{}[]()<>?!"), max_size=11)  # shorter than a secret


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("around", [name for name in FORMS if name.startswith(("JSON", "percent", "HTML"))])
def test_form_that_is_escaped(form: str, around: str) -> None:
    """A secret is found in each form when that stands in JSON, in a URL or in HTML."""
    spelled = FORMS[around](FORMS[form](SECRET))
    clean = Redactor([SECRET]).redact(f"before {spelled} after")
    assert "***" in clean
    assert spelled[len(spelled) // 3 : -len(spelled) // 3] not in clean


@given(secret=SECRETS, form=st.sampled_from(sorted(FORMS)), before=ORDINARY, after=ORDINARY)
@example(secret="&amp;%41 \\u0041 and\\", form="JSON", before="", after="")
@example(secret="0" * 12, form="percent, all of it", before="%", after="")
@example(secret="a b c d e f g", form="form", before="", after="")
def test_no_form_survives(secret: str, form: str, before: str, after: str) -> None:
    """Whatever the secret and its form are, the form is gone, and all around it stays."""
    spelled = FORMS[form](secret)
    redactor = Redactor([secret])
    clean = redactor.redact(f"{before}*{spelled}*{after}")
    assert spelled not in clean
    assert not redactor.contains_secret(clean)
    assert redactor.contains_secret(spelled)
    assert clean.startswith(f"{before}*")
    assert clean.endswith(f"*{after}")
    assert redactor.redact_data({"name": [spelled]}) == {"name": [redactor.redact(spelled)]}


@given(secret=SECRETS, text=st.text())
@example(secret="another-secret", text='{"a": "\\u0027; x %41 &lt; \\\\"}')
def test_text_without_a_secret_stays(secret: str, text: str) -> None:
    """No escape is undone, no character lost."""
    redactor = Redactor([secret])
    if not redactor.contains_secret(text):
        assert redactor.redact(text) == text
        assert redactor.redact_data([text, {text: text}]) == [text, {text: text}]


def test_only_the_secret_is_replaced() -> None:
    """Escapes beside it, which may keep a quoted word together in a shell, stay escaped."""
    redactor = Redactor(["se/cret-token"])
    quoted = r"'\u0027; touch X; echo \u0027 se\/cret-token \\u0041 %27'"
    assert redactor.redact(quoted) == r"'\u0027; touch X; echo \u0027 *** \\u0041 %27'"


def test_lengths() -> None:
    """Six characters are a secret, five are not; what is base64 of fewer than nine may stand by chance."""
    assert Redactor(["abcde", "abcdef"]).redact("abcde abcdef") == "abcde ***"
    short = b64encode(b"secret").decode()
    assert Redactor(["secret"]).redact(short) == short


@pytest.mark.parametrize("secrets", [["abcdef", "abcdef-and-more"], ["abcdef-and-more", "abcdef"]])
def test_longest_secret_is_redacted_whole(secrets: list[str]) -> None:
    """Nothing of it is left where another is a part of it, or overlaps it."""
    assert Redactor(secrets).redact("x abcdef-and-more y abcdef") == "x *** y ***"
    assert Redactor(["abcdefgh", "ghijklmnopq"]).redact("abcdefghijklmnopq") == "***"


def test_secret_that_is_no_utf8() -> None:
    """The environment has its bytes as lone surrogates; a server may echo them in any way."""
    secret = b"\xff\xfesecret-key\x80".decode(errors="surrogateescape")
    redactor = Redactor([secret])
    for spelled in (secret, json.dumps(secret), "%FF%FEsecret-key%80", b"\xff\xfesecret-key\x80".hex()):
        assert "***" in redactor.redact(spelled)
    assert redactor.redact(b"\xff\xfesecret-key\x80".decode(errors="replace")) == "***"
    assert Redactor(["\ud800" * 6]).redact("plain") == "plain"


def test_names_of_fields_stay() -> None:
    """A secret that is a word hides values, in data and in JSON that is text, and never what they are."""
    redactor = Redactor(["status"])
    assert redactor.redact_data({"status": "status"}) == {"status": "***"}
    assert redactor.redact('{"status":"status"}') == '{"status":"***"}'
    assert Redactor(["not-A-name"]).redact_data({"not-A-name": 1}) == {"***": 1}


def test_ids_stay() -> None:
    """In data under their names, in text where they are known; part of another word is none."""
    redactor = Redactor(["sandbox"])
    task = {"task_id": "sandbox-7", "dataset_id": "sandbox", "project_id": "sandbox", "path": "/sandbox/"}
    assert redactor.redact_data([task]) == [{**task, "path": "/***/"}]
    redactor.keep("sandbox-7", "sandbox; rm")
    assert redactor.redact("task sandbox-7. sandbox-77 sandbox") == "task sandbox-7. ***-77 ***"
    assert redactor.redact_data({"task_id": "sandbox; rm"}) == {"task_id": "***; rm"}


def test_strings_with_nul() -> None:
    """Strings are searched together, and come apart as they were."""
    assert Redactor(["secret"]).redact_data(["a\0b", "secret", "\0"]) == ["a\0b", "***", "\0"]


def test_secrets_are_not_shown() -> None:
    """Nor is what they are made into."""
    redactor = Redactor(["secret"])
    redactor.add_secret("another", "secret")
    assert repr(redactor) == "<Redactor of 2 secrets>"
    assert redactor.redact("another secret") == "*** ***"
