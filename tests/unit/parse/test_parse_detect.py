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
        ("Grüße aus Köln".encode("latin-1"), "text", "cp1252"),
        (b"BMW builds cars.", "text", "utf-8"),
        (b"MZ is a pair of letters.", "text", "utf-8"),
        (b"From: me\nTo: you\n\na letter that begins like an e-mail", "text", "utf-8"),
        (b"<p>a fragment</p>", "text", "utf-8"),
        (b"<?xml version='1.0'?>\n<!DOCTYPE html><html/>", "html", None),
        ("\ufeff<!doctype html><p>Gr\u00fc\u00dfe".encode("utf-16-le"), "html", None),
        (b"{\\rtf1\\ansi hello}", "rtf", None),
        (b"From: me\nTo: you\nSubject: hi\nDate: today\n\nhello", "eml", None),
        (b"From me@x.org Mon Jan 1\nFrom: me\nTo: you\nSubject: hi\n\nhello", "eml", None),
        (b"name,amount,date\nbolt,2,2024-01-02\n", "delimited", "utf-8"),
        (b"PK\x03\x04" + bytes(30) + b"ppt/presentation.xml", "pptx", None),
        (b"PK\x03\x04" + bytes(30) + b"mimetypeapplication/epub+zip", "epub", None),
    ],
)
def test_a_file_is_known_by_its_content(data: bytes, kind: str, encoding: str | None) -> None:
    found = detect(data)
    assert (found.kind, found.encoding) == (kind, encoding)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"GIF89a" + bytes(9), "a GIF image"),
        (b"PK\x03\x04" + bytes(30) + b"holiday.jpg", "a ZIP archive"),
        (b"<?xml version='1.0'?><invoice/>", "an XML file"),
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


PROSE = """Dear Sir, dear Madam,
we write, as agreed, to confirm our order,
which we sent on 3 March, 2024, by post.
Yours, sincerely, A. Smith
"""


@pytest.mark.parametrize(
    "text",
    [
        PROSE,
        "one line, with a comma\n",
        "Roses are red, violets are blue,\nsugar is sweet, and so are you.\n",
        "Smith, John\nMiller, Jane\nBrown, Bob\n",
        "To be, or not to be,\nthat is, the question.\n",
        "# Title\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n",
        "key: value\nother: value\n",
        "a = [1, 2, 3]\nb = foo(1, 2)\nprint(a, b)\n",
        "First we did this; then that; and so on.\nNext came this; it was long; it ended.\n",
        "\tindented\n\tindented again\n",
        "Name:\tJohn Smith, who lives in the old house at the end of a long and winding road\n",
    ],
)
def test_prose_is_never_a_table(text: str) -> None:
    assert detect(text.encode()).kind == "text"


@pytest.mark.parametrize(
    "text",
    [
        "name,amount\nbolt,2\nnut,3\n",
        "Datum;Betrag;Text\n01.02.2024;1.234,50;Miete\n02.02.2024;-3,00;Geb\u00fchr\n",
        "id\tname\n1\tBolt\n2\tNut\n",
        'id,remark\n1,"Dear Sir, this is a text. It has sentences, and commas."\n2,"short"\n',
        "Account;12345\n\nDate;Amount;Text;Balance\n" + "01.02.2024;1,00;Rent;2,00\n" * 20,
        "city,country,code\nParis,France,FR\nRome,Italy,IT\n",
    ],
)
def test_what_has_rows_and_columns_is_a_table(text: str) -> None:
    assert detect(text.encode()).kind == "delimited"


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(9), "image/png"),
        (b"\xff\xd8\xff\xe0" + bytes(9), "image/jpeg"),
        (b"II*\x00" + bytes(9), "image/tiff"),
        (b"MM\x00*" + bytes(9), "image/tiff"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"BM\x36\x00\x00\x00\x00\x00", "image/bmp"),
    ],
)
def test_images_are_known_by_how_they_begin(data: bytes, media_type: str) -> None:
    assert (detect(data).kind, detect(data).media_type) == ("image", media_type)
