"""The contract: numbered clauses on three pages, signed at the end."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from reportlab.lib.enums import TA_CENTER, TA_JUSTIFY
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Frame,
    KeepTogether,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

from . import common

WIDTH, HEIGHT = A4
MARGIN = 27 * mm
BODY = ParagraphStyle("body", fontName="Times-Roman", fontSize=10.6, leading=13.7, alignment=TA_JUSTIFY, spaceAfter=5.2)
CLAUSE = ParagraphStyle("clause", parent=BODY, leftIndent=11 * mm, bulletIndent=0, bulletFontName="Times-Roman")
CLAUSE.bulletFontSize = BODY.fontSize
HEADING = ParagraphStyle(
    "heading", parent=BODY, fontName="Times-Bold", fontSize=11.2, spaceBefore=7, spaceAfter=4, keepWithNext=1
)
TITLE = ParagraphStyle("title", parent=BODY, fontName="Times-Bold", fontSize=19, leading=23, alignment=TA_CENTER)
_WORDS = {3: "three", 4: "four", 12: "twelve", 24: "twenty-four", 28: "twenty-eight", 30: "thirty", 36: "thirty-six"}


def load() -> dict[str, Any]:
    return common.read_json("contract.json")


def gold(data: dict[str, Any]) -> dict[str, Any]:
    """Return the true values: dates in ISO form, amounts as numbers, periods in the unit of the field's name."""
    return {
        "title": data["title"],
        "reference": data["reference"],
        "parties": [
            {"name": party["name"], "role": party["role"], "address": party["address"]} for party in data["parties"]
        ],
        "agreement_date": data["agreement_date"],
        "effective_date": data["effective_date"],
        "end_date": data["end_date"],
        "term_months": data["term_months"],
        "renewal_months": data["renewal_months"],
        "currency": data["currency"],
        "annual_fee": float(data["annual_fee"]),
        "quarterly_instalment": float(data["instalment"]),
        "hourly_rate": float(data["hourly_rate"]),
        "payment_days": data["payment_days"],
        "notice_months": data["notice_months"],
        "liability_cap": float(data["liability_cap"]),
        "insurance_cover": float(data["insurance_cover"]),
        "governing_law": data["governing_law"],
        "signatures": [
            {
                "name": party["signatory"]["name"],
                "title": party["signatory"]["title"],
                "party": party["name"],
                "date": party["signatory"]["signed"],
            }
            for party in data["parties"]
        ],
    }


def text(data: dict[str, Any]) -> str:
    """Return the clauses with every value of the data filled in, in figures and, where a contract does so, in words."""
    money = ("annual_fee", "instalment", "hourly_rate", "liability_cap", "insurance_cover")
    words = {"term_months", "renewal_months", "call_out_hours", "payment_days", "notice_months", "remedy_days"}
    values = {
        **data,
        **{name: common.money(data[name]) for name in money},
        **{f"{name.rsplit('_', 1)[0]}_words": _WORDS[data[name]] for name in words},
        "instalments_words": _WORDS[data["instalments_per_year"]],
        "effective_date": common.long_date(data["effective_date"]),
        "end_date": common.long_date(data["end_date"]),
    }
    return common.read_text("contract.md").format(**values)


def _opening(data: dict[str, Any]) -> list[Any]:
    story: list[Any] = [
        Paragraph(data["title"], TITLE),
        Spacer(1, 3 * mm),
        Paragraph(f"Reference {data['reference']}", ParagraphStyle("reference", parent=BODY, alignment=TA_CENTER)),
        Spacer(1, 4 * mm),
        Paragraph(f"This Agreement is made on <b>{common.long_date(data['agreement_date'])}</b> between", BODY),
    ]
    for number, party in enumerate(data["parties"], start=1):
        is_council = party["key"] == "client"
        address = f"{'whose offices are at' if is_council else 'whose registered office is at'} {party['address']}"
        line = f'<b>{party["name"]}</b>, {party["description"]}, {address} (the "{party["role"]}")'
        line = line.replace(' (the "', " (the \N{LEFT DOUBLE QUOTATION MARK}").replace(
            '")', "\N{RIGHT DOUBLE QUOTATION MARK})"
        )
        ending = "; and" if number == 1 else "."
        story.append(Paragraph(line.replace("& ", "&amp; ") + ending, CLAUSE, bulletText=f"({number})"))
    return story


def _clauses(source: str) -> list[Any]:
    story: list[Any] = []
    for paragraph in source.split("\n\n"):
        paragraph = " ".join(paragraph.split())
        if paragraph.startswith("## "):
            story.append(Paragraph(common.inline(paragraph[3:]), HEADING))
        elif numbered := re.match(r"(\([A-Z]\)|\d+\.\d+) (.*)", paragraph):
            story.append(Paragraph(common.inline(numbered[2], hyphens=True), CLAUSE, bulletText=numbered[1]))
    return story


def _signatures(data: dict[str, Any]) -> Any:
    plain = ParagraphStyle("plain", parent=BODY, alignment=0, spaceAfter=1)
    hand = ParagraphStyle("hand", parent=plain, fontName="Times-Italic", fontSize=15, leading=24)
    columns = []
    for party in data["parties"]:
        signatory = party["signatory"]
        name = party["name"].replace("& ", "&amp; ")
        columns.append(
            [
                Paragraph(f"Signed for and on behalf of<br/><b>{name}</b>", plain),
                Spacer(1, 5 * mm),
                Paragraph(signatory["name"], hand),
                Table(
                    [[""]], colWidths=[64 * mm], rowHeights=[2], style=[("LINEABOVE", (0, 0), (-1, 0), 0.6, "black")]
                ),
                Paragraph(f"Name: {signatory['name']}", plain),
                Paragraph(f"Title: {signatory['title']}", plain),
                Paragraph(f"Date: {common.long_date(signatory['signed'])}", plain),
            ]
        )
    table = Table([columns], colWidths=[(WIDTH - 2 * MARGIN) / 2] * 2)
    table.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)]))
    sentence = "The parties have signed this Agreement in two copies, one for each of them, on the dates stated below."
    return KeepTogether([Paragraph("Signatures", HEADING), Paragraph(sentence, BODY), Spacer(1, 4 * mm), table])


def render(data: dict[str, Any], path: Path) -> None:
    def furniture(canvas: Canvas, document: BaseDocTemplate) -> None:
        canvas.setFont("Times-Roman", 9)
        if document.page > 1:
            canvas.drawString(MARGIN, HEIGHT - 17 * mm, data["title"])
            canvas.drawRightString(WIDTH - MARGIN, HEIGHT - 17 * mm, data["reference"])
        canvas.drawCentredString(WIDTH / 2, 15 * mm, f"Page {document.page} of 3")

    frame = Frame(
        MARGIN,
        23 * mm,
        WIDTH - 2 * MARGIN,
        HEIGHT - 46 * mm,
        leftPadding=0,
        rightPadding=0,
        topPadding=0,
        bottomPadding=0,
    )
    document = BaseDocTemplate(
        str(path),
        pagesize=A4,
        pageTemplates=[PageTemplate("page", [frame], onPage=furniture)],
        **common.canvas_options(title=data["title"], author=data["parties"][0]["name"]),
    )
    document.build([*_opening(data), *_clauses(text(data)), Spacer(1, 4 * mm), _signatures(data)])
