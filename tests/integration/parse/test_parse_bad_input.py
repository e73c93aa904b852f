"""Every file that cannot be read gives one of our errors, and each says what to do next."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fieldwise.errors import (
    DamagedDocument,
    EmptyDocument,
    EncryptedDocument,
    ParseError,
    ParseLimit,
    UnsupportedFormat,
)
from fieldwise.parse import LocalParser


async def test_a_missing_file_is_named(parser: LocalParser, tmp_path: Path) -> None:
    with pytest.raises(ParseError, match=r"no file .*nowhere\.pdf\. Check the path"):
        await parser.parse(tmp_path / "nowhere.pdf")


async def test_a_relative_path_is_taken_from_here(
    parser: LocalParser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "note.txt").write_text("hello")
    monkeypatch.chdir(tmp_path)
    assert (await parser.parse(Path("note.txt"))).markdown == "hello"


async def test_a_directory_is_refused(parser: LocalParser, tmp_path: Path) -> None:
    with pytest.raises(ParseError, match="is a directory, not a file"):
        await parser.parse(tmp_path)


async def test_an_empty_file_is_refused(parser: LocalParser, tmp_path: Path) -> None:
    path = tmp_path / "empty.pdf"
    path.touch()
    with pytest.raises(EmptyDocument, match="0 bytes"):
        await parser.parse(path)


async def test_a_text_of_white_space_is_empty(parser: LocalParser, tmp_path: Path) -> None:
    path = tmp_path / "blank.txt"
    path.write_text(" \n\t\n")
    with pytest.raises(EmptyDocument, match="only white space"):
        await parser.parse(path)


async def test_a_pipe_without_a_writer_does_not_hang(make_parser: Callable[..., LocalParser], tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(ParseError, match="is a pipe, not a file"):
        await make_parser(timeout_seconds=20).parse(path)


async def test_a_device_is_refused(parser: LocalParser) -> None:
    with pytest.raises(ParseError, match="is a device, not a file"):
        await parser.parse(Path("/dev/zero"))


async def test_a_socket_is_refused(parser: LocalParser, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        with pytest.raises(ParseError):
            await parser.parse(path)


async def test_a_file_over_the_size_limit_names_the_setting(
    make_parser: Callable[..., LocalParser], tmp_path: Path
) -> None:
    path = tmp_path / "large.txt"
    path.write_bytes(b"word " * 300_000)
    with pytest.raises(ParseLimit, match=r"1\.4 MB; the limit is 1 MB.*FIELDWISE_MAX_FILE_MB"):
        await make_parser(max_file_mb=1).parse(path)


async def test_an_encrypted_pdf_is_told_from_a_damaged_one(parser: LocalParser, pdf: Any) -> None:
    with pytest.raises(EncryptedDocument, match="needs a password") as caught:
        await parser.parse(pdf.encrypted("locked.pdf", user_password=b"sesame"))
    assert "qpdf --decrypt" in caught.value.next_step


async def test_a_pdf_locked_only_for_editing_is_read(parser: LocalParser, pdf: Any) -> None:
    assert (await parser.parse(pdf.encrypted("no-editing.pdf", user_password=b""))).markdown == "Hello"


async def test_a_truncated_pdf_is_damaged(parser: LocalParser, pdf: Any) -> None:
    whole = pdf.pages("whole.pdf", [pdf.text(72, 700, "Hello")]).read_bytes()
    with pytest.raises(DamagedDocument, match="damaged or cut off"):
        await parser.parse(pdf.write("cut.pdf", whole[: len(whole) // 3]))


async def test_a_pdf_of_random_bytes_is_damaged(parser: LocalParser, pdf: Any) -> None:
    noise = bytes((i * 7919 + i * i) % 251 for i in range(5000))
    with pytest.raises(DamagedDocument):
        await parser.parse(pdf.write("noise.pdf", b"%PDF-1.7\n" + noise))


async def test_a_text_named_pdf_is_read_as_text(parser: LocalParser, tmp_path: Path) -> None:
    path = tmp_path / "letter.pdf"
    path.write_text("Dear reader,\n\nthis is no PDF.")
    document = await parser.parse(path)
    assert (document.media_type, document.markdown) == ("text/plain", "Dear reader,\n\nthis is no PDF.")


async def test_a_pdf_named_txt_is_read_as_pdf(parser: LocalParser, pdf: Any) -> None:
    document = await parser.parse(pdf.pages("paper.txt", [pdf.text(72, 700, "Hello")]))
    assert (document.media_type, document.markdown) == ("application/pdf", "Hello")


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"GIF89a" + bytes(50), "a GIF image"),
        (bytes(range(256)) * 4, "a binary file of unknown kind"),
    ],
)
async def test_another_format_is_named_beside_those_supported(
    parser: LocalParser, tmp_path: Path, data: bytes, named: str
) -> None:
    path = tmp_path / "file.pdf"
    path.write_bytes(data)
    with pytest.raises(UnsupportedFormat, match=f"is {named}") as caught:
        await parser.parse(path)
    assert "Supported are PDF, images (PNG, JPEG, TIFF, WebP, BMP), DOCX" in caught.value.next_step


async def test_pages_without_any_text_are_an_error(parser: LocalParser, pdf: Any) -> None:
    with pytest.raises(EmptyDocument, match=r"has no text: its pages are empty, or pictures in which OCR finds none"):
        await parser.parse(pdf.pages("scan.pdf", [b"0 0 100 100 re f", b"0 0 100 100 re f"]))


async def test_a_page_without_text_among_others_is_an_issue_of_that_page(parser: LocalParser, pdf: Any) -> None:
    document = await parser.parse(pdf.pages("mixed.pdf", [pdf.text(72, 700, "Hello"), b"0 0 100 100 re f"]))
    assert [(issue.code, issue.page) for issue in document.issues] == [("page_without_text", 2)]
    assert [page.number for page in document.pages] == [1, 2]


async def test_a_document_of_5000_pages_names_the_limit_and_its_setting(parser: LocalParser, pdf: Any) -> None:
    path = pdf.pages("long.pdf", [pdf.text(72, 700, "p")] * 5000)
    with pytest.raises(ParseLimit, match=r"5,000 pages; the limit is 2,000.*FIELDWISE_MAX_PAGES=5000") as caught:
        await parser.parse(path)
    assert caught.value.fields["limit"] == "max_pages"
