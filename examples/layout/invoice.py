"""The invoice: twelve line items over a page break."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Frame,
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
LEFT, RIGHT = 22 * mm, 18 * mm
INK, TINT, RULE = colors.HexColor("#1d3a4c"), colors.HexColor("#eef3f5"), colors.HexColor("#b8c7cf")
BODY = ParagraphStyle("body", fontName="Helvetica", fontSize=9.2, leading=12.2)
NOTE = ParagraphStyle("note", parent=BODY, fontSize=8.2, leading=10.6, textColor=colors.HexColor("#4a5560"))
NUMBER = ParagraphStyle("number", parent=BODY, alignment=TA_RIGHT)
HEAD = ParagraphStyle("head", parent=BODY, fontName="Helvetica-Bold", fontSize=8.6, textColor=colors.white)
HEAD_NUMBER = ParagraphStyle("head-number", parent=HEAD, alignment=TA_RIGHT)
COLUMNS = [10 * mm, 79 * mm, 16 * mm, 15 * mm, 23 * mm, 27 * mm]


def load() -> dict[str, Any]:
    return common.read_json("invoice.json")


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


def amounts(data: dict[str, Any]) -> tuple[list[Decimal], Decimal, Decimal, Decimal]:
    """Return the amount of each line, net, VAT and total, rounded to the cent as an accountant does."""
    lines = [_cents(Decimal(i["quantity"]) * Decimal(i["unit_price"])) for i in data["items"]]
    net = sum(lines, Decimal(0))
    vat = _cents(net * Decimal(data["vat_rate"]) / 100)
    return lines, net, vat, net + vat


def gold(data: dict[str, Any]) -> dict[str, Any]:
    """Return the true values: dates in ISO form, amounts as numbers, text as printed."""
    lines, net, vat, total = amounts(data)
    seller, customer = data["seller"], data["customer"]
    return {
        "invoice_number": data["invoice_number"],
        "order_number": data["order_number"],
        "invoice_date": data["issue_date"],
        "due_date": data["due_date"],
        "currency": data["currency"],
        "seller": {
            "name": seller["name"],
            "address": ", ".join(seller["address"]),
            "vat_number": seller["vat_number"],
            "phone": seller["phone"],
            "email": seller["email"],
        },
        "customer": {
            "name": customer["name"],
            "number": customer["number"],
            "address": ", ".join(customer["address"]),
        },
        "line_items": [
            {
                "position": position,
                "code": item["code"],
                "description": item["description"],
                "quantity": float(item["quantity"]),
                "unit": item["unit"],
                "unit_price": float(item["unit_price"]),
                "amount": float(line),
            }
            for position, (item, line) in enumerate(zip(data["items"], lines, strict=True), start=1)
        ],
        "net": float(net),
        "vat_rate": float(data["vat_rate"]),
        "vat": float(vat),
        "total": float(total),
        "bank": seller["bank"],
        "iban": seller["iban"],
        "bic": seller["bic"],
        "payment_terms": data["payment_terms"],
    }


def _spaced(iban: str) -> str:
    return " ".join(iban[i : i + 4] for i in range(0, len(iban), 4))


def _logo(canvas: Canvas, x: float, y: float) -> None:
    canvas.setFillColor(INK)
    canvas.setStrokeColor(INK)
    hull = canvas.beginPath()
    hull.moveTo(x, y + 5)
    hull.curveTo(x + 8, y - 3, x + 26, y - 3, x + 36, y + 6)
    hull.lineTo(x, y + 5)
    canvas.drawPath(hull, fill=1, stroke=0)
    for sail in (((15, 8), (15, 34), (2, 9)), ((18, 8), (18, 30), (33, 9))):
        path = canvas.beginPath()
        path.moveTo(x + sail[0][0], y + sail[0][1])
        for dx, dy in sail[1:]:
            path.lineTo(x + dx, y + dy)
        path.close()
        canvas.drawPath(path, fill=1, stroke=0)


def _pages(data: dict[str, Any]) -> tuple[Any, Any]:
    seller = data["seller"]

    def footer(canvas: Canvas, page: int) -> None:
        canvas.setStrokeColor(RULE)
        canvas.setLineWidth(0.5)
        canvas.line(LEFT, 23 * mm, WIDTH - RIGHT, 23 * mm)
        canvas.setFillColor(colors.HexColor("#4a5560"))
        canvas.setFont("Helvetica", 7.6)
        canvas.drawString(
            LEFT, 19 * mm, f"{seller['name']}  ·  {seller['registration']}  ·  VAT No. {seller['vat_number']}"
        )
        canvas.drawString(
            LEFT, 15.4 * mm, f"{seller['bank']}  ·  IBAN {_spaced(seller['iban'])}  ·  BIC {seller['bic']}"
        )
        canvas.drawRightString(WIDTH - RIGHT, 15.4 * mm, f"Page {page} of 2")

    def first(canvas: Canvas, _: BaseDocTemplate) -> None:
        top = HEIGHT - 25 * mm
        _logo(canvas, LEFT, top - 6)
        canvas.setFillColor(INK)
        canvas.setFont("Helvetica-Bold", 17)
        canvas.drawString(LEFT + 46, top + 8, seller["name"])
        canvas.setFont("Helvetica", 9)
        canvas.drawString(LEFT + 46, top - 5, seller["strapline"])
        canvas.setFillColor(colors.black)
        canvas.setFont("Helvetica", 8.6)
        lines = [*seller["address"], f"Tel. {seller['phone']}", seller["email"]]
        for i, line in enumerate(lines):
            canvas.drawRightString(WIDTH - RIGHT, top + 13 - 11 * i, line)
        footer(canvas, 1)

    def later(canvas: Canvas, _: BaseDocTemplate) -> None:
        canvas.setFillColor(INK)
        canvas.setFont("Helvetica-Bold", 9)
        canvas.drawString(LEFT, HEIGHT - 17 * mm, seller["name"])
        canvas.setFont("Helvetica", 9)
        canvas.setFillColor(colors.black)
        canvas.drawRightString(
            WIDTH - RIGHT,
            HEIGHT - 17 * mm,
            f"Invoice {data['invoice_number']} of {common.long_date(data['issue_date'])}",
        )
        footer(canvas, 2)

    return first, later


def _heading(data: dict[str, Any]) -> list[Any]:
    customer = data["customer"]
    address = [f"<b>{customer['name']}</b>", customer["contact"], *customer["address"]]
    start, end = (common.long_date(day) for day in data["delivery_period"])
    facts = [
        ("Invoice number", data["invoice_number"]),
        ("Invoice date", common.long_date(data["issue_date"])),
        ("Customer number", customer["number"]),
        ("Your order", data["order_number"]),
        ("Work carried out", f"{start.removesuffix(' 2025')} to {end}"),
        ("Due date", common.long_date(data["due_date"])),
    ]
    meta = Table(
        [[Paragraph(name, NOTE), Paragraph(f"<b>{value}</b>", BODY)] for name, value in facts],
        colWidths=[29 * mm, 55 * mm],
        style=TableStyle([("TOPPADDING", (0, 0), (-1, -1), 0.4), ("BOTTOMPADDING", (0, 0), (-1, -1), 0.8)]),
    )
    title = ParagraphStyle("title", fontName="Helvetica-Bold", fontSize=20, leading=24, textColor=INK)
    return [
        Table(
            [[[Paragraph("Bill to", NOTE), *[Paragraph(line, BODY) for line in address]], meta]],
            colWidths=[86 * mm, 84 * mm],
            style=TableStyle(
                [
                    ("VALIGN", (0, 0), (-1, -1), "TOP"),
                    ("LEFTPADDING", (0, 0), (0, 0), 0),
                    ("RIGHTPADDING", (0, 0), (-1, -1), 0),
                ]
            ),
        ),
        Spacer(1, 8 * mm),
        Paragraph("Invoice", title),
        Spacer(1, 1.5 * mm),
        Paragraph(common.inline(data["subject"]), BODY),
        Spacer(1, 5 * mm),
    ]


def _items(data: dict[str, Any], lines: list[Decimal]) -> Table:
    currency = data["currency"]
    rows: list[list[Any]] = [
        [
            Paragraph("Pos.", HEAD),
            Paragraph("Description", HEAD),
            Paragraph("Qty", HEAD_NUMBER),
            Paragraph("Unit", HEAD),
            Paragraph(f"Unit price<br/>{currency}", HEAD_NUMBER),
            Paragraph(f"Amount<br/>{currency}", HEAD_NUMBER),
        ]
    ]
    for position, (item, line) in enumerate(zip(data["items"], lines, strict=True), start=1):
        text = [Paragraph(common.inline(item["description"]), BODY)]
        text += [Paragraph(common.inline(note), NOTE) for note in item.get("note", "").splitlines()]
        text.append(Paragraph(f"Item {item['code']}", NOTE))
        rows.append(
            [
                Paragraph(str(position), BODY),
                text,
                Paragraph(item["quantity"], NUMBER),
                Paragraph(item["unit"], BODY),
                Paragraph(common.money(item["unit_price"]), NUMBER),
                Paragraph(common.money(line), NUMBER),
            ]
        )
    style = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("VALIGN", (0, 0), (-1, 0), "BOTTOM"),
        ("BACKGROUND", (0, 0), (-1, 0), INK),
        ("LINEBELOW", (0, 1), (-1, -1), 0.5, RULE),
        ("LEFTPADDING", (0, 0), (-1, -1), 4),
        ("RIGHTPADDING", (0, 0), (-1, -1), 4),
        ("TOPPADDING", (0, 1), (-1, -1), 4.5),
        ("BOTTOMPADDING", (0, 1), (-1, -1), 5.5),
        *[("BACKGROUND", (0, row), (-1, row), TINT) for row in range(2, len(rows), 2)],
    ]
    return Table(rows, colWidths=COLUMNS, repeatRows=1, style=TableStyle(style), splitInRow=0)


def _closing(data: dict[str, Any]) -> list[Any]:
    _, net, vat, total = amounts(data)
    currency, seller = data["currency"], data["seller"]
    strong = ParagraphStyle("strong", parent=BODY, fontName="Helvetica-Bold", fontSize=10.4)
    strong_number = ParagraphStyle("strong-number", parent=strong, alignment=TA_RIGHT)
    totals = Table(
        [
            [Paragraph("Net amount", BODY), Paragraph(f"{currency} {common.money(net)}", NUMBER)],
            [Paragraph(f"VAT {data['vat_rate']}%", BODY), Paragraph(f"{currency} {common.money(vat)}", NUMBER)],
            [Paragraph("Total due", strong), Paragraph(f"{currency} {common.money(total)}", strong_number)],
        ],
        colWidths=[38 * mm, 37 * mm],
        hAlign="RIGHT",
        style=TableStyle(
            [
                ("LINEABOVE", (0, 2), (-1, 2), 0.8, INK),
                ("LINEBELOW", (0, 2), (-1, 2), 1.6, INK),
                ("RIGHTPADDING", (0, 0), (-1, -1), 4),
                ("TOPPADDING", (0, 2), (-1, 2), 4),
                ("BOTTOMPADDING", (0, 2), (-1, 2), 6),
            ]
        ),
    )
    pay = f"Please pay to {seller['bank']}, IBAN <b>{_spaced(seller['iban'])}</b>, BIC {seller['bic']}, "
    pay += f"by <b>{common.long_date(data['due_date'])}</b>, quoting invoice {data['invoice_number']}."
    return [
        Spacer(1, 5 * mm),
        KeepTogether(
            [
                totals,
                Spacer(1, 10 * mm),
                Paragraph("Payment", ParagraphStyle("sub", parent=BODY, fontName="Helvetica-Bold", textColor=INK)),
                Spacer(1, 1 * mm),
                Paragraph(common.inline(data["payment_terms"]), BODY),
                Paragraph(pay, BODY),
                Spacer(1, 4 * mm),
                Paragraph(common.inline(data["closing"]), BODY),
            ]
        ),
    ]


def render(data: dict[str, Any], path: Path) -> None:
    first, later = _pages(data)
    width, bottom = WIDTH - LEFT - RIGHT, 27 * mm
    padding = {"leftPadding": 0, "rightPadding": 0, "topPadding": 0, "bottomPadding": 0}
    document = BaseDocTemplate(
        str(path),
        pagesize=A4,
        pageTemplates=[
            PageTemplate("first", [Frame(LEFT, bottom, width, HEIGHT - 56 * mm - bottom, **padding)], onPage=first),
            PageTemplate("later", [Frame(LEFT, bottom, width, HEIGHT - 24 * mm - bottom, **padding)], onPage=later),
        ],
        **common.canvas_options(title=f"Invoice {data['invoice_number']}", author=data["seller"]["name"]),
    )
    lines, *_ = amounts(data)
    document.build([NextPageTemplate("later"), *_heading(data), _items(data, lines), *_closing(data)])
