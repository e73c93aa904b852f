"""Tables rebuilt from the geometry of words: ruled ones from their lattice, borderless ones from aligned columns."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from .borderless import find_borderless
from .cells import is_number, tidy, with_header
from .lines import Corners, lines_of_words
from .markdown import Grid, GridCell, Line, Placed
from .records import TableLine, amount_columns, group_lines, record_cells
from .rulings import Edges, Lattice, find_lattices

# White space between words of one cell, in their heights; more parts two.
_SPACE = 0.6


class Found(NamedTuple):
    """A table, the words it took, and where it is."""

    grid: Grid
    words: tuple[Placed, ...]
    corners: Corners


def find_tables(lines: Sequence[Line], edges: Edges) -> list[Found]:
    """Return the tables among `lines` (of the whole page, top to bottom), each word in at most one."""
    found = []
    taken: set[int] = set()
    words = [word for line in lines for word in line]
    for lattice in find_lattices(edges, words):
        table = _ruled(lattice, [word for word in words if id(word) not in taken])
        if table is not None:
            found.append(table)
            taken.update(map(id, table.words))
    rest = [line for whole in lines if (line := tuple(word for word in whole if id(word) not in taken))]
    found += [Found(*table) for table in find_borderless(rest, edges)]
    return found


def _ruled(lattice: Lattice, words: Sequence[Placed]) -> Found | None:
    x0, y0, x1, y1 = lattice.corners
    inside: dict[tuple[int, int], list[Placed]] = {}
    beside = 0
    spans = {(row, column): (rows, columns, corners) for row, column, rows, columns, corners in lattice.cells}
    owner = {
        (row + down, column + along): (row, column)
        for (row, column), (rows, columns, _) in spans.items()
        for down in range(rows)
        for along in range(columns)
    }
    for word in words:
        x, y = (word.x0 + word.x1) / 2, (word.y0 + word.y1) / 2
        if y0 <= y <= y1:
            place = owner.get((bisect_right(lattice.ys, y) - 1, bisect_right(lattice.xs, x) - 1))
            if place is not None:
                inside.setdefault(place, []).append(word)
            else:
                beside += not x0 <= x <= x1
    _open_out(lattice, spans, inside)
    # An empty lattice is the grid of a diagram; one that only frames text in a single column is no table.
    if len(inside) < max(3, 0.25 * len(spans)) or len({column for _, column in inside}) < 2:
        return None
    count = sum(map(len, inside.values()))
    if not lattice.closed and beside > 0.2 * count:
        return None  # underlined sums of a wider table
    cells: list[GridCell] = []
    row_at = 0
    for row in range(len(lattice.ys) - 1):
        its = {column: inside[row, column] for column in range(len(lattice.xs) - 1) if (row, column) in inside}
        records = [{column: lines_of_words(its_words) for column, its_words in its.items()}]
        if len(its) > 1 and all(spans[row, column][0] == 1 for column in its):
            records = _split(its) or records
        for record in records:
            for column, lines in sorted(record.items()):
                row_span, column_span, corners = spans[row, column]
                box = corners if len(records) == 1 else None
                cells.append(GridCell(row_at, column, lines, row_span, column_span, box=box))
            row_at += 1
    used = tuple(word for its_words in inside.values() for word in its_words)
    return Found(with_header(tidy(Grid(row_at, len(lattice.xs) - 1, tuple(cells)))), used, lattice.corners)


def _open_out(
    lattice: Lattice,
    spans: dict[tuple[int, int], tuple[int, int, Corners]],
    inside: dict[tuple[int, int], list[Placed]],
) -> None:
    """Part cells that run over columns which only the head has rules for: words far apart, one group to a column."""
    for (row, column), (rows, columns, corners) in list(spans.items()):
        words = inside.get((row, column), [])
        if columns == 1 or len(words) < 2:
            continue
        groups: dict[int, list[Placed]] = {}
        for group in _apart(words):
            first, last = (
                bisect_right(lattice.xs, x) - 1 for x in (group[0].x0 + 1, max(word.x1 for word in group) - 1)
            )
            if first != last:
                break
            groups.setdefault(first, []).extend(group)
        else:
            if len(groups) > 1:
                del spans[row, column], inside[row, column]
                for at in range(column, column + columns):
                    place = (lattice.xs[at], corners[1], lattice.xs[at + 1], corners[3])
                    spans[row, at] = (rows, 1, place)
                    if at in groups:
                        inside[row, at] = groups[at]


def _apart(words: Sequence[Placed]) -> list[list[Placed]]:
    """Group the words of each line that have no more than a space between them."""
    groups: list[list[Placed]] = []
    for line in lines_of_words(words):
        for at, word in enumerate(line):
            if at and word.x0 - line[at - 1].x1 < _SPACE * (word.y1 - word.y0):
                groups[-1].append(word)
            else:
                groups.append([word])
    return groups


def _split(cells: dict[int, list[Placed]]) -> list[dict[int, tuple[Line, ...]]] | None:
    """Divide a ruled row that holds several records, as where only the columns and the head have rules."""
    column_of = {id(word): column for column, its in cells.items() for word in its}
    lines = []
    for line in lines_of_words([word for its in cells.values() for word in its]):
        by_column: dict[int, tuple[Placed, ...]] = {}
        for word in line:
            by_column[column_of[id(word)]] = (*by_column.get(column_of[id(word)], ()), word)
        lines.append(TableLine(by_column, min(word.y0 for word in line), max(word.y1 for word in line)))
    full = [
        line
        for line in lines
        if len(line.cells) >= max(2, 0.6 * len(cells)) and any(is_number(line.text(column)) for column in line.cells)
    ]
    if len(full) < 2:
        return None
    amounts = amount_columns(lines)
    return [
        {column: tuple(its) for column, its in record_cells(lines, group, amounts).items()}
        for group in group_lines(lines)
    ]
