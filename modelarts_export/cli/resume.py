"""The commands in hints: wait for tasks, list them, or run a submission again."""

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from modelarts_export.cli.options.flags import format_flag
from modelarts_export.cli.output.messages import Messages
from modelarts_export.config.options import option_fields
from modelarts_export.config.settings import Settings
from modelarts_export.errors import DatasetNameError, NotFoundError
from modelarts_export.identifiers import is_identifier
from modelarts_export.sanitize import escape_controls

if TYPE_CHECKING:
    from modelarts_export.api.task import ExportTask
    from modelarts_export.submission.reuse_policy import ReusePolicy

_CONNECTION = tuple(each.name for each in option_fields(Settings) if not each.metadata.get("submits"))
_REUSE_WITHIN, _STDIN = "--reuse-within", "-"
_MAX_LENGTH = 1000  # characters; a command with thousands of sample IDs is not printed


class ResumeCommands:
    """Formats commands with the flags of the current command."""

    def __init__(
        self,
        messages: Messages,
        arguments: Sequence[str],
        flags: Mapping[str, Any],
        get_settings: Callable[[], Settings],
    ) -> None:
        """Keep the arguments and flags; `get_settings` returns the settings when no spec names a project."""
        self._messages = messages
        self._arguments = arguments
        self._flags = flags
        self._get_settings = get_settings
        self._replaced: dict[str, str] = {}

    def replace_argument(self, argument: str, replacement: str) -> None:
        """Replace an argument, also as the value of --dataset, in commands that repeat the current one."""
        self._replaced |= {before + argument: before + replacement for before in ("", "--dataset=", "-d")}

    def format_wait_hint(
        self,
        dataset_id: str,
        task_ids: Sequence[str],
        settings: Settings,
        *,
        timeout_has_expired: bool = False,
    ) -> str:
        """Return a hint to wait for the tasks; without --timeout when it has expired.

        The hint has no command when an ID is not an identifier: a shell could execute a part of it.
        """
        if not all(map(is_identifier, task_ids)):
            return "no command can wait for a task with an invalid ID; -o json shows it"
        from modelarts_export.polling.options import PollOptions  # noqa: PLC0415 - for this hint alone

        names = [*_CONNECTION, *(each.name for each in option_fields(PollOptions)), "any"]
        if timeout_has_expired:
            names.remove("timeout")
        command = self._format_command(["wait", dataset_id, *task_ids], settings, names)
        return f"wait with: {command}"

    def list_status_hints(self, tasks: Iterable["ExportTask"], settings: Settings) -> list[str]:
        """Return how to see failed tasks, a command for each dataset; nothing when stdout shows them."""
        if self._messages.options.shows_facts:
            return []
        datasets: dict[str, list[str]] = {}
        for task in tasks:
            datasets.setdefault(task.dataset_id, []).append(task.task_id)
        commands = [
            self._format_command(["status", dataset_id, *task_ids], settings, _CONNECTION)
            for dataset_id, task_ids in datasets.items()
            if all(map(is_identifier, task_ids))
        ]
        return [f"see the details with: {command}" for command in commands if len(command) <= _MAX_LENGTH]

    def format_list_command(self, dataset_id: str, settings: Settings, *, path: str = "") -> str:
        """Return the command that lists the tasks of a dataset, or those that write to a path."""
        filters = ["--path", path] if path and self._is_printable(path) else []
        return self._format_command(["list", dataset_id, *filters], settings, _CONNECTION)

    def add_dataset_hint(self, error: NotFoundError, settings: Settings) -> NotFoundError:
        """Return the error, with the command that lists the datasets if it is about an unknown one."""
        from modelarts_export.transport.error_codes import UNKNOWN_DATASET_CODES  # noqa: PLC0415 - for an error alone

        if isinstance(error, DatasetNameError):
            is_unknown, hint = not error.candidates, ""  # the list has the exact names
        else:
            is_unknown, hint = error.error_code in UNKNOWN_DATASET_CODES, error.hint
        if not is_unknown:
            return error
        command = self._format_command(["datasets"], settings, _CONNECTION)
        if command in error.hint:
            return error
        return error.copy_with(hint="; ".join(filter(None, [hint, f"list the datasets with: {command}"])))

    def format_recovery_hint(
        self,
        reuse: "ReusePolicy",
        *,
        dataset_id: str,
        path: str,
        settings: Settings,
        since: float | None = None,
    ) -> str:
        """Return how to find a task that may exist, and, on a second line, how to submit again safely."""
        search = self.format_search_hint(dataset_id=dataset_id, path=path, settings=settings, since=since)
        rerun = self.format_rerun_command(reuse)
        return f"{search}\nto run it again safely, reusing such a task: {rerun}"

    def format_search_hint(
        self, *, dataset_id: str, path: str, settings: Settings, since: float | None
    ) -> str:
        """Return how to find a task that may exist, created at or after `since`, in epoch seconds."""
        created = ""
        if since is not None:
            created = f" created since {datetime.fromtimestamp(since).astimezone():%Y-%m-%d %H:%M:%S %Z}"
        list_command = self.format_list_command(dataset_id, settings, path=path)
        return f"find out whether there is a task for {path}{created}: {list_command}"

    def format_rerun_command(self, reuse: "ReusePolicy", *, hours: int = 1) -> str:
        """Return the current command with flags that reuse an existing task, of at least so many hours.

        It is described where it reads stdin, which is used up.
        """
        command, *arguments = self._arguments or ("",)
        added = [] if reuse.reuse_running else ["--reuse-running"]
        if reuse.reuse_within is None or reuse.reuse_within < hours * 3600:
            added += [_REUSE_WITHIN, f"{hours}h"]
            arguments = _omit_option(arguments, _REUSE_WITHIN)
        given = [self._replaced.get(argument, argument) for argument in arguments]
        line = shlex.join(["modelarts-export", command, *added, *given])
        if not command or _STDIN in given or len(line) > _MAX_LENGTH or not self._is_printable(line):
            return f"the same command with {' '.join(added)}" if added else "the same command"
        return line

    def _format_command(self, arguments: Sequence[str], settings: Settings, names: Sequence[str]) -> str:
        """Return a command line with those flags of `names` that the user gave."""
        flags = dict(self._flags)
        if not flags.get("project_id"):
            only_in_spec = settings.project_id != self._get_settings().project_id
            flags["project_id"] = settings.project_id if only_in_spec else None
        given = [(name, flags[name]) for name in names if flags.get(name) not in (None, False)]
        options = [word for name, value in given for word in self._format_option(name, value)]
        return shlex.join(["modelarts-export", *arguments, *options])

    def _format_option(self, name: str, value: object) -> list[str]:
        """Return the option as given, or with its name in capitals for a value that is not printable."""
        if value is True:
            return [format_flag(name)]
        return [format_flag(name), str(value) if self._is_printable(str(value)) else name.upper()]

    def _is_printable(self, text: str) -> bool:
        """Return whether a text is printed without escapes and redaction, so that it can be copied."""
        return escape_controls(text) == text and not self._messages.contains_secret(text)


def _omit_option(arguments: Sequence[str], flag: str) -> list[str]:
    """Return the arguments without an option and its value."""
    kept: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument == flag:
            next(rest, None)
        elif not argument.startswith(f"{flag}="):
            kept.append(argument)
        if argument == "--":  # files follow
            break
    return [*kept, *rest]
