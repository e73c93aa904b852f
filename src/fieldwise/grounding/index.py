"""A document's words as the locator searches them: built once, in one pass over all pages in reading order."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import NamedTuple

from fieldwise.model import Box, Document, Match, Page, Span
from fieldwise.model.document import WRITTEN_WORD

from . import dates, numbers
from .text import squeeze, word_tokens

SPLIT_GAP = 3.0
"""A gap of so many line heights between two words of a line is a gap between columns: two boxes, not one."""

_GLUED_NUMBER = re.compile(r"(?<![\w.,:/'’-])[-−+]?\d[\d.,'’]*(?![\w:/'’-])%?")
_OPENS_GROUPS = re.compile(r"\A[-−+(]?\D{0,3}\d{1,3}\Z")
_GROUP = re.compile(r"\A\d{3}(?:[.,]\d{1,4})?[-)%€$£]{0,2}\Z")
_MOST_GROUPS = 4
YEARS = re.compile(r"\(?(?:1[5-9]|2[0-2])\d\d[-–—/](?:1[5-9]|2[0-2])\d\d[).,;]*\Z")
"""A span of years in one word: `1986-1991` holds both, where `2012-12` does not hold 12."""


class Place(NamedTuple):
    """Words `first` to `last` (counted over the whole document) that hold a value, and how well they match it.

    `whole` is False where the value is only a part of its printed word (`69` in `INV-69`). `more` holds further ranges
    of words for a value that goes on elsewhere: on the next line of its column, past the words of other columns.
    """

    first: int
    last: int
    match: Match
    whole: bool = True
    more: tuple[tuple[int, int], ...] = ()

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        return ((self.first, self.last), *self.more)


class Places:
    """Places of one number or date, in reading order; `firsts` are their first words, for bisection."""

    __slots__ = ("firsts", "places")

    def __init__(self) -> None:
        self.firsts: list[int] = []
        self.places: list[Place] = []

    def add(self, place: Place) -> None:
        self.firsts.append(place.first)
        self.places.append(place)


class WordIndex:
    """Words, their tokens, where each token stands, and one string of all tokens for what crosses word borders."""

    def __init__(self, document: Document) -> None:
        self.pages: tuple[Page, ...] = document.pages
        self.words: list[str] = []
        self.boxes: list[Box | None] = []
        self.page_starts: list[int] = []
        # Flat arrays: 10 MB of text are two million words, and a Python integer takes 36 bytes in a list.
        self.lines = array("i")
        self.postings: dict[str, array[int]] = {}
        self.token_word = array("i")
        self.token_offset = array("i")
        self.first_token = array("i")
        self._span_orders: dict[int, tuple[list[int], list[int]]] = {}
        line = 0
        for page in document.pages:
            self.page_starts.append(len(self.words))
            line += 1
            line = self._add_written(page, line) if page.word_columns is None else self._add_placed(page, line)
        self._add_tokens()

    def _add_written(self, page: Page, line: int) -> int:
        """Add the words of a page that is text already, with no object for each; return the last one's line."""
        first = line
        for number, text in enumerate(page.markdown.split("\n"), first):
            found = WRITTEN_WORD.findall(text)
            if found:
                line = number
                self.words += found
                self.boxes += [None] * len(found)
                self.lines.extend([line] * len(found))
        return line

    def _add_placed(self, page: Page, line: int) -> int:
        """Add the words of a page that says where they stand; return the last one's line."""
        previous: Box | None = None
        seen_to = 0
        for word in page.words:
            if word.box is not None:
                if previous is not None and not same_line(previous, word.box):
                    line += 1
                previous = word.box
            elif word.span is not None and word.span[0] > seen_to:
                line += page.markdown.count("\n", seen_to, word.span[0])
                seen_to = word.span[0]
            self.words.append(word.text)
            self.boxes.append(word.box)
            self.lines.append(line)
        return line

    def _add_tokens(self) -> None:
        postings, token_word, token_offset, first_token = (
            self.postings,
            self.token_word,
            self.token_offset,
            self.first_token,
        )
        words = self.words
        known: dict[str, tuple[str, tuple[str, ...]]] = {}
        pieces: list[str] = []
        offset = count = 0
        for number, word in enumerate(words):
            entry = known.get(word)
            if entry is None:
                entry = known[word] = (word, word_tokens(word))
            # Of equal words one is kept.
            words[number] = entry[0]
            first_token.append(count)
            for token in entry[1]:
                places = postings.get(token)
                if places is None:
                    places = postings[token] = array("i")
                places.append(count)
                token_word.append(number)
                token_offset.append(offset)
                pieces.append(token)
                offset += len(token)
                count += 1
        first_token.append(count)
        token_offset.append(offset)
        self.squeezed = "".join(pieces)

    def page_of(self, word: int) -> int:
        """Return the number (from 1) of the page a word stands on."""
        return bisect_right(self.page_starts, word)

    def anchor_of(self, word: int) -> str | None:
        """Return where a word without a box stands, as its format says it: a sheet's cell, a slide, a paragraph."""
        page = self.pages[(number := self.page_of(word)) - 1]
        span = page.words[word - self.page_starts[number - 1]].span
        return page.anchor_at(span[0]) if span is not None else page.anchor

    def page_range(self, number: int) -> tuple[int, int]:
        """Return the first word of a page and the first word after it."""
        end = self.page_starts[number] if number < len(self.page_starts) else len(self.words)
        return self.page_starts[number - 1], end

    def words_in(self, page: int, span: Span | None, box: Box | None) -> list[int]:
        """Return the words of a page within a stretch of its markdown; by their middles within `box` failing spans."""
        start, _ = self.page_range(page)
        if span is not None:
            firsts, words = self._span_order(page)
            low, high = bisect_left(firsts, span[0]), bisect_left(firsts, span[1])
            if high > low:
                return sorted(start + words[i] for i in range(low, high))
        if box is None:
            return []
        right, bottom = box[0] + box[2], box[1] + box[3]
        return [
            start + i
            for i, word in enumerate(self.pages[page - 1].words)
            if word.box is not None
            and box[0] <= word.box[0] + word.box[2] / 2 <= right
            and box[1] <= word.box[1] + word.box[3] / 2 <= bottom
        ]

    def _span_order(self, page: int) -> tuple[list[int], list[int]]:
        known = self._span_orders.get(page)
        if known is None:
            order = sorted((w.span[0], i) for i, w in enumerate(self.pages[page - 1].words) if w.span is not None)
            known = ([first for first, _ in order], [i for _, i in order])
            self._span_orders[page] = known
        return known

    def quote(self, first: int, last: int) -> str:
        return " ".join(self.words[first : last + 1])

    def word_postings(self, token: str) -> list[int]:
        """Return the words that hold this token, in reading order."""
        return [self.token_word[t] for t in self.postings.get(token, ())]

    @cached_property
    def vocabulary(self) -> list[str]:
        return sorted(self.postings)

    def with_prefix(self, prefix: str, limit: int = 16) -> list[str]:
        """Return the tokens that begin with `prefix` (`amount` also stands for `amounts`)."""
        start = bisect_left(self.vocabulary, prefix)
        found = []
        for token in self.vocabulary[start : start + limit]:
            if not token.startswith(prefix):
                break
            found.append(token)
        return found

    @cached_property
    def numbers(self) -> dict[Decimal, Places]:
        """Every value that a printed number may have -> where it stands."""
        found: dict[Decimal, Places] = {}
        for first, last, whole, values in self._printed_numbers():
            match: Match = "normalized"
            for value in values:
                found.setdefault(value, Places()).add(Place(first, last, match, whole))
        return found

    def _printed_numbers(self) -> Iterator[tuple[int, int, bool, list[Decimal]]]:
        words, lines = self.words, self.lines
        with_digits = {word for word in set(words) if any(map(str.isdigit, word))}
        for i, word in enumerate(words):
            if word not in with_digits:
                continue
            whole, values, percent, opens = _numbers_in(word)
            if not values and not opens:
                continue
            after = words[i + 1] if i + 1 < len(words) and lines[i + 1] == lines[i] else ""
            before = words[i - 1] if i and lines[i - 1] == lines[i] else ""
            if values:
                yield i, i, whole, _also(values, percent or after.lower() in ("%", "percent", "prozent"))
                if before in ("-", "−", "–") and whole:
                    yield i - 1, i, True, [-v for v in values]
                if after in ("-", "−") and whole:
                    yield i, i + 1, True, [-v for v in values]
            if opens and _GROUP.match(after):
                yield from self._grouped(i)

    def _grouped(self, start: int) -> Iterator[tuple[int, int, bool, list[Decimal]]]:
        """Yield the number that `1 234 567,89` is when its groups are words of their own."""
        text = self.words[start]
        for last in range(start + 1, min(start + 1 + _MOST_GROUPS, len(self.words))):
            if self.lines[last] != self.lines[start] or not _GROUP.match(self.words[last]):
                return
            if not self._close(last - 1, last):
                return
            text = f"{text} {self.words[last]}"
            printed = numbers.read(text)
            if not printed.values:
                return
            yield start, last, True, _also(list(printed.values), printed.percent)

    def _close(self, left: int, right: int) -> bool:
        """Say whether two words of a line stand as near as words of one number do."""
        a, b = self.boxes[left], self.boxes[right]
        if a is None or b is None:
            return True
        return self.gap(a, b, self.page_of(left)) < 0.8

    def gap(self, left: Box, right: Box, page: int) -> float:
        """Return the white space between two boxes of a line, in line heights."""
        tall = max(left[3], right[3], 1e-9)
        return max(right[0] - (left[0] + left[2]), left[0] - (right[0] + right[2])) * self.aspect(page) / tall

    def aspect(self, page: int) -> float:
        """Return a page's width over its height: turns shares of the width into shares of the height."""
        return (self.pages[page - 1].width or 1.0) / (self.pages[page - 1].height or 1.0)

    @cached_property
    def dates(self) -> dict[str, Places]:
        """Every date that the pages may print, as ISO text -> where it stands."""
        found: dict[str, Places] = {}
        for number in range(1, len(self.page_starts) + 1):
            start, end = self.page_range(number)
            text, offsets, length = self.words[start:end], [], 0
            for word in text:
                offsets.append(length)
                length += len(word) + 1
            joined = " ".join(text)
            for date in dates.find_dates(joined):
                first = start + bisect_right(offsets, date.start) - 1
                last = start + bisect_right(offsets, date.end - 1) - 1
                for reading in date.readings:
                    found.setdefault(reading, Places()).add(Place(first, last, "normalized"))
        return found

    @cached_property
    def currencies(self) -> dict[str, Places]:
        """ISO 4217 codes -> where their symbol or code is printed, alone or glued to an amount."""
        found: dict[str, Places] = {}
        codes = {word: known for word in set(self.words) if (known := _currencies_in(word))}
        for i, word in enumerate(self.words):
            for code in codes.get(word, ()):
                found.setdefault(code, Places()).add(Place(i, i, "normalized", whole=len(word) <= 4))
        return found

    def boxes_of(self, first: int, last: int) -> tuple[Box, ...]:
        """Return the boxes of these words, merged per line; a column gap within a line parts them."""
        merged: list[Box] = []
        line = -1
        for i in range(first, last + 1):
            box = self.boxes[i]
            if box is None:
                continue
            if merged and self.lines[i] == line and self.gap(merged[-1], box, self.page_of(i)) < SPLIT_GAP:
                merged[-1] = union(merged[-1], box)
            else:
                merged.append(box)
            line = self.lines[i]
        return tuple(merged)


