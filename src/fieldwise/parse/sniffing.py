"""Whether a text is a table, decided with care: prose has commas too."""

from __future__ import annotations

import csv
import io
import re

_DELIMITERS = "\t;|,"
_SAMPLE_CHARACTERS = 64_000
_SAMPLE_ROWS = 200
# A cell's text may be long, a table's is mostly short; prose between two commas is not.
_LONGEST_MEDIAN = 40
FIGURE = re.compile(r"[-+(]?\s*[$€£]?\s*\d[\d.,:/\s%€$£TZ)+-]*$")
_SENTENCE = re.compile(r"[.!?]\s+[A-ZÄÖÜ]|[.!?]$")


_FRAME = re.compile(r"\s*:?-{2,}:?\s*$")


def delimiter_of(text: str, *, cut: bool = False) -> str | None:
    """Return what parts the cells if `text` is a table, else None. `cut`: more follows.

    At least two rows, of the same number of cells, where only a wide table may have a few others around it; most cells
    are short and no sentences, and without a figure among them, no space follows the commas as it does in prose.
    """
    sample = text[:_SAMPLE_CHARACTERS]
    cut = cut or len(text) > len(sample)
    for delimiter in _DELIMITERS:
        if delimiter in sample and _is_table(_rows(sample, delimiter, cut), delimiter):
            return delimiter
    return None


def _rows(sample: str, delimiter: str, cut: bool) -> list[list[str]]:
    try:
        rows = [row for row in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter, strict=True) if row]
    except csv.Error:
        return []
    return (rows[:-1] if cut else rows)[:_SAMPLE_ROWS]


def _is_table(rows: list[list[str]], delimiter: str) -> bool:
    if len(rows) < 2:
        return False
    widths = [len(row) for row in rows]
    width = max(set(widths), key=widths.count)
    # Exports put lines of another width before and after their table: a few, where the table itself is beyond doubt.
    if width < 2 or widths.count(width) < (0.8 if width > 3 and delimiter != "," else 0.95 if width > 3 else 1) * len(
        rows
    ):
        return False
    rows = [row for row in rows if len(row) == width]
    if delimiter == "|" and any(_FRAME.match(cell) for row in rows[:2] for cell in row):
        return False  # the rule of a Markdown table
    cells = [cell.strip() for row in rows for cell in row]
    filled = [cell for cell in cells if cell]
    if sum(any(row[column].strip() for row in rows) for column in range(width)) < 2:
        return False  # indented lines
    lengths = sorted(len(cell) for cell in filled)
    figures = sum(bool(FIGURE.match(cell)) for cell in filled)
    sentences = sum(bool(_SENTENCE.search(cell)) and not FIGURE.match(cell) for cell in filled)
    if lengths[len(lengths) // 2] > _LONGEST_MEDIAN or sentences > 0.3 * len(filled):
        return False
    if delimiter == "\t":
        return True
    spaced = sum(row[i].startswith(" ") for row in rows for i in range(1, width))
    if spaced > 0.5 * len(rows) * (width - 1) and not figures:
        return False  # `Dear Sir, dear Madam`
    # Two columns of words may be verse, or addresses; figures, or a third column, are a table's.
    return figures > 0 or (width > 2 and len(rows) > 2) or (delimiter != "," and len(rows) > 2)
