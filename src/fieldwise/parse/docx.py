"""DOCX: what a reader of the Word document sees, in order, as one page. Runs in the reading process only.

Read from the XML itself: python-docx, the library for it, passes over content controls, text boxes, footnotes,
tracked insertions and the numbers of lists, and all of these are words on paper.

Tracked changes are read as if accepted; what is deleted, or hidden, is left out with an issue that says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from xml.etree.ElementTree import Element

from fieldwise.model import ParseIssue
from fieldwise.model.document import BlockKind

from .archive import Archive
from .charts import write_chart
from .flow import FlowCell, FlowWriter
from .markup import Package, attribute, child, children, chosen, descendants, local, relation_id
from .numbering import Numbering
from .readers import Item, Job

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

# Each level of nesting takes several Python frames; Word itself refuses documents that are nested deeper.
_DEEPEST = 40

# Elements that only wrap what a reader sees.
_WRAPPERS = "sdt sdtContent customXml smartTag ins moveTo hyperlink fldSimple dir bdo ruby rt rubyBase"
_TRANSPARENT = frozenset(_WRAPPERS.split())


def read_docx(job: Job) -> Iterator[Item]:
    """Yield media type, the one page, and issues. Raises ParseError."""
    package = Package(Archive(job.data, path=job.path, max_inflated=job.max_inflated), job.path)
    yield MEDIA_TYPE, 1
    reader = _Reader(package)
    reader.read()
    yield reader.writer.page()
    yield from reader.issues


class _Style(NamedTuple):
    name: str
    based_on: str | None
    outline: int | None
    list_id: str | None
    list_level: int | None


class _Line(NamedTuple):
    """A paragraph's text, what hangs on it (text boxes, charts), and whether all of it is bold."""

    text: str
    drawings: tuple[Element, ...]
    bold: bool


