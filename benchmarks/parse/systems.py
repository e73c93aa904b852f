"""The parsers under measurement: ours in its processes, each other one as a program of its own environment."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from fieldwise.errors import ParseError
from fieldwise.model import Document
from fieldwise.parse import LocalParser

OURS = "fieldwise"
FLOOR = "pypdfium2"
SECOND_ENGINE = "pymupdf"
PEERS = ("liteparse", "kreuzberg", "pymupdf4llm", "markitdown", "pdfplumber", "docling")
# Seconds a page rather than milliseconds: they read a part of the corpus.
SLOW = ("pymupdf4llm", "markitdown", "pdfplumber", "docling")
PROCESSES = 2

_PROGRAM = Path(__file__).with_name("peer.py")
_LONGEST_SECONDS = 600.0


class Reading(NamedTuple):
    """What a parser made of one document: a text for each page (or one for all), or the reason why not."""

    texts: tuple[str, ...] = ()
    seconds: float = 0.0
    error: str | None = None


class PeerDoesNotRun(Exception):
    """The reason is the message."""


class Peer:
    """One other parser in a child process. Raises PeerDoesNotRun where it cannot be started."""

    def __init__(self, name: str, environments: Path) -> None:
        self.name = name
        own = environments / f"{name}-venv"
        python = (own if own.is_dir() else environments / "venv") / "bin" / "python"
        if not python.exists():
            raise PeerDoesNotRun(f"there is no {python}: see benchmarks/parse/requirements.txt")
        self._process = subprocess.Popen(
            [str(python), "-W", "ignore", str(_PROGRAM), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        head = self._answer()
        if "version" not in head:
            self.close()
            raise PeerDoesNotRun(str(head.get("error", "it said nothing")))
        self.version = str(head["version"])

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def read(self, path: Path) -> Reading:
        """Read one document. After a death or ten minutes it is an error, and so are all further ones."""
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps({"path": str(path)}) + "\n")
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            return Reading(error="its process has ended")
        body = self._answer()
        return Reading(tuple(body.get("texts", ())), float(body.get("seconds", 0.0)), body.get("error"))

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        overdue = threading.Timer(_LONGEST_SECONDS, self._process.kill)
        overdue.start()
        try:
            line = self._process.stdout.readline()
        finally:
            overdue.cancel()
        return json.loads(line) if line else {"error": "its process ended, or took longer than ten minutes"}


class Kept:
    """Texts of other parsers, by parser, version and content: a slow parser reads a document once.

    Ours is never kept: it is what changes.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self.hits = 0

    def read(self, peer: Peer, path: Path) -> Reading:
        if self._folder is None:
            return peer.read(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        file = self._folder / f"{peer.name}-{peer.version}" / f"{digest}.json"
        if file.exists():
            self.hits += 1
            body = json.loads(file.read_text(encoding="utf-8"))
            return Reading(tuple(body["texts"]), body["seconds"], body["error"])
        reading = peer.read(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(reading._asdict()), encoding="utf-8")
        return reading


async def read_ours(parser: LocalParser, paths: Sequence[Path]) -> tuple[float, list[Document | str]]:
    """Return the seconds for all, and each Document or the error; the parser's pool takes them in turn."""

    async def read(path: Path) -> Document | str:
        try:
            return await parser.parse(path)
        except ParseError as error:
            return str(error)

    began = time.perf_counter()
    documents = await asyncio.gather(*map(read, paths))
    return time.perf_counter() - began, list(documents)


def our_parser() -> LocalParser:
    return LocalParser(processes=PROCESSES, timeout_seconds=_LONGEST_SECONDS)