def same_line(a: Box, b: Box) -> bool:
    """Say whether two boxes overlap by at least half of the lower one's height."""
    overlap = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return overlap >= 0.5 * min(a[3], b[3])


def union(a: Box, b: Box) -> Box:
    x, y = min(a[0], b[0]), min(a[1], b[1])
    right, bottom = max(a[0] + a[2], b[0] + b[2]), max(a[1] + a[3], b[1] + b[3])
    return (x, y, round(right - x, 6), round(bottom - y, 6))


@lru_cache(maxsize=65_536)
def _numbers_in(word: str) -> tuple[bool, tuple[Decimal, ...], bool, bool]:
    """Return (whole word?, values, percent?, may open a grouped number?) for one printed word."""
    if len(word) > 2 * numbers.LONGEST or not any(c.isdigit() for c in word):
        return False, (), False, False
    bare = word.strip(";:*†‡\"'„“”«»[]|")
    opens = bool(_OPENS_GROUPS.match(bare))
    printed = numbers.read(bare)
    if printed.values:
        values = printed.values
        if bare.startswith("(") and bare.endswith(")"):
            # Brackets are a minus sign in accounts and only brackets elsewhere: the value decides which it is.
            values = (*values, *(-v for v in values))
        return True, values, printed.percent, opens
    if YEARS.match(bare):
        return False, tuple(Decimal(year) for year in re.findall(r"\d{4}", bare)), False, False
    values = ()
    percent = False
    for glued in _GLUED_NUMBER.findall(bare):
        part = numbers.read(glued)
        values += part.values
        percent = percent or part.percent
    if not values and (unit := re.match(r"([-−+]?\d[\d.,]*)[^\W\d_]{1,4}[²³]?\Z", bare)):
        values = numbers.read(unit[1]).values
    return False, values, percent, opens