class _Reader:
    def __init__(self, package: Package) -> None:
        self.writer = FlowWriter(1)
        self._package = package
        self._main = package.main()
        self._relations = package.relations(self._main)
        self._styles = self._read_styles()
        self._numbering = Numbering(self._related("numbering"))
        self._paragraphs = self._tables = 0
        self._notes: list[tuple[str, str]] = []
        self._comments: list[str] = []
        self._deleted: list[str] = []
        self._hidden: list[str] = []
        self._counts: Counter[str] = Counter()
        self._field_depth: list[bool] = []

    def read(self) -> None:
        root = self._package.part(self._main)
        body = child(root, "body")
        sections = list(descendants(root, "sectPr"))
        self._margins(sections, "headerReference", "header")
        self._blocks(body if body is not None else root, 0)
        self._write_notes()
        self._margins(sections, "footerReference", "footer")

    @property
    def issues(self) -> Iterator[ParseIssue]:
        if self._counts["ins"] or self._deleted:
            yield ParseIssue(
                code="tracked_changes",
                lost=False,
                message=f"Tracked changes were read as if accepted: {self._counts['ins']} insertions are in the text, "
                f"{len(self._deleted)} deletions are not{_sample(self._deleted)}.",
            )
        if self._hidden:
            yield ParseIssue(
                code="hidden_text",
                lost=False,
                message=f"Text that is formatted as hidden was left out{_sample(self._hidden)}.",
            )
        if self._counts["picture"]:
            yield ParseIssue(
                code="pictures_not_read",
                lost=False,
                message=f"{self._counts['picture']} pictures were not read; if they hold text, save it as PDF.",
            )
        if self._counts["unread"]:
            yield ParseIssue(
                code="parts_left_out",
                message=f"{self._counts['unread']} embedded objects or charts without cached data were not read.",
            )

    def _related(self, kind: str) -> Element | None:
        target = next((target for found, target in self._relations.values() if found == kind), None)
        return self._package.part_if(target) if target else None

    def _read_styles(self) -> dict[str, _Style]:
        found = {}
        for style in children(self._related("styles"), "style"):
            properties = child(style, "pPr")
            list_id, list_level = _list_of(properties)
            found[attribute(style, "styleId") or ""] = _Style(
                _value(child(style, "name")).lower(),
                _value(child(style, "basedOn")) or None,
                _integer(_value(child(properties, "outlineLvl"))),
                list_id,
                list_level,
            )
        return found

    def _lineage(self, style_id: str) -> Iterator[_Style]:
        """Yield a style and those it is based on; a loop of them ends."""
        for _ in range(20):
            style = self._styles.get(style_id)
            if style is None:
                return
            yield style
            style_id = style.based_on or ""

    def _margins(self, sections: Iterable[Element], reference: str, kind: BlockKind) -> None:
        """Write each header or footer once, however many sections show it."""
        seen: set[str] = set()
        for section in sections:
            for found in children(section, reference):
                target = self._relations.get(relation_id(found) or "", ("", ""))[1]
                if not target or target in seen:
                    continue
                seen.add(target)
                root = self._package.part_if(target)
                if root is not None:
                    lines = [line.text for line in self._lines(root, 0) if line.text.strip()]
                    self.writer.text(kind, "\n".join(lines), anchor=kind)

    def _blocks(self, container: Element, depth: int) -> None:
        if depth > _DEEPEST:
            raise RecursionError
        for element in chosen(container):
            name = local(element.tag)
            if name == "p":
                self._paragraph(element, depth)
            elif name == "tbl":
                self._table(element, depth)
            elif name in _TRANSPARENT:
                self._blocks(element, depth + 1)
            elif name == "altChunk":
                self._counts["unread"] += 1

    def _paragraph(self, element: Element, depth: int, anchor: str | None = None) -> None:
        if anchor is None:
            self._paragraphs += 1
            anchor = f"paragraph {self._paragraphs}"
        properties = child(element, "pPr")
        line = self._line(element)
        kind, level, label = self._role(properties, bool(line.text.strip()))
        self.writer.text(kind, line.text, level=level, label=label, anchor=anchor)
        for drawing in line.drawings:
            self._drawing(drawing, depth + 1, anchor)

    def _role(self, properties: Element | None, counts: bool) -> tuple[BlockKind, int | None, str]:
        """Return kind, level and label of a paragraph; an empty one is not counted in its list."""
        lineage = list(self._lineage(_value(child(properties, "pStyle"))))
        list_id, list_level = _list_of(properties)
        for style in lineage:
            list_id = list_id if list_id is not None else style.list_id
            list_level = list_level if list_level is not None else style.list_level
        listed = counts and list_id not in (None, "0")
        label = self._numbering.label(list_id or "", list_level or 0) if listed else None
        outline = _integer(_value(child(properties, "outlineLvl")))
        for style in lineage:
            if style.name == "title":
                outline = 0
            elif style.name.startswith("heading ") and style.name[8:].isdigit():
                outline = int(style.name[8:]) - 1
            if outline is None:
                outline = style.outline
        if outline is not None and 0 <= outline < 9:
            return "heading", outline + 1, label or ""
        if lineage and lineage[0].name == "caption":
            return "caption", None, label or ""
        if label is not None:
            return "list_item", list_level or 0, label
        return "paragraph", None, ""

    def _lines(self, container: Element, depth: int) -> Iterator[_Line]:
        """Yield the paragraphs of a cell, a note or a text box; those of tables in it row by row."""
        if depth > _DEEPEST:
            raise RecursionError
        for element in chosen(container):
            name = local(element.tag)
            if name == "p":
                yield self._listed_line(element)
            elif name == "tr":
                cells = [[line for line in self._lines(cell, depth + 1)] for cell in _row_cells(element)]
                texts = [" ".join(line.text for line in lines if line.text.strip()) for lines in cells]
                yield _Line(
                    " ".join(filter(None, texts)),
                    tuple(d for lines in cells for line in lines for d in line.drawings),
                    False,
                )
            elif name == "tbl" or name in _TRANSPARENT:
                yield from self._lines(element, depth + 1)

    def _listed_line(self, paragraph: Element) -> _Line:
        """Return a paragraph's line with its number or bullet."""
        line = self._line(paragraph)
        kind, _, label = self._role(child(paragraph, "pPr"), bool(line.text.strip()))
        sign = label or ("-" if kind == "list_item" else "")
        return line._replace(text=f"{sign} {line.text}") if sign else line

    def _line(self, paragraph: Element) -> _Line:
        texts: list[str] = []
        drawings: list[Element] = []
        bold: list[bool] = []
        self._inline(paragraph, texts, drawings, bold, 0)
        return _Line("".join(texts), tuple(drawings), bool(bold) and all(bold))

    def _inline(
        self, container: Element, texts: list[str], drawings: list[Element], bold: list[bool], depth: int
    ) -> None:
        if depth > _DEEPEST:
            raise RecursionError
        for element in chosen(container):
            name = local(element.tag)
            if name == "r":
                self._run(element, texts, drawings, bold)
            elif name in _TRANSPARENT:
                self._counts["ins"] += name == "ins"
                self._inline(element, texts, drawings, bold, depth + 1)
            elif name == "del":
                self._deleted.append("".join(found.text or "" for found in descendants(element, "delText")))
            elif name in ("oMath", "oMathPara"):
                texts.append(" " + "".join(t.text or "" for t in descendants(element, "t")) + " ")

    def _run(self, run: Element, texts: list[str], drawings: list[Element], bold: list[bool]) -> None:
        properties = child(run, "rPr")
        if _on(child(properties, "vanish")):
            self._hidden.append("".join(t.text or "" for t in descendants(run, "t")))
            return
        if any(t.text and t.text.strip() for t in children(run, "t")):
            bold.append(_on(child(properties, "b")))
        for element in chosen(run):
            name = local(element.tag)
            if name == "t":
                texts.append(element.text or "")
            elif name == "tab" or name == "ptab":
                texts.append("\t")
            elif name in ("br", "cr"):
                texts.append("\n")
            elif name == "noBreakHyphen":
                texts.append("-")
            elif name == "sym":
                texts.append(_symbol(attribute(element, "char")))
            elif name == "fldChar":
                texts.append(_check_box(element))
            elif name in ("footnoteReference", "endnoteReference"):
                self._note(name.removesuffix("Reference"), attribute(element, "id") or "", texts)
            elif name == "commentReference":
                self._comments.append(attribute(element, "id") or "")
            elif name in ("drawing", "pict", "object"):
                drawings.append(element)

    def _note(self, kind: str, identifier: str, texts: list[str]) -> None:
        self._notes.append((kind, identifier))
        texts.append(f" [^{len(self._notes)}]")

    def _drawing(self, drawing: Element, depth: int, anchor: str) -> None:
        """Write what stands in a drawing: text boxes, charts, the words of diagrams."""
        boxes = list(_text_boxes(drawing))
        for box in boxes:
            self._blocks_of_box(box, depth, f"text box at {anchor}")
        for element in drawing.iter():
            name = local(element.tag)
            if name == "chart" and (target := self._relations.get(relation_id(element) or "", ("", ""))[1]):
                root = self._package.part_if(target)
                if root is None or not write_chart(self.writer, root, f"chart at {anchor}"):
                    self._counts["unread"] += 1
            elif name == "relIds":
                target = self._relations.get(
                    next((v for k, v in element.attrib.items() if local(k) == "dm"), ""), ("", "")
                )[1]
                root = self._package.part_if(target) if target else None
                for paragraph in descendants(root, "p") if root is not None else ():
                    text = "".join(t.text or "" for t in descendants(paragraph, "t"))
                    self.writer.text("list_item", text, anchor=f"diagram at {anchor}")
            elif name in ("blip", "imagedata"):
                self._counts["picture"] += 1
            elif name == "OLEObject":
                self._counts["unread"] += 1

    def _blocks_of_box(self, box: Element, depth: int, anchor: str) -> None:
        if depth > _DEEPEST:
            raise RecursionError
        for element in chosen(box):
            if local(element.tag) == "p":
                self._paragraph(element, depth + 1, anchor)
            elif local(element.tag) == "tbl":
                self._table(element, depth + 1)
            elif local(element.tag) in _TRANSPARENT:
                self._blocks_of_box(element, depth + 1, anchor)

    def _table(self, table: Element, depth: int) -> None:
        if depth > _DEEPEST:
            raise RecursionError
        self._tables += 1
        name = f"table {self._tables}"
        cells: list[FlowCell] = []
        drawings: list[tuple[Element, str]] = []
        nested: list[Element] = []
        open_: dict[int, int] = {}  # column -> index of the cell that goes on downwards
        bold_rows: dict[int, bool] = {}
        headers: set[int] = set()
        row = -1
        for element in _rows(table):
            properties = child(element, "trPr")
            if child(properties, "del") is not None:
                self._deleted.append("".join(t.text or "" for t in element.iter() if local(t.tag) in ("t", "delText")))
                continue
            row += 1
            if _on(child(properties, "tblHeader")):
                headers.add(row)
            column = _integer(_value(child(properties, "gridBefore"))) or 0
            bolds = []
            for cell in _row_cells(element):
                cell_properties = child(cell, "tcPr")
                span = max(1, min(_integer(_value(child(cell_properties, "gridSpan"))) or 1, 1000))
                merge = child(cell_properties, "vMerge")
                if merge is not None and _value(merge) != "restart" and column in open_:
                    above = open_[column]
                    cells[above] = cells[above]._replace(row_span=row - cells[above].row + 1)
                else:
                    lines, tables = self._cell_lines(cell, depth)
                    nested += tables
                    anchor = f"{name} R{row + 1}C{column + 1}"
                    drawings += [(drawing, anchor) for line in lines for drawing in line.drawings]
                    bolds += [line.bold for line in lines if line.text.strip()]
                    text = "\n".join(line.text for line in lines)
                    cells.append(FlowCell(row, column, text, 1, span, False, anchor))
                    open_.pop(column, None)
                    if merge is not None:
                        open_[column] = len(cells) - 1
                column += span
            bold_rows[row] = bool(bolds) and all(bolds)
        if not headers and bold_rows.get(0) and bold_rows.get(1) is False:
            headers = {0}
        self.writer.table((cell._replace(header=cell.row in headers) for cell in cells), anchor=name)
        for drawing, anchor in drawings:
            self._drawing(drawing, depth + 1, anchor)
        for inner in nested:
            self._table(inner, depth + 1)

    def _cell_lines(self, cell: Element, depth: int) -> tuple[list[_Line], list[Element]]:
        """Return a cell's own paragraphs, and the tables in it, which are written after its own."""
        if depth > _DEEPEST:
            raise RecursionError
        tables = [element for element in _through(cell) if local(element.tag) == "tbl"]
        lines = [self._listed_line(element) for element in _through(cell) if local(element.tag) == "p"]
        return lines, tables

    def _write_notes(self) -> None:
        texts: dict[tuple[str, str], Element] = {}
        for kind in ("footnote", "endnote"):
            for element in children(self._related(f"{kind}s"), kind):
                texts[(kind, attribute(element, "id") or "")] = element
        number = 0
        while number < len(self._notes):  # a note may hold a reference itself
            kind, identifier = self._notes[number]
            number += 1
            note = texts.get((kind, identifier))
            if note is not None:
                lines = [line.text for line in self._lines(note, 0) if line.text.strip()]
                self.writer.text("paragraph", "\n".join(lines), label=f"[^{number}]:", anchor=f"{kind} {number}")
        for number, element in enumerate(children(self._related("comments"), "comment"), 1):
            author = attribute(element, "author") or "unknown"
            lines = [line.text for line in self._lines(element, 0) if line.text.strip()]
            self.writer.text("paragraph", "\n".join(lines), label=f"Comment by {author}:", anchor=f"comment {number}")


