"""What a list's reading left behind: lines that look like its rows, and words beside its rows, that no record holds.

This goes over the words again and knows nothing of how tables were found (grid.py, written.py) or what a model was
shown: a line is a row that was not read if it has figures where the records have theirs, or the same order of texts and
figures, wherever in the document it stands. Sums, headings and what repeats on every page are known by their words.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from itertools import groupby, pairwise
from typing import NamedTuple

from fieldwise.grounding import WordIndex
from fieldwise.grounding.text import squeeze, tokens
from fieldwise.model import Issue

from .lines import is_figure
from .tables import TOTALS, Cell
from .views import page_ranges

_EDGE = 0.006
"""Words stand under each other if an edge of both is within this share of the page's width."""
_BESIDE = 0.01
_SURE_LINES = 2
_SURE_SHAPES = 5
"""So many lines that are ordered as the records are, at whatever place, are rows."""
_USUAL = 0.1
_TYPED = 0.6
_CHAINED = 1.7
"""Lines with less white between them than so many line heights belong to one block."""
_WHITE = 0.6
"""More white than this, in line heights, is more than the space between the words of a sentence."""
_TOTAL_AMONG = 3
_NUMBER_OF_PAGE = re.compile(r"\d+\s*/\s*\d+")


class ReadList(NamedTuple):
    """A list as it was read: for each record its cells (the words of each value), and its heading's text.

    `others` are words that values outside of the list stand on. `told` says whether words beside the rows matter: they
    do where code cut the cells, not where a model chose the values.
    """

    path: str
    records: Sequence[Sequence[Cell]]
    heading: str
    others: Collection[int]
    told: bool


class Left(NamedTuple):
    """What a list left behind; `lost` where it surely lacks rows. No issue: nothing was found."""

    lost: bool
    issues: tuple[Issue, ...]


class _Line(NamedTuple):
    page: int
    top: float
    bottom: float
    words: tuple[int, ...]


class _Column(NamedTuple):
    """Where the values of one field stand. `edges` are those of its words, in steps of `_EDGE`."""

    left: float
    right: float
    edges: frozenset[int]
    figures: bool
    dense: bool


