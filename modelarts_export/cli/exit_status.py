"""How a command that has looked at tasks ends: a hint for each success, and one error for all the rest."""

from collections.abc import Sequence

from modelarts_export.api.task import TaskState
from modelarts_export.cli.context import CommandContext
from modelarts_export.config.settings import Settings
from modelarts_export.errors import ModelArtsExportError, NotFinishedError
from modelarts_export.polling.poller import PollOptions, Snapshot

Outcomes = Sequence[ModelArtsExportError | None]


def raise_for_outcomes(
    session: CommandContext, seen: Snapshot, wait: PollOptions, settings: Settings
) -> None:
    """Say where the exports are. Raises the error that the tasks stand for together, if they do for one."""
    from modelarts_export.polling.outcome import outcome_of  # noqa: PLC0415 - with the table of the API's error codes

    session.output.exported([each.task for each in seen if each.task.state is TaskState.SUCCESSED])
    ends = [outcome_of(each, require_samples=wait.require_samples) for each in seen]
    _raise_combined(session, seen, ends, settings)


def raise_for_status(session: CommandContext, seen: Snapshot, *, exit_status: bool) -> None:
    """Raise the error that stands for what could not be seen, and with `exit_status` for the states, too."""
    from modelarts_export.polling.outcome import fetch_error_of, outcome_of  # noqa: PLC0415 - see conclude

    ends = [fetch_error_of(each) or (outcome_of(each) if exit_status else None) for each in seen]
    _raise_combined(session, seen, ends, session.settings)


def _raise_combined(session: CommandContext, seen: Snapshot, ends: Outcomes, settings: Settings) -> None:
    """Raise the error that these ends make together, if they do; it names the command that waits on."""
    from modelarts_export.polling.outcome import combine_outcomes  # noqa: PLC0415 - see conclude

    error = combine_outcomes(ends)
    if error is None:
        return
    going_on = [each for each, end in zip(seen, ends, strict=True) if isinstance(end, NotFinishedError)]
    if going_on:
        dataset_id, ids = going_on[0].task.dataset_id, [each.task.task_id for each in going_on]
        expired = not all(each.abandoned for each in going_on)  # what else ends a wait
        those = "it" if len(ids) == 1 else f"those {len(ids):,}"
        how = session.wait_command(those, dataset_id, ids, settings, timeout_has_expired=expired)
        error.hint = "; then ".join(filter(None, [error.hint, how]))
    raise error
