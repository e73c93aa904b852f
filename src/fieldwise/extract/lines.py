"""A page's words as printed lines, and each line as segments: words with no more than a space between them."""

from __future__ import annotations

import re
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
_Spot = tuple[float, int, Box]
"""A word's left edge, its number and its box."""
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
    boxed = [
        (box[1] + box[3] / 2, box[0], word, box)
        for word, box in enumerate(index.boxes[start:end], start)
        if box is not None and box[3] > 0
    ]
    boxed.sort()
    rows: list[list[_Spot]] = []
    middle = height = 0.0
    for y, x, word, box in boxed:
        if rows and y - middle < 0.4 * min(box[3], height):
            rows[-1].append((x, word, box))
        else:
            rows.append([(x, word, box)])
            middle = y
        height = box[3]
    space = _space(index, page, [spot[3] for spot in boxed], [index.words[spot[2]] for spot in boxed])
    aspect = index.aspect(page)
    lines: list[Line] = []
    for row in rows:
        row.sort()
        lines += [_line(index, page, part, space, aspect) for part in _flows(row)]
    return lines


def _flows(row: list[_Spot]) -> list[list[_Spot]]:
    """Part a line where the reading order jumps far: there another column of the page begins, not of a table."""
    cuts = [at for at, (left, right) in enumerate(pairwise(row), 1) if not -_JUMP <= right[1] - left[1] <= _JUMP]
    return [row[first:last] for first, last in pairwise([0, *cuts, len(row)])] if cuts else [row]


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


def _line(index: WordIndex, page: int, row: list[_Spot], space: float, aspect: float) -> Line:
    # The gap is that of `WordIndex.gap`, written out: a page has as many gaps as words.
    cuts = [
        at
        for at, ((x, _, left), (next_x, _, right)) in enumerate(pairwise(row), 1)
        if (next_x - x - left[2]) * aspect > space * max(left[3], right[3])
    ]
    segments = []
    for first, last in pairwise([0, *cuts, len(row)]):
        for group in _figures_apart(index, row[first:last]):
            words = tuple([word for _, word, _ in group])
            text = " ".join([index.words[word] for word in words])
            end = max([x + box[2] for x, _, box in group])
            segments.append(Segment(words, group[0][0], end, text, is_figure(text)))
    top = min([box[1] for _, _, box in row])
    return Line(page, top, max([box[3] for _, _, box in row]), tuple(segments))


def _figures_apart(index: WordIndex, group: list[_Spot]) -> list[list[_Spot]]:
    """Part `21% € 399,00`: two figures, of which one has its sign, are two cells however near they stand."""
    words = [index.words[word] for _, word, _ in group]
    if len(words) < 2 or not _DIGIT.search("".join(words)):
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
