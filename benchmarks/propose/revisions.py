"""Change requests in plain words, each with the fields it may touch and a check of what should come of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Schema = dict[str, Any]


class Request(NamedTuple):
    """`touches` names (with dots) the fields that may change; all others must stay as they were, to the byte."""

    schema: Schema
    words: str
    touches: tuple[str, ...]
    done: Callable[[Schema], bool]


def _object(required: list[str] | None = None, **fields: Schema) -> Schema:
    return {"type": "object", "properties": fields, "required": list(fields) if required is None else required}


def _text(description: str) -> Schema:
    return {"type": "string", "description": description}


def _number(description: str) -> Schema:
    return {"type": "number", "description": description}


def _date(description: str) -> Schema:
    return {"type": "string", "format": "date", "description": description}


def _list(items: Schema, description: str) -> Schema:
    return {"type": "array", "items": items, "description": description}


PAPER = _object(
    title=_text("Title of the paper."),
    authors=_list({"type": "string"}, "Names of the authors."),
    key_takeaways=_list({"type": "string"}, "Main points of the paper."),
    year={"type": "integer", "description": "Year of publication."},
)
STUDY = _object(
    title=_text("The title of the article."),
    authors=_list(
        _object(name=_text("The name of the author."), affiliation=_text("The affiliation of the author.")),
        "The names and affiliations of the authors.",
    ),
    keywords=_list({"type": "string"}, "The keywords."),
    accepted=_text("When the article was accepted."),
)
INVOICE = _object(
    ["invoice_number", "invoice_date", "total", "seller", "line_items"],
    invoice_number=_text("Number of the invoice."),
    invoice_date=_date("Date of the invoice."),
    currency=_text("Currency of the amounts."),
    total=_number("Total amount of the invoice."),
    seller={
        **_object(name=_text("Name of the seller."), vat_id=_text("VAT id of the seller.")),
        "description": "Who sells.",
    },
    line_items=_list(
        _object(
            description=_text("What was sold."),
            quantity=_number("How many."),
            unit_price=_number("Price of one."),
            amount=_number("Price of all."),
        ),
        "The lines, one each row.",
    ),
)


def at(schema: Schema, path: str) -> Schema:
    """Return the field at a dotted path, through lists. Raises KeyError."""
    for name in path.split("."):
        schema = (schema["items"] if schema.get("type") == "array" else schema)["properties"][name]
    return schema


def has(schema: Schema, *paths: str) -> bool:
    try:
        return all(at(schema, path) is not None for path in paths)
    except KeyError:
        return False


def required(schema: Schema, path: str) -> bool:
    head, _, name = path.rpartition(".")
    owner = at(schema, head) if head else schema
    return name in (owner["items"] if owner.get("type") == "array" else owner).get("required", [])


_ITEMS = tuple(f"line_items.{name}" for name in ("description", "quantity", "unit_price", "amount"))

REQUESTS: tuple[Request, ...] = (
    Request(
        PAPER,
        "split authors into name and affiliation",
        ("authors",),
        lambda s: has(s, "authors.name", "authors.affiliation") and at(s, "authors")["type"] == "array",
    ),
    Request(PAPER, "add the publication date", (), lambda s: any("date" in name for name in s["properties"])),
    Request(PAPER, "remove key takeaways", ("key_takeaways",), lambda s: not has(s, "key_takeaways")),
    Request(
        PAPER,
        "rename title to paper_title",
        ("title",),
        lambda s: has(s, "paper_title") and not has(s, "title"),
    ),
    Request(PAPER, "year should be text, not a number", ("year",), lambda s: at(s, "year")["type"] == "string"),
    Request(
        PAPER,
        "the year is not always there, make it optional",
        ("year",),
        lambda s: not required(s, "year"),
    ),
    Request(
        PAPER,
        "each key takeaway should be one short sentence of at most 15 words",
        ("key_takeaways",),
        lambda s: "15" in at(s, "key_takeaways")["description"] and at(s, "key_takeaways")["type"] == "array",
    ),
    Request(PAPER, "I also want the abstract and the keywords", (), lambda s: has(s, "abstract", "keywords")),
    Request(PAPER, "put the year first", ("year",), lambda s: next(iter(s["properties"])) == "year"),
    Request(
        PAPER,
        "authors should have an email too, and drop the year",
        ("authors", "year"),
        lambda s: has(s, "authors.email") and not has(s, "year"),
    ),
    Request(
        STUDY,
        "an author may have several affiliations: make that a list",
        ("authors.affiliation",),
        lambda s: at(s, "authors.affiliation")["type"] == "array",
    ),
    Request(STUDY, "accepted is a date", ("accepted",), lambda s: at(s, "accepted").get("format") == "date"),
    Request(
        STUDY,
        "call affiliation institution and say that it is the university or company",
        ("authors.affiliation",),
        lambda s: has(s, "authors.institution") and "universit" in at(s, "authors.institution")["description"].lower(),
    ),
    Request(
        STUDY,
        "just the authors' names, nothing else about them",
        ("authors",),
        lambda s: not has(s, "authors.affiliation") and has(s, "authors"),
    ),
    Request(
        INVOICE,
        "rename total to amount_due and make currency required",
        ("total", "currency"),
        lambda s: has(s, "amount_due") and not has(s, "total") and required(s, "currency"),
    ),
    Request(
        INVOICE,
        "add a due date",
        (),
        lambda s: has(s, "due_date") and at(s, "due_date").get("format") == "date",
    ),
    Request(INVOICE, "line items also need a tax rate", (), lambda s: has(s, "line_items.tax_rate")),
    Request(
        INVOICE,
        "remove the unit price from the line items",
        ("line_items.unit_price",),
        lambda s: not has(s, "line_items.unit_price") and has(s, "line_items.amount"),
    ),
    Request(
        INVOICE,
        "currency can only be EUR, USD or CHF",
        ("currency",),
        lambda s: at(s, "currency").get("enum") == ["EUR", "USD", "CHF"],
    ),
    Request(
        INVOICE,
        "group invoice number and date under an object called header",
        ("invoice_number", "invoice_date"),
        lambda s: has(s, "header.invoice_number", "header.invoice_date"),
    ),
    Request(
        INVOICE,
        "no nested seller please, flatten it",
        ("seller",),
        lambda s: not has(s, "seller") and has(s, "seller_name", "seller_vat_id"),
    ),
    Request(INVOICE, "remove the fax number", (), lambda s: s == INVOICE),
    Request(
        INVOICE,
        "quantity must be a whole number",
        ("line_items.quantity",),
        lambda s: at(s, "line_items.quantity")["type"] == "integer",
    ),
    Request(
        INVOICE,
        "Bitte Lieferdatum und Kundennummer hinzufügen",
        (),
        lambda s: has(s, "lieferdatum", "kundennummer"),
    ),
    Request(
        INVOICE,
        "nothing in the line items is required",
        _ITEMS,
        lambda s: not at(s, "line_items")["items"].get("required"),
    ),
    Request(
        INVOICE,
        "the seller's address is missing: street, city and postcode",
        (),
        lambda s: has(s, "seller.street", "seller.city") or has(s, "seller.address.street", "seller.address.city"),
    ),
    Request(
        INVOICE,
        "total: say that it includes taxes. Also add buyer name.",
        ("total",),
        lambda s: "tax" in at(s, "total")["description"].lower() and (has(s, "buyer_name") or has(s, "buyer.name")),
    ),
    Request(
        INVOICE,
        "use date instead of invoice_date and move the vat id out of the seller",
        ("invoice_date", "seller.vat_id"),
        lambda s: has(s, "date", "vat_id") and not has(s, "seller.vat_id"),
    ),
)
