"""The command `sandbox`: a ModelArts on this machine, around a command or until Ctrl-C."""

import contextlib
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from modelarts_export.auth.credentials import FAMILIES
from modelarts_export.cli.context import AppContext
from modelarts_export.cli.options.output_style import OutputOptions
from modelarts_export.config.settings import PREFIX, Settings, option_fields, parse_duration, variable_name
from modelarts_export.errors import InvalidInputError, ModelArtsExportError

if TYPE_CHECKING:
    from modelarts_export.sandbox.faults.catalogue import Faults
    from modelarts_export.sandbox.server import Sandbox

# Settings of another cloud; those of time and output belong to COMMAND.
_PLACES = ("region", "project_id", "endpoint", "iam_endpoint", "ca_bundle", "insecure")
_VARIABLES_OF_SPECS = f"{PREFIX}VAR_"
# Beside what credential sources read: a command in the sandbox must not meet the real cloud.
_FOREIGN = (*FAMILIES, PREFIX)
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ftp_proxy")
_NOT_FOUND, _NOT_EXECUTABLE, _KILLED = 127, 126, 128  # as a shell answers

Command = Annotated[
    list[str] | None,
    typer.Argument(metavar="COMMAND", help="Run against the sandbox; its exit code is ours"),
]
Port = Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one", min=0, max=65535)]
TaskDuration = Annotated[str, typer.Option(metavar="DURATION", help="How long an export task runs")]
Latency = Annotated[str, typer.Option(metavar="DURATION", help="How much later every reply comes")]
FaultWords = Annotated[
    list[str] | None,
    typer.Option("--fault", metavar="FAULT", help="What is to go wrong, see below; again for more"),
]
FaultSeed = Annotated[
    int | None, typer.Option(metavar="N", help="The same N, and the same faults by probability")
]


class SandboxCommand(TyperCommand):
    """A command whose help ends with tables that no other command needs."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - of the vendored Click
        """Write the tables."""
        from modelarts_export.cli.options.fault_help import format_fault_help  # noqa: PLC0415 - only this help has them

        self.epilog = format_fault_help()
        super().format_epilog(ctx, formatter)


def sandbox(  # noqa: PLR0913 - Typer reads an option from each
    context: typer.Context,
    command: Command = None,
    *,
    port: Port = 0,
    task_duration: TaskDuration = "3s",
    latency: Latency = "0s",
    fault: FaultWords = None,
    fault_seed: FaultSeed = None,
) -> None:
    """Serve a ModelArts on this machine, to try things out.

    With COMMAND: run it against the sandbox and exit with its code. Without: print the settings to export,
    and serve until Ctrl-C.
    """
    shell: AppContext = context.obj
    with _name_option("--task-duration"):
        seconds = parse_duration(task_duration)
    faults = _make_faults(fault or [], latency, fault_seed)
    with _serve(port, seconds, faults) as box:
        if command:
            with tempfile.TemporaryDirectory(prefix="modelarts-export-") as empty:
                code = _run_command(command, make_environment(box, shell.environ, config_home=empty), shell)
            raise typer.Exit(code)
        _print_settings(box, shell)
        shell.interruption.sleep(None)


def _make_faults(words: Sequence[str], latency: str, seed: int | None) -> "Faults":
    from modelarts_export.sandbox.faults.catalogue import ALL, Fault, Faults  # noqa: PLC0415
    from modelarts_export.sandbox.faults.parser import parse_fault  # noqa: PLC0415 - see _serving

    with _name_option("--fault"):
        faults = [parse_fault(each, parse_duration) for each in words]
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
def _serve(port: int, task_duration: float, faults: "Faults") -> Iterator["Sandbox"]:
    from modelarts_export.sandbox.server import Sandbox  # noqa: PLC0415 - only this command needs a server

    try:
        box = Sandbox(port=port, task_duration=task_duration, faults=faults)
    except OSError as error:
        raise InvalidInputError(f"--port: {port} cannot be used: {error.strerror}") from None
    with box:
        yield box


def make_settings(box: "Sandbox") -> dict[str, str]:
    """Return the variables that point the client at the sandbox."""
    keys = {
        "HUAWEICLOUD_SDK_AK": box.access_key,
        "HUAWEICLOUD_SDK_SK": box.secret_key,
        "HUAWEICLOUD_SDK_PROJECT_ID": box.project_id,
    }
    return keys | _make_endpoint_settings(box)


def make_token_settings(box: "Sandbox") -> dict[str, str]:
    """Return what can stand in the place of the keys: a token."""
    return {"HW_AUTH_TOKEN": box.token, "HW_PROJECT_ID": box.project_id}


def make_password_settings(box: "Sandbox") -> dict[str, str]:
    """Return what can stand in the place of the keys: a password; the token for it tells the project's ID."""
    return {
        "HW_USER_NAME": box.user.user_name,
        "HW_PASSWORD": box.user.password,
        "HW_DOMAIN_NAME": box.user.domain_name,
        "HW_PROJECT_NAME": box.user.project_name,
    }


