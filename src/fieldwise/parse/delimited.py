"""CSV and TSV: one table on one page; cells are named as a spreadsheet would (`B4`). The standard library reads them.

Whether a text is a table is decided in sniffing.py.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from .flow import Budget, FlowWriter
from .grids import Sheet, SheetCell, write_sheet
from .readers import Item, Job
from .sniffing import FIGURE, delimiter_of
from .text import decode

MEDIA_TYPES = {"\t": "text/tab-separated-values"}
_MEDIA_TYPE = "text/csv"


def read_delimited(job: Job) -> Iterator[Item]:
    """Yield media type, the one page, and issues."""
    text, issues = decode(job.data, job.found.encoding or "utf-8")
    delimiter = delimiter_of(text) or ","
    yield MEDIA_TYPES.get(delimiter, _MEDIA_TYPE), 1
    budget = Budget()
    writer = FlowWriter(1, budget=budget)
    sheet = Sheet("")
    csv.field_size_limit(len(text) + 1)
    for number, row in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)):
        for column, cell in enumerate(row):
            if cell.strip():
                sheet.cells[(number, column)] = SheetCell(cell, number=bool(FIGURE.match(cell.strip())))
        if len(sheet.cells) > budget.left:
            break  # the writer says what is left out
    write_sheet(writer, sheet)
    yield writer.page()
    yield from issues
    yield from budget.issues
