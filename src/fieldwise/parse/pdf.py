"""PDF with a text layer, by liteparse, checked against PDFium itself. Runs in the reading process only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fieldwise.errors import DamagedDocument, EncryptedDocument, ParseError, ParseLimit
from fieldwise.model import Page, ParseIssue
from fieldwise.model.document import BlockKind

from .compose import Composer, Found
from .layout import Region
from .lines import Corners, Run, around
from .markdown import Placed
from .rulings import Edges
from .scans import Scans
from .textlayer import TextLayer

# Pages held at once. Headings are told by the type sizes of the whole batch, so small batches would tell them worse.
_BATCH = 100

_KINDS: dict[str, BlockKind] = {
    "heading": "heading",
    "paragraph": "paragraph",
    "list_item": "list_item",
    "code": "paragraph",  # liteparse takes any monospaced or spaced-out text for code; a fence would hide what it is
    "grid_fallback": "paragraph",
    "table": "table",
}

# Control characters, line and paragraph separators, and the marks PDFium leaves where it took a hyphen away.
_UNWRITABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff\ufeff]+")


def read_pdf(
    data: bytes, *, max_pages: int, path: str, scans: Scans
) -> Iterator[tuple[str, int | None] | Page | ParseIssue]:
    """Yield `("application/pdf", pages)`, then each page, and issues with pages that could not be read whole.

    Raises EncryptedDocument, DamagedDocument, or ParseLimit for more than `max_pages` pages.
    """
    from liteparse import LiteParse
    from liteparse import ParseError as Refused

    parser = LiteParse(
        output_format="markdown",
        ocr_enabled=False,
        quiet=True,
        emit_word_boxes=True,
        extract_blocks=True,
        keep_headers_footers=True,
        image_mode="off",
        extract_links=False,
        extract_vector_graphics=True,
        continue_on_page_error=True,
        max_pages=max_pages,
    )
    pages = _Pages(data, scans)
    opened = False
    try:
        for batch in parser.parse_batches(data, _BATCH):
            # liteparse would silently stop at its own limit of pages.
            if batch.total_pages > max_pages:
                raise _too_long(path, batch.total_pages, max_pages)
            if not opened:
                yield "application/pdf", batch.total_pages
                opened = True
            yield from pages.of(batch)
    except Refused as error:
        raise _refusal(str(error), path) from None
    finally:
        pages.close()
    if not opened:
        raise _refusal("it has no pages", path)


def _too_long(path: str, pages: int, max_pages: int) -> ParseLimit:
    return ParseLimit(
        f"{path} has {pages:,} pages; the limit is {max_pages:,}.",
        next_step=f"Split it, or raise the setting max_pages (FIELDWISE_MAX_PAGES={pages}).",
        path=path,
        pages=pages,
        limit="max_pages",
    )


class _Pages:
    """Makes the pages of one file from what liteparse and PDFium read."""

    def __init__(self, data: bytes, scans: Scans) -> None:
        self._scans = scans
        self._composer = Composer()
        self._data = data
        self._layer: TextLayer | None = None

    def close(self) -> None:
        self._scans.close()
        if self._layer is not None:
            self._layer.close()

    def of(self, batch: Any) -> Iterator[Page | ParseIssue]:
        """Yield the pages from `start_page` to `end_page`, also those that could not be read, as empty ones."""
        failed = {error.page_num: error.message for error in batch.result.page_errors}
        read = {page.page_num: page for page in batch.result.pages}
        unchecked: dict[int, str] = {}
        found = [
            self._scans.better(self._found(read[number], unchecked)) if number in read else Found(number, 0, 0, ())
            for number in range(batch.start_page, batch.end_page + 1)
        ]
        for page in self._composer.pages(found):
            yield self._scans.settled(page)
            if page.number not in read or page.number in failed:
                reason = failed.get(page.number, "no reason given")
                message = f"Page {page.number} could not be read: {reason}."
                yield ParseIssue(code="page_damaged", message=message, page=page.number)
            elif page.number in unchecked:
                message = f"Page {page.number} was read only once; words may be missing: {unchecked[page.number]}."
                yield ParseIssue(code="page_unchecked", message=message, page=page.number)
            elif (issue := self._scans.issue(page.number)) is not None:
                yield issue

    def _found(self, read: Any, unchecked: dict[int, str]) -> Found:
        runs = [run for item in read.text_items if (run := _run(item)).words]
        try:
            if self._layer is None:
                self._layer = TextLayer(self._data)
            runs = self._layer.completed(read.page_num, runs, read.width, read.height)
        except RuntimeError as error:  # PdfiumError is one
            unchecked[read.page_num] = str(error)
        return Found(
            number=read.page_num,
            width=read.width,
            height=read.height,
            runs=runs,
            regions=[region for block in read.blocks or () if (region := _region(block)) is not None],
            edges=_edges(read.vector_graphics),
        )


def _edges(graphics: Any) -> Edges:
    lines = graphics.lines if graphics is not None else ()
    return Edges(
        tuple((line.y1, line.x1, line.x2) for line in lines if abs(line.y1 - line.y2) < 1 <= line.x2 - line.x1),
        tuple((line.x1, line.y1, line.y2) for line in lines if abs(line.x1 - line.x2) < 1 <= line.y2 - line.y1),
    )


def _run(item: Any) -> Run:
    upright = not item.rotation
    words: tuple[Placed, ...]
    if item.words and not upright:
        words = _turned_words(item)
    elif item.words:
        words = _whole_words(item)
    else:
        # Without word boxes (turned or odd text): its words share the box of the whole piece.
        corners = (item.x, item.y, item.x + item.width, item.y + item.height)
        words = tuple(Placed(text, *corners) for text in _UNWRITABLE.sub("", item.text).split())
    return Run(words, around(words) if words else (0.0, 0.0, 0.0, 0.0), upright)


def _whole_words(item: Any) -> tuple[Placed, ...]:
    """Join what liteparse cuts at wide kerning (`01`, `.05`): where the piece's text has no space, neither have we."""
    parts = [
        Placed(text, part.x, part.y, part.x + part.width, part.y + part.height)
        for part in item.words
        if (text := _UNWRITABLE.sub("", part.text).strip())
    ]
    tokens = _UNWRITABLE.sub("", item.text).split()
    if len(parts) == len(tokens) or "".join(tokens) != "".join(part.text for part in parts):
        return tuple(parts)
    words: list[Placed] = []
    at = 0
    for token in tokens:
        gathered: list[Placed] = []
        while sum(len(part.text) for part in gathered) < len(token):
            gathered.append(parts[at])
            at += 1
        if "".join(part.text for part in gathered) != token:
            return tuple(parts)  # a word here is two there: believe the boxes
        words.append(Placed(token, *around(gathered)))
    return tuple(words)


