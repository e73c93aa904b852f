"""From loose words and the regions they lie in to blocks of lines, in reading order, without losing a word."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from fieldwise.model.document import BlockKind

from .markdown import Grid, GridCell, Placed, TextBlock

Corners = tuple[float, float, float, float]

# Regions are unions of glyph boxes, which differ from word boxes by rounding and by ascenders.
_SLACK = 1.5


class Run(NamedTuple):
    """Words that the file draws as one piece, in their order. `upright` is False for text turned by some angle."""

    words: tuple[Placed, ...]
    upright: bool = True


class Region(NamedTuple):
    """A block as the parser found it: where, what, and for tables the rows of its cells' places."""

    kind: BlockKind
    corners: Corners
    level: int | None = None
    text: str = ""
    rows: tuple[tuple[Corners | None, ...], ...] = ()
    has_header: bool = False


Item = TextBlock | Grid


def arrange(runs: Sequence[Run], regions: Sequence[Region]) -> list[Item]:
    """Return the page's blocks in reading order; every word of `runs` is in exactly one of them.

    Regions come in reading order. Words that no region holds become paragraphs of their own, put before the first
    region that lies below them.
    """
    held: list[list[Run]] = [[] for _ in regions]
    loose: list[Run] = []
    for run in runs:
        for index, part in _share(run, regions):
            (loose if index is None else held[index]).append(part)
    items: list[Item] = []
    places: list[Corners] = []
    for region, its_runs in zip(regions, held, strict=True):
        if its_runs:
            items.append(_item(region, its_runs))
            places.append(region.corners)
    for lines in _paragraphs(loose):
        corners = around(word for line in lines for word in line)
        at = _place_among(corners, places)
        items.insert(at, TextBlock("paragraph", lines))
        places.insert(at, corners)
    return items


def lines_of(runs: Sequence[Run]) -> tuple[tuple[Placed, ...], ...]:
    """Sort words into lines, top to bottom, each left to right. Turned text keeps the order it was drawn in."""
    upright = [word for run in runs if run.upright for word in run.words]
    lines: list[list[Placed]] = []
    bottom = top = 0.0
    for word in sorted(upright, key=lambda word: (word.y0 + word.y1, word.x0)):
        middle = (word.y0 + word.y1) / 2
        if lines and top <= middle <= bottom and _same_line(lines[-1], word):
            lines[-1].append(word)
            top, bottom = min(top, word.y0), max(bottom, word.y1)
        else:
            lines.append([word])
            top, bottom = word.y0, word.y1
    sorted_lines = [tuple(sorted(line, key=lambda word: word.x0)) for line in lines]
    return (*sorted_lines, *(run.words for run in runs if not run.upright))


def around(words: Iterable[Placed]) -> Corners:
    """Return the smallest box that holds all the words (at least one)."""
    x0s, y0s, x1s, y1s = zip(*(word[1:] for word in words), strict=True)
    return min(x0s), min(y0s), max(x1s), max(y1s)


def _same_line(line: list[Placed], word: Placed) -> bool:
    """Compare with the line's nearest word on the left or right: a tall word must not pull two lines into one."""
    last = min(line, key=lambda other: max(word.x0 - other.x1, other.x0 - word.x1))
    overlap = min(last.y1, word.y1) - max(last.y0, word.y0)
    return overlap > 0.4 * min(last.y1 - last.y0, word.y1 - word.y0)


def _share(run: Run, regions: Sequence[Region]) -> Iterable[tuple[int | None, Run]]:
    """Give the run to the region that holds it, or divide it among several, word by word."""
    if not run.words:
        return
    whole = around(run.words)
    for index, region in enumerate(regions):
        if _inside(whole, region.corners) and not _contested(whole, index, regions):
            yield index, run
            return
    for word in run.words:
        yield _holder(word, regions), Run((word,), run.upright)


def _contested(corners: Corners, index: int, regions: Sequence[Region]) -> bool:
    return any(_touches(corners, region.corners) for other, region in enumerate(regions) if other != index)


