"""The guard itself: no test can leave this machine."""

import socket

import pytest
import requests

from tests.conftest import BeyondLoopbackError

BEYOND = ("192.0.2.1", 80)  # an address for documents, which nobody has


@pytest.mark.parametrize("method", ["connect", "connect_ex"])
def test_no_connection(method: str) -> None:
    """Not even a try."""
    with socket.socket() as tried, pytest.raises(BeyondLoopbackError):
        getattr(tried, method)(BEYOND)


def test_no_datagram() -> None:
    """Nothing is asked of a name server either."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tried, pytest.raises(BeyondLoopbackError):
        tried.sendto(b"", BEYOND)


def test_no_name_is_looked_up() -> None:
    """A name would leave this machine before any connection does."""
    with pytest.raises(BeyondLoopbackError):
        socket.create_connection(("example.test", 80))


def test_the_proxies_that_subprocesses_inherit_are_dead() -> None:
    """A client that honours them gets nowhere."""
    with pytest.raises(requests.exceptions.ProxyError):
        requests.get("http://example.test", timeout=5)
