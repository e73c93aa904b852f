"""The person at the terminal: lines in, words out.

Lines are read from the terminal's descriptor itself: a document may come through stdin while the person answers through
`/dev/tty`, and what is left to read must be known (a pasted text with an empty line in it is one text, not an answer
and then commands).
"""

from __future__ import annotations

import os
import select
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rich.console import Console, RenderableType
from rich.text import Text

from .safe import safe
from .talk import plain_console

# The kernel hands over at most so many bytes of one line (N_TTY_BUF_SIZE) and drops the rest without a word.
LONGEST_LINE = 4095
PASTE_SECONDS = 0.05


class LineCut(Exception):
    """A line came in that is as long as the terminal can take: its end may be lost."""


class Terminal:
    """Reads lines from `descriptor`, shows things on `console`."""

    def __init__(self, descriptor: int, console: Console) -> None:
        self.descriptor = descriptor
        self.console = console
        self._held = b""

    def tell(self, text: str, style: str = "") -> None:
        self.console.print(Text(safe(text), style=style), soft_wrap=True)

    def show(self, renderable: RenderableType) -> None:
        self.console.print(renderable)

    def read_line(self, prompt: str = "") -> str | None:
        """Return the next line without its newline, or None at the end (Ctrl-D). Raises LineCut, KeyboardInterrupt."""
        if prompt:
            self.console.print(Text(prompt), end="", soft_wrap=True)
        while b"\n" not in self._held:
            piece = self._read()
            if not piece:
                line, self._held = self._held, b""
                if not line:
                    return None
                return line.decode("utf-8", "replace")
            self._held += piece
        line, self._held = self._held.split(b"\n", 1)
        if len(line) >= LONGEST_LINE:
            raise LineCut
        return line.decode("utf-8", "replace").rstrip("\r")

    def read_text(self) -> str:
        """Return lines up to an empty one or Ctrl-D. One with more right behind it (a paste) is part of the text."""
        lines: list[str] = []
        while (line := self.read_line("… " if not self.pending(0) else "")) is not None:
            if not line.strip() and not self.pending(PASTE_SECONDS):
                break
            lines.append(line)
        return "\n".join(lines).strip()

    def pending(self, seconds: float) -> bool:
        """Say whether something more has been typed, waiting for so long."""
        return bool(self._held) or bool(select.select([self.descriptor], [], [], seconds)[0])

    def forget_typed_ahead(self) -> bool:
        """Drop what was typed before now, and say whether there was anything."""
        if not self.pending(0):
            return False
        self._held = b""
        with suppress(termios.error):
            termios.tcflush(self.descriptor, termios.TCIFLUSH)
        return True

    def _read(self) -> bytes:
        try:
            return os.read(self.descriptor, 65536)
        except OSError:  # the terminal was closed; as good as Ctrl-D
            return b""


@contextmanager
def open_terminal() -> Iterator[Terminal | None]:
    """Yield the terminal where a person can answer, or None where there is none.

    stdin where it is a terminal, else `/dev/tty`; the talk goes to stderr, or to `/dev/tty` where stderr is redirected.
    With both stdout and stderr redirected nobody is taken to be watching.
    """
    if not (_is_terminal(1) or _is_terminal(2)):
        yield None
        return
    opened: list[int] = []
    try:
        try:
            descriptor = 0 if _is_terminal(0) else _open_tty(os.O_RDONLY, opened)
            stream = sys.stderr if _is_terminal(2) else os.fdopen(_open_tty(os.O_WRONLY, opened), "w", closefd=False)
        except OSError:
            yield None
            return
        yield Terminal(descriptor, plain_console(stream))
    finally:
        for number in opened:
            os.close(number)


def _is_terminal(descriptor: int) -> bool:
    try:
        return os.isatty(descriptor)
    except OSError:
        return False


def _open_tty(flags: int, opened: list[int]) -> int:
    number = os.open("/dev/tty", flags | os.O_CLOEXEC | os.O_NOCTTY)
    opened.append(number)
    return number