def _turned_words(item: Any) -> tuple[Placed, ...]:
    """Join what liteparse cuts into letters: for turned text it takes the width of a glyph where its height counts."""
    words: list[Placed] = []
    for part in item.words:
        text = _UNWRITABLE.sub("", part.text).strip()
        if not text:
            continue
        word = Placed(text, part.x, part.y, part.x + part.width, part.y + part.height)
        last = words[-1] if words else None
        if last is not None and _gap(last, word) < 0.15 * min(item.width, item.height):
            words[-1] = Placed(
                last.text + text,
                min(last.x0, word.x0),
                min(last.y0, word.y0),
                max(last.x1, word.x1),
                max(last.y1, word.y1),
            )
        else:
            words.append(word)
    return tuple(words)


def _gap(a: Placed, b: Placed) -> float:
    """Return the distance of two boxes along the axis on which they are farther apart."""
    return max(b.x0 - a.x1, a.x0 - b.x1, b.y0 - a.y1, a.y0 - b.y1)


def _region(block: Any) -> Region | None:
    kind = _KINDS.get(block.kind)
    if kind is None or block.bbox is None:
        return None
    rows = [*([block.header] if block.header else []), *(block.rows or [])]
    return Region(
        kind=kind,
        corners=_corners(block.bbox),
        level=block.level,
        text=block.text or "",
        rows=tuple(tuple(_corners(cell.bbox) if cell.bbox else None for cell in row) for row in rows if row),
        has_header=bool(block.header),
    )


def _corners(box: Any) -> Corners:
    return box.x, box.y, box.x + box.width, box.y + box.height


def _refusal(reason: str, path: str) -> ParseError:
    if "password" in reason.lower():
        return EncryptedDocument(
            f"{path} is encrypted and needs a password.",
            next_step="Save a copy without the password (for example: qpdf --decrypt --password=... in.pdf out.pdf).",
            path=path,
        )
    return DamagedDocument(
        f"{path} is damaged or cut off: {reason}.",
        next_step="Download or export it again; a viewer that opens it can print it to a new PDF.",
        path=path,
        reason=reason,
    )
