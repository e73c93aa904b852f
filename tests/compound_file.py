"""Writes OLE compound files (MS-CFB) and Outlook messages in them: no free library writes either."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

_END, _FREE, _FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
_SECTOR = 512

Tree = dict[str, "bytes | Tree"]


def compound_file(tree: Tree) -> bytes:
    """Return a file of these storages (dicts) and streams (bytes); every stream in sectors of its own."""
    entries: list[bytearray] = []
    sectors: list[bytes] = []
    fat: list[int] = []
    mini = bytearray()
    mini_fat: list[int] = []

    def put_small(data: bytes) -> int:
        """Streams of less than 4096 bytes share one stream, in units of 64 bytes."""
        first, count = len(mini) // 64, -(-len(data) // 64)
        mini.extend(data.ljust(64 * count, b"\x00"))
        mini_fat.extend(first + i + 1 if i + 1 < count else _END for i in range(count))
        return first if count else _END

    def put(data: bytes) -> int:
        if not data:
            return _END
        first = len(sectors)
        count = -(-len(data) // _SECTOR)
        for i in range(count):
            sectors.append(data[i * _SECTOR : (i + 1) * _SECTOR].ljust(_SECTOR, b"\x00"))
            fat.append(first + i + 1 if i + 1 < count else _END)
        return first

    def entry(name: str, kind: int, start: int, size: int) -> int:
        raw = bytearray(128)
        encoded = name.encode("utf-16-le")
        raw[: len(encoded)] = encoded
        struct.pack_into("<HBBIII", raw, 64, len(encoded) + 2, kind, 1, _FREE, _FREE, _FREE)
        struct.pack_into("<IQ", raw, 116, start, size)
        entries.append(raw)
        return len(entries) - 1

    def fill(parent: int, children: Tree) -> None:
        # A list to the right is a tree too; names in the order that the format asks for.
        ordered = sorted(children.items(), key=lambda item: (len(item[0]), item[0].upper()))
        numbers = []
        for name, content in ordered:
            if isinstance(content, bytes):
                start = put(content) if len(content) >= 4096 else put_small(content)
                number = entry(name, 2, start, len(content))
            else:
                number = entry(name, 1, 0, 0)
            numbers.append(number)
        for number, following in zip(numbers, [*numbers[1:], _FREE], strict=True):
            struct.pack_into("<I", entries[number], 72, following)
        if numbers:
            struct.pack_into("<I", entries[parent], 76, numbers[0])
        for number, (_, content) in zip(numbers, ordered, strict=True):
            if not isinstance(content, bytes):
                fill(number, content)

    entry("Root Entry", 5, _END, 0)
    fill(0, tree)
    struct.pack_into("<IQ", entries[0], 116, put(bytes(mini)), len(mini))
    small_table = put(struct.pack(f"<{len(mini_fat)}I", *mini_fat).ljust(-(-len(mini_fat) // 128) * _SECTOR, b"\xff"))
    directory = put(b"".join(bytes(raw) for raw in entries))
    tables = 1
    while tables * (_SECTOR // 4) < len(sectors) + tables:
        tables += 1
    first_table = len(sectors)
    fat += [_FAT] * tables
    fat += [_FREE] * (tables * (_SECTOR // 4) - len(fat))
    header = bytearray(_SECTOR)
    header[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    struct.pack_into("<HHHHH", header, 24, 0x3E, 3, 0xFFFE, 9, 6)
    small_tables = -(-len(mini_fat) // 128)
    struct.pack_into("<IIIIIIIII", header, 40, 0, tables, directory, 0, 4096, small_table, small_tables, _END, 0)
    difat = [first_table + i for i in range(tables)] + [_FREE] * (109 - tables)
    struct.pack_into("<109I", header, 76, *difat)
    return bytes(header) + b"".join(sectors) + struct.pack(f"<{len(fat)}I", *fat)


@dataclass
class Message:
    """An Outlook message; `attachments` are files by name, or messages."""

    subject: str = ""
    sender: str = ""
    to: str = ""
    body: str = ""
    html: bytes | None = None
    rtf: bytes | None = None
    sent: int = 133_500_000_000_000_000
    attachments: list[tuple[str, bytes] | Message] = field(default_factory=list)


def outlook_message(message: Message) -> bytes:
    return compound_file(_tree(message, header=32))


def _tree(message: Message, header: int) -> Tree:
    tree: Tree = {
        "__properties_version1.0": bytes(header) + struct.pack("<IIQ", 0x00390040, 6, message.sent),
        "__substg1.0_0037001F": _wide(message.subject),
        "__substg1.0_0C1A001F": _wide(message.sender),
        "__substg1.0_0E04001F": _wide(message.to),
    }
    if message.body:
        tree["__substg1.0_1000001F"] = _wide(message.body)
    if message.html is not None:
        tree["__substg1.0_10130102"] = message.html
    if message.rtf is not None:
        tree["__substg1.0_10090102"] = message.rtf
    for number, attachment in enumerate(message.attachments):
        name = f"__attach_version1.0_#{number:08X}"
        if isinstance(attachment, Message):
            inner = _tree(attachment, header=24)
            tree[name] = {"__substg1.0_3001001F": _wide(attachment.subject), "__substg1.0_3701000D": inner}
        else:
            tree[name] = {"__substg1.0_3707001F": _wide(attachment[0]), "__substg1.0_37010102": attachment[1]}
    return tree


def _wide(text: str) -> bytes:
    return text.encode("utf-16-le")
