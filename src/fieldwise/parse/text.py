"""Markdown and plain text to pages. The text is its own markdown: spans are places in it, and there are no boxes.

Pages end at form feeds. What stands between two form feeds is cut at block borders into pages of at most
`PAGE_CHARACTERS`; a single block longer than that is cut at the border of a line (a table at a row, and the next
page's table says that it continues), and only a line longer than that within the line, at a space where there is one.
Such pages are our own and do not count against `max_pages`; pages made by form feeds do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fieldwise.errors import ParseLimit
from fieldwise.model import Block, Cell, Page, ParseIssue, Table

from .detect import media_type_of_text
from .written import Piece, markdown_pieces, plain_pieces, table_rows

# Some 5,000 tokens: several such pages fit a small model's context, and a citation's page is not half the book.
PAGE_CHARACTERS = 20_000

# Nouns beyond these would take gigabytes; the text itself is kept whole.
MAX_BLOCKS = 1_000_000
MAX_CELLS = 500_000

_NEWLINES = re.compile("\r\n?|\x85|\u2028|\u2029")


def read_text(
    data: bytes, encoding: str, *, max_pages: int, path: str
) -> Iterator[tuple[str, int | None] | Page | ParseIssue]:
    """Yield the media type, then pages, then issues. Raises ParseLimit for more than `max_pages` form feeds."""
    text, issues = decode(data, encoding)
    parts = text.split("\f")
    while len(parts) > 1 and not parts[-1].strip():  # a form feed ends a page; the last one starts none
        parts.pop()
    if len(parts) > max_pages:
        raise ParseLimit(
            f"{path} has {len(parts):,} pages (form feeds); the limit is {max_pages:,}.",
            next_step=f"Split it, or raise the setting max_pages (FIELDWISE_MAX_PAGES={len(parts)}).",
            path=path,
            pages=len(parts),
            limit="max_pages",
        )
    media_type = media_type_of_text(text)
    yield media_type, None
    pieces_of = markdown_pieces if media_type == "text/markdown" else plain_pieces
    paginator = _Paginator()
    for part in parts:
        yield from paginator.pages(part, pieces_of(part))
    yield from issues
    yield from paginator.issues


def decode(data: bytes, encoding: str) -> tuple[str, list[ParseIssue]]:
    """Return the text with `\n` at its line ends, and what was not certain about its encoding."""
    issues = []
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode(encoding, errors="replace")
        issues.append(
            ParseIssue(
                code="encoding_damaged",
                message=f"Parts of the text are not valid {encoding.upper()}; they are shown as \ufffd.",
            )
        )
    if encoding == "cp1252":
        issues.append(
            ParseIssue(
                code="encoding_guessed",
                message="The text is neither UTF-8 nor UTF-16, so it was read as Windows-1252: "
                "check accents and signs, or save it as UTF-8.",
            )
        )
    return _NEWLINES.sub("\n", text).replace("\x00", "\ufffd"), issues


class _Paginator:
    """Fills pages with pieces; numbers run through all parts of the document."""

    def __init__(self) -> None:
        self._number = 0
        self._blocks = 0
        self._cells = 0
        self._last_tables = 0
        self._left_out: set[str] = set()

    @property
    def issues(self) -> list[ParseIssue]:
        issues = []
        if "blocks" in self._left_out:
            issues.append(
                ParseIssue(
                    code="blocks_left_out",
                    message=f"After {MAX_BLOCKS:,} blocks, the rest of the text is kept without its structure.",
                )
            )
        if "cells" in self._left_out:
            issues.append(
                ParseIssue(
                    code="tables_left_out",
                    message=f"After {MAX_CELLS:,} table cells, further tables are kept as text only.",
                )
            )
        return issues

    def pages(self, text: str, pieces: Iterator[Piece]) -> Iterator[Page]:
        """Yield the pages of one part, at least one."""
        waiting: list[Piece] = []
        empty = True
        for piece in pieces:
            for part in _cut(text, piece):
                if waiting and part.end - waiting[0].start > PAGE_CHARACTERS:
                    yield self._page(text, waiting)
                    waiting, empty = [], False
                waiting.append(part)
        if waiting or empty:
            yield self._page(text, waiting)

    def _page(self, text: str, pieces: list[Piece]) -> Page:
        self._number += 1
        if not pieces:
            return Page(number=self._number)
        first, last = pieces[0].start, pieces[-1].end
        blocks: list[Block] = []
        tables: list[Table] = []
        for piece in pieces:
            if piece.kind is None:
                continue
            if self._blocks >= MAX_BLOCKS:
                self._left_out.add("blocks")
                break
            self._blocks += 1
            index = None
            if piece.kind == "table" and (table := self._table(text, piece, first)) is not None:
                index = len(tables)
                tables.append(table)
            blocks.append(
                Block(kind=piece.kind, span=(piece.start - first, piece.end - first), level=piece.level, table=index)
            )
        self._last_tables = len(tables)
        return Page(number=self._number, markdown=text[first:last], blocks=tuple(blocks), tables=tuple(tables))

    def _table(self, text: str, piece: Piece, first: int) -> Table | None:
        if self._cells >= MAX_CELLS:
            self._left_out.add("cells")
            return None
        rows = table_rows(text, piece)
        self._cells += sum(map(len, rows))
        cells = tuple(
            Cell(
                row=number,
                column=column,
                text=cell,
                span=(start - first, end - first) if end > start else None,
                header=number == 0 and not piece.continued,
            )
            for number, row in enumerate(rows)
            for column, (cell, start, end) in enumerate(row)
        )
        continues = (self._number - 1, self._last_tables - 1) if piece.continued and self._last_tables else None
        return Table(cells=cells, rows=len(rows), columns=max(map(len, rows), default=0), continues=continues)


def _cut(text: str, piece: Piece) -> Iterator[Piece]:
    """Divide a piece that is longer than a page."""
    if piece.end - piece.start <= PAGE_CHARACTERS:
        yield piece
        return
    start, continued = piece.start, False
    while start < piece.end:
        end = _border(text, start, piece.end)
        yield piece._replace(start=start, end=end, continued=continued)
        continued = True
        start = end
        while start < piece.end and text[start].isspace():
            start += 1


def _border(text: str, start: int, end: int) -> int:
    if end - start <= PAGE_CHARACTERS:
        return end
    limit = start + PAGE_CHARACTERS
    at = text.rfind("\n", start + 1, limit + 1)
    if at < 0:
        at = text.rfind(" ", start + 1, limit + 1)
    return at if at > 0 else limit
