"""A sheet of a workbook to a page: what stands together becomes a table, with the address of each cell as its anchor.

Blank rows part tables; rows and columns that are blank all through are not written. A row of one cell above a table is
a title, not a part of it. Rows that go on after a blank one, in the same columns and without a head, are of one table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from fieldwise.model import ParseIssue

from .flow import FlowCell, FlowWriter

Place = tuple[int, int]

_PLAIN_NAME = re.compile(r"[^\W\d]\w*$")
_NAMED = 12


@dataclass(slots=True)
class SheetCell:
    """`number` is True for numbers, dates and times: a row of them is no head."""

    text: str
    value: str | None = None
    number: bool = False


@dataclass
class Sheet:
    """A sheet as it was read; rows and columns count from 0. `merges` maps top left cells to (rows, columns)."""

    name: str
    cells: dict[Place, SheetCell] = field(default_factory=dict)
    merges: dict[Place, tuple[int, int]] = field(default_factory=dict)
    hidden: bool = False
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    comments: list[tuple[Place, str, str]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    header: str = ""
    footer: str = ""
    uncomputed: list[Place] = field(default_factory=list)

    def anchor(self, place: Place) -> str:
        """Return the address, as formulas write it: `Prices!B4`, `'Price list'!B4`; `B4` in a sheet without a name."""
        if not self.name:
            return address(place)
        name = self.name if _PLAIN_NAME.match(self.name) else "'" + self.name.replace("'", "''") + "'"
        return f"{name}!{address(place)}"


def address(place: Place) -> str:
    row, column = place
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return f"{letters}{row + 1}"


def place_of(text: str) -> Place | None:
    """Return row and column of an address (`B4`, `$B$4`), None for what is none."""
    match = re.fullmatch(r"\$?([A-Za-z]{1,3})\$?(\d{1,7})", text)
    if match is None:
        return None
    column = 0
    for letter in match[1].upper():
        column = column * 26 + ord(letter) - ord("A") + 1
    return int(match[2]) - 1, column - 1


def write_sheet(writer: FlowWriter, sheet: Sheet) -> None:
    """Write header, titles and tables, floating texts, comments and footer of a sheet."""
    writer.text("header", sheet.header, anchor="header")
    rows: dict[int, list[int]] = {}
    for row, column in sorted(place for place, cell in sheet.cells.items() if cell.text.strip()):
        rows.setdefault(row, []).append(column)
    for segment in _segments(sheet, rows):
        titles, body = _titles(sheet, segment, rows)
        for row in titles:
            place = (row, rows[row][0])
            writer.text("paragraph", sheet.cells[place].text, anchor=sheet.anchor(place))
        if body:
            writer.table(_table(sheet, body, rows), anchor=sheet.anchor((body[0], min(rows[body[0]]))))
    for text in sheet.texts:
        writer.text("paragraph", text, anchor=f"{sheet.name} drawing")
    for place, author, text in sheet.comments:
        writer.text(
            "paragraph", text, label=f"Comment by {author}:" if author else "Comment:", anchor=sheet.anchor(place)
        )
    writer.text("footer", sheet.footer, anchor="footer")


def sheet_issues(sheet: Sheet, page: int) -> Iterator[ParseIssue]:
    """Yield what a reader of the page must know about hidden content and about formulas without a value."""
    hidden = []
    if sheet.hidden:
        hidden.append(f"sheet {sheet.name}")
    rows = {row for row, _ in sheet.cells} & sheet.hidden_rows
    columns = {column for _, column in sheet.cells} & sheet.hidden_columns
    if rows:
        hidden.append(f"{sheet.name}: rows {_ranges([row + 1 for row in sorted(rows)])}")
    if columns:
        names = [address((0, column))[:-1] for column in sorted(columns)]
        hidden.append(f"{sheet.name}: columns {', '.join(names[:_NAMED])}{', …' if len(names) > _NAMED else ''}")
    if hidden:
        yield ParseIssue(
            code="hidden_content",
            lost=False,
            message=f"Hidden in the file, and read all the same: {'; '.join(hidden)}.",
            page=page,
        )
    if sheet.uncomputed:
        places = ", ".join(address(place) for place in sheet.uncomputed[:_NAMED])
        more = f" and {len(sheet.uncomputed) - _NAMED:,} more" if len(sheet.uncomputed) > _NAMED else ""
        yield ParseIssue(
            code="formula_without_value",
            message=f"{sheet.name}: the file holds no value for the formulas in {places}{more}; they are shown as "
            "formulas. Open it in a spreadsheet program and save it, to have them computed.",
            page=page,
        )


def _ranges(numbers: list[int]) -> str:
    groups: list[list[int]] = []
    for number in numbers:
        if groups and number == groups[-1][1] + 1:
            groups[-1][1] = number
        else:
            groups.append([number, number])
    texts = [str(a) if a == b else f"{a}-{b}" for a, b in groups]
    return ", ".join(texts[:_NAMED]) + (", …" if len(texts) > _NAMED else "")


def _segments(sheet: Sheet, rows: dict[int, list[int]]) -> list[list[int]]:
    """Part the rows at blank ones; what goes on without a head of its own is joined to what stands before."""
    segments: list[list[int]] = []
    covered = {row + down for (row, _), (tall, _) in sheet.merges.items() for down in range(1, min(tall, 10_000))}
    order = sorted(rows)
    for above, row in pairwise([-2, *order]):
        gap = range(above + 1, row)
        last = segments[-1] if segments else []
        merged = all(between in covered for between in gap)
        if last and (merged or (len(last) > 2 and _goes_on(sheet, last, row, rows))):
            last.append(row)
        else:
            segments.append([row])
    return segments


def _goes_on(sheet: Sheet, segment: list[int], row: int, rows: dict[int, list[int]]) -> bool:
    last = segment[-1]
    return (
        len(rows[row]) > 2
        and rows[row] == rows[last]
        and any(sheet.cells[(row, column)].number for column in rows[row])
        and all(sheet.cells[(row, c)].number == sheet.cells[(last, c)].number for c in rows[row])
    )


def _titles(sheet: Sheet, segment: list[int], rows: dict[int, list[int]]) -> tuple[list[int], list[int]]:
    """Divide a segment into leading rows of a single text, and the table below."""
    width = max(len(rows[row]) for row in segment)
    count = 0
    while count < len(segment) and len(rows[segment[count]]) == 1:
        if (
            width == 1
            and len(segment) > 1
            and count == 0
            and any(sheet.cells[(row, rows[row][0])].number for row in segment)
        ):
            break  # a column of figures under its name is a table of one column
        count += 1
    return segment[:count], segment[count:]


def _table(sheet: Sheet, body: list[int], rows: dict[int, list[int]]) -> Iterator[FlowCell]:
    columns = sorted({column for row in body for column in rows[row]})
    column_at = {column: number for number, column in enumerate(columns)}
    row_at = {row: number for number, row in enumerate(body)}
    header = _has_header(sheet, body, rows)
    for row in body:
        for column in rows[row]:
            cell = sheet.cells[(row, column)]
            tall, wide = sheet.merges.get((row, column), (1, 1))
            yield FlowCell(
                row_at[row],
                column_at[column],
                cell.text,
                max(1, sum(1 for other in range(row, row + min(tall, 10_000)) if other in row_at)),
                max(1, sum(1 for other in range(column, column + min(wide, 10_000)) if other in column_at)),
                header and row == body[0],
                sheet.anchor((row, column)),
                cell.value,
            )


def _has_header(sheet: Sheet, body: list[int], rows: dict[int, list[int]]) -> bool:
    """Say whether the first row names columns: text only, as wide as what follows, with figures somewhere below."""
    first = [sheet.cells[(body[0], column)] for column in rows[body[0]]]
    below = body[1:]
    if not below or any(cell.number for cell in first):
        return False
    widest = max(len(rows[row]) for row in body)
    if len(first) < 0.6 * widest or len(first) < 2:
        return False
    return len(first) > 2 or all(sheet.cells[(row, rows[row][-1])].number for row in below[:50])
