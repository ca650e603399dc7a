"""The command `sandbox`, which serves the emulator for a command or until Ctrl-C."""

import contextlib
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelarts_export.cli.app import ProgramCommand
from modelarts_export.cli.context import AppContext
from modelarts_export.cli.options.completion import complete_fault
from modelarts_export.cli.options.output_style import OutputOptions
from modelarts_export.config.environment import PREFIX, format_variable
from modelarts_export.config.options import option_fields
from modelarts_export.config.parsers import parse_duration
from modelarts_export.config.settings import Settings
from modelarts_export.errors import InvalidInputError, ModelArtsExportError
from modelarts_export.providers.sources import clouds_yaml, sdk_file
from modelarts_export.providers.sources.environment import PREFIXES
from modelarts_export.quoting import describe_invalid_choice

if TYPE_CHECKING:
    from modelarts_export.sandbox.faults.catalog import Faults
    from modelarts_export.sandbox.messages import HttpReply, Request
    from modelarts_export.sandbox.server import Observer, Sandbox

# Settings that select a cloud are replaced; those of time and output are passed to COMMAND.
_CLOUD_SETTINGS = ("region", "project_id", "endpoint", "iam_endpoint", "profile", "ca_bundle", "insecure")
_SPEC_VARIABLE_PREFIX = f"{PREFIX}VAR_"
# Removed from the environment, so that COMMAND cannot reach a real cloud.
_FOREIGN = (*PREFIXES, PREFIX)
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ftp_proxy")
SUGGESTED = (  # to copy; each works with the printed settings
    "modelarts-export to-obs --path /bucket/cats/ --wait",
    "modelarts-export list sandbox-images",
    "modelarts-export to-obs sandbox-failing --path /bucket/dogs/ --wait",
)
_LONGEST_TARGET = 200  # characters of a line of the log
_NOT_FOUND, _NOT_EXECUTABLE, _KILLED = 127, 126, 128  # as in a shell

Command = Annotated[
    list[str] | None,
    typer.Argument(metavar="-- COMMAND...", help="Command to run against the sandbox"),
]
Port = Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 selects a free one", min=0, max=65535)]
TaskDuration = Annotated[str, typer.Option(metavar="DURATION", help="Duration of an export task")]
Latency = Annotated[str, typer.Option(metavar="DURATION", help="Delay of every reply")]
FaultSpecs = Annotated[
    list[str] | None,
    typer.Option(
        "--fault",
        metavar="FAULT",
        help="Fault to inject, see below; repeatable",
        autocompletion=complete_fault,
    ),
]
RandomKey = Annotated[
    bool, typer.Option("--random-key", help="Make a new access key; otherwise it is the same every time")
]
ShowToken = Annotated[
    bool, typer.Option("--show-token", help="Also print a token and a password, which are new every time")
]
FaultSeed = Annotated[int | None, typer.Option(metavar="N", help="Seed of the faults with a probability")]


class SandboxCommand(ProgramCommand):
    """A command whose help ends with the tables of datasets and faults."""

    def make_epilog(self) -> str:
        """Return the tables of datasets and faults."""
        from modelarts_export.cli.reference.fault_help import format_fault_help  # noqa: PLC0415 - loaded for this help only

        return format_fault_help()


def sandbox(  # noqa: PLR0913 - Typer reads an option from each
    typer_context: typer.Context,
    command: Command = None,
    *,
    port: Port = 0,
    task_duration: TaskDuration = "3s",
    latency: Latency = "0s",
    fault: FaultSpecs = None,
    fault_seed: FaultSeed = None,
    random_key: RandomKey = False,
    show_token: ShowToken = False,
) -> None:
    """Serve a local emulator of the ModelArts API.

    With COMMAND: run it against the sandbox and exit with its code. Without: print the variables to export,
    and serve until Ctrl-C, with one line for each request.
    """
    app: AppContext = typer_context.obj
    with _name_option("--task-duration"):
        seconds = parse_duration(task_duration)
    faults = _make_faults(fault or [], latency, fault_seed)
    observe = None if command else partial(_log_exchange, app.messages.info)
    with _serve(port, seconds, faults, observe=observe, random_key=random_key) as server:
        if command:
            raise typer.Exit(_run_command(command, server, app))
        _print_settings(server, app, show_token=show_token)
        app.interruption.cancel_token.sleep(None)


