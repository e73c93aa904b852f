"""Locator: find a value on the pages of one document. No model, no I/O; cost grows with the text, not its square.

Matches are `exact` (the same characters) or `normalized` (case, spacing, hyphenation, number or date format). A number
printed with the other sign is `fuzzy`: the digits stand there, what they mean may not. No match, no citation.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal

from fieldwise.model import Box, Citation, Document, Match, Span

from . import dates, numbers
from .columns import followed
from .index import YEARS, Place, Places, WordIndex, anchors, symbols_agree
from .nearness import Nearness, spread
from .text import collapse, tokens

CONSIDERED = 48
"""So many mentions of one value are compared; which of many thousand is settled by nearness before that."""

_MOST_TRIES = 4_096
_FEWEST_SPLIT_WORDS = 3
_SPLIT_STARTS = 24
_FOOTNOTES = re.compile(r"\d{1,2}(?:,\d{1,2}){0,3}")
_SHORTEST_SPLIT = 4
_YES = ("yes", "true", "ja", "oui", "si", "sí", "sim", "tak", "x", "✓", "✔", "☑", "☒", "✗", "[x]", "wahr", "checked")
_NO = ("no", "false", "nein", "non", "nee", "não", "nej", "nie", "☐", "□", "[ ]", "falsch", "unchecked")

Value = str | int | float | bool | Decimal


class Locator:
    """Searches one document. Build it once; a search costs microseconds to a millisecond."""

    def __init__(self, document: Document) -> None:
        self.index = self._index = WordIndex(document)
        self._nearness = Nearness(self._index)
        self._cited: dict[tuple[int, Box], Place] = {}
        self._token_pages: dict[str, frozenset[int]] = {}

    def locate(
        self, value: Value | None, *, near: Citation | Place | None = None, label: str = "", limit: int = CONSIDERED
    ) -> Citation | None:
        """Return the best mention of `value`, or None where the pages do not show it.

        `label` is the field's name and description; `near` a sibling value of the same record. Of several mentions
        the one next to them wins, then the first in reading order. `limit` bounds how many are compared.
        """
        best = self.places(value, near=near, label=label, limit=limit)
        return self.cite(best[0])[0] if best else None

    def locate_all(
        self, value: Value | None, *, near: Citation | Place | None = None, label: str = "", limit: int = CONSIDERED
    ) -> tuple[Citation, ...]:
        """Return up to `limit` mentions of `value`, best first; a mention over a page break is one citation a page."""
        found = self.places(value, near=near, label=label, limit=limit)
        return tuple(citation for place in found for citation in self.cite(place))

    def places(
        self, value: Value | None, *, near: Citation | Place | None = None, label: str = "", limit: int = CONSIDERED
    ) -> list[Place]:
        """As `locate_all`, as word ranges: for callers that tell records apart by where they stand."""
        if value is None or limit < 1:
            return []
        beside = self._place_of(near) if isinstance(near, Citation) else near
        found = self._find(value, beside, label, limit)
        if len(found) > 1:
            found = self._nearness.ranked(found, beside, label)
        return found[:limit]

    def cite(self, place: Place) -> tuple[Citation, ...]:
        """Return the citation of a place: page, the boxes and the words as printed; one for each page it stands on."""
        index = self._index
        boxes: dict[int, list[Box]] = {}
        anchors: dict[int, str | None] = {}
        quotes: dict[int, list[str]] = {}
        for first, end in place.ranges:
            while first <= end:
                page = index.page_of(first)
                last = min(end, index.page_range(page)[1] - 1)
                merged = index.boxes_of(first, last)
                boxes.setdefault(page, []).extend(merged)
                quotes.setdefault(page, []).append(index.quote(first, last))
                anchors.setdefault(page, None if merged else index.anchor_of(first))
                if merged:
                    self._cited[(page, merged[0])] = Place(first, last, place.match)
                first = last + 1
        return tuple(
            Citation(
                page=page,
                boxes=tuple(boxes[page]),
                quote=" ".join(parts),
                match=place.match,
                anchor=anchors[page],
            )
            for page, parts in quotes.items()
        )

    def text_of(self, place: Place) -> str:
        """Return the words of a place as printed."""
        return " ".join(self._index.quote(first, last) for first, last in place.ranges)

    def share_printed(self, text: str) -> float:
        """Return the share (0..1) of `text`'s words of four or more letters that the best page for it prints."""
        words = {t for t in tokens(text) if len(t) > 3}
        pages = Counter(page for word in words for page in self._pages_of(word))
        return max(pages.values(), default=0) / len(words) if words else 0.0

    def within(self, page: int, span: Span | None, box: Box | None = None) -> Place | None:
        """Return the words of a stretch of a page's markdown, or of a box where words have no spans: a cell's."""
        if not 1 <= page <= len(self._index.page_starts):
            return None
        inside = self._index.words_in(page, span, box)
        return Place(inside[0], inside[-1], "exact") if inside else None

    def narrowed(self, value: Value, place: Place) -> Place | None:
        """Return where `value` stands among the words of `place`; None where it does not."""
        found = self.places(value, near=place, limit=CONSIDERED)
        return next((p for p in found if place.first <= p.first and p.last <= place.last), None)

    def _pages_of(self, token: str) -> frozenset[int]:
        known = self._token_pages.get(token)
        if known is None:
            known = frozenset(self._index.page_of(word) for word in self._index.word_postings(token))
            self._token_pages[token] = known
        return known

    def _place_of(self, citation: Citation) -> Place | None:
        if not citation.boxes or not 1 <= citation.page <= len(self._index.page_starts):
            return None
        known = self._cited.get((citation.page, citation.boxes[0]))
        if known is None:
            known = self._nearness.place_at(citation.page, citation.boxes[0])
            self._cited[(citation.page, citation.boxes[0])] = known
        return known

    def _find(self, value: Value, beside: Place | None, label: str, limit: int) -> list[Place]:
        if isinstance(value, bool):
            return self._find_bool(value, label, beside, limit)
        if isinstance(value, str):
            return self._find_text(value, beside, label, limit)
        return self._find_number(value, beside, label, limit)

    def _find_text(self, value: str, beside: Place | None, label: str, limit: int) -> list[Place]:
        raw = collapse(value)
        parts = tokens(raw)
        if not parts:
            return self._find_signs(raw, limit)
        signed = raw[0] in "-−(" and bool(numbers.readings(raw))
        if not signed and (found := self._find_tokens(raw, parts, beside, label, limit)):
            return found
        for reading in dates.readings(raw):
            if found := self._known(self._index.dates.get(reading), raw, beside, label, limit):
                return found
        # Digits alone are a code as often as an amount: 00123 is not 123.
        if not raw.isdigit():
            for number in numbers.readings(raw):
                if found := self._find_number(number, beside, label, limit, raw=raw):
                    return found
        code = numbers.currency_of(raw)
        return self._known(self._index.currencies.get(code), raw, beside, label, limit) if code else []

    def _find_number(
        self, value: int | float | Decimal, beside: Place | None, label: str, limit: int, *, raw: str = ""
    ) -> list[Place]:
        number = numbers.as_decimal(value)
        if number is None:
            return []
        printed = raw or str(value)
        found = self._known(self._index.numbers.get(number), printed, beside, label, limit)
        if not found and number:
            other = self._known(self._index.numbers.get(-number), printed, beside, label, limit)
            found = [place._replace(match="fuzzy") for place in other]
        return found

    def _find_bool(self, value: bool, label: str, beside: Place | None, limit: int) -> list[Place]:
        """Find a printed yes or no; without a label or a sibling nearby any `no` of the prose would do: none does."""
        if not label and beside is None:
            return []
        found = []
        for word in _YES if value else _NO:
            parts = tokens(word)
            mentions = self._find_tokens(word, parts, beside, label, limit) if parts else self._find_signs(word, limit)
            found += [p for p in mentions if self._nearness.labelled(p, label) or self._nearness.beside(p, beside)]
        return [place._replace(match="normalized") for place in found]

    def _find_signs(self, raw: str, limit: int) -> list[Place]:
        """Find a value without letters and digits (`☑`, `€`, `***`) where a word is just that, or has the currency."""
        code = numbers.currency_of(raw)
        if code:
            places = self._index.currencies.get(code)
            return self._known(places, raw, None, "", limit)
        found = []
        for i, word in enumerate(self._index.words):
            if word == raw:
                found.append(Place(i, i, "exact"))
                if len(found) >= limit:
                    break
        return found

    def _known(self, places: Places | None, raw: str, beside: Place | None, label: str, limit: int) -> list[Place]:
        """Return the places to consider of a number or date, each with its match quality."""
        if places is None:
            return []
        chosen = spread(places.firsts, max(limit, CONSIDERED), self._nearness.hints(beside, label))
        return [self._graded(places.places[i], raw) for i in chosen]

    def _graded(self, place: Place, raw: str) -> Place:
        quote = self.text_of(place)
        # 5 is printed in 5.00, but as other characters: only a whole printed number is exact.
        raw = raw.removesuffix(".0")
        bare = quote.strip("()[]*;: ")
        same = bare == raw or bare.strip("€$£¥% ") == raw or bare.rstrip(".,") == raw
        return place._replace(match="exact") if same else place

    def _find_tokens(self, raw: str, parts: list[str], beside: Place | None, label: str, limit: int) -> list[Place]:
        index = self._index
        needle = "".join(parts)
        considered = max(limit, CONSIDERED)
        found: list[Place] = []
        anchor = anchors(index, parts)
        if anchor is not None:
            postings, shift = anchor
            chosen = spread(postings, considered, self._nearness.token_hints(beside, label))
            found = self._verified((index.token_offset[postings[i]] - shift for i in chosen), needle, raw)
            if not found and len(postings) > considered and len(postings) * len(needle) < 1_000_000:
                found = self._verified((index.token_offset[t] - shift for t in postings), needle, raw, considered)
        if not found and len(needle) >= _SHORTEST_SPLIT:
            found = self._verified(_occurrences(index.squeezed, needle), needle, raw, considered)
        if not found and len(parts) >= _FEWEST_SPLIT_WORDS:
            starts: Sequence[int] = index.postings.get(parts[0], ())
            chosen = spread(starts, _SPLIT_STARTS, self._nearness.token_hints(beside, label))
            found = [p for i in chosen if (p := followed(index, starts[i], parts)) is not None]
        return found

    def _verified(self, offsets: Iterable[int], needle: str, raw: str, most: int = CONSIDERED) -> list[Place]:
        found: list[Place] = []
        beyond = 0
        for offset in offsets:
            if found and offset < beyond:
                continue
            place = self._verify(offset, needle, raw)
            if place is not None:
                found.append(place)
                beyond = offset + len(needle)
                if len(found) >= most:
                    break
        return found

    def _verify(self, offset: int, needle: str, raw: str) -> Place | None:
        """Return the place at this offset of the squeezed text if the value stands there between token borders."""
        index = self._index
        if offset < 0 or not index.squeezed.startswith(needle, offset):
            return None
        offsets = index.token_offset
        start = bisect_left(offsets, offset)
        end = offset + len(needle)
        stop = bisect_left(offsets, end)
        if offsets[start] != offset or start >= len(index.token_word):
            return None
        glued = offsets[stop] != end
        if glued and not self._footnoted(stop - 1, end):
            return None
        first, last = index.token_word[start], index.token_word[stop - 1]
        begins = index.first_token[first] == start
        ends = index.first_token[last + 1] == stop and not glued
        if needle.isdigit() and not self._stands_alone(start, stop, first, last):
            return None
        if first != last and not self._may_join(start, stop, needle, raw):
            return None
        quote = index.quote(first, last)
        if not symbols_agree(raw, quote):
            return None
        match: Match = "exact" if raw in quote and not glued else "normalized"
        return Place(first, last, match, whole=begins and ends)

    def _footnoted(self, token: int, end: int) -> bool:
        """Say whether what follows `end` in the token is a glued footnote number: `Shah1` holds `Shah`."""
        start = self._index.token_offset[token]
        name = self._index.squeezed[start:end]
        rest = self._index.squeezed[end : self._index.token_offset[token + 1]]
        return len(name) >= 3 and name.isalpha() and bool(_FOOTNOTES.fullmatch(rest))

    def _stands_alone(self, start: int, stop: int, first: int, last: int) -> bool:
        """Say whether digits are not the part of a longer run of digits and signs, as 12 is of 2012-12."""
        index = self._index
        if first == last and YEARS.match(index.words[first]):
            return True
        before = index.first_token[first] < start and self._token(start - 1)[-1].isdigit()
        after = index.first_token[last + 1] > stop and self._token(stop)[0].isdigit()
        return not before and not after

    def _token(self, token: int) -> str:
        return self._index.squeezed[self._index.token_offset[token] : self._index.token_offset[token + 1]]

    def _may_join(self, start: int, stop: int, needle: str, raw: str) -> bool:
        """Say whether the words of a match may be read as one where the value has no space between them.

        A hyphen at the end of a line joins; so does a value long enough that chance cannot have put its parts there.
        """
        index = self._index
        base = index.token_offset[start]
        spaced = _breaks(raw)
        for token in range(start + 1, stop):
            word = index.token_word[token]
            if word == index.token_word[token - 1] or index.token_offset[token] - base in spaced:
                continue
            if index.words[word - 1].endswith(("-", "\u00ad", "‐")):
                continue
            if len(needle) < 6 or (len(needle) < 8 and (needle.isdigit() or needle.isalpha())):
                return False
        return True


def _breaks(raw: str) -> set[int]:
    """Return the offsets, in the squeezed value, at which one token ends and the next begins."""
    offsets, at = set(), 0
    for token in tokens(raw):
        at += len(token)
        offsets.add(at)
    return offsets


def _occurrences(text: str, needle: str) -> list[int]:
    """Return where `needle` stands in `text`, up to a bound that a hostile page cannot raise."""
    found: list[int] = []
    at = text.find(needle)
    while at >= 0 and len(found) < _MOST_TRIES:
        found.append(at)
        at = text.find(needle, at + 1)
    return found