def _through(container: Element, depth: int = 0) -> Iterator[Element]:
    """Yield block elements, those within content controls and insertions too."""
    if depth > _DEEPEST:
        raise RecursionError
    for element in chosen(container):
        if local(element.tag) in _TRANSPARENT:
            yield from _through(element, depth + 1)
        else:
            yield element


def _rows(table: Element) -> Iterator[Element]:
    return (element for element in _through(table) if local(element.tag) == "tr")


def _row_cells(row: Element) -> Iterator[Element]:
    return (element for element in _through(row) if local(element.tag) == "tc")


def _text_boxes(drawing: Element) -> Iterator[Element]:
    """Yield the outermost text boxes; of alternatives only the first says something new."""
    for element in chosen(drawing):
        if local(element.tag) == "txbxContent":
            yield element
        else:
            yield from _text_boxes(element)


def _list_of(properties: Element | None) -> tuple[str | None, int | None]:
    its = child(properties, "numPr")
    if its is None:
        return None, None
    return _value(child(its, "numId")) or None, _integer(_value(child(its, "ilvl")))


def _value(element: Element | None) -> str:
    return (attribute(element, "val") or "") if element is not None else ""


def _on(element: Element | None) -> bool:
    return element is not None and _value(element) not in ("0", "false", "off", "none")


def _integer(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _symbol(code: str | None) -> str:
    try:
        return chr(int(code or "", 16))
    except (ValueError, OverflowError):
        return ""


def _check_box(element: Element) -> str:
    """Return the sign of a form's check box; other fields hold their text in the runs that follow."""
    box = child(element, "ffData", "checkBox")
    if box is None:
        return ""
    state = child(box, "checked")
    state = state if state is not None else child(box, "default")
    return "☒" if _on(state) else "☐"


def _sample(texts: list[str]) -> str:
    shown = [text.strip()[:60] for text in texts if text.strip()][:3]
    return f" ({'; '.join(repr(text) for text in shown)}{' …' if len(texts) > len(shown) else ''})" if shown else ""
