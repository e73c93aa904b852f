"""What the three layouts share: reading sources, dates and money as printed, inline markup, a reproducible file."""

from __future__ import annotations

import json
import re
from datetime import date
from decimal import Decimal
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).resolve().parent.parent / "documents" / "source"
SOFT_HYPHEN = "\N{SOFT HYPHEN}"
# Not the locale's, which differ between machines.
_MONTHS = "January,February,March,April,May,June,July,August,September,October,November,December"


def read_json(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((SOURCES / name).read_text(encoding="utf-8"))
    return loaded


def read_text(name: str) -> str:
    return (SOURCES / name).read_text(encoding="utf-8")


def long_date(iso: str) -> str:
    """`2025-03-14` -> `14 March 2025`."""
    day = date.fromisoformat(iso)
    return f"{day.day} {_MONTHS.split(',')[day.month - 1]} {day.year}"


def money(amount: Decimal | str) -> str:
    """`1537` -> `1,537.00`."""
    return f"{Decimal(amount):,.2f}"


@cache
def _hyphenation() -> dict[str, str]:
    words = {}
    for line in read_text("hyphenation.txt").splitlines():
        if not line.startswith("#"):
            words.update({word.replace("-", ""): word.replace("-", SOFT_HYPHEN) for word in line.split()})
    return words


def hyphenate(text: str) -> str:
    """Put soft hyphens into the words of the exception list, so that narrow justified columns have no holes."""
    known = _hyphenation()

    def broken(match: re.Match[str]) -> str:
        word = match.group()
        hyphenated = known.get(word.lower())
        return hyphenated.replace(hyphenated[0], word[0], 1) if hyphenated else word

    return re.sub(r"[A-Za-z]{6,}", broken, text)


def inline(text: str, *, hyphens: bool = False) -> str:
    """Turn a source's inline markup (`*italic*`, straight quotes) into reportlab's."""
    if hyphens:
        text = hyphenate(text)
    text = re.sub(r'(^|[\s(\[])"', "\\1\N{LEFT DOUBLE QUOTATION MARK}", text)
    text = text.replace('"', "\N{RIGHT DOUBLE QUOTATION MARK}").replace("'", "\N{RIGHT SINGLE QUOTATION MARK}")
    return re.sub(r"\*([^*]+)\*", r"<i>\1</i>", escape(text, quote=False))


def canvas_options(*, title: str, author: str) -> dict[str, Any]:
    """Options for a document template: the same bytes on every run, on every machine.

    `invariant` fixes the date and the id; without compression the bytes don't depend on the zlib in use.
    """
    return {
        "title": title,
        "author": author,
        "subject": "An invented document: an example of the fieldwise project",
        "creator": "fieldwise examples/render.py",
        "invariant": 1,
        "pageCompression": 0,
    }
