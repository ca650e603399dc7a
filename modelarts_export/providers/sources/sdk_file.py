"""Credentials from the file of Huawei Cloud's SDKs (.github/API.md, section 6.7)."""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from modelarts_export.documents.private_file import UnusableFileError, read_private_text
from modelarts_export.providers.sources.file_provider import FileEntry, FileProvider, make_entry, require_home

FILE = "HUAWEICLOUD_SDK_CREDENTIALS_FILE"
DEFAULT_FILE = "~/.huaweicloud/credentials"
VARIABLES = {FILE: f"the file of the SDK, instead of {DEFAULT_FILE}"}
"""The variables of this provider, and what each holds."""
DESCRIPTION = "ak and sk, and security_token, in section [basic]"

_SECTION = "basic"
_DEFAULTS = "DEFAULT"  # the section that all others inherit from
_KEYS = {
    "access_key": ("ak",),
    "secret_key": ("sk",),
    "security_token": ("security_token",),
    "project_id": ("project_id",),
    "iam_endpoint": ("iam_endpoint",),
}
_HEADER = re.compile(r"\[([^\]]+)\]")
_SEPARATOR = re.compile("[=:]")


def make_sdk_provider(environ: Mapping[str, str]) -> FileProvider:
    """Return the provider of the SDK's file, which a variable can name."""
    path = environ.get(FILE, "")
    return FileProvider(path or DEFAULT_FILE, partial(_read_file, path, environ), is_chosen=bool(path))


def _read_file(path: str, environ: Mapping[str, str]) -> FileEntry:
    file = Path(path) if path else require_home(environ) / ".huaweicloud" / "credentials"
    sections = _parse(read_private_text(file))
    if _SECTION not in sections:
        only = (
            " only [global], which is for other services" if "global" in sections else " no section [basic]"
        )
        raise UnusableFileError(f"has{only}", hint=f"add ak and sk in a section [basic] of {file}")
    section = {**sections.get(_DEFAULTS, {}), **sections[_SECTION]}
    entry = make_entry(f"section [basic] of {path or DEFAULT_FILE}", _KEYS, [section], files=(file,))
    if section.get("idp_id") and not entry.has_credentials:
        raise UnusableFileError("has an identity provider (idp_id) and no key, which only the SDK can use")
    return entry


def _parse(text: str) -> dict[str, dict[str, str]]:
    """Return the sections of an INI file, as Python's configparser reads it, which the SDK uses.

    Some of its regular expressions take quadratic time. Raises UnusableFileError for what it refuses, and for
    a value in several lines.
    """
    sections: dict[str, dict[str, str]] = {}
    section: dict[str, str] | None = None
    indent = 0
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, line in enumerate(lines, 1):
        content = line.strip()
        if not content or content[0] in "#;":
            continue
        own_indent = len(line) - len(line.lstrip())
        if section and own_indent > indent:
            raise UnusableFileError(f"line {number}: a value must be in one line")
        indent = own_indent
        if header := _HEADER.match(content):
            if header[1] in sections:
                raise UnusableFileError(f"line {number}: the section [{header[1]}] begins a second time")
            section = sections[header[1]] = {}
            continue
        name, value = _parse_option(content, number)
        if section is None or name in section:
            reason = "no section begins before it" if section is None else "its name is given a second time"
            raise UnusableFileError(f"line {number}: {reason}")
        section[name] = value
    return sections


def _parse_option(content: str, number: int) -> tuple[str, str]:
    name, *rest = _SEPARATOR.split(content, maxsplit=1)
    if not rest or not name:
        raise UnusableFileError(f"line {number}: neither [SECTION] nor NAME = VALUE")
    value = rest[0].strip()
    if "%" in value.replace("%%", ""):
        raise UnusableFileError(
            f"line {number}: %, which the SDK replaces", hint="write %% for a percent sign"
        )
    return name.strip().lower(), value.replace("%%", "%")
