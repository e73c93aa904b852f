"""What the tests of the loop share: a document, a model that answers by rule, a parser that needs no child process."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fieldwise.errors import ParseError
from fieldwise.llm import ModelRequest
from fieldwise.model import Document, OnProgress, Page, Progress, ignore_progress
from fieldwise.store import Database
from fieldwise.testing import Answer, ScriptedModel

TESTS = Path(__file__).parent

TEXT = """\
# Loading at Scale

Authors: Ada Byron, Kim Lee

Year: 1991
"""
PROMPT = "Extract the title, the authors and the year"

FACTS: dict[str, Any] = {
    "title": "Loading at Scale",
    "heading": "Loading at Scale",
    "authors": ["Ada Byron", "Kim Lee"],
    "year": 1991,
}

FIELDS = [
    {"name": "title", "description": "Title of the work.", "type": "string", "example": FACTS["title"]},
    {"name": "authors", "description": "Who wrote it.", "type": "list of strings", "example": "Ada Byron"},
    {"name": "year", "description": "Year of publication.", "type": "integer", "example": "1991"},
]
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "description": "Title of the work."},
        "authors": {"type": "array", "items": {"type": "string"}, "description": "Who wrote it."},
        "year": {"type": "integer", "description": "Year of publication."},
    },
    "required": ["title", "authors", "year"],
}
"""What `rule` proposes for every document."""


def rule(request: ModelRequest) -> Answer:
    """Propose FIELDS; revise as `rename A to B`, `drop A` and `add A` in the feedback say; extract FACTS."""
    if request.purpose == "propose":
        return {"fields": FIELDS}
    if request.purpose == "revise":
        return {"points": [{"asked": feedback_in(request), "edits": _edits(feedback_in(request))}]}
    assert request.json_schema is not None
    return {name: FACTS.get(name) for name in request.json_schema["properties"]}


def feedback_in(request: ModelRequest) -> str:
    """Return the person's words in a question for edits."""
    return request.messages[1].content.rpartition("Change request: ")[2]


def _edits(feedback: str) -> list[dict[str, Any]]:
    edits: list[dict[str, Any]] = [
        {"op": "rename", "field": old, "name": new}
        for old, new in re.findall(r"rename (\w+) to (\w+)", feedback, re.IGNORECASE)
    ]
    edits += [{"op": "remove", "field": name} for name in re.findall(r"drop (\w+)", feedback, re.IGNORECASE)]
    edits += [
        {"op": "add", "name": name, "description": f"The {name}.", "type": "string", "required": False}
        for name in re.findall(r"add (\w+)", feedback, re.IGNORECASE)
    ]
    return edits


def scripted(**options: Any) -> ScriptedModel:
    return ScriptedModel(rule, **options)


def answering(**answers: Sequence[Answer] | Callable[[ModelRequest], Answer]) -> ScriptedModel:
    """A model that follows `rule` but for the purposes named here: their answers come first, one after the other."""
    waiting = {name: iter(given) for name, given in answers.items() if not callable(given)}

    def script(request: ModelRequest) -> Answer:
        given = answers.get(request.purpose)
        if callable(given):
            return given(request)
        answer = next(waiting.get(request.purpose, iter(())), None)
        return rule(request) if answer is None else answer

    return ScriptedModel(script)


class TextParser:
    """Reads UTF-8 text as one page, in this process. `parsed` counts; `gate` keeps it waiting."""

    name = "text/1"

    def __init__(self, *, delay_seconds: float = 0.0) -> None:
        self.delay_seconds = delay_seconds
        self.parsed = 0
        self.gate: asyncio.Event | None = None

    async def parse(self, path: Path, on_progress: OnProgress = ignore_progress) -> Document:
        self.parsed += 1
        on_progress(Progress(stage="parse", message="Reading", done=0, total=1, unit="pages"))
        if self.gate is not None:
            await self.gate.wait()
        await asyncio.sleep(self.delay_seconds)
        try:
            data = await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError:
            raise ParseError(f"There is no file {path}.", next_step="Check the path.") from None
        return Document(
            id=hashlib.sha256(data).hexdigest(),
            media_type="text/plain",
            name=path.name,
            parser=self.name,
            pages=(Page(number=1, markdown=data.decode()),),
        )

    async def aclose(self) -> None:
        return None


class Gate:
    """Keeps a stage waiting: `reached` is set when a question of that purpose comes, `open` lets it through."""

    def __init__(self, *purposes: str) -> None:
        self.purposes = purposes
        self.reached = asyncio.Event()
        self.open = asyncio.Event()

    def model(self) -> ScriptedModel:
        gate = self

        class Waiting(ScriptedModel):
            async def generate(self, request: ModelRequest, on_progress: OnProgress = ignore_progress) -> Any:
                if request.purpose in gate.purposes:
                    gate.reached.set()
                    await gate.open.wait()
                return await super().generate(request, on_progress)

        return Waiting(rule)


def purposes(model: ScriptedModel) -> list[str]:
    """What the model was asked for, in order."""
    return [request.purpose for request in model.requests]


def database(path: Path, **options: Any) -> Database:
    return Database(f"sqlite:///{path}", **options)


def environment(**more: str) -> dict[str, str]:
    """This process's environment, with what a program needs to import the tests' helpers."""
    path = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, **more}


def python(code: str, *args: str | Path, timeout: float = 60.0, **more: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, and wait for it."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, args)],
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def result_of(process: subprocess.CompletedProcess[str]) -> Any:
    """Return the JSON on the last line of what a program printed. Fails with its stderr where there is none."""
    assert process.returncode == 0, process.stderr[-4_000:]
    return json.loads(process.stdout.splitlines()[-1])
