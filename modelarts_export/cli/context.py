"""What a command needs, built when first asked for: the lazy seam that keeps requests out of a start."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from modelarts_export.api.endpoints import tasks_path
from modelarts_export.api.task import ExportTask
from modelarts_export.cli.access import Access
from modelarts_export.cli.options.request_input import RequestInput
from modelarts_export.cli.output.messages import Messages
from modelarts_export.cli.output.printer import ResultPrinter
from modelarts_export.cli.supervision import Interruption, LastWords
from modelarts_export.clock import SYSTEM_CLOCK
from modelarts_export.config.settings import (
    Settings,
    flag_name,
    make_environment_layer,
    make_flag_layer,
    option_fields,
    value_of,
    variable_name,
)
from modelarts_export.errors import (
    InvalidInputError,
    ModelArtsExportError,
    PathUsedError,
    Problem,
    UnknownOutcomeError,
)
from modelarts_export.polling.poller import PollOptions
from modelarts_export.request.field_types import check_identifier
from modelarts_export.request.models import ExportRequest
from modelarts_export.sanitize import escape_controls, is_identifier
from modelarts_export.spec.interpolation import Interpolator, parse_assignments
from modelarts_export.submission.reuse import ReusePolicy
from modelarts_export.transport.retry import RetryPolicy

if TYPE_CHECKING:
    from modelarts_export.api.client import Client
    from modelarts_export.spec.loader import SpecSet
    from modelarts_export.submission.submit import Submission

# What a command has to be told again to reach the same project, and what one that goes on with a wait has.
_CONNECTION = tuple(each.name for each in option_fields(Settings) if not each.metadata.get("submits"))
_RESUMED = (*_CONNECTION, *(each.name for each in option_fields(PollOptions)), "any")
_LONGEST_COMMAND = 1000  # characters; a command with thousands of sample IDs is not printed again
_DATASET_VARIABLE = variable_name("dataset_id")


@dataclass(frozen=True, kw_only=True)
class AppContext:
    """What the process has: output streams, environment, arguments, signals, and the instant of its start."""

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
        timeout: float = value_of(
            Settings, "read_timeout", make_flag_layer(flags), make_environment_layer(self.environ)
        )
        return timeout

    def load_specs(self, files: Sequence[str], assignments: Sequence[str]) -> "SpecSet":
        """Return what spec files ask for, and warn of what may be wrong with it.

        Raises InvalidInputError for everything that is wrong.
        """
        from modelarts_export.spec.loader import load_specs  # noqa: PLC0415 - yaml is loaded here

        plan = load_specs(files, self.make_interpolator(assignments), self.read_timeout({}))
        self.warn(plan.warnings)
        return plan

    def warn(self, warnings: Sequence[Problem]) -> None:
        """Warn of what may be wrong, and say how much more of it there is."""
        for warning in warnings:
            self.messages.warn(str(warning) if warning.message else f"and {warning.count:,} more warnings")


@dataclass(frozen=True, kw_only=True)
class ResolvedExport:
    """An export that is right and complete, and the settings by which it is sent."""

    dataset_id: str
    request: ExportRequest
    settings: Settings

    @property
    def url(self) -> str:
        """Where it is sent to; what is not known stands in braces."""
        project_id = self.settings.project_id
        path = tasks_path(project_id or "PROJECT", self.dataset_id)
        if not project_id:
            path = path.replace("PROJECT", "{project_id}", 1)
        return (self.settings.base_url or "{endpoint}") + path


class CommandContext:
    """One run of one command: its settings, its credentials and its client."""

    def __init__(self, shell: AppContext, flags: Mapping[str, Any]) -> None:
        """Take the flags of the connection as they were given."""
        self.messages = shell.messages
        self.printer = shell.printer
        self._shell = shell
        self._interruption = shell.interruption
        self._flags = flags
        self._access = Access(shell.messages, shell.environ, flags)
        self._submitted: Submission | None = None

    def close(self) -> None:
        """Hang up, when the command has ended."""
        self._access.close()

    def resolve(self, draft: RequestInput[Any]) -> ResolvedExport:
        """Return what is to be sent, and warn of what may be wrong with it.

        Raises InvalidInputError for everything that is wrong.
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
        """Warn of a spec that names another project than the configured one: it may come from a stranger."""
        configured = self._access.settings
        if project_id and configured.project_id and project_id != configured.project_id:
            origin = configured.origins["project_id"]
            self.messages.warn(
                f"project_id {project_id} of the spec differs from {configured.project_id} ({origin})"
            )

    def submit(self, order: ResolvedExport, reuse: ReusePolicy) -> ExportTask:
        """Create the task, or reuse one, or skip. Raises what Submission.run raises, and what a client lacks.

        A signal waits for a reply on its way; the last words say what may be left behind, and how to find it.
        """
        self._conclude_submission_with(None, order)
        submission = self._submission(order, reuse)
        self._conclude_submission_with(submission, order)
        self.printer.load_renderer()
        with self._interruption.sending(
            is_sending=lambda: submission.is_sending, cancel=submission.cancel, tell=self.messages.info
        ):
            try:
                return submission.run()
            except PathUsedError as error:
                error.hint = f"{error.hint}, or let {flag_name('if_path_used')} warn"
                raise
            except UnknownOutcomeError as error:
                self.messages.keep(*error.task_ids)
                error.hint = self._recipe(error, order, reuse)
                raise

    def _submission(self, order: ResolvedExport, reuse: ReusePolicy) -> "Submission":
        from modelarts_export.submission.submit import Desk, Submission  # noqa: PLC0415 - requests is loaded here

        client, timing = self.client(order.settings), replace(SYSTEM_CLOCK, sleep=self._interruption.sleep)
        listener = _Told(self.messages, self.list_command(order))
        desk = Desk(client=client, settings=order.settings, listener=listener, timing=timing)
        self._submitted = Submission(desk, order.dataset_id, order.request, reuse=reuse)
        return self._submitted

    def check_for_duplicates(self) -> None:
        """Tell of a duplicate of the task that was submitted, when the request was sent twice."""
        if self._submitted:
            self._submitted.check_for_duplicates()

    def _conclude_submission_with(self, submission: "Submission | None", order: ResolvedExport) -> None:
        self._interruption.conclude_with(partial(self._say_what_is_left, submission, order))

    def _say_what_is_left(
        self, submission: "Submission | None", order: ResolvedExport, number: int
    ) -> LastWords:
        task = submission.task if submission else None
        if task:
            show = partial(self.printer.task, task)
            return self._say_how_to_resume(order.dataset_id, [task.task_id], order.settings, show, number)
        if submission and submission.outcome_unknown:
            hint = f"look before you submit it again: {self.list_command(order)}"
            words = "interrupted; an export task may have been accepted"
            return [partial(self.messages.interrupted, number, words, hint)]
        words = "interrupted; nothing was sent, or nothing of it accepted"
        return [partial(self.messages.interrupted, number, words, always=False)]

    def fetch_status(self, order: ResolvedExport, task: ExportTask) -> ExportTask:
        """Return a task as one look shows it, if the look works."""
        from modelarts_export.submission.submit import fetch_status  # noqa: PLC0415 - see _submission

        listener = _Told(self.messages, self.list_command(order))
        return fetch_status(self.client(order.settings), task, listener)

    @property
    def sleep(self) -> Callable[[float], None]:
        """What lets seconds pass, until a signal arrives."""
        return self._interruption.sleep

    def follow(
        self,
        dataset_id: str,
        task_ids: Sequence[str],
        settings: Settings,
        *,
        show: Callable[[], None] = lambda: None,
    ) -> None:
        """Have a signal say from now on how to wait for these tasks, and `show` the result."""
        self._interruption.conclude_with(
            partial(self._say_how_to_resume, dataset_id, task_ids, settings, show)
        )

    def _say_how_to_resume(
        self,
        dataset_id: str,
        task_ids: Sequence[str],
        settings: Settings,
        show: Callable[[], None],
        number: int,
    ) -> LastWords:
        hint = self.wait_command("it", dataset_id, task_ids, settings)
        words = "interrupted; what was accepted goes on"
        return [
            partial(self.messages.interrupted, number, words, hint),
            partial(self.printer.print_if_missing, show),
        ]

    def wait_command(
        self,
        those: str,
        dataset_id: str,
        task_ids: Sequence[str],
        settings: Settings,
        *,
        timeout_has_expired: bool = False,
    ) -> str:
        """Return how to wait for `those` tasks: the command with the flags that were given.

        There is none for an ID that is no plain word: a shell might obey it, and our own commands refuse it.
        """
        if not all(map(is_identifier, task_ids)):
            return f"no command waits for {those}: an ID is no plain word; -o json shows it"
        names = [name for name in _RESUMED if not (timeout_has_expired and name == "timeout")]
        return (
            f"wait for {those} with: {self._make_command(['wait', dataset_id, *task_ids], settings, names)}"
        )

    def list_command(self, order: ResolvedExport) -> str:
        """Return the command that lists the tasks among which that of an order may be."""
        return self._make_command(["list", order.dataset_id], order.settings, _CONNECTION)

    def _recipe(self, error: UnknownOutcomeError, order: ResolvedExport, reuse: ReusePolicy) -> str:
        """Return what to do when it is not known whether there is a task: where to look, and how to go on."""
        since = ""
        if error.since is not None:
            since = f" created since {datetime.fromtimestamp(error.since).astimezone():%Y-%m-%d %H:%M:%S %Z}"
        path = error.path or order.request.path
        find = f"find out whether there is a task for {path}{since}: {self.list_command(order)}"
        return f"{find}; a safe way to run it again, which reuses such a task: {self._rerun(reuse)}"

    def _rerun(self, reuse: ReusePolicy) -> str:
        """Return the command of this process with the flags that reuse a task which is there."""
        added = [] if reuse.reuse_running else ["--reuse-running"]
        added += [] if reuse.reuse_within is not None else ["--reuse-within", "1h"]
        command, *words = self._shell.arguments or ("",)
        line = shlex.join(["modelarts-export", command, *added, *words])
        if not command or len(line) > _LONGEST_COMMAND or not self._can_show(line):
            return f"the same command with {' '.join(added)}" if added else "the same command"
        return line

    def _make_command(self, words: Sequence[str], settings: Settings, names: Sequence[str]) -> str:
        """Return a command line with those of the flags of these names that were given."""
        flags = {**self._flags, "project_id": self._flags.get("project_id") or self._only_in_spec(settings)}
        given = [(name, flags.get(name)) for name in names]
        said = [
            word for name, value in given if value not in (None, False) for word in self._option(name, value)
        ]
        return shlex.join(["modelarts-export", *words, *said])

    def _option(self, name: str, value: object) -> list[str]:
        """Return an option as it was given; a value that cannot be shown as it is has its name instead."""
        if value is True:
            return [flag_name(name)]
        return [flag_name(name), str(value) if self._can_show(str(value)) else name.upper()]

    def _can_show(self, text: str) -> bool:
        """Tell whether a text is printed as it is, so that a shell reads what was quoted for it."""
        return escape_controls(text) == text and not self.messages.contains_secret(text)

    def _only_in_spec(self, settings: Settings) -> str | None:
        return None if settings.project_id == self.settings.project_id else settings.project_id

    @property
    def retry_policy(self) -> RetryPolicy:
        """How calls are retried that change nothing, by the settings in force."""
        return self._access.retry_policy(self.settings)

    def client(self, settings: Settings) -> "Client":
        """Return the client for these settings. Raises what Access.client raises."""
        return self._access.client(settings)

    @property
    def settings(self) -> Settings:
        """The settings in force where no spec says anything. Raises InvalidInputError."""
        return self._access.settings

    def _get_default_dataset(self) -> str:
        usual = self._shell.environ.get(_DATASET_VARIABLE)
        if not usual:
            raise InvalidInputError(
                "no dataset", hint=f"give DATASET, dataset_id in the spec, or {_DATASET_VARIABLE}"
            )
        try:
            return check_identifier(usual)
        except ValueError as error:
            raise InvalidInputError(f"{_DATASET_VARIABLE}: {error}") from None


class _Told:
    """Shows what a submission tells, with the command that the library does not name."""

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

    def resent(self, _task: ExportTask, error: ModelArtsExportError) -> None:
        """Warn of a possible duplicate task, also when quiet."""
        why = f"the outcome of the first send is unknown ({error})"
        self.alarm(
            f"the request was sent twice, because {why}; a duplicate may still appear: {self._listing}"
        )
