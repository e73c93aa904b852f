"""Tables by where words stand: lines whose figures stand under each other are rows, whatever the parser made of them.

A row is a line with at least two figures at the places where the rows around it have theirs. Columns are what does not
overlap from row to row. Lines between rows belong to the row they stand closer to; they continue a cell's text where
its line above was full, and are left out of the cell where they are notes (another size, or room was left).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from fieldwise.grounding import WordIndex
from fieldwise.grounding.text import squeeze

from .lines import Line, Segment, lines_of
from .tables import Cell, Entry

_ALIGNED = 0.007
"""Figures stand under each other if an edge or the middle is within this share of the page's width."""
_REACH = 30
"""Lines between two rows of one table, at most."""
_MOST_TABLES = 60
"""Tables looked at on one page, those with most rows first: no real page has more."""
_NEAR = 2.6
"""A heading stands above its table, and the last row's text below it, within so many line heights."""
_MOST_HEADING_LINES = 8
_TOUCHING = 0.1
_FILLED = 0.6


class _Band(NamedTuple):
    left: float
    right: float


class _Rows:
    """The rows found so far of one table on one page, with the places of their figures."""

    def __init__(self, at: int, line: Line) -> None:
        self.at = [at]
        self.lines = [line]
        self.figures = [s for s in line.segments if s.figure]

    def takes(self, line: Line) -> bool:
        figures = [s for s in line.segments if s.figure]
        matched = [s for s in figures if any(_aligned(s, mine) for mine in self.figures)]
        # Some renderers set each row as a table of its own: the same kinds of cells in the same order are a row too.
        alike = [s.figure for s in line.segments] == [s.figure for s in self.lines[-1].segments]
        return len(matched) >= 2 and (alike or len(matched) >= 0.6 * len(figures))

    def moved(self, at: list[int]) -> _Rows:
        """Return the same rows under other line numbers."""
        copy = _Rows(at[0], self.lines[0])
        copy.at, copy.lines, copy.figures = at, self.lines, self.figures
        return copy

    def add(self, at: int, line: Line) -> None:
        self.at.append(at)
        self.lines.append(line)
        for segment in line.segments:
            if segment.figure and not any(_aligned(segment, mine) for mine in self.figures):
                self.figures.append(segment)


class _Found(NamedTuple):
    """A table on one page."""

    page: int
    heading: tuple[str, ...]
    bands: tuple[_Band, ...]
    entries: tuple[Entry, ...]


def grids(index: WordIndex) -> list[tuple[tuple[str, ...], tuple[Entry, ...]]]:
    """Return heading and entries of each table on pages whose words have boxes, joined over page breaks."""
    joined: list[tuple[_Found, list[Entry]]] = []
    last: _Found | None = None
    over: list[Line] = []
    for page in range(1, len(index.page_starts) + 1):
        lines = lines_of(index, page)
        tables = _on_page(index, lines, page)
        if tables and last is not None:
            tables[0] = _without_running(tables[0], last, lines, over)
        over = lines
        for number, table in enumerate(tables):
            if number == 0 and last is not None and last.page == page - 1 and _goes_on(last, table):
                joined[-1][1].extend(_as_columns_of(joined[-1][0], table))
            else:
                joined.append((table, list(table.entries)))
        if tables:
            last = tables[-1]
    return [(found.heading, tuple(entries)) for found, entries in joined]


def _on_page(index: WordIndex, lines: list[Line], page: int) -> list[_Found]:
    open_: list[_Rows] = []
    active: list[_Rows] = []
    for at, line in enumerate(lines):
        if sum(s.figure for s in line.segments) < 2:
            continue
        active = [rows for rows in active if at - rows.at[-1] <= _REACH]
        taker = next((rows for rows in reversed(active) if rows.takes(line)), None)
        if taker is None:
            taker = _Rows(at, line)
            open_.append(taker)
            active.append(taker)
        else:
            taker.add(at, line)
    open_ = sorted(open_, key=lambda rows: -len(rows.at))[:_MOST_TABLES]
    open_ = [rows for rows in open_ if not any(_second_line_of(rows, other) for other in open_ if other is not rows)]
    found = [_local_table(index, lines, rows, open_, page) for rows in sorted(open_, key=lambda r: r.at[0])]
    return [table for table in found if table is not None]


