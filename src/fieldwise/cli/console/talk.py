"""stderr: everything that is said beside the result."""

from __future__ import annotations

import copy
import logging
import sys

from rich.console import Console, RenderableType
from rich.text import Text

from .safe import safe

PIPED_WIDTH = 120


class Talk:
    """Says things on stderr. `quiet` drops remarks and tables; warnings and what to do next are always said."""

    def __init__(self, *, quiet: bool = False, console: Console | None = None) -> None:
        self.quiet = quiet
        self.console = console or plain_console(sys.stderr)

    def remark(self, text: str, style: str = "") -> None:
        """Say something that may be missed."""
        if not self.quiet:
            self.tell(text, style)

    def tell(self, text: str, style: str = "") -> None:
        """Say what must not be missed. Long lines are left to the terminal, so that commands can be copied."""
        self.console.print(Text(safe(text), style=style), soft_wrap=True)

    def show(self, renderable: RenderableType) -> None:
        """Draw a table or the like. What it holds has been made safe by whoever made it."""
        if not self.quiet:
            self.console.print(renderable)


def plain_console(stream: object) -> Console:
    """Return a console that takes text as it is: no markup, no emoji codes, no guessed highlights."""
    console = Console(file=stream, markup=False, emoji=False, highlight=False)  # type: ignore[arg-type]  # any text stream
    if not console.is_terminal:
        console.width = console.width if "COLUMNS" in console._environ else PIPED_WIDTH
    return console


class LogView(logging.Handler):
    """Shows the package's log with -v, its details and tracebacks with -vv; above a live line, not across it.

    It is there without -v too, and silent: Python itself would print errors that nobody handles.
    """

    def __init__(self, talk: Talk, verbose: int) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S"))
        self._talk = talk
        self._verbose = verbose

    def emit(self, record: logging.LogRecord) -> None:
        if not self._verbose:
            return
        if self._verbose < 2 and record.exc_info:
            record = copy.copy(record)
            record.exc_info = record.exc_text = None
        self._talk.tell(self.format(record), "dim")

    def open(self) -> None:
        logger = logging.getLogger("fieldwise")
        logger.addHandler(self)
        if self._verbose:
            logger.setLevel(logging.INFO if self._verbose == 1 else logging.DEBUG)

    def close(self) -> None:
        logger = logging.getLogger("fieldwise")
        logger.removeHandler(self)
        logger.setLevel(logging.NOTSET)
        super().close()
