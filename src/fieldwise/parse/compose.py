"""Pages from what a reader found on them: words, where it knows regions and rules. Whoever reads words, this is next.

    composer = Composer()
    for page in composer.pages([Found(number=1, width=612, height=792, runs=[Run(...), ...])]): ...

Give the pages in order, many at once where possible: running heads are told by the pages around them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from fieldwise.model import Page

from .continued import LastTable, continued
from .furniture import Furniture, Marked
from .layout import Item, Region, arrange
from .lines import Run
from .markdown import Grid, PageWriter, TextBlock
from .regions import find_regions
from .rulings import Edges


class Found(NamedTuple):
    """What was found on one page; lengths are points, origin top left, after rotation.

    A run is one line of words, or a part of a line; `Placed.confidence` tells recognized words from those of a text
    layer. `regions` are blocks in reading order; without any (None), they are found from the white space.
    """

    number: int
    width: float
    height: float
    runs: Sequence[Run]
    regions: Sequence[Region] | None = None
    edges: Edges = Edges()
    rotation: int = 0


class Composer:
    """Makes the pages of one document, in order. Remembers what the last pages had at their heads and feet."""

    def __init__(self) -> None:
        self._furniture = Furniture()
        self._last: LastTable | None = None

    def pages(self, found: Iterable[Found]) -> Iterator[Page]:
        """Yield a Page for each; every word of its runs is in its markdown exactly once."""
        batch = list(found)
        for one, marked in zip(batch, self._furniture.mark(batch), strict=True):
            page = _page(one, marked)
            self._last, page = continued(self._last, page)
            yield page


def _page(found: Found, marked: Marked) -> Page:
    writer = PageWriter(found.number, found.width, found.height, found.rotation)
    runs = marked.body
    regions = found.regions if found.regions is not None else find_regions(runs)
    items: list[Item] = list(arrange(runs, regions, found.edges))
    if marked.header:
        items.insert(0, TextBlock("header", marked.header))
    if marked.footer:
        items.append(TextBlock("footer", marked.footer))
    for item in items:
        if isinstance(item, Grid):
            writer.table(item)
        else:
            writer.text(item)
    return writer.page()