def _local_table(index: WordIndex, lines: list[Line], rows: _Rows, all_rows: list[_Rows], page: int) -> _Found | None:
    """Make the table of these rows from what stands over, between and under them, on a page of several columns too."""
    body = [s for row in rows.lines for s in row.segments]
    near = _within(lines, body)
    local = rows.moved([near.index(i) for i in rows.at])
    # The heading may name columns that the lines of the rows do not fill.
    head = [s for i in _heading([lines[i] for i in near], local.at[0], local) for s in lines[near[i]].segments]
    near = _within(lines, [*body, *head])
    local = rows.moved([near.index(i) for i in rows.at])
    starts = sorted(near.index(other.at[0]) for other in all_rows if other.at[0] in near)
    return _table(index, [lines[i] for i in near], local, starts, page)


def _within(lines: list[Line], segments: Sequence[Segment]) -> list[int]:
    left, right = min(s.left for s in segments), max(s.right for s in segments)
    return [i for i, line in enumerate(lines) if any(s.left < right and left < s.right for s in line.segments)]


def _second_line_of(rows: _Rows, other: _Rows) -> bool:
    """Say whether what looks like a table is the lower line of another one's rows (an amount set a little deeper)."""
    inside = sum(1 for at in rows.at if other.at[0] < at < other.at[-1])
    return len(rows.figures) < len(other.figures) and inside * 2 >= len(rows.at) and inside > 0


def _table(index: WordIndex, lines: list[Line], rows: _Rows, starts: list[int], page: int) -> _Found | None:
    first, last = rows.at[0], rows.at[-1]
    above = _heading(lines, first, rows)
    if len(rows.at) < 2 and not above:
        # One line with two figures is a table only under a heading.
        return None
    bands = _bands(rows.lines, [lines[i] for i in above])
    if len(bands) < 2:
        return None
    stop = next((s for s in starts if s > last), len(lines))
    below = _tail(lines, last, stop, bands)
    between = [i for i in range(max(above, default=first - 1) + 1, below + 1) if i not in rows.at]
    owned = _owned(lines, rows.at, between)
    limits = _limits([*rows.lines, *(lines[i] for i in between)], bands)
    entries = tuple(
        _entry(lines[at], [lines[i] for i in before], [lines[i] for i in after], bands, limits)
        for at, (before, after) in zip(rows.at, owned, strict=True)
    )
    heading = _heading_texts(index, [lines[i] for i in above], bands)
    return _Found(page, heading, tuple(bands), entries)


def _heading(lines: list[Line], first: int, rows: _Rows) -> list[int]:
    """Return the lines of the heading: the nearest line of words over several columns, and what is stacked on it."""
    candidates: list[int] = []
    for at in range(first - 1, max(-1, first - 1 - _MOST_HEADING_LINES), -1):
        below = lines[candidates[-1] if candidates else first]
        if below.top - lines[at].bottom > _NEAR * below.height or any(s.figure for s in lines[at].segments):
            break
        candidates.append(at)
    body = [s for line in rows.lines for s in line.segments]
    main = next((at for at in candidates if sum(_over(s, body) for s in lines[at].segments) >= 2), None)
    if main is None:
        return []
    found = [main]
    for step in (-1, 1):
        at = main + step
        while at in candidates and _stacked(lines[at], lines[at - step], lines[main]):
            found.append(at)
            at += step
    return sorted(found)


def _over(heading: Segment, body: Sequence[Segment]) -> bool:
    """Say whether a segment stands over one column of figures or text, not across several."""
    under = [s for s in body if s.left < heading.right and heading.left < s.right]
    return bool(under) and len(heading.text) <= 40


def _stacked(line: Line, neighbor: Line, main: Line) -> bool:
    distance = abs(line.top - neighbor.top)
    alike = abs(line.height - main.height) <= 0.25 * main.height
    short = all(len(s.text) <= 40 for s in line.segments)
    fits = all(_overlaps(s, main.segments) <= 1 for s in line.segments)
    return distance <= 1.8 * main.height and alike and short and fits


def _overlaps(segment: Segment, others: Sequence[Segment]) -> int:
    return sum(1 for o in others if o.left < segment.right and segment.left < o.right)


def _bands(rows: Sequence[Line], heading: Sequence[Line]) -> list[_Band]:
    """Return the columns: what overlaps from row to row is one; the heading adds those that no row fills."""
    bands = _merged([_Band(s.left, s.right) for line in rows for s in line.segments])
    more = [_Band(s.left, s.right) for line in heading for s in line.segments]
    free = [band for band in _merged(more) if not any(b.left < band.right and band.left < b.right for b in bands)]
    return sorted([*bands, *free])


