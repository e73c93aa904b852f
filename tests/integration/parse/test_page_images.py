"""Pages as pictures, and image files that mean harm."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fieldwise.errors import DamagedDocument, InputError, ParseError, ParseLimit
from fieldwise.parse import LocalParser
from fieldwise.parse.page_images import forget


def _opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


async def test_a_page_shows_itself_at_any_width_with_outlines_around_its_words(
    make_parser: Callable[..., LocalParser], pdf: Any, tmp_path: Path
) -> None:
    parser = make_parser(cache_dir=tmp_path / "cache")
    document = await parser.parse(pdf.pages("a.pdf", [pdf.text(72, 700, "Hello")]))
    page = document.pages[0]
    plain = page.image(width=300)
    assert (plain.width, plain.height) == _opened(plain.data).size
    assert plain.width == 300
    assert abs(plain.height - 300 * 792 / 612) <= 1
    box = page.words[0].box
    assert box is not None
    outlined = plain.highlight([box])
    at = (round(box[0] * 300) - 1, round((box[1] + box[3] / 2) * 388))
    assert _opened(plain.data).convert("L").getpixel(at) > 200
    assert _opened(outlined.data).getpixel(at) == (214, 39, 40)
    webp = page.image(width=120, format="webp")
    assert (_opened(webp.data).format, _opened(webp.data).size) == ("WEBP", (webp.width, webp.height))


async def test_a_picture_is_drawn_once_and_forgotten_with_its_document(
    make_parser: Callable[..., LocalParser], pdf: Any, tmp_path: Path
) -> None:
    parser = make_parser(cache_dir=tmp_path / "cache")
    path = pdf.pages("a.pdf", [pdf.text(72, 700, "Hello")])
    document = await parser.parse(path)
    first = document.pages[0].image(width=200)
    path.unlink()
    assert document.pages[0].image(width=200).data == first.data
    forget(tmp_path / "cache", document.id)
    with pytest.raises(ParseError, match="There is no file"):
        document.pages[0].image(width=200)


async def test_a_file_that_has_changed_is_not_shown_for_the_one_that_was_parsed(
    make_parser: Callable[..., LocalParser], pdf: Any, tmp_path: Path
) -> None:
    document = await make_parser(cache_dir=tmp_path / "cache").parse(pdf.pages("a.pdf", [pdf.text(72, 700, "Hello")]))
    pdf.pages("a.pdf", [pdf.text(72, 700, "Goodbye")])
    with pytest.raises(ParseError, match="has changed since it was parsed"):
        document.pages[0].image(width=200)


@pytest.mark.parametrize("width", [0, -1, 5000])
async def test_a_width_that_cannot_be_is_refused(
    make_parser: Callable[..., LocalParser], pdf: Any, tmp_path: Path, width: int
) -> None:
    document = await make_parser(cache_dir=tmp_path / "cache").parse(pdf.pages("a.pdf", [pdf.text(72, 700, "Hello")]))
    with pytest.raises(InputError, match="Ask for 1 to 4,096"):
        document.pages[0].image(width=width)


async def test_a_page_of_900000_points_is_drawn_within_limits(
    make_parser: Callable[..., LocalParser], pdf: Any, tmp_path: Path
) -> None:
    content = pdf.text(72, 700, "Hello")
    path = pdf.pages("vast.pdf", [content], entries=b"/MediaBox [0 0 900000 900000]")
    document = await make_parser(cache_dir=tmp_path / "cache").parse(path)
    image = document.pages[0].image(width=500)
    assert _opened(image.data).size == (500, 500)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(b"")) + _chunk(b"IEND", b"")


def _tiff(pages: int, side: int = 1) -> bytes:
    """Write `pages` directories of one entry set each, all of them showing the same bytes."""
    out = bytearray(b"II*\x00" + struct.pack("<I", 16) + bytes(8))
    for number in range(pages):
        entries = [(256, 4, side), (257, 4, side), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (279, 4, 1)]
        out += struct.pack("<H", len(entries))
        out += b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
        out += struct.pack("<I", len(out) + 4 if number + 1 < pages else 0)
    return bytes(out)


@pytest.mark.parametrize(
    ("data", "error", "says"),
    [
        (_png(40_000, 40_000), ParseLimit, "40,000 x 40,000 pixels; the limit is 150 million"),
        (_tiff(1, 40_000), ParseLimit, "40,000 x 40,000 pixels"),
        (_tiff(10_000), ParseLimit, "10,000 images; the limit is 2,000"),
        (_png(0, 0), DamagedDocument, "damaged or cut off"),
    ],
    ids=["a PNG bomb", "a TIFF bomb", "a TIFF of 10,000 pages", "a PNG without size"],
)
async def test_an_image_that_means_harm_is_refused(
    parser: LocalParser, tmp_path: Path, data: bytes, error: type[ParseError], says: str
) -> None:
    path = tmp_path / "image"
    path.write_bytes(data)
    with pytest.raises(error, match=says):
        await parser.parse(path)


async def test_a_photograph_that_was_cut_off_is_damaged(parser: LocalParser, tmp_path: Path) -> None:
    out = io.BytesIO()
    Image.effect_noise((600, 600), 60).save(out, "JPEG")
    path = tmp_path / "cut.jpg"
    path.write_bytes(out.getvalue()[: len(out.getvalue()) // 2])
    with pytest.raises(DamagedDocument, match="damaged or cut off"):
        await parser.parse(path)
