"""Document: one file's content, named by its sha256, immutable.

Pages count from 1. Boxes are `(x, y, w, h)` as fractions of the page (0..1), origin top left, after rotation.
Spans are `(start, end)` offsets into the page's own markdown.
Formats without places on paper have anchors instead of boxes: `Prices!B4`, `slide 3`, `paragraph 12`.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from functools import cached_property
from typing import ClassVar, Literal, NamedTuple

from pydantic import Field, model_validator

from fieldwise.errors import ParseError

from .base import Frozen
from .page_image import ImageFormat, PageImage, ShowsPages

Box = tuple[float, float, float, float]
Span = tuple[int, int]
WordSource = Literal["text", "ocr"]
BlockKind = Literal["heading", "paragraph", "list_item", "table", "header", "footer", "caption", "code"]

PAGE_BREAK = "\n\n"

# Pipes stand apart so that the cells of a Markdown table are words of their own.
WRITTEN_WORD = re.compile(r"[^\s|]+")


class Word(NamedTuple):
    """One word as the text layer (or OCR) has it. `span` is None where the markdown does not show the word."""

    text: str
    box: Box | None
    span: Span | None
    source: WordSource = "text"
    confidence: float | None = None


class WordColumns(Frozen):
    """A page's words, column by column: 100,000 words validate and load in milliseconds this way.

    `boxes` and `spans` are flat (4 and 2 numbers a word); a word without a box has -1 four times, without a span -1, -1
    (not NaN, which JSON cannot carry).
    `confidences` is empty for a page whose words all come from the text layer.
    """

    texts: tuple[str, ...] = ()
    boxes: tuple[float, ...] = Field(default=(), description="x, y, w, h of each word in turn")
    spans: tuple[int, ...] = ()
    sources: tuple[WordSource, ...] | WordSource = "text"
    confidences: tuple[float | None, ...] = ()

    @model_validator(mode="after")
    def _lengths_agree(self) -> WordColumns:
        n = len(self.texts)
        if len(self.boxes) not in (0, 4 * n) or len(self.spans) not in (0, 2 * n):
            raise ValueError("boxes and spans must have 4 and 2 numbers for each word")
        if isinstance(self.sources, tuple) and len(self.sources) != n:
            raise ValueError("sources must be one for all words, or one for each")
        if self.confidences and len(self.confidences) != n:
            raise ValueError("confidences must be one for each word")
        return self


class Cell(Frozen):
    """One table cell; rows and columns count from 0. `span` is its text's place in the page's markdown.

    `text` is what a reader sees; `value` is what is stored, where that says more (33.333333 shown as 33.33).
    """

    row: int
    column: int
    text: str
    row_span: int = 1
    column_span: int = 1
    box: Box | None = None
    span: Span | None = None
    header: bool = False
    anchor: str | None = None
    value: str | None = None


class Table(Frozen):
    """A table of one page; `continues` names the (page, table index) whose rows go on here."""

    cells: tuple[Cell, ...] = ()
    rows: int = 0
    columns: int = 0
    box: Box | None = None
    continues: tuple[int, int] | None = None


class Block(Frozen):
    """A paragraph, heading, table ... in reading order. `level` is a heading's depth; `table` indexes `Page.tables`."""

    kind: BlockKind
    span: Span
    box: Box | None = None
    level: int | None = None
    table: int | None = None
    anchor: str | None = None


class ParseIssue(Frozen):
    """Something the parser could not do, or a limit that cut the document. `page` is None for the whole document.

    `lost` is False where nothing that a reader sees as text is missing: hidden rows that were read all the same.
    """

    code: str
    message: str
    page: int | None = None
    lost: bool = True


