import socket

import pytest
from pytest_socket import SocketConnectBlockedError


def test_a_unit_test_cannot_leave_this_computer() -> None:
    with socket.socket() as client, pytest.warns(match="192.0.2.1"):  # noqa: SIM117
        with pytest.raises(SocketConnectBlockedError):
            client.connect(("192.0.2.1", 80))
