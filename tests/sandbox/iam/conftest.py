"""A sandbox whose IAM is called."""

from collections.abc import Iterator

import pytest

from tests.sandbox.iam.iam_client import IamClient


@pytest.fixture
def client() -> Iterator[IamClient]:
    client = IamClient()
    with client.sandbox:
        yield client
