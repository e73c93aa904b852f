"""LocalParser: PDF, Markdown and text to Documents, offline, each file in a process of its own limits."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import os
import weakref
from functools import cached_property
from pathlib import Path

from fieldwise import errors
from fieldwise.errors import FieldwiseError, ParseError, ParseLimit
from fieldwise.model import Document, OnProgress, Page, ParseIssue, Progress, ignore_progress
from fieldwise.settings import default_cache_dir

from .frames import Done, Failed, Message, OcrMode, Opened, PageRead, Picture, PictureWish, Recognizing, Request
from .page_images import with_images
from .sandbox import Child

# Counts up whenever the same file gives another Document: stored Documents are looked up by it.
VERSION = 2

# A process that has grown over this while reading is not kept for the next file.
_KEEP_BELOW_MB = 768

# One that holds the weights of OCR has, and takes a second to load them: one such is kept, where none else is.
_KEEP_ONE_BELOW_MB = 2048

# Beyond the time for the file, for each page that OCR reads; a page takes one to five on two cores.
_OCR_SECONDS = 60.0

_OCR_DPI = 200

# The distributions that have a say in what is read: the same file, read by another version of one of them or after one
# was installed that was missing, is another Document.
_ENGINES = ("liteparse", "pypdfium2", "rapidocr", "xlrd", "olefile")

_ERRORS: dict[str, type[FieldwiseError]] = {
    cls.__name__: cls
    for cls in (
        errors.ParseError,
        errors.UnsupportedFormat,
        errors.EncryptedDocument,
        errors.DamagedDocument,
        errors.EmptyDocument,
        errors.ParseLimit,
        errors.MissingExtra,
    )
}


class LocalParser:
    """Meets the `Parser` protocol. May be used from any event loop, also from several in turn.

    At most `processes` parse at once (0: one for each core, at most four); as many as were needed are kept warm.
    """

    def __init__(
        self,
        *,
        timeout_seconds: float = 120.0,
        memory_mb: int = 4096,
        output_mb: int = 512,
        max_pages: int = 2000,
        max_file_mb: int = 200,
        processes: int = 0,
        ocr: OcrMode = "auto",
        ocr_dpi: int = _OCR_DPI,
        cache_dir: Path | None = None,
    ) -> None:
        self._timeout_seconds = timeout_seconds
        self._memory_mb = memory_mb
        self._output_mb = output_mb
        self._max_pages = max_pages
        self._max_file_mb = max_file_mb
        self._ocr, self._ocr_dpi = ocr, ocr_dpi
        self._cache_dir = cache_dir or default_cache_dir()
        self._at_once = processes or min(4, os.cpu_count() or 1)
        self._warm: list[Child] = []
        self._busy: set[Child] = set()
        # A semaphore belongs to the loop that waits on it.
        self._turns: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
            weakref.WeakKeyDictionary()
        )

    @cached_property
    def name(self) -> str:
        engines = [f"{name}/{version}" for name in _ENGINES if (version := _version(name))]
        if self._ocr not in ("auto", "on") or self._ocr_dpi != _OCR_DPI:
            engines.append(f"ocr={self._ocr}@{self._ocr_dpi}")
        return " ".join((f"local/{VERSION}", *engines))

    async def parse(self, path: Path, on_progress: OnProgress = ignore_progress) -> Document:
        """Read the file. Raises `ParseError`s only; a document without any text raises `EmptyDocument`.

        Cancelling ends the reading process at once.
        """
        path = Path.cwd() / path
        reading = _Reading(on_progress)
        await self._ask(self._request(path), reading)
        document = reading.document(name=path.name, parser=self.name)
        return with_images(document, path, self._cache_dir, self)

    async def draw(self, path: Path, wish: PictureWish) -> Picture:
        """Return one page of the file as a picture. Raises `ParseError`s only."""
        reading = _Reading(ignore_progress)
        await self._ask(self._request(path).model_copy(update={"picture": wish}), reading)
        return reading.picture()

    def _request(self, path: Path) -> Request:
        return Request(
            path=str(path),
            max_pages=self._max_pages,
            max_file_mb=self._max_file_mb,
            ocr=self._ocr,
            ocr_dpi=self._ocr_dpi,
        )

    async def _ask(self, request: Request, reading: _Reading) -> None:
        path = request.path
        async with self._turn():
            child = self._take()
            self._busy.add(child)
            try:
                async with asyncio.timeout(self._timeout_seconds) as deadline:

                    def add(message: Message) -> None:
                        if isinstance(message, Recognizing):
                            # A scan of many pages is no hang: each page that OCR reads has its own time.
                            when = deadline.when() or 0.0
                            deadline.reschedule(when + _OCR_SECONDS)
                        reading.add(message)

                    await child.ask(request, add)
            except TimeoutError:
                child.kill()
                raise ParseLimit(
                    f"Reading {path} took longer than {self._timeout_seconds:g} seconds and was stopped"
                    f"{reading.how_far}.",
                    next_step="Raise the setting parse_timeout_seconds (FIELDWISE_PARSE_TIMEOUT_SECONDS), "
                    "or split the document.",
                    path=path,
                    limit="parse_timeout_seconds",
                ) from None
            except BaseException:
                # Cancelled or failed midway: what is left in its pipes belongs to nobody.
                child.kill()
                raise
            finally:
                self._busy.discard(child)
            self._put_back(child, reading)

    async def aclose(self) -> None:
        """End the child processes, also those in use; a later call may start them again."""
        warm, self._warm = self._warm, []
        for child in (*self._busy, *warm):
            child.kill()

    def _turn(self) -> asyncio.Semaphore:
        loop = asyncio.get_running_loop()
        if loop not in self._turns:
            self._turns[loop] = asyncio.Semaphore(self._at_once)
        return self._turns[loop]

    def _take(self) -> Child:
        # Loops in several threads take from the same list: to pop is to own.
        with contextlib.suppress(IndexError):
            while True:
                child = self._warm.pop()
                if child.alive:
                    return child
                child.kill()
        return Child(self._memory_mb, self._output_mb)

    def _put_back(self, child: Child, reading: _Reading) -> None:
        # One that met a limit holds what it had gathered by then.
        light = not reading.met_limit and reading.peak_memory_mb < _KEEP_BELOW_MB
        heavy = not reading.met_limit and reading.peak_memory_mb < _KEEP_ONE_BELOW_MB and not self._warm
        if (light or heavy) and len(self._warm) < self._at_once and child.alive:
            self._warm.append(child)
        else:
            child.kill()


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


class _Reading:
    """Collects what the child sends for one file."""

    def __init__(self, on_progress: OnProgress) -> None:
        self._on_progress = on_progress
        self._opened: Opened | None = None
        self._pages: list[Page] = []
        self._issues: tuple[ParseIssue, ...] = ()
        self._picture: Picture | None = None
        self._failed: Failed | None = None
        self.peak_memory_mb = 0

    def add(self, message: Message) -> None:
        match message:
            case Opened():
                self._opened = message
            case Recognizing():
                total = self._opened.pages if self._opened else None
                self._on_progress(
                    Progress(stage="parse", message="Reading by OCR", done=message.page - 1, total=total, unit="pages")
                )
            case Picture():
                self._picture = message
            case PageRead():
                self._pages.append(message.page)
                total = self._opened.pages if self._opened else None
                self._on_progress(
                    Progress(stage="parse", message="Reading", done=len(self._pages), total=total, unit="pages")
                )
            case Done():
                self._issues = message.issues
                self.peak_memory_mb = message.peak_memory_mb
            case Failed():
                self._failed = message

    @property
    def met_limit(self) -> bool:
        return self._failed is not None and self._failed.error == errors.ParseLimit.__name__

    @property
    def how_far(self) -> str:
        total = f" of {self._opened.pages:,}" if self._opened and self._opened.pages else ""
        return f" after {len(self._pages):,}{total} pages" if self._pages else ""

    def picture(self) -> Picture:
        """Return what was drawn. Raises the child's error."""
        self._raise_failure()
        if self._picture is None:
            raise ParseError("The reading process drew nothing.", next_step="Report this with the document.")
        return self._picture

    def _raise_failure(self) -> None:
        if self._failed is not None:
            failed = self._failed
            error = _ERRORS.get(failed.error, ParseError)
            fields = {key: value for key, value in failed.fields.items() if key not in ("message", "next_step")}
            raise error(failed.message, next_step=failed.next_step, **fields)

    def document(self, *, name: str, parser: str) -> Document:
        """Return what was read. Raises the child's error, or ParseError where its pages do not follow each other."""
        self._raise_failure()
        if self._opened is None or [page.number for page in self._pages] != list(range(1, len(self._pages) + 1)):
            raise ParseError("The reading process left out pages.", next_step="Report this with the document.")
        return Document(
            id=self._opened.id,
            media_type=self._opened.media_type,
            name=name,
            parser=parser,
            pages=tuple(self._pages),
            issues=self._issues,
        )
