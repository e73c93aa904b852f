"""ODT, ODS and ODP: a text as one page, a sheet or a slide a page. Runs in the reading process only.

Read from the XML itself: odfpy's objects take some hundred times the memory of the file, and flatten what they hold.
Tracked deletions are left out with an issue; dates in cells are ISO 8601, other cells as their program displayed them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from fieldwise.errors import EncryptedDocument
from fieldwise.model import ParseIssue

from .archive import Archive
from .flow import Budget, FlowCell, FlowWriter
from .grids import Sheet, SheetCell, sheet_issues, write_sheet
from .markup import attribute, child, children, descendants, local, parse_xml
from .numbering import written
from .readers import Item, Job, too_many_pages

_DEEPEST = 40
_MOST_REPEATED = 10_000
_NUMERIC = ("float", "percentage", "currency", "date", "time")
_FORMATS = {"1": "decimal", "a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}


def read_opendocument(job: Job) -> Iterator[Item]:
    """Yield media type and number of pages, the pages, and issues. Raises ParseError."""
    archive = Archive(job.data, path=job.path, max_inflated=job.max_inflated)
    manifest = archive.read_if("META-INF/manifest.xml")
    if manifest is not None and b"encryption-data" in manifest:
        raise EncryptedDocument(
            f"{job.path} is encrypted and needs a password.",
            next_step="Open it in the program that made it, and save a copy without the password.",
            path=job.path,
        )
    root = parse_xml(archive.read("content.xml"), path=job.path, part="content.xml")
    data = archive.read_if("styles.xml")
    styles = parse_xml(data, path=job.path, part="styles.xml") if data is not None else None
    reader = _Reader(archive, job, root, styles)
    body = child(root, "body")
    sheets, slides = child(body, "spreadsheet"), child(body, "presentation")
    if sheets is not None:
        yield from reader.spreadsheet(sheets)
    elif slides is not None:
        yield from reader.presentation(slides)
    else:
        yield from reader.text(child(body, "text"))


class _Reader:
    def __init__(self, archive: Archive, job: Job, root: Element, styles: Element | None) -> None:
        self._archive, self._job, self._root, self._styles = archive, job, root, styles
        self._budget = Budget()
        self._writer = FlowWriter(1)
        self._paragraphs = self._tables = 0
        self._anchor: str | None = None
        self._notes: list[tuple[str, str]] = []
        self._comments: list[tuple[str, str]] = []
        self._counts: Counter[str] = Counter()
        self._lists = {
            attribute(found, "name") or "": found
            for source in (styles, root)
            if source is not None
            for found in descendants(source, "list-style")
        }

    def text(self, body: Element | None) -> Iterator[Item]:
        yield self._job.found.media_type, 1
        self._margins("header")
        if body is not None:
            self._blocks(body, 0)
        self._write_notes()
        self._margins("footer")
        yield self._writer.page()
        yield from self._issues(1)

    def presentation(self, body: Element) -> Iterator[Item]:
        slides = list(children(body, "page"))
        if len(slides) > self._job.max_pages:
            raise too_many_pages(self._job, len(slides), "slides")
        yield self._job.found.media_type, len(slides)
        for number, slide in enumerate(slides, 1):
            self._anchor = f"slide {number}"
            self._writer = FlowWriter(number, anchor=self._anchor, budget=self._budget)
            notes = []
            for element in slide:
                if local(element.tag) == "notes":
                    notes += ["".join(_text(p)) for p in descendants(element, "p")]
                elif attribute(element, "class") == "title":
                    self._writer.text(
                        "heading",
                        " ".join("".join(_text(p)) for p in descendants(element, "p")),
                        level=1,
                        anchor=self._anchor,
                    )
                else:
                    self._block(element, 0)
            self._writer.text("paragraph", "\n".join(notes), label="Notes:", anchor=f"{self._anchor} notes")
            self._write_notes()
            yield self._writer.page()
            yield from self._issues(number)
        yield from self._budget.issues

    def spreadsheet(self, body: Element) -> Iterator[Item]:
        tables = list(children(body, "table"))
        if len(tables) > self._job.max_pages:
            raise too_many_pages(self._job, len(tables), "sheets")
        yield self._job.found.media_type, len(tables)
        unshown = {
            attribute(style, "name")
            for style in descendants(self._root, "style")
            if any(attribute(its, "display") == "false" for its in children(style, "table-properties"))
        }
        for number, table in enumerate(tables, 1):
            sheet = Sheet(
                attribute(table, "name") or f"Sheet {number}", hidden=attribute(table, "style-name") in unshown
            )
            self._writer = FlowWriter(number, anchor=sheet.name, budget=self._budget)
            self._anchor = f"{sheet.name} drawing"
            self._sheet(table, sheet)
            write_sheet(self._writer, sheet)
            for shapes in children(table, "shapes"):
                for shape in shapes:
                    self._block(shape, 0)
            yield self._writer.page()
            yield from sheet_issues(sheet, number)
            yield from self._issues(number)
        yield from self._budget.issues

    def _issues(self, page: int) -> Iterator[ParseIssue]:
        if self._counts["deleted"]:
            yield ParseIssue(
                code="tracked_changes",
                lost=False,
                message=f"Tracked changes were read as accepted: {self._counts['deleted']} deletions are not in it.",
                page=page,
            )
        if self._counts["picture"]:
            yield ParseIssue(
                code="pictures_not_read",
                lost=False,
                message=f"{self._counts['picture']} pictures were not read; if they hold text, save it as PDF.",
                page=page,
            )
        self._counts.clear()

    def _margins(self, kind: str) -> None:
        """Write each header or footer of the page styles once."""
        seen: set[str] = set()
        for master in descendants(self._styles, "master-page") if self._styles is not None else ():
            for margin in (found for found in master if local(found.tag) in (kind, f"{kind}-first", f"{kind}-left")):
                text = "\n".join("".join(_text(p)) for p in margin.iter() if local(p.tag) in ("p", "h"))
                if text not in seen:
                    self._writer.text("header" if kind == "header" else "footer", text, anchor=kind)
                seen.add(text)

    def _blocks(self, container: Element, depth: int) -> None:
        if depth > _DEEPEST:
            raise RecursionError
        for element in container:
            self._block(element, depth)

    def _block(self, element: Element, depth: int) -> None:
        name = local(element.tag)
        if name in ("p", "h"):
            self._paragraph(element, depth)
        elif name == "list":
            self._list(element, depth, 0, None)
        elif name == "table":
            self._table(element, depth)
        elif name == "tracked-changes":
            self._counts["deleted"] += sum(1 for _ in descendants(element, "deletion"))
        elif name == "image":
            self._counts["picture"] += 1
        elif name == "object":
            self._object(element)
        elif name == "frame":
            self._frame(element, depth)
        elif name not in (
            "forms",
            "sequence-decls",
            "annotation",
            "table-source",
            "index-title-template",
            "title",
            "desc",
        ):
            self._blocks(element, depth + 1)

    def _frame(self, frame: Element, depth: int) -> None:
        """Alternatives of one picture: a text or a table says more than its image."""
        names = [local(element.tag) for element in frame]
        for element, name in zip(frame, names, strict=True):
            if name != "image" or not {"text-box", "object", "table"} & set(names):
                self._block(element, depth + 1)

    def _paragraph(self, element: Element, depth: int, label: str | None = None, level: int = 0) -> None:
        self._paragraphs += 1
        anchor = self._anchor or f"paragraph {self._paragraphs}"
        frames: list[Element] = []
        text = "".join(self._inline(element, frames))
        if local(element.tag) == "h":
            outline = attribute(element, "outline-level") or "1"
            self._writer.text(
                "heading", text, level=int(outline) if outline.isdigit() else 1, label=label or "", anchor=anchor
            )
        elif label is not None:
            self._writer.text("list_item", text, level=level, label=label, anchor=anchor)
        else:
            self._writer.text("paragraph", text, anchor=anchor)
        for frame in frames:
            self._block(frame, depth + 1)

    def _inline(self, element: Element, frames: list[Element]) -> Iterator[str]:
        """Yield a paragraph's text; notes and comments are gathered, frames handed back."""
        yield element.text or ""
        for inner in element:
            name = local(inner.tag)
            if name == "s":
                yield " "
            elif name == "tab":
                yield "\t"
            elif name == "line-break":
                yield "\n"
            elif name == "note":
                body = child(inner, "note-body")
                self._notes.append(
                    ("note", "\n".join("".join(_text(p)) for p in descendants(body, "p")) if body is not None else "")
                )
                yield f" [^{len(self._notes)}] "
            elif name == "annotation":
                author = "".join(found.text or "" for found in children(inner, "creator"))
                self._comments.append((author, "\n".join("".join(_text(p)) for p in descendants(inner, "p"))))
            elif name in ("frame", "custom-shape", "text-box", "g"):
                frames.append(inner)
            elif name not in ("annotation-end", "change-start", "change-end", "change"):
                yield from self._inline(inner, frames)
            yield inner.tail or ""

    def _list(self, element: Element, depth: int, level: int, style: Element | None) -> None:
        if depth > _DEEPEST:
            raise RecursionError
        own = self._lists.get(attribute(element, "style-name") or "")
        style = own if own is not None else style
        number = 0
        for item in element:
            if local(item.tag) not in ("list-item", "list-header"):
                continue
            number += 1
            label = _label(style, level, number) if local(item.tag) == "list-item" else ""
            for inner in item:
                name = local(inner.tag)
                if name in ("p", "h"):
                    self._paragraph(inner, depth + 1, label, level)
                    label = ""
                elif name == "list":
                    self._list(inner, depth + 1, level + 1, style)
                else:
                    self._block(inner, depth + 1)

    def _table(self, table: Element, depth: int) -> None:
        self._tables += 1
        name = f"table {self._tables}" if self._anchor is None else f"{self._anchor} table"
        cells: list[FlowCell] = []
        frames: list[Element] = []
        for row, (element, header) in enumerate(_rows(table)):
            column = 0
            for cell in element:
                if local(cell.tag) == "table-cell":
                    text = self._cell_text(cell, frames, depth)
                    anchor = f"{name} R{row + 1}C{column + 1}"
                    cells.append(
                        FlowCell(
                            row,
                            column,
                            text,
                            _count(cell, "number-rows-spanned"),
                            _count(cell, "number-columns-spanned"),
                            header,
                            anchor,
                        )
                    )
                column += min(_count(cell, "number-columns-repeated"), 1000)
        self._writer.table(cells, anchor=name)
        for frame in frames:
            self._block(frame, depth + 1)

    def _cell_text(self, cell: Element, frames: list[Element], depth: int) -> str:
        """Return the text of a cell; tables within it are written after its own."""
        lines = []
        inside: list[Element] = list(cell)
        while inside:
            element = inside.pop(0)
            name = local(element.tag)
            if name in ("p", "h"):
                lines.append("".join(self._inline(element, frames)))
            elif name in ("table", "frame"):
                frames.append(element)
            elif name == "list" or name in ("list-item", "list-header", "section"):
                inside[:0] = list(element)
        return "\n".join(lines)

    def _object(self, element: Element) -> None:
        """Write the data of an embedded chart: it holds a table of its own."""
        name = (attribute(element, "href") or "").removeprefix("./").rstrip("/") + "/content.xml"
        data = self._archive.read_if(name)
        root = parse_xml(data, path=self._job.path, part=name) if data is not None else None
        chart = next(descendants(root, "chart"), None) if root is not None else None
        if chart is None:
            self._counts["picture"] += 1
            return
        anchor = f"{self._anchor or 'chart'}"
        for title in children(chart, "title"):
            self._writer.text("caption", " ".join("".join(_text(p)) for p in descendants(title, "p")), anchor=anchor)
        for table in descendants(chart, "table"):
            cells = [
                FlowCell(row, column, " ".join("".join(_text(p)) for p in descendants(cell, "p")), header=header)
                for row, (line, header) in enumerate(_rows(table))
                for column, cell in enumerate(children(line, "table-cell"))
            ]
            self._writer.table(cells, anchor=anchor)

    def _sheet(self, table: Element, sheet: Sheet) -> None:
        column = 0
        for found in descendants(table, "table-column"):
            count = min(_count(found, "number-columns-repeated"), 16_384)
            if attribute(found, "visibility") in ("collapse", "filter"):
                sheet.hidden_columns.update(range(column, column + count))
            column += count
        row = 0
        for element, _ in _rows(table):
            repeated = _count(element, "number-rows-repeated")
            filled = self._sheet_row(element, sheet, row)
            if attribute(element, "visibility") in ("collapse", "filter"):
                sheet.hidden_rows.update(range(row, row + min(repeated, _MOST_REPEATED)))
            for again in range(1, repeated if filled else 1):
                if len(sheet.cells) > self._budget.left:
                    return
                for place, cell in filled.items():
                    sheet.cells[(row + again, place)] = cell
            if len(sheet.cells) > self._budget.left:
                return  # the writer says what is left out
            row += repeated

    def _sheet_row(self, element: Element, sheet: Sheet, row: int) -> dict[int, SheetCell]:
        filled: dict[int, SheetCell] = {}
        column = 0
        for cell in element:
            repeated = _count(cell, "number-columns-repeated")
            if local(cell.tag) == "table-cell":
                found = self._sheet_cell(cell, sheet, (row, column))
                if found is not None and found.text.strip():
                    for again in range(min(repeated, 16_384)):
                        filled[column + again] = sheet.cells[(row, column + again)] = found
                rows, columns = _count(cell, "number-rows-spanned"), _count(cell, "number-columns-spanned")
                if (rows, columns) != (1, 1):
                    sheet.merges[(row, column)] = (rows, columns)
            column += repeated
        return filled

    def _sheet_cell(self, cell: Element, sheet: Sheet, place: tuple[int, int]) -> SheetCell | None:
        for note in children(cell, "annotation"):
            author = "".join(found.text or "" for found in children(note, "creator"))
            sheet.comments.append((place, author, "\n".join("".join(_text(p)) for p in descendants(note, "p"))))
        frames: list[Element] = []
        text = "\n".join("".join(self._inline(p, frames)) for p in children(cell, "p"))
        for frame in (*frames, *children(cell, "frame")):
            self._block(frame, 0)
        kind = attribute(cell, "value-type") or ""
        stored = attribute(cell, "value")
        if kind == "date" and (date := attribute(cell, "date-value")):
            return SheetCell(date.removesuffix("T00:00:00"), number=True)
        if kind in _NUMERIC:
            text = text or stored or ""
            return SheetCell(text, stored if stored and stored not in text else None, number=True)
        if not text and (formula := attribute(cell, "formula")) and not kind:
            sheet.uncomputed.append(place)
            return SheetCell("=" + formula.partition("=")[2])
        return SheetCell(text) if text else None

    def _write_notes(self) -> None:
        for number, (_, text) in enumerate(self._notes, 1):
            self._writer.text("paragraph", text, label=f"[^{number}]:", anchor=f"note {number}")
        for number, (author, text) in enumerate(self._comments, 1):
            self._writer.text("paragraph", text, label=f"Comment by {author or 'unknown'}:", anchor=f"comment {number}")
        self._notes.clear()
        self._comments.clear()


