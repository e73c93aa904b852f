"""From loose words and the regions they lie in to blocks of lines, in reading order, without losing a word."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from fieldwise.model.document import BlockKind

from .cells import is_marker, tidy
from .lines import Corners, Run, around, lines_of, run_of
from .markdown import BULLETS, Grid, GridCell, Line, Placed, TextBlock
from .rulings import Edges
from .tables import Found, find_tables

_AMOUNT = re.compile(r"\d[.,]\d\d$")

_COLUMN_LINES = 5  # fewer are a form, an address, a caption

# Regions are unions of glyph boxes, which differ from word boxes by rounding and by ascenders.
_SLACK = 1.5


class Region(NamedTuple):
    """A block as the parser found it: where, what, and for tables the rows of its cells' places."""

    kind: BlockKind
    corners: Corners
    level: int | None = None
    text: str = ""
    rows: tuple[tuple[Corners | None, ...], ...] = ()
    has_header: bool = False


Item = TextBlock | Grid


def arrange(runs: Sequence[Run], regions: Sequence[Region], edges: Edges = Edges()) -> list[Item]:  # noqa: B008  # immutable
    """Return the page's blocks in reading order; every word of `runs` is in exactly one of them.

    Regions come in reading order. Tables found by geometry take their words first, and stand where the first region
    stood that they took words from. Words that no region holds become paragraphs of their own, put before the first
    block that lies below them; turned ones come last.
    """
    tables = find_tables(lines_of(run for run in runs if run.upright), edges)
    taken = {id(word) for table in tables for word in table.words}
    held: list[list[Run]] = [[] for _ in regions]
    loose: list[Run] = []
    for run in runs:
        for index, part in _share(_without(run, taken), regions):
            (loose if index is None else held[index]).append(part)
    placed: list[tuple[tuple[float, int], Corners, Item]] = []
    for index, (region, its_runs) in enumerate(zip(regions, held, strict=True)):
        for left in _parted(its_runs, tables):
            for column in _wrapped(left) or _columns(left):
                corners = around(word for run in column for word in run.words)
                placed.append(((index, 1), corners, _item(region, column)))
    apart: list[tuple[Corners, Item]] = []
    for table in tables:
        place = _place_of(table, regions, held)
        if place is None:
            apart.append((table.corners, table.grid))
        else:
            placed.append((place, table.corners, table.grid))
    placed.sort(key=lambda entry: entry[0])
    blocks = [(corners, item) for _, corners, item in placed]
    for lines in _paragraphs([run for run in loose if run.upright]):
        apart.append((around(word for line in lines for word in line), TextBlock("paragraph", lines)))
    for corners, item in apart:
        blocks.insert(_place_among(corners, [place for place, _ in blocks]), (corners, item))
    # Stamps along the margin would only interrupt what they stand beside.
    turned = lines_of(run for run in loose if not run.upright)
    return [*_joined(_upper_first(blocks)), *([TextBlock("paragraph", turned)] if turned else [])]


def _without(run: Run, taken: set[int]) -> Run:
    left = tuple(word for word in run.words if id(word) not in taken) if taken else run.words
    if len(left) == len(run.words):
        return run
    return Run(left, around(left) if left else run.corners, run.upright)


def _parted(runs: list[Run], tables: Sequence[Found]) -> list[list[Run]]:
    """Divide what is left of a region at the tables that were taken out of its middle."""
    if not runs or not tables:
        return [runs] if runs else []
    tops = sorted(table.corners[1] for table in tables)
    parts: dict[int, list[Run]] = {}
    for run in runs:
        for word in run.words:
            middle = (word.y0 + word.y1) / 2
            parts.setdefault(sum(top < middle for top in tops), []).append(run_of(word, run.upright))
    return [part for _, part in sorted(parts.items())]


def _wrapped(runs: list[Run]) -> list[list[Run]] | None:
    """Divide a region that begins at the foot of one column and goes on at the head of the next one."""
    ordered = sorted((run for run in runs if run.words), key=lambda run: run.corners[0])
    lowest = [run.corners[3] for run in ordered]
    for at in range(len(ordered) - 2, -1, -1):
        lowest[at] = max(lowest[at], lowest[at + 1])
    right, top = float("-inf"), float("inf")
    for at, run in enumerate(ordered[:-1], 1):
        right, top = max(right, run.corners[2]), min(top, run.corners[1])
        if right < ordered[at].corners[0] and top > lowest[at]:
            return [ordered[:at], ordered[at:]]
    return None


