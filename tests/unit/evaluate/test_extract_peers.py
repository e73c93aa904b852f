"""The peers: what they are told of a schema, and what becomes of their answers. They run in .venv-bench."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from benchmarks.extract import peering, running
from benchmarks.extract.peers.fields import described, read_fields
from benchmarks.extract.peers.work import Unsupported
from benchmarks.extract.scoring import score
from benchmarks.extract.table import markdown, read_records, written_between
from benchmarks.extract.tasks import read_tasks

from fieldwise import registry
from fieldwise.errors import MissingExtra
from fieldwise.llm import ModelRequest
from fieldwise.settings import load_settings
from fieldwise.testing import Answer, ScriptedModel

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["number"],
    "properties": {
        "number": {"type": "string", "description": "Invoice number"},
        "issued": {"type": ["string", "null"], "format": "date"},
        "seller": {"$ref": "#/$defs/party"},
        "tags": {"type": "array", "items": {"type": "string", "enum": ["new", "paid"]}},
        "lines": {
            "type": "array",
            "description": "Items",
            "items": {
                "type": "object",
                "properties": {
                    "text": {"type": "string"},
                    "total": {"anyOf": [{"type": "number"}, {"type": "null"}], "description": "Net"},
                },
            },
        },
    },
    "$defs": {"party": {"type": "object", "properties": {"name": {"type": "string"}}}},
}
GOLD = {
    "number": "A-1",
    "issued": "2024-03-05",
    "seller": {"name": "Kranich Ltd"},
    "tags": ["paid"],
    "lines": [{"text": "Bolt", "total": 2.5}, {"text": "Nut", "total": 4.0}],
}
TEXT = """# Invoice A-1

Issued 2024-03-05 by Kranich Ltd, paid.

| text | total |
| --- | --- |
| Bolt | 2.5 |
| Nut | 4.0 |
"""

needs_peers = pytest.mark.skipif(
    not peering._PYTHON.exists(), reason="no .venv-bench: see benchmarks/extract/requirements.txt"
)


def test_a_schema_is_read_with_references_nulls_and_enums() -> None:
    number, issued, seller, tags, lines = read_fields(SCHEMA)
    assert (number.nullable, issued.nullable, issued.is_date) == (False, True, True)
    assert [child.name for child in seller.fields] == ["name"]
    assert tags.item is not None
    assert tags.item.choices == ("new", "paid")
    assert lines.item is not None
    assert [c.kind for c in lines.item.fields] == ["string", "number"]
    assert list(described(read_fields(SCHEMA))) == [
        "- number (string): Invoice number",
        "- issued (string)",
        "- seller.name (string)",
        "- tags[] (new | paid)",
        "- lines[]: Items",
        "- lines[].text (string)",
        "- lines[].total (number): Net",
    ]


@pytest.mark.parametrize(
    "node",
    [
        {"type": "object"},
        {"type": "array"},
        {"anyOf": [{"type": "object", "properties": {"a": {}}}, {"type": "string"}]},
        {},
        {"$ref": "other.json"},
    ],
)
def test_what_no_peer_can_be_told_is_unsupported_with_the_field(node: dict[str, Any]) -> None:
    with pytest.raises(Unsupported, match="odd"):
        read_fields({"type": "object", "properties": {"odd": node}})


def test_a_schema_that_refers_to_itself_is_unsupported() -> None:
    tree = {"type": "object", "properties": {"child": {"$ref": "#"}}}
    with pytest.raises(Unsupported, match="refers to itself"):
        read_fields(tree)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "one.md").write_text(TEXT)
    (folder / "one.gold.json").write_text(json.dumps(GOLD))
    (folder / "s.json").write_text(json.dumps(SCHEMA))
    line = {"dataset": "own", "doc": "one.md", "gold": "one.gold.json", "schema": "s.json", "pages": 1}
    (folder / "MANIFEST.jsonl").write_text(json.dumps(line) + "\n")
    return folder


def as_instructor(request: ModelRequest) -> Answer:
    """Gold in the form of the pydantic model: every key, as aliased."""
    assert request.json_schema is not None
    assert set(request.json_schema["properties"]) == set(GOLD)
    assert "- seller.name (string)" in request.messages[-1].content
    return GOLD


def as_langextract(request: ModelRequest) -> Answer:
    """Gold as extractions: those of the shown part of the text."""
    assert request.json_schema is not None
    shown = request.messages[-1].content.rsplit("\nQ: ", 1)[1]
    kinds = {
        name.removesuffix("_attributes")
        for variant in request.json_schema["properties"]["extractions"]["items"]["anyOf"]
        for name in variant["properties"]
    }
    assert kinds == {"number", "issued", "seller", "tags", "lines"}
    found: list[dict[str, Any]] = []
    for name, text, attributes in (
        ("number", "A-1", {}),
        ("issued", "2024-03-05", {}),
        ("seller", "Kranich Ltd", {"name": "Kranich Ltd"}),
        ("tags", "paid", {}),
        ("lines", "Bolt", {"text": "Bolt", "total": 2.5}),
        ("lines", "Nut", {"text": "Nut", "total": 4.0}),
        ("lines", "Washer", {"text": "Washer", "total": 9.0}),
    ):
        if text in shown or text == "Washer":
            found.append({name: text, f"{name}_attributes": attributes})
    return {"extractions": found}


def as_contextgem(request: ModelRequest) -> Answer:
    """One concept a call: its items in ContextGem's form."""
    asked = request.messages[-1].content
    (name,) = re.findall(r"<concept_name>\s*(\w+)\s*</concept_name>", asked)
    (number,) = re.findall(r"<concept_id>\s*(C\d+)\s*</concept_id>", asked)
    values: list[Any] = {
        "document_details": [{k: GOLD[k] for k in ("number", "issued", "tags")}],
        "seller": [GOLD["seller"]],
        "lines": GOLD["lines"],
    }[name]
    return [{"concept_id": number, "extracted_items": values}]


