"""Pages of formats without places on paper: blocks of text and tables to Markdown, with spans and anchors, no boxes.

The rules are those of markdown.py: `markdown[span] == word.text`, but a `|` in a table's cell is written `\\|`.
Signs that we set ourselves (`#`, the `-` of an item, pipes) are no words; a number that a list shows (`3.`) is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from fieldwise.model import Block, Cell, Page, ParseIssue, Table, WordColumns
from fieldwise.model.document import BlockKind

# Nouns beyond this would take gigabytes: at 500,000 a reading process needs some 1.5 GB.
MAX_CELLS = 300_000

# What XML and JSON cannot carry or a terminal would obey; form feeds and the like are spaces.
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff\ufeff\u200b\ud800-\udfff]+")
_WORD = re.compile(r"\S+")


class FlowCell(NamedTuple):
    """A cell with its text; rows and columns count from 0. `value` is what is stored where it says more."""

    row: int
    column: int
    text: str
    row_span: int = 1
    column_span: int = 1
    header: bool = False
    anchor: str | None = None
    value: str | None = None


class Budget:
    """How many table cells a document may still have. Shared by all pages of a document."""

    def __init__(self, cells: int = MAX_CELLS) -> None:
        self.left = self._most = cells
        self._first: str | None = None
        self._exceeded = False

    def take(self, anchor: str | None) -> bool:
        if self.left > 0:
            self.left -= 1
            return True
        if not self._exceeded:
            self._exceeded, self._first = True, anchor
        return False

    @property
    def issues(self) -> list[ParseIssue]:
        if not self._exceeded:
            return []
        where = f", from {self._first} on" if self._first else ""
        return [
            ParseIssue(
                code="cells_left_out",
                message=f"After {self._most:,} table cells, the rest was left out{where}: divide the file to read it.",
            )
        ]


class FlowWriter:
    """Write blocks one after the other, then take the `Page`."""

    def __init__(self, number: int, *, anchor: str | None = None, budget: Budget | None = None) -> None:
        self._number, self._anchor = number, anchor
        self._budget = budget or Budget()
        self._parts: list[str] = []
        self._length = 0
        self._texts: list[str] = []
        self._spans: list[int] = []
        self._blocks: list[Block] = []
        self._tables: list[Table] = []

    @property
    def empty(self) -> bool:
        return not self._blocks

    def page(self) -> Page:
        return Page(
            number=self._number,
            markdown="".join(self._parts),
            word_columns=WordColumns(texts=tuple(self._texts), spans=tuple(self._spans)),
            blocks=tuple(self._blocks),
            tables=tuple(self._tables),
            anchor=self._anchor,
        )

    def text(
        self, kind: BlockKind, text: str, *, level: int | None = None, label: str = "", anchor: str | None = None
    ) -> None:
        """Write a block of any kind but a table; text without a word is none. `label` is a list's number (`3.`)."""
        lines = [line for line in _CONTROLS.sub("", text).splitlines() if line.strip()]
        if not lines:
            return
        start = self._begin()
        if kind == "heading":
            level = min(max(level or 1, 1), 6)
            self._put("#" * level + " ")
            self._line(" ".join([label, *lines]))
        elif kind == "list_item":
            level = level or 0
            indent = "  " * min(level, 8)
            self._put(indent if label else indent + "- ")
            self._line(f"{label} {lines[0]}")
            self._lines(lines[1:], "\n" + indent + "  ")
        elif kind in ("header", "footer"):
            self._put(f"<{kind}>")
            self._line(f"{label} {lines[0]}")
            self._lines(lines[1:], "\n")
            self._put(f"</{kind}>")
        elif kind == "code":
            self._put("```")
            for line in _CONTROLS.sub("", text).splitlines():
                self._put("\n")
                self._verbatim(line)
            self._put("\n```")
        else:
            self._line(f"{label} {lines[0]}")
            self._lines(lines[1:], "\n")
        self._blocks.append(Block(kind=kind, span=(start, self._length), level=level, anchor=anchor))

    def table(self, cells: Iterable[FlowCell], *, anchor: str | None = None) -> None:
        """Write a pipe table; rows that no cell stands in are not written. Cells beyond the budget are left out."""
        by_row: dict[int, list[FlowCell]] = {}
        columns = 0
        for cell in cells:
            if not self._budget.take(cell.anchor or anchor):
                break
            by_row.setdefault(cell.row, []).append(cell)
            columns = max(columns, cell.column + cell.column_span)
        if not any(cell.text.strip() for row in by_row.values() for cell in row):
            return
        start = self._begin()
        written: list[Cell] = []
        for number, row in enumerate(sorted(by_row)):
            if number:
                self._put("\n")
            column = 0
            for cell in sorted(by_row[row], key=lambda cell: cell.column):
                self._put("| " + "| " * (cell.column - column))
                written.append(self._cell(cell, number))
                self._put(" ")
                column = cell.column + 1
            self._put("| " * (columns - column) + "|")
            if number == 0:
                self._put("\n|" + " --- |" * columns)
        self._tables.append(Table(cells=tuple(written), rows=len(by_row), columns=columns))
        self._blocks.append(Block(kind="table", span=(start, self._length), table=len(self._tables) - 1, anchor=anchor))

    def _cell(self, cell: FlowCell, row: int) -> Cell:
        start, first = self._length, len(self._texts)
        self._line(_CONTROLS.sub("", cell.text), in_cell=True)
        return Cell(
            row=row,
            column=cell.column,
            text=" ".join(self._texts[first:]),
            row_span=cell.row_span,
            column_span=cell.column_span,
            span=(start, self._length) if self._length > start else None,
            header=cell.header,
            anchor=cell.anchor,
            value=cell.value,
        )

    def _lines(self, lines: Iterable[str], before: str) -> None:
        for line in lines:
            self._put(before)
            self._line(line)

    def _line(self, line: str, *, in_cell: bool = False) -> None:
        for number, word in enumerate(line.split()):
            if number:
                self._put(" ")
            self._word(word, word.replace("|", "\\|") if in_cell else word)

    def _verbatim(self, line: str) -> None:
        """Write a line with its spaces."""
        at = 0
        for match in _WORD.finditer(line):
            self._put(line[at : match.start()])
            self._word(match[0], match[0])
            at = match.end()

    def _word(self, word: str, written: str) -> None:
        start = self._length
        self._put(written)
        self._texts.append(word)
        self._spans += (start, self._length)

    def _begin(self) -> int:
        if self._length:
            self._put("\n\n")
        return self._length

    def _put(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)
