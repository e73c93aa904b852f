"""Messages between the processes survive any cutting, and nonsense is refused."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldwise.model import Page, WordColumns
from fieldwise.parse.frames import (
    MAX_FRAME_BYTES,
    Done,
    Failed,
    FrameError,
    Opened,
    PageRead,
    Unpacker,
    pack,
    unpack_answer,
)

MESSAGES = [
    Opened(id="0" * 64, media_type="application/pdf", pages=2),
    PageRead(page=Page(number=1, markdown="a | b", word_columns=WordColumns(texts=("a",), boxes=(-1, -1, -1, -1)))),
    PageRead(page=Page(number=2, markdown="été \U0001f600")),
    Failed(error="ParseLimit", message="too much", fields={"pages": 5000}),
    Done(peak_memory_mb=70),
]


@given(st.lists(st.integers(1, 40), max_size=60))
def test_messages_come_out_as_they_went_in_however_the_pipe_cuts_them(cuts: list[int]) -> None:
    data = b"".join(map(pack, MESSAGES))
    unpacker, got = Unpacker(), []
    for cut in [*cuts, len(data)]:
        piece, data = data[:cut], data[cut:]
        got += [unpack_answer(body) for body in unpacker.feed(piece)]
    assert got == MESSAGES


def test_a_length_beyond_the_largest_message_is_refused_before_it_is_read() -> None:
    with pytest.raises(FrameError):
        list(Unpacker().feed(struct.pack(">I", MAX_FRAME_BYTES + 1)))


@pytest.mark.parametrize("body", [b"", b"{", b"null", b'{"type":"page"}', b'{"type":"shell","command":"ls"}'])
def test_a_message_of_unknown_shape_is_refused(body: bytes) -> None:
    with pytest.raises(FrameError):
        unpack_answer(body)
