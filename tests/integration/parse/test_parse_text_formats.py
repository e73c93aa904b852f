"""HTML, CSV, RTF, OpenDocument, EPUB and mails, read in the sandbox."""

from __future__ import annotations

import zipfile
from email.message import EmailMessage
from pathlib import Path

import pytest

from compound_file import Message, outlook_message
from fieldwise.errors import EncryptedDocument
from fieldwise.model import Document, Table
from fieldwise.parse import LocalParser

OFFICE = "urn:oasis:names:tc:opendocument:xmlns:office:1.0"
NAMES = (
    f'xmlns:office="{OFFICE}" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" '
    'xmlns:presentation="urn:oasis:names:tc:opendocument:xmlns:presentation:1.0"'
)


def rows(table: Table) -> list[list[str]]:
    grid = [[""] * table.columns for _ in range(table.rows)]
    for cell in table.cells:
        grid[cell.row][cell.column] = cell.text
    return grid


def write_odf(path: Path, kind: str, body: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", f"application/vnd.oasis.opendocument.{kind}")
        element = {"text": "text", "spreadsheet": "spreadsheet", "presentation": "presentation"}[kind]
        content = (
            f"<office:document-content {NAMES}><office:body><office:{element}>{body}</office:{element}></office:body>"
        )
        archive.writestr("content.xml", f"{content}</office:document-content>")
    return path


async def parsed(parser: LocalParser, tmp_path: Path, data: bytes) -> Document:
    path = tmp_path / "misnamed.pdf"
    path.write_bytes(data)
    return await parser.parse(path)


# HTML


async def test_a_page_is_read_as_a_browser_shows_it(parser: LocalParser, tmp_path: Path) -> None:
    page = """<!doctype html><title>Shop</title><style>p{}</style><header>Menu</header><h1>Order <b>12</b></h1>
    <p>Hi<br>there &euro;&nbsp;5<p>second<ul><li>one<li><p>two</p><ol start=3><li>three</ol></ul>
    <script>var x = "no";</script><select><option>a<option selected>b</select><input type=checkbox checked> agreed
    <pre>x  y</pre><footer>Imprint</footer>"""
    document = await parsed(parser, tmp_path, page.encode())
    assert document.markdown == (
        "<header>Shop</header>\n\n<header>Menu</header>\n\n# Order 12\n\nHi\nthere € 5\n\nsecond\n\n- one\n\n- two\n\n"
        "  3. three\n\nb ☒ agreed\n\n```\nx  y\n```\n\n<footer>Imprint</footer>"
    )
    assert document.media_type == "text/html"


async def test_layout_tables_dissolve_and_data_tables_keep_their_spans(parser: LocalParser, tmp_path: Path) -> None:
    page = """<html><table><tr><td>around
    <table><tr><th>Item<th>Price<tr><td rowspan=2>Bolt<td>1<tr><td>2</table>after</table>"""
    document = await parsed(parser, tmp_path, page.encode())
    assert len(document.tables) == 1
    assert rows(document.tables[0]) == [["Item", "Price"], ["Bolt", "1"], ["", "2"]]
    assert [cell.header for cell in document.tables[0].cells] == [True, True, False, False, False]
    assert document.markdown.startswith("around\n\n| Item")
    assert document.markdown.endswith("after")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("<html><meta charset=windows-1251><p>Привет".encode("cp1251"), "Привет"),
        ("<html><p>naïve €".encode("cp1252"), "naïve €"),
        ("\ufeff<html><p>grün".encode("utf-16-le"), "grün"),
    ],
)
async def test_a_page_says_its_encoding_or_it_is_found(
    parser: LocalParser, tmp_path: Path, data: bytes, text: str
) -> None:
    assert (await parsed(parser, tmp_path, data)).markdown == text


# CSV


