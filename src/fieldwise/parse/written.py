"""The blocks of a text by its lines: headings, list items, pipe tables, code and paragraphs, with their places.

A reading of Markdown by lines, not a whole CommonMark parser: it names what stands where, 50 MB in seconds, and never
changes the text. What it does not know is a paragraph; every character that is not white space is in some piece.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from fieldwise.model.document import BlockKind

# Text of a cell without its escapes, and the start and end of what is written.
TableCell = tuple[str, int, int]
TableRow = tuple[TableCell, ...]


class Piece(NamedTuple):
    """`text[start:end]` is one block; a `kind` of None is text without meaning of its own, such as a rule."""

    kind: BlockKind | None
    start: int
    end: int
    level: int | None = None
    continued: bool = False


_PARAGRAPH = re.compile(r"[^\S\n]*\S[^\n]*(?:\n[^\S\n]*\S[^\n]*)*")

_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]|$)")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_RULE = re.compile(r" {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})([^`]*)$")
_ITEM = re.compile(r"([ \t]*)(?:[-*+]|\d{1,9}[.)])(?:[ \t]+\S|[ \t]*$)")
_TABLE_RULE = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_CELL_BORDER = re.compile(r"(?<!\\)\|")


def plain_pieces(text: str) -> Iterator[Piece]:
    """Yield the paragraphs: lines between blank ones."""
    for match in _PARAGRAPH.finditer(text):
        yield Piece("paragraph", match.start(), match.end())


def markdown_pieces(text: str) -> Iterator[Piece]:
    """Yield the blocks of Markdown."""
    return _Scanner(text).pieces()


class _Scanner:
    """Goes through the lines once, with one line of looking ahead."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def pieces(self) -> Iterator[Piece]:
        start = end = -1  # of the paragraph or list item that is being gathered
        kind: BlockKind = "paragraph"
        level: int | None = None
        one_line = True
        while (line := self._next()) is not None:
            first, last = line
            written = self._text[first:last]
            if start >= 0:
                underline = _UNDERLINE.match(written) if one_line and kind == "paragraph" else None
                if underline is not None:
                    yield Piece("heading", start, last, 1 if underline[1][0] == "=" else 2)
                    start = -1
                    continue
                if not written or written.isspace() or self._interrupts(written, first, last):
                    yield Piece(kind, start, end, level)
                    start = -1
                else:
                    end, one_line = last, False
                    continue
            if not written or written.isspace():
                continue
            heading = _HEADING.match(written)
            if heading is not None:
                yield Piece("heading", first, last, len(heading[1]))
            elif (fence := _FENCE.match(written)) is not None:
                yield Piece("code", first, self._closing(fence[1], last))
            elif _RULE.match(written):
                yield Piece(None, first, last)
            elif self._starts_table(written):
                yield self._table(first, last)
            else:
                item = _ITEM.match(written)
                kind = "list_item" if item else "paragraph"
                level = len(item[1].expandtabs(4)) // 2 if item else None
                start, end, one_line = first, last, True
        if start >= 0:
            yield Piece(kind, start, end, level)

    def _next(self) -> tuple[int, int] | None:
        if self._at >= len(self._text):
            return None
        first, last = self._at, self._line_end(self._at)
        self._at = last + 1
        return first, last

    def _line_end(self, start: int) -> int:
        end = self._text.find("\n", start)
        return end if end >= 0 else len(self._text)

    def _interrupts(self, written: str, first: int, last: int) -> bool:
        """Whether this line ends the paragraph before it."""
        sign = written.lstrip()[:1]
        if sign in "#`~*_-+|0123456789":
            return bool(
                _HEADING.match(written)
                or _FENCE.match(written)
                or _RULE.match(written)
                or _ITEM.match(written)
                or self._starts_table(written)
            )
        return "|" in written and self._starts_table(written)

    def _starts_table(self, written: str) -> bool:
        """A table is a line with a pipe over a rule of as many columns."""
        if "|" not in written or self._at >= len(self._text):
            return False
        below = self._text[self._at : self._line_end(self._at)]
        return (
            "-" in below and _TABLE_RULE.match(below) is not None and len(_cells(written, 0)) == len(_cells(below, 0))
        )

    def _table(self, first: int, last: int) -> Piece:
        rule = self._next()
        last = rule[1] if rule is not None else last
        while (line := self._next()) is not None:
            if self._text.find("|", *line) < 0:
                self._at = line[0]
                break
            last = line[1]
        return Piece("table", first, last)

    def _closing(self, fence: str, last: int) -> int:
        """Return the end of the code block: its closing fence, or the end of the text."""
        end = last
        while (line := self._next()) is not None:
            end = line[1]
            written = self._text[line[0] : line[1]].strip()
            if written.startswith(fence) and not written.strip(fence[0]):
                return end
        return end


def table_rows(text: str, piece: Piece) -> list[TableRow]:
    """Return the rows of a table, or of a part of it, without the rule under the head."""
    rows = []
    at = piece.start
    rule_at = 0 if piece.continued else 1
    for number, line in enumerate(text[piece.start : piece.end].split("\n")):
        if line.strip() and not (number == rule_at and _TABLE_RULE.match(line)):
            rows.append(_cells(line, at))
        at += len(line) + 1
    return rows


def _cells(written: str, offset: int) -> TableRow:
    """Divide a row at its pipes; those at its ends only frame it."""
    body = written.strip()
    start = offset + written.find(body) if body else offset
    borders = [match.start() for match in _CELL_BORDER.finditer(body)]
    if borders and borders[0] == 0:
        borders = borders[1:]
        position = 1
    else:
        position = 0
    stop = len(body)
    if borders and borders[-1] == len(body) - 1:
        stop = borders.pop()
    cells: list[TableCell] = []
    for border in (*borders, stop):
        inner = body[position:border]
        text = inner.strip()
        at = start + position + (len(inner) - len(inner.lstrip()) if text else 0)
        cells.append((text.replace("\\|", "|"), at, at + len(text)))
        position = border + 1
    return tuple(cells)
