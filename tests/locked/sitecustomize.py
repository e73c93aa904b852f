"""Locks the network in this interpreter: only this machine may be reached.

tests/conftest.py runs it, and puts its folder on PYTHONPATH, so that every Python that a test starts runs it too.
An audit hook, because it sees asyncio and `socket` alike, and nothing can take it away again.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import sys

LOG_VARIABLE = "NETWORK_LOCK_LOG"


class NetworkLocked(RuntimeError):
    """A test reached for the network. Not an OSError, so that no retry takes it for a bad connection."""


def _refuse_unless_here(event: str, host: object) -> None:
    name = host.decode(errors="replace") if isinstance(host, bytes) else host
    if name is None or name in ("", "localhost", socket.gethostname()):
        return
    with contextlib.suppress(ValueError):  # a name, to be looked up elsewhere
        address = ipaddress.ip_address(str(name))
        if address.is_loopback or address.is_unspecified:
            return
    if log := os.environ.get(LOG_VARIABLE):
        with open(log, "a", encoding="utf-8") as file:  # a file, so that a child's attempt reaches the test
            file.write(f"{event} {name}\n")
    raise NetworkLocked(f"{event} {name}: tests may reach this machine only")


def lock(event: str, arguments: tuple[object, ...]) -> None:
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        family, address = arguments[0].family, arguments[1]  # type: ignore[attr-defined]  # a socket, by the event
        if family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple):
            _refuse_unless_here(event, address[0])
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        _refuse_unless_here(event, arguments[0])


sys.addaudithook(lock)
