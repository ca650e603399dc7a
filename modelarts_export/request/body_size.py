"""The size of a request's body, measured without building one that is too large."""

from collections.abc import Iterator, Sequence
from typing import Any

from modelarts_export.errors import Problem
from modelarts_export.request.models import ExportRequest
from modelarts_export.sanitize import to_json

MAX_BODY_BYTES = 12 * 2**20
_BATCH = 1_000  # items of a list that are measured at a time
_MAX_BATCH_LENGTH = 2**20  # characters of the strings of a batch that is formatted as a whole


def check_body_size(request: ExportRequest) -> Iterator[Problem]:
    """API.md, section 5, 4104: the limit is 12 MB, taken as MiB here; the API checks bodies in between."""
    size = _measure_body(request)
    if size > MAX_BODY_BYTES:
        samples = request.samples
        fitting = _count_fitting_samples(samples, size - MAX_BODY_BYTES) if samples else 0
        advice = f"; the first {fitting:,} of the {len(samples):,} samples fit" if fitting else ""
        yield Problem(
            location=("export_params", "samples") if samples else (),
            message=f"the body would have {size:,} bytes; the API accepts {MAX_BODY_BYTES:,}{advice}",
        )


def _measure_body(request: ExportRequest) -> int:
    body = request.to_dict()
    return _measure_json(body) if _count_characters(body) > MAX_BODY_BYTES else len(to_json(body))


def _count_characters(value: Any) -> int:  # noqa: ANN401 - any JSON value
    """Return the number of characters of all strings, a lower bound of the size as JSON."""
    if isinstance(value, list):
        has_only_strings = set(map(type, value)) <= {str}
        return sum(map(len, value)) if has_only_strings else sum(map(_count_characters, value))
    if isinstance(value, dict):
        return sum(map(len, value)) + sum(map(_count_characters, value.values()))
    return len(value) if isinstance(value, str) else 0


def _measure_json(value: Any) -> int:  # noqa: ANN401 - any JSON value
    """Return the size of a value as JSON, of which only batches are built."""
    sizes: dict[int, int] = {}  # by identity: aliases of a spec repeat objects

    def measure(inner: Any) -> int:  # noqa: ANN401 - as above
        size = sizes.get(id(inner))
        if size is None:
            size = sizes[id(inner)] = measure_new(inner)
        return size

    def measure_new(inner: Any) -> int:  # noqa: ANN401 - as above
        if isinstance(inner, list):
            batches = (inner[first : first + _BATCH] for first in range(0, len(inner), _BATCH))
            return 1 + max(1, sum(map(measure_items, batches)))
        if isinstance(inner, dict):
            keys = sum(len(to_json(key)) + len(":,") for key in inner)
            return 1 + max(1, sum(map(measure, inner.values())) + keys)
        return len(to_json(inner))

    def measure_items(items: list[Any]) -> int:
        """Return the size of some items of a list, each with its comma."""
        are_short = set(map(type, items)) == {str} and sum(map(len, items)) <= _MAX_BATCH_LENGTH
        return len(to_json(items)) - 1 if are_short else sum(map(measure, items)) + len(items)

    return measure(value)


def _count_fitting_samples(samples: Sequence[str], excess: int) -> int:
    """Return how many samples remain after removing the last ones until `excess` bytes are saved."""
    count = len(samples)
    while count and excess > 0:
        count -= 1
        excess -= _measure_string(samples[count]) + len(",")
    return count


def _measure_string(text: str) -> int:
    """Return the size of a string as JSON; one without escapes is not formatted."""
    is_plain = (
        text.isascii() and text.isprintable() and '"' not in text and "\\" not in text and "#" not in text
    )
    return len(text) + len('""') if is_plain else len(to_json(text))
