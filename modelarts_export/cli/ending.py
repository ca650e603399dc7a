"""How a command that has waited ends: with a hint for each success, and with one error for all the rest."""

from collections.abc import Sequence

from modelarts_export.cli.session import Session
from modelarts_export.config import Settings
from modelarts_export.errors import UnseenEndError
from modelarts_export.outcomes import End, end_of, together
from modelarts_export.task import TaskState
from modelarts_export.waiting import Followed, Snapshot, WaitSettings


def conclude(session: Session, seen: Snapshot, wait: WaitSettings, settings: Settings) -> None:
    """Say where the exports are. Raises the error that the tasks stand for together, if they do for one."""
    for each in seen:
        if each.task.state is TaskState.SUCCESSED:
            session.output.exported(each.task)
    raise_for(session, seen, [end_of(each, require_samples=wait.require_samples) for each in seen], settings)


def raise_for(session: Session, seen: Sequence[Followed], ends: Sequence[End], settings: Settings) -> None:
    """Raise the error that these ends make together, if they do; it names the command that waits on."""
    error = together(ends)
    if error is None:
        return
    going_on = [each.task for each, end in zip(seen, ends, strict=True) if isinstance(end, UnseenEndError)]
    if going_on:
        resuming = f"wait for it with: {session.resuming(going_on, settings)}"
        error.hint = "; then ".join(filter(None, [error.hint, resuming]))
    raise error
