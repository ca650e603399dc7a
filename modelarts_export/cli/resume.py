"""The commands that messages suggest: wait for tasks, list them, or run a submission again."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from modelarts_export.cli.options.flags import format_flag
from modelarts_export.cli.output.messages import Messages
from modelarts_export.config.options import option_fields
from modelarts_export.config.settings import Settings
from modelarts_export.errors import UnknownOutcomeError
from modelarts_export.identifiers import is_identifier
from modelarts_export.sanitize import escape_controls

if TYPE_CHECKING:
    from modelarts_export.submission.reuse import ReusePolicy

_CONNECTION = tuple(each.name for each in option_fields(Settings) if not each.metadata.get("submits"))
_LONGEST_COMMAND = 1000  # characters; a command with thousands of sample IDs is not printed again


class ResumeCommands:
    """Formats commands with the flags that the current command was given."""

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

    def wait_command(
        self,
        those: str,
        dataset_id: str,
        task_ids: Sequence[str],
        settings: Settings,
        *,
        timeout_has_expired: bool = False,
    ) -> str:
        """Return a hint to wait for `those` tasks, without --timeout when it has expired.

        The hint has no command when an ID is no identifier: a shell could run a part of it.
        """
        if not all(map(is_identifier, task_ids)):
            return f"no command waits for {those}: an ID is no plain word; -o json shows it"
        from modelarts_export.polling.poller import PollOptions  # noqa: PLC0415 - for this hint alone

        names = [*_CONNECTION, *(each.name for each in option_fields(PollOptions)), "any"]
        if timeout_has_expired:
            names.remove("timeout")
        command = self._format_command(["wait", dataset_id, *task_ids], settings, names)
        return f"wait for {those} with: {command}"

    def list_command(self, dataset_id: str, settings: Settings) -> str:
        """Return the command that lists the tasks of a dataset."""
        return self._format_command(["list", dataset_id], settings, _CONNECTION)

    def recovery_hint(
        self,
        error: UnknownOutcomeError,
        reuse: "ReusePolicy",
        *,
        dataset_id: str,
        path: str,
        settings: Settings,
    ) -> str:
        """Return how to find a task that may exist, and how to submit again without a duplicate."""
        since = ""
        if error.since is not None:
            since = f" created since {datetime.fromtimestamp(error.since).astimezone():%Y-%m-%d %H:%M:%S %Z}"
        find = (
            f"find out whether there is a task for {error.path or path}{since}: "
            f"{self.list_command(dataset_id, settings)}"
        )
        return f"{find}; a safe way to run it again, which reuses such a task: {self._rerun_command(reuse)}"

    def _rerun_command(self, reuse: "ReusePolicy") -> str:
        """Return the current command with the flags that reuse an existing task."""
        added = [] if reuse.reuse_running else ["--reuse-running"]
        added += [] if reuse.reuse_within is not None else ["--reuse-within", "1h"]
        command, *words = self._arguments or ("",)
        line = shlex.join(["modelarts-export", command, *added, *words])
        if not command or len(line) > _LONGEST_COMMAND or not self._can_show(line):
            return f"the same command with {' '.join(added)}" if added else "the same command"
        return line

    def _format_command(self, words: Sequence[str], settings: Settings, names: Sequence[str]) -> str:
        """Return a command line with those of the named flags that were given."""
        flags = dict(self._flags)
        if not flags.get("project_id"):
            only_in_spec = settings.project_id != self._get_settings().project_id
            flags["project_id"] = settings.project_id if only_in_spec else None
        given = [(name, flags[name]) for name in names if flags.get(name) not in (None, False)]
        options = [word for name, value in given for word in self._format_option(name, value)]
        return shlex.join(["modelarts-export", *words, *options])

    def _format_option(self, name: str, value: object) -> list[str]:
        """Return an option as given, with its name in capitals for a value that cannot be printed."""
        if value is True:
            return [format_flag(name)]
        return [format_flag(name), str(value) if self._can_show(str(value)) else name.upper()]

    def _can_show(self, text: str) -> bool:
        """Return whether a text is printed unchanged, so that a shell reads what was quoted for it."""
        return escape_controls(text) == text and not self._messages.contains_secret(text)
