"""Documents laid out as they are typed: a character is 6 points wide, a line 14 points high."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from fieldwise.model import Document, Page, WordColumns

LayOut = Callable[..., Document]

_WIDTH, _HEIGHT = 600.0, 842.0


def _page(number: int, lines: list[str]) -> Page:
    texts: list[str] = []
    boxes: list[float] = []
    spans: list[int] = []
    markdown = "\n".join(lines)
    at = 0
    for row, line in enumerate(lines):
        for match in re.finditer(r"\S+", line):
            texts.append(match[0])
            boxes += [(30 + 6 * match.start()) / _WIDTH, (40 + 14 * row) / _HEIGHT]
            boxes += [6 * len(match[0]) / _WIDTH, 10 / _HEIGHT]
            spans += [at + match.start(), at + match.end()]
        at += len(line) + 1
    words = WordColumns(texts=tuple(texts), boxes=tuple(boxes), spans=tuple(spans))
    return Page(number=number, width=_WIDTH, height=_HEIGHT, markdown=markdown, word_columns=words)


@pytest.fixture
def lay_out() -> LayOut:
    """Return a function that makes a Document of pages given as text, every word with its box."""

    def make(*pages: str) -> Document:
        made = tuple(_page(n, text.strip("\n").split("\n")) for n, text in enumerate(pages, 1))
        return Document(id="0" * 64, media_type="application/pdf", parser="typed/1", pages=made)

    return make
