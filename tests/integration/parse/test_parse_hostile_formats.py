"""Files made to harm whoever reads them: each gives an error with its reason, or a document with an issue.

After each one, the same parser reads a good file.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path

import docx
import openpyxl
import pytest

from compound_file import Message, compound_file, outlook_message
from fieldwise.errors import DamagedDocument, EncryptedDocument, ParseError, ParseLimit, UnsupportedFormat
from fieldwise.parse import LocalParser

WORD_NS = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
SHEET_NS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


@pytest.fixture(autouse=True)
async def _the_pool_lives_on(parser: LocalParser, tmp_path: Path) -> AsyncIterator[None]:
    yield
    (tmp_path / "good.txt").write_text("still here")
    assert (await parser.parse(tmp_path / "good.txt")).markdown == "still here"


def word_document(path: Path) -> Path:
    made = docx.Document()
    made.add_paragraph("Hello")
    made.save(str(path))
    return path


def with_member(path: Path, name: str, data: bytes) -> Path:
    """Write the archive again with one member exchanged or added."""
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.namelist():
            if member != name:
                new.writestr(member, old.read(member))
        new.writestr(name, data)
    return path


def bomb_of_entities() -> bytes:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    body = f'<w:document xmlns:w="{WORD_NS}"><w:body><w:p><w:r><w:t>&e11;</w:t></w:r></w:p></w:body></w:document>'
    return f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e0 "boom">{entities}]>{body}'.encode()


async def test_an_entity_bomb_is_refused(parser: LocalParser, tmp_path: Path) -> None:
    path = with_member(word_document(tmp_path / "x"), "word/document.xml", bomb_of_entities())
    with pytest.raises(ParseError, match=r"declares XML entities.*save a copy"):
        await parser.parse(path)


async def test_an_entity_that_names_a_file_is_refused(parser: LocalParser, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the secret")
    xml = (
        f'<!DOCTYPE x [<!ENTITY s SYSTEM "file://{tmp_path}/secret">]><w:document xmlns:w="{WORD_NS}">&s;</w:document>'
    )
    path = with_member(word_document(tmp_path / "x"), "word/document.xml", xml.encode())
    with pytest.raises(ParseError, match="declares XML entities"):
        await parser.parse(path)


async def test_a_zip_bomb_is_stopped_by_what_it_declares(parser: LocalParser, tmp_path: Path) -> None:
    path = word_document(tmp_path / "x")
    with_member(path, "word/document.xml", b" " * (1100 * 1024 * 1024))
    assert path.stat().st_size < 2_000_000
    with pytest.raises(ParseLimit, match="inflates to more than"):
        await parser.parse(path)


async def test_a_zip_that_lies_about_its_size_is_damaged(parser: LocalParser, tmp_path: Path) -> None:
    path = with_member(word_document(tmp_path / "x"), "word/document.xml", b" " * 50_000_000)
    size = (50_000_000).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(size, (100).to_bytes(4, "little")))
    with pytest.raises(DamagedDocument, match=r"damaged"):
        await parser.parse(path)


async def test_names_that_climb_out_of_a_zip_reach_nothing(parser: LocalParser, tmp_path: Path) -> None:
    path = word_document(tmp_path / "x")
    with_member(path, "../../../../tmp/climbed", b"harm")
    with zipfile.ZipFile(path) as archive:
        relations = archive.read("word/_rels/document.xml.rels")
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes"
    climbing = f'<Relationship Id="rIdX" Type="{kind}" Target="../../../../etc/passwd"/></Relationships>'.encode()
    with_member(path, "word/_rels/document.xml.rels", relations.replace(b"</Relationships>", climbing))
    before = set(os.listdir(tmp_path))
    assert (await parser.parse(path)).markdown == "Hello"
    assert set(os.listdir(tmp_path)) == before
    assert "climbed" not in os.listdir("/tmp")


async def test_a_sheet_of_a_million_rows_ends_with_an_issue(parser: LocalParser, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.save(tmp_path / "x")
    lines = "".join(f"<row r='{n}'><c><v>{n}</v></c></row>" for n in range(1, 1_000_001))
    sheet = f'<worksheet xmlns="{SHEET_NS}"><sheetData>{lines}</sheetData></worksheet>'
    path = with_member(tmp_path / "x", "xl/worksheets/sheet1.xml", sheet.encode())
    document = await parser.parse(path)
    assert [issue.code for issue in document.issues] == ["cells_left_out"]
    assert "from Sheet!A300001 on" in document.issues[0].message
    assert document.word_count == 300_000


@pytest.mark.parametrize("what", ["div", "table><tr><td", "ul><li", "b"])
async def test_deep_nesting_in_a_page_is_read(parser: LocalParser, tmp_path: Path, what: str) -> None:
    (tmp_path / "x").write_text("<!doctype html>" + f"<{what}>" * 100_000 + "deep down")
    assert "deep down" in (await parser.parse(tmp_path / "x")).markdown


async def test_deep_nesting_in_a_word_document_is_an_error(parser: LocalParser, tmp_path: Path) -> None:
    deep = "<w:sdt><w:sdtContent>" * 5_000 + "</w:sdtContent></w:sdt>" * 5_000
    xml = f'<w:document xmlns:w="{WORD_NS}"><w:body>{deep}</w:body></w:document>'
    path = with_member(word_document(tmp_path / "x"), "word/document.xml", xml.encode())
    with pytest.raises(DamagedDocument, match="nested too deep"):
        await parser.parse(path)


@pytest.mark.parametrize("kind", ["docx", "xlsx", "msg", "rtf"])
async def test_a_file_that_is_cut_off_says_so(parser: LocalParser, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x"
    if kind == "docx":
        word_document(path)
    elif kind == "xlsx":
        openpyxl.Workbook().save(path)
    elif kind == "msg":
        path.write_bytes(outlook_message(Message("Subject", "Ann", "Bob", "text " * 5_000)))
    else:
        path.write_bytes(rb"{\rtf1\ansi " + b"some text {\\b and more}" * 100 + b"}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DamagedDocument, match=r"damaged or cut off.*(again|save)"):
        await parser.parse(path)


@pytest.mark.parametrize(
    ("stream", "advice"), [("WordDocument", "save it as DOCX"), ("PowerPoint Document", "save it as PPTX")]
)
async def test_an_old_format_is_told_what_to_become(
    parser: LocalParser, tmp_path: Path, stream: str, advice: str
) -> None:
    (tmp_path / "x").write_bytes(compound_file({stream: b"x" * 5_000, "Workbook2": b"y"}))
    with pytest.raises(UnsupportedFormat, match=advice):
        await parser.parse(tmp_path / "x")


async def test_an_encrypted_office_document_is_told_from_a_damaged_one(parser: LocalParser, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(compound_file({"EncryptionInfo": b"x" * 100, "EncryptedPackage": b"y" * 5_000}))
    with pytest.raises(EncryptedDocument, match="save a copy without the password"):
        await parser.parse(tmp_path / "x")


async def test_what_is_not_known_lists_what_is(parser: LocalParser, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"PAR1" + bytes(100))
    with pytest.raises(UnsupportedFormat, match=r"a Parquet file.*DOCX, PPTX, XLSX.*EML, MSG.*CSV"):
        await parser.parse(tmp_path / "x")


async def test_a_hostile_attachment_does_not_take_the_mail_with_it(parser: LocalParser, tmp_path: Path) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ann@x.org", "bob@y.org", "see"
    message.set_content("the body")
    bomb = with_member(word_document(tmp_path / "b"), "word/document.xml", bomb_of_entities())
    message.add_attachment(bomb.read_bytes(), "application", "octet-stream", filename="offer.docx")
    (tmp_path / "x").write_bytes(message.as_bytes())
    document = await parser.parse(tmp_path / "x")
    assert "the body" in document.markdown
    assert [issue.code for issue in document.issues] == ["attachment_not_read"]
    assert "entities" in document.issues[0].message
