"""Credentials from the file of KooCLI, Huawei Cloud's command line (.github/API.md, section 6.7)."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from modelarts_export.documents.private_file import UnusableFileError, parse_json, read_private_text
from modelarts_export.providers.sources.file_provider import (
    FileEntry,
    FileProvider,
    make_entry,
    make_unknown_name_error,
    require_home,
)
from modelarts_export.quoting import quote, shorten

DEFAULT_FILE = "~/.hcloud/config.json"
DESCRIPTION = "the keys of the current profile of KooCLI, unless they are encrypted"

_KEYS = {
    "access_key": ("accessKeyId",),
    "secret_key": ("secretAccessKey",),
    "security_token": ("securityToken",),
    "region": ("region",),
    "project_id": ("projectId",),
}


def make_koocli_provider(environ: Mapping[str, str], profile: str = "") -> FileProvider:
    """Return the provider of a profile of KooCLI, or else of its current one."""
    name = f"profile {profile} of {DEFAULT_FILE}" if profile else DEFAULT_FILE
    return FileProvider(name, partial(_read_profile, profile, environ), is_chosen=bool(profile))


def _read_profile(name: str, environ: Mapping[str, str]) -> FileEntry:
    file = require_home(environ) / ".hcloud" / "config.json"
    config = parse_json(read_private_text(file))
    profiles = _list_profiles(config)
    name = name or str(config.get("current") or "")
    if not name:
        raise UnusableFileError("has no current profile", is_missing=True)
    if name not in profiles:
        raise make_unknown_name_error("no profile", name, profiles)
    profile, shown = profiles[name], shorten(name)
    mode = profile.get("mode") or "AKSK"
    if str(mode).upper() != "AKSK":
        raise UnusableFileError(
            f"profile {shown} is of mode {quote(mode)}, which only KooCLI can use",
            hint=f"give profile {shown} keys and the mode AKSK, or use another source",
        )
    entry = make_entry(f"profile {shown} of {DEFAULT_FILE}", _KEYS, [profile], files=(file,))
    if entry.has_credentials and str(config.get("authEncrypt")).lower() != "false":
        raise UnusableFileError(
            f"the keys of profile {shown} are encrypted, and only KooCLI can read them"
            if "authEncrypt" in config
            # KooCLI encrypts unless it is told not to
            else f"does not say that the keys of profile {shown} are not encrypted: it has no authEncrypt",
            hint="run hcloud configure set --cli-auth-encrypt=false, or use another source",
        )
    return entry


def _list_profiles(config: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON of any shape
    """Return the profiles by name. Raises UnusableFileError for JSON of another form."""
    profiles = config.get("profiles") if isinstance(config, dict) else None
    if not isinstance(profiles, list):
        raise UnusableFileError("has no list of profiles")
    return {
        each["name"]: each
        for each in profiles
        if isinstance(each, dict) and isinstance(each.get("name"), str)
    }
