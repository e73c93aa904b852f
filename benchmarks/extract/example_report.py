"""The report of `fieldwise evaluate` on our own example documents, with mistakes made on purpose.

    python -m benchmarks.extract.example_report report.html

The model answers from altered values (a due date that is the invoice's, an amount of another line ...) and leaves out
some records, so that the report has something to show; the picture in docs/evaluation.md is made of it.
"""

from __future__ import annotations

import argparse
import asyncio
import copy
import json
from pathlib import Path
from typing import Any

from fieldwise import wire
from fieldwise.evaluate import Case, evaluate
from fieldwise.evaluate.files import read_gold, read_prediction
from fieldwise.evaluate.page import write_html
from fieldwise.extract.engine import FieldwiseExtractor
from fieldwise.model import Document, JsonSchema
from fieldwise.oracle import OracleModel
from fieldwise.registry import make
from fieldwise.settings import load_settings

DOCUMENTS = Path(__file__).resolve().parents[2] / "examples" / "documents"
# (document, path, what the model says instead); a path from another place of the same page stands there too.
_MISTAKES: tuple[tuple[str, str, str], ...] = (
    ("invoice", "due_date", "invoice_date"),
    ("invoice", "customer.number", "order_number"),
    ("invoice", "seller.name", "customer.name"),
    ("invoice", "net", "total"),
    ("contract", "annual_fee", "quarterly_instalment"),
    ("contract", "agreement_date", "effective_date"),
    ("contract", "signatures.0.date", "signatures.1.date"),
    ("contract", "parties.1.address", "parties.0.address"),
    ("paper", "received", "accepted"),
    ("paper", "authors.2.name", "authors.3.name"),
)
_OMITTED = (("contract", "notice_months"), ("paper", "issue"), ("invoice", "payment_terms"))
_UNASKED = ("tables",)  # lists of lists, which are no records
_DROPPED = 0.05


def schema_of(value: Any) -> JsonSchema:
    """Return a schema that the value is an instance of, every scalar nullable."""
    if isinstance(value, dict):
        return {"type": "object", "properties": {name: schema_of(child) for name, child in value.items()}}
    if isinstance(value, list):
        merged: dict[str, Any] = {}
        for element in value:
            merged = {**merged, **element} if isinstance(element, dict) else {}
        return {"type": "array", "items": schema_of(merged or (value[0] if value else ""))}
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string"}
    return {"type": [kinds.get(type(value), "string"), "null"]}


def mistaken(name: str, gold: dict[str, Any]) -> dict[str, Any]:
    """Return the gold with this document's mistakes; those whose fields it does not have are left out."""
    value = copy.deepcopy(gold)
    for document, path, other in _MISTAKES:
        if document == name and _at(gold, path) is not None and _at(gold, other) is not None:
            *parents, last = path.split(".")
            holder = _at(value, ".".join(parents)) if parents else value
            holder[int(last) if isinstance(holder, list) else last] = _at(gold, other)
    return {field: None if (name, field) in _OMITTED else child for field, child in value.items()}


def _at(value: Any, path: str) -> Any:
    for part in path.split("."):
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


async def write_report(target: Path) -> None:
    settings = load_settings()
    parser = make("parser", settings.parser, settings)
    cases, documents = [], {}
    try:
        for file in sorted(DOCUMENTS.glob("*.pdf")):
            document: Document = await parser.parse(file)
            true = json.loads((DOCUMENTS / f"{file.stem}.gold.json").read_text(encoding="utf-8"))
            gold = read_gold({field: child for field, child in true.items() if field not in _UNASKED})
            assert gold is not None
            schema = schema_of(gold.data)
            model = OracleModel(mistaken(file.stem, gold.data), document=document.markdown, dropping=_DROPPED)
            found = wire.extraction_json(await FieldwiseExtractor(model).extract(document, schema))
            documents[file.stem] = document
            cases.append(
                Case(
                    name=file.stem,
                    gold=gold,
                    prediction=read_prediction(found),
                    schema=schema,
                    pages=len(document.pages),
                )
            )
    finally:
        await parser.aclose()
    report = evaluate(cases)
    write_html(report, target, title="Example documents", find_document=lambda result: documents[result.name])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.extract.example_report", description=__doc__)
    parser.add_argument("target", type=Path)
    asyncio.run(write_report(parser.parse_args().target))


if __name__ == "__main__":
    main()
