"""Image files to pages, by Pillow: PNG, JPEG, TIFF (each of its images a page), WebP and BMP.

Runs in the reading process only. Pictures stand as viewers show them: the camera's note of how it was held is heeded.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

from fieldwise.errors import DamagedDocument, EmptyDocument, ParseLimit
from fieldwise.model import Page, ParseIssue

from .compose import Composer, Found
from .frames import OcrMode
from .ocr import Reading, is_installed, missing_extra, read_picture
from .scan_layout import found_in, slanted
from .scans import doubt

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP")

# An A4 page at 1,300 dpi; 450 MB in memory.
MOST_PIXELS = 150_000_000

_LONGEST_SIDE = 5_000  # in which text is read; finer pictures gain nothing

# Resolutions that scanners and screenshots tell in earnest; cameras write 72 for want of anything better.
_LIKELY_DPI = (90.0, 1300.0)
_LINE_POINTS = 10.0


def read_images(
    data: bytes, media_type: str, *, max_pages: int, path: str, ocr: OcrMode, recognizing: Callable[[int], None]
) -> Iterator[tuple[str, int | None] | Page | ParseIssue]:
    """Yield the media type, then the pages; call `recognizing` before each is read.

    Raises MissingExtra, DamagedDocument, EmptyDocument or ParseLimit.
    """
    pictures = Pictures(data, path)
    count = pictures.count
    if count > max_pages:
        raise ParseLimit(
            f"{path} has {count:,} images; the limit is {max_pages:,}.",
            next_step=f"Split it, or raise the setting max_pages (FIELDWISE_MAX_PAGES={count}).",
            path=path,
            pages=count,
            limit="max_pages",
        )
    if ocr == "off":
        raise EmptyDocument(
            f"{path} is an image, and OCR is switched off.",
            next_step="Set ocr to auto (FIELDWISE_OCR=auto).",
            path=path,
        )
    if not is_installed():
        raise missing_extra(f"{path} is an image; to read it")
    yield media_type, count
    found: list[Found] = []
    skews: dict[int, float] = {}
    issues: list[ParseIssue] = []
    for number in range(1, count + 1):
        recognizing(number)
        try:
            picture, dpi = pictures.page(number)
        except DamagedDocument as error:
            if count == 1:
                raise
            found.append(Found(number, 0, 0, ()))
            issues.append(ParseIssue(code="page_damaged", message=error.message, page=number))
            continue
        reading = read_picture(_pixels(picture))
        skews[number] = reading.skew
        scale = _points(reading, picture, dpi)
        found.append(found_in(reading, number, reading.width * scale, reading.height * scale))
        issue = doubt(reading, number)
        if issue is not None:
            issues.append(issue)
    for page in Composer().pages(found):
        yield slanted(page, skews.get(page.number, 0.0))
    yield from issues
    if pictures.left_out:
        yield ParseIssue(
            code="images_left_out",
            message=f"The file holds {pictures.left_out + 1} images; only the first was read.",
        )


class Pictures:
    """An opened image file."""

    def __init__(self, data: bytes, path: str) -> None:
        """Raises DamagedDocument or ParseLimit."""
        from PIL import Image

        Image.MAX_IMAGE_PIXELS = None  # ours is checked before each image is decoded, and says what to do
        self._path = path
        try:
            self._file = Image.open(io.BytesIO(data), formats=FORMATS)
            count = int(getattr(self._file, "n_frames", 1))
        except (OSError, ValueError, SyntaxError, EOFError, KeyError) as error:
            raise self._damaged(error) from None
        # Only of a TIFF are the images pages; otherwise they are an animation, or a preview.
        self.count = count if self._file.format == "TIFF" else 1
        self.left_out = count - self.count

    def page(self, number: int) -> tuple[Any, float | None]:
        """Return an image, upright, in RGB, and its dots per inch where it tells. Raises ParseError."""
        from PIL import ImageOps

        file = self._file
        try:
            if number > 1 or file.tell():
                file.seek(number - 1)
            width, height = file.size
            if width * height > MOST_PIXELS:
                raise ParseLimit(
                    f"Image {number} of {self._path} has {width:,} x {height:,} pixels; "
                    f"the limit is {MOST_PIXELS // 1_000_000} million.",
                    next_step="Save it smaller: 300 dots per inch are plenty.",
                    path=self._path,
                    limit="pixels",
                )
            if min(width, height) < 1:
                raise self._damaged(ValueError("an image without size"))
            told = file.info.get("dpi")
            file.draft("RGB", (_LONGEST_SIDE, _LONGEST_SIDE))  # JPEG is decoded smaller right away
            file.load()
            picture = _in_rgb(ImageOps.exif_transpose(file))
        except (OSError, ValueError, SyntaxError, EOFError, KeyError, TypeError, ZeroDivisionError) as error:
            raise self._damaged(error) from None
        dpi = float(told[0]) if isinstance(told, tuple) and told else None
        if max(picture.size) > _LONGEST_SIDE:
            picture.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE), reducing_gap=2.0)
        return picture, dpi * picture.width / width if dpi else None

    def _damaged(self, error: Exception) -> DamagedDocument:
        return DamagedDocument(
            f"{self._path} is an image that is damaged or cut off: {error}.",
            next_step="Scan, download or export it again.",
            path=self._path,
        )


def _in_rgb(picture: Any) -> Any:
    from PIL import Image

    if picture.mode.startswith(("I", "F")):  # 16 bits and more: to the range that 8 bits have
        low, high = picture.getextrema()
        factor = 255.0 / (high - low) if high > low else 1.0
        return picture.convert("F").point(lambda value: value * factor - low * factor).convert("L").convert("RGB")
    if "transparency" in picture.info or picture.mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        paper = Image.new("RGBA", picture.size, "white")
        paper.alpha_composite(picture.convert("RGBA"))
        return paper.convert("RGB")
    return picture.convert("RGB")


def _pixels(picture: Any) -> Any:
    import numpy as np

    return np.ascontiguousarray(np.asarray(picture)[:, :, ::-1])


def _points(reading: Reading, picture: Any, dpi: float | None) -> float:
    """Return the points of a pixel: as the file tells, else so that its lines are ten points high."""
    if dpi is not None and _LIKELY_DPI[0] <= dpi <= _LIKELY_DPI[1]:
        return 72.0 / dpi
    heights = sorted(line.words[0].y1 - line.words[0].y0 for line in reading.lines)
    return _LINE_POINTS / heights[len(heights) // 2] if heights else 612.0 / picture.width
