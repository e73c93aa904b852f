"""PDFs written byte by byte: what a library would refuse to write is what has to be tested."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from fieldwise.parse import LocalParser

_FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"


class PdfWriter:
    """Writes into one folder. Contents are PDF operators; coordinates are points from the bottom left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @staticmethod
    def text(x: float, y: float, words: str, size: float = 12) -> bytes:
        escaped = words.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        return b"BT /F1 %g Tf %g %g Td (%s) Tj ET\n" % (size, x, y, escaped.encode("cp1252"))

    @staticmethod
    def stream(data: bytes, entries: bytes = b"") -> bytes:
        return b"<< /Length %d %s>>\nstream\n" % (len(data), entries) + data + b"\nendstream"

    @staticmethod
    def rule(x0: float, y0: float, x1: float, y1: float) -> bytes:
        return b"0.5 w %g %g m %g %g l S\n" % (x0, y0, x1, y1)

    def write(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path

    def objects(self, name: str, objects: Sequence[bytes], trailer: bytes = b"") -> Path:
        """Write numbered objects; the first one is the catalog."""
        out, offsets = bytearray(b"%PDF-1.7\n"), []
        for number, body in enumerate(objects, 1):
            offsets.append(len(out))
            out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
        start = len(out)
        out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
        out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
        out += b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, start)
        return self.write(name, bytes(out))

    def pages(self, name: str, contents: Sequence[bytes], entries: bytes = b"/MediaBox [0 0 612 792]") -> Path:
        """Write a page for each content; font F1 is Helvetica."""
        objects, kids = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", _FONT], []
        for content in contents:
            objects.append(self.stream(content))
            objects.append(
                b"<< /Type /Page /Parent 2 0 R /Contents %d 0 R /Resources << /Font << /F1 3 0 R >> >> %s >>"
                % (len(objects), entries)
            )
            kids.append(b"%d 0 R" % len(objects))
        objects[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(kids), len(kids))
        return self.objects(name, objects)

    def encrypted(self, name: str, user_password: bytes) -> Path:
        """Write "Hello" under the standard handler, revision 2 (40-bit RC4)."""
        padding = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
        padded = (user_password + padding)[:32]
        owner = _rc4(_md5((b"owner" + padding)[:32])[:5], padded)
        permissions, file_id = -4, b"0123456789abcdef"
        key = _md5(padded + owner + permissions.to_bytes(4, "little", signed=True) + file_id)[:5]
        content_key = _md5(key + b"\x04\x00\x00" + b"\x00\x00")[:10]
        return self.objects(
            name,
            [
                b"<< /Type /Catalog /Pages 2 0 R >>",
                b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
                b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
                b" /Resources << /Font << /F1 5 0 R >> >> >>",
                self.stream(_rc4(content_key, self.text(72, 700, "Hello"))),
                _FONT,
                b"<< /Filter /Standard /V 1 /R 2 /P %d /O <%s> /U <%s> >>"
                % (permissions, owner.hex().encode(), _rc4(key, padding).hex().encode()),
            ],
            trailer=b"/Encrypt 6 0 R /ID [<%s> <%s>]" % ((file_id.hex().encode(),) * 2),
        )

    def recursive_forms(self, name: str) -> Path:
        """Write two forms that draw each other twice: 2 to the power of the depth drawings."""
        head = b"/Type /XObject /Subtype /Form /BBox [0 0 612 792] /Resources << /XObject << /A 4 0 R /B 6 0 R >> >> "
        return self.objects(
            name,
            [
                b"<< /Type /Catalog /Pages 2 0 R >>",
                b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
                b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 5 0 R"
                b" /Resources << /XObject << /A 4 0 R >> >> >>",
                self.stream(b"q /B Do Q /B Do", head),
                self.stream(b"/A Do"),
                self.stream(b"q /A Do Q /A Do", head),
            ],
        )

    def flate_bomb(self, name: str, megabytes: int = 280) -> Path:
        """Write a page whose content unpacks to so many megabytes."""
        deflate = zlib.compressobj(9)
        line = b"BT /F1 1 Tf (" + b"a" * 60 + b") Tj ET\n"
        lines = 1024 * 1024 // len(line) * line
        packed = b"".join(deflate.compress(lines) for _ in range(megabytes)) + deflate.flush()
        return self.objects(
            name,
            [
                b"<< /Type /Catalog /Pages 2 0 R >>",
                b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
                b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
                b" /Resources << /Font << /F1 5 0 R >> >> >>",
                self.stream(packed, b"/Filter /FlateDecode "),
                _FONT,
            ],
        )

    def page_tree_loop(self, name: str) -> Path:
        return self.objects(
            name,
            [
                b"<< /Type /Catalog /Pages 2 0 R >>",
                b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
                b"<< /Type /Pages /Parent 2 0 R /Kids [2 0 R] /Count 1 >>",
            ],
        )


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def _rc4(key: bytes, data: bytes) -> bytes:
    state, j = list(range(256)), 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    out, i, j = bytearray(), 0, 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)


@pytest.fixture
def pdf(tmp_path: Path) -> PdfWriter:
    return PdfWriter(tmp_path)


@pytest.fixture
async def parser() -> AsyncIterator[LocalParser]:
    local = LocalParser()
    yield local
    await local.aclose()


@pytest.fixture
async def make_parser() -> AsyncIterator[Callable[..., LocalParser]]:
    """Make parsers with limits; they are closed at the end."""
    made: list[LocalParser] = []

    def make(**limits: float) -> LocalParser:
        made.append(LocalParser(**limits))  # type: ignore[arg-type]  # ints and floats by name
        return made[-1]

    yield make
    for local in made:
        await local.aclose()
