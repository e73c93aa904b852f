"""Tables drawn with lines (or with filled cells): from edges to a lattice of cells."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from .lines import Corners
from .markdown import Placed

# Edges so near are one line: cells filled one by one leave gaps of some points between them.
_SNAP = 3.2
_WIDEST = 7.0  # of all edges that are taken for one line
_LOWEST = 6.0  # a row of text is higher
_BRIDGE = 4.0
_NARROWEST = 8.0

# A drawing, not a table; the search for cells would take long and find nothing.
_MOST_EDGES = 6_000
_MOST_LINES = 150


class Edges(NamedTuple):
    """Straight lines and the sides of rectangles: `(y, x0, x1)` and `(x, y0, y1)`, in points from the top left."""

    horizontal: tuple[tuple[float, float, float], ...] = ()
    vertical: tuple[tuple[float, float, float], ...] = ()

    def scaled(self, across: float, down: float) -> Edges:
        """Return them in other units: those of a picture in points of its page."""
        return Edges(
            tuple((y * down, x0 * across, x1 * across) for y, x0, x1 in self.horizontal),
            tuple((x * across, y0 * down, y1 * down) for x, y0, y1 in self.vertical),
        )


class Lattice(NamedTuple):
    """Cells as `(row, column, row_span, column_span, corners)`; borders are those of all rows and columns.

    `closed` tells whether the cells have sides, or only a line above and one below.
    """

    xs: tuple[float, ...]
    ys: tuple[float, ...]
    cells: tuple[tuple[int, int, int, int, Corners], ...]
    closed: bool

    @property
    def corners(self) -> Corners:
        return self.xs[0], self.ys[0], self.xs[-1], self.ys[-1]


def find_lattices(edges: Edges, words: Sequence[Placed]) -> list[Lattice]:
    """Return every group of adjoining cells with at least two rows and two columns, the closed ones first."""
    if len(edges.horizontal) + len(edges.vertical) > _MOST_EDGES:
        return []
    horizontal, vertical = _Lines(edges.horizontal), _Lines(edges.vertical)
    if len(horizontal.places) <= _MOST_LINES and len(vertical.places) <= _MOST_LINES:
        vertical = _Lines((*edges.vertical, *_open_sides(horizontal, vertical)))
    if not 2 <= len(horizontal.places) <= _MOST_LINES:
        return []
    found: list[Lattice] = []
    if 2 <= len(vertical.places) <= _MOST_LINES:
        found = _lattices(_cells(horizontal, vertical), closed=True)
    stacked = _lattices(_unbroken(_stacked(horizontal), words), closed=False)
    # Of a closed table and the same one seen without its sides, the larger is right: often only the head is closed.
    for lattice in stacked:
        rivals = [other for other in found if _overlaps(other.corners, lattice.corners)]
        if sum(map(_weight, rivals)) < _weight(lattice):
            found = [other for other in found if other not in rivals] + [lattice]
    return sorted(found, key=lambda lattice: (lattice.ys[0], lattice.xs[0]))


def _open_sides(horizontal: _Lines, vertical: _Lines) -> list[tuple[float, float, float]]:
    """Return the sides that a table without an outer frame lacks: where rules end together, beyond its inner ones."""
    found = []
    for end in (0, 1):
        ends: dict[float, list[float]] = {}
        for y, pieces in zip(horizontal.places, horizontal.joined, strict=True):
            for piece in pieces:
                near = next((x for x in ends if abs(x - piece[end]) <= _SNAP), piece[end])
                ends.setdefault(near, []).append(y)
        for x, ys in ends.items():
            if any(abs(x - place) <= _SNAP for place in vertical.places):
                continue
            # An inner rule that goes through several of these rules makes them one table.
            for place, pieces in zip(vertical.places, vertical.joined, strict=True):
                for start, stop in pieces if (place > x) == (end == 0) else ():
                    through = [y for y in ys if start - _SNAP <= y <= stop + _SNAP]
                    if len(through) > 2:
                        found.append((x, through[0], through[-1]))
    return found


def _lattices(cells: Sequence[Corners], *, closed: bool) -> list[Lattice]:
    lattices = [_lattice(group, closed) for group in _adjoining(cells)]
    return [
        lattice
        for lattice in lattices
        if len(lattice.xs) > 2 and sum(b - a >= _LOWEST for a, b in pairwise(lattice.ys)) > 1
    ]


def _weight(lattice: Lattice) -> int:
    return sum(y1 - y0 >= _LOWEST for *_, (_, y0, _, y1) in lattice.cells)


def _overlaps(a: Corners, b: Corners) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


class _Lines:
    """Parallel edges, snapped to common places and joined where they (nearly) touch."""

    def __init__(self, edges: Iterable[tuple[float, float, float]]) -> None:
        groups: list[list[tuple[float, float, float]]] = []
        for edge in sorted(edges):
            if groups and edge[0] - groups[-1][-1][0] <= _SNAP and edge[0] - groups[-1][0][0] <= _WIDEST:
                groups[-1].append(edge)
            else:
                groups.append([edge])
        self.places = [sum(edge[0] for edge in group) / len(group) for group in groups]
        self.drawn = [sorted({(start, end) for _, start, end in group}) for group in groups]
        self.joined = [_join((start, end) for _, start, end in group) for group in groups]

    def covered(self, places: Sequence[float]) -> list[list[bool]]:
        """For each line, tell of each space between neighboring `places` whether the line is drawn all along it."""
        table = []
        for pieces in self.joined:
            row = [False] * (len(places) - 1)
            for start, end in pieces:
                at = bisect_left(places, start - _SNAP)
                while at < len(row) and places[at + 1] <= end + _SNAP:
                    row[at] = True
                    at += 1
            table.append(row)
        return table


def _join(pieces: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    joined: list[tuple[float, float]] = []
    for start, end in sorted(pieces):
        if joined and start <= joined[-1][1] + _BRIDGE:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _cells(horizontal: _Lines, vertical: _Lines) -> list[Corners]:
    """Return the smallest closed rectangle from each crossing to the lower right."""
    xs, ys = vertical.places, horizontal.places
    along, down = horizontal.covered(xs), vertical.covered(ys)
    found = []
    for top in range(len(ys) - 1):
        for left in range(len(xs) - 1):
            if along[top][left] and down[left][top]:
                cell = _cell(along, down, left, top)
                if cell is not None:
                    right, bottom = cell
                    found.append((xs[left], ys[top], xs[right], ys[bottom]))
    return found


def _cell(along: list[list[bool]], down: list[list[bool]], left: int, top: int) -> tuple[int, int] | None:
    for bottom in range(top + 1, len(along)):
        if not down[left][bottom - 1]:
            return None
        for right in range(left + 1, len(down)):
            if not along[top][right - 1]:
                break
            if all(down[right][top:bottom]) and all(along[bottom][left:right]):
                return right, bottom
    return None


def _stacked(horizontal: _Lines) -> list[Corners]:
    """Return the cells that have only a line above and one below, each as wide as the cell."""
    ys = horizontal.places
    sides = _Lines((x, 0.0, 1.0) for pieces in horizontal.drawn for piece in pieces for x in piece)

    def snapped(x: float) -> float:
        return min(sides.places, key=lambda place: abs(place - x))

    rows = [sorted({(snapped(x0), snapped(x1)) for x0, x1 in pieces}) for pieces in horizontal.drawn]
    if len(sides.places) > _MOST_LINES or sum(map(len, rows)) > _MOST_EDGES // 2:
        return []
    found = []
    for top, pieces in enumerate(rows[:-1]):
        for x0, x1 in pieces:
            if x1 - x0 < _NARROWEST:
                continue
            for bottom in range(top + 1, len(rows)):
                crossing = [(a, b) for a, b in rows[bottom] if a < x1 and x0 < b]
                if (x0, x1) in crossing:
                    found.append((x0, ys[top], x1, ys[bottom]))
                if crossing:
                    break
    return found


def _unbroken(cells: Sequence[Corners], words: Sequence[Placed]) -> list[Corners]:
    """Leave out cells through whose sides running text goes: the space between two tables of the same columns."""
    if not cells:
        return []
    spaces = sorted(
        ((a.y0 + a.y1) / 2, a.x1 - 1, b.x0 + 1)
        for a, b in pairwise(words)
        if abs(a.y0 - b.y0) < 2 and b.x0 - a.x1 < 0.45 * (a.y1 - a.y0)
    )
    return [
        (x0, y0, x1, y1)
        for x0, y0, x1, y1 in cells
        if not any(
            left <= x0 <= right or left <= x1 <= right
            for _, left, right in spaces[bisect_left(spaces, (y0,)) : bisect_left(spaces, (y1,))]
        )
    ]


def _adjoining(cells: Sequence[Corners]) -> list[list[Corners]]:
    """Group cells that share a corner."""
    groups: list[tuple[set[tuple[float, float]], list[Corners]]] = []
    for cell in cells:
        x0, y0, x1, y1 = cell
        corners = {(x0, y0), (x1, y0), (x0, y1), (x1, y1)}
        apart = []
        joined = (corners, [cell])
        for group in groups:
            if group[0] & corners:
                joined = (joined[0] | group[0], group[1] + joined[1])
            else:
                apart.append(group)
        groups = [*apart, joined]
    return [members for _, members in groups]


def _lattice(cells: list[Corners], closed: bool) -> Lattice:
    xs = sorted({x for cell in cells for x in (cell[0], cell[2])})
    ys = sorted({y for cell in cells for y in (cell[1], cell[3])})
    placed = []
    for cell in cells:
        left, right = bisect_left(xs, cell[0]), bisect_left(xs, cell[2])
        top, bottom = bisect_left(ys, cell[1]), bisect_left(ys, cell[3])
        placed.append((top, left, bottom - top, right - left, cell))
    return Lattice(tuple(xs), tuple(ys), tuple(sorted(placed)), closed)
