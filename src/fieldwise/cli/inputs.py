"""What commands are given: a prompt or a file that holds one, a document through stdin, a schema in a file."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from fieldwise.errors import InputError, SchemaInvalid

STDIN = "-"
STDIN_NAME = "stdin"
_CHUNK = 1 << 20


def read_words(argument: str, what: str) -> str:
    """Return a prompt or feedback: the argument itself, or with `@FILE` what stands in FILE, with `-` or `@-` stdin.

    `@@...` stands for a text that begins with `@`. Raises InputError for a file that cannot be read as UTF-8.
    """
    if argument.startswith("@@"):
        return argument[1:]
    if argument in (STDIN, "@-"):
        return _decode(sys.stdin.buffer.read(), what, "stdin")
    if argument.startswith("@"):
        return _decode(_read_bytes(Path(argument[1:]).expanduser(), what), what, argument[1:])
    return argument


def read_schema(argument: str) -> dict[str, Any]:
    """Return the JSON object in a file (or in stdin, for `-`). Raises InputError, and SchemaInvalid for other JSON."""
    name = "stdin" if argument == STDIN else argument
    data = sys.stdin.buffer.read() if argument == STDIN else _read_bytes(Path(argument).expanduser(), "schema")
    try:
        return parse_schema(_decode(data, "schema", name))
    except ValueError as error:
        raise SchemaInvalid(
            f"The schema in {name} cannot be used: {error}.",
            next_step='A schema is a JSON object with "type": "object" and "properties".',
            findings=[{"pointer": "", "message": str(error)}],
        ) from None


def parse_schema(text: str) -> dict[str, Any]:
    """Return the JSON object in `text`. Raises ValueError that says what is wrong and where.

    A key that stands twice is refused: JSON would silently keep the second one.
    """
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} in line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError(f"a JSON object is needed, not {_json_name(value)}")
    return value


class Taken(NamedTuple):
    """A document's path; `is_copy` says that it is a private copy of stdin."""

    path: Path
    is_copy: bool = False

    def remove_copy(self) -> None:
        if self.is_copy:
            shutil.rmtree(self.path.parent, ignore_errors=True)


def take_document(argument: str, *, max_mb: int) -> Taken:
    """Return the path of the document that `argument` names; for `-`, of a private copy of stdin.

    Raises InputError where nothing comes in through stdin, or more than `max_mb`.
    """
    if argument != STDIN:
        return Taken(Path(argument).expanduser())
    if sys.stdin.isatty():
        raise InputError("There is no document on stdin.", next_step="Pipe one in, or name a file.")
    taken = Taken(Path(tempfile.mkdtemp(prefix="fieldwise-")) / STDIN_NAME, is_copy=True)
    try:
        _save_stdin(taken.path, max_mb)
    except BaseException:
        taken.remove_copy()
        raise
    return taken


def _save_stdin(path: Path, max_mb: int) -> None:
    size = 0
    with path.open("xb") as file:
        while chunk := sys.stdin.buffer.read(_CHUNK):
            size += len(chunk)
            if size > max_mb << 20:
                raise InputError(
                    f"The document on stdin is larger than {max_mb} MB.", next_step="Raise FIELDWISE_MAX_FILE_MB."
                )
            file.write(chunk)
    if not size:
        raise InputError("The document on stdin is empty.", next_step="Check the command before the pipe.")


def _read_bytes(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"The {what} could not be read from {path}: {error.strerror}.",
            next_step="Check the path" + (" (a text that begins with @ is written @@)." if what != "schema" else "."),
            path=os.fspath(path),
        ) from None


def _decode(data: bytes, what: str, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"The {what} in {name} is not UTF-8 text.", next_step="Save it as UTF-8.") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            raise ValueError(f"the key {key!r} stands twice in one object")
        made[key] = value
    return made


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _json_name(value: Any) -> str:
    names = {list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
