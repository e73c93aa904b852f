"""A page's words as printed lines, and each line as segments: words with no more than a space between them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from fieldwise.grounding import WordIndex, dates, numbers
from fieldwise.model import Box

SPACE = 0.5
"""A gap of more line heights than this is more than the space between two words."""
_TYPED_SPACE = 1.6
"""As `SPACE`, in characters, where all characters are of one width."""
_JUMP = 60
_LONGEST_FIGURE = 28
_DIGIT = re.compile(r"\d")
_WITH_UNIT = re.compile(r"[-−+]?\d[\d.,']*\s?[^\W\d_]{1,6}[²³.]?\Z")


class Segment(NamedTuple):
    """Words of one line that belong together. `left` and `right` are shares of the page's width."""

    words: tuple[int, ...]
    left: float
    right: float
    text: str
    figure: bool

    @property
    def middle(self) -> float:
        return (self.left + self.right) / 2


class Line(NamedTuple):
    """One printed line. `height` is that of its tallest word; `top` and `height` are shares of the page's height."""

    page: int
    top: float
    height: float
    segments: tuple[Segment, ...]

    @property
    def bottom(self) -> float:
        return self.top + self.height


def lines_of(index: WordIndex, page: int) -> list[Line]:
    """Return a page's lines from top to bottom, whatever reading order the parser found."""
    start, end = index.page_range(page)
    boxed = [(box, word) for word in range(start, end) if (box := index.boxes[word]) is not None and box[3] > 0]
    boxed.sort(key=lambda pair: (pair[0][1] + pair[0][3] / 2, pair[0][0]))
    rows: list[list[tuple[Box, int]]] = []
    middle = 0.0
    for box, word in boxed:
        y = box[1] + box[3] / 2
        if rows and y - middle < 0.4 * min(box[3], rows[-1][-1][0][3]):
            rows[-1].append((box, word))
        else:
            rows.append([(box, word)])
            middle = y
    space = _space(index, page, [box for box, _ in boxed], [index.words[word] for _, word in boxed])
    return [
        _line(index, page, part, space) for row in rows for part in _flows(sorted(row, key=lambda pair: pair[0][0]))
    ]


def _flows(row: list[tuple[Box, int]]) -> list[list[tuple[Box, int]]]:
    """Part a line where the reading order jumps far: there another column of the page begins, not of a table."""
    parts = [[row[0]]]
    for pair in row[1:]:
        if abs(pair[1] - parts[-1][-1][1]) > _JUMP:
            parts.append([])
        parts[-1].append(pair)
    return parts


def _space(index: WordIndex, page: int, boxes: list[Box], words: list[str]) -> float:
    """Return the widest gap within a segment, in line heights: typewriter faces have wide spaces."""
    widths = sorted(box[2] / len(word) for box, word in zip(boxes, words, strict=True) if len(word) > 2)
    if len(widths) < 8:
        return SPACE
    low, middle, high = (widths[int(share * (len(widths) - 1))] for share in (0.1, 0.5, 0.9))
    if high - low > 0.03 * middle:
        return SPACE
    tall = sorted(box[3] for box in boxes)[len(boxes) // 2]
    # `gap` measures in line heights, and turns shares of the width into them the same way.
    return index.gap((0.0, 0.0, 0.0, tall), (_TYPED_SPACE * middle, 0.0, 0.0, tall), page)


def _line(index: WordIndex, page: int, row: Sequence[tuple[Box, int]], space: float) -> Line:
    aspect = index.aspect(page)
    groups: list[list[tuple[Box, int]]] = [[row[0]]]
    for (left, _), pair in pairwise(row):
        right = pair[0]
        # As `WordIndex.gap`, written out: a page has as many gaps as words.
        gap = max(right[0] - left[0] - left[2], left[0] - right[0] - right[2]) * aspect / max(left[3], right[3], 1e-9)
        if gap > space:
            groups.append([])
        groups[-1].append(pair)
    segments = []
    for group in [part for whole in groups for part in _figures_apart(index, whole)]:
        text = " ".join([index.words[word] for _, word in group])
        end = max([box[0] + box[2] for box, _ in group])
        words = tuple([word for _, word in group])
        segments.append(Segment(words, group[0][0][0], end, text, is_figure(text)))
    top = min([box[1] for box, _ in row])
    return Line(page, top, max([box[3] for box, _ in row]), tuple(segments))


def _figures_apart(index: WordIndex, group: list[tuple[Box, int]]) -> list[list[tuple[Box, int]]]:
    """Part `21% € 399,00`: two figures, of which one has its sign, are two cells however near they stand."""
    words = [index.words[word] for _, word in group]
    if sum(_DIGIT.search(word) is not None for word in words) < 2:
        return [group]
    for k in range(1, len(words)):
        signed = words[k - 1].endswith("%") or not words[k][:1].isalnum() or numbers.currency_of(words[k]) is not None
        if signed and is_figure(" ".join(words[:k])) and is_figure(" ".join(words[k:])):
            return [group[:k], group[k:]]
    return [group]


@lru_cache(maxsize=65_536)
def is_figure(text: str) -> bool:
    """Say whether a text is a number (with a unit or a currency, perhaps) or a date and nothing else."""
    if len(text) > _LONGEST_FIGURE or not any(c.isdigit() for c in text):
        return False
    return bool(numbers.readings(text) or _WITH_UNIT.match(text) or dates.readings(text))
