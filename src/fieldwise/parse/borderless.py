"""Tables without rules: columns are what stands under each other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from .cells import is_enumerator, is_number, tidy, with_header
from .lines import Corners, around
from .markdown import Grid, GridCell, Line, Placed
from .records import TableLine, amount_columns, group_lines, record_cells
from .rulings import Edges

# A gap between words as wide as the words are high parts columns; justified prose stays below.
_COLUMN_GAP = 0.95

# In line heights: beyond the first, what follows must line up to be the same table; beyond the second, it never is.
_SUSPICIOUS_GAP = 0.9
_LARGEST_GAP = 3.5

# Within what looks like one column, a gap so wide (in word heights) that all lines share parts two.
_STRIP = 0.6

_ALIGNED = 2.5  # points

_LONGEST_ADDRESS = 7  # lines
_LONGEST_VALUE = 5  # words beside a label, on the average

Column = tuple[float, float]


class Segment(NamedTuple):
    """Neighboring words of one line of the page, without a column's gap between them."""

    words: tuple[Placed, ...]
    x0: float
    x1: float


class Row(NamedTuple):
    segments: tuple[Segment, ...]
    top: float
    bottom: float

    @property
    def height(self) -> float:
        return self.bottom - self.top


def find_borderless(lines: Sequence[Line], edges: Edges) -> list[tuple[Grid, tuple[Placed, ...], Corners]]:
    """Return grid, words and place of each table in these lines of a page, top to bottom."""
    rows = [_row(line) for line in lines]
    found = []
    at = 0
    while at < len(rows):
        if len(rows[at].segments) > 1:
            end, columns = _extent(rows, at)
            table = _table(rows[at:end], columns, edges) if end - at > 1 else None
            if table is not None:
                found.append(table)
                at = end
                continue
        at += 1
    return found


