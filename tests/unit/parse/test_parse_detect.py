"""Files are known by their content."""

from __future__ import annotations

import pytest

from fieldwise.parse.detect import detect, media_type_of_text


@pytest.mark.parametrize(
    ("data", "kind", "encoding"),
    [
        (b"%PDF-1.4\n...", "pdf", None),
        (b"\n\n%PDF-1.4\n...", "pdf", None),
        (b"X-Header: mail gateway\n%PDF-1.4\n...", "pdf", None),
        (b"A PDF begins with %PDF- and a version.", "text", "utf-8"),
        (b"plain", "text", "utf-8"),
        ("Grüße".encode(), "text", "utf-8"),
        (b"\xef\xbb\xbfwith a mark", "text", "utf-8-sig"),
        ("Grüße".encode("utf-16"), "text", "utf-16"),
        ("Grüße".encode("utf-16-be"), "other", None),
        ("Grüße aus Köln".encode("latin-1"), "text", "latin-1"),
        (b"BMW builds cars.", "text", "utf-8"),
        (b"MZ is a pair of letters.", "text", "utf-8"),
        (b"From: me\nTo: you\n\na letter that begins like an e-mail", "text", "utf-8"),
        (b"<p>a fragment</p>", "text", "utf-8"),
    ],
)
def test_a_file_is_known_by_its_content(data: bytes, kind: str, encoding: str | None) -> None:
    found = detect(data)
    assert (found.kind, found.encoding) == (kind, encoding)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"GIF89a" + bytes(9), "a GIF image"),
        (b"II*\x00" + bytes(9), "a TIFF image"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "a WebP image"),
        (b"BM\x36\x00\x00\x00\x00\x00", "a BMP image"),
        (b"PK\x03\x04" + bytes(30) + b"ppt/presentation.xml", "a PowerPoint presentation (PPTX)"),
        (b"PK\x03\x04" + bytes(30) + b"mimetypeapplication/epub+zip", "an EPUB book"),
        (b"PK\x03\x04" + bytes(30) + b"holiday.jpg", "a ZIP archive"),
        (b"{\\rtf1\\ansi hello}", "a Rich Text Format file"),
        (b"<?xml version='1.0'?><invoice/>", "an XML file"),
        (b"<?xml version='1.0'?>\n<!DOCTYPE html><html/>", "an HTML page"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(9), "an old Microsoft Office or Outlook file (OLE)"),
    ],
)
def test_what_is_not_supported_is_named(data: bytes, name: str) -> None:
    assert (detect(data).kind, detect(data).name) == ("other", name)


@pytest.mark.parametrize(
    ("text", "media_type"),
    [
        ("# Title\n\nand **bold** words", "text/markdown"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "text/markdown"),
        ("see [the site](https://example.org) for more", "text/markdown"),
        ("# a shell comment\nls -l\n", "text/plain"),
        ("Dear Sir,\n\n- I write\n- to you\n", "text/plain"),
        ("2 ** 3 ** 4 is a power", "text/plain"),
        ("Name | Value\n-----+------\n", "text/plain"),
    ],
)
def test_markdown_is_told_from_plain_text(text: str, media_type: str) -> None:
    assert media_type_of_text(text) == media_type
