"""What a ZIP or an OLE file holds, by what it says of itself: content types, the mimetype entry, names of streams."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import NamedTuple

# Enough for the content types of a package of thousands of parts; a bomb is not unpacked to look at it.
_LARGEST = 4 * 1024 * 1024

_WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml"
_EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_POWERPOINT = "application/vnd.openxmlformats-officedocument.presentationml"
_ODF = "application/vnd.oasis.opendocument."


class Contained(NamedTuple):
    """As `detect.Detected`, without an encoding."""

    kind: str
    media_type: str
    name: str
    next_step: str = ""


_DOCX = Contained("docx", f"{_WORD}.document", "a Word document (DOCX)")
_XLSX = Contained("xlsx", f"{_EXCEL}.sheet", "an Excel workbook (XLSX)")
_PPTX = Contained("pptx", f"{_POWERPOINT}.presentation", "a PowerPoint presentation (PPTX)")
_ODT = Contained("odf", f"{_ODF}text", "an OpenDocument text (ODT)")
_ODS = Contained("odf", f"{_ODF}spreadsheet", "an OpenDocument spreadsheet (ODS)")
_ODP = Contained("odf", f"{_ODF}presentation", "an OpenDocument presentation (ODP)")
_EPUB = Contained("epub", "application/epub+zip", "an EPUB book")
_ZIP = Contained("other", "application/zip", "a ZIP archive", "Unpack it, and name the files in it.")
_XLSB = Contained(
    "other",
    "application/vnd.ms-excel.sheet.binary.macroEnabled.12",
    "a binary Excel workbook (XLSB)",
    "Open it in a spreadsheet program, and save it as XLSX.",
)

# Content types of main parts, templates and those with macros too; `main+xml` ends all but the binary workbook's.
_MAIN_PARTS: tuple[tuple[bytes, Contained], ...] = (
    (b"ms-excel.sheet.binary.macroEnabled.main", _XLSB),
    (b"wordprocessingml.document.main+xml", _DOCX),
    (b"wordprocessingml.template.main+xml", _DOCX),
    (b"ms-word.document.macroEnabled.main+xml", _DOCX),
    (b"ms-word.template.macroEnabledTemplate.main+xml", _DOCX),
    (b"spreadsheetml.sheet.main+xml", _XLSX),
    (b"spreadsheetml.template.main+xml", _XLSX),
    (b"ms-excel.sheet.macroEnabled.main+xml", _XLSX),
    (b"ms-excel.template.macroEnabled.main+xml", _XLSX),
    (b"presentationml.presentation.main+xml", _PPTX),
    (b"presentationml.template.main+xml", _PPTX),
    (b"presentationml.slideshow.main+xml", _PPTX),
    (b"ms-powerpoint.presentation.macroEnabled.main+xml", _PPTX),
    (b"ms-powerpoint.slideshow.macroEnabled.main+xml", _PPTX),
)
_MIMETYPES: tuple[tuple[bytes, Contained], ...] = (
    (f"{_ODF}text".encode(), _ODT),
    (f"{_ODF}spreadsheet".encode(), _ODS),
    (f"{_ODF}presentation".encode(), _ODP),
    (b"application/epub+zip", _EPUB),
)
# A file that is cut off has lost its directory, but not the names at its start.
_MEMBERS: tuple[tuple[bytes, Contained], ...] = (
    (b"word/", _DOCX),
    (b"xl/", _XLSX),
    (b"ppt/", _PPTX),
    *_MIMETYPES,
)

_MSG = Contained("msg", "application/vnd.ms-outlook", "an Outlook message (MSG)")
_XLS = Contained("xls", "application/vnd.ms-excel", "an old Excel workbook (XLS)")
_STREAMS: tuple[tuple[str, Contained], ...] = (
    (
        "EncryptedPackage",
        Contained(
            "encrypted",
            "application/octet-stream",
            "an encrypted Office document",
            "Open it in the program that made it, and save a copy without the password.",
        ),
    ),
    ("__properties_version1.0", _MSG),
    (
        "WordDocument",
        Contained(
            "other",
            "application/msword",
            "an old Word document (DOC)",
            "Open it in Word or LibreOffice, and save it as DOCX (soffice --headless --convert-to docx FILE).",
        ),
    ),
    (
        "PowerPoint Document",
        Contained(
            "other",
            "application/vnd.ms-powerpoint",
            "an old PowerPoint presentation (PPT)",
            "Open it in PowerPoint or LibreOffice, and save it as PPTX (soffice --headless --convert-to pptx FILE).",
        ),
    ),
    ("Workbook", _XLS),
    ("Book", _XLS),
)
_OLE_CUT = Contained(
    "damaged",
    "application/x-ole-storage",
    "an old Microsoft Office or Outlook file (OLE)",
    "Download or export it again, or open it in the program that made it and save a copy.",
)
_OLE = Contained("other", "application/x-ole-storage", "an old Microsoft Office or Outlook file (OLE)")


def in_zip(data: bytes) -> Contained:
    """Say what a ZIP is, by its content types or its mimetype entry; one cut off by the names at its start."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
            if "[Content_Types].xml" in names:
                types = _start(archive, "[Content_Types].xml")
                found = next((contained for mark, contained in _MAIN_PARTS if mark in types), None)
                if found is not None:
                    return found
            if "mimetype" in names:
                declared = _start(archive, "mimetype").strip()
                found = next((contained for mark, contained in _MIMETYPES if declared.startswith(mark)), None)
                if found is not None:
                    return found
            return _ZIP
    except (
        zipfile.BadZipFile,
        zlib.error,
        OSError,
        ValueError,
        NotImplementedError,
        RuntimeError,
        struct.error,
        EOFError,
    ):
        sample = data[:65536] + data[-65536:]
        return next((contained for member, contained in _MEMBERS if member in sample), _ZIP)


def _start(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as member:
        return member.read(_LARGEST)


def in_ole(data: bytes) -> Contained:
    """Say what an OLE file is, by the names in its root directory."""
    names = root_names(data)
    if not names:
        return _OLE_CUT
    return next((contained for name, contained in _STREAMS if name in names), _OLE)


def root_names(data: bytes) -> set[str]:
    """Return the names in the root storage of an OLE file (MS-CFB); of a damaged one, those that can be reached."""
    entries = bytearray()
    try:
        size = 1 << min(struct.unpack_from("<H", data, 30)[0], 12)
        sector = struct.unpack_from("<I", data, 48)[0]
        tables = struct.unpack_from("<109I", data, 76)
        seen: set[int] = set()
        while sector < 0xFFFFFFFA and sector not in seen and len(seen) < 4096:
            seen.add(sector)
            entries += data[(sector + 1) * size : (sector + 2) * size]
            table, slot = divmod(sector, size // 4)
            sector = struct.unpack_from("<I", data, (tables[table] + 1) * size + slot * 4)[0]
    except (struct.error, IndexError):
        pass  # cut off: what was read so far tells what it was
    names: set[str] = set()
    if len(entries) < 128:
        return names
    # The names of a storage are a tree; its children's subtrees are other storages and not followed.
    waiting: list[int] = [struct.unpack_from("<I", entries, 76)[0]]
    known: set[int] = set()
    while waiting:
        number = waiting.pop()
        entry = entries[number * 128 : number * 128 + 128]
        if len(entry) < 128 or number in known:
            continue
        known.add(number)
        length = min(struct.unpack_from("<H", entry, 64)[0], 64)
        names.add(bytes(entry[: max(0, length - 2)]).decode("utf-16-le", "replace"))
        waiting += struct.unpack_from("<II", entry, 68)
    return names
