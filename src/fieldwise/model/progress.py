"""Progress: what a running stage tells whoever watches. Never persisted, never carries document text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from .base import Frozen

Stage = Literal["parse", "propose", "extract", "model"]


class Progress(Frozen):
    """`done` of `total` `unit`s (pages, tokens read, tokens written); `total` is None where it is not known."""

    stage: Stage
    message: str
    done: int | None = None
    total: int | None = None
    unit: str = ""


OnProgress = Callable[[Progress], None]


def ignore_progress(progress: Progress) -> None:
    """The listener for whoever does not watch."""