def _rows(container: Element, header: bool = False) -> Iterator[tuple[Element, bool]]:
    """Yield the rows of a table and whether they are its head, those in groups too."""
    for element in container:
        name = local(element.tag)
        if name == "table-row":
            yield element, header
        elif name in ("table-header-rows", "table-rows", "table-row-group"):
            yield from _rows(element, header or name == "table-header-rows")


def _text(element: Element) -> Iterator[str]:
    """Yield all text of an element."""
    yield element.text or ""
    for inner in element:
        name = local(inner.tag)
        yield {"s": " ", "tab": "\t", "line-break": "\n"}.get(name, "")
        yield from _text(inner)
        yield inner.tail or ""


def _count(element: Element, name: str) -> int:
    text = attribute(element, name) or "1"
    return max(1, min(int(text), 2_000_000)) if text.isdigit() else 1


def _label(style: Element | None, level: int, number: int) -> str:
    """Return what stands before an item: its number, or "" for a bullet."""
    for found in style if style is not None else ():
        if attribute(found, "level") == str(level + 1) and local(found.tag) == "list-level-style-number":
            form = attribute(found, "num-format") or ""
            if not form:
                return ""
            start = attribute(found, "start-value") or "1"
            count = number + (int(start) if start.isdigit() else 1) - 1
            prefix, suffix = attribute(found, "num-prefix") or "", attribute(found, "num-suffix") or ""
            return f"{prefix}{written(count, _FORMATS.get(form, 'decimal'))}{suffix}"
    return ""
