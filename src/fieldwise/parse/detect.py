"""What a file is, by its content alone: names lie."""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

from .containers import in_ole, in_zip
from .sniffing import delimiter_of

# A key of readers.READERS, or "other" for what is known but cannot be read.
Kind = str

SUPPORTED = (
    "PDF, images (PNG, JPEG, TIFF, WebP, BMP), DOCX, PPTX, XLSX, XLS, ODT, ODS, ODP, RTF, EPUB, HTML, "
    "e-mail (EML, MSG), CSV and TSV, Markdown and text"
)

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

_IMAGES = {
    "a PNG image": "image/png",
    "a JPEG image": "image/jpeg",
    "a TIFF image": "image/tiff",
    "a WebP image": "image/webp",
    "a BMP image": "image/bmp",
}

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_HTML = re.compile(rb"\s*(?:<\?xml[^>]*>\s*|<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S)
_XML = re.compile(rb"\s*<\?xml\s")
_MAIL = re.compile(rb"(?:[A-Za-z0-9-]+:[^\n]*\n(?:[ \t][^\n]*\n)*){3,}\r?\n")
_MAIL_LONG = re.compile(rb"(?:[A-Za-z-]+:[^\n]*\n(?:[ \t][^\n]*\n)*){4,}")  # headers longer than the sample
_MAIL_FIELD = re.compile(
    rb"^(received|return-path|message-id|mime-version|from|to|subject|date|delivered-to|content-type|x-mailer):",
    re.I | re.M,
)
_DELIMITED_SAMPLE = 128_000

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
    if (found := _structured(data)) is not None:
        return found
    named = _name_of_other(data)
    if named in _IMAGES:
        return Detected("image", _IMAGES[named], named)
    if named is not None:
        return Detected("other", "application/octet-stream", named)
    encoding = _encoding(data)
    if encoding is None:
        return Detected("other", "application/octet-stream", "a binary file of unknown kind")
    if _is_delimited(data, encoding):
        return Detected("delimited", "text/csv", "a table (CSV)", encoding)
    return Detected("text", "text/plain", "text", encoding)


def _structured(data: bytes) -> Detected | None:
    """Know the formats that are containers, or have a grammar of their own."""
    head = data[:4096].removeprefix(codecs.BOM_UTF8)
    if data.startswith(b"PK\x03\x04"):
        contained = in_zip(data)
        return Detected(contained.kind, contained.media_type, contained.name, next_step=contained.next_step)
    if data.startswith(_OLE):
        contained = in_ole(data)
        return Detected(contained.kind, contained.media_type, contained.name, next_step=contained.next_step)
    if head.startswith(b"{\\rtf"):
        return Detected("rtf", "application/rtf", "a Rich Text Format file")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        head = data[:8192].decode("utf-16", "ignore").encode("utf-8", "ignore")
    if _HTML.match(head):
        return Detected("html", "text/html", "an HTML page")
    if _is_mail(head):
        return Detected("eml", "message/rfc822", "an e-mail (EML)")
    return None


def _is_mail(head: bytes) -> bool:
    """Headers first, and of those that only mails have, two at least; an mbox line before them is passed over."""
    start = re.match(rb"From \S+ .*\r?\n", head)
    match = _MAIL.match(head, start.end() if start else 0)
    fields = match[0] if match is not None else head if _MAIL_LONG.match(head) else b""
    return len({name.lower() for name in _MAIL_FIELD.findall(fields)}) >= 2


def _is_delimited(data: bytes, encoding: str) -> bool:
    sample = data[:_DELIMITED_SAMPLE]
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(sample)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if media_type_of_text(text) == "text/markdown":
        return False
    return delimiter_of(text, cut=len(data) > len(sample)) is not None


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
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "a WebP image"
    if data[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypavif"):
        return "a HEIF or AVIF image"
    for magic, name in _MAGIC:
        # Two-letter marks also begin ordinary words; only a binary file bears them in earnest.
        if data.startswith(magic) and (len(magic) > 3 or b"\x00" in head or _has_controls(head)):
            return name
    if _XML.match(head):
        return "an XML file"
    return None


def _has_controls(head: bytes) -> bool:
    return bool(re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", head))


def _encoding(data: bytes) -> str | None:
    """Return the codec that reads `data`, or None for binary data. `cp1252` (Latin-1 with `€`) is the last resort."""
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
        return None if len(re.findall(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f]", sample)) * 100 > len(sample) else "cp1252"
    return "utf-8"
