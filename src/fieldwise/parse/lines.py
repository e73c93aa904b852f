"""Loose words to lines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .markdown import Line, Placed

Corners = tuple[float, float, float, float]


class Run(NamedTuple):
    """Words that the file draws as one piece: one line, in their order, and the box around them.

    `upright` is False for text turned by some angle.
    """

    words: tuple[Placed, ...]
    corners: Corners
    upright: bool = True


def run_of(word: Placed, upright: bool = True) -> Run:
    return Run((word,), word[1:5], upright)


def lines_of(runs: Iterable[Run]) -> tuple[Line, ...]:
    """Sort runs into lines, top to bottom, each left to right.

    Turned text keeps the order it was drawn in, each run a line of its own at the end.
    """
    runs = list(runs)
    upright = sorted((run for run in runs if run.upright), key=_by_middle)
    lines: list[list[Run]] = []
    top = bottom = ref_top = ref_bottom = 0.0
    for run in upright:
        _, y0, _, y1 = run.corners
        # Measured against the line's smallest piece: a tall one must not pull two lines into one.
        overlap = min(ref_bottom, y1) - max(ref_top, y0)
        if lines and top <= (y0 + y1) / 2 <= bottom and overlap > 0.4 * min(ref_bottom - ref_top, y1 - y0):
            lines[-1].append(run)
            top, bottom = min(top, y0), max(bottom, y1)
            if y1 - y0 < ref_bottom - ref_top:
                ref_top, ref_bottom = y0, y1
        else:
            lines.append([run])
            top, bottom = ref_top, ref_bottom = y0, y1
    return (*map(_line, lines), *(run.words for run in runs if not run.upright))


def lines_of_words(words: Iterable[Placed]) -> tuple[Line, ...]:
    """Sort upright words into lines, top to bottom, each left to right."""
    return lines_of(map(run_of, words))


def around(words: Iterable[Placed]) -> Corners:
    """Return the smallest box that holds all the words (at least one)."""
    _, x0s, y0s, x1s, y1s, _ = zip(*words, strict=True)
    return min(x0s), min(y0s), max(x1s), max(y1s)


def _by_middle(run: Run) -> tuple[float, float]:
    x0, y0, _, y1 = run.corners
    return y0 + y1, x0


def _line(runs: list[Run]) -> Line:
    if len(runs) == 1:
        return runs[0].words
    return tuple(sorted([word for run in runs for word in run.words], key=_left))


def _left(word: Placed) -> float:
    return word.x0
