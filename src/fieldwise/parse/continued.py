"""Tables that go on over the page: the same columns, under the same head or without one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fieldwise.model import Block, Page, Table
from fieldwise.model.document import Box

_ALIGNED = 0.025
"""Columns are the same if an edge or the middle is within this share of the page's width."""

_NEAR = 0.02
"""The rest of a row stands this near above the rows that follow, as a share of the page's height."""


class LastTable(NamedTuple):
    """The last table so far: its page and index there, its head and columns, and whether text stands under it."""

    page: int
    table: int
    head: tuple[str, ...]
    columns: tuple[tuple[float, float] | None, ...]
    last_on_page: bool


def continued(last: LastTable | None, page: Page) -> tuple[LastTable | None, Page]:
    """Return the page with its first table's `continues` set where that goes on from the page before.

    Also what the next page needs to know. A first row that is no head repeated is not a head there.
    """
    body = [block for block in page.blocks if block.kind not in ("header", "footer")]
    if not page.tables:
        return (last if not body else None), page
    first = page.tables[0]
    if last is not None and last.page == page.number - 1 and len(first_columns := _columns(first)) == len(last.columns):
        repeated = bool(any(last.head)) and _head(first) == last.head
        follows = last.last_on_page and _begins(page, body)
        if repeated or (follows and _aligned(last.columns, first_columns)):
            cells = first.cells
            if not repeated:
                cells = tuple(c.model_copy(update={"header": False}) if c.header else c for c in cells)
            first = first.model_copy(update={"continues": (last.page, last.table), "cells": cells})
            page = page.model_copy(update={"tables": (first, *page.tables[1:])})
    index = len(page.tables) - 1
    table = page.tables[index]
    # The head is that of the first page, also where a page in between does not repeat it.
    carried = last.head if last is not None and index == 0 and table.continues else ()
    return LastTable(page.number, index, carried or _head(table), _columns(table), body[-1].table == index), page


def _begins(page: Page, body: Sequence[Block]) -> bool:
    """Whether the page begins with its first table, or with the rest of a row: a piece of one column right above."""
    if body[0].table == 0:
        return True
    rest, table = body[0].box, page.tables[0].box
    if len(body) < 2 or body[1].table != 0 or rest is None or table is None:
        return False
    column = _columns(page.tables[0])
    inside = any(
        reach and index and reach[0] - _ALIGNED < rest[0] and rest[0] + rest[2] < reach[1] + _ALIGNED
        for index, reach in enumerate(column)
    )
    return inside and 0 <= table[1] - (rest[1] + rest[3]) < _NEAR


def _head(table: Table) -> tuple[str, ...]:
    texts = {cell.column: cell.text for cell in table.cells if cell.row == 0}
    return tuple(texts.get(column, "") for column in range(table.columns)) if len(texts) > 1 else ()


def _columns(table: Table) -> tuple[tuple[float, float] | None, ...]:
    """Return where each column's cells reach from and to; None for one without cells of its own."""
    reach: dict[int, tuple[float, float]] = {}
    for cell in table.cells:
        if cell.box is not None and cell.column_span == 1:
            left, right = reach.get(cell.column, (1.0, 0.0))
            reach[cell.column] = _union(left, right, cell.box)
    return tuple(reach.get(column) for column in range(table.columns))


def _union(left: float, right: float, box: Box) -> tuple[float, float]:
    return min(left, box[0]), max(right, box[0] + box[2])


def _aligned(a: tuple[tuple[float, float] | None, ...], b: tuple[tuple[float, float] | None, ...]) -> bool:
    pairs = [(x, y) for x, y in zip(a, b, strict=True) if x is not None and y is not None]
    same = sum(
        abs(x[0] - y[0]) < _ALIGNED or abs(x[1] - y[1]) < _ALIGNED or abs(sum(x) - sum(y)) < 2 * _ALIGNED
        for x, y in pairs
    )
    return len(pairs) >= 2 and same >= 0.8 * len(pairs)
