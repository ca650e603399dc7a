"""Run a command line, and turn each error into a message and an exit code."""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout, suppress
from datetime import datetime
from functools import partial
from io import TextIOBase, TextIOWrapper
from pathlib import Path
from typing import TextIO, cast

import typer

from modelarts_export.cli.app import COMMANDS, NAME, get_program, list_flags
from modelarts_export.cli.ci.report import RunReport
from modelarts_export.cli.context import AppContext
from modelarts_export.cli.options.output_style import OutputOptions
from modelarts_export.cli.output.console import Console
from modelarts_export.cli.output.messages import Messages
from modelarts_export.cli.output.printer import ResultPrinter
from modelarts_export.cli.supervision import Interruption
from modelarts_export.errors import CanceledError, ClosedOutputError, InvalidInputError, ModelArtsExportError
from modelarts_export.providers.sources.environment import iter_secrets
from modelarts_export.sanitize import Redactor


def main(
    arguments: Sequence[str] | None = None,
    environ: Mapping[str, str] | None = None,
    interruption: Interruption | None = None,
) -> int:
    """Run a command line and return its exit code; `arguments` and `environ` default to those of the process.

    `interruption` says what a signal does while the command runs.
    """
    arguments = [_decode_argument(argument) for argument in sys.argv[1:]] if arguments is None else arguments
    environ = os.environ if environ is None else environ
    interruption = interruption or Interruption()
    console = _make_console(environ)
    messages = Messages(console)
    report = RunReport(environ, console.clean)
    app = AppContext(
        messages=messages,
        printer=ResultPrinter(console, messages, report.record),
        report=report,
        environ=environ,
        now=datetime.now().astimezone(),
        arguments=tuple(arguments),
        interruption=interruption,
    )
    interruption.set_final_output(lambda number: [partial(_print_interruption, app, number)])
    try:
        return _run_program(app)
    except CanceledError as error:
        return error.exit_code  # the thread that received the signal writes the final output
    except ModelArtsExportError as error:
        if messages.options == OutputOptions():  # no command has set them, or none were given
            from modelarts_export.cli.binding import find_output_options  # noqa: PLC0415 - for an error alone

            messages.options = find_output_options(arguments, environ)
            _open_report(app)
        return _report_error(app, error)
    except Exception as error:  # noqa: BLE001 - the last resort: a bug is reported, not dumped
        app.write_report(ModelArtsExportError.exit_code, type(error).__name__)
        messages.bug(error)
        return ModelArtsExportError.exit_code


def _run_program(app: AppContext) -> int:
    """Run the command and return its exit code. Raises InvalidInputError when the parser refuses the line."""
    try:
        with redirect_stdout(
            cast("TextIO", _Echo(app.messages.console))
        ):  # Typer's own pages are results, too
            app.interruption.cancel_token.raise_if_canceled()
            result = get_program()(app.arguments, prog_name=NAME, standalone_mode=False, obj=app)
    except typer.TyperException as error:
        from modelarts_export.cli.options.parse_errors import describe_parse_error  # noqa: PLC0415 - for this alone

        message = describe_parse_error(error, COMMANDS)
        raise InvalidInputError(message, hint=_suggest_help(app.arguments)) from None
    code = result if isinstance(result, int) else 0
    app.write_report(code)
    return code


def _open_report(app: AppContext) -> None:
    """Prepare the files that tell of an error of the parser, as far as they can be written."""
    name = app.arguments[0] if app.arguments else ""
    of_tasks = name not in COMMANDS or "--dotenv" in list_flags(get_program().commands.get(name))
    with suppress(InvalidInputError):
        app.report.open(app.messages.options, of_tasks=of_tasks)


class _Echo(TextIOBase):
    """Stdout for Typer, whose help is written like every result."""

    encoding = "utf-8"

    def __init__(self, console: Console) -> None:
        self._console = console

    def write(self, text: str) -> int:
        if text != "":
            self._console.write(text)
        return len(text)


def _print_interruption(app: AppContext, number: int) -> None:
    """Write the final output of a command that changed nothing: an error object with JSON, else nothing."""
    app.write_report_after_signal(number)
    if app.messages.options.output == "json":
        app.messages.interrupted(number, "interrupted")


def _suggest_help(arguments: Sequence[str]) -> str:
    if arguments and arguments[0] in COMMANDS:
        return f"{NAME} {arguments[0]} --help shows what it takes"
    return f"{NAME} --help shows the commands"


def _decode_argument(argument: str) -> str:
    """Return an argument as UTF-8; Python decodes it with surrogates when the locale is C."""
    try:
        return os.fsencode(argument).decode()
    except UnicodeError:
        return argument


def _make_console(environ: Mapping[str, str]) -> Console:
    redactor = Redactor(iter_secrets(environ))
    return Console(_get_stream("stdout"), _get_stream("stderr"), environ=environ, redactor=redactor)


def _get_stream(name: str) -> TextIO:
    """Return a standard stream that can encode any text; a closed one refuses every write."""
    stream: TextIO = getattr(sys, name, None) or Path(os.devnull).open()  # noqa: SIM115 - kept to the end
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")  # under LANG=C a Chinese path must not end the run
    return stream


def _report_error(app: AppContext, error: ModelArtsExportError) -> int:
    # first: with JSON, the error is the last line of stderr
    app.write_report(error.exit_code, str(error), error.problems, omitted=getattr(error, "omitted", 0))
    if not isinstance(error, ClosedOutputError):
        app.messages.error(error)
    return error.exit_code
