"""XLSX: a sheet a page, cells as they are displayed, with their addresses. Runs in the reading process only.

Read from the XML itself, row by row: openpyxl shows either formulas or their values, so that a formula whose value was
never computed looks like an empty cell; it passes over text boxes and needs some 50 times the memory of the file.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from fieldwise.errors import DamagedDocument
from fieldwise.model import ParseIssue

from .archive import Archive
from .charts import write_chart
from .displayed import BUILT_IN, display
from .flow import Budget, FlowWriter
from .grids import Place, Sheet, SheetCell, place_of, sheet_issues, write_sheet
from .markup import Package, attribute, child, children, descendants, local, refuse_entities, relation_id
from .readers import Item, Job, too_many_pages

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

# Header and footer codes: &L &C &R part it in three, &"Arial,Bold" &12 dress it, &P &N &D are filled in on paper.
_MARGIN_CODE = re.compile(r'&(?:"[^"]*"|\d+|K[0-9A-Fa-f]{6}|K\d\d[+-]\d{3}|[BIUESXYOHG])')
_MARGIN_FIELDS = {"&P": "", "&N": "", "&D": "", "&T": "", "&F": "", "&Z": "", "&&": "&"}


def read_xlsx(job: Job) -> Iterator[Item]:
    """Yield media type and number of sheets, the sheets, and issues. Raises ParseError."""
    package = Package(Archive(job.data, path=job.path, max_inflated=job.max_inflated), job.path)
    main = package.main()
    root = package.part(main)
    relations = package.relations(main)
    found = [sheet for sheet in descendants(root, "sheet") if (relation_id(sheet) or "") in relations]
    if len(found) > job.max_pages:
        raise too_many_pages(job, len(found), "sheets")
    yield MEDIA_TYPE, len(found)
    properties = child(root, "workbookPr")
    epoch_1904 = properties is not None and attribute(properties, "date1904") in ("1", "true")
    book = _Book(package, relations, epoch_1904)
    for number, element in enumerate(found, 1):
        part = relations[relation_id(element) or ""][1]
        sheet = Sheet(
            attribute(element, "name") or f"Sheet {number}",
            hidden=attribute(element, "state") in ("hidden", "veryHidden"),
        )
        writer = FlowWriter(number, anchor=sheet.name, budget=book.budget)
        reader = _SheetReader(book, part, sheet)
        reader.read()
        write_sheet(writer, sheet)
        unread = sum(not write_chart(writer, chart, f"{sheet.name} chart") for chart in reader.charts)
        yield writer.page()
        yield from sheet_issues(sheet, number)
        if unread or reader.pictures:
            yield ParseIssue(
                code="pictures_not_read",
                lost=unread > 0,
                message=f"{sheet.name} has {reader.pictures + unread} pictures, or charts without cached data, "
                "that were not read.",
                page=number,
            )
    yield from book.budget.issues


class _Book:
    """What the sheets share: strings, formats, the calendar."""

    def __init__(self, package: Package, relations: dict[str, tuple[str, str]], epoch_1904: bool) -> None:
        self.package = package
        self.epoch_1904 = epoch_1904
        self.budget = Budget()
        by_kind = {kind: target for kind, target in relations.values()}
        strings = package.part_if(by_kind.get("sharedStrings", ""))
        self.strings = [string_text(item) for item in children(strings, "si")]
        self.formats = _formats(package.part_if(by_kind.get("styles", "")))
        self.people = {
            attribute(person, "id") or "": attribute(person, "displayName") or ""
            for kind, target in relations.values()
            if kind == "person" and (people := package.part_if(target)) is not None
            for person in people
        }


class _Stored(NamedTuple):
    kind: str
    style: int
    value: str | None
    formula: str | None
    inline: str | None


class _SheetReader:
    def __init__(self, book: _Book, part: str, sheet: Sheet) -> None:
        self._book, self._part, self._sheet = book, part, sheet
        self._package = book.package
        self._cells_read = 0
        self.charts: list[Element] = []
        self.pictures = 0

    def read(self) -> None:
        data = self._package.archive.read(self._part)
        refuse_entities(data, self._package.path)
        try:
            for element in _elements(data):
                self._element(element)
        except (ElementTree.ParseError, LookupError) as error:
            raise DamagedDocument(
                f"{self._package.path} is damaged: sheet {self._sheet.name} cannot be read ({error}).",
                next_step="Open it in a spreadsheet program, and save a copy.",
                path=self._package.path,
            ) from None
        for kind, target in self._package.relations(self._part).values():
            if kind == "comments":
                self._comments(target)
            elif kind == "threadedComment":
                self._threads(target)
            elif kind == "drawing":
                self._drawing(target)

    def _element(self, element: Element) -> None:
        name = local(element.tag)
        if name == "row":
            self._row(element)
        elif name == "mergeCell":
            first, _, last = (attribute(element, "ref") or "").partition(":")
            a, b = place_of(first), place_of(last)
            if a is not None and b is not None:
                self._sheet.merges[a] = (b[0] - a[0] + 1, b[1] - a[1] + 1)
        elif name == "col" and attribute(element, "hidden") in ("1", "true"):
            first, last = attribute(element, "min") or "", attribute(element, "max") or ""
            if first.isdigit() and last.isdigit():
                self._sheet.hidden_columns.update(range(int(first) - 1, min(int(last), 16_384)))
        elif name in ("oddHeader", "firstHeader", "evenHeader"):
            self._sheet.header = self._sheet.header or _margin(element.text or "")
        elif name in ("oddFooter", "firstFooter", "evenFooter"):
            self._sheet.footer = self._sheet.footer or _margin(element.text or "")

    def _row(self, element: Element) -> None:
        row_text = attribute(element, "r") or ""
        row = int(row_text) - 1 if row_text.isdigit() else self._next_row
        self._next_row = row + 1
        if attribute(element, "hidden") in ("1", "true"):
            self._sheet.hidden_rows.add(row)
        column = 0
        for cell in element:
            if self._cells_read > self._book.budget.left:
                return  # the writer says what is left out
            place = place_of(cell.get("r", "")) or (row, column)
            column = place[1] + 1
            found = self._cell(_stored(cell), place)
            if found is not None and found.text.strip():
                self._sheet.cells[place] = found
                self._cells_read += 1

    _next_row = 0

    def _cell(self, stored: _Stored, place: Place) -> SheetCell | None:
        kind, value = stored.kind, stored.value
        if stored.inline is not None:
            return SheetCell(stored.inline)
        if value is None or value == "":
            if stored.formula is None:
                return None
            if kind == "str" and value is not None:
                return None  # computed, to an empty text
            self._sheet.uncomputed.append(place)
            return SheetCell(f"={stored.formula}")
        if kind == "s":
            index = int(value)
            return SheetCell(self._book.strings[index] if 0 <= index < len(self._book.strings) else "")
        if kind == "b":
            return SheetCell("TRUE" if value.strip() == "1" else "FALSE")
        if kind == "d":
            return SheetCell(value.removesuffix("T00:00:00"), number=True)
        if kind in ("str", "e", "inlineStr"):
            return SheetCell(value)
        try:
            number = float(value)
        except ValueError:
            return SheetCell(value)
        code = self._book.formats[stored.style] if 0 <= stored.style < len(self._book.formats) else "General"
        shown = display(number, code, epoch_1904=self._book.epoch_1904)
        return SheetCell(shown.text, shown.value, number=True)

    def _comments(self, target: str) -> None:
        root = self._package.part_if(target)
        if root is None:
            return
        authors = [author.text or "" for author in descendants(root, "author")]
        for comment in descendants(root, "comment"):
            place = place_of(attribute(comment, "ref") or "")
            author = attribute(comment, "authorId") or ""
            name = authors[int(author)] if author.isdigit() and int(author) < len(authors) else ""
            text = child(comment, "text")
            if place is None or text is None or name.startswith("tc="):
                continue  # the stand-in of a threaded comment, which is read itself
            self._sheet.comments.append((place, name, string_text(text).removeprefix(f"{name}:").strip()))

    def _threads(self, target: str) -> None:
        root = self._package.part_if(target)
        for comment in root if root is not None else ():
            place = place_of(attribute(comment, "ref") or "")
            author = self._book.people.get(attribute(comment, "personId") or "", "")
            if place is not None:
                text = "".join(found.text or "" for found in children(comment, "text"))
                self._sheet.comments.append((place, author, text))

    def _drawing(self, target: str) -> None:
        root = self._package.part_if(target)
        if root is None:
            return
        relations = self._package.relations(target)
        for body in descendants(root, "txBody"):
            lines = ["".join(t.text or "" for t in descendants(p, "t")) for p in children(body, "p")]
            self._sheet.texts.append("\n".join(lines))
        for element in root.iter():
            if local(element.tag) == "chart":
                chart = self._package.part_if(relations.get(relation_id(element) or "", ("", ""))[1])
                if chart is not None:
                    self.charts.append(chart)
            elif local(element.tag) == "pic":
                self.pictures += 1


def _elements(data: bytes) -> Iterator[Element]:
    """Yield rows and the small elements around them as they end, and let go of what was yielded."""
    holder: Element | None = None
    inside = 0
    for event, element in ElementTree.iterparse(io.BytesIO(data), events=("start", "end")):  # noqa: S314  # entities were refused
        name = local(element.tag)
        if event == "start":
            holder = element if name == "sheetData" else holder
            inside += name == "row"
            continue
        if name == "row":
            inside -= 1
            yield element
            if holder is not None:
                holder.clear()
        elif not inside:
            yield element


def _stored(cell: Element) -> _Stored:
    value = formula = inline = None
    for element in cell:
        name = local(element.tag)
        if name == "v":
            value = element.text or ""
        elif name == "f":
            formula = element.text or "…"
        elif name == "is":
            inline = string_text(element)
    style = cell.get("s", "0")
    return _Stored(cell.get("t", "n"), int(style) if style.isdigit() else 0, value, formula, inline)


def string_text(item: Element) -> str:
    """Return the text of a string, plain or in runs; how it is pronounced (rPh) is not a part of it."""
    parts = []
    for element in item:
        name = local(element.tag)
        if name == "t":
            parts.append(element.text or "")
        elif name == "r":
            parts += [t.text or "" for t in children(element, "t")]
    return "".join(parts)


def _formats(styles: Element | None) -> list[str]:
    """Return the format code of each cell style."""
    codes = dict(BUILT_IN)
    for found in children(child(styles, "numFmts"), "numFmt"):
        number = attribute(found, "numFmtId") or ""
        if number.isdigit():
            codes[int(number)] = attribute(found, "formatCode") or "General"
    formats = []
    for style in children(child(styles, "cellXfs"), "xf"):
        number = attribute(style, "numFmtId") or "0"
        formats.append(codes.get(int(number), "General") if number.isdigit() else "General")
    return formats


def _margin(text: str) -> str:
    """Return the words of a header or footer."""
    text = _MARGIN_CODE.sub("", re.sub("&[LCR]", "\n", text))
    for code, written in _MARGIN_FIELDS.items():
        text = text.replace(code, written)
    return text
