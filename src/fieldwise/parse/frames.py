"""What the reading process and its parent say to each other: JSON messages, each after its length in four bytes.

The child has read an untrusted file, so its messages are untrusted too: they are validated, bounded in size, and hold
values only (no pickle). Each message is parsed once, straight into the noun it carries.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from fieldwise.model import Box, Page, ParseIssue
from fieldwise.model.base import Frozen

_LENGTH = struct.Struct(">I")

MAX_FRAME_BYTES = 128 * 1024 * 1024


class FrameError(Exception):
    """What came is not a message of ours."""


OcrMode = Literal["auto", "on", "off", "force"]


class PictureWish(Frozen):
    """Draw one page, `turn` degrees clockwise from how the file shows it, with outlines around `boxes`."""

    page: int = Field(ge=1)
    width: int
    format: Literal["png", "webp"] = "png"
    turn: int = 0
    boxes: tuple[Box, ...] = ()


class Request(Frozen):
    """Read this file, within these limits; or, with a `picture`, draw one page of it."""

    path: str
    max_pages: int
    max_file_mb: int
    ocr: OcrMode = "auto"
    ocr_dpi: int = 200
    picture: PictureWish | None = None


class Opened(Frozen):
    """The file was read and recognized. `pages` is None where they show only as they are read."""

    type: Literal["opened"] = "opened"
    id: str
    media_type: str
    pages: int | None = None


class PageRead(Frozen):
    type: Literal["page"] = "page"
    page: Page


class Recognizing(Frozen):
    """OCR begins with this page: what takes seconds a page needs time, and a word about it."""

    type: Literal["recognizing"] = "recognizing"
    page: int


class Picture(Frozen):
    """A page as it was drawn; `data` is base64, `id` the sha256 of the file it was drawn from."""

    type: Literal["picture"] = "picture"
    id: str
    data: str
    width: int
    height: int


class Done(Frozen):
    """Everything was sent. `peak_memory_mb` tells whether the process is still small enough to serve again."""

    type: Literal["done"] = "done"
    issues: tuple[ParseIssue, ...] = ()
    peak_memory_mb: int = 0


class Failed(Frozen):
    """A `ParseError` of the tree in errors.py, by the name of its class."""

    type: Literal["failed"] = "failed"
    error: str
    message: str
    next_step: str = ""
    fields: dict[str, Any] = Field(default_factory=dict)


Message = Opened | PageRead | Recognizing | Picture | Done | Failed

_answer: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="type")])


def pack(message: Frozen) -> bytes:
    """Return the message as one frame. Raises FrameError above the largest size."""
    body = message.model_dump_json().encode()
    if len(body) > MAX_FRAME_BYTES:
        raise FrameError(f"a message of {len(body)} bytes")
    return _LENGTH.pack(len(body)) + body


def unpack_answer(body: bytes) -> Message:
    """Validate one body. Raises FrameError."""
    try:
        return _answer.validate_json(body)
    except ValueError as error:
        raise FrameError(str(error)) from None


class Unpacker:
    """Turns the bytes of a pipe, in whatever pieces they come, into the bodies of messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._wanted: int | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield every body that `data` completes. Raises FrameError for a length beyond the largest size."""
        buffer = self._buffer
        buffer += data
        while True:
            if self._wanted is None:
                if len(buffer) < _LENGTH.size:
                    return
                (self._wanted,) = _LENGTH.unpack_from(buffer)
                if self._wanted > MAX_FRAME_BYTES:
                    raise FrameError(f"a message of {self._wanted} bytes")
            end = _LENGTH.size + self._wanted
            if len(buffer) < end:
                return
            body = bytes(memoryview(buffer)[_LENGTH.size : end])
            del buffer[:end]
            self._wanted = None
            yield body
