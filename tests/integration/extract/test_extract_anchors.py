"""A whole extraction from formats without places on paper: citations name the page and the anchor."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import openpyxl

import fieldwise as fw
from fieldwise import wire
from fieldwise.oracle import OracleModel
from fieldwise.testing import ScriptedModel

ITEM = {"type": "object", "properties": {"item": {"type": "string"}, "quantity": {"type": "integer"}}}
SCHEMA = {
    "type": "object",
    "properties": {"invoice_number": {"type": "string"}, "items": {"type": "array", "items": ITEM}},
}
GOLD = {
    "invoice_number": "INV-4711",
    "items": [{"item": "Bolt", "quantity": 12}, {"item": "Nut", "quantity": 30}],
}


def workbook(path: Path) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Bill"
    sheet["A1"] = "Invoice INV-4711"
    for row, line in enumerate((["Item", "Quantity", "Shelf"], ["Bolt", 12, "A"], ["Nut", 30, "B"]), 3):
        for column, value in enumerate(line, 1):
            sheet.cell(row, column, value)
    book.save(path)
    return path


def client(tmp_path: Path, model: OracleModel | ScriptedModel) -> fw.Fieldwise:
    return fw.Fieldwise(store=f"sqlite:///{tmp_path}/store.db", model=model)


async def test_values_of_a_workbook_are_cited_by_sheet_and_cell(tmp_path: Path) -> None:
    async with client(tmp_path, OracleModel(GOLD)) as fieldwise:
        result = await fieldwise.aextract(workbook(tmp_path / "bill"), schema=SCHEMA)
    assert result.data == GOLD
    cited = {path: (found[0].page, found[0].anchor) for path, found in result.citations.items()}
    assert cited == {
        "/invoice_number": (1, "Bill!A1"),
        "/items/0/item": (1, "Bill!A4"),
        "/items/0/quantity": (1, "Bill!B4"),
        "/items/1/item": (1, "Bill!A5"),
        "/items/1/quantity": (1, "Bill!B5"),
    }
    assert all(not citation.boxes for found in result.citations.values() for citation in found)
    assert wire.citation_json(result.citations["/invoice_number"][0])["anchor"] == "Bill!A1"


async def test_values_of_an_attachment_are_cited_on_its_page(tmp_path: Path) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ann@x.org", "bob@y.org", "Your order"
    message.set_content("Dear Bob, the bill is attached.")
    bill = workbook(tmp_path / "bill").read_bytes()
    message.add_attachment(bill, "application", "octet-stream", filename="bill.xlsx")
    (tmp_path / "mail").write_bytes(message.as_bytes())
    async with client(tmp_path, OracleModel({**GOLD, "sender": "ann@x.org"})) as fieldwise:
        properties = {**SCHEMA["properties"], "sender": {"type": "string"}}
        result = await fieldwise.aextract(tmp_path / "mail", schema={**SCHEMA, "properties": properties})
    found = {path: (its[0].page, its[0].anchor) for path, its in result.citations.items()}
    assert found["/sender"] == (1, "header From")
    assert found["/items/1/quantity"] == (2, "Bill!B5")