async def test_a_table_of_text_has_addresses(parser: LocalParser, tmp_path: Path) -> None:
    data = b'name;amount;date\n"Bolt; big";1,50;2024-01-02\nNut;2,00;2024-01-03\n'
    document = await parsed(parser, tmp_path, data)
    table = document.tables[0]
    assert rows(table)[1:] == [["Bolt; big", "1,50", "2024-01-02"], ["Nut", "2,00", "2024-01-03"]]
    assert {cell.text: cell.anchor for cell in document.tables[0].cells}["2,00"] == "B3"


# RTF


async def test_rich_text_keeps_more_than_its_letters(parser: LocalParser, tmp_path: Path) -> None:
    data = rb"""{\rtf1\ansi\ansicpg1252{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset204 Cyr;}}
{\stylesheet{\s1 heading 1;}}{\header Letterhead\par}\pard\s1 Title\par\pard Gr\'fc\'dfe \u8364?5 {\f1\'cf\'f0}
 {\v hidden}seen
{\footnote a note}\par
{\listtext\tab 1.}\pard item\par\trowd\cellx100\cellx200\intbl a\cell b\cell\row
\trowd\cellx100\cellx200\intbl 1\cell 2\cell\row
\pard smile \u-10179?\u-8704?\par}"""
    document = await parsed(parser, tmp_path, data)
    assert document.markdown == (
        "<header>Letterhead</header>\n\n# Title\n\nGrüße €5 Пр seen [^1]\n\n1. item\n\n"
        "| a | b |\n| --- | --- |\n| 1 | 2 |\n\nsmile 😀\n\n[^1]: a note"
    )
    assert [issue.code for issue in document.issues] == ["hidden_text"]


# OpenDocument


async def test_an_opendocument_text_is_read_in_order(parser: LocalParser, tmp_path: Path) -> None:
    body = (
        "<text:tracked-changes><text:changed-region><text:deletion><text:p>GONE</text:p></text:deletion>"
        "</text:changed-region></text:tracked-changes>"
        '<text:h text:outline-level="2">Title</text:h><text:p>One<text:s/>two<text:note><text:note-citation>1'
        "</text:note-citation><text:note-body><text:p>a note</text:p></text:note-body></text:note>"
        "<office:annotation><dc:creator>Jane</dc:creator><text:p>a remark</text:p></office:annotation></text:p>"
        "<text:list><text:list-item><text:p>item</text:p></text:list-item></text:list>"
        '<table:table><table:table-row><table:table-cell table:number-columns-spanned="2"><text:p>wide</text:p>'
        "</table:table-cell><table:covered-table-cell/></table:table-row><table:table-row><table:table-cell>"
        "<text:p>a</text:p></table:table-cell><table:table-cell><text:p>b</text:p></table:table-cell></table:table-row>"
        "</table:table>"
    )
    document = await parser.parse(write_odf(tmp_path / "x", "text", body))
    assert document.markdown == (
        "## Title\n\nOne two [^1]\n\n- item\n\n| wide | |\n| --- | --- |\n| a | b |\n\n[^1]: a note\n\n"
        "Comment by Jane: a remark"
    )
    assert document.tables[0].cells[0].column_span == 2
    assert [issue.code for issue in document.issues] == ["tracked_changes"]


async def test_an_opendocument_sheet_keeps_dates_amounts_and_repeats(parser: LocalParser, tmp_path: Path) -> None:
    def cell(text: str, attributes: str = "") -> str:
        return f"<table:table-cell {attributes}><text:p>{text}</text:p></table:table-cell>"

    body = (
        '<table:table table:name="A"><table:table-row>'
        + cell("Item") + cell("Price") + cell("When")
        + "</table:table-row><table:table-row table:number-rows-repeated='2'>"
        + cell("Bolt")
        + cell("1.234,50 €", 'office:value-type="currency" office:value="1234.5"')
        + cell("02.01.24", 'office:value-type="date" office:date-value="2024-01-02"')
        + '</table:table-row><table:table-row table:number-rows-repeated="1048570"><table:table-cell '
        'table:number-columns-repeated="16384"/></table:table-row></table:table>'
    )  # fmt: skip
    document = await parser.parse(write_odf(tmp_path / "x", "spreadsheet", body))
    assert rows(document.tables[0]) == [["Item", "Price", "When"], *[["Bolt", "1.234,50 €", "2024-01-02"]] * 2]
    assert (document.tables[0].cells[7].anchor, document.tables[0].cells[7].value) == ("A!B3", "1234.5")


