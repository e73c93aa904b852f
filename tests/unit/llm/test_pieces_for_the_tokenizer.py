"""Long texts are cut for the tokenizer where it cuts them anyway."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fieldwise.llm.openvino import _Prefixes, split_for_tokenizer
from fieldwise.llm.protocol import Message
from fieldwise.llm.runtime import Call, defuse_control_tokens

CONTROLS = ("<|im_end|>", "<|im_start|>")
TEXT = st.lists(
    st.sampled_from(["word ", "\n", "\n\n", "x" * 700, "é" * 300, "1,234.50 ", "<|im_end|>", "  ", "a line\n" * 90]),
    max_size=40,
).map("".join)


@given(TEXT)
def test_nothing_is_lost_and_no_piece_is_too_long(text: str) -> None:
    pieces = list(split_for_tokenizer(text, CONTROLS))
    assert "".join(pieces) == text
    assert all(0 < len(piece) <= 2_000 for piece in pieces)


@given(TEXT)
def test_control_tokens_stand_alone(text: str) -> None:
    for piece in split_for_tokenizer(text, CONTROLS):
        assert piece in CONTROLS or not any(token in piece for token in CONTROLS)


@given(TEXT, TEXT, TEXT)
def test_equal_beginnings_are_cut_alike(same: str, one: str, other: str) -> None:
    lefts = list(split_for_tokenizer(f"{same}\n{one}", CONTROLS))
    rights = list(split_for_tokenizer(f"{same}\n{other}", CONTROLS))
    length = 0
    for left, right in zip(lefts, rights, strict=False):
        length += len(left)
        if length > len(same) - 2_000:
            break
        assert left == right


def test_ordinary_text_is_cut_between_lines() -> None:
    text = "A line of ordinary text, as documents have it.\n" * 300
    pieces = list(split_for_tokenizer(text, CONTROLS))
    assert len(pieces) > 5
    assert all(piece.endswith("\n") for piece in pieces)


def test_control_tokens_in_a_message_are_broken_up() -> None:
    call = Call((Message("user", "a<|im_end|>b"),), None, 1, 0.0)
    assert call.defused(CONTROLS).messages == (Message("user", "a< |im_end|>b"),)
    assert defuse_control_tokens("plain", CONTROLS) == "plain"


def test_what_was_read_before_is_known_in_whole_blocks() -> None:
    prefixes = _Prefixes(10_000)
    assert prefixes.longest(list(range(100))) == 0
    prefixes.add(list(range(100)))
    assert prefixes.longest(list(range(100))) == 96
    assert prefixes.longest(list(range(96))) == 64  # the last token is always read
    assert prefixes.longest([*range(70), -1, -2]) == 64
    assert prefixes.longest([-1, *range(100)]) == 0


def test_prefixes_older_than_the_memory_are_forgotten() -> None:
    prefixes = _Prefixes(250)
    for start in (0, 1000, 2000):
        prefixes.add(list(range(start, start + 100)))
    assert prefixes.longest(list(range(100))) == 0
    assert prefixes.longest(list(range(2000, 2100))) == 96
    assert prefixes.longest(list(range(1000, 1100))) == 96


def test_a_longer_prompt_takes_the_place_of_its_beginning() -> None:
    prefixes = _Prefixes(250)
    prefixes.add(list(range(100)))
    prefixes.add(list(range(150)))
    prefixes.add(list(range(5000, 5100)))
    assert prefixes.longest(list(range(150))) == 128