def _make_faults(specs: Sequence[str], latency: str, seed: int | None) -> "Faults":
    from modelarts_export.sandbox.faults.catalog import ALL, Fault, Faults  # noqa: PLC0415
    from modelarts_export.sandbox.faults.parser import parse_fault  # noqa: PLC0415 - see _serve

    with _name_option("--fault"):
        faults = [parse_fault(each, parse_duration, describe_invalid_choice) for each in specs]
    with _name_option("--latency"):
        late = Fault(kind="late", on=frozenset({ALL}), duration=parse_duration(latency))
    return Faults([*faults, late], rng=random.Random(seed))  # noqa: S311 - no secret


@contextlib.contextmanager
def _name_option(option: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise InvalidInputError(f"{option}: {error}") from None


@contextlib.contextmanager
def _serve(
    port: int, task_duration: float, faults: "Faults", *, observe: "Observer | None", random_key: bool
) -> Iterator["Sandbox"]:
    from modelarts_export.sandbox.authentication import EXAMPLE_KEY  # noqa: PLC0415
    from modelarts_export.sandbox.server import Sandbox  # noqa: PLC0415 - loaded for this command only

    key = None if random_key else EXAMPLE_KEY
    try:
        server = Sandbox(port=port, task_duration=task_duration, faults=faults, observe=observe, key=key)
    except OSError as error:
        raise InvalidInputError(f"--port: cannot listen on {port}: {error.strerror}") from None
    with server:
        yield server


def make_settings(server: "Sandbox") -> dict[str, str]:
    """Return the variables that point the client at the sandbox."""
    return {
        "HUAWEICLOUD_SDK_AK": server.access_key,
        "HUAWEICLOUD_SDK_SK": server.secret_key,
        "HUAWEICLOUD_SDK_PROJECT_ID": server.project_id,
        format_variable("endpoint"): server.url,
        format_variable("iam_endpoint"): server.url,
        format_variable("dataset_id"): server.dataset_id,
    }


def make_token_settings(server: "Sandbox") -> dict[str, str]:
    """Return the variables of a token, an alternative to the keys."""
    return {"HW_AUTH_TOKEN": server.token, "HW_PROJECT_ID": server.project_id}


def make_password_settings(server: "Sandbox") -> dict[str, str]:
    """Return the variables of a password, an alternative to the keys; its token has the project's ID."""
    return {
        "HW_USER_NAME": server.user.user_name,
        "HW_PASSWORD": server.user.password,
        "HW_DOMAIN_NAME": server.user.domain_name,
        "HW_PROJECT_NAME": server.user.project_name,
    }


def make_environment(server: "Sandbox", environ: Mapping[str, str], *, config_home: str) -> dict[str, str]:
    """Return the environment of COMMAND: the sandbox's settings, and none of a real cloud.

    `config_home` is an empty directory that replaces the user's; HOME is kept. The directory of this program
    comes first in PATH, so that COMMAND can be modelarts-export wherever it is installed.
    """
    kept = {name: value for name, value in environ.items() if not _is_foreign(name)}
    path = os.pathsep.join(filter(None, [str(_find_program_directory()), environ.get("PATH")]))
    files = _make_empty_files(Path(config_home))
    return {**kept, **make_settings(server), **files, "XDG_CONFIG_HOME": config_home, "PATH": path}


def _make_empty_files(directory: Path) -> dict[str, str]:
    """Write a file without credentials for each variable that names one, and return the variables.

    The files in HOME are not read then, and neither is KooCLI's, which comes after the SDK's.
    """
    contents = {clouds_yaml.FILE: "clouds: {}\n", clouds_yaml.SECURE_FILE: "clouds: {}\n", sdk_file.FILE: ""}
    paths = {name: directory / f"{name.lower()}.yaml" for name in contents}
    for name, path in paths.items():
        path.touch(mode=0o600)
        path.write_text(contents[name])
    return {name: str(path) for name, path in paths.items()}


def _is_foreign(name: str) -> bool:
    settings = (each.name for kind in (OutputOptions, Settings) for each in option_fields(kind))
    kept = {format_variable(each) for each in settings if each not in _CLOUD_SETTINGS}
    if name in kept or name.startswith(_SPEC_VARIABLE_PREFIX):
        return False
    return name.startswith(_FOREIGN) or name.lower() in _PROXIES


def _find_program_directory() -> Path:
    """Return the directory of this program's script, or of the interpreter under `python -m`."""
    started = shutil.which(sys.argv[0]) if Path(sys.argv[0]).suffix != ".py" else None
    return Path(started or sys.executable).absolute().parent


def _run_command(command: list[str], server: "Sandbox", app: AppContext) -> int:
    """Run COMMAND and return its exit code; it receives the signals."""
    child = _ChildProcess()
    with (
        tempfile.TemporaryDirectory(prefix="modelarts-export-") as config_home,
        app.interruption.forward_signals(child.forward),
    ):
        try:
            code = child.run(command, make_environment(server, app.environ, config_home=config_home))
        except OSError as error:
            app.messages.error(ModelArtsExportError(f"cannot run {command[0]}: {error.strerror}"))
            return _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE
    return code if code >= 0 else _KILLED - code


class _ChildProcess:
    """A child process that gets the SIGTERM of this process once, even if it came before the start."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._terminated = False
        self._lock = threading.Lock()

    def run(self, command: list[str], environ: Mapping[str, str]) -> int:
        arguments = [word.encode(errors="surrogateescape") for word in command]  # UTF-8 in any locale
        with self._lock:
            self._process = subprocess.Popen(arguments, env=environ)  # noqa: S603 - the user's command
            if self._terminated:
                self._process.terminate()
        return self._process.wait()

    def forward(self, number: int) -> None:
        """Forward SIGTERM; the terminal sends Ctrl-C to the child, and the sandbox stops after it."""
        if number == signal.SIGTERM:
            with self._lock:
                self._terminated = True
                if self._process:
                    self._process.terminate()


def _print_settings(server: "Sandbox", app: AppContext, *, show_token: bool) -> None:
    # Exported from an earlier start, the key is a known secret, and would be redacted here.
    app.messages.keep(server.access_key, server.secret_key)
    for name, value in make_settings(server).items():
        app.printer.line(f"export {name}={shlex.quote(value)}")
    alternatives = {"token": make_token_settings(server), "password": make_password_settings(server)}
    for alternative, variables in alternatives.items() if show_token else ():
        pairs = (f"{name}={shlex.quote(value)}" for name, value in variables.items())
        app.printer.line(f"# or, instead of the first three, a {alternative}:")
        app.printer.line(f"# export {' '.join(pairs)}")
    app.messages.info(f"serving on {server.url}; press Ctrl-C to stop")
    app.messages.info("in another shell, run the lines above and, for example:")
    for command in SUGGESTED:
        app.messages.info(f"  {command}")


def _log_exchange(log: Callable[[str], None], request: "Request", reply: "HttpReply") -> None:
    """Print a request and the status of its reply, and what a fault does to the reply."""
    status = str(reply.status or "-")
    delivery = "" if reply.delivery.value == "delivered" else f", {reply.delivery.value}"
    delay = f", after {reply.delay:g}s" if reply.delay else ""
    target = request.target[:_LONGEST_TARGET] + "…" * (len(request.target) > _LONGEST_TARGET)
    log(f"{time.strftime('%H:%M:%S')} {request.method} {target} {status}{delivery}{delay}")