async def test_opendocument_slides_are_pages(parser: LocalParser, tmp_path: Path) -> None:
    slide = (
        '<draw:page><draw:frame presentation:class="title"><draw:text-box><text:p>Hello</text:p></draw:text-box>'
        "</draw:frame>"
        "<draw:frame><draw:text-box><text:p>World</text:p></draw:text-box></draw:frame><presentation:notes><draw:frame>"
        "<draw:text-box><text:p>say it</text:p></draw:text-box></draw:frame></presentation:notes></draw:page>"
    )
    document = await parser.parse(write_odf(tmp_path / "x", "presentation", slide * 2))
    assert [page.markdown for page in document.pages] == ["# Hello\n\nWorld\n\nNotes: say it"] * 2


# EPUB


def write_book(path: Path, extra: dict[str, str] | None = None) -> Path:
    container = "urn:oasis:names:tc:opendocument:xmlns:container"
    members = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": f'<container xmlns="{container}"><rootfiles><rootfile full-path="OPS/b.opf"/>'
        "</rootfiles></container>",
        "OPS/b.opf": '<package xmlns="http://www.idpf.org/2007/opf">'
        '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>The Book</dc:title></metadata>'
        '<manifest><item id="a" href="a%201.xhtml"/><item id="b" href="../b.xhtml"/></manifest>'
        '<spine><itemref idref="b"/><itemref idref="a"/></spine></package>',
        "OPS/a 1.xhtml": "<html><body><h1>The end</h1><p>Over.</p></body></html>",
        "b.xhtml": '<?xml version="1.0"?><!DOCTYPE html><html><body><h1>Start</h1><p>Once.</p></body></html>',
        **(extra or {}),
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


async def test_the_chapters_of_a_book_are_pages_in_the_order_of_reading(parser: LocalParser, tmp_path: Path) -> None:
    document = await parser.parse(write_book(tmp_path / "x"))
    assert [page.anchor for page in document.pages] == ["chapter 1: Start", "chapter 2: The end"]
    assert document.markdown == "Title: The Book\n\n# Start\n\nOnce.\n\n# The end\n\nOver."


async def test_a_copy_protected_book_is_refused(parser: LocalParser, tmp_path: Path) -> None:
    protection = '<encryption><CipherReference URI="b.xhtml"/></encryption>'
    with pytest.raises(EncryptedDocument, match="copy-protected"):
        await parser.parse(write_book(tmp_path / "x", {"META-INF/encryption.xml": protection}))


# Mails


def mail(**headers: str) -> EmailMessage:
    message = EmailMessage()
    fields = {"From": "Ann <ann@x.org>", "To": "bob@y.org", "Subject": "Your invoice", **headers}
    for name, value in fields.items():
        message[name] = value
    return message


