"""Credentials from clouds.yaml, found by the rules of openstacksdk (.github/API.md, section 6.7).

A clouds.yaml in the working directory may be a stranger's, and is never combined with files elsewhere: it
could send the password of one's own secure.yaml to a server of its choice. The variable that names the file
says that it is trusted.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from modelarts_export.documents.private_file import (
    UnusableFileError,
    is_working_directory,
    parse_json,
    read_private_text,
)
from modelarts_export.providers.sources.file_provider import (
    FileEntry,
    FileProvider,
    make_entry,
    make_unknown_name_error,
    require_home,
)
from modelarts_export.quoting import quote

CLOUD = "OS_CLOUD"
FILE = "OS_CLIENT_CONFIG_FILE"
SECURE_FILE = "OS_CLIENT_SECURE_FILE"
REGION = "OS_REGION_NAME"
VARIABLES = {
    CLOUD: "the name of a cloud in clouds.yaml",
    FILE: "the clouds.yaml to read",
    SECURE_FILE: "the secure.yaml to read",
    REGION: "region, also one of several in clouds.yaml",
}
"""The variables of this provider, and what each holds."""
DESCRIPTION = (
    "the cloud that OS_CLOUD names: keys, a token, or a user with a password, in the clouds.yaml that"
    " openstacksdk finds. One in the working directory is not completed by a secure.yaml of another"
    " directory, unless OS_CLIENT_CONFIG_FILE names it. auth_url is the URL of IAM, and"
    " modelarts_endpoint_override that of ModelArts. verify: false is ignored"
)

_SUFFIXES = (".yaml", ".yml", ".json")
_SYSTEM_DIRECTORY = Path("/etc/openstack")
_KEYS = {
    "access_key": ("access_key", "ak"),
    "secret_key": ("secret_key", "sk"),
    "security_token": ("security_token",),
    "token": ("token", "auth_token"),
    "user_name": ("username",),
    "password": ("password",),
    "domain_name": ("user_domain_name", "domain_name", "default_domain_name"),
    "domain_id": ("user_domain_id", "domain_id", "default_domain_id"),
    "project_name": ("project_name", "tenant_name"),
    "project_id": ("project_id", "tenant_id"),
    "region": ("region_name",),
    "iam_endpoint": ("auth_url",),
    "endpoint": ("modelartsv2_endpoint_override", "modelarts_endpoint_override"),
    "ca_bundle": ("cacert",),
}
_AUTH_TYPES = ("password", "v3password", "token", "v3token")
_VERSION = re.compile(r"/v[12](?:\.[0-9])?(?:/[^/]*)?/?\Z")  # /v2 or /v2/PROJECT of an override
_Cloud = Mapping[str, Any]


def make_clouds_provider(cloud: str, environ: Mapping[str, str]) -> FileProvider:
    """Return the provider of a cloud of this name; without a name there are no credentials."""
    name = f"cloud {cloud} of clouds.yaml" if cloud else "clouds.yaml"
    return FileProvider(name, partial(_read_cloud, cloud, environ), is_chosen=bool(cloud))


def _read_cloud(name: str, environ: Mapping[str, str]) -> FileEntry:
    if not name:
        raise UnusableFileError(f"{CLOUD} is not set", is_missing=True)
    path, document, directories = _find_clouds(environ)
    secure_path, secure = _find_secure(environ, directories)
    clouds = _get_mapping(document, "clouds", path)
    hidden = _get_mapping(secure, "clouds", secure_path)
    if name not in clouds and name not in hidden:
        raise make_unknown_name_error(f"{path}: no cloud", name, clouds, names_file=True)
    own = _merge(_get_mapping(clouds, name, path), _get_mapping(hidden, name, secure_path))
    vendor = _find_vendor(own.get("profile", own.get("cloud")), directories)
    cloud = _select_region(_merge(vendor, own), environ.get(REGION, "").strip())
    hint = ""
    if directories == (Path(),):
        hint = f"a secure.yaml of another directory is used only if {FILE} names this clouds.yaml"
    entry = _make_entry(f"cloud {name} of {path}", cloud, environ, hint)
    return replace(entry, files=(secure_path if name in hidden else path,))


def _make_entry(place: str, cloud: _Cloud, environ: Mapping[str, str], hint: str) -> FileEntry:
    auth = _normalize(_get_mapping(cloud, "auth", place))
    entry = make_entry(place, _KEYS, [cloud, auth], hint=hint)
    values, auth_type = dict(entry.values), cloud.get("auth_type")
    if auth_type and auth_type not in _AUTH_TYPES and "access_key" not in values:
        raise UnusableFileError(
            f"the auth_type {quote(auth_type)} is not supported", hint="use keys, a token or a password"
        )
    for name in ("endpoint", "iam_endpoint"):
        if name in values:
            values[name] = values[name].replace("{region_name}", values.get("region", ""))
    if "endpoint" in values:
        values["endpoint"] = _VERSION.sub("", values["endpoint"])
    if values.get("ca_bundle", "").startswith("~/"):
        values["ca_bundle"] = str(require_home(environ) / values["ca_bundle"][2:])
    return replace(entry, values=values)


def _select_region(cloud: _Cloud, chosen: str) -> _Cloud:
    """Return the cloud with the values of one of its regions: the chosen one, or the only one."""
    regions = cloud.get("regions") or cloud.get("region_name") or []
    regions = [each.strip() for each in regions.split(",")] if isinstance(regions, str) else regions
    if not isinstance(regions, list):
        raise UnusableFileError("region_name is not text", hint="put its value in quotes")
    by_name = dict(_iter_regions(regions))
    name = chosen or (next(iter(by_name)) if len(by_name) == 1 else None)
    if name is not None and by_name and name not in by_name:
        raise make_unknown_name_error("no region", name, by_name)
    return {**_merge(cloud, by_name.get(name or "", {})), "region_name": name}


def _iter_regions(regions: Iterable[object]) -> Iterator[tuple[str, _Cloud]]:
    for region in regions:
        name = region.get("name") if isinstance(region, dict) else region
        if not isinstance(name, str):
            raise UnusableFileError("the name of a region is not text", hint="put its name in quotes")
        yield name, _get_mapping(region, "values", f"region {name}") if isinstance(region, dict) else {}


def _find_clouds(environ: Mapping[str, str]) -> tuple[Path, object, tuple[Path, ...]]:
    """Return the path and content of clouds.yaml, and the directories of the files that may complete it."""
    here, trusted = (Path(),), tuple(_iter_directories(environ))
    if chosen := environ.get(FILE):
        path = Path(chosen)
        return path, _load(path), (*here, *trusted) if is_working_directory(path.parent) else trusted
    if found := _find_first("clouds", here):
        return *found, here
    if found := _find_first("clouds", trusted):
        return *found, trusted
    places = ", ".join(["the working directory", *map(str, trusted)])
    raise UnusableFileError(f"no such file in {places}", hint=f"name it by {FILE}", is_missing=True)


def _find_secure(environ: Mapping[str, str], directories: Sequence[Path]) -> tuple[Path, object]:
    if chosen := environ.get(SECURE_FILE):
        return Path(chosen), _load(Path(chosen))
    return _find_first("secure", directories) or (Path("secure.yaml"), {})


def _find_vendor(profile: object, directories: Sequence[Path]) -> _Cloud:
    """Return the defaults of a profile, as far as a clouds-public.yaml has them: none are built in."""
    found = _find_first("clouds-public", directories) if isinstance(profile, str) else None
    if not found:
        return {}
    path, document = found
    return _normalize(_get_mapping(_get_mapping(document, "public-clouds", path), str(profile), path))


def _iter_directories(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the directories of one's own and of the system, in the order in which they are searched."""
    configured = Path(environ.get("XDG_CONFIG_HOME", ""))
    if configured.is_absolute():
        yield configured / "openstack"
    with suppress(UnusableFileError):
        yield require_home(environ) / ".config" / "openstack"
    yield _SYSTEM_DIRECTORY