def _row(line: Line) -> Row:
    height = sorted(word.y1 - word.y0 for word in line)[len(line) // 2]
    segments: list[list[Placed]] = []
    for word in line:
        if segments and word.x0 - segments[-1][-1].x1 < _COLUMN_GAP * height:
            segments[-1].append(word)
        else:
            segments.append([word])
    return Row(
        tuple(Segment(tuple(its), its[0].x0, max(word.x1 for word in its)) for its in segments),
        min(word.y0 for word in line),
        max(word.y1 for word in line),
    )


def _extent(rows: Sequence[Row], start: int) -> tuple[int, list[Column]]:
    """Grow a table downwards from a row of several segments; return its end and its columns."""
    columns: list[Column] = [(segment.x0, segment.x1) for segment in rows[start].segments]
    end, suspicious = start + 1, False
    for at in range(start + 1, len(rows)):
        row, above = rows[at], rows[at - 1]
        height, gap = max(row.height, above.height), row.top - above.bottom
        if gap > _LARGEST_GAP * height:
            break
        suspicious = suspicious or gap > _SUSPICIOUS_GAP * height
        joined = _join(columns, row)
        if joined is None:
            break
        if len(row.segments) > 1:
            if suspicious and not _lines_up(row, rows[start:end], columns):
                break
            columns, end, suspicious = joined, at + 1, False
    while end < len(rows) and _continues(rows[end], rows[end - 1], columns):
        end += 1
    return end, columns


def _join(columns: list[Column], row: Row) -> list[Column] | None:
    """Add a row to the columns; None where it does not fit them."""
    joined = list(columns)
    bridging = 0
    for segment in row.segments:
        hit = [i for i, (x0, x1) in enumerate(joined) if segment.x0 < x1 and x0 < segment.x1]
        if len(hit) > 1:
            bridging += 1
        elif hit and len(row.segments) > 1:
            x0, x1 = joined[hit[0]]
            joined[hit[0]] = (min(x0, segment.x0), max(x1, segment.x1))
        elif not hit:
            joined.append((segment.x0, segment.x1))
            joined.sort()
    # A long description runs over several columns, but keeps to the right of the first one; other text does not.
    alone = bridging and len(row.segments) - bridging < 2
    if alone and (row.segments[0].x0 <= columns[0][1] or len(columns) < 3):
        return None
    return joined


def _lines_up(row: Row, above: Sequence[Row], columns: Sequence[Column]) -> bool:
    """Whether a row after a gap is still of the table: edges in line, or one segment under each of most columns."""
    hits = [[i for i, (x0, x1) in enumerate(columns) if s.x0 < x1 and x0 < s.x1] for s in row.segments]
    single = [hit[0] for hit in hits if len(hit) == 1]
    if len(single) == len(hits) == len(set(single)) and len(hits) >= 0.6 * len(columns):
        return True
    first = row.segments[0].x0
    if first > columns[0][1] and any(abs(first - left) < _ALIGNED for left, _ in columns[1:]):
        return True  # more of a description, whatever it runs over
    others = [segment for other in above if len(other.segments) > 1 for segment in other.segments]
    in_line = sum(
        any(
            abs(s.x0 - o.x0) < _ALIGNED or abs(s.x1 - o.x1) < _ALIGNED or abs(s.x0 + s.x1 - o.x0 - o.x1) < 2 * _ALIGNED
            for o in others
        )
        for s in row.segments
    )
    return in_line >= 0.6 * len(row.segments)


def _continues(row: Row, above: Row, columns: Sequence[Column]) -> bool:
    """Whether a line below the last full row still belongs to it: it stands in a column right of the first one."""
    if len(row.segments) > 1 or abs(row.height - above.height) > 0.3 * row.height:
        return False
    x0, gap = row.segments[0].x0, row.top - above.bottom
    under = any(abs(x0 - left) < _ALIGNED for left, _ in columns[1:])
    return under and x0 > columns[0][1] and gap < 1.6 * row.height


def _table(rows: Sequence[Row], columns: list[Column], edges: Edges) -> tuple[Grid, tuple[Placed, ...], Corners] | None:
    lines = _merge_columns(columns, [_table_line(row, columns) for row in rows])
    lines = _split_columns(_without_address(lines))
    if not _looks_tabular(lines):
        return None
    lines = _ruled(lines, columns, edges)
    amounts = amount_columns(lines)
    groups = group_lines(lines)
    cells = [
        GridCell(number, column, tuple(its))
        for number, group in enumerate(groups)
        for column, its in sorted(record_cells(lines, group, amounts).items())
    ]
    words = tuple(word for line in lines for its in line.cells.values() for word in its)
    last = max(cell.column for cell in cells)
    return with_header(tidy(Grid(len(groups), last + 1, tuple(cells)))), words, around(words)


def _table_line(row: Row, columns: Sequence[Column]) -> TableLine:
    cells: dict[int, tuple[Placed, ...]] = {}
    for segment in row.segments:
        hit = [i for i, (x0, x1) in enumerate(columns) if segment.x0 < x1 and x0 < segment.x1]
        column = hit[0] if hit else min(range(len(columns)), key=lambda i: abs(columns[i][0] - segment.x0))
        cells[column] = (*cells.get(column, ()), *segment.words)
    return TableLine(cells, row.top, row.bottom)


def _merge_columns(columns: Sequence[Column], lines: list[TableLine]) -> list[TableLine]:
    """Join neighbors of which no line has both: a head that stands beside its values, not over them."""
    at, left_edges = 0, list(columns)
    while at + 1 < len(left_edges):
        left = {i for i, line in enumerate(lines) if at in line.cells}
        right = {i for i, line in enumerate(lines) if at + 1 in line.cells}
        gap = left_edges[at + 1][0] - left_edges[at][1]
        width = max(x1 - x0 for x0, x1 in left_edges[at : at + 2])
        if not left & right and min(len(left), len(right)) == 1 and gap < width:
            left_edges[at : at + 2] = [(left_edges[at][0], left_edges[at + 1][1])]
            lines = [
                line._replace(cells={(c - 1 if c > at else c): words for c, words in line.cells.items()})
                for line in lines
            ]
        else:
            at += 1
    return lines


def _without_address(lines: list[TableLine]) -> list[TableLine]:
    """Keep labels and values together, and let an address that stands to their left be a text of its own."""
    texts = [[line.text(column) for line in lines if column in line.cells] for column in range(3)]
    if max(column for line in lines for column in line.cells) != 2 or not all(texts) or not is_number(texts[2][0]):
        return lines
    address, labels, values = (sum(map(is_number, its)) / len(its) for its in texts)
    if address > 0.2 or labels > 0.2 or values < 0.5:
        return lines
    # Labels differ from each other, and an address is short: rows of a table without a head are neither.
    if len(texts[0]) > _LONGEST_ADDRESS or len(set(texts[1])) < len(texts[1]):
        return lines
    kept = [line._replace(cells={c: words for c, words in line.cells.items() if c > 0}) for line in lines]
    return [line for line in kept if line.cells]


def _split_columns(lines: list[TableLine]) -> list[TableLine]:
    """Part columns that stand closer than the gap that parts columns, where every line has a gap at the same place."""
    for column in sorted({column for line in lines for column in line.cells}, reverse=True):
        strip = _common_gap([line.cells[column] for line in lines if column in line.cells and len(line.cells) > 1])
        if strip is None:
            continue
        parted = []
        for line in lines:
            cells = {(c + 1 if c > column else c): words for c, words in line.cells.items()}
            words = cells.pop(column, ())
            for place, half in (
                (column, tuple(word for word in words if (word.x0 + word.x1) / 2 <= strip)),
                (column + 1, tuple(word for word in words if (word.x0 + word.x1) / 2 > strip)),
            ):
                if half:
                    cells[place] = half
            parted.append(line._replace(cells=cells))
        lines = parted
    return lines


def _common_gap(cells: Sequence[tuple[Placed, ...]]) -> float | None:
    """Return the middle of the widest gap that all cells but the head have in common, if there is one."""
    body = [words for words in cells[1:] if len(words) > 1]
    if len(body) < 3 or len(body) < 0.7 * len(cells[1:]):
        return None
    height = body[0][0].y1 - body[0][0].y0
    strips = [(a.x1, b.x0) for a, b in pairwise(body[0])]
    for words in cells[1:]:
        # What stands on one side only cuts the strip too.
        free = [(float("-inf"), words[0].x0), *((a.x1, b.x0) for a, b in pairwise(words)), (words[-1].x1, float("inf"))]
        strips = [(max(a, c), min(b, d)) for a, b in strips for c, d in free if min(b, d) - max(a, c) > _STRIP * height]
    if not strips:
        return None
    a, b = max(strips, key=lambda strip: strip[1] - strip[0])
    both = sum(words[0].x1 <= a + 0.1 and words[-1].x0 >= b - 0.1 for words in body)
    halves = (
        [" ".join(word.text for word in words if word.x1 <= a + 0.1) for words in body],
        [" ".join(word.text for word in words if word.x0 >= b - 0.1) for words in body],
    )
    numbers = any(sum(map(is_number, half)) >= 0.7 * len(half) for half in halves)
    return (a + b) / 2 if both >= 0.7 * len(body) and numbers else None


def _looks_tabular(lines: Sequence[TableLine]) -> bool:
    """Tell a table from columns of prose, from lists, and from addresses side by side."""
    several = [line for line in lines if len(line.cells) > 1]
    columns = sorted({column for line in lines for column in line.cells})
    if len(several) < 2 or len(columns) < 2:
        return False
    lengths = sorted(len(words) for line in several for words in line.cells.values())
    if lengths[len(lengths) // 2] > 5:
        return False
    texts = [[line.text(column) for line in several if column in line.cells] for column in columns]
    if len(columns) == 2:
        if all(map(is_enumerator, texts[0])):
            return False
        # The numbers of a program's lines (`16:`) are no labels.
        labels = sum(text.endswith(":") and not is_enumerator(text) for text in texts[0])
        numbers = sum(map(is_number, texts[1]))
        if numbers >= 0.5 * len(texts[1]):
            return True
        # What is explained at length is a note, not a value.
        spoken = sum(len(text.split()) for text in texts[1]) / len(texts[1])
        return labels >= 0.6 * len(texts[0]) and spoken <= _LONGEST_VALUE
    bodies = [its if its and is_number(its[0]) else its[1:] for its in texts[1:]]
    return any(body and sum(map(is_number, body)) >= 0.5 * len(body) for body in bodies)


def _ruled(lines: list[TableLine], columns: Sequence[Column], edges: Edges) -> list[TableLine]:
    """Note where a rule, across at least half of the table, stands right above a line."""
    left, right = columns[0][0], columns[-1][1]
    ys = [y for y, x0, x1 in edges.horizontal if min(x1, right) - max(x0, left) > 0.5 * (right - left)]
    return [
        line._replace(ruled=any(above.bottom - 2 <= y <= line.top + 2 for y in ys))
        for above, line in zip([lines[0]._replace(bottom=lines[0].top), *lines], lines, strict=False)
    ]
