"""Our own Markdown of a page, written from blocks of words, with the place of every word recorded as it is written.

The rules, so that any span of the markdown leads to words and any word to its span:

- `markdown[span] == word.text`, with two exceptions: in table cells a `|` of a word is written `\\|`, and the
  bullet of a list item, whatever sign it is on paper, is written `-`.
- Words are written as they are: nothing is de-hyphenated, nothing else is escaped. The lines of a paragraph stay lines,
  because addresses and forms mean something by them; those of headings and cells are joined by a space.
- What is repeated from page to page stands between `<header>` and `</header>`, or `<footer>` and `</footer>`.
- Blocks stand a blank line apart. The first row of a table is written as its head, whether it is one or not (pipe
  tables need a head; `Cell.header` tells).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from fieldwise.model import Block, Box, Cell, Page, Table, WordColumns
from fieldwise.model.document import BlockKind, WordSource

BULLETS = frozenset("•◦▪▫‣·●○■□–—-*∙⁃➢➤✓\uf0b7\uf0a7")

_UNITS = 100_000  # of a box's fractions: a hundredth of a point on any page
_NOWHERE = (-1.0, -1.0, -1.0, -1.0)


class Placed(NamedTuple):
    """A word on the page; corners in points, origin top left, after rotation.

    A word of the text layer has no `confidence`; one that was recognized in a picture has the engine's, 0..1.
    """

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    confidence: float | None = None


Line = Sequence[Placed]


class GridCell(NamedTuple):
    """The words of one cell, line by line. `row_span` and `column_span` count the rows and columns it covers."""

    row: int
    column: int
    lines: tuple[Line, ...]
    row_span: int = 1
    column_span: int = 1
    header: bool = False
    box: tuple[float, float, float, float] | None = None


class Grid(NamedTuple):
    """A table to be written: its cells in any order; missing ones are empty."""

    rows: int
    columns: int
    cells: tuple[GridCell, ...]


class TextBlock(NamedTuple):
    kind: BlockKind
    lines: tuple[Line, ...]
    level: int | None = None


class PageWriter:
    """Write blocks one after the other, then take the `Page`."""

    def __init__(self, number: int, width: float, height: float, rotation: int = 0) -> None:
        self._number, self._rotation = number, rotation
        self._width, self._height = width, height
        self._parts: list[str] = []
        self._length = 0
        self._texts: list[str] = []
        self._corners: list[float] = []
        self._spans: list[int] = []
        self._confidences: list[float | None] = []
        self._blocks: list[Block] = []
        self._tables: list[Table] = []

    def page(self) -> Page:
        return Page(
            number=self._number,
            width=round(self._width, 3),
            height=round(self._height, 3),
            rotation=self._rotation,
            markdown="".join(self._parts),
            word_columns=self._word_columns(),
            blocks=tuple(self._blocks),
            tables=tuple(self._tables),
        )

    def _word_columns(self) -> WordColumns:
        confidences = self._confidences
        recognized = [confidence is not None for confidence in confidences]
        sources: tuple[WordSource, ...] | WordSource = "ocr" if recognized and all(recognized) else "text"
        if any(recognized) and sources == "text":
            sources = tuple("ocr" if one else "text" for one in recognized)
        return WordColumns(
            texts=tuple(self._texts),
            boxes=self._boxes(),
            spans=tuple(self._spans),
            sources=sources,
            confidences=tuple(confidences) if any(recognized) else (),
        )

    def text(self, block: TextBlock) -> None:
        """Write a heading, paragraph, list item, header, footer, caption or code block."""
        start = self._begin()
        lines = [line for line in block.lines if line]
        level = block.level
        if block.kind == "heading":
            level = min(max(level or 1, 1), 6)
            self._put("#" * level + " ")
            self._line([word for line in lines for word in line])
        elif block.kind == "list_item":
            self._list_item(lines, level or 0)
        elif block.kind == "code":
            self._put("```\n")
            self._lines(lines, "\n")
            self._put("\n```")
        elif block.kind in ("header", "footer"):
            self._put(f"<{block.kind}>")
            self._lines(lines, "\n")
            self._put(f"</{block.kind}>")
        else:
            self._lines(lines, "\n")
        self._end(block.kind, start, _around(lines), level=level)

    def table(self, grid: Grid) -> None:
        """Write a pipe table; cells come out in reading order, row by row."""
        start = self._begin()
        by_place = {(cell.row, cell.column): cell for cell in grid.cells}
        cells: list[Cell] = []
        for row in range(grid.rows):
            if row:
                self._put("\n")
            for column in range(grid.columns):
                self._put("| " if column == 0 else " | ")
                cell = by_place.get((row, column))
                if cell is not None:
                    cells.append(self._cell(cell))
            self._put(" |")
            if row == 0:
                self._put("\n|" + " --- |" * grid.columns)
        box = _around_cells(grid)
        table = Table(
            cells=tuple(cells), rows=grid.rows, columns=grid.columns, box=self._fractions(box) if box else None
        )
        self._tables.append(table)
        self._end("table", start, box, table=len(self._tables) - 1)

    def _cell(self, cell: GridCell) -> Cell:
        start = self._length
        first = len(self._texts)
        self._lines(cell.lines, " ", in_cell=True)
        box = cell.box or _around(cell.lines)
        return Cell(
            row=cell.row,
            column=cell.column,
            text=" ".join(self._texts[first:]),
            row_span=cell.row_span,
            column_span=cell.column_span,
            box=self._fractions(box) if box else None,
            span=(start, self._length) if self._length > start else None,
            header=cell.header,
        )

    def _list_item(self, lines: list[Line], level: int) -> None:
        indent = "  " * min(level, 8)
        self._put(indent)
        first = lines[0][0]
        if first.text in BULLETS:
            self._word(first, "-")
            lines = [lines[0][1:], *lines[1:]]
            if lines[0]:
                self._put(" ")
        self._lines([line for line in lines if line], "\n" + indent + "  ")

    def _lines(self, lines: Iterable[Line], between: str, *, in_cell: bool = False) -> None:
        for number, line in enumerate(lines):
            if number:
                self._put(between)
            self._line(line, in_cell=in_cell)

    def _line(self, line: Line, *, in_cell: bool = False) -> None:
        for number, word in enumerate(line):
            if number:
                self._put(" ")
            self._word(word, word.text.replace("|", "\\|") if in_cell else word.text)

    def _word(self, word: Placed, written: str) -> None:
        start = self._length
        self._length = end = start + len(written)
        self._parts.append(written)
        self._texts.append(word.text)
        self._spans += (start, end)
        self._corners += word[1:5]
        self._confidences.append(word.confidence)

    def _boxes(self) -> tuple[float, ...]:
        """Return all words' corners as fractions, flat; -1 four times for a word outside the page."""
        corners = self._corners
        boxes: list[float] = []
        for at in range(0, len(corners), 4):
            boxes += self._fractions(corners[at : at + 4]) or _NOWHERE
        return tuple(boxes)

    def _fractions(self, corners: Sequence[float]) -> Box | None:
        """Return the box as fractions, cut at the page's edges; None for what lies outside the page."""
        x0, y0, x1, y1 = corners
        width, height = self._width, self._height
        if x0 < 0.0 or y0 < 0.0 or x1 > width or y1 > height:
            if not (width > 0 and height > 0 and x0 < width and x1 > 0 and y0 < height and y1 > 0):
                return None
            x0, y0, x1, y1 = max(x0, 0.0), max(y0, 0.0), min(x1, width), min(y1, height)
        across, down = _UNITS / width, _UNITS / height
        # Faster than round() with digits, and there are four for each word.
        return (
            int(x0 * across + 0.5) / _UNITS,
            int(y0 * down + 0.5) / _UNITS,
            int((x1 - x0) * across + 0.5) / _UNITS,
            int((y1 - y0) * down + 0.5) / _UNITS,
        )

    def _begin(self) -> int:
        if self._length:
            self._put("\n\n")
        return self._length

    def _end(
        self,
        kind: BlockKind,
        start: int,
        box: tuple[float, float, float, float] | None,
        *,
        level: int | None = None,
        table: int | None = None,
    ) -> None:
        self._blocks.append(
            Block(
                kind=kind,
                span=(start, self._length),
                box=self._fractions(box) if box else None,
                level=level,
                table=table,
            )
        )

    def _put(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)


def _around_cells(grid: Grid) -> tuple[float, float, float, float] | None:
    boxes = [box for cell in grid.cells for box in (cell.box, _around(cell.lines)) if box is not None]
    if not boxes:
        return None
    x0s, y0s, x1s, y1s = zip(*boxes, strict=True)
    return min(x0s), min(y0s), max(x1s), max(y1s)


def _around(lines: Iterable[Line]) -> tuple[float, float, float, float] | None:
    words = [word for line in lines for word in line]
    if not words:
        return None
    return (
        min(word.x0 for word in words),
        min(word.y0 for word in words),
        max(word.x1 for word in words),
        max(word.y1 for word in words),
    )
