"""Who holds a lease: a name for this process by which others on the same machine can see that it has died.

`boot/pid namespace/pid/start time`: a reused process id has another start time, another machine or container another
boot id or namespace. Where /proc is absent only the lease's end frees the run.
"""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path

_PROC = Path("/proc")


@cache
def _host() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot[:13]}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return f"{socket.gethostname()}/-"


def _start_time(pid: int) -> str | None:
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The command's name may hold spaces and parentheses: count the fields after the last one (proc(5), field 22).
    state, *rest = stat.rsplit(")", 1)[1].split()
    return None if state in "ZX" else rest[18]


def this_process() -> str:
    """Name this process. Read anew each time: after a fork it is another."""
    pid = os.getpid()
    return f"{_host()}/{pid}/{_start_time(pid) or '-'}"


def has_died(owner: str) -> bool:
    """True where the owner is known to be gone; False where it lives or cannot be seen from here."""
    host, _, tail = owner.rpartition("/")
    host, _, pid = host.rpartition("/")
    if host != _host() or tail == "-" or not pid.isdigit():
        return False
    return _start_time(int(pid)) != tail
