"""Where values are printed in a text, in any usual spelling, and which records stand there as a whole."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from fieldwise.grounding import dates, numbers
from fieldwise.grounding.text import squeeze

_WORD = re.compile(r"[^\s|]+")
_NEAR = 300
"""Values of one record stand within so many characters of each other, beside the length of the longest."""
_SHARES = (1.0, 0.85, 0.7)
"""A record stands in a text when such a share of its values stands together: rows are cut, and words are torn."""


class Spot(NamedTuple):
    """Where a value is printed: `text[start:end]`, and those words."""

    start: int
    end: int
    printed: str


class PrintedText:
    """A text in which values are looked up in any usual spelling."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._words = [(m.start(), m.end()) for m in _WORD.finditer(text)]
        pieces = [squeeze(text[a:b]) for a, b in self._words]
        self._squeezed = "".join(pieces)
        self._starts: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        at = 0
        for i, piece in enumerate(pieces):
            if piece:
                self._starts[at] = i
                at += len(piece)
                self._ends[at] = i
        self._lines = [m.start() for m in re.finditer("\n", text)]
        self._numbers = self._all_numbers()
        self._days: dict[str, list[Spot]] = defaultdict(list)
        for found in dates.find_dates(text):
            for reading in found.readings:
                self._days[reading].append(Spot(found.start, found.end, text[found.start : found.end]))

    def spots(self, value: Any) -> list[Spot]:
        """Return where a value is printed, in reading order; nothing for yes and no."""
        if value is None or isinstance(value, bool | list | Mapping):
            return []
        if isinstance(value, int | float):
            number = numbers.as_decimal(value)
            return self._numbers.get(abs(number), []) if number is not None else []
        found = self._texts(squeeze(value))
        days = dates.readings(value)
        if days:
            found = found + [s for day in days[:1] for s in self._days.get(day, []) if s not in found]
        return sorted(found)

    def line(self, offset: int) -> int:
        """Return the number of the line in which a character stands, from 0."""
        return bisect_left(self._lines, offset)

    def _texts(self, wanted: str) -> list[Spot]:
        found = []
        at = self._squeezed.find(wanted) if wanted else -1
        while at >= 0:
            first, last = self._starts.get(at), self._ends.get(at + len(wanted))
            if first is not None and last is not None:
                start, end = self._words[first][0], self._words[last][1]
                found.append(Spot(start, end, self._text[start:end]))
            at = self._squeezed.find(wanted, at + 1)
        return found

    def _all_numbers(self) -> dict[Decimal, list[Spot]]:
        found: dict[Decimal, list[Spot]] = defaultdict(list)
        for i, (start, _) in enumerate(self._words):
            if not any(c.isdigit() for c in self._text[start : self._words[i][1]]):
                continue
            # `1 234,56` and `5 -` are several words; what is nearest to the number alone comes first.
            for last in range(i, min(i + 3, len(self._words))):
                end = self._words[last][1]
                printed = self._text[start:end].strip("*_")
                for value in numbers.readings(printed):
                    found[abs(value)].append(Spot(start, end, printed))
        return found


def occurring(records: Sequence[Mapping[str, Any]], text: PrintedText) -> list[Mapping[str, Any]]:
    """Return the records that stand in `text`, in its order. Equal records are counted: one for each place.

    Records of which every value stands together come first, so that one that is not there cannot take their places.
    """
    used: set[tuple[int, int]] = set()
    waiting = []
    for number, record in enumerate(records):
        values = [(column, v) for column, v in enumerate(leaves(record)) if _is_telling(v)]
        spots = [(column, found) for column, v in values if (found := text.spots(v))]
        waiting.append((number, record, len(values), sorted(spots, key=lambda pair: len(pair[1]))))
    placed = []
    for share in _SHARES:
        left = []
        for number, record, wanted, spots in waiting:
            taken = _together(spots, max(1, round(share * wanted)), used, text)
            if taken:
                used.update(taken.items())
                placed.append((min(taken.values()), number, record))
            else:
                left.append((number, record, wanted, spots))
        waiting = left
    return [record for _, _, record in sorted(placed, key=lambda item: item[:2])]


def _together(
    spots: Sequence[tuple[int, list[Spot]]], enough: int, used: set[tuple[int, int]], text: PrintedText
) -> dict[int, int] | None:
    """Return where enough values stand close together: the start of each by column; None where too few do."""
    if len(spots) < enough:
        return None
    reach = _NEAR + max((s.end - s.start for _, found in spots for s in found[:1]), default=0)
    for column, found in spots[: len(spots) - enough + 1]:
        for anchor in found:
            if (column, anchor.start) in used:
                continue
            taken = {column: anchor.start}
            line = text.line(anchor.start)
            for other, places in spots:
                if other == column:
                    continue
                first = bisect_left(places, (anchor.start - reach,))
                last = bisect_right(places, (anchor.start + reach,))
                free = [s.start for s in places[first:last] if (other, s.start) not in used]
                if free:
                    # The end of the line before is nearer than the end of the anchor's own line.
                    taken[other] = min(free, key=lambda at: (abs(text.line(at) - line), abs(at - anchor.start)))
            if len(taken) >= enough:
                return taken
    return None


def leaves(record: Any) -> Iterator[Any]:
    if isinstance(record, Mapping):
        for value in record.values():
            yield from leaves(value)
    elif not isinstance(record, list):
        yield record


def _is_telling(value: Any) -> bool:
    return value is not None and not isinstance(value, bool) and (not isinstance(value, str) or bool(squeeze(value)))