class Coverage:
    """All printed lines of a document, to be compared with what was read. Makes no use of the reading order."""

    def __init__(self, index: WordIndex) -> None:
        self._index = index

    def left_by(self, read: ReadList) -> Left:
        """Return what `read` left behind."""
        claimed = {word for record in read.records for cell in record for word in cell}
        if not claimed:
            return Left(False, ())
        columns = self._columns(read.records)
        shapes = self._shapes(claimed, len(read.records))
        headed = frozenset(tokens(read.heading))
        spans = self._spans(claimed)
        sure: list[_Line] = []
        alike: list[_Line] = []
        shaped: list[_Line] = []
        for line in self.lines:
            if not claimed.isdisjoint(line.words) or self._explained(line, headed, columns, read.others):
                continue
            hits, exact, texts = self._hits(line, columns)
            dense = [c for c in columns if c.figures and c.dense]
            worded = not any(not c.figures for c in columns) or texts > 0
            if worded and exact >= max(2, 0.8 * len(dense)):
                sure.append(line)
            inside = line.page in spans and spans[line.page][0] <= line.top <= spans[line.page][1]
            shape = self._shape(line.words)
            if shape in shapes:
                shaped.append(line)
            if hits >= max(1, min(2, len(dense))) or (hits and texts and inside) or shape in shapes:
                alike.append(line)
        issues: list[Issue] = []
        lost = len(sure) >= _SURE_LINES or len(shaped) >= _SURE_SHAPES
        if alike or sure:
            found = {id(line): line for line in (*alike, *sure)}.values()
            issues.append(Issue(path=read.path, code="rows_unread", message=_said(list(found), lost)))
        if read.told:
            beside = self._beside(read, claimed, columns, headed, {id(line) for line in (*alike, *sure)})
            if beside:
                pages = page_ranges(line.page for line in beside)
                message = "words beside the list's rows are in none of its values, or perhaps in the wrong row's: lines"
                said = f"{message} {len(beside)}, on pages {pages}"
                issues.append(Issue(path=read.path, code="text_left", message=said))
        return Left(lost, tuple(issues))

    @cached_property
    def lines(self) -> list[_Line]:
        """Return the lines of all pages; of pages without boxes, those of their text."""
        return [line for page in range(1, len(self._index.page_starts) + 1) for line in self._printed(page)]

    @cached_property
    def _repeated(self) -> set[tuple[str, int]]:
        """Return what stands on two pages or more at the same height."""
        on: dict[tuple[str, int], set[int]] = defaultdict(set)
        for line in self.lines:
            for key in self._places(line):
                on[key].add(line.page)
        return {key for key, pages in on.items() if len(pages) > 1}

    def _places(self, line: _Line) -> list[tuple[str, int]]:
        number = str(line.page)
        texts = (self._index.words[word] for word in line.words)
        text = squeeze(_NUMBER_OF_PAGE.sub("", " ".join(t for t in texts if t.strip(".-") != number)))
        step = round(line.top * 100)
        return [(text, step), (text, step + 1)]

    def _printed(self, page: int) -> list[_Line]:
        start, end = self._index.page_range(page)
        boxes = self._index.boxes
        placed = [(box[1] + box[3] / 2, box, word) for word in range(start, end) if (box := boxes[word]) is not None]
        if not placed:
            parted = groupby(range(start, end), key=self._index.lines.__getitem__)
            return [_Line(page, float(number), float(number) + 1.0, tuple(words)) for number, words in parted]
        placed.sort(key=lambda one: one[0])
        rows: list[list[tuple[float, tuple[float, float, float, float], int]]] = []
        for one in placed:
            if rows and one[0] - rows[-1][0][0] < 0.5 * min(one[1][3], rows[-1][0][1][3]):
                rows[-1].append(one)
            else:
                rows.append([one])
        lines = []
        for row in rows:
            row.sort(key=lambda one: one[1][0])
            top, bottom = min(box[1] for _, box, _ in row), max(box[1] + box[3] for _, box, _ in row)
            lines.append(_Line(page, top, bottom, tuple(word for _, _, word in row)))
        return lines

    def _columns(self, records: Sequence[Sequence[Cell]]) -> list[_Column]:
        columns = []
        for cells in zip(*records, strict=True):
            filled = [cell for cell in cells if cell]
            boxes = [box for cell in filled for word in cell if (box := self._index.boxes[word]) is not None]
            if not boxes:
                continue
            figures = sum(is_figure(" ".join(self._index.words[word] for word in cell)) for cell in filled)
            edges = frozenset(_step(x) for box in boxes for x in (box[0], box[0] + box[2]))
            columns.append(
                _Column(
                    left=min(box[0] for box in boxes),
                    right=max(box[0] + box[2] for box in boxes),
                    edges=edges,
                    figures=figures >= _TYPED * len(filled),
                    dense=len(filled) >= _TYPED * len(records),
                )
            )
        return columns

    def _shapes(self, claimed: set[int], records: int) -> set[str]:
        """Return how the lines of records are ordered, where that tells them from prose."""
        counted = Counter(
            self._shape(tuple(word for word in line.words if word in claimed))
            for line in self.lines
            if not claimed.isdisjoint(line.words)
        )
        return {
            shape
            for shape, count in counted.items()
            if count >= _USUAL * records and "T" in shape and shape.count("F") >= 2
        }

    def _shape(self, words: Iterable[int]) -> str:
        """Write a line as texts and figures: `FTFF` for a date, a text of any length and two amounts."""
        kinds = ["F" if self._figure(word) else "T" for word in words if any(map(str.isalnum, self._index.words[word]))]
        return "".join(kind if kind == "F" else "T" for kind, run in groupby(kinds) for _ in _once(kind, run))

    def _figure(self, word: int) -> bool:
        return is_figure(self._index.words[word])

    def _hits(self, line: _Line, columns: Sequence[_Column]) -> tuple[int, int, int]:
        """Count the columns of figures that the line has one in, those that it is set in exactly, and those of text."""
        near: set[int] = set()
        exact: set[int] = set()
        texts: set[int] = set()
        for at, word in enumerate(line.words):
            box = self._index.boxes[word]
            if box is None:
                continue
            apart = self._apart(line, at)
            left, right = box[0], box[0] + box[2]
            for number, column in enumerate(columns):
                if not column.left - _BESIDE <= (left + right) / 2 <= column.right + _BESIDE:
                    continue
                if column.figures and apart and self._figure(word):
                    near.add(number)
                    if any(_step(x) + by in column.edges for x in (left, right) for by in (-1, 0, 1)):
                        exact.add(number)
                elif not column.figures:
                    texts.add(number)
        return len(near), len(exact), len(texts)

    def _apart(self, line: _Line, at: int) -> bool:
        """Say whether a word has white beside it, or ends its line: a figure within a sentence has not."""
        around = (box for word in line.words[max(0, at - 1) : at + 2] if (box := self._index.boxes[word]) is not None)
        boxes = list(around)
        return len(boxes) < 3 or any(self._index.gap(a, b, line.page) > _WHITE for a, b in pairwise(boxes))

    def _explained(
        self, line: _Line, headed: frozenset[str], columns: Sequence[_Column], others: Collection[int]
    ) -> bool:
        """Say whether a line is a heading, a sum, what every page repeats, or holds values of other fields."""
        words = [self._index.words[word] for word in line.words]
        hits = self._hits(line, columns)[0]
        # Rows may repeat, at the same height too: what has two figures in the list's columns is not the page's.
        if self._is_heading(line, headed) or (hits < 2 and any(key in self._repeated for key in self._places(line))):
            return True
        figures = [word for word in line.words if self._figure(word)]
        if figures and all(word in others for word in figures):
            return True
        named = [token for token in tokens(" ".join(words)) if token.isalpha()][:_TOTAL_AMONG]
        dense = sum(column.figures and column.dense for column in columns)
        # What has a figure in every column may be called a total, and is a row for all that.
        return any(token in TOTALS for token in named) and (not dense or hits < dense)

    def _is_heading(self, line: _Line, headed: frozenset[str]) -> bool:
        said = tokens(" ".join(self._index.words[word] for word in line.words))
        return bool(headed) and bool(said) and all(token in headed for token in said)

    def _spans(self, claimed: set[int]) -> dict[int, tuple[float, float]]:
        spans: dict[int, tuple[float, float]] = {}
        for line in self.lines:
            if not claimed.isdisjoint(line.words):
                top, bottom = spans.get(line.page, (line.top, line.bottom))
                spans[line.page] = (min(top, line.top), max(bottom, line.bottom))
        return spans

    def _beside(
        self,
        read: ReadList,
        claimed: set[int],
        columns: Sequence[_Column],
        headed: frozenset[str],
        rows: set[int],
    ) -> list[_Line]:
        """Return the lines under, between and above the rows whose words stand in no cell, or in a doubtful one."""
        found: list[_Line] = []
        first_words = {word: n for n, record in enumerate(read.records) for cell in record for word in cell}
        pages = sorted({self._index.page_of(word) for word in claimed})
        for page in pages:
            lines = [line for line in self.lines if line.page == page]
            held = [i for i, line in enumerate(lines) if not claimed.isdisjoint(line.words)]
            low = self._chain(lines, held[0], -1)
            high = self._chain(lines, held[-1], 1)
            above = [i for i in range(low, held[0]) if self._is_heading(lines[i], headed)]
            # Above the rows of the first page stands the heading, and over it what is none of the list's.
            start = max(above) + 1 if above else (low if page != pages[0] else held[0])
            for line in lines[start : high + 1]:
                free = [word for word in line.words if word not in claimed and word not in read.others]
                explained = self._explained(line, headed, columns, read.others)
                if id(line) in rows:
                    continue
                if not explained and any(self._in_text(word, columns) for word in free):
                    found.append(line)
                elif explained and not claimed.isdisjoint(line.words) and any(self._figure(word) for word in free):
                    # A sum's line of which a row took the words.
                    found.append(line)
            opening = lines[held[0]]
            taken = {first_words[word] for word in opening.words if word in first_words}
            if page != pages[0] and not any(self._figure(w) for w in opening.words if w in claimed) and taken:
                # The rest of a row of the page before, given to the first row here.
                found.append(opening)
        return found

    def _chain(self, lines: list[_Line], at: int, step: int) -> int:
        """Return the last line that follows from `at` without more white than text has between its lines."""
        while 0 <= at + step < len(lines):
            upper, lower = (lines[at], lines[at + step]) if step > 0 else (lines[at + step], lines[at])
            if lower.top - upper.bottom > _CHAINED * (lower.bottom - lower.top):
                break
            at += step
        return at

    def _in_text(self, word: int, columns: Sequence[_Column]) -> bool:
        box = self._index.boxes[word]
        if box is None or not any(map(str.isalnum, self._index.words[word])):
            return False
        middle = box[0] + box[2] / 2
        return any(not c.figures and c.left - _BESIDE <= middle <= c.right + _BESIDE for c in columns)


def _once(kind: str, run: Iterable[str]) -> list[str]:
    """Return a run of texts as one, of figures as it is."""
    found = list(run)
    return found if kind == "F" else found[:1]


def _step(x: float) -> int:
    return round(x / _EDGE)


def _said(lines: list[_Line], lost: bool) -> str:
    pages = page_ranges(line.page for line in lines)
    verb = "like rows of the list that were not read" if lost else "that may be rows of the list, not read"
    return f"{len(lines)} line{'s' if len(lines) > 1 else ''} {verb} (on pages {pages})"
