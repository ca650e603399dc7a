"""What a command needs, built on first use so that a start does not load requests."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from modelarts_export.api.endpoints import tasks_path
from modelarts_export.cancellation import CancelToken
from modelarts_export.cli.ci.report import RunReport
from modelarts_export.cli.connection import Connection, combine_missing, make_no_dataset_error
from modelarts_export.cli.options.flags import make_flag_layer
from modelarts_export.cli.options.spec_variables import make_interpolator
from modelarts_export.cli.output.messages import Messages
from modelarts_export.cli.output.printer import ResultPrinter
from modelarts_export.cli.resume import ResumeCommands
from modelarts_export.cli.supervision import SIGNALED, FinalOutput, Interruption
from modelarts_export.config.environment import make_environment_layer
from modelarts_export.config.options import resolve_option
from modelarts_export.config.settings import Settings
from modelarts_export.errors import (
    InvalidInputError,
    ModelArtsExportError,
    NotFoundError,
    Problem,
)
from modelarts_export.identifiers import get_dataset_name
from modelarts_export.providers.chain import make_secret_check
from modelarts_export.quoting import list_first
from modelarts_export.submission.reuse_policy import ReusePolicy

if TYPE_CHECKING:
    from modelarts_export.api.client import Client
    from modelarts_export.cli.options.request_input import RequestInput
    from modelarts_export.request.models import ExportRequest
    from modelarts_export.spec.loader import LoadedExport, SpecSet
    from modelarts_export.transport.retry import RetryPolicy


@dataclass(frozen=True, kw_only=True)
class InterruptedState:
    """What a command leaves behind when a signal ends it, and what to do about that.

    `show` prints the result so far; it is called unless the command has printed its result. Without `always`,
    the message is omitted when quiet.
    """

    message: str
    hint: str = ""
    always: bool = True
    show: Callable[[], None] = lambda: None


NOTHING_ACCEPTED = InterruptedState(message="interrupted; no export task was accepted", always=False)


@dataclass(frozen=True, kw_only=True)
class AppContext:
    """The output, environment, arguments, signals and start time of the process."""

    messages: Messages
    printer: ResultPrinter
    report: RunReport
    environ: Mapping[str, str]
    now: datetime
    arguments: Sequence[str] = ()
    interruption: Interruption = field(default_factory=Interruption)

    def make_interpolator(self, assignments: Sequence[str]) -> Callable[[str], str]:
        """Return what fills in the `${...}` of specs; `assignments` are the values of --var."""
        check = make_secret_check(self.environ, self.messages.add_secret, self.messages.contains_secret)
        return make_interpolator(assignments, self.environ, now=self.now, contains_secret=check)

    def read_timeout(self, flags: Mapping[str, Any]) -> float:
        """Return how long the reading of a file or of stdin may take, in seconds."""
        timeout: float = resolve_option(
            Settings, "read_timeout", make_flag_layer(flags), make_environment_layer(self.environ)
        )
        return timeout

    def load_specs(
        self,
        files: Sequence[str],
        assignments: Sequence[str],
        *,
        recursive: bool = False,
        check: "Callable[[LoadedExport], Iterable[Problem]]" = lambda _export: (),
        flags: Mapping[str, Any] = MappingProxyType({}),
    ) -> "SpecSet":
        """Load spec files, also those of directories, and print their warnings.

        `check` returns further problems of an export, and `flags` may have a timeout for reading. Raises
        InvalidInputError with every problem.
        """
        from modelarts_export.spec.loader import load_specs  # noqa: PLC0415 - yaml is loaded here

        self.report.check_inputs(files)
        interpolate, timeout = self.make_interpolator(assignments), self.read_timeout(flags)
        try:
            specs = load_specs(files, interpolate, timeout, recursive=recursive, check=check)
        except InvalidInputError as error:
            if any(problem.has_unsearched for problem in error.problems):
                raise error.copy_with(hint="-R searches the directories in a directory too") from None
            raise
        self.warn(specs.warnings)
        return specs

    def write_report(
        self, exit_code: int, error: str = "", problems: Sequence[Problem] = (), *, omitted: int = 0
    ) -> None:
        """Write the files of the report, once; `error` and `problems` are those of the error, if any.

        `omitted` is how many problems there are beside those.
        Raises OutputError or NotFinishedError when a command that succeeded cannot report that.
        """
        failures, warnings = self.report.write(exit_code, error, problems, omitted=omitted)
        for warning in warnings:
            self.messages.warn(warning)
        if failures and not exit_code:
            raise self.report.make_error("; ".join(failures))
        for failure in failures:
            self.messages.warn(failure, always=True)

    def set_final_output(self, describe: Callable[[], InterruptedState]) -> None:
        """From now on, make a signal write the state that `describe` returns, and the report."""

        def make_final_output(number: int) -> FinalOutput:
            state = describe()
            return [  # the command to resume comes last, where a reader looks
                partial(self.printer.print_if_missing, state.show),
                partial(self.write_report_after_signal, number),
                partial(self.messages.interrupted, number, state.message, state.hint, always=state.always),
            ]

        self.interruption.set_final_output(make_final_output)

    def write_report_after_signal(self, number: int) -> None:
        """Write the files of the report after a signal."""
        self.write_report(SIGNALED + number, "interrupted")

    def warn(self, warnings: Sequence[Problem]) -> None:
        """Print each warning, and how many more there are."""
        for warning in warnings:
            self.messages.warn(str(warning) if warning.message else f"and {warning.count:,} more warnings")


@dataclass(frozen=True, kw_only=True)
class ResolvedExport:
    """A valid, complete export and the settings it is sent with.

    `dataset_id` is name:NAME where the dataset was not looked up.
    """

    dataset_id: str
    request: "ExportRequest"
    settings: Settings

    @property
    def url(self) -> str:
        """The URL it is sent to, with unknown parts in braces."""
        project_id = self.settings.project_id
        dataset_id = None if get_dataset_name(self.dataset_id) else self.dataset_id
        path = tasks_path(project_id or "PROJECT", dataset_id or "DATASET")
        if not project_id:
            path = path.replace("PROJECT", "{project_id}", 1)
        if not dataset_id:
            path = path.replace("/DATASET/", "/{dataset_id}/", 1)
        return (self.settings.base_url or "{endpoint}") + path


class CommandContext:
    """The settings, credentials and client of one command."""

    def __init__(self, app: AppContext, flags: Mapping[str, Any]) -> None:
        """Keep the connection flags as given."""
        self.messages = app.messages
        self.printer = app.printer
        self.app = app
        self._interruption = app.interruption
        self.flags = flags
        self.connection = Connection(app.messages, app.environ, flags)
        self.resume = ResumeCommands(app.messages, app.arguments, flags, lambda: self.settings)

    def close(self) -> None:
        """Close the connections."""
        self.connection.close()

    def resolve(self, request_input: "RequestInput[Any]", *, offline: bool) -> ResolvedExport:
        """Return the export to send, and print its warnings; `offline` needs no credentials.

        Raises InvalidInputError with every problem, and one error for all settings that are missing.
        """
        self.app.report.check_inputs(request_input.all_files)
        timeout = self.app.read_timeout(self.flags)
        interpolate = self.app.make_interpolator(request_input.assignments)
        try:
            export, warnings = request_input.resolve(interpolate, timeout)
        except InvalidInputError as error:
            raise self._add_missing(error, request_input, offline=offline) from None
        self.app.warn(warnings)
        settings = self.connection.load_settings(export.project_id)
        self._warn_of_another_project(export.project_id)
        given = self.connection.choose_dataset(export.dataset_id, needed_for=None if offline else settings)
        resolved = ResolvedExport(dataset_id=given, request=export.request, settings=settings)
        if offline:
            return resolved
        self.app.set_final_output(lambda: NOTHING_ACCEPTED)
        dataset_id = self.find_dataset_id(given, settings)
        self.messages.keep(dataset_id)
        return replace(resolved, dataset_id=dataset_id)

    def _add_missing(
        self, error: InvalidInputError, request_input: "RequestInput[Any]", *, offline: bool
    ) -> ModelArtsExportError:
        """Return the error of an invalid request together with all settings that are missing."""
        if not error.problems:  # the command line has a contradiction
            return error
        has_spec = bool(request_input.files)
        missing = [] if offline else self.connection.find_missing(self.settings, in_spec=has_spec)
        if not has_spec and request_input.dataset_id is None and self.connection.default_dataset is None:
            missing.insert(0, make_no_dataset_error())
        return combine_missing([error, *missing])

    def _warn_of_another_project(self, project_id: str | None) -> None:
        """Warn when a spec, which may be untrusted, names another project than the configured one."""
        configured = self.connection.settings
        if project_id and configured.project_id and project_id != configured.project_id:
            origin = configured.origins["project_id"]
            self.messages.warn(
                f"project_id {project_id} of the spec differs from {configured.project_id} ({origin})"
            )

    def warn_of_directories(self, reuse: ReusePolicy, exports: Iterable[tuple[str, "ExportRequest"]]) -> None:
        """Warn of exports outside the directory of --skip-if-running, which find no earlier task of theirs.

        Each has the position of its spec, or an empty text if it is the only one.
        """
        if not (within := reuse.skip_if_running):
            return
        from modelarts_export.submission.reuse import is_outside  # noqa: PLC0415 - for this option alone

        outside = [spec for spec, request in exports if is_outside(request.to_dict(), within)]
        if outside:
            specs = list_first(outside, 1)
            sentence = f"the path is not in {within}, the directory of --skip-if-running"
            self.messages.warn(f"{specs}: {sentence}" if specs else sentence)

    def delay_exit(self, is_sending: Callable[[], bool]) -> AbstractContextManager[None]:
        """Delay the exit after a signal while a request is being sent. Raises CanceledError after one."""
        return self._interruption.delay_exit(is_sending=is_sending, print_message=self.messages.info)

    @property
    def cancel_token(self) -> CancelToken:
        """The token that a signal cancels."""
        return self._interruption.cancel_token

    def make_resumable(
        self,
        dataset_id: str,
        task_ids: Sequence[str],
        settings: Settings,
        *,
        show: Callable[[], None] = lambda: None,
    ) -> None:
        """From now on, make a signal print how to wait for these tasks, and call `show`."""
        self.app.set_final_output(partial(self.describe_accepted, dataset_id, task_ids, settings, show))

    def describe_accepted(
        self, dataset_id: str, task_ids: Sequence[str], settings: Settings, show: Callable[[], None]
    ) -> InterruptedState:
        """Return the state of a command whose tasks are known; `show` prints them."""
        return InterruptedState(
            message="interrupted; accepted tasks continue",
            hint=self.resume.format_wait_hint(dataset_id, task_ids, settings),
            show=show,
        )

    @property
    def retry_policy(self) -> "RetryPolicy":
        """The retry policy of calls that change nothing."""
        return self.connection.retry_policy(self.settings)

    def client(self, settings: Settings) -> "Client":
        """Return the client for these settings. Raises AccessError or InvalidInputError."""
        return self.connection.client(settings)

    @property
    def settings(self) -> Settings:
        """The settings when no spec names a project. Raises InvalidInputError."""
        return self.connection.settings

    def find_dataset_id(self, given: str, settings: Settings) -> str:
        """Return the ID of a dataset that Connection.choose_dataset has returned: a name is looked up.

        Raises what Connection.find_dataset_id raises.
        """
        name = get_dataset_name(given)
        if name is None:
            return given
        dataset_id = self.connection.find_dataset_id(name, settings)
        self.resume.replace_argument(given, dataset_id)
        return dataset_id

    def add_dataset_hint(self, error: NotFoundError) -> NotFoundError:
        """Return the error, with the command that lists the datasets if it is about an unknown one."""
        return self.resume.add_dataset_hint(error, self.connection.used_settings)
