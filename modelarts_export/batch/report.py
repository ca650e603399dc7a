"""The report of a batch: a row for each of its exports, in their order, and the outcome of all together."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelarts_export.api.task import SHOWN_FIRST, ExportTask, TaskState
from modelarts_export.batch.plan import PlannedExport, split_place
from modelarts_export.errors import (
    CertificateError,
    MixedOutcomesError,
    ModelArtsExportError,
    Problem,
    TemporaryError,
    UnknownOutcomeError,
)
from modelarts_export.polling.outcome import FAILURES, SUCCEEDED, Outcome, combine_types, format_summary
from modelarts_export.quoting import list_first

# In the order of a summary. An export without a task has any other error.
_CREATED, _REUSED, _SKIPPED = "created", "reused", "skipped"
_FAILURES: Mapping[type[ModelArtsExportError], str] = {
    **FAILURES,
    UnknownOutcomeError: "perhaps created",
}
_NOT_CREATED, _NOT_SENT = "not created", "not sent"
_LABELS = (SUCCEEDED, _CREATED, _REUSED, _SKIPPED, *_FAILURES.values(), _NOT_CREATED, _NOT_SENT)
_MOST_NAMED = 3  # specs that have the same error


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportRow:
    """One export of a batch, and its outcome.

    `spec` is the position of its document, as file:line, and `name` its label, if it has one. `task` is the
    task as it was last seen, and None without one. `error` is why there is no task, or, after a wait, how the
    task ended other than with success. An export with neither was never accepted and is not going to be sent.
    """

    spec: str
    name: str | None
    dataset_id: str
    project_id: str | None
    path: str
    task: ExportTask | None = None
    error: ModelArtsExportError | None = None

    @property
    def file(self) -> str:
        """The file of the spec."""
        return split_place(self.spec)[0]

    @property
    def line(self) -> int | None:
        """The line of the file at which the spec begins, from 1."""
        return split_place(self.spec)[1]

    @property
    def title(self) -> str:
        """The name of the spec in messages: its position, and its label if it has one."""
        return f"{self.spec} ({self.name})" if self.name else self.spec

    @property
    def was_sent(self) -> bool:
        """Whether there is a task, or an error that says why not."""
        return self.task is not None or self.error is not None

    @property
    def exit_code(self) -> int | None:
        """The exit code of this export alone; None when it was not sent."""
        if self.error:
            return self.error.exit_code
        return 0 if self.task else None

    @property
    def may_succeed_later(self) -> bool:
        """Whether another submission, which reuses the tasks that exist, may succeed."""
        if self.task:
            return self.task.is_finished and self.task.state is not TaskState.SUCCESSED
        is_transient = isinstance(self.error, TemporaryError) and not isinstance(self.error, CertificateError)
        return self.error is None or isinstance(self.error, UnknownOutcomeError) or is_transient

    @property
    def error_code(self) -> str | None:
        """The API's code of the failure, of the task or of the request."""
        code = self.task.failure[0] if self.task else None
        return code or (self.error.error_code if self.error else None)

    @property
    def error_msg(self) -> str | None:
        """Why the export failed, in the words of the API if the task has some; None when it did not."""
        message = self.task.failure[1] if self.task else ""
        return message or (self.error.bare_message if self.error else None)

    @property
    def label(self) -> str:
        """The outcome as a summary counts it."""
        if self.error:
            return _FAILURES.get(type(self.error), _NOT_CREATED)
        if self.task is None:
            return _NOT_SENT
        if self.task.skipped:
            return _SKIPPED
        return _REUSED if self.task.reused else _CREATED

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of the task, None where there is no task, and those of the row."""
        unknown: dict[str, Any] = dict.fromkeys(SHOWN_FIRST)
        place = {"dataset_id": self.dataset_id, "project_id": self.project_id, "path": self.path}
        without_task = {
            **unknown,
            **place,
            "location": f"obs:/{self.path}",
            "reused": False,
            "skipped": False,
        }
        own = {"name": self.name, "spec": self.spec}
        failure = {
            "exit_code": self.exit_code,
            "error_code": self.error_code,
            "error_msg": self.error_msg,
            "http_status": self.error.http_status if self.error else None,
            "request_id": self.error.request_id if self.error else None,
        }
        return {**own, **(self.task.to_dict() if self.task else without_task), **own, **failure}


@dataclass(frozen=True, kw_only=True)
class BatchReport:
    """The rows of a batch in the order of its specs.

    `seconds` is how long the batch took, with its wait. `has_waited`: the tasks were polled until their end,
    so that a row without an error has succeeded. `timed_out` says so of a wait that has timed out.
    """

    rows: Sequence[ReportRow]
    seconds: float | None = None
    has_waited: bool = False
    timed_out: str = ""

    @property
    def tasks(self) -> list[ExportTask]:
        """The tasks of the rows that have one."""
        return [row.task for row in self.rows if row.task]

    def summarize(self) -> str:
        """Return how many exports have each outcome: `20 tasks: 18 succeeded, 2 failed in 41s`.

        They are `exports` unless each has a task.
        """
        noun = "task" if len(self.tasks) == len(self.rows) else "export"
        labels = list(map(self._get_label, self.rows))
        summary = format_summary(labels, _LABELS, seconds=self.seconds, noun=noun)
        return f"{self.timed_out}; {summary}" if self.timed_out else summary

    def _get_label(self, row: ReportRow) -> str:
        return SUCCEEDED if self.has_waited and row.label == _CREATED else row.label

    def combine(self, *, hint: str = "") -> Outcome:
        """Return the outcome of all exports together, None when each has succeeded.

        The same error of all is returned as it is, with its own hint; an unknown outcome, whose hint is about
        one path, only if it is alone, and with `hint`. Otherwise the class, and so the exit code, is that of
        all errors if they agree, as in combine_types; an export that was not sent counts as an outcome that
        differs from all others. The message is the summary; `problems` has the failures, those first that a
        summary has first, and each hint once, save those in the lines of `hint`, which is that of the whole.
        """
        errors = [row.error for row in self.rows if row.error]
        outcomes: list[Outcome] = [row.error if row.was_sent else MixedOutcomesError("") for row in self.rows]
        if not any(outcomes):
            return None
        if errors and len(errors) == len(outcomes) and len(set(map(_identify, errors))) == 1:
            if not isinstance(errors[0], UnknownOutcomeError):
                return errors[0]
            if len(errors) == 1:
                return errors[0].copy_with(hint=hint or errors[0].hint)
        hints = {error.hint for error in errors}
        hint = hint or (hints.pop() if len(hints) == 1 else "")
        return combine_types(outcomes)(
            self.summarize(), hint=hint, problems=list(self._list_problems({"", *hint.splitlines()}))
        )

    def _list_problems(self, known_hints: set[str]) -> Iterator[Problem]:
        """Yield a problem for each message, at the first spec that has it; request IDs make no difference."""
        groups: dict[object, list[ReportRow]] = {}
        for row in sorted(self.rows, key=lambda row: _LABELS.index(row.label)):
            if row.error:
                groups.setdefault(_identify(row.error), []).append(row)
        for rows in groups.values():
            first, message, hint = rows[0], str(rows[0].error), rows[0].error.hint if rows[0].error else ""
            yield Problem(
                message=message if hint in known_hints else f"{message}; {hint}",
                place=list_first([row.title for row in rows], _MOST_NAMED),
                file=first.file,
                line=first.line,
            )
            known_hints.add(hint)


def _identify(error: ModelArtsExportError) -> object:
    """Return what is equal for errors that say the same."""
    return type(error), error.error_code, error.http_status, error.bare_message


def make_rows(exports: Iterable[PlannedExport], project_id: str | None) -> list[ReportRow]:
    """Return the rows of exports that were not sent."""
    return [
        ReportRow(
            spec=export.spec,
            name=export.name,
            dataset_id=export.dataset_id,
            project_id=project_id,
            path=export.request.path,
        )
        for export in exports
    ]
