"""The progress of one export task, and an estimate of the time that it still takes."""

from modelarts_export.api.task import ExportTask, TaskState

_COMPLETE = 100.0  # per cent


class ProgressEstimator:
    """The progress of one task: from 0 to 100 and never backward, whatever the API reports."""

    def __init__(self) -> None:
        """Start without a status."""
        self.percent: float | None = None
        self.finished: int | None = None
        self.total: int | None = None
        self._first: tuple[float, int] | None = None
        self._last: tuple[float, int] | None = None

    def update(self, task: ExportTask, now: float) -> None:
        """Add the status of the task at `now`, in seconds of a monotonic clock."""
        self.total = self.total if task.total_samples is None else task.total_samples
        if task.finished_samples is not None:
            self.finished = max(task.finished_samples, self.finished or 0)
            self._last = (now, self.finished)
            self._first = self._first or self._last
        percent = task.percent
        if task.state is TaskState.SUCCESSED:
            percent = _COMPLETE
        elif self.finished is not None and self.total:  # exact, unlike the API's own figure
            percent = self.finished / self.total * _COMPLETE
        if percent is not None:
            self.percent = max(min(percent, _COMPLETE), self.percent or 0.0)

    def eta_seconds(self, now: float) -> float | None:
        """Return the estimated seconds left, by the samples a second so far; None without such a rate."""
        if self._first is None or self._last is None or not self.total:
            return None
        (first_time, first_count), (last_time, last_count) = self._first, self._last
        if last_count <= first_count or last_time <= first_time:
            return None
        rate = (last_count - first_count) / (last_time - first_time)
        return max((self.total - last_count) / rate - (now - last_time), 0.0)
