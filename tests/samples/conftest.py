"""A fixture for the tests of sample configurations."""

from collections.abc import Iterator

import pytest

from tests.conftest import Cloud, sandboxed


@pytest.fixture
def instant() -> Iterator[Cloud]:
    """Serve a sandbox whose tasks are finished at once."""
    with sandboxed(task_duration=0.0) as cloud:
        yield cloud
