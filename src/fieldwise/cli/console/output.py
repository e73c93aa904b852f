"""stdout, or the file that -o names: data and nothing else."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any, TextIO

from rich.console import RenderableType

from fieldwise.errors import InputError

from .safe import dump_json, safe
from .talk import plain_console


class Output:
    """Where results go. A file appears under its name only when it is whole; devices and pipes are written directly."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path

    def check(self) -> None:
        """Refuse a place that cannot be written before any work is done for it. Raises InputError."""
        if self.path is None:
            return
        folder = self.path.parent
        if self.path.is_dir():
            raise _unwritable(self.path, "it is a folder")
        if not folder.is_dir():
            raise _unwritable(self.path, f"there is no folder {folder}")
        if not os.access(self.path if self.path.exists() else folder, os.W_OK):
            raise _unwritable(self.path, "you may not write there")

    def json(self, value: Any) -> None:
        with self._opened() as stream:
            stream.write(_json_for(stream, value, compact=False) + "\n")

    def json_with(self, value: dict[str, Any], key: str, items: Iterable[Any]) -> None:
        """As `json`, with `value[key]` a list of `items`, each written as it comes: they are never all in memory."""
        mark = secrets.token_hex(16)
        with self._opened() as stream:
            head, _, tail = _json_for(stream, {**value, key: [mark]}, compact=False).partition(f'\n    "{mark}"\n  ')
            stream.write(head)
            between = "\n    "
            for item in items:
                # A line break in JSON is never within a text.
                stream.write(between + _json_for(stream, item, compact=False).replace("\n", "\n    "))
                between = ",\n    "
            stream.write(("\n  " if between[0] == "," else "") + tail + "\n")

    def text(self, text: str) -> None:
        """Write `text` as it is; to a terminal, what it would obey is shown instead."""
        with self._opened() as stream:
            stream.write((safe(text) if stream.isatty() else text.encode("utf-8", "replace").decode()) + "\n")

    def show(self, *renderables: RenderableType) -> None:
        with self._opened() as stream:
            console = plain_console(stream)
            for renderable in renderables:
                console.print(renderable)

    @contextmanager
    def lines(self) -> Iterator[Callable[[Any], None]]:
        """Yield a function that writes one value as one line of JSON, there to be read at once.

        With a file, the lines gather in `FILE.part`, which takes the name FILE at the end and is kept on any error.
        """
        if self.path is None or _is_special(self.path):
            with self._opened() as stream:
                yield _line_writer(stream)
            return
        part = self.path.with_name(self.path.name + ".part")
        with self._refusals_named():
            stream = part.open("w", encoding="utf-8", newline="\n")
        with stream:
            write = _line_writer(stream)

            def write_named(value: Any) -> None:
                with self._refusals_named():
                    write(value)

            yield write_named
        with self._refusals_named():
            part.replace(self.path.resolve())

    @contextmanager
    def _refusals_named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _unwritable(self.path, error.strerror or str(error)) from error

    @contextmanager
    def _opened(self) -> Iterator[TextIO]:
        if self.path is None:
            yield sys.stdout
            sys.stdout.flush()
            return
        with self._refusals_named():
            if _is_special(self.path):
                with self.path.open("w", encoding="utf-8") as special:
                    yield special
                return
            held = StringIO()
            yield held
            _write_whole(self.path.resolve(), held.getvalue())


def _line_writer(stream: TextIO) -> Callable[[Any], None]:
    def write(value: Any) -> None:
        stream.write(_json_for(stream, value, compact=True) + "\n")
        stream.flush()

    return write


def _json_for(stream: TextIO, value: Any, *, compact: bool) -> str:
    encoding = (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "")
    return dump_json(value, compact=compact, ascii_only=encoding != "utf8")


def _is_special(path: Path) -> bool:
    return path.exists() and not path.is_file()


def _write_whole(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with beside.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        if path.exists():
            beside.chmod(path.stat().st_mode)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _unwritable(path: Path | None, reason: str) -> InputError:
    return InputError(f"{path} cannot be written: {reason}.", next_step="Name another file with -o.", path=str(path))
