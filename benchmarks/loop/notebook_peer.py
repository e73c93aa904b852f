"""The peer: the notebook's own code, read from its text, with stand-ins where it calls its three clouds.

The notebook is "Iterative Extraction with Workflows + LlamaCloud"; nothing of it is kept here. Its code cells up to the
first run are executed as they stand; the modules that they import are replaced by ones that answer at once (`Stub`), or
by ones that ask a model of ours (`WithModel`).
"""

from __future__ import annotations

import json
import sys
import time
import types
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

Ask = Callable[[list[dict[str, str]]], Awaitable[str]]
Parse = Callable[[str], Awaitable[list[str]]]
Extract = Callable[[dict[str, Any], str], Awaitable[dict[str, Any]]]


def definitions(text: str) -> str:
    """Return the notebook's Python up to the part that runs the workflow: imports, resources, events, workflow."""
    body = text.split("## Running the Workflow", 1)[0]
    cells: list[list[str]] = []
    in_code = False
    for line in body.splitlines():
        if line.startswith("In [") and line.rstrip().endswith("]:"):
            cells.append([])
            in_code = True
        elif in_code and (line.startswith("### ") or (line.startswith(("##", "# ")) and not cells[-1])):
            in_code = False
        elif in_code:
            cells[-1].append(line)
    code = ["\n".join(cell) for cell in cells]
    return "\n\n".join(cell for cell in code if not cell.lstrip().startswith(("%", "!")))


def load(notebook: Path, ask: Ask, parse: Parse, extract: Extract) -> dict[str, Any]:
    """Execute the notebook's definitions with stand-ins for its clouds; return its names."""
    openai = types.ModuleType("openai")
    services = types.ModuleType("llama_cloud_services")
    services_extract = types.ModuleType("llama_cloud_services.extract")
    services_parse = types.ModuleType("llama_cloud_services.parse")

    class Responses:
        async def create(self, *, input: list[dict[str, str]], **options: Any) -> Any:  # the SDK's name
            return types.SimpleNamespace(output_text=await ask(input))

    class AsyncOpenAI:
        def __init__(self, **options: Any) -> None:
            self.responses = Responses()

    class LlamaParse:
        def __init__(self, **options: Any) -> None: ...

        async def aparse(self, path: str) -> Any:
            return types.SimpleNamespace(pages=[types.SimpleNamespace(md=md) for md in await parse(path)])

    class Agent:
        id = "agent"

        def __init__(self, schema: dict[str, Any]) -> None:
            self.schema = schema

        async def aextract(self, files: Any) -> Any:
            return types.SimpleNamespace(data=await extract(self.schema, files.text_content))

    class LlamaExtract:
        def __init__(self, **options: Any) -> None: ...

        def create_agent(self, *, name: str, data_schema: dict[str, Any], config: Any) -> Agent:
            return Agent(data_schema)

    openai.AsyncOpenAI = AsyncOpenAI  # type: ignore[attr-defined]  # a stand-in module
    services_extract.LlamaExtract = LlamaExtract  # type: ignore[attr-defined]  # a stand-in module
    services_extract.ExtractConfig = types.SimpleNamespace  # type: ignore[attr-defined]  # a stand-in module
    services_extract.ExtractMode = types.SimpleNamespace(BALANCED="BALANCED")  # type: ignore[attr-defined]  # as above
    services_extract.SourceText = types.SimpleNamespace  # type: ignore[attr-defined]  # a stand-in module
    services_parse.LlamaParse = LlamaParse  # type: ignore[attr-defined]  # a stand-in module
    sys.modules |= {
        "openai": openai,
        "llama_cloud_services": services,
        "llama_cloud_services.extract": services_extract,
        "llama_cloud_services.parse": services_parse,
    }
    module = types.ModuleType("notebook_peer_definitions")
    sys.modules[module.__name__] = module
    exec(compile(definitions(notebook.read_text(encoding="utf-8")), str(notebook), "exec"), module.__dict__)  # noqa: S102  # the peer is the notebook's own code, named by whoever runs the benchmark
    return module.__dict__


async def run(names: dict[str, Any], path: str, prompt: str, feedback: list[str]) -> tuple[dict[str, Any], list[float]]:
    """Drive it to completion, as its first driver does: answer each proposal from `feedback`, then approve.

    Returns the data, and the seconds from start to each proposal and to the end.
    """
    began = time.perf_counter()
    marks: list[float] = []
    answers = list(feedback)
    workflow = names["IterativeExtractionWorkflow"](timeout=None)
    handler = workflow.run(file_path=path, prompt=prompt)
    async for event in handler.stream_events():
        if isinstance(event, names["ProposedSchema"]):
            marks.append(time.perf_counter() - began)
            approved = not answers
            text = "Approved" if approved else answers.pop(0)
            handler.ctx.send_event(names["ApprovedSchema"](approved=approved, feedback=text))
    result = await handler
    marks.append(time.perf_counter() - began)
    return result.data, marks


def schema_answer(schema: dict[str, Any]) -> str:
    return f"<schema>{json.dumps(schema)}</schema>"