def _holder(word: Placed, regions: Sequence[Region]) -> int | None:
    """Return the region of this word: the smallest that holds its middle, and best one whose text has the word."""
    x, y = (word.x0 + word.x1) / 2, (word.y0 + word.y1) / 2
    best: tuple[bool, float] | None = None
    found: int | None = None
    for index, region in enumerate(regions):
        x0, y0, x1, y1 = region.corners
        if x0 - _SLACK <= x <= x1 + _SLACK and y0 - _SLACK <= y <= y1 + _SLACK:
            rank = (word.text not in region.text, (x1 - x0) * (y1 - y0))
            if best is None or rank < best:
                best, found = rank, index
    return found


def _item(region: Region, runs: list[Run]) -> Item:
    if region.kind == "table" and region.rows:
        return _grid(region, runs)
    lines = lines_of(runs)
    kind = region.kind
    # A heading is short: whole paragraphs in a heading's type are a form or an emphasis.
    if kind == "table" or (kind == "heading" and (len(lines) > 3 or sum(map(len, lines)) > 30)):
        return TextBlock("paragraph", lines)
    return TextBlock(kind, lines, region.level)


def _grid(region: Region, runs: list[Run]) -> Grid:
    """Put each word into the cell that holds its middle, else into the nearest one."""
    places = [
        (row, column, corners)
        for row, cells in enumerate(region.rows)
        for column, corners in enumerate(cells)
        if corners is not None
    ]
    words: dict[tuple[int, int], list[Run]] = {}
    boxes = {(row, column): corners for row, column, corners in places}
    for run in runs:
        for word in run.words:
            x, y = (word.x0 + word.x1) / 2, (word.y0 + word.y1) / 2
            row, column, _ = min(places, key=lambda place: _distance(x, y, place[2]), default=(0, 0, None))
            words.setdefault((row, column), []).append(Run((word,), run.upright))
    cells = tuple(
        GridCell(row, column, lines_of(its), header=region.has_header and row == 0, box=boxes.get((row, column)))
        for (row, column), its in sorted(words.items())
    )
    return Grid(len(region.rows), max(map(len, region.rows)), cells)


def _paragraphs(loose: list[Run]) -> list[tuple[tuple[Placed, ...], ...]]:
    """Group lines that no region holds by their distance."""
    groups: list[list[tuple[Placed, ...]]] = []
    previous: Corners | None = None
    for line in lines_of(loose):
        corners = around(line)
        height = corners[3] - corners[1]
        follows = (
            previous is not None
            and 0 <= corners[1] - previous[1] <= 2 * max(height, previous[3] - previous[1])
            and corners[0] < previous[2]
            and previous[0] < corners[2]
        )
        if follows:
            groups[-1].append(line)
        else:
            groups.append([line])
        previous = corners
    return [tuple(group) for group in groups]


def _place_among(corners: Corners, places: Sequence[Corners]) -> int:
    """Return the index of the first region below (in the same column, if any is), else the end."""
    below = [index for index, place in enumerate(places) if place[1] >= corners[1]]
    same_column = [i for i in below if places[i][0] < corners[2] and corners[0] < places[i][2]]
    return min(same_column or below, default=len(places))


def _inside(inner: Corners, outer: Corners) -> bool:
    return (
        inner[0] >= outer[0] - _SLACK
        and inner[1] >= outer[1] - _SLACK
        and inner[2] <= outer[2] + _SLACK
        and inner[3] <= outer[3] + _SLACK
    )


def _touches(a: Corners, b: Corners) -> bool:
    return a[0] < b[2] + _SLACK and b[0] - _SLACK < a[2] and a[1] < b[3] + _SLACK and b[1] - _SLACK < a[3]


def _distance(x: float, y: float, corners: Corners) -> float:
    x0, y0, x1, y1 = corners
    return max(x0 - x, 0.0, x - x1) ** 2 + max(y0 - y, 0.0, y - y1) ** 2
