"""A second reading of a PDF's text layer, by PDFium itself, for the words that the first reader leaves out.

liteparse drops page numbers at the foot, glyphs outside the basic multilingual plane (the italics of formulas), and
glyphs that it finds odd, without a word. Here the page's raw text is compared with the words read, which is cheap; only
for words of which there are too few are the places of their glyphs looked up. What stands where no word is, is added.
"""

from __future__ import annotations

import ctypes
import re
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from .lines import Corners, Run, around, run_of
from .markdown import Placed

_SCALE = 100  # PDFium gives places on a page in whole pixels
_SLACK = 1.0
_LEAST = 0.5
_BUCKET = 24.0
_TOKEN = re.compile(r"\S+")

# Control characters, and what PDFium writes for a hyphen at the end of a line.
_NO_GLYPHS = re.compile("[\x00-\x1f\x7f-\x9f\ufffe\uffff\ufeff\u00ad]")


class _Glyph(NamedTuple):
    text: str
    corners: Corners


class TextLayer:
    """One opened PDF. Raises what pypdfium2 raises for a file or a page that PDFium cannot read."""

    def __init__(self, data: bytes) -> None:
        import pypdfium2

        self._document = pypdfium2.PdfDocument(data)

    def close(self) -> None:
        self._document.close()

    def completed(self, number: int, runs: Sequence[Run], width: float, height: float) -> list[Run]:
        """Return the runs of page `number` (from 1) with the words that they lack.

        A word of which some glyphs were read and others not takes the place of its parts.
        """
        page = self._document[number - 1]
        try:
            text_page = page.get_textpage()
            try:
                return _completed(_Page(page, text_page, width, height), list(runs))
            finally:
                text_page.close()
        finally:
            page.close()


class _Page:
    def __init__(self, page: Any, text_page: Any, width: float, height: float) -> None:
        self._page, self._text_page = page, text_page
        self._width, self._height = width, height
        self.text: str = text_page.get_text_range()
        # PDFium counts text in UTF-16.
        self._wide = (
            [at for at, character in enumerate(self.text) if character > "\uffff"]
            if max(self.text, default="") > "\uffff"
            else []
        )

    def glyphs(self, start: int, end: int) -> list[_Glyph]:
        """Return the glyphs of `text[start:end]` that stand on the page."""
        return [glyph for at in range(start, end) if (glyph := self._glyph(at)) is not None]

    def _glyph(self, at: int) -> _Glyph | None:
        import pypdfium2.raw as raw

        text = _NO_GLYPHS.sub("", self.text[at])
        index = raw.FPDFText_GetCharIndexFromTextIndex(self._text_page, at + bisect_left(self._wide, at))
        if not text or index < 0:
            return None
        left, right, bottom, top = (ctypes.c_double() for _ in range(4))
        if not raw.FPDFText_GetCharBox(self._text_page, index, left, right, bottom, top):
            return None
        x0, y0 = self._seen(left.value, top.value)
        x1, y1 = self._seen(right.value, bottom.value)
        if not (0 < x0 + x1 < 2 * self._width and 0 < y0 + y1 < 2 * self._height):
            return None
        # Odd fonts have glyphs without any size.
        x0, x1, y0, y1 = min(x0, x1), max(x0, x1, x0 + _LEAST), min(y0, y1), max(y0, y1, y0 + _LEAST)
        return _Glyph(text, (x0, y0, x1, y1))

    def _seen(self, x: float, y: float) -> tuple[float, float]:
        """Turn a place in the file's coordinates into one on the page as it is seen, in points from the top left."""
        import pypdfium2.raw as raw

        across, down = ctypes.c_int(), ctypes.c_int()
        size = round(self._width * _SCALE), round(self._height * _SCALE)
        raw.FPDF_PageToDevice(self._page, 0, 0, *size, 0, x, y, across, down)
        return across.value / _SCALE, down.value / _SCALE