class Page(Frozen):
    """One page. `width` and `height` are points (1/72 inch) after rotation, or 0 where the format has no pages.

    Without `word_columns` (formats that are text already) the words are the runs of the markdown between white space
    and pipes, found when asked for: 50 MB of text would otherwise be 8 million words to carry and to store.
    `anchor` says what this page is in a format without pages: a sheet, a slide, an attachment.
    `rotation` is by how many degrees clockwise the page was turned from how its file shows it, to stand upright.
    """

    # Who can draw the page. No part of the value: not stored, not compared, kept by copies.
    _shown_by: ClassVar[ShowsPages | None] = None

    number: int = Field(ge=1)
    width: float = 0.0
    height: float = 0.0
    rotation: int = 0
    markdown: str = ""
    word_columns: WordColumns | None = None
    blocks: tuple[Block, ...] = ()
    tables: tuple[Table, ...] = ()
    anchor: str | None = None

    @cached_property
    def words(self) -> tuple[Word, ...]:
        """The page's words in reading order."""
        c = self.word_columns
        if c is None:
            return tuple(Word(m[0], None, m.span()) for m in WRITTEN_WORD.finditer(self.markdown))
        n = len(c.texts)
        boxes: list[Box | None] = [None] * n
        if c.boxes:
            xs, ys, ws, hs = c.boxes[0::4], c.boxes[1::4], c.boxes[2::4], c.boxes[3::4]
            boxes = [None if w < 0 else (x, y, w, h) for x, y, w, h in zip(xs, ys, ws, hs, strict=True)]
        spans: list[Span | None] = [None] * n
        if c.spans:
            spans = [None if a < 0 else (a, b) for a, b in zip(c.spans[0::2], c.spans[1::2], strict=True)]
        sources = c.sources if isinstance(c.sources, tuple) else (c.sources,) * n
        confidences = c.confidences or (None,) * n
        return tuple(map(Word, c.texts, boxes, spans, sources, confidences))

    def shows_by(self, pictures: ShowsPages) -> None:
        """Take who draws this page from now on."""
        object.__setattr__(self, "_shown_by", pictures)

    def image(self, width: int = 900, *, format: ImageFormat = "png", highlight: Iterable[Box] = ()) -> PageImage:
        """Return the page as a picture of this width in pixels (at most 4,096), with these boxes outlined.

        Raises ParseError where the file is not there any more, has changed, or has no pages to look at.
        """
        if self._shown_by is None:
            raise ParseError(
                f"Page {self.number} cannot be shown: its document came without its file.",
                next_step="Parse the file again.",
                page=self.number,
            )
        return self._shown_by.image(self, width, format, tuple(highlight))

    @property
    def word_count(self) -> int:
        if self.word_columns is None:
            return sum(1 for _ in WRITTEN_WORD.finditer(self.markdown))
        return len(self.word_columns.texts)

    def words_between(self, start: int, end: int) -> tuple[Word, ...]:
        """Return the words whose spans touch `markdown[start:end]`, in the markdown's order."""
        starts, ends, shown = self._words_by_place
        return shown[bisect_right(ends, start) : bisect_left(starts, end)]

    def anchor_at(self, position: int) -> str | None:
        """Return the anchor of the cell, else the block, else the page that `markdown[position]` belongs to."""
        starts, found = self._anchors
        at = bisect_right(starts, position) - 1
        return (found[at][1] if at >= 0 and position < found[at][0] else None) or self.anchor

    @cached_property
    def _anchors(self) -> tuple[list[int], list[tuple[int, str | None]]]:
        """Starts of stretches without overlap, and each one's end and anchor: a table's cells stand for its block."""
        stretches: list[tuple[int, int, str | None]] = []
        for block in self.blocks:
            cells = self.tables[block.table].cells if block.table is not None else ()
            anchored = [(*cell.span, cell.anchor) for cell in cells if cell.span is not None and cell.anchor]
            stretches += anchored or [(*block.span, block.anchor)]
        stretches.sort(key=lambda stretch: stretch[0])
        return [start for start, _, _ in stretches], [(end, anchor) for _, end, anchor in stretches]

    @cached_property
    def _words_by_place(self) -> tuple[list[int], list[int], tuple[Word, ...]]:
        placed = sorted((word.span, i) for i, word in enumerate(self.words) if word.span is not None)
        starts = [span[0] for span, _ in placed]
        ends = [span[1] for span, _ in placed]
        return starts, ends, tuple(self.words[i] for _, i in placed)


class Document(Frozen):
    """A parsed file. `id` is the sha256 of the file's bytes in hex; `parser` is the parser's name and version.

    The same file read by another parser, or by another version of it, is another Document with the same `id`.
    """

    id: str = Field(pattern=r"^[0-9a-f]{64}$")
    media_type: str
    name: str = ""
    parser: str
    pages: tuple[Page, ...]
    issues: tuple[ParseIssue, ...] = ()

    @cached_property
    def markdown(self) -> str:
        """All pages' markdown, in order, joined by a blank line."""
        return PAGE_BREAK.join(page.markdown for page in self.pages)

    @property
    def tables(self) -> tuple[Table, ...]:
        return tuple(table for page in self.pages for table in page.tables)

    @property
    def word_count(self) -> int:
        return sum(page.word_count for page in self.pages)

    def page(self, number: int) -> Page:
        """Return the page with this number, counted from 1. Raises IndexError outside the document."""
        if not 1 <= number <= len(self.pages):
            raise IndexError(f"page {number} of a document of {len(self.pages)}")
        return self.pages[number - 1]
