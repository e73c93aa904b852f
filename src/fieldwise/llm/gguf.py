"""The head of a GGUF file: what model it holds. Reads a few megabytes at most, and trusts no length that it finds."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from fieldwise.errors import ModelUnavailable

MAGIC = b"GGUF"
_CONTROL = 3  # llama.cpp's LLAMA_TOKEN_TYPE_CONTROL
_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9
_MAX_KEYS = 10_000
_MAX_STRING = 16 * 1024 * 1024
_MAX_ITEMS = 4_000_000


class GgufHead(NamedTuple):
    """`control_tokens` are the strings that steer a chat (`<|im_end|>`): a document must not be able to write them."""

    architecture: str
    name: str
    context_length: int
    tokenizer: str
    chat_template: str
    control_tokens: tuple[str, ...]


def read_gguf_head(path: Path) -> GgufHead:
    """Read what the file says of itself. Raises ModelUnavailable for a missing, foreign or cut file."""
    try:
        with open(path, "rb") as file:
            if file.read(4) != MAGIC:
                raise ModelUnavailable(
                    f"{path} is not a GGUF file.",
                    next_step="Give the path of a model's .gguf file, as in --model embedded:/path/to/model.gguf.",
                    path=str(path),
                )
            values = _read_values(file)
    except IsADirectoryError:
        raise _unreadable(path, "it is a folder") from None
    except FileNotFoundError:
        raise _unreadable(path, "there is no such file") from None
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from None
    except (struct.error, ValueError, UnicodeDecodeError, MemoryError) as error:
        raise ModelUnavailable(
            f"The GGUF file {path} is damaged or cut off: {error}.", next_step="Fetch it again.", path=str(path)
        ) from None
    architecture = str(values.get("general.architecture", ""))
    tokens, kinds = values.get("tokenizer.ggml.tokens", []), values.get("tokenizer.ggml.token_type", [])
    return GgufHead(
        architecture=architecture,
        name=str(values.get("general.name", "")),
        context_length=int(values.get(f"{architecture}.context_length", 0)),
        tokenizer=str(values.get("tokenizer.ggml.model", "")),
        chat_template=str(values.get("tokenizer.chat_template", "")),
        control_tokens=tuple(
            token for token, kind in zip(tokens, kinds, strict=False) if kind == _CONTROL and len(token) > 1
        ),
    )


def _unreadable(path: Path, reason: str) -> ModelUnavailable:
    return ModelUnavailable(
        f"The model file {path} cannot be read: {reason}.",
        next_step="Check the path, or use `--model embedded` for the model that comes with fieldwise[embedded].",
        path=str(path),
    )


def _read_values(file: BinaryIO) -> dict[str, Any]:
    version, _tensors, keys = struct.unpack("<IQQ", _read(file, 20))
    if version not in (2, 3):
        raise ValueError(f"GGUF version {version} is not known")
    if keys > _MAX_KEYS:
        raise ValueError(f"it claims {keys} metadata keys")
    values: dict[str, Any] = {}
    for _ in range(keys):
        key = _read_string(file)
        (kind,) = struct.unpack("<I", _read(file, 4))
        values[key] = _read_value(file, kind)
    return values


def _read_value(file: BinaryIO, kind: int) -> Any:
    if kind in _SCALARS:
        layout = _SCALARS[kind]
        return struct.unpack(layout, _read(file, struct.calcsize(layout)))[0]
    if kind == _STRING:
        return _read_string(file)
    if kind == _ARRAY:
        item, length = struct.unpack("<IQ", _read(file, 12))
        if length > _MAX_ITEMS:
            raise ValueError(f"it claims a list of {length} items")
        if item in _SCALARS:
            layout = _SCALARS[item]
            data = _read(file, struct.calcsize(layout) * length)
            return [value for (value,) in struct.iter_unpack(layout, data)]
        if item == _STRING:
            return [_read_string(file) for _ in range(length)]
    raise ValueError(f"it holds a value of unknown type {kind}")


def _read_string(file: BinaryIO) -> str:
    (length,) = struct.unpack("<Q", _read(file, 8))
    if length > _MAX_STRING:
        raise ValueError(f"it claims a string of {length} bytes")
    return _read(file, length).decode("utf-8", errors="replace")


def _read(file: BinaryIO, length: int) -> bytes:
    data = file.read(length)
    if len(data) != length:
        raise ValueError("it ends in the middle of its metadata")
    return data