def _completed(page: _Page, runs: list[Run]) -> list[Run]:
    printed = Counter(page.text.split())
    read = Counter(word.text for run in runs for word in run.words)
    # Most words are the same in both: only of the others the letters have to be compared.
    lacking = (_bare_counts(printed - read) - _bare_counts(read - printed)).keys()
    if not lacking:
        return runs
    words = _Words(runs)
    added: list[Placed] = []
    gone: set[int] = set()
    wanted = {text for text in printed if _bare(text) in lacking}
    for token in _TOKEN.finditer(page.text):
        if token.group() not in wanted:
            continue
        for glyphs in _lines(page.glyphs(*token.span())):
            lost = [glyph for glyph in glyphs if not words.shows(glyph)]
            if not lost:
                continue
            parts = words.within(glyphs)
            if len(lost) < len(glyphs) and parts is not None:
                gone.update(map(id, parts))
                lost = glyphs
            added.append(_word(lost))
    if not added:
        return runs
    kept = [_without(run, gone) for run in runs] if gone else runs
    return [*(run for run in kept if run.words), *map(run_of, added)]


def _bare_counts(words: Counter[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for text, count in words.items():
        if bare := _bare(text):
            counts[bare] += count
    return counts


def _bare(text: str) -> str:
    """What two engines agree on: letters and digits, without the marks over them."""
    if text.isascii():
        return text if text.isalnum() else "".join(filter(str.isalnum, text))
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKD", _NO_GLYPHS.sub("", text))))


def _lines(glyphs: list[_Glyph]) -> Iterator[list[_Glyph]]:
    """Divide what PDFium joins over the end of a line (`exam-` and `ple`)."""
    line: list[_Glyph] = []
    for glyph in glyphs:
        if line and (glyph.corners[1] > line[-1].corners[3] + _SLACK or glyph.corners[3] < line[0].corners[1] - _SLACK):
            yield line
            line = []
        line.append(glyph)
    if line:
        yield line


def _word(glyphs: Sequence[_Glyph]) -> Placed:
    x0, y0, x1, y1 = around(Placed(glyph.text, *glyph.corners) for glyph in glyphs)
    return Placed(unicodedata.normalize("NFC", "".join(glyph.text for glyph in glyphs)), x0, y0, x1, y1)


def _without(run: Run, gone: set[int]) -> Run:
    left = tuple(word for word in run.words if id(word) not in gone)
    return run if len(left) == len(run.words) else Run(left, around(left) if left else run.corners, run.upright)


class _Words:
    """The words read, found by where they stand."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._rows: dict[int, list[Placed]] = {}
        for run in runs:
            for word in run.words:
                for row in range(int(word.y0 // _BUCKET), int(word.y1 // _BUCKET) + 1):
                    self._rows.setdefault(row, []).append(word)

    def shows(self, glyph: _Glyph) -> bool:
        """Whether a word that has this character stands where the glyph does."""
        bare = _bare(glyph.text)
        near = self._near(glyph.corners)
        return any(bare in _bare(word.text) for word in near) if bare else bool(near)

    def within(self, glyphs: Sequence[_Glyph]) -> list[Placed] | None:
        """Return the words that are parts of the word of these glyphs; None where one has more than that."""
        parts = {id(word): word for glyph in glyphs for word in self._near(glyph.corners)}
        whole = Counter(_bare("".join(glyph.text for glyph in glyphs)))
        own = Counter(_bare("".join(word.text for word in parts.values())))
        return list(parts.values()) if parts and not own - whole else None

    def _near(self, corners: Corners) -> list[Placed]:
        x, y = (corners[0] + corners[2]) / 2, (corners[1] + corners[3]) / 2
        return [
            word
            for word in self._rows.get(int(y // _BUCKET), ())
            if word.x0 - _SLACK <= x <= word.x1 + _SLACK and word.y0 - _SLACK <= y <= word.y1 + _SLACK
        ]
