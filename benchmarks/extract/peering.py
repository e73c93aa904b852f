"""Peers as the harness runs them: a process of their own environment, one document, the model at an endpoint."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fieldwise.errors import MissingExtra
from fieldwise.llm import Model
from fieldwise.model import Document

from .endpoint import Endpoint
from .tasks import Task

ROOT = Path(__file__).resolve().parents[2]
_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
_PROGRAMS = MappingProxyType(
    {
        "langextract": "benchmarks.extract.peers.langextract_peer",
        "contextgem": "benchmarks.extract.peers.contextgem_peer",
        "instructor": "benchmarks.extract.peers.instructor_peer",
    }
)
PEERS = tuple(_PROGRAMS)
_LONGEST_START = 120.0
_LONGEST_LINE = 64 * 2**20


class PeerFailed(Exception):
    """The peer said that it could not, or ended without an answer. `unsupported` where no settings would help."""

    def __init__(self, message: str, *, unsupported: bool = False) -> None:
        super().__init__(message)
        self.unsupported = unsupported


class Peer:
    """A peer's process that is ready: its libraries are loaded, and its time does not run yet."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, versions: Mapping[str, str]) -> None:
        self.name, self.versions = name, dict(versions)
        self._process = process

    async def extract(self, document: Document, task: Task, model: Model, seconds: float) -> dict[str, Any]:
        """Return the peer's `data`, and the `settings` it used. Raises PeerFailed."""
        async with Endpoint(model, purpose=self.name) as endpoint:
            work = {
                "text": document.markdown,
                "schema": task.asked,
                "base_url": endpoint.url,
                "model": model.name,
                "seconds": seconds,
            }
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(work, ensure_ascii=False).encode() + b"\n")
            await self._process.stdin.drain()
            said = await _line(self._process)
        if "unsupported" in said:
            raise PeerFailed(f"not supported by {self.name}: {said['unsupported']}", unsupported=True)
        if "error" in said:
            raise PeerFailed(said["error"])
        return {"data": said["data"], "settings": said["settings"]}


@contextlib.asynccontextmanager
async def opened(name: str) -> AsyncIterator[Peer]:
    """Start a peer, and end it with all that it started. Raises MissingExtra where its environment is missing."""
    if not _PYTHON.exists():
        raise MissingExtra(
            f"{name} needs an environment of its own, {_PYTHON.parent.parent.name}.",
            next_step="Make it: python3 -m venv .venv-bench && "
            ".venv-bench/bin/pip install -r benchmarks/extract/requirements.txt",
        )
    process = await asyncio.create_subprocess_exec(
        str(_PYTHON),
        "-m",
        _PROGRAMS[name],
        cwd=ROOT,
        env=_environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
        limit=_LONGEST_LINE,
    )
    try:
        async with asyncio.timeout(_LONGEST_START):
            ready = await _line(process)
        yield Peer(name, process, ready["versions"])
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _line(process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise PeerFailed(f"the process ended (code {await process.wait()}) without an answer")
    said: dict[str, Any] = json.loads(line)
    return said


def _environment() -> dict[str, str]:
    """Nothing of the caller's but where to find programs and caches: no keys, no proxies, no telemetry."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        # LiteLLM would fetch its list of prices from GitHub at import.
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_TELEMETRY": "False",
        "HF_HUB_OFFLINE": "1",
        "DO_NOT_TRACK": "1",
    }