def _merged(bands: list[_Band]) -> list[_Band]:
    merged: list[_Band] = []
    for band in sorted(bands):
        if merged and band.left < merged[-1].right:
            merged[-1] = _Band(merged[-1].left, max(merged[-1].right, band.right))
        else:
            merged.append(band)
    return merged


def _heading_texts(index: WordIndex, lines: Sequence[Line], bands: Sequence[_Band]) -> tuple[str, ...]:
    """Give the words of the heading to the columns: a segment as one, or word by word where it is over several."""
    texts: list[list[str]] = [[] for _ in bands]
    for segment in (s for line in lines for s in line.segments):
        column = _band_of(segment, bands)
        for word in segment.words:
            box = index.boxes[word]
            apart = column is None and box is not None
            at = _nearest(_Band(box[0], box[0] + box[2]), bands) if apart and box is not None else column
            if at is not None:
                texts[at].append(index.words[word])
    return tuple(" ".join(words) for words in texts)


def _band_of(segment: Segment, bands: Sequence[_Band]) -> int | None:
    """Return the column a segment stands in; None where it stands across several."""
    touched = [i for i, band in enumerate(bands) if segment.left < band.right and band.left < segment.right]
    if not touched:
        nearest = min(
            range(len(bands)), key=lambda i: min(abs(bands[i].left - segment.left), abs(bands[i].right - segment.right))
        )
        return nearest if abs(bands[nearest].left - segment.left) < 2 * _ALIGNED else None
    return touched[0] if len(touched) == 1 else None


def _tail(lines: list[Line], last: int, stop: int, bands: Sequence[_Band]) -> int:
    """Return the last line that still belongs to the last row: close below, in its columns, no figures of its own."""
    end = last
    for at in range(last + 1, min(stop, last + 1 + _MOST_HEADING_LINES)):
        line = lines[at]
        if line.top - lines[at - 1].bottom > 0.9 * line.height:
            break
        close = line.top - lines[last].bottom < _TOUCHING * line.height
        if len(line.segments) > 1 and any(s.figure for s in line.segments) and not close:
            break
        if any(_band_of(s, bands) is None for s in line.segments):
            break
        end = at
    return end


def _owned(lines: list[Line], rows: list[int], between: list[int]) -> list[tuple[list[int], list[int]]]:
    """Give the lines between two rows to the upper or the lower one: they part where the white space is widest."""
    owned: list[tuple[list[int], list[int]]] = [([], []) for _ in rows]
    for number, at in enumerate(rows):
        following = rows[number + 1] if number + 1 < len(rows) else None
        run = [i for i in between if i > at and (following is None or i < following)]
        if following is None:
            owned[number] = (owned[number][0], run)
            continue
        chain = [at, *run, following]
        gaps = [lines[b].top - lines[a].bottom for a, b in pairwise(chain)]
        widest = max(range(len(gaps)), key=lambda i: (gaps[i] > min(gaps) + 0.1 * lines[at].height, gaps[i], i))
        owned[number] = (owned[number][0], run[:widest])
        owned[number + 1] = (run[widest:], [])
    first = [i for i in between if i < rows[0]]
    owned[0] = (first, owned[0][1])
    return owned


def _limits(lines: Sequence[Line], bands: Sequence[_Band]) -> list[_Band]:
    """Return, for each column, how far its text reaches in these lines and where the next column begins."""
    reached = [band.left for band in bands]
    for segment in (s for line in lines for s in line.segments):
        column = _band_of(segment, bands)
        if column is not None:
            reached[column] = max(reached[column], segment.right)
    return [_Band(r, bands[i + 1].left if i + 1 < len(bands) else r) for i, r in enumerate(reached)]


def _entry(
    row: Line, before: Sequence[Line], after: Sequence[Line], bands: Sequence[_Band], limits: Sequence[_Band]
) -> Entry:
    cells = tuple(_cell(row, before, after, bands, column, limits[column]) for column in range(len(bands)))
    used = {word for cell in cells for word in cell}
    words = [word for line in (*before, row, *after) for segment in line.segments for word in segment.words]
    return Entry(cells, tuple(word for word in words if word not in used))


