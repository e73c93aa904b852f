"""Regions of a page of which only the words are known: cut at the white space, columns before rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from .cells import is_marker
from .layout import Region
from .lines import Corners, Run, lines_of, run_of
from .lines import around as around_words
from .markdown import Line

_PARAGRAPH_GAP = 0.75
"""White space between lines that parts paragraphs, in line heights."""
_GUTTER = 1.0
_COLUMN_LINES = 4
_PROSE = 4
_HEADING = 1.22
_DEEPEST = 40


def find_regions(runs: Sequence[Run]) -> list[Region]:
    """Return paragraphs, list items and headings in reading order; together they hold every upright word."""
    words = [run_of(word) for run in runs if run.upright for word in run.words]
    if not words:
        return []
    heights = sorted(run.corners[3] - run.corners[1] for run in words)
    usual = heights[len(heights) // 2]
    return [region for part in _parts(words, usual, _DEEPEST) for region in _regions(part, usual)]


def _parts(words: list[Run], height: float, depth: int) -> list[list[Run]]:
    """Divide at the gutter between two columns of text, else at the widest band of white space across, and so on."""
    if depth == 0 or len(words) < 2:
        return [words]
    gutter = _gutter(words, height)
    if gutter is not None:
        left = [run for run in words if run.corners[2] <= gutter]
        right = [run for run in words if run.corners[2] > gutter]
        return [*_parts(left, height, depth - 1), *_parts(right, height, depth - 1)]
    band = _band(words, height)
    if band is None:
        return [words]
    upper = [run for run in words if run.corners[3] <= band]
    lower = [run for run in words if run.corners[3] > band]
    return [*_parts(upper, height, depth - 1), *_parts(lower, height, depth - 1)]


def _free(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the gaps between the first and the last of these spans that none of them covers."""
    gaps = []
    reach = float("-inf")
    for start, end in sorted(spans):
        if start > reach > float("-inf"):
            gaps.append((reach, start))
        reach = max(reach, end)
    return gaps


def _gutter(words: Sequence[Run], height: float) -> float | None:
    """Return where two columns of prose part; labels beside values and the columns of a table stay together."""
    gaps = [
        gap for gap in _free([(run.corners[0], run.corners[2]) for run in words]) if gap[1] - gap[0] > _GUTTER * height
    ]
    for start, _ in sorted(gaps, key=lambda gap: gap[0] - gap[1]):
        sides = (
            [run for run in words if run.corners[2] <= start],
            [run for run in words if run.corners[2] > start],
        )
        if all(_is_prose(lines_of(side)) for side in sides):
            return start
    return None


def _is_prose(lines: Sequence[Line]) -> bool:
    lengths = sorted(map(len, lines))
    return len(lines) >= _COLUMN_LINES and lengths[len(lines) // 2] >= _PROSE


def _band(words: Sequence[Run], height: float) -> float | None:
    gaps = _free([(run.corners[1], run.corners[3]) for run in words])
    start, end = max(gaps, key=lambda gap: gap[1] - gap[0], default=(0.0, 0.0))
    return start if end - start > _PARAGRAPH_GAP * height else None


def _regions(words: list[Run], usual: float) -> list[Region]:
    """Part a piece without white space across at the items of a list and at lines of another type size."""
    groups: list[list[Line]] = []
    for line in lines_of(words):
        new = not groups or is_marker(line[0].text) or _differs(groups[-1][-1], line)
        if new:
            groups.append([line])
        else:
            groups[-1].append(line)
    return [_region(lines, usual) for lines in groups]


def _differs(above: Line, below: Line) -> bool:
    a, b = _height(above), _height(below)
    return max(a, b) > _HEADING * min(a, b)


def _height(line: Line) -> float:
    heights = sorted(word.y1 - word.y0 for word in line)
    return heights[len(heights) // 2]


def _region(lines: list[Line], usual: float) -> Region:
    corners: Corners = around_words(word for line in lines for word in line)
    text = " ".join(word.text for line in lines for word in line)
    if is_marker(lines[0][0].text) and len(lines[0]) > 1:
        return Region("list_item", corners, 0, text)
    size = max(map(_height, lines)) / usual
    spread = any(b.x0 - a.x1 > 2 * _height(line) for line in lines for a, b in pairwise(line))
    if size > _HEADING and len(lines) <= 3 and not spread:
        return Region("heading", corners, 1 if size > 1.6 else 2, text)
    return Region("paragraph", corners, None, text)
