"""The longer topics of `explain`: exit codes, environment, retries, spec, credentials and config."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import Field
from http import HTTPStatus
from typing import Any

from modelarts_export.cli.binding import format_default
from modelarts_export.cli.options.flags import format_flag
from modelarts_export.cli.options.output_style import OutputOptions
from modelarts_export.cli.reference.explanation import TOPIC, Explanation
from modelarts_export.config.environment import format_variable
from modelarts_export.config.options import option_fields
from modelarts_export.config.profile_selection import DEFAULT_FILE
from modelarts_export.config.profiles import FORMS, SETTINGS, TOP_KEYS
from modelarts_export.config.settings import Settings
from modelarts_export.documents.files import MAX_BYTES, MAX_CHARACTERS, MAX_VALUES
from modelarts_export.errors import MAX_PROBLEMS, ModelArtsExportError
from modelarts_export.polling.options import PollOptions
from modelarts_export.providers.sources import clouds_yaml, command, koocli, metadata_service, sdk_file
from modelarts_export.providers.sources.environment import FAMILIES, VariableFamily, join_names
from modelarts_export.request.body_size import MAX_BODY_BYTES
from modelarts_export.request.fields import RequestField
from modelarts_export.spec.interpolation import VARIABLE_PREFIX
from modelarts_export.submission import busy_queue
from modelarts_export.submission.reuse_policy import ReusePolicy
from modelarts_export.transport import retry
from modelarts_export.transport.error_codes import ROWS, ErrorKind, list_statuses, list_statuses_of

_SUCCESS = ("success: the task was accepted, or, when waiting, succeeded", "continue")
_MEBIBYTE = 2**20
_MOST_CODES = 16
_MOST_LEVELS = 2  # of keys that have a table of their own
# Variables that are not ours: those of terminals, and of HTTP libraries.
_OTHER_VARIABLES = {
    "NO_COLOR": "no color",
    "FORCE_COLOR": "color off a terminal, too",
    "COLUMNS": "the width of a terminal",
    "TERM": "dumb: no color and no bars",
    "HTTPS_PROXY, NO_PROXY": "the proxy, and the hosts that need none; a loopback address never has one",
    "HOME, XDG_CONFIG_HOME": "the directories with config.yaml and files of credentials",
    "PATH": "the directories in which the command of a profile is searched",
    "REQUESTS_CA_BUNDLE": "the certificate authorities, unless --ca-bundle is given",
}
_PROFILES_FILE = f"{DEFAULT_FILE}, or $XDG_CONFIG_HOME/modelarts-export/config.yaml"
_FILES = {
    sdk_file.DEFAULT_FILE: sdk_file.DESCRIPTION,
    koocli.DEFAULT_FILE: koocli.DESCRIPTION,
    metadata_service.MetadataProvider.name: metadata_service.DESCRIPTION,
}
_SOURCE_VARIABLES = {**clouds_yaml.VARIABLES, **sdk_file.VARIABLES, **metadata_service.VARIABLES}
_KINDS = {
    ErrorKind.THROTTLED: "not accepted; retried after Retry-After or a backoff",
    ErrorKind.UNAVAILABLE: "not accepted; retried after a backoff",
    ErrorKind.BUSY: "not accepted; waits in the queue of its dataset, then is sent again",
    ErrorKind.UNKNOWN: "may have been accepted; reconciled with the list of tasks before anything else",
    ErrorKind.NOT_FOUND: "refused; not sent again",
    ErrorKind.CREDENTIALS: "refused; no further request with these credentials",
    ErrorKind.PERMISSION: "refused; not sent again",
    ErrorKind.REFUSED: "refused; not sent again",
}


def collect_exit_codes() -> dict[int, tuple[str, str]]:
    """Return the meaning of each exit code and the action to take, sorted, from the error tree."""
    errors = [ModelArtsExportError]
    for error in errors:  # the list grows during the iteration
        errors += error.__subclasses__()
    codes = {
        error.exit_code: (error.meaning, error.action)
        for error in reversed(errors)
        if "meaning" in vars(error)
    }
    return dict(sorted({0: _SUCCESS, **codes}.items()))


def list_topics(fields: Iterable[RequestField]) -> list[Explanation]:
    """Return the topics; `fields` are those of a spec."""
    topics: Mapping[str, tuple[str, Callable[[], Mapping[str, Mapping[str, str]]]]] = {
        "exit-codes": ("the exit code of every command says what happened", _list_exit_codes),
        "environment": (
            "the environment variables that are read; a flag wins over its variable",
            _list_variables,
        ),
        "retries": ("which calls are made again, when, and for how long", _list_retries),
        "spec": (
            "a spec is the request in YAML or JSON; its keys are those of the API",
            lambda: _describe_spec(fields),
        ),
        "credentials": (
            "the first source that has a secret is used, and must be complete; two are never mixed",
            _list_sources,
        ),
        "config": (
            "config.yaml has named profiles of settings, each with a source of credentials, but no secret",
            _describe_config,
        ),
    }
    return [
        Explanation(kind=TOPIC, name=name, meaning=meaning, sections=make_sections())
        for name, (meaning, make_sections) in topics.items()
    ]


def _list_exit_codes() -> Mapping[str, Mapping[str, str]]:
    codes = collect_exit_codes()
    return {"Exit codes": {str(code): f"{meaning} ({action})" for code, (meaning, action) in codes.items()}}


def _list_variables() -> Mapping[str, Mapping[str, str]]:
    settings = {
        format_variable(each.name): _describe(each) for each in _iter_options(Settings, OutputOptions)
    }
    return {
        "Settings": {**settings, format_variable("dataset_id"): "ID of the dataset, where none is given"},
        "Variables of specs": {f"{VARIABLE_PREFIX}NAME": "the value of ${NAME}, unless --var gives it"},
        "Credentials": _list_credential_variables(),
        "Terminal and network": _OTHER_VARIABLES,
    }


def _list_retries() -> Mapping[str, Mapping[str, str]]:
    pauses = f"{retry.FIRST_PAUSE:g}s, doubled up to {retry.LONGEST_PAUSE:g}s, of which a random part"
    queue = f"{busy_queue.FIRST_PAUSE:g}s, doubled up to {busy_queue.LONGEST_PAUSE:g}s"
    return {
        "Answers to a submission": {
            kind.name.lower().replace("_", " "): f"{text} ({_list_answers(kind)})"
            for kind, text in _KINDS.items()
        },
        "No answer": {
            "not sent": "no connection was made: retried, as nothing was accepted",
            "sent": "reset, closed or timed out: reconciled, and sent once more at most",
        },
        "Pauses": {
            "retry": f"{pauses}; Retry-After is honored",
            "busy dataset": queue,
        },
        "Calls made once": {
            "polls of a wait": "the next poll follows, for --max-outage",
            "doctor": "all of its calls, unless --retry-timeout or --max-retries is given",
        },
        "Options": {
            format_flag(each.name): _describe(each)
            for each in _iter_options(Settings, PollOptions, ReusePolicy)
            if each.name in _RETRY_OPTIONS
        },
    }


_RETRY_OPTIONS = (
    *("retry_timeout", "max_retries", "queue_timeout", "reconcile_timeout", "on_lost_reply", "max_outage"),
    *("connect_timeout", "read_timeout", "reuse_running", "reuse_within"),
)


def _list_answers(kind: ErrorKind) -> str:
    """Return the statuses that have this meaning by themselves, and the codes, or the number of many."""
    statuses = [
        f"HTTP {status}" if status in set(HTTPStatus) else f"{status}xx" for status in list_statuses(kind)
    ]
    codes = [
        f"{row.code} with HTTP {row.status}" if len(list_statuses_of(row.code)) > 1 else row.code
        for row in ROWS
        if row.kind is kind
    ]
    if len(codes) > _MOST_CODES:
        codes = [f"{len({row.code for row in ROWS if row.kind is kind})} codes"]
    return ", ".join([*statuses, *codes])


def _describe_spec(fields: Iterable[RequestField]) -> Mapping[str, Mapping[str, str]]:
    return {
        "Values": {
            "${NAME}": f"the value of --var NAME=VALUE, --var NAME or {VARIABLE_PREFIX}NAME",
            "${NAME:-default}": "the default where NAME is undefined or empty",
            "${now:%Y-%m-%d}": "the time when the program began, in the local time zone",
            "$$": "a dollar sign",
            "null": "leaves a field out, also one with a default",
        },
        "Limits": {
            "file": f"{MAX_BYTES // _MEBIBYTE} MiB; a regular file, a pipe or stdin",
            "values": f"{MAX_VALUES:,}, with those that aliases repeat",
            "text": f"{MAX_CHARACTERS // _MEBIBYTE} MiB, with what aliases and variables add",
            "body": f"{MAX_BODY_BYTES // _MEBIBYTE} MiB",
            "problems": f"the first {MAX_PROBLEMS} are shown, and the others counted",
        },
        **_list_keys(fields),
    }


def _list_keys(fields: Iterable[RequestField]) -> Mapping[str, Mapping[str, str]]:
    """Return the keys, those of a mapping and of the items of a list in tables of their own."""
    tables: dict[str, dict[str, str]] = {}
    parents: list[tuple[str, ...]] = []
    for each in fields:
        parent = next((outer for outer in reversed(parents) if each.location[: len(outer)] == outer), ())
        title = f"Keys of {'.'.join(parent)}" if parent else "Keys"
        tables.setdefault(title, {})[".".join(each.location[len(parent) :])] = each.help
        if each.model and len(each.location) <= _MOST_LEVELS:
            parents.append(each.location)
    return tables


def _list_sources() -> Mapping[str, Mapping[str, str]]:
    """Return the sources in the order of the chain of providers, the profiles, and all variables."""
    sources = {
        "named profile": (
            f"the source of the profile of {format_flag('profile')} or {format_variable('profile')},"
            " and no other one; explain config"
        ),
        **{source.name: _format_alternatives(source) for source in FAMILIES},
        "clouds.yaml": clouds_yaml.DESCRIPTION,
        "default profile": (
            "the source of the profile at the key default of config.yaml; its region, project and URLs"
            " complete those of a source before it"
        ),
        **_FILES,
    }
    variables = {source.name: dict(_iter_variables(source)) for source in FAMILIES}
    return {
        "Sources, in order": {
            f"{number}. {name}": text for number, (name, text) in enumerate(sources.items(), 1)
        },
        **_list_forms(),
        **variables,
        "Other variables": _SOURCE_VARIABLES,
    }


def _describe_config() -> Mapping[str, Mapping[str, str]]:
    settings = {each.name: _describe(each) for each in option_fields(Settings) if each.name in SETTINGS}
    return {
        "config.yaml": {
            "file": _PROFILES_FILE,
            **TOP_KEYS,
        },
        "Keys of a profile": {
            **settings,
            "credentials": (
                "one source of credentials: of a named profile it is the only one, and of the default profile"
                " it comes after variables and the cloud of OS_CLOUD; explain credentials"
            ),
        },
        **_list_forms(),
        "JSON that a command prints": command.OUTPUT,
    }


def _list_forms() -> Mapping[str, Mapping[str, str]]:
    return {"credentials of a profile": {form.text: form.meaning for form in FORMS}}


def _format_alternatives(source: VariableFamily) -> str:
    """Return the variables of a key, a token or a password."""
    forms = (source.keys[:2], (source.token,), source.password)
    return ", or ".join(join_names(form) for form in forms if all(form))


def _list_credential_variables() -> Mapping[str, str]:
    return {**dict(pair for source in FAMILIES for pair in _iter_variables(source)), **_SOURCE_VARIABLES}


def _iter_variables(source: VariableFamily) -> Iterator[tuple[str, str]]:
    """Yield the variables of a source, and what each holds."""
    access_key, secret_key, security_token = source.keys
    user_name, password, domain_name = source.password
    meanings = {
        access_key: "access key",
        secret_key: "secret key",
        security_token: "security token of a temporary key",
        source.token: "token of IAM",
        user_name: "user name",
        password: "password, for which IAM gives a token",
        domain_name: "account (domain) name of the user",
        source.region: "region",
        source.project_id: "project ID",
        source.project_name: "project name",
        source.iam_endpoint: "URL of IAM",
    }
    yield from ((variable, meaning) for variable, meaning in meanings.items() if variable)


def _iter_options(*groups: type[Any]) -> Iterator[Field[Any]]:
    for group in groups:
        yield from option_fields(group)


def _describe(option: Field[Any]) -> str:
    """Return the help of an option, with its default."""
    default = format_default(option)
    return f"{option.metadata['help']} [default: {default}]" if default else str(option.metadata["help"])
