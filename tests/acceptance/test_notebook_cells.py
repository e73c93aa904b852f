"""The notebook's two driver cells, taken from its text, run against our workflow: only the imports are replaced."""

from __future__ import annotations

import ast
import json
import re
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from workflows import Context

from fieldwise import workflow as module
from fieldwise.llm import ModelRequest
from fieldwise.registry import Toolkit
from fieldwise.settings import Settings
from fieldwise.testing import Answer, ScriptedModel
from fieldwise.workflow import (
    ApprovedSchema,
    ExtractedData,
    InputEvent,
    IterativeExtractionWorkflow,
    ProgressEvent,
    ProposedSchema,
)
from harness import PROMPT, TEXT, TextParser, python, result_of, rule, scripted

NOTEBOOK = Path(__file__).resolve().parents[2].parent / "shared" / "reference" / "notebook.txt"
NAMES = {
    "IterativeExtractionWorkflow": IterativeExtractionWorkflow,
    "ProgressEvent": ProgressEvent,
    "ProposedSchema": ProposedSchema,
    "ApprovedSchema": ApprovedSchema,
    "ExtractedData": ExtractedData,
    "Context": Context,
}

# What the cells' request asks for.
FIELDS = [
    {"name": "title", "description": "Title of the paper.", "type": "string"},
    {"name": "authors", "description": "Names of the authors.", "type": "list of strings"},
    {"name": "key_takeaways", "description": "What the paper found.", "type": "list of strings"},
]


