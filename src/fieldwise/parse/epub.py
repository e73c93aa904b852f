"""EPUB: a chapter (an item of the book's spine) a page. Runs in the reading process only."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from fieldwise.errors import DamagedDocument, EncryptedDocument
from fieldwise.model import Page, ParseIssue

from .archive import Archive, resolve
from .flow import Budget, FlowWriter
from .hypertext import decode_html, write_html
from .markup import attribute, descendants, parse_xml
from .readers import Item, Job, too_many_pages

MEDIA_TYPE = "application/epub+zip"


def read_epub(job: Job) -> Iterator[Item]:
    """Yield media type and number of chapters, the chapters, and issues. Raises ParseError."""
    archive = Archive(job.data, path=job.path, max_inflated=job.max_inflated)
    container = parse_xml(archive.read("META-INF/container.xml"), path=job.path, part="META-INF/container.xml")
    root_file = next((attribute(found, "full-path") for found in descendants(container, "rootfile")), None)
    if not root_file:
        raise DamagedDocument(
            f"{job.path} is damaged: it does not say where its book is.",
            next_step="Download it again, or save a copy from a program that opens it.",
            path=job.path,
        )
    book = parse_xml(archive.read(root_file), path=job.path, part=root_file)
    members = {
        attribute(item, "id") or "": resolve(root_file, unquote(attribute(item, "href") or ""))
        for item in descendants(book, "item")
    }
    spine = [attribute(item, "idref") or "" for item in descendants(book, "itemref")]
    chapters = [members[key] for key in spine if key in members]
    if len(chapters) > job.max_pages:
        raise too_many_pages(job, len(chapters), "chapters")
    _refuse_encrypted(archive, job, set(chapters))
    yield MEDIA_TYPE, len(chapters)
    budget = Budget()
    for number, member in enumerate(chapters, 1):
        data = archive.read_if(member)
        writer = FlowWriter(number, anchor=f"chapter {number}", budget=budget)
        if number == 1:
            _write_metadata(writer, book)
        if data is not None:
            write_html(writer, decode_html(data))
        page = writer.page()
        title = _title(page)
        yield page.model_copy(update={"anchor": f"chapter {number}: {title}"}) if title else page
        if data is None:
            yield ParseIssue(code="chapter_missing", message=f"The book lacks its chapter {member}.", page=number)
    yield from budget.issues


def _refuse_encrypted(archive: Archive, job: Job, chapters: set[str]) -> None:
    """Fonts are often obfuscated, which is no matter; chapters that are encrypted cannot be read."""
    data = archive.read_if("META-INF/encryption.xml")
    root = parse_xml(data, path=job.path, part="META-INF/encryption.xml") if data is not None else None
    found = {attribute(its, "URI") or "" for its in descendants(root, "CipherReference")} if root is not None else set()
    if found & chapters:
        raise EncryptedDocument(
            f"{job.path} is copy-protected: its chapters are encrypted.",
            next_step="Get a copy without protection from whoever sold it.",
            path=job.path,
        )


def _write_metadata(writer: FlowWriter, book: Element) -> None:
    for name in ("title", "creator", "publisher", "date", "identifier"):
        for found in descendants(book, name):
            writer.text("paragraph", found.text or "", label=f"{name.capitalize()}:", anchor="book data")


def _title(page: Page) -> str:
    for block in page.blocks:
        if block.kind == "heading":
            return " ".join(page.markdown[slice(*block.span)].lstrip("# ").split())[:80]
    return ""