def _find_first(stem: str, directories: Iterable[Path]) -> tuple[Path, object] | None:
    for directory in directories:
        for suffix in _SUFFIXES:
            try:
                return directory / (stem + suffix), _load(directory / (stem + suffix))
            except UnusableFileError as error:
                if not error.is_missing:
                    raise
    return None


def _load(path: Path) -> object:
    from modelarts_export.documents.lenient_yaml import load_yaml  # noqa: PLC0415 - yaml is loaded here

    try:
        text = read_private_text(path)
        return parse_json(text) if path.suffix == ".json" else load_yaml(text)
    except UnusableFileError as error:
        raise UnusableFileError(f"{path}: {error}", hint=error.hint, is_missing=error.is_missing) from None


def _get_mapping(value: object, key: str, where: object) -> dict[str, Any]:
    """Return the mapping at a key; an empty one if there is none."""
    if value is not None and not isinstance(value, dict):
        raise UnusableFileError(f"{where}: {key} is not in a mapping")
    found = (value or {}).get(key)
    if found is not None and not isinstance(found, dict):
        raise UnusableFileError(f"{where}: {key} is not a mapping")
    return found or {}


def _merge(lower: _Cloud, upper: _Cloud) -> dict[str, Any]:
    """Return a cloud in which the values of the second one win, also in `auth`.

    It goes no deeper: what aliases repeat can be deep.
    """
    merged = _normalize(lower) | _normalize(upper)
    if isinstance(low := lower.get("auth"), dict) and isinstance(merged["auth"], dict):
        merged["auth"] = _normalize(low) | _normalize(merged["auth"])
    return merged


def _normalize(cloud: _Cloud) -> dict[str, Any]:
    """Return what is given, by the keys that openstacksdk takes for the same: auth-url is auth_url."""
    return {key.replace("-", "_"): value for key, value in cloud.items() if value is not None}
