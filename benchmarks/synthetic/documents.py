"""The values: three kinds of documents that hold one long list each."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

Kind = Literal["bank", "parts", "events"]
Align = Literal["left", "right"]


class Column(NamedTuple):
    """A column of the list: its field, its heading, its share of the width, and how a value is printed."""

    field: str
    heading: str
    share: float
    align: Align
    print: Callable[[Any], str]
    wraps: bool = False


@dataclass(frozen=True)
class Values:
    """One document before it is drawn. `facts` are its single values by field: label and how they are printed."""

    kind: Kind
    title: str
    data: dict[str, Any]
    schema: dict[str, Any]
    list_field: str
    columns: tuple[Column, ...]
    facts: Mapping[str, tuple[str, str]]
    sum_field: str | None
    day_first: bool
    decimal_mark: str


_FIRST = (
    "Ada", "Bela", "Caio", "Dara", "Edda", "Finn", "Gwen", "Hugo", "Ines", "Jonas", "Kaja", "Lars", "Mira",
    "Nilo", "Orla", "Pia", "Remo", "Sina", "Timo", "Ulla",
)  # fmt: skip
_LAST = (
    "Ahlers", "Brandt", "Corvin", "Dorn", "Ekdal", "Farkas", "Gruber", "Holm", "Iversen", "Jansky", "Keller",
    "Lorca", "Moreau", "Nyberg", "Okoro",
)  # fmt: skip
_TOWNS = (
    "Altmark", "Birkenau", "Dornfeld", "Eschental", "Felsberg", "Grauheim", "Hollern", "Immerath",
    "Kaltenbach", "Lindau", "Moorwerder",
)  # fmt: skip
_SHOPS = (
    "Bakery", "Book shop", "Hardware store", "Pharmacy", "Garage", "Flower shop", "Cinema", "Bicycle repair",
    "Music school", "Market",
)  # fmt: skip
_PAPERS = ("Standing order", "Direct debit", "Card payment", "Transfer", "Refund", "Salary", "Cash withdrawal")
_MATERIALS = (
    "steel", "brass", "oak", "nylon", "rubber", "copper", "aluminium", "cork",
)  # fmt: skip
_THINGS = (
    "bolt", "washer", "bracket", "hinge", "bearing", "gasket", "spring", "bushing", "coupling", "flange",
    "dowel", "clamp",
)  # fmt: skip
_TERMS = (
    "Headache", "Nausea", "Fatigue", "Dizziness", "Arthralgia", "Back pain", "Rash", "Cough", "Pyrexia",
    "Insomnia", "Diarrhoea", "Injection site pain", "Upper respiratory tract infection", "Muscle spasms",
    "Dry mouth", "Decreased appetite",
)  # fmt: skip
_OUTCOMES = ("recovered", "recovering", "not recovered", "unknown")


def make_values(kind: Kind, rows: int, seed: int = 1) -> Values:
    """Return the values of one document with a list of `rows` records; the same arguments give the same values."""
    return _MAKERS[kind](random.Random(f"{kind}/{rows}/{seed}"), rows)


def _bank(chance: random.Random, rows: int) -> Values:
    day = date(2024, 1, 2)
    balance = opening = Decimal(chance.randrange(100_000, 900_000)) / 100
    records = []
    for n in range(rows):
        day += timedelta(days=chance.choice((0, 0, 0, 1, 1, 2)) if rows < 400 else chance.choice((0, 0, 0, 0, 1)))
        amount = Decimal(chance.randrange(199, 90_000)) / 100 * (1 if chance.random() < 0.25 else -1)
        balance += amount
        who = f"{chance.choice(_SHOPS)} {chance.choice(_LAST)}, {chance.choice(_TOWNS)}"
        records.append(
            {
                "date": day.isoformat(),
                "description": f"{chance.choice(_PAPERS)} {who} REF {chance.randrange(10**6, 10**7)}{n:04d}",
                "amount": float(amount),
                "balance": float(balance),
            }
        )
    holder = f"{chance.choice(_FIRST)} {chance.choice(_LAST)}"
    number = f"DE{chance.randrange(10, 99)} 5001 0000 {chance.randrange(10**9, 10**10)}"
    data = {
        "account_holder": holder,
        "account_number": number,
        "opening_balance": float(opening),
        "closing_balance": float(balance),
        "transactions": records,
    }
    return Values(
        kind="bank",
        title="Account statement",
        data=data,
        schema=_schema(
            "Account statement",
            {
                "account_holder": _text("Name of the account's owner"),
                "account_number": _text("Account number as printed"),
                "opening_balance": _number("Balance before the first transaction"),
                "closing_balance": _number("Balance after the last transaction"),
            },
            "transactions",
            {
                "date": {"type": "string", "format": "date", "description": "Booking date"},
                "description": _text("What the transaction was"),
                "amount": _number("Amount, negative for a debit"),
                "balance": _number("Balance after the transaction"),
            },
        ),
        list_field="transactions",
        columns=(
            Column("date", "Date", 0.13, "left", _german_day),
            Column("description", "Description", 0.53, "left", str, wraps=True),
            Column("amount", "Amount EUR", 0.17, "right", _german),
            Column("balance", "Balance EUR", 0.17, "right", _german),
        ),
        facts={
            "account_holder": ("Account holder", holder),
            "account_number": ("Account", number),
            "opening_balance": ("Opening balance", f"{_german(float(opening))} EUR"),
            "closing_balance": ("Closing balance", f"{_german(float(balance))} EUR"),
        },
        sum_field="amount",
        day_first=True,
        decimal_mark=",",
    )


def _parts(chance: random.Random, rows: int) -> Values:
    records = []
    for n in range(rows):
        price = Decimal(chance.randrange(5, 40_000)) / 100
        quantity = chance.choice((1, 2, 4, 6, 8, 10, 12, 25, 50, 100))
        size = f"M{chance.randrange(3, 24)}x{chance.randrange(10, 180)}"
        records.append(
            {
                "position": n + 1,
                "part_number": f"{chance.choice('ABCDEFGH')}{chance.randrange(100, 999)}-{chance.randrange(10**4):04d}",
                "description": f"{chance.choice(_THINGS).capitalize()}, {chance.choice(_MATERIALS)}, {size}",
                "quantity": quantity,
                "unit_price": float(price),
                "total": float(price * quantity),
            }
        )
    machine = f"{chance.choice(_LAST)} press {chance.randrange(100, 999)}"
    drawing = f"ZN-{chance.randrange(10_000, 99_999)}"
    return Values(
        kind="parts",
        title="Spare parts list",
        data={"machine": machine, "drawing_number": drawing, "parts": records},
        schema=_schema(
            "Parts list",
            {"machine": _text("Machine that the parts belong to"), "drawing_number": _text("Number of the drawing")},
            "parts",
            {
                "position": {"type": "integer", "description": "Position in the list"},
                "part_number": _text("Part number"),
                "description": _text("What the part is"),
                "quantity": {"type": "integer", "description": "Pieces"},
                "unit_price": _number("Price of one piece"),
                "total": _number("Price of all pieces"),
            },
        ),
        list_field="parts",
        columns=(
            Column("position", "Pos.", 0.08, "right", str),
            Column("part_number", "Part no.", 0.16, "left", str),
            Column("description", "Description", 0.36, "left", str, wraps=True),
            Column("quantity", "Qty", 0.09, "right", str),
            Column("unit_price", "Unit price USD", 0.15, "right", _english),
            Column("total", "Total USD", 0.16, "right", _english),
        ),
        facts={"machine": ("Machine", machine), "drawing_number": ("Drawing", drawing)},
        sum_field="total",
        day_first=False,
        decimal_mark=".",
    )


def _events(chance: random.Random, rows: int) -> Values:
    records = []
    for n in range(rows):
        start = date(2023, 3, 1) + timedelta(days=chance.randrange(0, 500))
        ended = chance.random() < 0.8
        records.append(
            {
                "subject_id": f"{chance.randrange(101, 140)}-{n // 3 + 1:04d}",
                "event": chance.choice(_TERMS),
                "start_date": start.isoformat(),
                "end_date": (start + timedelta(days=chance.randrange(0, 40))).isoformat() if ended else None,
                "grade": chance.randrange(1, 5),
                "outcome": chance.choice(_OUTCOMES[:3]) if ended else _OUTCOMES[3],
            }
        )
    study = f"LX-{chance.randrange(100, 999)}-{chance.randrange(1, 9)}"
    return Values(
        kind="events",
        title="Listing of adverse events",
        data={"study": study, "cut_off_date": "2024-09-30", "events": records},
        schema=_schema(
            "Adverse events",
            {
                "study": _text("Study code"),
                "cut_off_date": {"type": "string", "format": "date", "description": "Date of the data cut-off"},
            },
            "events",
            {
                "subject_id": _text("Subject"),
                "event": _text("Preferred term of the event"),
                "start_date": {"type": "string", "format": "date", "description": "First day"},
                "end_date": {
                    "type": ["string", "null"],
                    "format": "date",
                    "description": "Last day; null while ongoing",
                },
                "grade": {"type": "integer", "description": "Severity grade, 1 to 5"},
                "outcome": {"enum": list(_OUTCOMES), "description": "Outcome"},
            },
        ),
        list_field="events",
        columns=(
            Column("subject_id", "Subject", 0.14, "left", str),
            Column("event", "Preferred term", 0.32, "left", str, wraps=True),
            Column("start_date", "Start", 0.15, "left", _short_day),
            Column("end_date", "End", 0.15, "left", _short_day),
            Column("grade", "Grade", 0.08, "right", str),
            Column("outcome", "Outcome", 0.16, "left", str),
        ),
        facts={"study": ("Study", study), "cut_off_date": ("Data cut-off", "30 Sep 2024")},
        sum_field=None,
        day_first=True,
        decimal_mark=".",
    )


_MAKERS: Mapping[Kind, Callable[[random.Random, int], Values]] = MappingProxyType(
    {"bank": _bank, "parts": _parts, "events": _events}
)
KINDS: tuple[Kind, ...] = ("bank", "parts", "events")

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def _english(value: float) -> str:
    return f"{value:,.2f}"


def _german(value: float) -> str:
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))


def _german_day(iso: str) -> str:
    year, month, day = iso.split("-")
    return f"{day}.{month}.{year}"


def _short_day(iso: str | None) -> str:
    if iso is None:
        return "ongoing"
    year, month, day = iso.split("-")
    return f"{int(day):02d} {_MONTHS[int(month) - 1]} {year}"


def _text(description: str) -> dict[str, Any]:
    return {"type": "string", "description": description}


def _number(description: str) -> dict[str, Any]:
    return {"type": "number", "description": description}


def _schema(title: str, facts: dict[str, Any], name: str, fields: dict[str, Any]) -> dict[str, Any]:
    item = {"type": "object", "properties": fields, "required": list(fields)}
    listed = {"type": "array", "items": item, "description": f"All {name}, in the document's order"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "type": "object",
        "properties": {**facts, name: listed},
        "required": [*facts, name],
    }
