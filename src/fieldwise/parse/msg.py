"""MSG (Outlook, MS-OXMSG) by olefile. Runs in the reading process only."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from fieldwise.errors import DamagedDocument

from .extra import missing_office
from .hypertext import decode_html
from .mail import MAX_DEPTH, Attachment, Mail, mail_pages
from .readers import Item, Job
from .rtf import plain_text

MEDIA_TYPE = "application/vnd.ms-outlook"

# Property tags of MS-OXPROPS.
_SUBJECT, _SENDER, _SENDER_ADDRESS, _SENDER_SMTP = 0x0037, 0x0C1A, 0x0C1F, 0x5D01
_TO, _CC, _BCC, _REPLY_TO = 0x0E04, 0x0E03, 0x0E02, 0x0050
_SENT, _DELIVERED = 0x0039, 0x0E06
_BODY, _HTML, _RTF = 0x1000, 0x1013, 0x1009
_DATA, _LONG_NAME, _SHORT_NAME, _CONTENT_ID, _DISPLAY_NAME = 0x3701, 0x3707, 0x3704, 0x3712, 0x3001
_CODEPAGE, _INTERNET_CODEPAGE = 0x3FFD, 0x3FDE
_EMBEDDED = "__substg1.0_3701000D"
# What compressed RTF may refer to before it has written anything (MS-OXRTFCP).
_DICTIONARY = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor "
    b"MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20"
    b"\\b\\i\\u\\tab\\tx"
)


def read_msg(job: Job) -> Iterator[Item]:
    """Yield media type, the mail's page, its attachments' pages, and issues. Raises ParseError or MissingExtra."""
    try:
        import olefile
    except ImportError:
        raise missing_office("Outlook messages (MSG)", "olefile") from None
    try:
        with olefile.OleFileIO(io.BytesIO(job.data)) as file:
            mail = _Storage(file, ()).mail(0)
    except (OSError, struct.error, IndexError) as error:
        raise DamagedDocument(
            f"{job.path} is damaged or cut off: {error}.",
            next_step="Export it again from Outlook, or save it as EML.",
            path=job.path,
        ) from None
    yield MEDIA_TYPE, None
    yield from mail_pages(mail, job)


class _Storage:
    """A message's or an attachment's properties within the file."""

    def __init__(self, file: Any, path: tuple[str, ...]) -> None:
        self._file, self._path = file, path
        self._encoding = "cp1252"

    def mail(self, depth: int) -> Mail:
        fixed = self._fixed(32 if not self._path else 24)
        codepage = fixed.get(_CODEPAGE) or fixed.get(_INTERNET_CODEPAGE) or 1252
        codepage &= 0xFFFFFFFF
        self._encoding = {65001: "utf-8", 20127: "ascii", 28591: "latin-1"}.get(codepage, f"cp{codepage}")
        mail = Mail()
        sender, address = self.text(_SENDER), self.text(_SENDER_SMTP) or self.text(_SENDER_ADDRESS)
        shown = f"{sender} <{address}>" if sender and address and sender != address else sender or address
        date = _time(fixed.get(_SENT) or fixed.get(_DELIVERED))
        fields = (("From", shown), ("Reply-To", self.text(_REPLY_TO)), ("To", self._recipients(1) or self.text(_TO)),
                  ("Cc", self._recipients(2) or self.text(_CC)), ("Bcc", self._recipients(3) or self.text(_BCC)),
                  ("Date", date), ("Subject", self.text(_SUBJECT)))  # fmt: skip
        mail.fields = [(name, " ".join(value.split())) for name, value in fields if value]
        html = self._stream(_HTML, "0102")
        mail.plain = self.text(_BODY)
        if html is not None:
            mail.html = decode_html(html.rstrip(b"\x00"))
        elif self.text(_HTML):
            mail.html = self.text(_HTML)
        elif not mail.plain and (packed := self._stream(_RTF, "0102")) is not None:
            mail.plain = plain_text(decompressed(packed))
        mail.attachments = [self._attachment(name, mail, depth) for name in self._children("__attach_version1.0_#")]
        return mail

    def text(self, tag: int) -> str:
        wide = self._stream(tag, "001F")
        if wide is not None:
            return wide.decode("utf-16-le", "replace").rstrip("\x00")
        narrow = self._stream(tag, "001E")
        if narrow is None:
            return ""
        try:
            return narrow.decode(self._encoding).rstrip("\x00")
        except (UnicodeDecodeError, LookupError):
            return narrow.decode("cp1252", "replace").rstrip("\x00")

    def _attachment(self, name: str, mail: Mail, depth: int) -> Attachment:
        storage = _Storage(self._file, (*self._path, name))
        storage._encoding = self._encoding
        title = storage.text(_LONG_NAME) or storage.text(_SHORT_NAME) or storage.text(_DISPLAY_NAME) or "unnamed"
        data = storage._stream(_DATA, "0102")
        if data is None and self._file.exists([*storage._path, _EMBEDDED]):
            # A message within the file is no file of its own. One level more than is read shows that there is more.
            inner = _Storage(self._file, (*storage._path, _EMBEDDED))
            return Attachment(title, None, mail=inner.mail(depth + 1) if depth <= MAX_DEPTH else Mail())
        content_id = storage.text(_CONTENT_ID)
        shown = bool(content_id and mail.html and f"cid:{content_id}" in mail.html)
        return Attachment(title, data, shown=shown)

    def _recipients(self, kind: int) -> str:
        """Return the recipients of a kind (1 to, 2 cc, 3 bcc) with their addresses."""
        found = []
        for name in self._children("__recip_version1.0_#"):
            storage = _Storage(self._file, (*self._path, name))
            storage._encoding = self._encoding
            if storage._fixed(8).get(0x0C15) != kind:
                continue
            shown, address = storage.text(_DISPLAY_NAME), storage.text(0x39FE) or storage.text(0x3003)
            found.append(f"{shown} <{address}>" if shown and address and shown != address else shown or address)
        return ", ".join(filter(None, found))

    def _children(self, prefix: str) -> list[str]:
        depth = len(self._path)
        names = {
            entry[depth]
            for entry in self._file.listdir(streams=True, storages=True)
            if len(entry) > depth and tuple(entry[:depth]) == self._path and entry[depth].startswith(prefix)
        }
        return sorted(names)

    def _stream(self, tag: int, kind: str) -> bytes | None:
        name = [*self._path, f"__substg1.0_{tag:04X}{kind}"]
        if not self._file.exists(name):
            return None
        data: bytes = self._file.openstream(name).read()
        return data

    def _fixed(self, header: int) -> dict[int, int]:
        """Return the properties of fixed size by their tags."""
        name = [*self._path, "__properties_version1.0"]
        if not self._file.exists(name):
            return {}
        data = self._file.openstream(name).read()[header:]
        found = {}
        for at in range(0, len(data) - 15, 16):
            tag, _, value = struct.unpack_from("<IIQ", data, at)
            found[tag >> 16] = value
        return found


def decompressed(data: bytes) -> bytes:
    """Inflate compressed RTF (MS-OXRTFCP). What it may grow to is bounded by its own header, and by 64 MB."""
    if len(data) < 16:
        return b""
    _, size, kind, _ = struct.unpack_from("<IIII", data)
    if kind == 0x414C454D:  # stored
        return data[16 : 16 + size]
    size = min(size, 64 * 1024 * 1024)
    window = bytearray(4096)
    window[: len(_DICTIONARY)] = _DICTIONARY
    write, at = len(_DICTIONARY), 16
    out = bytearray()
    while at < len(data) and len(out) < size:
        control, at = data[at], at + 1
        for bit in range(8):
            if at >= len(data):
                break
            if control >> bit & 1:
                if at + 1 >= len(data):
                    return bytes(out)
                reference, at = data[at] << 8 | data[at + 1], at + 2
                start = reference >> 4
                if start == write:
                    return bytes(out)
                piece = range(start, start + (reference & 15) + 2)
            else:
                window[write] = data[at]
                piece = range(write, write + 1)
                at += 1
            for source in piece:
                sign = window[source % 4096]
                out.append(sign)
                window[write] = sign
                write = (write + 1) % 4096
    return bytes(out)


def _time(value: int | None) -> str:
    """Return a FILETIME as ISO 8601."""
    if not value:
        return ""
    try:
        return (datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=value // 10)).isoformat(timespec="seconds")
    except OverflowError:
        return ""
