"""One table: for each kind of file that detect.py knows, the leaf that reads it. Runs in the reading process only.

A reader yields `(media type, pages or None)` once, then pages and issues as they are found, and raises ParseErrors.
Leaves are imported when a file needs them: a PDF does not wait for what reads workbooks.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

from fieldwise.errors import DamagedDocument, FieldwiseError, UnsupportedFormat
from fieldwise.model import Page, ParseIssue

from .detect import SUPPORTED, Detected

Item = tuple[str, int | None] | Page | ParseIssue

_MEGABYTE = 1024 * 1024


class Job(NamedTuple):
    """What to read. `path` is for messages; `depth` counts the files that this one was found within."""

    data: bytes
    found: Detected
    path: str
    max_pages: int
    max_inflated: int = 1024 * _MEGABYTE
    depth: int = 0


def read(job: Job) -> Iterator[Item]:
    """Yield media type and number of pages first, then pages and issues. Raises ParseError or MissingExtra only."""
    reader = READERS.get(job.found.kind)
    if reader is None:
        raise UnsupportedFormat(
            f"{job.path} is {job.found.name}, which is not supported.",
            next_step=job.found.next_step or f"Supported are {SUPPORTED}: convert it to one of these.",
            path=job.path,
            found=job.found.name,
        )
    try:
        yield from reader(job)
    except (FieldwiseError, MemoryError):
        raise
    except Exception as error:  # a hostile file may fail anywhere in a library, with anything
        print(f"{job.found.kind}: {error!r}", file=sys.stderr)
        raise DamagedDocument(
            f"{job.path} begins as {job.found.name} but is damaged or cut off: {_reason(error)}.",
            next_step="Download or export it again, or open it in the program that made it and save a copy.",
            path=job.path,
            reason=_reason(error),
        ) from None


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "its parts are nested too deep"
    return f"{type(error).__name__}: {error}"[:300].rstrip(".: ")


def _pdf(job: Job) -> Iterator[Item]:
    from .pdf import read_pdf

    return read_pdf(job.data, max_pages=job.max_pages, path=job.path)


def _text(job: Job) -> Iterator[Item]:
    from .text import read_text

    return read_text(job.data, job.found.encoding or "utf-8", max_pages=job.max_pages, path=job.path)


READERS: dict[str, Callable[[Job], Iterator[Item]]] = {
    "pdf": _pdf,
    "text": _text,
}