async def test_attachments_are_pages_of_the_mail(parser: LocalParser, tmp_path: Path) -> None:
    invoice = Path(__file__).parents[3] / "examples/documents/invoice.pdf"
    message = mail(Date="Mon, 01 Jan 2024 10:00:00 +0000")
    message.set_content("Dear Bob,\n\nsee attached.")
    message.add_alternative("<p>Dear Bob,</p><p>see <b>attached</b>.</p>", subtype="html")
    message.add_attachment(b"name,qty,x\nbolt,2,a\nnut,3,b\n", "application", "octet-stream", filename="list.bin")
    message.add_attachment(invoice.read_bytes(), "text", "plain", filename="scan.txt")
    inner = mail(Subject="earlier")
    inner.set_content("the inner text")
    message.add_attachment(inner)
    message.add_attachment(b"\x00\x01\x02", "application", "x-thing", filename="junk.bin")
    document = await parsed(parser, tmp_path, message.as_bytes())
    assert document.media_type == "message/rfc822"
    assert [page.anchor for page in document.pages] == [
        "message",
        'attachment 1 "list.bin", page 1',
        'attachment 2 "scan.txt", page 1',
        'attachment 2 "scan.txt", page 2',
        'attachment 3 "earlier.eml", message',
    ]
    first = document.pages[0].markdown
    assert first.split("\n\n")[:4] == [
        "From: Ann <ann@x.org>",
        "To: bob@y.org",
        "Date: Mon, 01 Jan 2024 10:00:00 +0000",
        "# Subject: Your invoice",
    ]
    assert first.count("attached") == 1
    assert document.pages[2].words[0].box is not None
    assert "the inner text" in document.pages[4].markdown
    assert [(issue.code, "junk.bin" in issue.message) for issue in document.issues] == [("attachment_not_read", True)]


async def test_text_that_only_the_plain_form_of_a_mail_has_is_kept(parser: LocalParser, tmp_path: Path) -> None:
    message = mail()
    message.set_content("The amount is 12,345.67 EUR, payable until Friday.")
    message.add_alternative("<p>Please use a modern mail program.</p>", subtype="html")
    document = await parsed(parser, tmp_path, message.as_bytes())
    assert "12,345.67" in document.markdown
    assert "modern" in document.markdown


async def test_mails_in_mails_end_at_a_depth_that_is_told(parser: LocalParser, tmp_path: Path) -> None:
    message = mail(Subject="level 0")
    message.set_content("innermost")
    for level in range(1, 9):
        outer = mail(Subject=f"level {level}")
        outer.set_content(f"text {level}")
        outer.add_attachment(message)
        message = outer
    document = await parsed(parser, tmp_path, message.as_bytes())
    assert len(document.pages) == 6
    assert [issue.code for issue in document.issues] == ["attachment_not_read"]
    assert "nested more than 5 mails deep" in document.issues[0].message


async def test_the_page_limit_holds_for_a_mail_with_its_attachments(tmp_path: Path) -> None:
    message = mail()
    message.set_content("see attached")
    for number in range(4):
        message.add_attachment(f"attachment {number}", filename=f"{number}.txt")
    (tmp_path / "x").write_bytes(message.as_bytes())
    parser = LocalParser(max_pages=3)
    try:
        document = await parser.parse(tmp_path / "x")
    finally:
        await parser.aclose()
    assert len(document.pages) == 3
    assert [issue.code for issue in document.issues] == ["attachment_not_read"] * 2


async def test_an_outlook_message_is_read_like_any_mail(parser: LocalParser, tmp_path: Path) -> None:
    inner = Message("inner", "Carl", "dora@x.org", "the inner text")
    message = Message(
        "Offer 12", "Ann", "bob@x.org", "Hello Bob", attachments=[("list.csv", b"name,n,z\nbolt,2,x\nnut,3,y\n"), inner]
    )
    document = await parsed(parser, tmp_path, outlook_message(message))
    assert [page.anchor for page in document.pages] == [
        "message",
        'attachment 1 "list.csv", page 1',
        'attachment 2 "inner", message',
    ]
    assert document.pages[0].markdown.split("\n\n")[:4] == [
        "From: Ann",
        "To: bob@x.org",
        "Date: 2024-01-17T21:20:00+00:00",
        "# Subject: Offer 12",
    ]
    assert rows(document.tables[0])[1] == ["bolt", "2", "x"]
    assert "the inner text" in document.pages[2].markdown