def _also(values: tuple[Decimal, ...] | list[Decimal], percent: bool) -> list[Decimal]:
    """Add the fractions that percentages are: 19 % is 0.19 too."""
    every = list(values)
    return every + [v / 100 for v in values] if percent else every


@lru_cache(maxsize=65_536)
def _currencies_in(word: str) -> tuple[str, ...]:
    if len(word) > 40:
        return ()
    bare = word.strip("().,;:[]/").strip()
    name = re.sub(r"[\d.,' +−-]", "", bare) if any(c.isdigit() for c in bare) else bare
    codes = numbers.CURRENCY_SYMBOLS.get(name.lower()) or numbers.CURRENCY_SYMBOLS.get(f"{name.lower()}.")
    if codes:
        return codes
    return (name,) if name in numbers.CURRENCY_CODES else ()


def anchors(index: WordIndex, parts: Sequence[str]) -> tuple[Sequence[int], int] | None:
    """Return the postings of the rarest of `parts` that the document has, and its offset in the squeezed value."""
    best: tuple[Sequence[int], int] | None = None
    offset = 0
    for part in parts:
        postings = index.postings.get(part)
        if postings and (best is None or len(postings) < len(best[0])):
            best = (postings, offset)
        offset += len(part)
    return best


def symbols_agree(value: str, quote: str) -> bool:
    """Say whether a short value's signs are printed too: `C++` does not stand where only `C` does."""
    if len(squeeze(value)) > 3:
        return True
    return value.strip(" .,;:()[]\"'").casefold() in quote.casefold()
