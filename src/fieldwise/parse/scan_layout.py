"""What OCR read on a page, as the composer takes it, and the page's boxes back to the picture as it is.

Lines are put in order in the straightened frame, where they are level; boxes are then slanted again, so that outlines
lie on the words of the page that people look at.
"""

from __future__ import annotations

import math

from fieldwise.model import Box, Page

from .compose import Found
from .lines import Run, around
from .markdown import Placed
from .ocr import Reading


def found_in(reading: Reading, number: int, width: float, height: float) -> Found:
    """Return the page's words and rules. `width` and `height` are its points after the turn that set it upright."""
    across, down = width / reading.width, height / reading.height
    runs = []
    for line in reading.lines:
        words = tuple(
            Placed(word.text, word.x0 * across, word.y0 * down, word.x1 * across, word.y1 * down, word.confidence)
            for word in line.words
        )
        runs.append(Run(words, around(words), line.upright))
    return Found(number, width, height, runs, edges=reading.edges.scaled(across, down), rotation=reading.turn)


def slanted(page: Page, skew: float) -> Page:
    """Take all boxes of a straightened page back to the page whose lines fall by `skew` degrees."""
    if not skew:
        return page
    turn = _Turn(skew, page.width, page.height)
    columns = page.word_columns
    if columns is not None:
        boxes: list[float] = []
        for at in range(0, len(columns.boxes), 4):
            x, y, w, h = columns.boxes[at : at + 4]
            boxes += (x, y, w, h) if w < 0 else turn.box((x, y, w, h))
        columns = columns.model_copy(update={"boxes": tuple(boxes)})
    tables = tuple(
        table.model_copy(
            update={
                "box": turn.maybe(table.box),
                "cells": tuple(cell.model_copy(update={"box": turn.maybe(cell.box)}) for cell in table.cells),
            }
        )
        for table in page.tables
    )
    blocks = tuple(block.model_copy(update={"box": turn.maybe(block.box)}) for block in page.blocks)
    return page.model_copy(update={"word_columns": columns, "blocks": blocks, "tables": tables})


class _Turn:
    """Turns boxes about the middle of the page; of a turned box, the upright one around it is given, cut at the page's
    edges."""

    def __init__(self, degrees: float, width: float, height: float) -> None:
        self._cos, self._sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        self._width, self._height = width, height

    def maybe(self, box: Box | None) -> Box | None:
        return self.box(box) if box is not None else None

    def box(self, box: Box) -> Box:
        x, y, w, h = box
        places = [self._place(px, py) for px in (x, x + w) for py in (y, y + h)]
        x0, x1 = _within(min(px for px, _ in places)), _within(max(px for px, _ in places))
        y0, y1 = _within(min(py for _, py in places)), _within(max(py for _, py in places))
        return round(x0, 5), round(y0, 5), round(x1 - x0, 5), round(y1 - y0, 5)

    def _place(self, x: float, y: float) -> tuple[float, float]:
        px, py = (x - 0.5) * self._width, (y - 0.5) * self._height
        return (
            0.5 + (px * self._cos - py * self._sin) / self._width,
            0.5 + (px * self._sin + py * self._cos) / self._height,
        )


def _within(fraction: float) -> float:
    return min(max(fraction, 0.0), 1.0)
