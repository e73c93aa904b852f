"""The lock that keeps every test on this machine is itself tested: a lock that does not hold proves nothing."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import urllib.request
from typing import Any

import pytest


def test_a_connection_to_another_machine_is_refused(network_attempts: Any) -> None:
    with socket.socket() as client, pytest.raises(RuntimeError, match=r"192\.0\.2\.1"):
        client.connect(("192.0.2.1", 80))
    assert network_attempts.take() == ["socket.connect 192.0.2.1"]


def test_a_datagram_to_another_machine_is_refused(network_attempts: Any) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as client, pytest.raises(RuntimeError):
        client.sendto(b"hello", ("192.0.2.1", 53))
    assert network_attempts.take()


def test_a_name_is_not_looked_up(network_attempts: Any) -> None:
    with pytest.raises(RuntimeError, match=r"telemetry\.example"):
        urllib.request.urlopen("https://telemetry.example/ping")
    assert network_attempts.take()


async def test_asyncio_is_locked_too(network_attempts: Any) -> None:
    with pytest.raises(RuntimeError):
        await asyncio.open_connection("192.0.2.1", 80)
    assert network_attempts.take()


def test_a_process_that_a_test_starts_is_locked_and_cannot_hide_it(network_attempts: Any) -> None:
    code = (
        "import socket, contextlib\nwith contextlib.suppress(BaseException): socket.create_connection(('192.0.2.1', 9))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert network_attempts.take() == ["socket.getaddrinfo 192.0.2.1"]


def test_this_machine_can_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(("localhost", server.getsockname()[1])) as client:
            client.sendall(b"here")
        connection, _ = server.accept()
        with connection:
            assert connection.recv(4) == b"here"


def test_the_environment_holds_no_settings_and_no_keys_of_the_user() -> None:
    ours = {name for name in os.environ if name.startswith("FIELDWISE_")}
    assert ours == {"FIELDWISE_STORE", "FIELDWISE_CACHE_DIR"}
    assert "OPENAI_API_KEY" not in os.environ
