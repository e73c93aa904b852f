"""Page furniture: running heads and feet, told by what the pages around print at the same place.

Two lines are the same furniture if they have the same words, but for numbers that count the pages: a figure that is as
much larger as the page is further on. So the first row of each page of a statement is no running head, however much
alike the rows are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from .lines import Run, around, lines_of, run_of
from .markdown import Line

if TYPE_CHECKING:
    from .compose import Found

_ZONE = 0.16
"""Furniture stands within this share of the page's height from its upper or lower edge."""
_BEYOND = 0.06
"""So much further inwards lines are looked at, to tell what stands apart."""
_MOST_LINES = 8
_APART = 8.0
"""Points by which the same line may stand higher or lower on another page."""
_NEIGHBORS = 2
"""Pages on either side that are compared: the next one, and the next one of the same side of a sheet."""
_GAP = 1.5

_NUMBER = re.compile(r"\d+|\b[ivxlc]+\b")
_PAGE_NUMBER = re.compile(
    r"(?:\W*(?:page|seite|pagina|página|p\.|s\.|bladzijde|blz\.?|side|sida)\W*)?\W{0,3}\d{1,4}\W{0,3}"
    r"(?:(?:of|von|van|de|sur|di|af|av|/)\W*\d{1,4}\W*)?$",
    re.IGNORECASE,
)
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}


class Marked(NamedTuple):
    """A page's runs, parted: the lines of its head and its foot, and everything else."""

    header: tuple[Line, ...]
    footer: tuple[Line, ...]
    body: Sequence[Run]


class _Candidate(NamedTuple):
    """A line near an edge of its page: its words without the numbers, the numbers, and its distance from the edge."""

    line: Line
    words: str
    numbers: tuple[int, ...]
    place: float
    left: float


class _Edges(NamedTuple):
    """The candidates of one page, from the edge inwards."""

    number: int
    zone: float
    head: tuple[_Candidate, ...]
    foot: tuple[_Candidate, ...]


class Furniture:
    """Marks the furniture of pages given in order; the last pages of one call are remembered for the next."""

    def __init__(self) -> None:
        self._before: list[_Edges] = []

    def mark(self, pages: Sequence[Found]) -> list[Marked]:
        """Return each page parted; no line is marked on a page that would have nothing else."""
        edges = [_edges_of(page) for page in pages]
        known = [*self._before, *edges]
        self._before = known[-_NEIGHBORS:]
        return [_parted(page, own, known) for page, own in zip(pages, edges, strict=True)]


def _edges_of(page: Found) -> _Edges:
    height = page.height
    upper, lower = (_ZONE + _BEYOND) * height, (1 - _ZONE - _BEYOND) * height
    near = [run for run in page.runs if run.upright and not upper < run.corners[1] < run.corners[3] < lower]
    head: list[_Candidate] = []
    foot: list[_Candidate] = []
    for line in lines_of(near):
        x0, y0, _, y1 = around(line)
        middle = (y0 + y1) / 2
        if middle <= upper:
            head.append(_candidate(line, y0, x0))
        elif middle >= lower:
            foot.append(_candidate(line, height - y1, x0))
    # One more than may be furniture: what stands next to it.
    return _Edges(
        page.number, height * _ZONE, tuple(head[: _MOST_LINES + 1]), tuple(reversed(foot[-_MOST_LINES - 1 :]))
    )


def _candidate(line: Line, place: float, left: float) -> _Candidate:
    text = " ".join(word.text for word in line).casefold()
    numbers = tuple(_value(found) for found in _NUMBER.findall(text))
    return _Candidate(line, _NUMBER.sub("#", text), numbers, place, left)


def _value(text: str) -> int:
    if text.isdecimal():
        return int(text[:12])
    values = [_ROMAN[letter] for letter in text]
    return sum(-a if b > a else a for a, b in pairwise([*values, 0]))


def _parted(page: Found, own: _Edges, known: Sequence[_Edges]) -> Marked:
    others = [other for other in known if 0 < abs(other.number - own.number) <= _NEIGHBORS]
    head = _furniture(own.head, own, [(other.number, other.head) for other in others])
    foot = _furniture(own.foot, own, [(other.number, other.foot) for other in others])
    taken = {id(word) for candidate in (*head, *foot) for word in candidate.line}
    if not taken or len(taken) == sum(len(run.words) for run in page.runs):
        return Marked((), (), page.runs)
    body: list[Run] = []
    for run in page.runs:
        left = [word for word in run.words if id(word) not in taken]
        if len(left) == len(run.words):
            body.append(run)
        else:
            body.extend(run_of(word, run.upright) for word in left)
    return Marked(
        tuple(candidate.line for candidate in head), tuple(candidate.line for candidate in reversed(foot)), body
    )


def _furniture(
    lines: Sequence[_Candidate], own: _Edges, others: Sequence[tuple[int, Sequence[_Candidate]]]
) -> list[_Candidate]:
    """Return the lines from the edge inwards that are furniture."""
    alike = [
        [(page, other) for page, candidates in others for other in candidates if _same(line, other, page - own.number)]
        for line in lines
    ]
    repeated = [bool(its) for its in alike]
    kept = [one or _is_page_number(line) for line, one in zip(lines, repeated, strict=True)]
    # A chapter's title may stand outside of what is repeated; what stands within is the page's own.
    start = 1 if kept[:2] == [False, True] else 0
    end = start
    while end < min(len(kept), _MOST_LINES) and kept[end] and lines[end].place < own.zone:
        end += 1
    # The head of a table is repeated too: it stands close to the rows under it and counts no pages.
    while end > start and _is_columns(lines[end - 1]) and not _stands_apart(lines, end):
        if any(lines[end - 1].numbers != other.numbers for _, other in alike[end - 1]):
            break
        end -= 1
    found = list(lines[start:end]) if any(repeated[start:end]) else []
    if not found and lines and _is_page_number(lines[0]) and lines[0].place < own.zone and _stands_apart(lines, 1):
        found = [lines[0]]
    return found


def _same(a: _Candidate, b: _Candidate, pages: int) -> bool:
    return (
        a.words == b.words
        and abs(a.place - b.place) <= _APART
        and len(a.numbers) == len(b.numbers)
        and all(y - x in (0, pages) for x, y in zip(a.numbers, b.numbers, strict=True))
        # A number alone counts pages, or is an amount that happens to be the same.
        and (any(character.isalpha() for character in a.words) or a.numbers != b.numbers)
    )


def _is_columns(candidate: _Candidate) -> bool:
    """Whether the line has parts as the head of a table has, one over each column."""
    height = candidate.line[0].y1 - candidate.line[0].y0
    return sum(b.x0 - a.x1 > height for a, b in pairwise(candidate.line)) >= 1


def _is_page_number(candidate: _Candidate) -> bool:
    return bool(_PAGE_NUMBER.match(" ".join(word.text for word in candidate.line)))


def _stands_apart(lines: Sequence[_Candidate], reach: int) -> bool:
    """Whether there is white space between this line and the next one inwards."""
    if reach >= len(lines):
        return True
    _, y0, _, y1 = around(lines[reach - 1].line)
    _, below0, _, below1 = around(lines[reach].line)
    return max(below0 - y1, y0 - below1) > _GAP * (y1 - y0)
