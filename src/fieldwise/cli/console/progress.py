"""What a piece of work is doing, on stderr: one live line at a terminal, plain lines with the time elsewhere.

Nothing is shown for work that is over within a second.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from fieldwise.model import Progress

from .safe import one_line

PATIENCE_SECONDS = 1.0
PLAIN_EVERY_SECONDS = 10.0
BAR_WIDTH = 12


class ProgressView:
    """A context manager; pass `on_event` to whoever works. Safe to be called from another thread."""

    def __init__(self, console: Console, *, quiet: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._quiet = quiet
        self._clock = clock
        self._started = clock()
        self._latest: dict[str, Progress] = {}
        self._live: Live | None = None
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()
        self._last_line = ("", self._started)
        self._closed = False

    def __enter__(self) -> ProgressView:
        self._started = self._clock()
        if not self._quiet and self._console.is_terminal and not self._console.is_dumb_terminal:
            self._timer = threading.Timer(PATIENCE_SECONDS, self._go_live)
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            self._closed = True
            if self._live is not None:
                self._live.stop()

    def on_event(self, progress: Progress) -> None:
        """Take note of what is going on now."""
        if progress.stage != "model":
            self._latest.pop("model", None)
            self._latest.pop("stage", None)
        self._latest["model" if progress.stage == "model" else "stage"] = progress
        if not self._quiet and self._timer is None:
            self._print_plain(progress)

    def line(self) -> str:
        """Return what is going on, in one line, with the seconds since the start."""
        shown = [self._latest[kind] for kind in ("stage", "model") if kind in self._latest]
        parts = [describe(progress) for progress in shown] or ["Working"]
        seconds = f"{self._clock() - self._started:.0f} s"
        return " · ".join([*parts, *(bar(shown[-1]) if shown else ()), seconds])

    def _go_live(self) -> None:
        with self._lock:
            if self._closed:
                return
            spinner = Spinner("dots" if not self._console.options.ascii_only else "line")

            def frame() -> Spinner:
                spinner.update(text=Text(self.line(), no_wrap=True, overflow="ellipsis"))
                return spinner

            self._live = Live(get_renderable=frame, console=self._console, refresh_per_second=8, transient=True)
            self._live.start()

    def _print_plain(self, progress: Progress) -> None:
        now = self._clock()
        message, said = self._last_line
        if now - self._started < PATIENCE_SECONDS:
            return
        if progress.message == message and now - said < PLAIN_EVERY_SECONDS:
            return
        self._last_line = (progress.message, now)
        self._console.print(Text(f"[{now - self._started:6.1f} s] {describe(progress)}"), soft_wrap=True)


def bar(progress: Progress) -> tuple[str, ...]:
    """Draw how much is done, where the whole is known."""
    if progress.done is None or not progress.total:
        return ()
    filled = round(BAR_WIDTH * min(1.0, progress.done / progress.total))
    return ("━" * filled + "╌" * (BAR_WIDTH - filled),)


def describe(progress: Progress) -> str:
    """Say one progress in words: `Reading the document, 7 of 42 pages`."""
    text = one_line(progress.message, 160)
    unit = one_line(progress.unit, 40)
    if progress.done is None:
        return text
    if unit == "bytes":
        total = f" of {progress.total / 1e6:,.0f}" if progress.total is not None else ""
        return f"{text}, {progress.done / 1e6:,.0f}{total} MB"
    count = f"{progress.done:,}" if progress.total is None else f"{progress.done:,} of {progress.total:,}"
    return f"{text}, {count} {unit}".rstrip()