def _make_endpoint_settings(box: "Sandbox") -> dict[str, str]:
    return {
        variable_name("endpoint"): box.url,
        variable_name("iam_endpoint"): box.url,
        variable_name("dataset_id"): box.dataset_id,
    }


def make_environment(box: "Sandbox", environ: Mapping[str, str], *, config_home: str) -> dict[str, str]:
    """Return the environment of COMMAND: the sandbox's settings, and nothing of any real cloud.

    `config_home` is an empty directory that stands in for the user's. The directory of this program leads
    PATH, so that COMMAND can be modelarts-export wherever it is installed.
    """
    kept = {name: value for name, value in environ.items() if not _is_foreign(name)}
    path = os.pathsep.join(filter(None, [str(_find_program_directory()), environ.get("PATH")]))
    return {**kept, **make_settings(box), "XDG_CONFIG_HOME": config_home, "PATH": path}


def _is_foreign(name: str) -> bool:
    settings = (each.name for kind in (OutputOptions, Settings) for each in option_fields(kind))
    kept = {variable_name(each) for each in settings if each not in _PLACES}
    if name in kept or name.startswith(_VARIABLES_OF_SPECS):
        return False
    return name.startswith(_FOREIGN) or name.lower() in _PROXIES


def _find_program_directory() -> Path:
    """Return where this program was started from; `python -m` has none, but its interpreter has."""
    started = shutil.which(sys.argv[0]) if Path(sys.argv[0]).suffix != ".py" else None
    return Path(started or sys.executable).absolute().parent


def _run_command(command: list[str], environ: Mapping[str, str], shell: AppContext) -> int:
    """Run the command and return its exit code; signals are the command's to answer."""
    child = _ChildProcess()
    with shell.interruption.forwarding(child.forward):
        try:
            code = child.run(command, environ)
        except OSError as error:
            shell.messages.error(ModelArtsExportError(f"{command[0]} cannot be run: {error.strerror}"))
            return _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE
    return code if code >= 0 else _KILLED - code


class _ChildProcess:
    """A command that gets the SIGTERM that was meant for us, also one that came before it was started."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._must_end = False

    def run(self, command: list[str], environ: Mapping[str, str]) -> int:
        self._process = subprocess.Popen(command, env=environ)  # noqa: S603 - what the user asked to be run
        if self._must_end:
            self._process.terminate()
        return self._process.wait()

    def forward(self, number: int) -> None:
        """Pass SIGTERM on; Ctrl-C reaches the child anyway, and must not end the sandbox under it."""
        self._must_end |= number == signal.SIGTERM
        if self._must_end and self._process:
            self._process.terminate()


def _print_settings(box: "Sandbox", shell: AppContext) -> None:
    for name, value in make_settings(box).items():
        shell.printer.line(f"export {name}={shlex.quote(value)}")
    for other, variables in (("token", make_token_settings(box)), ("password", make_password_settings(box))):
        pairs = (f"{name}={shlex.quote(value)}" for name, value in variables.items())
        shell.printer.line(f"# or, instead of the first three, a {other}:")
        shell.printer.line(f"# export {' '.join(pairs)}")
    shell.messages.info(f"Serving on {box.url}; Ctrl-C ends it")
