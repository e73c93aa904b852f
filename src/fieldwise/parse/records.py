"""Which lines of a table make up one record: the hard part of invoice items.

A line is *full* where most columns have something. Full lines begin records, and so does a line that would put a second
amount into a column of amounts; what stands between belongs to the nearer record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from .cells import is_amount, is_number
from .markdown import Line, Placed

Cells = Mapping[int, tuple[Placed, ...]]


class TableLine(NamedTuple):
    """One line of a table: the words of each column it has something in; `ruled` where a rule stands above it."""

    cells: Cells
    top: float
    bottom: float
    ruled: bool = False

    def text(self, column: int) -> str:
        return " ".join(word.text for word in self.cells[column])


def amount_columns(lines: Sequence[TableLine]) -> frozenset[int]:
    """Return the columns in which most of what is there, but for the head, is a number."""
    texts: dict[int, list[str]] = {}
    for line in lines:
        if len(line.cells) > 1:
            for column in line.cells:
                texts.setdefault(column, []).append(line.text(column))
    found = set()
    for column, its in texts.items():
        body = its if is_number(its[0]) else its[1:]
        if body and sum(map(is_number, body)) >= 0.5 * len(body):
            found.add(column)
    return frozenset(found)


def group_lines(lines: Sequence[TableLine]) -> list[list[int]]:
    """Return the indices of the lines of each record, in order."""
    amounts = amount_columns(lines)
    most = max(len(line.cells) for line in lines)
    # Of four columns, two continue a record less often than they begin one (two pairs of label and value).
    enough = max(2, (0.5 if most <= 4 else 0.6) * most)
    full = [len(line.cells) >= enough for line in lines]
    heights = sorted(line.bottom - line.top for line in lines)
    height = heights[len(heights) // 2]
    gaps = [max(below.top - above.bottom, 0.0) for above, below in pairwise(lines)]
    head_ends = _head(lines, amounts, gaps, height)
    groups: list[list[int]] = [list(range(head_ends))] if head_ends else []
    waiting: list[int] = []  # lines that go to the next full one
    for index in range(head_ends, len(lines)):
        line = lines[index]
        if full[index] or (groups and not waiting and _conflicts(line, [lines[i] for i in groups[-1]], amounts)):
            groups.append([*waiting, index])
            waiting = []
        elif waiting:
            waiting.append(index)
        elif not groups or index == head_ends:
            if index < len(gaps) and gaps[index] < 0.6 * height and full[index + 1]:
                waiting.append(index)
            else:
                groups.append([index])
        elif line.ruled or gaps[index - 1] > 1.2 * height:
            groups.append([index])
        elif _nearer_to_next(index, lines, full, gaps):
            waiting.append(index)
        else:
            groups[-1].append(index)
    if waiting:
        groups.append(waiting)
    return groups


def record_cells(lines: Sequence[TableLine], group: Sequence[int], amounts: frozenset[int]) -> dict[int, list[Line]]:
    """Return the lines of each column of one record.

    Text that runs over from a long description into a column of amounts goes back to where it began.
    """
    record: dict[int, list[Line]] = {}
    has_amount: set[int] = set()
    for index in group:
        line = lines[index]
        last_text: int | None = None
        for column in sorted(line.cells):
            number = is_number(line.text(column))
            target = column
            if column in has_amount and not number and last_text is not None:
                target = last_text
                record[target][-1] = (*record[target][-1], *line.cells[column])
                continue
            record.setdefault(target, []).append(line.cells[column])
            if column in amounts and number:
                has_amount.add(column)
            else:
                last_text = column
    return record


def _head(lines: Sequence[TableLine], amounts: frozenset[int], gaps: Sequence[float], height: float) -> int:
    """Return how many lines at the top make up the head: those above the first amounts, close together."""
    if not amounts:
        return 0
    count = 0
    for index, line in enumerate(lines[:8]):
        if any(column in amounts and is_amount(line.text(column)) for column in line.cells):
            break
        if index and (line.ruled or gaps[index - 1] > 0.6 * height):
            break
        if index and set(line.cells) == {0} and not any(0 in above.cells for above in lines[:index]):
            break  # the title of the first group of rows
        count += 1
    # One line without amounts is also what an ordinary record may be; a head stands over several columns.
    columns = {column for line in lines[:count] for column in line.cells}
    return count if len(columns) > 1 else 0


def _conflicts(line: TableLine, record: Sequence[TableLine], amounts: frozenset[int]) -> bool:
    if len(line.cells) < 2:
        return False
    return any(
        column in amounts
        and is_amount(line.text(column))
        and any(column in above.cells and is_amount(above.text(column)) for above in record)
        for column in line.cells
    )


def _nearer_to_next(index: int, lines: Sequence[TableLine], full: Sequence[bool], gaps: Sequence[float]) -> bool:
    """Whether this line, and all up to the next full one, stand closer together than it does to the line before."""
    before = gaps[index - 1]
    at = index
    while at < len(gaps) and not full[at]:
        if lines[at + 1].ruled or gaps[at] > 0.5 * before:
            return False
        at += 1
    return at < len(full) and full[at] and before > 0
