"""The Parser protocol: a file in, a Document out."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

from fieldwise.model import Document, OnProgress, ignore_progress


@runtime_checkable
class Parser(Protocol):
    """`name` holds the parser's name and version (`local/1 liteparse/2.18.0`): it is recorded as `Document.parser`."""

    @property
    def name(self) -> str: ...

    async def parse(self, path: Path, on_progress: OnProgress = ignore_progress) -> Document:
        """Read the file. Raises `ParseError`s only; a document without any text raises `EmptyDocument`."""
        ...

    async def aclose(self) -> None:
        """End the child processes, if any; a later call may start them again."""
        ...
