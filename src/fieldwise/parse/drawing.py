"""Pictures of pages, as people look at them: at any width, upright, with outlines. Runs in the reading process only."""

from __future__ import annotations

import base64
import io
from typing import Any

from fieldwise.errors import ParseError, ParseLimit, UnsupportedFormat

from .detect import Detected
from .frames import Picture, PictureWish
from .images import Pictures
from .render import LONGEST_SIDE, MOST_PIXELS, PdfPictures

_OUTLINE = (214, 39, 40)


def draw(data: bytes, document_id: str, found: Detected, wish: PictureWish, path: str) -> Picture:
    """Return the page as PNG or WebP. Raises ParseError for a page that is not there or cannot be drawn."""
    if found.kind == "pdf":
        picture = _of_pdf(data, wish)
    elif found.kind == "image":
        picture = _of_image(data, wish, path)
    else:
        raise UnsupportedFormat(
            f"{path} is {found.name}, which has no pages that could be shown as pictures.",
            next_step="PDF and images have; print it to a PDF, and parse that.",
            path=path,
            found=found.name,
        )
    height = max(1, round(picture.height * wish.width / picture.width))
    if height > LONGEST_SIDE or wish.width * height > MOST_PIXELS:
        raise ParseLimit(
            f"Page {wish.page} at a width of {wish.width:,} would be {height:,} pixels high.",
            next_step="Ask for a smaller width.",
            limit="pixels",
        )
    if picture.size != (wish.width, height):
        picture = picture.resize((wish.width, height), reducing_gap=2.0)
    _outline(picture, wish)
    out = io.BytesIO()
    if wish.format == "webp":
        picture.save(out, "WEBP", quality=85, method=2)
    else:
        picture.save(out, "PNG", compress_level=2)
    return Picture(id=document_id, data=base64.b64encode(out.getvalue()).decode(), width=wish.width, height=height)


def _of_pdf(data: bytes, wish: PictureWish) -> Any:
    pictures = PdfPictures(data)
    try:
        if wish.page > pictures.count:
            raise _no_page(wish.page, pictures.count)
        width, height = pictures.size(wish.page)
        across = height if wish.turn in (90, 270) else width
        return _turned(pictures.picture(wish.page, wish.width / across if across > 0 else 1.0), wish.turn)
    finally:
        pictures.close()


def _of_image(data: bytes, wish: PictureWish, path: str) -> Any:
    pictures = Pictures(data, path)
    if wish.page > pictures.count:
        raise _no_page(wish.page, pictures.count)
    return _turned(pictures.page(wish.page)[0], wish.turn)


def _turned(picture: Any, clockwise: int) -> Any:
    from PIL.Image import Transpose

    turns = {90: Transpose.ROTATE_270, 180: Transpose.ROTATE_180, 270: Transpose.ROTATE_90}
    return picture.transpose(turns[clockwise]) if clockwise in turns else picture


def _outline(picture: Any, wish: PictureWish) -> None:
    from PIL import ImageDraw

    pen = ImageDraw.Draw(picture)
    thickness = max(1, round(picture.width / 450))
    for x, y, w, h in wish.boxes:
        # Beside the words, not on them.
        left, top = x * picture.width - thickness, y * picture.height - thickness
        right, bottom = (x + w) * picture.width + thickness, (y + h) * picture.height + thickness
        pen.rectangle((left, top, max(left, right), max(top, bottom)), outline=_OUTLINE, width=thickness)


def _no_page(number: int, count: int) -> ParseError:
    return ParseError(f"There is no page {number}: the document has {count}.", next_step="Pages count from 1.")
