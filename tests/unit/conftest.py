"""Unit tests reach nothing beyond this computer."""

import pytest
from pytest_socket import socket_allow_hosts


@pytest.hookimpl(trylast=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse connections to other computers."""
    socket_allow_hosts(["127.0.0.1", "::1"], allow_unix_socket=True)
