"""Which of several mentions is meant: next to the field's label, near the record's other values, first to be read."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

from fieldwise.model import Box

from .index import Place, WordIndex, same_line
from .text import label_words

_LABEL_MENTIONS = 32
"""Mentions of one label word looked at on one page: tables repeat their headings, hostile pages repeat anything."""

_ABOVE = 0.05
"""A label stands above its value by no more than this share of the page's height; a column's heading may."""

_FURNITURE = 0.6
"""What a place in a running head loses: less than a label beside it gives."""


class _LabelWord(NamedTuple):
    weight: float
    words: list[int]


class Nearness:
    """Scores places by where they stand. The scores only order the mentions of one value; they mean nothing else."""

    def __init__(self, index: WordIndex) -> None:
        self._index = index
        self._labels: dict[str, list[_LabelWord]] = {}

    def ranked(self, places: list[Place], beside: Place | None, label: str) -> list[Place]:
        """Return `places`, best first; equals stay in reading order."""

        def score(place: Place) -> tuple[float, int]:
            total = 1.5 * self.label_score(place, label) + self._sibling_score(place, beside)
            total += 0.5 * place.whole + 0.2 * (place.match == "exact")
            total -= _FURNITURE * self._in_furniture(place)
            return -total, place.first

        return sorted(places, key=score)

    def _in_furniture(self, place: Place) -> bool:
        """Whether a place is in a running head or foot: a title is cited from where it is the title."""
        at = bisect_right(self._furniture, (place.first, len(self._index.words))) - 1
        return at >= 0 and place.first <= self._furniture[at][1]

    @cached_property
    def _furniture(self) -> list[tuple[int, int]]:
        """First and last word of each running head and foot, in order."""
        found = []
        for page in self._index.pages:
            for block in page.blocks:
                if block.kind in ("header", "footer") and (
                    words := self._index.words_in(page.number, block.span, None)
                ):
                    found.append((words[0], words[-1]))
        return sorted(found)

    def hints(self, beside: Place | None, label: str) -> list[int]:
        """Return words beside which a mention is likely the one meant, the strongest first."""
        found = [beside.first] if beside else []
        for word in self._label(label):
            found += word.words[:8] + word.words[-4:]
        return found[:40]

    def token_hints(self, beside: Place | None, label: str) -> list[int]:
        """As `hints`, as token numbers."""
        return [self._index.first_token[word] for word in self.hints(beside, label)]

    def labelled(self, place: Place, label: str) -> bool:
        return self.label_score(place, label) >= 0.5

    def beside(self, place: Place, sibling: Place | None) -> bool:
        return sibling is not None and self._sibling_score(place, sibling) >= 1.5

    def label_score(self, place: Place, label: str) -> float:
        """Return how many of the label's telling words (by weight, 0..1) stand left of or above a place."""
        words = self._label(label)
        total = sum(w.weight for w in words)
        if not total:
            return 0.0
        start, end = self._index.page_range(self._index.page_of(place.first))
        score = 0.0
        for word in words:
            low, high = bisect_left(word.words, start), bisect_left(word.words, end)
            if high - low > _LABEL_MENTIONS:
                middle = bisect_left(word.words, place.first, low, high)
                low, high = max(low, middle - _LABEL_MENTIONS // 2), min(high, middle + _LABEL_MENTIONS // 2)
            score += word.weight * max((self._relation(w, place) for w in word.words[low:high]), default=0.0)
        return score / total

    def place_at(self, page: int, box: Box) -> Place:
        """Return the word of a page that stands nearest to the middle of a box."""
        start, end = self._index.page_range(page)
        x, y = box[0] + box[2] / 2, box[1] + box[3] / 2

        def distance(word: int) -> float:
            other = self._index.boxes[word]
            if other is None:
                return math.inf
            return abs(other[0] + other[2] / 2 - x) + abs(other[1] + other[3] / 2 - y)

        nearest = min(range(start, end), key=distance, default=start)
        return Place(nearest, nearest, "exact")

    def _label(self, label: str) -> list[_LabelWord]:
        if not label:
            return []
        known = self._labels.get(label)
        if known is None:
            known = []
            for text in label_words(label)[:24]:
                alike = self._index.with_prefix(text) if len(text) > 3 else [text]
                mentions = sorted({w for token in alike for w in self._index.word_postings(token)})
                if mentions:
                    known.append(_LabelWord(1 / (1 + math.log(len(mentions))), mentions))
            self._labels[label] = known
        return known

    def _relation(self, word: int, place: Place) -> float:
        """Return how much a label word at `word` speaks for the place (0..1)."""
        index = self._index
        if place.first <= word <= place.last:
            return 0.0
        label, value = index.boxes[word], index.boxes[place.first]
        if label is None or value is None:
            lines = index.lines[place.first] - index.lines[word]
            if lines == 0:
                return 1.0 if word < place.first else 0.2
            return 0.6 if lines == 1 else 0.0
        if same_line(label, value):
            if label[0] <= value[0]:
                return 1.0 - 0.6 * min(1.0, max(0.0, value[0] - label[0] - label[2]))
            return 0.15
        above = value[1] - (label[1] + label[3])
        aligned = min(label[0] + label[2], value[0] + value[2]) - max(label[0], value[0])
        if above < -0.5 * value[3]:
            return 0.0
        if above <= _ABOVE:
            return max(0.1, 0.8 - 4 * max(0.0, above) - 8 * max(0.0, -aligned))
        return 0.4 if aligned > 0 else 0.0

    def _sibling_score(self, place: Place, sibling: Place | None) -> float:
        if sibling is None:
            return 0.0
        index = self._index
        if index.page_of(place.first) != index.page_of(sibling.first):
            return 0.3 if abs(index.page_of(place.first) - index.page_of(sibling.first)) == 1 else 0.0
        mine, other = index.boxes[place.first], index.boxes[sibling.first]
        if mine is None or other is None:
            lines = abs(index.lines[place.first] - index.lines[sibling.first])
            return 2.0 if lines == 0 else max(0.3, 1.5 - 0.1 * lines)
        across = abs(mine[0] - other[0])
        if same_line(mine, other):
            return 2.0 - 0.5 * across
        return max(0.3, 1.5 - 10 * abs(mine[1] - other[1]) - 0.5 * across)


def spread(firsts: Sequence[int], most: int, hints: Iterable[int]) -> list[int]:
    """Choose at most `most` of the sorted mentions: around each hint, then from the front. Returns sorted indices.

    All of them where there are few: the choice only bounds the work on a value that stands on a page a thousand times.
    """
    if len(firsts) <= most:
        return list(range(len(firsts)))
    chosen: set[int] = set()
    for hint in hints:
        middle = bisect_right(firsts, hint)
        chosen.update(range(max(0, middle - 3), min(len(firsts), middle + 5)))
        if len(chosen) >= most - 8:
            break
    chosen.update(range(min(8, most)))
    for i in range(len(firsts)):
        if len(chosen) >= most:
            break
        chosen.add(i)
    return sorted(chosen)[: most + 8]
