"""What a command needs, built on first use so that a start does not load requests."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from modelarts_export.api.endpoints import tasks_path
from modelarts_export.cli.access import Access
from modelarts_export.cli.options.flags import format_flag, make_flag_layer
from modelarts_export.cli.output.messages import Messages
from modelarts_export.cli.output.printer import ResultPrinter
from modelarts_export.cli.resume import ResumeCommands
from modelarts_export.cli.supervision import FinalOutput, Interruption
from modelarts_export.clock import SYSTEM_CLOCK
from modelarts_export.config.environment import format_variable, make_environment_layer
from modelarts_export.config.options import resolve_option
from modelarts_export.config.settings import Settings
from modelarts_export.errors import (
    InvalidInputError,
    ModelArtsExportError,
    PathUsedError,
    Problem,
    UnknownOutcomeError,
)
from modelarts_export.identifiers import check_identifier
from modelarts_export.spec.interpolation import Interpolator, parse_assignments

if TYPE_CHECKING:
    from modelarts_export.api.client import Client
    from modelarts_export.api.task import ExportTask
    from modelarts_export.cli.options.request_input import RequestInput
    from modelarts_export.request.models import ExportRequest
    from modelarts_export.spec.loader import SpecSet
    from modelarts_export.submission.reuse import ReusePolicy
    from modelarts_export.submission.submit import Submission
    from modelarts_export.transport.retry import RetryPolicy

_DATASET_VARIABLE = format_variable("dataset_id")


@dataclass(frozen=True, kw_only=True)
class AppContext:
    """The output, environment, arguments, signals and start time of the process."""

    messages: Messages
    printer: ResultPrinter
    environ: Mapping[str, str]
    now: datetime
    arguments: Sequence[str] = ()
    interruption: Interruption = field(default_factory=Interruption)

    def make_interpolator(self, assignments: Sequence[str]) -> Callable[[str], str]:
        """Return what fills in the `${...}` of specs; `assignments` are the texts of --var."""
        try:
            given = parse_assignments(assignments, self.environ)
        except ValueError as error:
            raise InvalidInputError(f"--var: {error}") from None
        return Interpolator(
            given, self.environ, now=self.now, contains_secret=self.messages.contains_secret
        ).interpolate

    def read_timeout(self, flags: Mapping[str, Any]) -> float:
        """Return how long the reading of a file or of stdin may take, in seconds."""
        timeout: float = resolve_option(
            Settings, "read_timeout", make_flag_layer(flags), make_environment_layer(self.environ)
        )
        return timeout

    def load_specs(self, files: Sequence[str], assignments: Sequence[str]) -> "SpecSet":
        """Load spec files and print their warnings.

        Raises InvalidInputError with every problem.
        """
        from modelarts_export.spec.loader import load_specs  # noqa: PLC0415 - yaml is loaded here

        plan = load_specs(files, self.make_interpolator(assignments), self.read_timeout({}))
        self.warn(plan.warnings)
        return plan

    def warn(self, warnings: Sequence[Problem]) -> None:
        """Print each warning, and how many more there are."""
        for warning in warnings:
            self.messages.warn(str(warning) if warning.message else f"and {warning.count:,} more warnings")


@dataclass(frozen=True, kw_only=True)
class ResolvedExport:
    """A valid, complete export and the settings it is sent with."""

    dataset_id: str
    request: "ExportRequest"
    settings: Settings

    @property
    def url(self) -> str:
        """The URL it is sent to, with unknown parts in braces."""
        project_id = self.settings.project_id
        path = tasks_path(project_id or "PROJECT", self.dataset_id)
        if not project_id:
            path = path.replace("PROJECT", "{project_id}", 1)
        return (self.settings.base_url or "{endpoint}") + path


class CommandContext:
    """The settings, credentials and client of one command."""

    def __init__(self, shell: AppContext, flags: Mapping[str, Any]) -> None:
        """Keep the connection flags as given."""
        self.messages = shell.messages
        self.printer = shell.printer
        self._shell = shell
        self._interruption = shell.interruption
        self._flags = flags
        self._access = Access(shell.messages, shell.environ, flags)
        self.resume = ResumeCommands(shell.messages, shell.arguments, flags, lambda: self.settings)
        self._submitted: Submission | None = None

    def close(self) -> None:
        """Close the connections."""
        self._access.close()

    def resolve(self, draft: "RequestInput[Any]") -> ResolvedExport:
        """Return the export to send, and print its warnings.

        Raises InvalidInputError with every problem.
        """
        timeout = self._shell.read_timeout(self._flags)
        export, warnings = draft.resolve(self._shell.make_interpolator(draft.assignments), timeout)
        self._shell.warn(warnings)
        settings = self._access.with_project_of_a_spec(export.project_id)
        self._warn_of_another_project(export.project_id)
        dataset_id = export.dataset_id or self._get_default_dataset()
        self.messages.keep(dataset_id)
        return ResolvedExport(
            dataset_id=dataset_id,
            request=export.request,
            settings=settings,
        )

    def _warn_of_another_project(self, project_id: str | None) -> None:
        """Warn when a spec, which may be untrusted, names another project than the configured one."""
        configured = self._access.settings
        if project_id and configured.project_id and project_id != configured.project_id:
            origin = configured.origins["project_id"]
            self.messages.warn(
                f"project_id {project_id} of the spec differs from {configured.project_id} ({origin})"
            )

    def submit(self, order: ResolvedExport, reuse: "ReusePolicy") -> "ExportTask":
        """Create the task, reuse one, or skip. Raises what `client` and Submission.run raise.

        A signal waits for the reply of a request in flight, then prints how to find a task that may exist.
        """
        self._conclude_submission_with(None, order)
        submission = self._submission(order, reuse)
        self._conclude_submission_with(submission, order)
        self.printer.load_renderer()
        with self._interruption.delay_exit(
            is_sending=lambda: submission.is_sending,
            cancel=submission.cancel,
            print_message=self.messages.info,
        ):
            try:
                return submission.run()
            except PathUsedError as error:
                error.hint = f"{error.hint}, or let {format_flag('if_path_used')} warn"
                raise
            except UnknownOutcomeError as error:
                self.messages.keep(*error.task_ids)
                error.hint = self.resume.format_recovery_hint(
                    error,
                    reuse,
                    dataset_id=order.dataset_id,
                    path=order.request.path,
                    settings=order.settings,
                )
                raise

    def _submission(self, order: ResolvedExport, reuse: "ReusePolicy") -> "Submission":
        from modelarts_export.submission.submit import Desk, Submission  # noqa: PLC0415 - requests is loaded here

        client, timing = self.client(order.settings), replace(SYSTEM_CLOCK, sleep=self._interruption.sleep)
        listener = _SubmissionMessages(
            self.messages, self.resume.format_list_command(order.dataset_id, order.settings)
        )
        desk = Desk(client=client, settings=order.settings, listener=listener, timing=timing)
        self._submitted = Submission(desk, order.dataset_id, order.request, reuse=reuse)
        return self._submitted

    def check_for_duplicates(self) -> None:
        """Report duplicates of the submitted task when the request was sent twice."""
        if self._submitted:
            self._submitted.check_for_duplicates()

    def _conclude_submission_with(self, submission: "Submission | None", order: ResolvedExport) -> None:
        self._interruption.set_final_output(partial(self._say_what_is_left, submission, order))

    def _say_what_is_left(
        self, submission: "Submission | None", order: ResolvedExport, number: int
    ) -> FinalOutput:
        task = submission.task if submission else None
        if task:
            show = partial(self.printer.task, task)
            return self._say_how_to_resume(order.dataset_id, [task.task_id], order.settings, show, number)
        if submission and submission.outcome_unknown:
            command = self.resume.format_list_command(order.dataset_id, order.settings)
            hint = f"look before you submit it again: {command}"
            words = "interrupted; an export task may have been accepted"
            return [partial(self.messages.interrupted, number, words, hint)]
        words = "interrupted; nothing was sent, or nothing of it accepted"
        return [partial(self.messages.interrupted, number, words, always=False)]

    def fetch_status(self, order: ResolvedExport, task: "ExportTask") -> "ExportTask":
        """Return a task with its current status, or unchanged when the status check fails."""
        from modelarts_export.submission.submit import fetch_status  # noqa: PLC0415 - see _submission

        listener = _SubmissionMessages(
            self.messages, self.resume.format_list_command(order.dataset_id, order.settings)
        )
        return fetch_status(self.client(order.settings), task, listener)

    @property
    def sleep(self) -> Callable[[float], None]:
        """Sleep for some seconds, or until a signal arrives."""
        return self._interruption.sleep

    def follow(
        self,
        dataset_id: str,
        task_ids: Sequence[str],
        settings: Settings,
        *,
        show: Callable[[], None] = lambda: None,
    ) -> None:
        """From now on, make a signal print how to wait for these tasks, and call `show`."""
        self._interruption.set_final_output(
            partial(self._say_how_to_resume, dataset_id, task_ids, settings, show)
        )

    def _say_how_to_resume(
        self,
        dataset_id: str,
        task_ids: Sequence[str],
        settings: Settings,
        show: Callable[[], None],
        number: int,
    ) -> FinalOutput:
        hint = self.resume.format_wait_hint("it", dataset_id, task_ids, settings)
        words = "interrupted; what was accepted goes on"
        return [
            partial(self.messages.interrupted, number, words, hint),
            partial(self.printer.print_if_missing, show),
        ]

    @property
    def retry_policy(self) -> "RetryPolicy":
        """The retry policy of calls that change nothing."""
        return self._access.retry_policy(self.settings)

    def client(self, settings: Settings) -> "Client":
        """Return the client for these settings. Raises AccessError or InvalidInputError."""
        return self._access.client(settings)

    @property
    def settings(self) -> Settings:
        """The settings when no spec names a project. Raises InvalidInputError."""
        return self._access.settings

    def _get_default_dataset(self) -> str:
        dataset_id = self._shell.environ.get(_DATASET_VARIABLE)
        if not dataset_id:
            raise InvalidInputError(
                "no dataset", hint=f"give DATASET, dataset_id in the spec, or {_DATASET_VARIABLE}"
            )
        try:
            return check_identifier(dataset_id)
        except ValueError as error:
            raise InvalidInputError(f"{_DATASET_VARIABLE}: {error}") from None


class _SubmissionMessages:
    """Prints the events of a submission, and adds the command to run."""

    def __init__(self, messages: Messages, listing: str) -> None:
        self.accepted, self.found = messages.accepted, messages.found
        self.reused, self.skipped = messages.reused, messages.skipped
        self.unseen, self.talk, self.warn, self.alarm = (
            messages.unseen,
            messages.info,
            messages.warn,
            partial(messages.warn, always=True),
        )
        self._listing = listing

    def resent(self, _task: "ExportTask", error: ModelArtsExportError) -> None:
        """Warn of a possible duplicate task, also when quiet."""
        why = f"the outcome of the first send is unknown ({error})"
        self.alarm(
            f"the request was sent twice, because {why}; a duplicate may still appear: {self._listing}"
        )
