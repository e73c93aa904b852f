"""Loose words to lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .markdown import Line, Placed

Corners = tuple[float, float, float, float]


class Run(NamedTuple):
    """Words that the file draws as one piece, in their order. `upright` is False for text turned by some angle."""

    words: tuple[Placed, ...]
    upright: bool = True


def lines_of(runs: Sequence[Run]) -> tuple[Line, ...]:
    """Sort the words of runs into lines. Turned text keeps the order it was drawn in, each run a line of its own."""
    upright = [word for run in runs if run.upright for word in run.words]
    return (*lines_of_words(upright), *(run.words for run in runs if not run.upright))


def lines_of_words(words: Sequence[Placed]) -> tuple[Line, ...]:
    """Sort upright words into lines, top to bottom, each left to right."""
    lines: list[list[Placed]] = []
    top = bottom = 0.0
    for word in sorted(words, key=lambda word: (word.y0 + word.y1, word.x0)):
        middle = (word.y0 + word.y1) / 2
        if lines and top <= middle <= bottom and _same_line(lines[-1], word):
            lines[-1].append(word)
            top, bottom = min(top, word.y0), max(bottom, word.y1)
        else:
            lines.append([word])
            top, bottom = word.y0, word.y1
    return tuple(tuple(sorted(line, key=lambda word: word.x0)) for line in lines)


def around(words: Iterable[Placed]) -> Corners:
    """Return the smallest box that holds all the words (at least one)."""
    x0s, y0s, x1s, y1s = zip(*(word[1:] for word in words), strict=True)
    return min(x0s), min(y0s), max(x1s), max(y1s)


def _same_line(line: list[Placed], word: Placed) -> bool:
    """Compare with the line's nearest word on the left or right: a tall word must not pull two lines into one."""
    near = min(line, key=lambda other: max(word.x0 - other.x1, other.x0 - word.x1))
    overlap = min(near.y1, word.y1) - max(near.y0, word.y0)
    return overlap > 0.4 * min(near.y1 - near.y0, word.y1 - word.y0)
