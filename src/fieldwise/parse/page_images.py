"""`document.pages[0].image(width=900)`: drawn by a reading process, kept in the cache under the document's hash.

A Document is a value and holds no bytes of its file. The parser that made it leaves a reference on its pages that is no
part of the value: it is neither stored nor compared. What comes from a store gets one by `with_images`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hashlib
import json
import os
import shutil
import struct
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from fieldwise.errors import InputError, ParseError
from fieldwise.model import Box, Document, Page, PageImage
from fieldwise.model.page_image import ImageFormat
from fieldwise.portal import Portal

from .frames import Picture, PictureWish

WIDEST = 4_096

# Counts up whenever the same page gives another picture.
_VERSION = 1

_FOLDER = "pages"
_MOST_BYTES = 512 * 1024 * 1024


@runtime_checkable
class Draws(Protocol):
    """Whoever has the reading processes."""

    async def draw(self, path: Path, wish: PictureWish) -> Picture: ...


class PageImages(NamedTuple):
    """Draws the pages of one file. `path` is where its bytes are; they must still be those that were parsed."""

    document_id: str
    path: Path
    cache_dir: Path
    draws: Draws

    def image(self, page: Page, width: int, format: ImageFormat, boxes: Sequence[Box]) -> PageImage:
        """For code without a loop (also inside one, which then waits)."""
        return _portal.run(self.aimage(page, width, format, boxes))

    async def aimage(self, page: Page, width: int, format: ImageFormat, boxes: Sequence[Box] = ()) -> PageImage:
        """Raises InputError for a width or format that cannot be, ParseError where the page cannot be drawn."""
        if not 1 <= width <= WIDEST:
            raise InputError(f"A page cannot be {width} pixels wide.", next_step=f"Ask for 1 to {WIDEST:,}.")
        if format not in ("png", "webp"):
            raise InputError(f"There are no page images as {format!r}.", next_step="Ask for png or webp.")
        wish = PictureWish(page=page.number, width=width, format=format, turn=page.rotation, boxes=tuple(boxes))
        kept = _Kept(self.cache_dir, self.document_id, wish)
        data = await asyncio.to_thread(kept.read)
        if data is None:
            picture = await self.draws.draw(self.path, wish)
            if picture.id != self.document_id:
                raise ParseError(
                    f"{self.path} has changed since it was parsed.",
                    next_step="Parse it again.",
                    path=str(self.path),
                )
            try:
                data = base64.b64decode(picture.data, validate=True)
            except binascii.Error:
                raise ParseError("The reading process answered nonsense.", next_step="Report this.") from None
            await asyncio.to_thread(kept.write, data)
        height = _height(data, format) or round(width * page.height / page.width if page.width else width)
        return PageImage(data=data, format=format, width=width, height=height, boxes=tuple(boxes), page=page)


_portal = Portal()


def with_images(document: Document, path: Path, cache_dir: Path, draws: Draws) -> Document:
    """Return the document with pages that can show themselves, as long as the file at `path` is there."""
    images = PageImages(document.id, path, cache_dir, draws)
    for page in document.pages:
        page.shows_by(images)
    return document


def forget(cache_dir: Path, document_id: str) -> None:
    """Remove every picture of a document's pages."""
    shutil.rmtree(cache_dir / _FOLDER / document_id, ignore_errors=True)


class _Kept:
    """One picture's place in the cache. A cache that cannot be written is none: pictures are then drawn each time."""

    def __init__(self, cache_dir: Path, document_id: str, wish: PictureWish) -> None:
        outlines = hashlib.sha256(json.dumps(wish.boxes).encode()).hexdigest()[:16] if wish.boxes else "plain"
        self._root = cache_dir / _FOLDER
        self._path = (
            self._root / document_id / f"{wish.page}-{wish.width}-{wish.turn}-{outlines}-v{_VERSION}.{wish.format}"
        )

    def read(self) -> bytes | None:
        with contextlib.suppress(OSError):
            data = self._path.read_bytes()
            os.utime(self._path)  # the oldest ones go first
            return data
        return None

    def write(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor, name = tempfile.mkstemp(dir=self._path.parent)
            with open(descriptor, "wb") as file:
                file.write(data)
            Path(name).replace(self._path)
            self._prune()

    def _prune(self) -> None:
        files = [(found.stat(), found) for found in self._root.glob("*/*") if found.is_file()]
        total = sum(stat.st_size for stat, _ in files)
        for stat, found in sorted(files, key=lambda entry: entry[0].st_mtime):
            if total <= _MOST_BYTES:
                return
            found.unlink(missing_ok=True)
            total -= stat.st_size


def _height(data: bytes, format: ImageFormat) -> int | None:
    """Return the height that the file tells, if it is what it is said to be."""
    if format == "png" and data[:8] == b"\x89PNG\r\n\x1a\n":
        return int(struct.unpack_from(">I", data, 20)[0])
    if format == "webp" and data[12:16] == b"VP8 ":
        return int(struct.unpack_from("<H", data, 28)[0]) & 0x3FFF
    return None
