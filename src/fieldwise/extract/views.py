"""What of the document one call reads, and a record of what was read by any call.

A document is cut into pieces at its block borders; a view is a choice of pieces, rendered in reading order. Ranking is
BM25 (Robertson's k1 = 1.2, b = 0.75): the whole of it is the function `ranked`, which needs no index kept between
runs, no numpy and no stemmer files; the libraries looked at (rank-bm25, bm25s) bring those for a corpus we don't have.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from fieldwise.grounding.text import label_words, tokens
from fieldwise.llm import Model
from fieldwise.model import Document, Page
from fieldwise.prompting import Stretch, defuse, rendered, whole_text

PIECE_CHARACTERS = 1_500
_CHARACTERS_A_TOKEN_AT_MOST = 16
"""What is obviously too long is not tokenized as a whole."""
_K1, _B = 1.2, 0.75
_BLANK = re.compile(r"\n[ \t]*\n")


class Piece(NamedTuple):
    """A stretch of one page's markdown. `heading` is the section it stands in and, within a table, the table's head."""

    number: int
    page: int
    start: int
    end: int
    text: str
    heading: str = ""

    @property
    def stretch(self) -> Stretch:
        return Stretch(self.page, self.start, self.end, self.heading)


class View(NamedTuple):
    """What one call is shown. `whole` says that nothing was left out; `pieces` are the numbers of what is in it."""

    text: str
    pieces: tuple[int, ...]
    tokens: int
    whole: bool = False


class Reading:
    """Makes the views of one document and remembers what was shown."""

    def __init__(self, document: Document, model: Model, budget_tokens: int) -> None:
        self._document = document
        self._model = model
        self._budget = budget_tokens
        self.pieces = cut(document)
        self._read: set[int] = set()
        self._per_token = 3.0

    async def whole(self) -> View | None:
        """Return the whole document, in the bytes the proposal was made from; None where it is too long."""
        characters = sum(len(page.markdown) for page in self._document.pages)
        if characters > self._budget * _CHARACTERS_A_TOKEN_AT_MOST:
            return None
        text = whole_text(self._document)
        tokens_ = await self._model.count_tokens(text)
        self._per_token = max(0.5, len(text) / max(1, tokens_))
        if tokens_ > self._budget:
            return None
        return View(text, tuple(range(len(self.pieces))), tokens_, whole=True)

    async def best(self, query: str) -> View:
        """Return first and last page and the pieces that match the words of `query` best, within the budget."""
        last = self.pieces[-1].page if self.pieces else 1
        first = [p.number for p in self.pieces if p.page == 1]
        ending = [p.number for p in reversed(self.pieces) if p.page == last and last != 1]
        order = [*first, *ending, *ranked(self.pieces, query), *range(len(self.pieces))]
        # A first page of its own may fill the budget: it gets half, the last page a quarter, the matches the rest.
        allowance = self._budget * self._per_token
        chosen: dict[int, None] = {}
        used = 0.0
        for share, group in ((0.5, first), (0.75, ending), (1.0, order)):
            for index in group:
                size = len(self.pieces[index].text) + len(self.pieces[index].heading)
                if index not in chosen and used + size <= allowance * share:
                    chosen[index] = None
                    used += size
        return await self._fitted(sorted(chosen) or [0])

    async def windows(self, query: str, most: int) -> list[View]:
        """Return consecutive views that together show all, or the `most` of them that match `query` best, in order."""
        groups: list[list[int]] = [[]]
        used = 0.0
        for piece in self.pieces:
            size = len(piece.text) + len(piece.heading)
            if groups[-1] and used + size > 0.9 * self._budget * self._per_token:
                groups.append([])
                used = 0.0
            groups[-1].append(piece.number)
            used += size
        if len(groups) > most:
            rank = {index: place for place, index in enumerate(ranked(self.pieces, query))}
            value = sorted(groups, key=lambda g: min((rank.get(i, len(rank)) for i in g), default=len(rank)))
            kept = {g[0] for g in value[:most]}
            groups = [g for g in groups if g[0] in kept]
        return [await self._fitted(group) for group in groups]

    async def halves(self, view: View) -> tuple[View, View] | None:
        """Return the view in two parts of about equal length, if possible cut between pages; None for one piece."""
        if len(view.pieces) < 2:
            return None
        sizes = [len(self.pieces[i].text) for i in view.pieces]
        half = sum(sizes) / 2

        def cost(cut_at: int) -> float:
            new_page = self.pieces[view.pieces[cut_at]].page != self.pieces[view.pieces[cut_at - 1]].page
            return abs(sum(sizes[:cut_at]) - half) * (0.5 if new_page else 1.0)

        middle = min(range(1, len(view.pieces)), key=cost)
        return await self._view(view.pieces[:middle]), await self._view(view.pieces[middle:])

    def mark_read(self, view: View) -> None:
        self._read.update(view.pieces)

    def mark_all_read(self) -> None:
        self._read.update(range(len(self.pieces)))

    def mark_spans_read(self, spans: Iterable[tuple[int, int, int]]) -> None:
        """Take (page, start, end) stretches as read: code went through every row of a table there."""
        for page, start, end in spans:
            self._read.update(p.number for p in self.pieces if p.page == page and start <= p.start and p.end <= end)

    def unread(self) -> list[Piece]:
        """Return what no call has read, white space aside."""
        return [p for p in self.pieces if p.number not in self._read and p.text.strip()]

    async def _fitted(self, chosen: Sequence[int]) -> View:
        """Drop pieces from the end of the choice until the model's own count says that it fits."""
        view = await self._view(chosen)
        while view.tokens > self._budget and len(chosen) > 1:
            keep = max(1, min(len(chosen) - 1, int(len(chosen) * self._budget / view.tokens)))
            chosen = chosen[:keep]
            view = await self._view(chosen)
        return view

    async def _view(self, chosen: Sequence[int]) -> View:
        text = rendered(self._document, (self.pieces[i].stretch for i in chosen))
        whole = len(chosen) == len(self.pieces)
        return View(text, tuple(chosen), await self._model.count_tokens(text), whole)


