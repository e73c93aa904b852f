"""PPTX: a slide a page: titles, text, tables, the data of charts, diagrams, speaker notes and comments.

Runs in the reading process only. Read from the XML itself: python-pptx brings lxml, Pillow and XlsxWriter to read what
is plain XML, and has no diagrams, no comments and none of the alternatives (mc:AlternateContent) that newer shapes are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree.ElementTree import Element

from fieldwise.model import ParseIssue
from fieldwise.model.document import BlockKind

from .archive import Archive
from .charts import write_chart
from .flow import Budget, FlowCell, FlowWriter
from .markup import Package, attribute, child, children, chosen, descendants, local, relation_id
from .readers import Item, Job, too_many_pages

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.presentationml.presentation"

_DEEPEST = 40
_TITLES = ("title", "ctrTitle")
_MARGINS: dict[str, BlockKind] = {"sldNum": "footer", "ftr": "footer", "dt": "footer", "hdr": "header"}


def read_pptx(job: Job) -> Iterator[Item]:
    """Yield media type and number of slides, the slides, and issues. Raises ParseError."""
    package = Package(Archive(job.data, path=job.path, max_inflated=job.max_inflated), job.path)
    main = package.main()
    relations = package.relations(main)
    wanted = [relation_id(found) or "" for found in descendants(package.part(main), "sldId")]
    slides = [relations[key][1] for key in wanted if key in relations]
    if len(slides) > job.max_pages:
        raise too_many_pages(job, len(slides), "slides")
    yield MEDIA_TYPE, len(slides)
    budget = Budget()
    authors = _authors(package, relations)
    for number, part in enumerate(slides, 1):
        slide = _Slide(package, part, number, budget, authors)
        slide.read()
        yield slide.writer.page()
        yield from slide.issues
    yield from budget.issues


class _Shape(NamedTuple):
    """`top` and `left` are in EMU; None where the layout places the shape."""

    element: Element
    top: int | None
    left: int | None


class _Slide:
    def __init__(self, package: Package, part: str, number: int, budget: Budget, authors: dict[str, str]) -> None:
        self._package, self._part, self._number = package, part, number
        self._relations = package.relations(part)
        self._authors = authors
        self._anchor = f"slide {number}"
        self._counts: Counter[str] = Counter()
        self._hidden = False
        self.writer = FlowWriter(number, anchor=self._anchor, budget=budget)

    def read(self) -> None:
        root = self._package.part(self._part)
        self._hidden = attribute(root, "show") in ("0", "false")
        tree = child(root, "cSld", "spTree")
        if tree is not None:
            self._shapes(tree, 0)
        self._notes()
        self._comments()

    @property
    def issues(self) -> Iterator[ParseIssue]:
        if self._hidden:
            yield self._issue(
                "hidden_content", f"Slide {self._number} is hidden in the file; it was read all the same."
            )
        if self._counts["picture"]:
            yield self._issue(
                "pictures_not_read",
                f"Slide {self._number} has {self._counts['picture']} pictures that were not read; if they hold text, "
                "save it as PDF.",
            )
        if self._counts["unread"]:
            yield self._issue(
                "parts_left_out",
                f"Slide {self._number} has {self._counts['unread']} embedded objects, or charts without cached data, "
                "that were not read.",
            )

    def _issue(self, code: str, message: str) -> ParseIssue:
        return ParseIssue(code=code, message=message, page=self._number, lost=code == "parts_left_out")

    def _shapes(self, tree: Element, depth: int) -> None:
        """Titles first, then as a reader goes: from the top, and from the left where tops are about the same."""
        if depth > _DEEPEST:
            raise RecursionError
        shapes = [_placed(element) for element in chosen(tree)]
        for shape in _in_reading_order(shapes):
            element, name = shape.element, local(shape.element.tag)
            if name == "sp" or name == "cxnSp":
                self._text_shape(element)
            elif name == "grpSp":
                self._shapes(element, depth + 1)
            elif name == "graphicFrame":
                self._graphic(element)
            elif name == "pic":
                self._counts["picture"] += 1
            elif name == "contentPart":
                self._counts["unread"] += 1

    def _text_shape(self, element: Element) -> None:
        role = _role(element)
        body = child(element, "txBody")
        if role in _TITLES:
            self.writer.text("heading", " ".join(_paragraphs_text(body)), level=1, anchor=self._anchor)
            return
        if role in _MARGINS:
            self.writer.text(_MARGINS[role], "\n".join(_paragraphs_text(body)), anchor=self._anchor)
            return
        # Body placeholders are bulleted unless they say otherwise; text boxes only where they say so.
        listed = role in ("body", "obj", "")
        plain: list[str] = []
        for paragraph in children(body, "p"):
            text = _paragraph_text(paragraph)
            properties = child(paragraph, "pPr")
            depth = (attribute(properties, "lvl") if properties is not None else None) or "0"
            level = int(depth) if depth.isdigit() else 0
            marks = {local(found.tag) for found in properties} if properties is not None else set()
            bullet = bool(marks & {"buChar", "buAutoNum", "buBlip"}) or (
                listed and role is not None and "buNone" not in marks
            )
            if bullet and text.strip():
                self._plain(plain)
                self.writer.text("list_item", text, level=level, anchor=self._anchor)
            else:
                plain.append(text)
        self._plain(plain)

    def _plain(self, lines: list[str]) -> None:
        self.writer.text("paragraph", "\n".join(lines), anchor=self._anchor)
        lines.clear()

    def _graphic(self, frame: Element) -> None:
        data = child(frame, "graphic", "graphicData")
        if data is None:
            return
        for element in data.iter():
            name = local(element.tag)
            if name == "tbl":
                self._table(element)
                return
            if name == "chart" and relation_id(element):
                root = self._target(relation_id(element))
                if root is None or not write_chart(self.writer, root, f"{self._anchor} chart"):
                    self._counts["unread"] += 1
                return
            if name == "relIds":
                key = next((value for name_, value in element.attrib.items() if local(name_) == "dm"), None)
                root = self._target(key)
                for paragraph in descendants(root, "p") if root is not None else ():
                    self.writer.text("list_item", _paragraph_text(paragraph), anchor=f"{self._anchor} diagram")
                return
            if name == "oleObj":
                self._counts["unread"] += 1
                return

    def _target(self, key: str | None) -> Element | None:
        target = self._relations.get(key or "", ("", ""))[1]
        return self._package.part_if(target) if target else None

    def _table(self, table: Element) -> None:
        properties = child(table, "tblPr")
        header = properties is not None and attribute(properties, "firstRow") in ("1", "true")
        cells = []
        for row, element in enumerate(children(table, "tr")):
            for column, cell in enumerate(children(element, "tc")):
                if attribute(cell, "hMerge") in ("1", "true") or attribute(cell, "vMerge") in ("1", "true"):
                    continue
                cells.append(
                    FlowCell(
                        row,
                        column,
                        "\n".join(_paragraphs_text(child(cell, "txBody"))),
                        _span(attribute(cell, "rowSpan")),
                        _span(attribute(cell, "gridSpan")),
                        header and row == 0,
                        f"{self._anchor} R{row + 1}C{column + 1}",
                    )
                )
        self.writer.table(cells, anchor=f"{self._anchor} table")

    def _notes(self) -> None:
        target = next((target for kind, target in self._relations.values() if kind == "notesSlide"), None)
        root = self._package.part_if(target) if target else None
        tree = child(root, "cSld", "spTree")
        for shape in descendants(tree, "sp") if tree is not None else ():
            if _role(shape) in ("body", None):
                text = "\n".join(_paragraphs_text(child(shape, "txBody")))
                self.writer.text("paragraph", text, label="Notes:", anchor=f"{self._anchor} notes")

    def _comments(self) -> None:
        for kind, target in self._relations.values():
            root = self._package.part_if(target) if kind == "comments" else None
            for comment in root.iter() if root is not None else ():
                if local(comment.tag) not in ("cm", "reply"):
                    continue
                author = self._authors.get(attribute(comment, "authorId") or "", "unknown")
                text = "".join(t.text or "" for t in children(comment, "text"))
                text = text or "\n".join(_paragraphs_text(child(comment, "txBody")))
                self.writer.text("paragraph", text, label=f"Comment by {author}:", anchor=f"{self._anchor} comment")


def _authors(package: Package, relations: dict[str, tuple[str, str]]) -> dict[str, str]:
    found = {}
    for kind, target in relations.values():
        root = package.part_if(target) if kind in ("commentAuthors", "authors") else None
        for author in root if root is not None else ():
            found[attribute(author, "id") or ""] = attribute(author, "name") or "unknown"
    return found


def _role(shape: Element) -> str | None:
    """Return the type of a placeholder ("" for one of the body without a type), None for any other shape."""
    for properties in shape:
        placeholder = child(properties, "nvPr", "ph")
        if placeholder is not None:
            return attribute(placeholder, "type") or ""
    return None


def _placed(element: Element) -> _Shape:
    for properties in element:
        name = local(properties.tag)
        place = properties if name == "xfrm" else child(properties, "xfrm")
        offset = child(place, "off")
        if offset is not None:
            return _Shape(element, _coordinate(attribute(offset, "y")), _coordinate(attribute(offset, "x")))
    return _Shape(element, None, None)


def _in_reading_order(shapes: list[_Shape]) -> list[_Shape]:
    """Sort by rows of a quarter of an inch; shapes placed by the layout keep their order, before all others."""
    row = 228_600

    def key(shape: _Shape) -> tuple[int, int, int]:
        role = _role(shape.element)
        if role in _TITLES:
            return (0, 0, 0)
        if role in _MARGINS:
            return (3, 0, 0)
        if shape.top is None:
            return (1, 0, 0)
        return (2, shape.top // row, shape.left or 0)

    return sorted(shapes, key=key)


def _coordinate(text: str | None) -> int | None:
    try:
        return int(text or "")
    except ValueError:
        return None


def _span(text: str | None) -> int:
    return max(1, min(int(text), 1000)) if text and text.isdigit() else 1


def _paragraphs_text(body: Element | None) -> list[str]:
    return [_paragraph_text(paragraph) for paragraph in children(body, "p")]


def _paragraph_text(paragraph: Element) -> str:
    parts = []
    for element in paragraph.iter():
        name = local(element.tag)
        if name == "t":
            parts.append(element.text or "")
        elif name == "br":
            parts.append("\n")
        elif name == "tab":
            parts.append("\t")
    return "".join(parts)
