"""Progress on stderr: nothing for quick work, then one live line or plain lines with the time."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from fieldwise.cli.console.progress import ProgressView, describe
from fieldwise.model import Progress


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def piped() -> Console:
    return Console(file=io.StringIO(), force_terminal=False, width=200)


def said(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_work_that_is_over_within_a_second_is_not_mentioned() -> None:
    console, clock = piped(), Clock()
    with ProgressView(console, clock=clock) as view:
        view.on_event(Progress(stage="parse", message="Reading a.pdf"))
        clock.now = 0.9
        view.on_event(Progress(stage="propose", message="Asking"))
    assert said(console) == []


def test_without_a_terminal_each_step_is_a_line_and_a_long_one_every_ten_seconds() -> None:
    console, clock = piped(), Clock()
    with ProgressView(console, clock=clock) as view:
        for second in range(2, 30):
            clock.now = float(second)
            message = "Reading a.pdf" if second < 4 else "Asking the model"
            view.on_event(Progress(stage="parse", message=message, done=second, total=40, unit="pages"))
    assert said(console) == [
        "[   2.0 s] Reading a.pdf, 2 of 40 pages",
        "[   4.0 s] Asking the model, 4 of 40 pages",
        "[  14.0 s] Asking the model, 14 of 40 pages",
        "[  24.0 s] Asking the model, 24 of 40 pages",
    ]


def test_quiet_says_nothing() -> None:
    console, clock = piped(), Clock()
    with ProgressView(console, quiet=True, clock=clock) as view:
        clock.now = 5.0
        view.on_event(Progress(stage="parse", message="Reading"))
    assert said(console) == []


def test_the_line_has_the_stage_the_model_and_the_seconds() -> None:
    clock = Clock()
    with ProgressView(piped(), clock=clock) as view:
        assert view.line() == "Working · 0 s"
        view.on_event(Progress(stage="propose", message="Asking the model: propose (attempt 2 of 3)"))
        view.on_event(Progress(stage="model", message="Reading", done=512, total=4096, unit="tokens"))
        clock.now = 7.4
        asked = "Asking the model: propose (attempt 2 of 3)"
        assert view.line() == f"{asked} · Reading, 512 of 4,096 tokens · ━━╌╌╌╌╌╌╌╌╌╌ · 7 s"
        view.on_event(Progress(stage="extract", message="Extracting"))
        assert view.line() == "Extracting · 7 s"


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        ({"message": "Reading"}, "Reading"),
        ({"message": "Writing", "done": 1200, "unit": "tokens"}, "Writing, 1,200 tokens"),
        ({"message": "a\x1b[31m\nb"}, "a\\x1b[31m b"),
        ({"message": "Putting together", "done": 52_400_000, "total": 1_117_000_000, "unit": "bytes"},
         "Putting together, 52 of 1,117 MB"),
    ],
)  # fmt: skip
def test_progress_in_words(progress: dict[str, Any], words: str) -> None:
    assert describe(Progress(stage="model", **progress)) == words
