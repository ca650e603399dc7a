"""The config.yaml of the user: named profiles of settings, each with a source of credentials."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelarts_export.config.profiles import (
    FORMS,
    LIST,
    NAME,
    SETTINGS,
    TOP_KEYS,
    CredentialChoice,
    Profile,
)
from modelarts_export.documents.private_file import UnusableFileError, read_private_text
from modelarts_export.documents.source_file import SourceFile
from modelarts_export.documents.yaml_reader import Document, Mark, UnreadableError, load_documents
from modelarts_export.errors import (
    ConfigFileError,
    InvalidInputError,
    Location,
    Problem,
    format_location,
    make_invalid_input_error,
)
from modelarts_export.quoting import did_you_mean, quote, shorten

_PROFILE_KEYS = (*SETTINGS, "credentials")
_SECRET_WORDS = ("secret", "password", "token", "access_key", "accesskey")
_SECRET_NAMES = ("ak", "sk")


@dataclass(frozen=True, kw_only=True)
class ConfigFile:
    """The contents of config.yaml."""

    path: Path
    default: str | None
    profiles: Mapping[str, Profile]

    def get_profile(self, name: str) -> Profile:
        """Return a profile. Raises InvalidInputError with the nearest name."""
        if name not in self.profiles:
            near = did_you_mean(name, self.profiles)
            known = ", ".join(self.profiles) or "none"
            raise InvalidInputError(
                f"{self.path} has no profile {quote(name)}{near}", hint=f"its profiles: {known}"
            )
        return self.profiles[name]


def load_config(path: Path) -> ConfigFile:
    """Read the file. Raises InvalidInputError with every problem and its position."""
    try:
        source = SourceFile(name=str(path), text=read_private_text(path))
    except UnusableFileError as error:
        raise ConfigFileError(f"{path}: {error}", hint=error.hint) from None
    try:
        documents = list(load_documents(source.text))
    except UnreadableError as error:
        raise _make_error([_place(source, str(error), error.mark)]) from None
    if not documents or documents[0].value is None:
        return ConfigFile(path=path, default=None, profiles={})
    reader = _Reader(source=source, document=documents[0])
    default, profiles = reader.read_default(), reader.read_profiles()
    if len(documents) > 1:
        reader.problems.append(
            _place(source, "the file has more than one document", documents[1].find_mark())
        )
    if reader.problems:
        raise _make_error(reader.problems, reader.hints)
    return ConfigFile(path=path, default=default, profiles={each.name: each for each in profiles})


@dataclass(frozen=True, kw_only=True)
class _Reader:
    """Reads the values of the document, and collects its problems; no problem shows a value or a line.

    `hints` name the known keys where one is unknown, each once.
    """

    source: SourceFile
    document: Document
    problems: list[Problem] = field(default_factory=list)
    hints: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.problems.extend(
            _place(self.source, problem.message, problem.mark) for problem in self.document.problems
        )

    def read_default(self) -> str | None:
        root = self._get_mapping(())
        self._check_keys((), root, TOP_KEYS)
        default = root.get("default")
        if default is None:
            return None
        if not isinstance(default, str):
            self._report(("default",), "must be the name of a profile")
            return None
        profiles = root.get("profiles")
        if isinstance(profiles, dict) and default not in profiles:
            self._report(("default",), f"no profile has this name{did_you_mean(default, profiles)}")
        return default

    def read_profiles(self) -> list[Profile]:
        profiles = self._get_mapping(("profiles",))
        return [self._read_profile(name) for name in profiles]

    def _read_profile(self, name: str) -> Profile:
        location = ("profiles", name)
        values = self._get_mapping(location)
        self._check_keys(location, values, _PROFILE_KEYS)
        settings = {key: self._read_text((*location, key), values[key]) for key in SETTINGS if key in values}
        return Profile(
            name=name,
            settings=settings,
            places={key: self._find_place((*location, key)) for key in settings},
            credentials=self._read_credentials((*location, "credentials"), values.get("credentials")),
        )

    def _read_text(self, location: Location, value: object) -> str:
        """Return a text; a number is one only where a duration is expected."""
        if isinstance(value, str):
            return value
        if value is None:
            return ""
        source = self.document.get_plain_scalar(location)
        if source and str(location[-1]).endswith("_timeout"):
            return source
        self._report(location, f'must be text; write "{shorten(source)}"' if source else "must be text")
        return ""

    def _read_credentials(self, location: Location, value: object) -> CredentialChoice | None:
        if value is None:
            return None
        if choice := _parse_choice(value):
            return choice
        if self._report_items(location, value):
            return None
        near = did_you_mean(value, [form.kind for form in FORMS]) if isinstance(value, str) else ""
        self._report(location, f"must be one of {', '.join(form.text for form in FORMS)}{near}")
        return None

    def _report_items(self, location: Location, value: object) -> bool:
        """Report each argument of a command that is not text; return whether there is one."""
        if not isinstance(value, dict) or len(value) != 1:
            return False
        [(kind, items)] = value.items()
        takes_list = any(form.kind == kind and form.argument == LIST for form in FORMS)
        if not takes_list or not isinstance(items, list):
            return False
        wrong = [index for index, item in enumerate(items) if not isinstance(item, str)]
        for index in wrong:
            self._read_text((*location, kind, index), items[index])
        return bool(wrong)

    def _get_mapping(self, location: Location) -> dict[str, Any]:
        value = self.document.value
        for step in location:
            value = value.get(step) if isinstance(value, dict) else None
        if isinstance(value, dict):
            return value
        if value is not None:
            self._report(location, "must be a mapping")
        return {}

    def _check_keys(self, location: Location, values: Mapping[str, Any], known: Collection[str]) -> None:
        for key in values:
            if key in known:
                continue
            if _is_secret_name(key):
                message = "secrets do not belong in this file; keep them in another source of credentials"
            else:
                message = f"unknown key{did_you_mean(key, known)}"
                owner = "a profile" if location else "the file"
                self.hints[f"the keys of {owner} are {', '.join(known)}"] = None
            self._report((*location, key), message, at_key=True)

    def _report(self, location: Location, message: str, *, at_key: bool = False) -> None:
        mark = self.document.find_mark(location, key=at_key)
        name = format_location(location)
        self.problems.append(_place(self.source, f"{name}: {message}" if name else message, mark))

    def _find_place(self, location: Location) -> str:
        mark = self.document.find_mark(location)
        return f"{self.source.name}:{mark.line}:{mark.column}"


def _make_error(problems: Sequence[Problem], hints: Iterable[str] = ()) -> ConfigFileError:
    error = make_invalid_input_error(problems)
    return ConfigFileError(str(error), hint="; ".join(hints), problems=error.problems, omitted=error.omitted)


def _parse_choice(value: object) -> CredentialChoice | None:
    """Return the source of credentials in one of its forms; None for anything else."""
    argument_forms = {form.kind: form.argument for form in FORMS}
    if isinstance(value, str) and argument_forms.get(value) == "":
        return CredentialChoice(kind=value)
    if isinstance(value, dict) and len(value) == 1:
        [(kind, argument)] = value.items()
        arguments = {NAME: [argument], LIST: argument}.get(argument_forms.get(kind, ""))
        if isinstance(arguments, list) and arguments and all(isinstance(a, str) and a for a in arguments):
            return CredentialChoice(kind=kind, arguments=tuple(arguments))
    return None


def _is_secret_name(key: str) -> bool:
    name = key.lower().replace("-", "_")
    return name in _SECRET_NAMES or any(word in name for word in _SECRET_WORDS)


def _place(source: SourceFile, message: str, mark: Mark) -> Problem:
    """Return a problem at a position, without its line: it may hold a secret that was written by mistake."""
    return source.locate(Problem(message=message), mark, with_excerpt=False)
