"""The reading process: takes requests on stdin, answers on stdout, one file after the other, until stdin ends.

sandbox.py starts it. Limits are set before anything is read, it can write no file, and it ends with its parent.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import queue
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

from fieldwise.errors import EmptyDocument, MissingExtra, ParseError, ParseLimit
from fieldwise.model import Page, ParseIssue

from .detect import Detected, detect
from .frames import Done, Failed, FrameError, Opened, PageRead, Picture, Recognizing, Request, Unpacker, pack
from .ocr import missing_extra
from .readers import Job, read
from .source import read_file

_PR_SET_PDEATHSIG = 1
_MEGABYTE = 1024 * 1024


def main(memory_mb: int) -> None:
    """Serve until the parent closes our stdin, or dies."""
    _set_limits(memory_mb)
    # Native code that prints must not print into the frames.
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    requests: queue.SimpleQueue[Request] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()
    with contextlib.suppress(BrokenPipeError):
        while True:
            serve(requests.get(), answers, memory_mb)


def serve(request: Request, answers: BinaryIO, memory_mb: int) -> None:
    """Answer one request: `Opened`, a `PageRead` for each page, then `Done`; or `Failed` wherever it ends."""
    try:

        def recognizing(page: int) -> None:
            answers.write(pack(Recognizing(page=page)))

        for message in _draw(request) if request.picture is not None else _read(request, recognizing):
            answers.write(pack(message))
        return
    except (ParseError, MissingExtra) as error:
        failed = _failure(error)
    except MemoryError:
        failed = _failure(too_much_memory(memory_mb))
    except FrameError:
        failed = _failure(
            ParseLimit("A page of the document is too large to be handed over.", next_step="Split the document.")
        )
    answers.write(pack(failed))


def too_much_memory(memory_mb: int) -> ParseLimit:
    return ParseLimit(
        f"Reading the document takes more than {memory_mb:,} MB of memory.",
        next_step="A small file that does so is damaged or malicious; for a large one raise the setting "
        "parse_memory_mb (FIELDWISE_PARSE_MEMORY_MB), or split it.",
        limit="parse_memory_mb",
    )


def _draw(request: Request) -> Iterator[Picture | Done]:
    from .drawing import draw

    assert request.picture is not None  # noqa: S101  # the caller asked for it
    source = read_file(request.path, request.max_file_mb * _MEGABYTE)
    yield draw(source.data, source.id, detect(source.data), request.picture, request.path)
    yield Done(peak_memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def _read(request: Request, recognizing: Callable[[int], None]) -> Iterator[Opened | PageRead | Done]:
    source = read_file(request.path, request.max_file_mb * _MEGABYTE)
    found = detect(source.data)
    issues: list[ParseIssue] = []
    words = 0
    job = Job(
        source.data,
        found,
        request.path,
        request.max_pages,
        ocr=request.ocr,
        ocr_dpi=request.ocr_dpi,
        recognizing=recognizing,
    )
    for item in read(job):
        if isinstance(item, ParseIssue):
            issues.append(item)
        elif isinstance(item, Page):
            # Words, not markdown, say whether there is text: the markdown of an empty table has pipes.
            words += item.word_count
            yield PageRead(page=item)
        else:
            media_type, pages = item
            yield Opened(id=source.id, media_type=media_type, pages=pages)
    if not words:
        raise _no_text(request.path, found, issues)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    yield Done(issues=tuple(issues), peak_memory_mb=peak)


def _no_text(path: str, found: Detected, issues: Sequence[ParseIssue]) -> EmptyDocument | MissingExtra:
    if any(issue.code == "ocr_missing" for issue in issues):
        return missing_extra(f"{path} has no text layer on any page; to read a scan")
    if found.kind in ("pdf", "image"):
        off = any("(setting ocr)" in issue.message for issue in issues)
        return EmptyDocument(
            f"{path} has no text: its pages are empty, or pictures"
            + (", and OCR is switched off." if off else " in which OCR finds none."),
            next_step="Set ocr to auto (FIELDWISE_OCR=auto)."
            if off
            else "Scan it again, sharper and in higher contrast.",
            path=path,
        )
    return EmptyDocument(f"{path} holds no text, only white space.", next_step="Name a document with text.", path=path)


def _failure(error: ParseError | MissingExtra) -> Failed:
    return Failed(error=type(error).__name__, message=error.message, next_step=error.next_step, fields=error.fields)


def _set_limits(memory_mb: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # No file may be written: whatever takes this process over cannot leave anything behind.
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    limit = memory_mb * _MEGABYTE
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _listen(requests: queue.SimpleQueue[Request]) -> None:
    """Take requests; end the process when the parent's side closes, also in the midst of a parse."""
    unpacker = Unpacker()
    while data := os.read(0, 65536):
        for body in unpacker.feed(data):
            requests.put(Request.model_validate_json(body))
    os._exit(0)