def _cell(
    row: Line, before: Sequence[Line], after: Sequence[Line], bands: Sequence[_Band], column: int, limit: _Band
) -> Cell:
    own = [s for s in row.segments if _band_of(s, bands) == column]
    upper = [(line, s) for line in before for s in line.segments if _band_of(s, bands) == column]
    lower = [(line, s) for line in after for s in line.segments if _band_of(s, bands) == column]
    if not own:
        # The cell's text may stand a little higher or lower than the figures of its row.
        near = [pair for pair in (*upper[-1:], *lower[:1]) if abs(pair[0].top - row.top) < 1.6 * row.height]
        if not near:
            return ()
        line, segment = min(near, key=lambda pair: abs(pair[0].top - row.top))
        upper = [pair for pair in upper if pair[0].top < line.top]
        lower = [pair for pair in lower if pair[0].top > line.top]
        row, own = line, [segment]
    words = [word for segment in own for word in segment.words]
    if all(segment.figure for segment in own):
        return tuple(words)
    reached, height = own[-1].right, row.height
    for line, segment in lower:
        if not _wraps(reached, segment, limit, line.height, height):
            break
        words += segment.words
        reached = segment.right
    following = own[0]
    for line, segment in reversed(upper):
        if not _wraps(segment.right, following, limit, line.height, height):
            break
        words = [*segment.words, *words]
        following = segment
    return tuple(words)


def _wraps(reached: float, following: Segment, limit: _Band, size: float, height: float) -> bool:
    """Say whether a line was full: the first word of the next line would not have fitted behind it.

    `limit` is how far the column's text reaches, and how far it could. A line that leaves much of that free ends there:
    whatever stands below it is something else.
    """
    if abs(size - height) > 0.06 * height or following.figure:
        return False
    first = following.text.split(" ", 1)[0]
    width = (following.right - following.left) * (len(first) + 1) / max(1, len(following.text))
    return reached + width > limit.left and reached - following.left > _FILLED * (limit.right - following.left)


def _aligned(a: Segment, b: Segment) -> bool:
    return abs(a.right - b.right) < _ALIGNED or abs(a.left - b.left) < _ALIGNED or abs(a.middle - b.middle) < _ALIGNED


def _without_running(table: _Found, last: _Found, lines: Sequence[Line], over: Sequence[Line]) -> _Found:
    """Take a page's running head off a table it was taken for the heading of: the page before has it at that height.

    Where the page before has it as its table's heading too, it is one.
    """
    before = {(_printed(line), round(line.top, 2)) for line in over}
    running = {word for line in lines if (_printed(line), round(line.top, 2)) in before for word in _printed(line)}
    words = {word for text in table.heading for word in text.split()}
    theirs = {word for text in last.heading for word in text.split()}
    if not words or not words <= running or words & theirs:
        return table
    return table._replace(heading=("",) * len(table.heading))


def _printed(line: Line) -> tuple[str, ...]:
    return tuple(word for segment in line.segments for word in segment.text.split())


def _goes_on(last: _Found, table: _Found) -> bool:
    """Say whether a page's first table is the last one of the page before: same heading, or same columns and none."""
    if any(table.heading) and any(last.heading):
        # A section's name may stand among the words of the first heading: most columns must agree, not all.
        mine, other = ({squeeze(text) for text in found.heading} - {""} for found in (table, last))
        return len(mine & other) >= 0.6 * max(len(mine), len(other))
    matched = sum(1 for band in table.bands if _nearest(band, last.bands) is not None)
    return not any(table.heading) and matched >= max(2, 0.8 * len(table.bands))


def _as_columns_of(first: _Found, table: _Found) -> list[Entry]:
    """Put a continuation's cells under the columns of the table's beginning."""
    target = [_nearest(band, first.bands) for band in table.bands]
    entries = []
    for entry in table.entries:
        cells: list[Cell] = [()] * len(first.bands)
        for column, cell in enumerate(entry.cells):
            at = target[column]
            if at is not None:
                cells[at] = (*cells[at], *cell)
        entries.append(entry._replace(cells=tuple(cells)))
    return entries


def _nearest(band: _Band, others: Sequence[_Band]) -> int | None:
    """Return the column that stands where this one stands: the one it overlaps most."""
    shared = [min(band.right, o.right) - max(band.left, o.left) for o in others]
    best = max(range(len(others)), key=shared.__getitem__)
    return best if shared[best] > 0 else None
