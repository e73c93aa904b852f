"""The paper: two columns, a title across both, a table in a column, a table across both, a figure drawn as vectors."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from reportlab.graphics.shapes import Circle, Drawing, Group, Line, PolyLine, Rect, String
from reportlab.lib import colors
from reportlab.lib.enums import TA_CENTER, TA_JUSTIFY
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Frame,
    FrameBreak,
    KeepTogether,
    NextPageTemplate,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

from . import common

WIDTH, HEIGHT = A4
MARGIN, GAP = 19 * mm, 7 * mm
TOP, BOTTOM = HEIGHT - 25 * mm, 20 * mm
FULL = WIDTH - 2 * MARGIN
COLUMN = (FULL - GAP) / 2

BODY = ParagraphStyle("body", fontName="Times-Roman", fontSize=10.3, leading=12.9, alignment=TA_JUSTIFY)
BODY.allowWidows = BODY.allowOrphans = 0
INDENTED = ParagraphStyle("indented", parent=BODY, firstLineIndent=11)
NAMED = ParagraphStyle("named", parent=BODY, spaceBefore=4)  # opens with its own name in italics
SECTION = ParagraphStyle(
    "section", parent=BODY, fontName="Times-Bold", fontSize=11.6, leading=14, spaceBefore=11, spaceAfter=4, alignment=0
)
SUBSECTION = ParagraphStyle(
    "subsection", parent=SECTION, fontName="Times-BoldItalic", fontSize=10.2, leading=12.6, spaceBefore=8, spaceAfter=3
)
TITLE = ParagraphStyle("title", fontName="Times-Bold", fontSize=19, leading=22.5, alignment=TA_CENTER)
AUTHORS = ParagraphStyle("authors", fontName="Times-Roman", fontSize=11.4, leading=15, alignment=TA_CENTER)
AFFILIATION = ParagraphStyle("affiliation", fontName="Times-Italic", fontSize=9.2, leading=11.6, alignment=TA_CENTER)
ABSTRACT = ParagraphStyle("abstract", parent=BODY, fontSize=9.4, leading=11.7, leftIndent=13 * mm, rightIndent=13 * mm)
CAPTION = ParagraphStyle("caption", parent=BODY, fontSize=8.7, leading=10.6)
REFERENCE = ParagraphStyle(
    "reference", parent=BODY, fontSize=8.9, leading=10.9, leftIndent=10, firstLineIndent=-10, spaceAfter=2
)
ROOM = SUBSECTION.leading + 3.5 * BODY.leading  # a heading and at least two lines below it, or the next column
LISTED = ParagraphStyle(
    "listed", parent=BODY, leftIndent=13, bulletIndent=0, spaceAfter=1.5, bulletFontName="Times-Roman"
)
LISTED.bulletFontSize = BODY.fontSize


def load() -> dict[str, Any]:
    return common.read_json("paper.json")


def _headings() -> list[str]:
    return re.findall(r"^## (.*)$", common.read_text("paper.md"), re.MULTILINE)


def _number(text: str) -> int | float | str:
    text = text.replace("\N{MINUS SIGN}", "-")
    return int(text) if re.fullmatch(r"-?\d+", text) else float(text) if re.fullmatch(r"-?\d+\.\d+", text) else text


def gold(data: dict[str, Any]) -> dict[str, Any]:
    """Return the true values: numbers as numbers, affiliations by name."""
    return {
        "title": data["title"],
        "journal": data["journal"],
        "volume": data["volume"],
        "issue": data["issue"],
        "year": data["year"],
        "received": data["received"],
        "accepted": data["accepted"],
        "authors": [
            {"name": a["name"], "affiliations": [data["affiliations"][mark] for mark in a["affiliations"]]}
            for a in data["authors"]
        ],
        "corresponding_email": next(a["email"] for a in data["authors"] if "email" in a),
        "abstract": data["abstract"],
        "keywords": data["keywords"],
        "sections": _headings(),
        "tables": [
            {
                "number": table["number"],
                "caption": table["caption"],
                "columns": table["columns"],
                "rows": [[_number(cell) for cell in row] for row in table["rows"]],
            }
            for table in data["tables"].values()
        ],
        "figures": [{"number": data["figure"]["number"], "caption": data["figure"]["caption"]}],
        "references": [reference.replace("*", "") for reference in data["references"]],
    }


def _front(data: dict[str, Any]) -> list[Any]:
    names = []
    for author in data["authors"]:
        marks = ",".join(author["affiliations"]) + (",*" if "email" in author else "")
        names.append(f'{author["name"]}<super rise="4" size="7.5">{marks}</super>')
    email = next(a["email"] for a in data["authors"] if "email" in a)
    affiliations = [
        f'<super rise="3.5" size="6.8">{mark}</super> {name}' for mark, name in data["affiliations"].items()
    ]
    affiliations.append(f'<super rise="3.5" size="6.8">*</super> Corresponding author: {email}')
    dates = f"Received {common.long_date(data['received'])}. Accepted {common.long_date(data['accepted'])}."
    return [
        Paragraph(data["title"], TITLE),
        Spacer(1, 4 * mm),
        Paragraph(", ".join(names), AUTHORS),
        Spacer(1, 2 * mm),
        *[Paragraph(line, AFFILIATION) for line in affiliations],
        Spacer(1, 2 * mm),
        Paragraph(dates, ParagraphStyle("dates", parent=AFFILIATION, fontName="Times-Roman", fontSize=8.8)),
        Spacer(1, 5 * mm),
        Paragraph(f"<b>Abstract.</b> {common.inline(data['abstract'], hyphens=True)}", ABSTRACT),
        Spacer(1, 2 * mm),
        Paragraph(f"<b>Keywords:</b> {', '.join(data['keywords'])}", ABSTRACT),
        Spacer(1, 6 * mm),
    ]


def _caption(kind: str, item: dict[str, Any]) -> Paragraph:
    return Paragraph(f"<b>{kind} {item['number']}.</b> {common.inline(item['caption'])}", CAPTION)


def _ruled_table(table: dict[str, Any]) -> Any:
    widths = [0.27, 0.22, 0.2, 0.13, 0.18]
    grid = Table([table["columns"], *table["rows"]], colWidths=[w * COLUMN for w in widths])
    grid.setStyle(
        TableStyle(
            [
                ("FONT", (0, 0), (-1, -1), "Times-Roman", 9),
                ("FONT", (0, 0), (-1, 0), "Times-Bold", 9),
                ("GRID", (0, 0), (-1, -1), 0.5, colors.black),
                ("ALIGN", (2, 0), (-1, -1), "RIGHT"),
                ("LEFTPADDING", (0, 0), (-1, -1), 4),
                ("RIGHTPADDING", (0, 0), (-1, -1), 4),
                ("TOPPADDING", (0, 0), (-1, -1), 1.6),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
            ]
        )
    )
    return KeepTogether([Spacer(1, 7), _caption("Table", table), Spacer(1, 4), grid, Spacer(1, 9)])


def _open_table(table: dict[str, Any]) -> list[Any]:
    """A table without rules: columns are told by their alignment, groups of rows by the name that stands once."""
    rows, previous = [], ""
    starts = []
    for index, row in enumerate(table["rows"], start=1):
        if row[0] != previous:
            starts.append(index)
        rows.append([row[0] if row[0] != previous else "", *row[1:]])
        previous = row[0]
    widths = [0.17, 0.21, 0.11, 0.09, 0.09, 0.1, 0.12, 0.11]
    grid = Table([table["columns"], *rows], colWidths=[w * FULL for w in widths])
    grid.setStyle(
        TableStyle(
            [
                ("FONT", (0, 0), (-1, -1), "Times-Roman", 9.4),
                ("FONT", (0, 0), (-1, 0), "Times-Italic", 9.4),
                ("ALIGN", (2, 0), (-1, -1), "RIGHT"),
                ("TOPPADDING", (0, 0), (-1, -1), 0.6),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 1.8),
                *[("TOPPADDING", (0, row), (-1, row), 5) for row in starts],
            ]
        )
    )
    return [_caption("Table", table), Spacer(1, 4), grid]


def _marker(shape: int, x: float, y: float) -> Any:
    if shape == 0:
        return Circle(x, y, 2.3, fillColor=colors.black, strokeColor=None)
    if shape == 1:
        return Rect(x - 2.1, y - 2.1, 4.2, 4.2, fillColor=colors.black, strokeColor=None)
    if shape == 2:
        return Circle(x, y, 2.3, fillColor=colors.white, strokeColor=colors.black, strokeWidth=0.9)
    return Rect(x - 2.1, y - 2.1, 4.2, 4.2, fillColor=colors.white, strokeColor=colors.black, strokeWidth=0.9)


def _plot(figure: dict[str, Any]) -> Drawing:
    left, bottom, width, height = 34.0, 32.0, COLUMN - 42, 150.0
    x_max, y_max = 0.6, 100.0

    def place(x: float, y: float) -> tuple[float, float]:
        return left + x / x_max * width, bottom + y / y_max * height

    def label(x: float, y: float, text: str, anchor: str = "middle") -> String:
        return String(x, y, text, fontName="Times-Roman", fontSize=8.4, textAnchor=anchor)

    drawing = Drawing(COLUMN, bottom + height + 8)
    drawing.add(Rect(left, bottom, width, height, fillColor=None, strokeWidth=0.7))
    for step in range(7):
        x, y = place(step / 10, 0)
        drawing.add(Line(x, y, x, y - 3, strokeWidth=0.6))
        drawing.add(label(x, y - 12, f"{step / 10:.1f}"))
    for level in range(0, 101, 20):
        x, y = place(0, level)
        drawing.add(Line(x, y, x - 3, y, strokeWidth=0.6))
        drawing.add(label(x - 5, y - 2.8, str(level), "end"))
    for shape, series in enumerate(figure["series"]):
        points = [place(x, y) for x, y in zip(figure["x"], series["y"], strict=True)]
        dashes = [None, [4, 2], [1.5, 1.5], [6, 2, 1.5, 2]][shape]
        line = [value for point in points for value in point]
        drawing.add(PolyLine(line, strokeWidth=0.9, strokeDashArray=dashes))
        for x, y in points:
            drawing.add(_marker(shape, x, y))
        key = bottom + height - 13 - 12 * shape
        drawing.add(Line(left + 8, key, left + 30, key, strokeWidth=0.9, strokeDashArray=dashes))
        drawing.add(_marker(shape, left + 19, key))
        drawing.add(label(left + 36, key - 2.8, series["name"], "start"))
    drawing.add(label(left + width / 2, 6, figure["x_label"]))
    upright = Group(label(0, 0, figure["y_label"]))
    upright.translate(9, bottom + height / 2)
    upright.rotate(90)
    drawing.add(upright)
    return drawing


def _body(data: dict[str, Any]) -> list[Any]:
    story: list[Any] = []
    opening = True  # the first paragraph after a heading is set without an indent
    for part in common.read_text("paper.md").split("\n\n"):
        part = part.strip()
        if part.startswith("### "):
            story += [CondPageBreak(ROOM), Paragraph(common.inline(part[4:]), SUBSECTION)]
            opening = True
        elif part.startswith("## "):
            story += [CondPageBreak(ROOM + 1.5 * SECTION.leading), Paragraph(common.inline(part[3:]), SECTION)]
            opening = True
        elif part == "[table: harbours]":
            story.append(_ruled_table(data["tables"]["harbours"]))
        elif part == "[table: errors]":
            story.append(NextPageTemplate("wide"))
        elif part == "[figure: waves]":
            figure = data["figure"]
            story.append(
                KeepTogether([Spacer(1, 6), _plot(figure), Spacer(1, 3), _caption("Figure", figure), Spacer(1, 9)])
            )
        elif part == "[references]":
            story += [Paragraph(common.inline(reference), REFERENCE) for reference in data["references"]]
        elif part == "[column]":
            story.append(FrameBreak())
        elif part.startswith("1. "):
            for line in part.splitlines():
                number, sentence = line.split(" ", 1)
                story.append(Paragraph(common.inline(sentence, hyphens=True), LISTED, bulletText=number))
        else:
            style = NAMED if part.startswith("*") else BODY if opening else INDENTED
            story.append(Paragraph(common.inline(part, hyphens=True), style))
            opening = False
    return story


def _columns(top: float) -> list[Frame]:
    padding = {"leftPadding": 0, "rightPadding": 0, "topPadding": 0, "bottomPadding": 0}
    return [Frame(x, BOTTOM, COLUMN, top - BOTTOM, **padding) for x in (MARGIN, MARGIN + COLUMN + GAP)]


def _height(flowables: list[Any], width: float) -> float:
    return sum(flowable.wrap(width, HEIGHT)[1] for flowable in flowables)


def render(data: dict[str, Any], path: Path) -> None:
    names = data["authors"][0]["name"].split()[-1] + " et al."
    issue = f"{data['journal']} {data['volume']}({data['issue']}), {data['year']}"

    def furniture(canvas: Canvas, document: BaseDocTemplate) -> None:
        canvas.setFont("Times-Italic", 8.8)
        number = str(data["first_page"] + document.page - 1)
        if document.page == 1:
            canvas.drawString(MARGIN, HEIGHT - 16 * mm, issue)
            canvas.drawCentredString(WIDTH / 2, 11 * mm, number)
            return
        canvas.drawString(MARGIN, HEIGHT - 16 * mm, f"{names}: Four ways to read a tide staff")
        canvas.drawRightString(WIDTH - MARGIN, HEIGHT - 16 * mm, issue)
        canvas.setLineWidth(0.4)
        canvas.line(MARGIN, HEIGHT - 18.5 * mm, WIDTH - MARGIN, HEIGHT - 18.5 * mm)
        canvas.drawCentredString(WIDTH / 2, 11 * mm, number)

    wide_height = _height(_open_table(data["tables"]["errors"]), FULL)

    def wide(canvas: Canvas, document: BaseDocTemplate) -> None:
        furniture(canvas, document)
        y = TOP
        for flowable in _open_table(data["tables"]["errors"]):
            _, height = flowable.wrapOn(canvas, FULL, HEIGHT)
            flowable.drawOn(canvas, MARGIN, y - height)
            y -= height

    front = _front(data)
    front_height = _height(front, FULL)
    head = Frame(
        MARGIN, TOP - front_height - 1, FULL, front_height + 1,
        leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0,
    )  # fmt: skip
    document = BaseDocTemplate(
        str(path),
        pagesize=A4,
        pageTemplates=[
            PageTemplate(
                "first", [head, *_columns(TOP - front_height)], onPage=furniture, autoNextPageTemplate="columns"
            ),
            PageTemplate("columns", _columns(TOP), onPage=furniture),
            PageTemplate("wide", _columns(TOP - wide_height - 7 * mm), onPage=wide, autoNextPageTemplate="columns"),
        ],
        **common.canvas_options(title=data["title"], author=", ".join(a["name"] for a in data["authors"])),
    )
    document.build([*front, FrameBreak(), *_body(data)])
