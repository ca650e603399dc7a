"""How far an export task is, how fast it goes and when it will be done, from what it said at each look."""

from modelarts_export.api.task import ExportTask, TaskState

_WHOLE = 100.0  # per cent


class ProgressEstimator:
    """The progress of one task: from 0 to 100, never running backwards, whatever the API says."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self.percent: float | None = None
        self.finished: int | None = None
        self.total: int | None = None
        self._first: tuple[float, int] | None = None
        self._last: tuple[float, int] | None = None

    def update(self, task: ExportTask, now: float) -> None:
        """Take in a look at the task; `now` is in seconds of any clock that runs on."""
        self.total = self.total if task.total_samples is None else task.total_samples
        if task.finished_samples is not None:
            self.finished = max(task.finished_samples, self.finished or 0)
            self._last = (now, self.finished)
            self._first = self._first or self._last
        percent = _WHOLE if task.state is TaskState.SUCCESSED else self._compute_percent(task)
        if percent is not None:
            self.percent = max(min(percent, _WHOLE), self.percent or 0.0)

    def _compute_percent(self, task: ExportTask) -> float | None:
        """Return the share of samples, which is exact, or else the API's own figure."""
        if self.finished is not None and self.total:
            return self.finished / self.total * _WHOLE
        return task.percent

    def eta_seconds(self, now: float) -> float | None:
        """Return when it will be done, by the samples a second so far; None while that cannot be told."""
        if self._first is None or self._last is None or not self.total:
            return None
        (began, at_first), (seen, at_last) = self._first, self._last
        if at_last <= at_first or seen <= began:
            return None
        rate = (at_last - at_first) / (seen - began)
        return max((self.total - at_last) / rate - (now - seen), 0.0)
