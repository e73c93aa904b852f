"""What the text of a cell says about its table: numbers, enumerators, heads."""

from __future__ import annotations

import re

from .markdown import BULLETS, Grid, GridCell

_NUMBER = re.compile(
    r"[(\[]?[-+−–±≤≥<>~]?\s*(?:[$€£¥₹%]|[A-Z]{3}\b)?\s*[-+−–(]?\d[\d.,'’/:\s\u00a0-]*"
    r"(?:%|[$€£¥₹]|[A-Za-zµ²³./()]{1,8})?\s*[)\]]?[*†‡]*$"
)
_DATE = re.compile(r"\d{1,2}(?:\.|st|nd|rd|th)?\s[^\W\d]{3,10}\.?,?\s\d{2,4}$|[^\W\d]{3,10}\.?\s\d{1,2},?\s\d{4}$")
_ABSENT = re.compile(r"[-–—.]+$|n/?a$", re.IGNORECASE)
_IDENTIFIER = re.compile(r"\d{7,}$")
_YEAR = re.compile(r"(?:FY|Q[1-4])?\s?'?(?:19|20)\d\d[A-Z]?$")
_MARKER = re.compile(r"\d{1,3}(?:\.\d{1,3})+\.?$|[\[(]\w{1,4}[\])]$|(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,5})[.)]$")
_ENUMERATOR = re.compile(r"[\[(]?(?:\d{1,3}(?:\.\d{1,3})*|[a-zA-Z]|[ivxlcIVXLC]{1,5})[\])]?[.):]?$")


def is_number(text: str) -> bool:
    """Whether this is an amount, a percentage, a quantity with its unit, a date, or the dash that stands for one."""
    return bool(_NUMBER.match(text) or _ABSENT.match(text) or _DATE.match(text))


def is_amount(text: str) -> bool:
    """A number that may stand only once in a record: not an article's or an account's."""
    return is_number(text) and not _IDENTIFIER.match(text)


def is_enumerator(text: str) -> bool:
    """Whether this may lead an item of a list: a bullet, `3.`, `(a)`, `[12]`, `2.1`."""
    return text in BULLETS or bool(_ENUMERATOR.match(text))


def is_marker(text: str) -> bool:
    """An enumerator that cannot be an ordinary word: `(a)`, `3.`, `2.1`, a bullet; but not `a` or `3`."""
    return text in BULLETS or bool(_MARKER.match(text))


def cell_text(cell: GridCell) -> str:
    return " ".join(word.text for line in cell.lines for word in line)


def with_header(grid: Grid) -> Grid:
    """Mark the first row as a head where it names the columns and the rows below hold numbers."""
    first = [cell_text(cell) for cell in grid.cells if cell.row == 0]
    below = [cell_text(cell) for cell in grid.cells if cell.row > 0]
    if not first or not below:
        return grid
    named = sum(not is_number(text) or bool(_YEAR.match(text)) for text in first) / len(first)
    numbers = sum(map(is_number, below)) / len(below)
    if named > 0.75 and (numbers > 0.15 or len(first) >= 0.8 * grid.columns):
        cells = tuple(cell._replace(header=True) if cell.row == 0 else cell for cell in grid.cells)
        return grid._replace(cells=cells)
    return grid


def tidy(grid: Grid) -> Grid:
    """Leave out rows and columns without a word: narrow strips between double rules."""
    rows = sorted({cell.row for cell in grid.cells})
    columns = sorted({cell.column for cell in grid.cells})
    row_at = {row: number for number, row in enumerate(rows)}
    column_at = {column: number for number, column in enumerate(columns)}
    cells = tuple(
        cell._replace(
            row=row_at[cell.row],
            column=column_at[cell.column],
            row_span=max(1, sum(cell.row <= row < cell.row + cell.row_span for row in rows)),
            column_span=max(1, sum(cell.column <= column < cell.column + cell.column_span for column in columns)),
        )
        for cell in grid.cells
    )
    return Grid(len(rows), len(columns), cells)
