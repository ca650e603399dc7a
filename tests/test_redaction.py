"""Redaction: secrets are removed from text in every form, and nothing else changes."""

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


@pytest.mark.parametrize("around", [name for name in FORMS if name.startswith(("JSON", "percent", "HTML"))])
def test_escaped_form_is_redacted(around: str) -> None:
    """Each form of a secret is found inside JSON, a URL or HTML."""
    spelled = {form: FORMS[around](FORMS[form](SECRET)) for form in FORMS}
    clean = {form: Redactor([SECRET]).redact(f"before {text} after") for form, text in spelled.items()}
    assert [form for form, text in clean.items() if "***" not in text] == []
    shown = {form: text[len(text) // 3 : -len(text) // 3] for form, text in spelled.items()}
    assert [form for form, text in clean.items() if shown[form] in text] == []


@given(secret=SECRETS, form=st.sampled_from(sorted(FORMS)), before=ORDINARY, after=ORDINARY)
@example(secret="&amp;%41 \\u0041 and\\", form="JSON", before="", after="")
@example(secret="0" * 12, form="percent, all of it", before="%", after="")
@example(secret="a b c d e f g", form="form", before="", after="")
def test_every_form_is_redacted(secret: str, form: str, before: str, after: str) -> None:
    """The form of any secret is removed, and the text around it is kept."""
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
def test_text_without_secret_is_unchanged(secret: str, text: str) -> None:
    """No escape is undone and no character is lost."""
    redactor = Redactor([secret])
    if not redactor.contains_secret(text):
        assert redactor.redact(text) == text
        assert redactor.redact_data([text, {text: text}]) == [text, {text: text}]


def test_escapes_beside_a_secret_are_kept() -> None:
    """An escape can keep a quoted word together in a shell."""
    redactor = Redactor(["se/cret-token"])
    quoted = r"'\u0027; touch X; echo \u0027 se\/cret-token \\u0041 %27'"
    assert redactor.redact(quoted) == r"'\u0027; touch X; echo \u0027 *** \\u0041 %27'"


def test_shortest_secret_has_six_characters() -> None:
    """Base64 is redacted from nine characters on: shorter codes occur by chance."""
    assert Redactor(["abcde", "abcdef"]).redact("abcde abcdef") == "abcde ***"
    short = b64encode(b"secret").decode()
    assert Redactor(["secret"]).redact(short) == short


@pytest.mark.parametrize("secrets", [["abcdef", "abcdef-and-more"], ["abcdef-and-more", "abcdef"]])
def test_overlapping_secrets_are_redacted_whole(secrets: list[str]) -> None:
    """Nothing is left of a secret that contains or overlaps another."""
    assert Redactor(secrets).redact("x abcdef-and-more y abcdef") == "x *** y ***"
    assert Redactor(["abcdefgh", "ghijklmnopq"]).redact("abcdefghijklmnopq") == "***"
    assert Redactor(["more-abcdef-and-more", "abcdef"]).redact("more-abcdef-and-more") == "***"


def test_secret_that_is_not_utf8_is_redacted() -> None:
    """Its bytes are lone surrogates in the environment, and a server can echo them in any encoding."""
    secret = b"\xff\xfesecret-key\x80".decode(errors="surrogateescape")
    redactor = Redactor([secret])
    for spelled in (secret, json.dumps(secret), "%FF%FEsecret-key%80", b"\xff\xfesecret-key\x80".hex()):
        assert "***" in redactor.redact(spelled)
    assert redactor.redact(b"\xff\xfesecret-key\x80".decode(errors="replace")) == "***"
    assert Redactor(["\ud800" * 6]).redact("plain") == "plain"


def test_field_names_are_kept() -> None:
    """A secret that equals a field name is redacted in values only, in data and in JSON text."""
    redactor = Redactor(["status"])
    assert redactor.redact_data({"status": "status"}) == {"status": "***"}
    assert redactor.redact('{"status":"status"}') == '{"status":"***"}'
    assert Redactor(["not-A-name"]).redact_data({"not-A-name": 1}) == {"***": 1}


def test_ids_are_kept() -> None:
    """IDs are kept in data under the keys of IDs, and in text as whole words after `keep`."""
    redactor = Redactor(["sandbox"])
    task = {"task_id": "sandbox-7", "dataset_id": "sandbox", "project_id": "sandbox", "path": "/sandbox/"}
    assert redactor.redact_data([task]) == [{**task, "path": "/***/"}]
    redactor.keep("sandbox-7", "sandbox; rm")
    assert redactor.redact("task sandbox-7. sandbox-77 sandbox") == "task sandbox-7. ***-77 ***"
    assert redactor.redact_data({"task_id": "sandbox; rm"}) == {"task_id": "***; rm"}


def test_strings_with_nul_are_redacted_apart() -> None:
    """Strings are joined by NUL for one search, which must not merge them."""
    assert Redactor(["secret"]).redact_data(["a\0b", "secret", "\0"]) == ["a\0b", "***", "\0"]


def test_repr_shows_no_secret() -> None:
    """It shows the number of different secrets."""
    redactor = Redactor(["secret"])
    redactor.add_secret("another", "secret")
    assert repr(redactor) == "<Redactor of 2 secrets>"
    assert redactor.redact("another secret") == "*** ***"


@pytest.mark.parametrize("form", ["100%%%off", "secret%25%25"])
def test_form_that_is_shorter_than_its_secret_is_redacted(form: str) -> None:
    """A secret may have escapes itself, which a server undoes."""
    assert Redactor(["100%25%25%25off", "secret%2525%2525"]).redact(form) == "***"


def test_text_as_long_as_a_secret_of_letters_is_searched() -> None:
    redactor = Redactor(["abcdefghijkl"])
    assert (redactor.redact("abcdefghijkl"), redactor.redact("abcdefghijk")) == ("***", "abcdefghijk")
