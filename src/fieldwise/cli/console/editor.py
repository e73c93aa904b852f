"""A text in the person's own editor."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from fieldwise.errors import InputError

from .safe import safe

COMMENT = "//"


class Draft:
    """A text in a private file that a person edits until it is right. The file is kept until `discard`."""

    def __init__(self, text: str, name: str) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="fieldwise-edit-")) / name
        self.path.write_text(text, encoding="utf-8")

    def edit(self, *, complaint: str = "", descriptor: int | None = None) -> str:
        """Open the editor, with `complaint` as a comment on top, and return the text without its leading comments.

        Raises InputError where there is no editor, or it ends with an error, or the text cannot be read.
        """
        text = self.read()
        top = "".join(f"{COMMENT} {safe(line)}\n" for line in complaint.splitlines())
        self.path.write_text(top + text, encoding="utf-8")
        command = editor_command()
        with _terminal_for_child(descriptor) as streams, _interrupts_left_to_the_child():
            try:
                code = subprocess.run(
                    [*command, str(self.path)],
                    check=False,
                    stdin=streams.stdin,
                    stdout=streams.stdout,
                    stderr=streams.stderr,
                ).returncode
            except OSError as error:
                raise InputError(
                    f"The editor {command[0]!r} could not be started: {error.strerror}.", next_step=_HOW_TO_NAME_ONE
                ) from None
        if code != 0:
            raise InputError(
                f"The editor {command[0]!r} ended with code {code}; nothing was decided.",
                next_step=f"The text is kept in {self.path}.",
            )
        return self.read()

    def read(self) -> str:
        """Return the text as it stands, without the comments on top."""
        try:
            lines = self.path.read_text(encoding="utf-8-sig").splitlines(keepends=True)
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"The edited text in {self.path} could not be read: {error}.") from None
        while lines and lines[0].lstrip().startswith(COMMENT):
            del lines[0]
        return "".join(lines)

    def discard(self) -> None:
        shutil.rmtree(self.path.parent, ignore_errors=True)


_HOW_TO_NAME_ONE = 'Name one: export EDITOR=nano (or EDITOR="code --wait").'


def editor_command() -> list[str]:
    """Return $VISUAL or $EDITOR in words, else the first of nano, vim and vi that there is. Raises InputError."""
    for variable in ("VISUAL", "EDITOR"):
        if value := os.environ.get(variable, "").strip():
            try:
                words = shlex.split(value)
            except ValueError as error:
                raise InputError(f"${variable} = {value!r} cannot be split into words: {error}.") from None
            if shutil.which(words[0]) is None:
                raise InputError(
                    f"The editor {words[0]!r} (from ${variable}) was not found.", next_step=_HOW_TO_NAME_ONE
                )
            return words
    for name in ("nano", "vim", "vi"):
        if shutil.which(name):
            return [name]
    raise InputError("No editor was found.", next_step=_HOW_TO_NAME_ONE)


class _Streams(NamedTuple):
    """Descriptors for a child; None: as ours."""

    stdin: int | None = None
    stdout: int | None = None
    stderr: int | None = None


@contextmanager
def _terminal_for_child(descriptor: int | None) -> Iterator[_Streams]:
    # stdout may be a file that is to hold the result, and stdin a pipe: an editor needs the terminal for both.
    try:
        tty = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        yield _Streams(stdin=descriptor, stdout=None if descriptor is None else 2)
        return
    try:
        yield _Streams(tty, tty, tty)
    finally:
        os.close(tty)


@contextmanager
def _interrupts_left_to_the_child() -> Iterator[None]:
    # A handler, not SIG_IGN: the child would inherit the latter and its own Ctrl-C would be dead.
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
