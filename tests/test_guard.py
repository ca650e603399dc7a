"""The network guard: no test connects beyond loopback."""

import socket

import pytest
import requests

from tests.conftest import BeyondLoopbackError

BEYOND = ("192.0.2.1", 80)  # reserved for documentation


@pytest.mark.parametrize("method", ["connect", "connect_ex"])
def test_connection_beyond_loopback_raises(method: str) -> None:
    """The guard raises before any packet is sent."""
    with socket.socket() as tried, pytest.raises(BeyondLoopbackError):
        getattr(tried, method)(BEYOND)


def test_datagram_beyond_loopback_raises() -> None:
    """UDP, as used for name servers, is guarded too."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tried, pytest.raises(BeyondLoopbackError):
        tried.sendto(b"", BEYOND)


def test_name_lookup_raises() -> None:
    """Resolving a name would send packets before any connection."""
    with pytest.raises(BeyondLoopbackError):
        socket.create_connection(("example.test", 80))


def test_inherited_proxies_are_unreachable() -> None:
    """A client that uses them cannot connect."""
    with pytest.raises(requests.exceptions.ProxyError):
        requests.get("http://example.test", timeout=5)
