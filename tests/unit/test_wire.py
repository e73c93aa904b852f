"""The JSON that other systems see has the form of the public contract, and nothing of it goes missing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fieldwise import wire
from fieldwise.model import (
    Agent,
    Cell,
    Citation,
    Document,
    Extraction,
    FieldEvidence,
    Issue,
    Page,
    ParseIssue,
    Run,
    RunStatus,
    SchemaVersion,
    Table,
    Usage,
    WordColumns,
)

SCHEMA = {"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "integer"}}}
CITATION = Citation(page=2, boxes=((0.1234567, 0.1, 0.5, 0.02),), quote="Loading", match="exact")
CITED = {"page": 2, "boxes": [[0.12346, 0.1, 0.5, 0.02]], "quote": "Loading", "match": "exact"}
RUN = Run(
    id="run_1",
    status=RunStatus.AWAITING_REVIEW,
    prompt="the title",
    file_path="/home/ada/a.pdf",
    file_name="a.pdf",
    document_id="0" * 64,
)


def through_json(value: Any) -> Any:
    return json.loads(json.dumps(value, allow_nan=False))


def test_a_run_in_a_list() -> None:
    body = wire.run_json(RUN)
    assert through_json(body) == {
        "run_id": "run_1",
        "status": "awaiting_review",
        "documents": [{"id": "0" * 64, "name": "a.pdf"}],
        "prompt": "the title",
        "created_at": RUN.created_at.isoformat(),
    }
    assert "/home/ada" not in json.dumps(body)


def test_a_run_says_when_it_is_interrupted_or_failed() -> None:
    error = {"code": "store_full", "message": "Full.", "next_step": "Free space."}
    run = RUN.model_copy(update={"status": RunStatus.FAILED, "interrupted": True, "error": error})
    body = wire.run_json(run)
    assert (body["interrupted"], body["error"]) == (True, error)


def test_a_proposal_with_its_evidence_keeps_the_schemas_order() -> None:
    proposal = SchemaVersion(
        version=2,
        schema=SCHEMA,
        origin="revised",
        feedback="more",
        evidence=(FieldEvidence(path="/b", example="x", citation=CITATION), FieldEvidence(path="/a", example="1")),
        notes=("added /a",),
    )
    body = through_json(wire.proposal_json(proposal))
    assert {name: body[name] for name in ("version", "schema", "evidence", "feedback")} == {
        "version": 2,
        "schema": SCHEMA,
        "evidence": [
            {"path": "/b", "example": "x", "citation": CITED},
            {"path": "/a", "example": "1", "citation": None},
        ],
        "feedback": "more",
    }
    assert list(body["schema"]["properties"]) == ["b", "a"]


def test_an_extraction_has_the_form_of_the_contract() -> None:
    extraction = Extraction(
        run_id="run_1",
        agent_id="agt_1",
        document_id="0" * 64,
        schema_version=2,
        status="incomplete",
        data={"title": "Loading", "none": None, "list": []},
        citations={"/title": (CITATION,)},
        confidence={"/title": 0.98},
        issues=(Issue(path="/list", code="rows_missing", message="Two rows are missing."),),
        usage=Usage(input_tokens=9, cached_tokens=8, output_tokens=7, calls=2, seconds=1.5),
    )
    assert through_json(wire.extraction_json(extraction)) == {
        "run_id": "run_1",
        "agent_id": "agt_1",
        "schema_version": 2,
        "status": "incomplete",
        "data": {"title": "Loading", "none": None, "list": []},
        "citations": {"/title": [CITED]},
        "confidence": {"/title": 0.98},
        "issues": [{"path": "/list", "code": "rows_missing", "message": "Two rows are missing."}],
        "usage": {"input_tokens": 9, "cached_tokens": 8, "output_tokens": 7, "calls": 2, "seconds": 1.5},
    }


def test_an_agent_has_its_schema_under_that_name() -> None:
    agent = Agent(name="works", schema=SCHEMA, prompt="the title")
    body = through_json(wire.agent_json(agent))
    assert (body["name"], body["schema"], body["version"]) == ("works", SCHEMA, 1)
    assert Agent.model_validate(body) == agent


def test_a_document_has_the_form_of_the_contract() -> None:
    page = Page(
        number=1,
        width=612.0,
        height=792.0,
        markdown="Net total",
        word_columns=WordColumns(
            texts=("Net", "total"), boxes=(0.1, 0.2, 0.3, 0.4, -1, -1, -1, -1), spans=(0, 3, 4, 9), sources="ocr"
        ),
        tables=(Table(cells=(Cell(row=0, column=0, text="Net", span=(0, 3)),), rows=1, columns=1),),
    )
    document = Document(
        id="0" * 64,
        media_type="application/pdf",
        name="a.pdf",
        parser="local/1",
        pages=(page,),
        issues=(ParseIssue(code="page_cut", message="Cut.", page=1),),
    )
    body = through_json(wire.document_json(document))
    assert {"id", "media_type", "pages", "issues"} <= set(body)
    (shown,) = body["pages"]
    assert (shown["number"], shown["width"], shown["height"], shown["markdown"]) == (1, 612.0, 792.0, "Net total")
    assert shown["words"] == [
        {"text": "Net", "box": [0.1, 0.2, 0.3, 0.4], "source": "ocr"},
        {"text": "total", "box": None, "source": "ocr"},
    ]
    assert shown["tables"][0]["cells"][0]["text"] == "Net"
    assert body["issues"] == [{"code": "page_cut", "message": "Cut.", "page": 1, "lost": True}]


@pytest.mark.parametrize("box", [(0.0, 0.0, 1.0, 1.0), (1 / 3, 2 / 3, 1e-9, 0.5)])
def test_boxes_are_short_numbers_within_the_page(box: tuple[float, float, float, float]) -> None:
    shown = wire.citation_json(Citation(page=1, boxes=(box,), quote="x", match="exact"))["boxes"][0]
    assert all(0.0 <= number <= 1.0 and len(str(number)) <= 7 for number in shown)
