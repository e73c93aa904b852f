"""The engine with the real model on the project's own invoice: two pages, twelve line items over the page break."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fieldwise.extract.engine import FieldwiseExtractor
from fieldwise.llm.embedded import EmbeddedModel
from fieldwise.parse.local import LocalParser

TEXT: dict[str, Any] = {"type": ["string", "null"]}
NUMBER: dict[str, Any] = {"type": ["number", "null"]}
LINE = {
    "position": {"type": "integer"},
    "description": TEXT,
    "quantity": NUMBER,
    "unit": TEXT,
    "unit_price": NUMBER,
    "amount": NUMBER,
}
SCHEMA = {
    "type": "object",
    "properties": {
        "invoice_number": {**TEXT, "description": "Number of the invoice"},
        "invoice_date": {"type": ["string", "null"], "format": "date", "description": "Date of the invoice"},
        "line_items": {"type": "array", "items": {"type": "object", "properties": LINE, "required": list(LINE)}},
        "total": {**NUMBER, "description": "Total amount due"},
    },
    "required": ["invoice_number", "invoice_date", "line_items", "total"],
}


@pytest.mark.embedded
@pytest.mark.timeout(1800)
async def test_the_embedded_model_gives_every_row_of_the_invoice_and_cites_what_it_gives(
    examples: Path, shared_cache: Path
) -> None:
    parser, model = LocalParser(), EmbeddedModel(cache_dir=shared_cache)
    try:
        document = await parser.parse(examples / "invoice.pdf")
        result = await FieldwiseExtractor(model).extract(document, SCHEMA)
    finally:
        await parser.aclose()
        await model.aclose()
    gold = json.loads((examples / "invoice.gold.json").read_text(encoding="utf-8"))
    assert result.data["line_items"] == [{name: item[name] for name in LINE} for item in gold["line_items"]]
    assert [result.cite(f"/line_items/{i}/amount").page for i in range(12)] == [1] * 8 + [2] * 4  # type: ignore[union-attr]  # all cited
    assert result.data["invoice_number"] == gold["invoice_number"]
    assert result.data["invoice_date"] == gold["invoice_date"]
    assert result.data["total"] == gold["total"]
    # Notes stand under its descriptions: nothing is lost, and that they are no second lines no code can promise.
    assert result.status == "unverified"
    assert not {issue.code for issue in result.issues} & {"missing", "rows_missing", "truncated", "not_read"}
