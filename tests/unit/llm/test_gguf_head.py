"""The head of a GGUF file: read for what it says, refused where it lies."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from fieldwise.errors import ModelUnavailable
from fieldwise.llm.embedded import EmbeddedModel
from fieldwise.llm.gguf import read_gguf_head


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def pair(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def array(kind: int, values: list[bytes]) -> bytes:
    return struct.pack("<IQ", kind, len(values)) + b"".join(values)


def gguf(*pairs: bytes, count: int | None = None, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, 0, len(pairs) if count is None else count) + b"".join(pairs)


WHOLE = gguf(
    pair("general.architecture", 8, text("llama")),
    pair("general.name", 8, text("Tiny")),
    pair("general.odd", 7, b"\x01"),
    pair("llama.context_length", 4, struct.pack("<I", 2048)),
    pair("tokenizer.ggml.model", 8, text("gpt2")),
    pair("tokenizer.chat_template", 8, text("{{ messages }}")),
    pair("tokenizer.ggml.tokens", 9, array(8, [text(t) for t in ("a", "<|im_end|>", "b", "<s>")])),
    pair("tokenizer.ggml.token_type", 9, array(5, [struct.pack("<i", n) for n in (1, 3, 1, 3)])),
)


def write(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "tiny-model.gguf"
    path.write_bytes(data)
    return path


def test_the_head_says_what_the_model_is(tmp_path: Path) -> None:
    head = read_gguf_head(write(tmp_path, WHOLE))
    assert (head.architecture, head.name, head.context_length) == ("llama", "Tiny", 2048)
    assert head.tokenizer == "gpt2"
    assert head.chat_template == "{{ messages }}"
    assert head.control_tokens == ("<|im_end|>", "<s>")


def test_a_model_by_path_is_named_after_its_file_and_keeps_to_its_context(tmp_path: Path) -> None:
    model = EmbeddedModel(gguf=write(tmp_path, WHOLE), cache_dir=tmp_path)
    assert (model.name, model.context_tokens) == ("embedded:tiny-model", 2048)


@pytest.mark.parametrize("length", range(5, len(WHOLE), 13))
def test_a_file_that_is_cut_anywhere_in_its_head_is_refused(tmp_path: Path, length: int) -> None:
    with pytest.raises(ModelUnavailable, match="damaged"):
        read_gguf_head(write(tmp_path, WHOLE[:length]))


@pytest.mark.parametrize(
    "data",
    [
        gguf(count=2**62),
        gguf(version=99),
        gguf(pair("k", 8, struct.pack("<Q", 2**60))),
        gguf(pair("k", 9, struct.pack("<IQ", 8, 2**60))),
        gguf(pair("k", 9, struct.pack("<IQ", 4, 2**40))),
        gguf(pair("k", 77, b"")),
    ],
)
def test_a_file_that_lies_about_its_lengths_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ModelUnavailable, match="damaged"):
        read_gguf_head(write(tmp_path, data))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.mkdir(), "folder"),
        (lambda path: path.write_bytes(b"PK\x03\x04"), "not a GGUF file"),
        (lambda path: path.write_bytes(b""), "not a GGUF file"),
    ],
)
def test_what_is_no_model_file_is_refused_with_a_next_step(tmp_path: Path, make: Any, reason: str) -> None:
    path = tmp_path / "model.gguf"
    make(path)
    with pytest.raises(ModelUnavailable, match=reason) as caught:
        EmbeddedModel(gguf=path, cache_dir=tmp_path)
    assert "--model embedded" in caught.value.next_step