def cell(number: int) -> str:
    """Return a code cell's text: of what follows its mark, the longest beginning that is Python."""
    if not NOTEBOOK.exists():
        pytest.skip(f"the notebook's text is not at {NOTEBOOK}")
    marked = NOTEBOOK.read_text(encoding="utf-8").partition(f"In [{number}]:")[2]
    lines = re.split(r"^In \[\d+\]:", marked, maxsplit=1, flags=re.MULTILINE)[0].splitlines()
    for end in range(len(lines), 0, -1):
        code = "\n".join(lines[:end])
        try:
            compile(code, "cell", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        except SyntaxError:
            continue
        return code
    raise AssertionError(f"cell {number} was not found")


async def execute(code: str, names: dict[str, Any]) -> None:
    pending = eval(compile(code, "cell", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)  # noqa: S307  # as a notebook does
    if pending is not None:
        await pending


@pytest.fixture
def paper(examples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """An example document under the name that the cells give, in the folder where they run."""
    name = re.search(r'file_path="\./([^"]+)"', cell(15))
    assert name is not None
    shutil.copy(examples / "paper.pdf", tmp_path / name[1])
    monkeypatch.chdir(tmp_path)
    truth = json.loads((examples / "paper.gold.json").read_text(encoding="utf-8"))
    return truth  # type: ignore[no-any-return]  # a JSON object


@pytest.fixture
async def model(paper: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ScriptedModel]:
    """The model of the default toolkit: the cells make their workflow without one."""
    title = paper["title"]

    def script(request: ModelRequest) -> Answer:
        if request.purpose == "propose":
            return {"fields": FIELDS}
        return {"heading": title} if request.purpose == "extract" else rule(request)

    scripted_model = ScriptedModel(script)
    toolkit = Toolkit(Settings(store=f"sqlite:///{tmp_path / 'store.db'}"), {"model": scripted_model})
    monkeypatch.setattr(module, "shared_toolkit", lambda: toolkit)
    yield scripted_model
    await toolkit.aclose()


def answers(*typed: str) -> Callable[[str], str]:
    waiting = iter(typed)
    return lambda question: next(waiting)


async def test_the_cell_that_runs_to_completion_runs_unchanged(
    paper: dict[str, Any], model: ScriptedModel, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {**NAMES, "input": answers("Rename title to heading", "y")}
    await execute(cell(15), names)
    result = names["result"]
    assert isinstance(result, ExtractedData)
    assert result.data["heading"] == paper["title"]
    assert result.agent_id.startswith("agt_")
    assert result.citations["/heading"][0]["boxes"], "the value is found on the page"
    assert [request.purpose for request in model.requests] == ["propose", "revise", "extract"]
    printed = capsys.readouterr().out
    assert printed.count("Proposed schema: ") == 2
    assert paper["title"] in printed


async def test_the_cells_that_save_the_context_and_resume_run_unchanged(
    paper: dict[str, Any], model: ScriptedModel, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {**NAMES, "input": answers("Rename title to heading", "Y")}
    await execute(cell(16), names)
    await execute(cell(17), names)
    result = names["ev"]
    assert isinstance(result, ExtractedData)
    assert result.data["heading"] == paper["title"]
    assert [request.purpose for request in model.requests] == ["propose", "revise", "extract"]
    assert capsys.readouterr().out.count("Proposed schema: ") == 2


async def saved(path: Path, store: Path, model: ScriptedModel | None = None) -> str:
    """Run to the first proposal, and return the context as JSON."""
    toolkit = Toolkit(Settings(store=f"sqlite:///{store}"), {"model": model or scripted(), "parser": TextParser()})
    workflow = IterativeExtractionWorkflow(resource_manager=module.resources(toolkit))
    handler = workflow.run(start_event=InputEvent(file_path=str(path), prompt=PROMPT))
    async for event in handler.stream_events():
        if isinstance(event, ProposedSchema):
            context = json.dumps(handler.ctx.to_dict(), ensure_ascii=False)
            await handler.cancel_run()
            await toolkit.aclose()
            return context
    raise AssertionError("no proposal came")


RESUME = """
import asyncio, json, sys
from harness import scripted, TextParser
from fieldwise.registry import Toolkit
from fieldwise.settings import Settings
from fieldwise.workflow import ApprovedSchema, IterativeExtractionWorkflow, ProposedSchema, resources
from workflows import Context

async def resume(saved, answer):
    toolkit = Toolkit(Settings(store="sqlite:///" + sys.argv[2]), {"model": scripted(), "parser": TextParser()})
    workflow = IterativeExtractionWorkflow(resource_manager=resources(toolkit))
    handler = workflow.run(ctx=Context.from_dict(workflow, saved))
    handler.ctx.send_event(answer)
    try:
        async for event in handler.stream_events():
            if isinstance(event, ProposedSchema):
                saved = handler.ctx.to_dict()
                await handler.cancel_run()
                return saved
        return (await handler).model_dump()
    finally:
        await toolkit.aclose()

async def main():
    saved = json.load(open(sys.argv[1]))
    saved = json.loads(json.dumps(await resume(saved, ApprovedSchema(approved=False, feedback="drop year"))))
    print(json.dumps(await resume(saved, ApprovedSchema(approved=True))))

asyncio.run(main())
"""


async def test_a_saved_context_goes_on_in_another_process(tmp_path: Path) -> None:
    document = tmp_path / "loading.txt"
    document.write_text(TEXT, encoding="utf-8")
    context = tmp_path / "context.json"
    context.write_text(await saved(document, tmp_path / "store.db"), encoding="utf-8")
    document.unlink()
    result = result_of(python(RESUME, context, tmp_path / "store.db"))
    assert result["data"] == {"title": "Loading at Scale", "authors": ["Ada Byron", "Kim Lee"]}
    assert result["agent_id"].startswith("agt_")


def long_text(characters: int) -> str:
    paragraph = "In the year {0} the committee of the {0}th district met and wrote down what it had found.\n\n"
    count = characters // len(paragraph.format(100_000))
    return TEXT + "".join(paragraph.format(number) for number in range(count))


@pytest.mark.parametrize("characters", [10_000, 1_000_000, 50_000_000], ids=["10 KB", "1 MB", "50 MB"])
async def test_a_saved_context_is_small_and_holds_no_text_of_the_document(tmp_path: Path, characters: int) -> None:
    document = tmp_path / "long.txt"
    document.write_text(long_text(characters), encoding="utf-8")
    fields = {"fields": [{"name": "district", "description": "The district.", "type": "string"}]}
    context = await saved(document, tmp_path / "store.db", ScriptedModel([fields]))
    assert len(context.encode()) <= 8_192
    for phrase in ("Loading at Scale", "Ada Byron", "the committee", "wrote down"):
        assert phrase not in context
