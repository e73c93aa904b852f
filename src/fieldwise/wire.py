"""The JSON that scripts and other systems see (public contract, section 4): one shape for CLI, files and HTTP."""

from __future__ import annotations

from typing import Any

from fieldwise.model import (
    Agent,
    Box,
    Cell,
    Citation,
    Document,
    Extraction,
    FieldEvidence,
    Page,
    Run,
    SchemaVersion,
    Table,
    Word,
)


def run_json(run: Run) -> dict[str, Any]:
    """One run, as in a list."""
    body: dict[str, Any] = {
        "run_id": run.id,
        "status": str(run.status),
        "documents": [{"id": run.document_id, "name": run.file_name}],
        "prompt": run.prompt,
        "created_at": run.created_at.isoformat(),
    }
    if run.interrupted:
        body["interrupted"] = True
    if run.error is not None:
        body["error"] = run.error
    return body


def proposal_json(proposal: SchemaVersion) -> dict[str, Any]:
    return {
        "version": proposal.version,
        "schema": proposal.json_schema,
        "evidence": [evidence_json(item) for item in proposal.evidence],
        "feedback": proposal.feedback,
        "origin": proposal.origin,
        "notes": list(proposal.notes),
        "usage": proposal.usage.model_dump(),
    }


def evidence_json(item: FieldEvidence) -> dict[str, Any]:
    citation = citation_json(item.citation) if item.citation is not None else None
    return {"path": item.path, "example": item.example, "citation": citation}


def extraction_json(extraction: Extraction) -> dict[str, Any]:
    return {
        "run_id": extraction.run_id,
        "agent_id": extraction.agent_id,
        "schema_version": extraction.schema_version,
        "status": extraction.status,
        "data": extraction.data,
        "citations": {path: [citation_json(c) for c in found] for path, found in extraction.citations.items()},
        "confidence": extraction.confidence,
        "issues": [issue.model_dump() for issue in extraction.issues],
        "usage": extraction.usage.model_dump(),
    }


def citation_json(citation: Citation) -> dict[str, Any]:
    return {
        "page": citation.page,
        "boxes": [[round(number, 5) for number in box] for box in citation.boxes],
        "quote": citation.quote,
        "match": citation.match,
        **_anchor_json(citation.anchor),
    }


def agent_json(agent: Agent) -> dict[str, Any]:
    return agent.model_dump(mode="json", by_alias=True)


def document_json(document: Document) -> dict[str, Any]:
    """A parsed document, as `parse --json` prints it."""
    return {
        "id": document.id,
        "media_type": document.media_type,
        "parser": document.parser,
        "pages": [page_json(page) for page in document.pages],
        "issues": [issue.model_dump() for issue in document.issues],
    }


def page_json(page: Page) -> dict[str, Any]:
    return {
        "number": page.number,
        "width": page.width,
        "height": page.height,
        **_anchor_json(page.anchor),
        "markdown": page.markdown,
        "words": [word_json(word, page) for word in page.words],
        "tables": [table_json(table) for table in page.tables],
    }


def word_json(word: Word, page: Page) -> dict[str, Any]:
    anchor = page.anchor_at(word.span[0]) if word.box is None and word.span is not None else None
    return {"text": word.text, "box": _box_json(word.box), "source": word.source, **_anchor_json(anchor)}


def _anchor_json(anchor: str | None) -> dict[str, str]:
    return {} if anchor is None else {"anchor": anchor}


def table_json(table: Table) -> dict[str, Any]:
    cells = [{**cell.model_dump(exclude=_unsaid(cell)), "box": _box_json(cell.box)} for cell in table.cells]
    return {
        "rows": table.rows,
        "columns": table.columns,
        "box": _box_json(table.box),
        "continues": table.continues,
        "cells": cells,
    }


def _unsaid(cell: Cell) -> set[str]:
    return {"span", *(name for name in ("anchor", "value") if getattr(cell, name) is None)}


def _box_json(box: Box | None) -> list[float] | None:
    return [round(number, 5) for number in box] if box is not None else None