def _columns(runs: list[Run]) -> list[list[Run]]:
    """Divide a region that holds two columns of prose; labels beside their values are left together."""
    if len(runs) < 2 * _COLUMN_LINES:
        return [runs]
    upright = [run for run in runs if run.upright]
    free: list[tuple[float, float]] = []
    reach = float("-inf")
    for x0, _, x1, _ in sorted(run.corners for run in upright):
        if x0 > reach > float("-inf"):
            free.append((reach, x0))
        reach = max(reach, x1)
    for gap_start, gap_end in free:
        left = [run for run in runs if run.corners[2] <= gap_start]
        right = [run for run in runs if run.corners[2] > gap_start]
        height = upright[0].corners[3] - upright[0].corners[1]
        if gap_end - gap_start > height and _is_prose(lines_of(left)) and _is_prose(lines_of(right)):
            return [*_columns(left), *_columns(right)]
    return [runs]


def _is_prose(lines: Sequence[Line]) -> bool:
    lengths = sorted(map(len, lines))
    return len(lines) >= _COLUMN_LINES and lengths[len(lines) // 2] >= 5


def _upper_first(blocks: list[tuple[Corners, Item]]) -> list[tuple[Corners, Item]]:
    """Keep the order, but of two blocks of which one stands under the other, put the upper one first."""
    ordered: list[tuple[Corners, Item]] = []
    for corners, item in blocks:
        at = next((i for i, (other, below) in enumerate(ordered) if _belongs_above(corners, item, other, below)), None)
        ordered.insert(len(ordered) if at is None else at, (corners, item))
    return ordered


def _belongs_above(corners: Corners, item: Item, other: Corners, below: Item) -> bool:
    if other[1] < corners[3] - _SLACK:
        return False
    shared = min(corners[2], other[2]) - max(corners[0], other[0])
    if shared > 0.3 * min(corners[2] - corners[0], other[2] - other[0]):
        return True
    # A table takes the whole width of its part of the page, even where its words do not.
    return isinstance(item, Grid) and (isinstance(below, Grid) or below.kind == "heading")


def _place_of(table: Found, regions: Sequence[Region], held: Sequence[list[Run]]) -> tuple[float, int] | None:
    """Return where among the regions a table stands: at the first one it overlaps, after what is left above it."""
    for index, region in enumerate(regions):
        if _overlap(table.corners, region.corners):
            left_above = any(word.y1 <= table.corners[1] + _SLACK for run in held[index] for word in run.words)
            return index, 2 if left_above else 0
    return None


def _joined(blocks: list[tuple[Corners, Item]]) -> list[Item]:
    """Join paragraphs that an indent, a bold line or a short last line has torn apart, and titles of two lines."""
    heights = sorted(_height(line) for _, item in blocks if isinstance(item, TextBlock) for line in item.lines)
    usual = heights[len(heights) // 2] if heights else 0.0
    items: list[Item] = []
    for _, item in blocks:
        above = items[-1] if items else None
        if isinstance(above, TextBlock) and isinstance(item, TextBlock) and _is_one_title(above, item, usual):
            items[-1] = TextBlock("heading", (*above.lines, *item.lines), above.level)
        elif isinstance(above, TextBlock) and isinstance(item, TextBlock) and _is_one(above, item):
            items[-1] = TextBlock("paragraph", (*above.lines, *item.lines))
        else:
            items.append(item)
    return items


def _is_one_title(above: TextBlock, below: TextBlock, usual: float) -> bool:
    """Whether a heading goes on: lines of the same large type close under it, flush with it or centered as it is."""
    if above.kind != "heading" or below.kind not in ("heading", "paragraph") or len(above.lines) + len(below.lines) > 3:
        return False
    x0, _, x1, bottom = around(above.lines[-1])
    left, top, right, _ = around(below.lines[0])
    height = _height(above.lines[-1])
    return (
        height > 1.25 * usual
        and all(abs(_height(line) - height) < 0.08 * height for line in below.lines)
        and -0.5 * height < top - bottom < 0.6 * height
        and (abs(left - x0) < 0.5 * height or abs(left + right - x0 - x1) < height)
        and not is_marker(below.lines[0][0].text)
    )


def _height(line: Line) -> float:
    heights = sorted(word.y1 - word.y0 for word in line)
    return heights[len(heights) // 2]


def _is_one(above: TextBlock, below: TextBlock) -> bool:
    kinds = {above.kind, below.kind}
    if not kinds <= {"paragraph", "heading"} or not _goes_on(above.lines, below.lines[0]):
        return False
    if kinds == {"paragraph"}:
        return True
    # A line in bold is taken for a heading; a heading does not fill its line and go on in the next one.
    right = max(around(line)[2] for line in (*above.lines, *below.lines))
    left = min(around(line)[0] for line in (*above.lines, *below.lines))
    return around(above.lines[-1])[2] > right - 0.12 * (right - left) and len(above.lines[-1]) > 5


def _goes_on(lines: Sequence[Line], below: Line) -> bool:
    """Whether `below` is the next line of a paragraph: near, as high, no item of a list, and not indented."""
    above, first = lines[-1], lines[0]
    above_x0, top, right, bottom = around(above)
    x0, y0, x1, y1 = around(below)
    left = around(first)[0]
    height = min(bottom - top, y1 - y0)
    indent = 4.0 if is_marker(first[0].text) else 0.8
    return (
        max(bottom - top, y1 - y0) < 1.3 * height
        and -0.5 * height < y0 - bottom < 0.6 * height
        and x0 < right
        and x1 > above_x0
        and -4 * height < x0 - left < indent * height
        and not is_marker(below[0].text)
    )


def _share(run: Run, regions: Sequence[Region]) -> Iterable[tuple[int | None, Run]]:
    """Give the run to the region that holds it, or divide it among several, word by word."""
    if not run.words:
        return
    whole = run.corners
    for index, region in enumerate(regions):
        if _inside(whole, region.corners) and not _contested(whole, index, regions):
            yield index, run
            return
    for word in run.words:
        yield _holder(word, regions), run_of(word, run.upright)


def _contested(corners: Corners, index: int, regions: Sequence[Region]) -> bool:
    return any(_touches(corners, region.corners) for other, region in enumerate(regions) if other != index)


def _holder(word: Placed, regions: Sequence[Region]) -> int | None:
    """Return the region of this word: the smallest that holds its middle, and best one whose text has the word."""
    x, y = (word.x0 + word.x1) / 2, (word.y0 + word.y1) / 2
    holders = [
        (index, region)
        for index, region in enumerate(regions)
        if region.corners[0] - _SLACK <= x <= region.corners[2] + _SLACK
        and region.corners[1] - _SLACK <= y <= region.corners[3] + _SLACK
    ]
    if len(holders) < 2:
        return holders[0][0] if holders else None
    return min(holders, key=lambda holder: (word.text not in holder[1].text, _area(holder[1].corners)))[0]


def _item(region: Region, runs: list[Run]) -> Item:
    lines = lines_of(runs)
    if region.kind == "table" and region.rows:
        grid = tidy(_grid(region, runs))
        if grid.rows > 1 and grid.columns > 1 and not _cuts_text(grid, lines):
            return grid
    kind = region.kind
    if kind == "table" or (kind == "heading" and not _may_head(lines)):
        return TextBlock("paragraph", lines)
    return TextBlock(kind, lines, region.level)


def _may_head(lines: Sequence[Line]) -> bool:
    """A heading is short; whole paragraphs, sums and list items in a heading's type are forms and emphasis."""
    words = [word for line in lines for word in line]
    return (
        len(lines) <= 3
        and len(words) <= 30
        and words[0].text not in BULLETS
        and not _AMOUNT.search(words[-1].text)
        and any(character.isalpha() for word in words for character in word.text)
    )


def _cuts_text(grid: Grid, lines: Sequence[Line]) -> bool:
    """Whether borders of columns run through running text: what was found is no table."""
    cell_of = {id(word): cell.column for cell in grid.cells for line in cell.lines for word in line}
    neighbors = cut = 0
    for line in lines:
        for a, b in pairwise(line):
            if b.x0 - a.x1 < 0.45 * (a.y1 - a.y0):
                neighbors += 1
                cut += cell_of[id(a)] != cell_of[id(b)]
    return cut > 0.08 * neighbors


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
            words.setdefault((row, column), []).append(run_of(word, run.upright))
    cells = tuple(
        GridCell(row, column, lines_of(its), header=region.has_header and row == 0, box=boxes.get((row, column)))
        for (row, column), its in sorted(words.items())
    )
    return Grid(len(region.rows), max(map(len, region.rows)), cells)


def _paragraphs(loose: list[Run]) -> list[tuple[Line, ...]]:
    """Group lines that no region holds by their distance."""
    groups: list[list[Line]] = []
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


def _area(corners: Corners) -> float:
    return (corners[2] - corners[0]) * (corners[3] - corners[1])


def _overlap(a: Corners, b: Corners) -> bool:
    return min(a[2], b[2]) - max(a[0], b[0]) > _SLACK and min(a[3], b[3]) - max(a[1], b[1]) > _SLACK


def _touches(a: Corners, b: Corners) -> bool:
    return a[0] < b[2] + _SLACK and b[0] - _SLACK < a[2] and a[1] < b[3] + _SLACK and b[1] - _SLACK < a[3]


def _distance(x: float, y: float, corners: Corners) -> float:
    x0, y0, x1, y1 = corners
    return max(x0 - x, 0.0, x - x1) ** 2 + max(y0 - y, 0.0, y - y1) ** 2
