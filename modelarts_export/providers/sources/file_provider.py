"""Credentials from a file of another program: what an entry of it holds, and how it is a provider."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from modelarts_export.auth.credentials import AccessKey, Credentials, Password, Token
from modelarts_export.auth.secret import Secret, reveal
from modelarts_export.config.environment import HOME, find_home
from modelarts_export.config.options import NO_SETTINGS, SettingsLayer
from modelarts_export.documents.private_file import UnusableFileError
from modelarts_export.errors import AccessError, UnusableSourceError
from modelarts_export.providers.sources.environment import join_names
from modelarts_export.providers.sources.provider import Finding, Status
from modelarts_export.quoting import did_you_mean, quote

_SECRETS = ("secret_key", "security_token", "token", "password")
_MARKERS = ("access_key", "secret_key", "security_token", "token", "user_name", "password")
_OF_HEADERS = ("access_key", "secret_key", "security_token", "token")
_SETTINGS = ("region", "project_id", "project_name", "endpoint", "iam_endpoint", "ca_bundle")
_MOST_NAMES = 10  # in a hint


@dataclass(frozen=True, kw_only=True)
class FileEntry:
    """The credentials and settings in one place of a file, such as a section.

    `keys` has the key of the file for each name of ours, and `values` the values that are given. `files` are
    the files that they are from.
    """

    place: str
    keys: Mapping[str, str]
    values: Mapping[str, str]
    hint: str = ""
    files: tuple[Path, ...] = ()

    @property
    def has_credentials(self) -> bool:
        """Whether any part of a credential is given."""
        return any(name in self.values for name in _MARKERS)

    def make_credentials(self) -> Credentials:
        """Return a key, a token or a password, in this order. Raises AccessError for what is missing."""
        if not self.has_credentials:
            raise AccessError(f"{self.place} has no credentials", hint=self.hint or "use another source")
        self._check_characters()
        if any(name in self.values for name in ("access_key", "secret_key", "security_token")):
            self._require("access_key", "secret_key")
            return AccessKey(
                access_key=self.values["access_key"],
                secret_key=self.values["secret_key"],
                security_token=self.values.get("security_token"),
                project_name=self.values.get("project_name"),
            )
        if "token" in self.values:
            return Token(token=self.values["token"], project_name=self.values.get("project_name"))
        self._require("user_name", "password", *([] if "domain_id" in self.values else ["domain_name"]))
        return Password(
            user_name=self.values["user_name"],
            password=self.values["password"],
            domain_name=self.values.get("domain_name", ""),
            domain_id=self.values.get("domain_id"),
            project_name=self.values.get("project_name"),
        )

    def make_layer(self) -> SettingsLayer:
        """Return the layer of the settings of the entry."""
        return SettingsLayer(
            values={name: self.values[name] for name in _SETTINGS if name in self.values},
            origin=lambda name: f"{self.keys[name]} of {self.place}",
        )

    def secrets(self) -> Iterator[str]:
        """Yield the secrets of the entry."""
        yield from (reveal(self.values[name]) for name in _SECRETS if name in self.values)

    def _require(self, *names: str) -> None:
        """Raise AccessError, with the keys of the file, if one of the names has no value."""
        missing = join_names([self.keys[name] for name in names if name not in self.values])
        if missing:
            hint = "; ".join(filter(None, [f"add {missing}, or use another source", self.hint]))
            raise AccessError(f"{self.place} is incomplete: {missing} missing", hint=hint)

    def _check_characters(self) -> None:
        for name in _OF_HEADERS:
            value = reveal(self.values.get(name, ""))
            if not value.isascii() or not value.isprintable() or " " in value:
                raise AccessError(
                    f"{self.keys[name]} of {self.place} contains an invalid character", hint="copy it again"
                )


def make_entry(
    place: str,
    keys: Mapping[str, tuple[str, ...]],
    levels: Iterable[Mapping[str, object]],
    *,
    hint: str = "",
    files: tuple[Path, ...] = (),
) -> FileEntry:
    """Return the entry in some mappings of a file, of which the first one that has a key wins.

    `keys` has the keys of the file for each name of ours, the preferred one first. An empty value is not
    given. Raises UnusableFileError for a value that is no text: a number would not be what was written.
    """
    levels = list(levels)
    used = {name: spellings[0] for name, spellings in keys.items()}
    values = dict[str, str]()
    for name, spellings in keys.items():
        found = [
            (key, level[key]) for level in levels for key in spellings if level.get(key) not in (None, "")
        ]
        if not found:
            continue
        used[name], value = found[0]
        if not isinstance(value, str):
            raise UnusableFileError(f"{used[name]} of {place} is not text", hint="put its value in quotes")
        # a password may begin or end with a space
        text = value.strip("\r\n") if name == "password" else value.strip()
        if text:
            values[name] = Secret(text) if name in _SECRETS else text
    return FileEntry(place=place, keys=used, values=values, hint=hint, files=files)


class FileProvider:
    """The credentials in a file, which is read once, when the provider is first asked."""

    def __init__(self, name: str, read: Callable[[], FileEntry], *, is_chosen: bool) -> None:
        """`read` returns the entry or raises UnusableFileError.

        A file that the user has chosen is used, or is an error; another one that is unusable is passed over.
        """
        self._name = name
        self._read = read
        self._is_chosen = is_chosen

    @property
    def name(self) -> str:
        """The name of the file."""
        return self._name

    def describe(self) -> Finding:
        """Return whether the file has any part of a credential."""
        found = self._found
        if self._is_chosen or (isinstance(found, FileEntry) and found.has_credentials):
            files = found.files if isinstance(found, FileEntry) else ()
            return Finding(status=Status.FOUND, files=files)
        if isinstance(found, FileEntry):
            return Finding(status=Status.ABSENT, reason="no credentials in it")
        status = Status.ABSENT if found.is_missing else Status.UNUSABLE
        return Finding(status=status, reason=str(found), hint=found.hint)

    def make_layer(self) -> SettingsLayer:
        """Return the settings of the entry; an empty layer if it cannot be used."""
        found = self._found
        return found.make_layer() if isinstance(found, FileEntry) else NO_SETTINGS

    def load(self) -> Credentials:
        """Return the credentials. Raises AccessError for what is missing, and for a file that is unusable."""
        found = self._found
        if isinstance(found, FileEntry):
            return found.make_credentials()
        subject = "" if found.names_file else f"{self.name}: "
        raise UnusableSourceError(f"{subject}{found}", hint=found.hint or "use another source")

    def secrets(self) -> Iterator[str]:
        """Yield the secrets of the entry."""
        found = self._found
        if isinstance(found, FileEntry):
            yield from found.secrets()

    @cached_property
    def _found(self) -> FileEntry | UnusableFileError:
        try:
            return self._read()
        except UnusableFileError as error:
            return error


def require_home(environ: Mapping[str, str]) -> Path:
    """Return the home directory. Raises UnusableFileError if the environment has none."""
    home = find_home(environ)
    if home is None:
        raise UnusableFileError(f"{HOME} is not set to a directory", is_missing=True)
    return home


def make_unknown_name_error(
    missing: str, name: str, known: Iterable[str], *, names_file: bool = False
) -> UnusableFileError:
    """Return the error for a name that does not exist, the nearest one, and a hint with some names.

    `names_file` says that `missing` has the path of the file.
    """
    names = list(known)
    hint = f"it has {join_names([quote(each) for each in names[:_MOST_NAMES]])}" if names else ""
    return UnusableFileError(
        f"{missing} {quote(name)}{did_you_mean(name, names)}", hint=hint, names_file=names_file
    )
