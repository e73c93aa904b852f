"""What a file is, by its content alone: names lie."""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

# A key of readers.READERS, or "other" for what is known but cannot be read.
Kind = str

SUPPORTED = "PDF (with a text layer), Markdown and plain text"

# PDF readers accept the header anywhere in the first 1024 bytes; scanners and mailers do put things before it.
_PDF_HEADER_WITHIN = 1024

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"BM", "a BMP image"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Microsoft Office or Outlook file (OLE)"),
    (b"{\\rtf", "a Rich Text Format file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a Windows program"),
    (b"%!PS", "a PostScript file"),
    (b"PAR1", "a Parquet file"),
    (b"GGUF", "a model's weights (GGUF)"),
)

# What a ZIP holds shows in the names near its start.
_ZIP_MEMBERS: tuple[tuple[bytes, str], ...] = (
    (b"word/", "a Word document (DOCX)"),
    (b"xl/", "an Excel workbook (XLSX)"),
    (b"ppt/", "a PowerPoint presentation (PPTX)"),
    (b"application/vnd.oasis.opendocument.text", "an OpenDocument text (ODT)"),
    (b"application/vnd.oasis.opendocument.spreadsheet", "an OpenDocument spreadsheet (ODS)"),
    (b"application/vnd.oasis.opendocument.presentation", "an OpenDocument presentation (ODP)"),
    (b"application/epub+zip", "an EPUB book"),
)

_HTML = re.compile(rb"\s*(?:<\?xml[^>]*>\s*|<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S)
_XML = re.compile(rb"\s*<\?xml\s")
_MAIL = re.compile(rb"(?:[A-Za-z-]+:[^\n]*\n(?:[ \t][^\n]*\n)*){3,}\r?\n")
_MAIL_FIELD = re.compile(rb"^(?:received|return-path|message-id|mime-version|from|delivered-to):", re.I | re.M)

# Two signs of Markdown that plain text rarely bears: enough of them, and the text is read as Markdown.
_MARKDOWN_SIGNS = re.compile(
    r"^(?:\#{1,6}[ \t]+\S"  # heading
    r"|\|?[ \t]*:?-{3,}:?[ \t]*(?:\|[ \t]*:?-{3,}:?[ \t]*)+\|?[ \t]*$"  # the rule under a table's head
    r"|`{3,}\w*[ \t]*$"  # fence
    r"|!?\[[^\]\n]+\]\([^)\n]+\))"  # link or image at the start of a line
    r"|\[[^\]\n]+\]\(https?://[^)\n]+\)"
    r"|(?<!\*)\*\*\S(?:[^*\n]*\S)?\*\*(?!\*)",
    re.M,
)
_MARKDOWN_SAMPLE = 200_000


class Detected(NamedTuple):
    """`name` is for people ("a PNG image"); `encoding` is set for text only.

    `next_step` advises what to do with a file of a kind that is not read.
    """

    kind: Kind
    media_type: str
    name: str
    encoding: str | None = None
    next_step: str = ""


def detect(data: bytes) -> Detected:
    """Say what `data` is. Anything that is not known and holds no NUL bytes is text."""
    head = data[:_PDF_HEADER_WITHIN]
    if b"%PDF-" in head and (head.startswith(b"%PDF-") or not _looks_like_text_about_pdf(head)):
        return Detected("pdf", "application/pdf", "a PDF")
    named = _name_of_other(data)
    if named is not None:
        return Detected("other", "application/octet-stream", named)
    encoding = _encoding(data)
    if encoding is None:
        return Detected("other", "application/octet-stream", "a binary file of unknown kind")
    return Detected("text", "text/plain", "text", encoding)


def media_type_of_text(text: str) -> str:
    """`text/markdown` where the text bears signs of Markdown, else `text/plain`."""
    signs = 0
    for match in _MARKDOWN_SIGNS.finditer(text[:_MARKDOWN_SAMPLE]):
        # A shell comment looks like a heading of depth one, so one such line alone proves nothing.
        signs += 1 if match[0].startswith("# ") else 2
        if signs >= 2:
            return "text/markdown"
    return "text/plain"


def _looks_like_text_about_pdf(head: bytes) -> bool:
    before = head[: head.index(b"%PDF-")]
    return len(before) > 0 and not before.endswith((b"\n", b"\r", b"\x00", codecs.BOM_UTF8))


def _name_of_other(data: bytes) -> str | None:
    head = data[:4096]
    if data.startswith(b"PK\x03\x04"):
        sample = data[:65536] + data[-65536:]  # the directory of names is at the end
        return next((name for member, name in _ZIP_MEMBERS if member in sample), "a ZIP archive")
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "a WebP image"
    if data[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypavif"):
        return "a HEIF or AVIF image"
    for magic, name in _MAGIC:
        # Two-letter marks also begin ordinary words; only a binary file bears them in earnest.
        if data.startswith(magic) and (len(magic) > 3 or b"\x00" in head or _has_controls(head)):
            return name
    if _HTML.match(head):
        return "an HTML page"
    if _XML.match(head):
        return "an XML file"
    if _MAIL.match(head) and len(_MAIL_FIELD.findall(head)) >= 2:
        return "an e-mail (EML)"
    return None


def _has_controls(head: bytes) -> bool:
    return bool(re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", head))


def _encoding(data: bytes) -> str | None:
    """Return the codec that reads `data`, or None for binary data. `latin-1` reads anything and is the last resort."""
    if data.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    sample = data[:65536]
    if b"\x00" in sample:
        return None
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return None if len(re.findall(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f]", sample)) * 100 > len(sample) else "latin-1"
    return "utf-8"
