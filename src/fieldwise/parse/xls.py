"""XLS (Excel 97-2003) by xlrd: a sheet a page, as xlsx.py reads the newer format. Runs in the reading process only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from fieldwise.errors import DamagedDocument, EncryptedDocument

from .displayed import display
from .extra import missing_office
from .flow import Budget, FlowWriter
from .grids import Sheet, SheetCell, sheet_issues, write_sheet
from .readers import Item, Job, too_many_pages

MEDIA_TYPE = "application/vnd.ms-excel"


def read_xls(job: Job) -> Iterator[Item]:
    """Yield media type and number of sheets, the sheets, and issues. Raises ParseError or MissingExtra."""
    try:
        import xlrd
    except ImportError:
        raise missing_office("XLS workbooks", "xlrd") from None
    try:
        book = xlrd.open_workbook(file_contents=job.data, formatting_info=True, logfile=sys.stderr)
    except xlrd.XLRDError as error:
        if "encrypted" in str(error).lower():
            raise EncryptedDocument(
                f"{job.path} is encrypted and needs a password.",
                next_step="Open it in a spreadsheet program, and save a copy without the password.",
                path=job.path,
            ) from None
        raise DamagedDocument(
            f"{job.path} is damaged or cut off: {error}.",
            next_step="Open it in a spreadsheet program, and save it as XLSX.",
            path=job.path,
        ) from None
    if book.nsheets > job.max_pages:
        raise too_many_pages(job, book.nsheets, "sheets")
    yield MEDIA_TYPE, book.nsheets
    budget = Budget()
    for number, found in enumerate(book.sheets(), 1):
        sheet = _sheet(book, found, budget)
        writer = FlowWriter(number, anchor=sheet.name, budget=budget)
        write_sheet(writer, sheet)
        yield writer.page()
        yield from sheet_issues(sheet, number)
    yield from budget.issues


def _sheet(book: Any, found: Any, budget: Budget) -> Sheet:
    sheet = Sheet(found.name, hidden=found.visibility != 0)
    for row in range(found.nrows):
        for column in range(found.row_len(row)):
            cell = _cell(book, found, row, column)
            if cell is not None and cell.text.strip():
                sheet.cells[(row, column)] = cell
        if len(sheet.cells) > budget.left:
            break  # the writer says what is left out
    for top, bottom, left, right in found.merged_cells:
        sheet.merges[(top, left)] = (bottom - top, right - left)
    sheet.hidden_rows = {row for row, info in found.rowinfo_map.items() if info.hidden}
    sheet.hidden_columns = {column for column, info in found.colinfo_map.items() if info.hidden}
    for (row, column), note in sorted(found.cell_note_map.items()):
        text = note.text.removeprefix(f"{note.author}:").strip()
        sheet.comments.append(((row, column), note.author or "", text))
    return sheet


def _cell(book: Any, sheet: Any, row: int, column: int) -> SheetCell | None:
    from xlrd import XL_CELL_BOOLEAN, XL_CELL_DATE, XL_CELL_ERROR, XL_CELL_NUMBER, XL_CELL_TEXT
    from xlrd.biffh import error_text_from_code

    kind, value = sheet.cell_type(row, column), sheet.cell_value(row, column)
    if kind == XL_CELL_TEXT:
        return SheetCell(str(value))
    if kind in (XL_CELL_NUMBER, XL_CELL_DATE):
        index = sheet.cell_xf_index(row, column)
        format_ = book.format_map.get(book.xf_list[index].format_key)
        shown = display(value, format_.format_str if format_ is not None else "General", epoch_1904=bool(book.datemode))
        return SheetCell(shown.text, shown.value, number=True)
    if kind == XL_CELL_BOOLEAN:
        return SheetCell("TRUE" if value else "FALSE")
    if kind == XL_CELL_ERROR:
        return SheetCell(error_text_from_code.get(value, "#ERROR"))
    return None
