"""Our own time for a whole loop (start, one proposal, approve, extraction), model and parser answering at once.

Beside it, in the same process: the notebook's own code with stand-ins that answer at once. It keeps nothing: no store,
no evidence, no journal, no citations; the difference is what those cost.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.loop import notebook_peer
from benchmarks.record import spread
from fieldwise import Document, Fieldwise
from fieldwise.llm import ModelRequest
from fieldwise.model import OnProgress, ignore_progress
from fieldwise.parse.local import LocalParser
from fieldwise.testing import ScriptedModel

PROMPT = "Extract the title, authors, and key takeaways from the paper."
SCHEMA = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "description": "Title of the paper."},
        "authors": {"type": "array", "items": {"type": "string"}, "description": "All authors."},
        "key_takeaways": {"type": "array", "items": {"type": "string"}, "description": "Main findings."},
    },
    "required": ["title", "authors", "key_takeaways"],
}


class ReadyParser:
    """A parser that has read the document already."""

    name = "ready/1"

    def __init__(self, document: Document) -> None:
        self.document = document.model_copy(update={"parser": self.name})

    async def parse(self, path: Path, on_progress: OnProgress = ignore_progress) -> Document:
        return self.document

    async def aclose(self) -> None:
        return None


def scripted(data: dict[str, Any]) -> ScriptedModel:
    def answer(request: ModelRequest) -> Any:
        if request.purpose.startswith("propose"):
            fields = [
                {"name": name, "description": node["description"], "type": kind, "example": "", "required": True}
                for (name, node), kind in zip(
                    SCHEMA["properties"].items(),  # type: ignore[attr-defined]  # a literal of mixed values
                    ("string", "list of strings", "list of strings"),
                    strict=True,
                )
            ]
            return {"fields": fields}
        wanted = (request.json_schema or {}).get("properties", {})
        return {name: data.get(name) for name in wanted}

    return ScriptedModel(answer)


async def measure(paper: Path, notebook: Path | None, rounds: int = 25) -> dict[str, Any]:
    parser = LocalParser()
    document = await parser.parse(paper)
    await parser.aclose()
    data = {
        "title": "One Observer, Two Observers or a Camera?",
        "authors": ["Maren Tollefsen", "Idris Calloway"],
        "key_takeaways": ["Harbours that replace an observer by a camera should take bursts."],
    }
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        client = Fieldwise(store=Path(folder) / "runs.db", parser=ReadyParser(document), model=scripted(data))
        names = None
        if notebook is not None:
            names = notebook_peer.load(
                notebook,
                ask=_returns(notebook_peer.schema_answer(SCHEMA)),
                parse=_returns([page.markdown for page in document.pages]),
                extract=_returns(data),
            )
        for number in range(rounds + 3):
            began = time.perf_counter()
            run = await client.astart(paper, PROMPT)
            await run.aapprove()
            if number >= 3:
                ours.append((time.perf_counter() - began) * 1000)
            if names is not None:
                with contextlib.redirect_stdout(None):
                    _, marks = await notebook_peer.run(names, str(paper), PROMPT, [])
                if number >= 3:
                    theirs.append(marks[-1] * 1000)
        await client.aclose()
    result: dict[str, Any] = {"fieldwise_ms": spread(ours)}
    if theirs:
        result["notebook_ms"] = spread(theirs)
    return result


def _returns(value: Any) -> Any:
    async def answer(*_: Any) -> Any:
        return value

    return answer


def main(paper: Path, notebook: Path | None) -> dict[str, Any]:
    return asyncio.run(measure(paper, notebook))
