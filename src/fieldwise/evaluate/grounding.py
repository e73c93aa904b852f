"""How good the citations are: the right page, the right place on it, and whether the words there hold the value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any, NamedTuple

from fieldwise.grounding import dates, numbers
from fieldwise.grounding.text import squeeze
from fieldwise.model import Box

from .canonical import Locale, normalize
from .cases import Evidence
from .scores import DocumentScore, is_null

IOU = 0.5
_NUMBERS_IN = re.compile(r"[-−+(]?\s?\d[\d.,' ]*\d\)?-?|\d")


class Grounding(NamedTuple):
    """Cells that carry gold evidence: `cells`; of them, predictions that cite something: `cited`; rightly: the rest."""

    cells: int
    cited: int
    on_page: int
    in_place: int
    boxed: int
    cited_boxed: int

    @property
    def page_f1(self) -> float | None:
        return _f1(self.on_page, self.cited, self.cells)

    @property
    def word_f1(self) -> float | None:
        return _f1(self.in_place, self.cited_boxed, self.boxed)


class Support(NamedTuple):
    """Values that should stand on a page as they are: `values`; held by their quote: `supported`; flagged otherwise."""

    values: int
    supported: int
    flagged: int

    @property
    def rate(self) -> float | None:
        return self.supported / self.values if self.values else None


def measure_grounding(score: DocumentScore) -> Grounding:
    """Count right pages and right places over the cells whose gold tells where the value stands."""
    gold, given = score.case.gold.evidence, score.case.prediction.evidence
    cells = cited = on_page = in_place = boxed = cited_boxed = 0
    for cell in score.cells:
        places = gold.get(cell.gold_pointer) if cell.gold_pointer is not None else None
        if not places:
            continue
        mine = given.get(cell.predicted_pointer, ()) if cell.predicted_pointer is not None else ()
        has_boxes = any(p.boxes for p in places)
        cells += 1
        boxed += has_boxes
        cited += bool(mine)
        cited_boxed += has_boxes and any(m.boxes for m in mine)
        if not cell.matched:
            continue
        on_page += any(m.page == p.page for m in mine for p in places)
        in_place += any(overlap(m, p) >= IOU for m in mine for p in places)
    return Grounding(cells, cited, on_page, in_place, boxed, cited_boxed)


def measure_support(score: DocumentScore) -> Support:
    """Count the values whose cited words hold them, over values that are not paraphrases, choices or yes and no."""
    prediction = score.case.prediction
    locale = score.case.locale()
    values = supported = flagged = 0
    for cell in score.cells:
        at = cell.predicted_pointer
        if at is None or is_null(cell.predicted) or not cell.rule.verbatim:
            continue
        values += 1
        if any(holds(e.quote, cell.predicted, locale) for e in prediction.evidence.get(at, ())):
            supported += 1
        elif at in prediction.unfound or not prediction.evidence.get(at):
            flagged += 1
    return Support(values, supported, flagged)


def holds(quote: str, value: Any, locale: Locale) -> bool:
    """Say whether the words of a citation contain a value, in any usual spelling of it."""
    if not quote:
        return False
    text = normalize(value)
    words = squeeze(text)
    if words and words in squeeze(quote):
        return True
    if isinstance(value, bool):
        return False
    wanted = {abs(v) for v in _readings(value, text)}
    if wanted and any(
        wanted & {abs(v) for v in numbers.readings(found.strip())} for found in _NUMBERS_IN.findall(quote)
    ):
        return True
    days = set(dates.readings(text, day_first=locale.day_first))
    return bool(days) and any(days & set(found.readings) for found in dates.find_dates(quote))


def _readings(value: Any, text: str) -> Sequence[Decimal]:
    if isinstance(value, int | float):
        read = numbers.as_decimal(value)
        return (read,) if read is not None else ()
    return numbers.readings(text)


def overlap(a: Evidence, b: Evidence) -> float:
    """Return the intersection over union of two places: of their boxes as areas, or of the boxes around each."""
    if a.page != b.page or not a.boxes or not b.boxes:
        return 0.0
    return max(_area_iou(a.boxes, b.boxes), _area_iou((hull(a.boxes),), (hull(b.boxes),)))


def hull(boxes: Sequence[Box]) -> Box:
    """Return the smallest box around all of them."""
    left, top = min(b[0] for b in boxes), min(b[1] for b in boxes)
    right, bottom = max(b[0] + b[2] for b in boxes), max(b[1] + b[3] for b in boxes)
    return (left, top, right - left, bottom - top)


def _area_iou(a: Sequence[Box], b: Sequence[Box]) -> float:
    if len(a) * len(b) > 10_000:
        return 0.0  # the boxes around each decide
    xs = sorted({x for box in (*a, *b) for x in (box[0], box[0] + box[2])})
    both = either = 0.0
    for left, right in pairwise(xs):
        middle = (left + right) / 2
        ours, theirs = (_spans(side, middle) for side in (a, b))
        width = right - left
        length = _length([*ours, *theirs])
        either += width * length
        both += width * (_length(ours) + _length(theirs) - length)
    return both / either if either > 0 else 0.0


def _spans(boxes: Sequence[Box], x: float) -> list[tuple[float, float]]:
    return [(b[1], b[1] + b[3]) for b in boxes if b[0] <= x <= b[0] + b[2]]


def _length(spans: Sequence[tuple[float, float]]) -> float:
    total, end = 0.0, float("-inf")
    for start, stop in sorted(spans):
        if stop > end:
            total += stop - max(start, end)
            end = stop
    return total


def _f1(right: int, given: int, wanted: int) -> float | None:
    return 2 * right / (given + wanted) if wanted else None