def cut(document: Document) -> list[Piece]:
    """Cut all pages into pieces, at block borders where the parser found blocks, else at blank lines."""
    pieces: list[Piece] = []
    for page in document.pages:
        heading = ""
        for start, end, kind in _stretches(page):
            body = page.markdown[start:end]
            if kind == "heading":
                heading = " ".join(body.split()).lstrip("# ")[:120]
            for low, high, head in _cut_long(body, kind):
                if not body[low:high].strip():
                    continue
                context = "\n".join(part for part in (heading if kind != "heading" else "", head) if part)
                text = defuse(body[low:high].strip("\n"))
                last = pieces[-1] if pieces else None
                joins = last is not None and last.page == page.number and last.heading == defuse(context)
                if last is not None and joins and len(last.text) + len(text) <= PIECE_CHARACTERS:
                    pieces[-1] = last._replace(end=start + high, text=f"{last.text}\n\n{text}")
                    continue
                pieces.append(Piece(len(pieces), page.number, start + low, start + high, text, defuse(context)))
    return pieces or [Piece(0, 1, 0, 0, "")]


def _stretches(page: Page) -> list[tuple[int, int, str]]:
    """Return consecutive stretches that cover the page's markdown, with the kind of their block."""
    starts = {block.span[0]: block.kind for block in reversed(page.blocks)}
    borders = sorted(starts) if starts else [m.end() for m in _BLANK.finditer(page.markdown)]
    if not borders or borders[0] != 0:
        borders = [0, *borders]
    ends = [*borders[1:], len(page.markdown)]
    return [(a, b, starts.get(a, "paragraph")) for a, b in zip(borders, ends, strict=True) if b > a]


def _cut_long(body: str, kind: str) -> list[tuple[int, int, str]]:
    """Cut a block longer than a piece at line ends, then at spaces; parts of a table after the first name its head."""
    if len(body) <= PIECE_CHARACTERS:
        return [(0, len(body), "")]
    head = "\n".join(body.strip("\n").split("\n", 2)[:2])[:300] if kind == "table" else ""
    cuts: list[tuple[int, int, str]] = []
    start = 0
    while start < len(body):
        end = start + PIECE_CHARACTERS
        if end < len(body):
            line, space = body.rfind("\n", start + 1, end), body.rfind(" ", start + 1, end)
            end = line + 1 if line > start else space + 1 if space > start else end
        cuts.append((start, min(end, len(body)), head if cuts else ""))
        start = end
    return cuts


def ranked(pieces: Sequence[Piece], query: str) -> list[int]:
    """Return the indices of the pieces that hold words of the query, best first (BM25; headings count)."""
    wanted = {_stem(word) for word in label_words(query)}
    if not wanted:
        return []
    bags = [Counter(_stem(t) for t in tokens(f"{p.heading} {p.text}")) for p in pieces]
    mean = sum(bag.total() for bag in bags) / len(bags) or 1.0
    holding = {word: sum(1 for bag in bags if word in bag) for word in wanted}
    scores: dict[int, float] = {}
    for piece, bag in zip(pieces, bags, strict=True):
        length = _K1 * (1 - _B + _B * bag.total() / mean)
        score = sum(
            math.log(1 + (len(bags) - holding[w] + 0.5) / (holding[w] + 0.5)) * bag[w] * (_K1 + 1) / (bag[w] + length)
            for w in wanted
            if w in bag
        )
        if score > 0:
            scores[piece.number] = score
    return sorted(scores, key=lambda index: (-scores[index], index))


def _stem(word: str) -> str:
    """Cut common endings off, so that `authors` finds `author`: crude, and good enough to rank."""
    return re.sub(r"(?:ies|es|s|ing|ed|en|n)$", "", word) if len(word) > 5 else word


def page_ranges(numbers: Iterable[int]) -> str:
    """Write 1, 2, 3, 7 as `1-3, 7`."""
    groups: list[list[int]] = []
    for number in sorted(set(numbers)):
        if groups and number == groups[-1][1] + 1:
            groups[-1][1] = number
        else:
            groups.append([number, number])
    texts = [str(a) if a == b else f"{a}-{b}" for a, b in groups]
    return ", ".join(texts[:12]) + (", ..." if len(texts) > 12 else "")
