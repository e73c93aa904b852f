"""Tables of formats that are text already: their markup says what is a row and what is a cell."""

from __future__ import annotations

import re

from fieldwise.grounding import WordIndex, numbers
from fieldwise.grounding.text import squeeze
from fieldwise.model import Cell as ParsedCell
from fieldwise.model import Page, Table

from .tables import Cell, Entry

_Grid = list[list[ParsedCell | None]]


def written(index: WordIndex, *, boxed: bool = False) -> list[tuple[tuple[str, ...], tuple[Entry, ...]]]:
    """Return heading and entries of each parsed table on pages whose words have no boxes, or (`boxed`) on all pages."""
    found: list[tuple[tuple[str, ...], list[Entry]]] = []
    member: dict[tuple[int, int], int] = {}
    for page in index.pages:
        start, end = index.page_range(page.number)
        if not boxed and any(index.boxes[word] is not None for word in range(start, end)):
            continue
        for number, table in enumerate(page.tables):
            heading, entries = _read(index, page, table)
            before = member.get(table.continues) if table.continues else None
            if before is not None and len(found[before][0]) == len(heading):
                found[before][1].extend(entries)
            else:
                before = len(found)
                found.append((heading, entries))
            member[(page.number, number)] = before
    return [(heading, tuple(entries)) for heading, entries in found if len(heading) > 0]


def _read(index: WordIndex, page: Page, table: Table) -> tuple[tuple[str, ...], list[Entry]]:
    grid: dict[int, list[ParsedCell | None]] = {}
    for cell in table.cells:
        if cell.column < table.columns:
            grid.setdefault(cell.row, [None] * table.columns)[cell.column] = cell
    marked = {cell.row for cell in table.cells if cell.header}
    rows = [grid[i] for i in sorted(grid)]
    heads = [grid[i] for i in sorted(marked) if i in grid]
    if not marked and len(rows) > 1 and _reads_like_heading(rows):
        heads, rows = rows[:1], rows[1:]
    elif marked:
        rows = [grid[i] for i in sorted(grid) if i not in marked]
    heading = tuple(
        " ".join(t for row in heads if (head := row[c]) is not None and (t := head.text.strip()))
        for c in range(table.columns)
    )
    repeated = squeeze("".join(heading))
    entries = [
        Entry(tuple(_words(index, page, cell) for cell in row))
        for row in rows
        if any(cell is not None and cell.text.strip() for cell in row)
        and not (repeated and squeeze("".join(cell.text for cell in row if cell is not None)) == repeated)
    ]
    return heading, entries


def _words(index: WordIndex, page: Page, cell: ParsedCell | None) -> Cell:
    return tuple(index.words_in(page.number, cell.span, cell.box)) if cell is not None and cell.text.strip() else ()


def _reads_like_heading(rows: _Grid) -> bool:
    """Say whether the first row is words where the rows below have figures."""
    if any(re.search(r"\d", cell.text) for cell in rows[0] if cell is not None):
        return False
    return any(numbers.readings(cell.text) for row in rows[1:] for cell in row if cell is not None)