@needs_peers
@pytest.mark.parametrize(
    ("system", "script"),
    [("instructor", as_instructor), ("langextract", as_langextract), ("contextgem", as_contextgem)],
)
def test_a_peer_answers_a_task_through_the_endpoint(
    system: str, script: Any, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ScriptedModel(script)
    monkeypatch.setitem(registry._makers, ("model", "counted"), lambda order: model)
    tasks, _ = read_tasks(data)
    settings = load_settings({"model": "counted"})
    asyncio.run(running.run(tasks, [system], tmp_path / "out", settings, seconds=120.0))
    (kept,) = read_records(tmp_path / "out", system, ["one.md"])
    assert kept["error"] == ""
    assert kept["prediction"]["data"] == GOLD
    assert kept["versions"][system]
    assert kept["model"] == "scripted"
    assert len(kept["calls"]) == len(model.requests) > 0
    assert all(call["answer"] and call["purpose"] == system for call in kept["calls"])
    assert score(tasks, tmp_path / "out", system).value("value_f1") == 1.0


@needs_peers
def test_a_task_that_a_peer_cannot_express_is_reported_as_such(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = {"type": "array", "items": {"type": "array", "items": {"type": "number"}}}
    (data / "s.json").write_text(json.dumps({"type": "object", "properties": {"grid": grid}}))
    (data / "one.gold.json").write_text(json.dumps({"grid": [[1]]}))
    model = ScriptedModel([])
    monkeypatch.setitem(registry._makers, ("model", "counted"), lambda order: model)
    tasks, _ = read_tasks(data)
    systems = ["langextract", "contextgem"]
    asyncio.run(running.run(tasks, systems, tmp_path / "out", load_settings({"model": "counted"}), seconds=120.0))
    records = {system: read_records(tmp_path / "out", system, ["one.md"]) for system in systems}
    for system, (kept,) in records.items():
        assert kept["unsupported"]
        assert f"not supported by {system}: grid:" in kept["error"]
    reports = {system: score(tasks, tmp_path / "out", system) for system in systems}
    text = markdown(reports, records, 1)
    assert "| langextract | 1 | 1 | 0.000" in text
    assert "- contextgem: one.md: not supported by contextgem: grid:" in text


@needs_peers
def test_a_peer_that_takes_too_long_is_ended_with_its_call(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ScriptedModel(as_instructor, delay_seconds=600.0)
    monkeypatch.setitem(registry._makers, ("model", "counted"), lambda order: model)
    tasks, _ = read_tasks(data)
    asyncio.run(running.run(tasks, ["instructor"], tmp_path / "out", load_settings({"model": "counted"}), seconds=4.0))
    (kept,) = read_records(tmp_path / "out", "instructor", ["one.md"])
    assert kept["error"] == "stopped after 4 s"
    assert all("CancelledError" in call["error"] for call in kept["calls"])


def test_without_their_environment_the_record_says_how_to_make_it(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peering, "_PYTHON", tmp_path / "none" / "bin" / "python")
    model = ScriptedModel([])
    monkeypatch.setitem(registry._makers, ("model", "counted"), lambda order: model)
    tasks, _ = read_tasks(data)
    asyncio.run(running.run(tasks, ["instructor"], tmp_path / "out", load_settings({"model": "counted"}), seconds=4.0))
    (kept,) = read_records(tmp_path / "out", "instructor", ["one.md"])
    assert MissingExtra.code in kept["error"]
    assert "requirements.txt" in kept["error"]


def test_a_table_is_put_between_its_marks_only() -> None:
    page = "before\n<!-- t -->\nold\n<!-- /t -->\nafter\n"
    assert written_between(page, "t", "| new |") == "before\n<!-- t -->\n| new |\n<!-- /t -->\nafter\n"
    with pytest.raises(ValueError, match="write both"):
        written_between("nothing", "t", "x")
