"""One table: for each kind of file that detect.py knows, the leaf that reads it. Runs in the reading process only.

A reader yields `(media type, pages or None)` once, then pages and issues as they are found, and raises ParseErrors.
Leaves are imported when a file needs them: a PDF does not wait for what reads workbooks.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

from fieldwise.errors import DamagedDocument, EncryptedDocument, FieldwiseError, ParseLimit, UnsupportedFormat
from fieldwise.model import Page, ParseIssue

from .detect import SUPPORTED, Detected
from .frames import OcrMode

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
    ocr: OcrMode = "auto"
    ocr_dpi: int = 200
    recognizing: Callable[[int], None] = lambda page: None


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


def too_many_pages(job: Job, count: int, what: str) -> ParseLimit:
    return ParseLimit(
        f"{job.path} has {count:,} {what}; the limit is {job.max_pages:,}.",
        next_step=f"Split it, or raise the setting max_pages (FIELDWISE_MAX_PAGES={count}).",
        path=job.path,
        pages=count,
        limit="max_pages",
    )


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "its parts are nested too deep"
    return f"{type(error).__name__}: {error}"[:300].rstrip(".: ")


def _pdf(job: Job) -> Iterator[Item]:
    from .pdf import read_pdf
    from .scans import OcrWish, Scans

    scans = Scans(job.data, OcrWish(job.ocr, job.ocr_dpi), job.recognizing)
    return read_pdf(job.data, max_pages=job.max_pages, path=job.path, scans=scans)


def _image(job: Job) -> Iterator[Item]:
    from .images import read_images

    return read_images(
        job.data,
        job.found.media_type,
        max_pages=job.max_pages,
        path=job.path,
        ocr=job.ocr,
        recognizing=job.recognizing,
    )


def _text(job: Job) -> Iterator[Item]:
    from .text import read_text

    return read_text(job.data, job.found.encoding or "utf-8", max_pages=job.max_pages, path=job.path)


def _docx(job: Job) -> Iterator[Item]:
    from .docx import read_docx

    return read_docx(job)


def _pptx(job: Job) -> Iterator[Item]:
    from .slides import read_pptx

    return read_pptx(job)


def _xlsx(job: Job) -> Iterator[Item]:
    from .xlsx import read_xlsx

    return read_xlsx(job)


def _xls(job: Job) -> Iterator[Item]:
    from .xls import read_xls

    return read_xls(job)


def _odf(job: Job) -> Iterator[Item]:
    from .opendocument import read_opendocument

    return read_opendocument(job)


def _epub(job: Job) -> Iterator[Item]:
    from .epub import read_epub

    return read_epub(job)


def _html(job: Job) -> Iterator[Item]:
    from .hypertext import read_html

    return read_html(job)


def _rtf(job: Job) -> Iterator[Item]:
    from .rtf import read_rtf

    return read_rtf(job)


def _eml(job: Job) -> Iterator[Item]:
    from .eml import read_eml

    return read_eml(job)


def _msg(job: Job) -> Iterator[Item]:
    from .msg import read_msg

    return read_msg(job)


def _delimited(job: Job) -> Iterator[Item]:
    from .delimited import read_delimited

    return read_delimited(job)


def _encrypted(job: Job) -> Iterator[Item]:
    raise EncryptedDocument(
        f"{job.path} is encrypted and needs a password.", next_step=job.found.next_step, path=job.path
    )


def _damaged(job: Job) -> Iterator[Item]:
    raise DamagedDocument(
        f"{job.path} begins as {job.found.name} but is damaged or cut off: its directory is not there.",
        next_step=job.found.next_step,
        path=job.path,
    )


READERS: dict[str, Callable[[Job], Iterator[Item]]] = {
    "pdf": _pdf,
    "image": _image,
    "text": _text,
    "docx": _docx,
    "pptx": _pptx,
    "xlsx": _xlsx,
    "xls": _xls,
    "odf": _odf,
    "epub": _epub,
    "html": _html,
    "rtf": _rtf,
    "eml": _eml,
    "msg": _msg,
    "delimited": _delimited,
    "encrypted": _encrypted,
    "damaged": _damaged,
}
