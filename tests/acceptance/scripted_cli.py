"""The command line with backends that answer by rule, as a program of its own: `python scripted_cli.py run ...`.

They come in by the door that plugins use. The model proposes the same fields for every document, revises by key words,
and waits as long as SCRIPTED_DELAY says; the extractor reads `Key: value` lines.
"""

from __future__ import annotations

import os
import re
import sys
from typing import Any

from fieldwise.llm import ModelRequest
from fieldwise.model import Citation, Document, Extraction, Issue, JsonSchema, OnProgress, Usage, ignore_progress
from fieldwise.registry import Order, register
from fieldwise.testing import ScriptedModel

FIELDS = [
    {"name": "title", "type": "string", "description": "The title of the work.", "example": "Loading at Scale"},
    {"name": "authors", "type": "string", "description": "Who wrote it.", "example": "Ada Byron"},
    {"name": "year", "type": "integer", "description": "The year of publication.", "example": "1991"},
]
POINTS: dict[str, list[dict[str, Any]]] = {
    "publisher": [
        {"op": "add", "name": "publisher", "type": "string", "description": "Who published it.", "example": "Hill"}
    ],
    "rename": [{"op": "rename", "field": "year", "name": "published"}],
    "drop the year": [{"op": "remove", "field": "year"}],
}


def answer(request: ModelRequest) -> Any:
    """Answer a proposal with FIELDS, a revision with the edits whose key words stand in the feedback."""
    if request.purpose != "revise":
        return {"fields": FIELDS}
    asked = request.messages[-1].content
    if "gibberish" in asked:
        return "I am sorry, I cannot do that."
    return {"points": [{"asked": words, "edits": edits} for words, edits in POINTS.items() if words in asked]}


class LineExtractor:
    """Takes `Key: value` lines. A document with the word `torn` is incomplete, one with `blurred` unverified."""

    name = "lines/1"

    async def extract(
        self, document: Document, schema: JsonSchema, prompt: str = "", on_progress: OnProgress = ignore_progress
    ) -> Extraction:
        text = document.markdown
        data: dict[str, Any] = {}
        citations: dict[str, tuple[Citation, ...]] = {}
        for name in schema["properties"]:
            found = re.search(rf"^{re.escape(name)}: *(.+)$", text, re.IGNORECASE | re.MULTILINE)
            data[name] = found[1].strip() if found else None
            if found:
                citations[f"/{name}"] = (Citation(page=1, quote=found[1].strip(), match="exact"),)
        torn, blurred = "torn" in text, "blurred" in text
        return Extraction(
            status="incomplete" if torn else "unverified" if blurred else "complete",
            data=data,
            citations=citations,
            issues=(Issue(path="", code="page_torn", message="A part of the page is missing."),) if torn else (),
            usage=Usage(calls=1),
        )

    async def aclose(self) -> None:
        return None


def register_scripted() -> None:
    """Make `--model scripted` and `--extractor lines` known."""

    def model(order: Order) -> ScriptedModel:
        return ScriptedModel(answer, delay_seconds=float(os.environ.get("SCRIPTED_DELAY", "0")))

    register("model", "scripted", model)
    register("extractor", "lines", lambda order: LineExtractor())


if __name__ == "__main__":
    register_scripted()
    from fieldwise.cli import main

    sys.exit(main())
