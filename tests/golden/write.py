"""Write the golden files of a new version: `python tests/golden/write.py 2` makes the folder v2 beside v1.

Golden files are what releases have written. They are never written again: a test keeps their hashes, and one that does
not load any more is a break for whoever has a store. When the form of something saved changes, raise its version, teach
the code to read the old form, write a new folder, and keep the old one.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from pydantic import BaseModel  # noqa: E402

import fieldwise as fw  # noqa: E402
from fieldwise.errors import FieldwiseError  # noqa: E402
from fieldwise.model import Citation, Decision, Extraction, FieldEvidence, Issue, SchemaVersion, Usage  # noqa: E402
from fieldwise.parse import LocalParser  # noqa: E402
from fieldwise.registry import Toolkit  # noqa: E402
from fieldwise.settings import Settings  # noqa: E402
from fieldwise.store import Database  # noqa: E402
from fieldwise.workflow import (  # noqa: E402
    InputEvent,
    IterativeExtractionWorkflow,
    ProposedSchema,
    WorkflowState,
    resources,
)
from harness import PROMPT, SCHEMA, TEXT, Gate, TextParser, answering, scripted  # noqa: E402  # the path is set above

INVOICE = HERE.parents[1] / "examples" / "documents" / "invoice.pdf"
HOME = "/home/ada"


async def main(version: str) -> None:
    folder = HERE / f"v{version}"
    if folder.exists():
        sys.exit(f"{folder} is there already, and golden files are never written again: choose another version.")
    folder.mkdir()
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        await write_runs(place, folder)
        await write_document(folder)
    write_decisions(folder)
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in sorted(folder.iterdir())]
    (folder / "SHA256SUMS").write_text("\n".join(sums) + "\n", encoding="utf-8")


async def write_runs(place: Path, folder: Path) -> None:
    """Runs in every status and with every event, as the code of today leaves them."""
    document = place / "loading.txt"
    document.write_text(TEXT, encoding="utf-8")
    store = place / "store.db"
    good = fw.Fieldwise(store=store, model=scripted(), parser=TextParser())
    waiting = await (await good.astart(document, PROMPT)).arevise("rename title to heading")
    completed = await (await good.astart(document, PROMPT)).arevise("drop year")
    result = await completed.aapprove()
    await (await good.astart(document, PROMPT)).areject()
    await good.acancel((await good.astart(document, PROMPT)).id)
    await good.aextract(document, schema=SCHEMA)
    bad = fw.Fieldwise(store=store, model=answering(propose=["?", "?", "?"]), parser=TextParser())
    try:
        await bad.astart(document, PROMPT)
    except FieldwiseError as error:
        failed = error.fields["run_id"]
    gate = Gate("propose")
    stopped = fw.Fieldwise(store=store, model=gate.model(), parser=TextParser())
    starting = asyncio.create_task(stopped.astart(document, PROMPT))
    await gate.reached.wait()
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    released = (await good.aruns(limit=1))[0].id
    await good.aresume(released)
    context = await saved_context(document, store)

    journals = [event for run in await good.aruns() for event in await good.ajournal(run.id)]
    lines = [event.model_dump_json() for event in journals]
    write(folder / "journal.jsonl", "\n".join(lines), place)
    assert completed.proposal is not None
    write_noun(folder / "agent.json", await good.aagent(result.agent_id))
    write_noun(folder / "extraction.json", result)
    write_noun(folder / "schema_version.json", completed.proposal)
    write_noun(folder / "run.json", (await good.aget(failed)).run, place)
    for client in (good, bad, stopped):
        await client.aclose()
    with closing(sqlite3.connect(store)) as connection:
        (state,) = connection.execute("SELECT state FROM runs WHERE id = ?", (waiting.id,)).fetchone()
        dump = "\n".join(connection.iterdump())
    WorkflowState.model_validate_json(state)
    write(folder / "workflow_state.json", json.dumps(json.loads(state), indent=1), place)
    write(folder / "context.json", json.dumps(context, indent=1), place)
    write(folder / "store.sql", dump, place)


async def saved_context(document: Path, store: Path) -> dict[str, Any]:
    """Return what somebody who drives the workflow by hand saves while a person thinks."""
    given = {"model": scripted(), "parser": TextParser(), "store": Database(f"sqlite:///{store}")}
    toolkit = Toolkit(Settings(), given)
    workflow = IterativeExtractionWorkflow(resource_manager=resources(toolkit))
    handler = workflow.run(start_event=InputEvent(file_path=str(document), prompt=PROMPT))
    async for event in handler.stream_events():
        if isinstance(event, ProposedSchema):
            break
    context = handler.ctx.to_dict()
    await handler.cancel_run()
    await toolkit.aclose()
    await given["store"].aclose()
    return context


async def write_document(folder: Path) -> None:
    parser = LocalParser()
    document = await parser.parse(INVOICE)
    await parser.aclose()
    write_noun(folder / "document.json", document.model_copy(update={"pages": document.pages[:1]}))


def write_decisions(folder: Path) -> None:
    made = [
        Decision(kind="approve", version=1),
        Decision(kind="revise", version=2, feedback="drop year"),
        Decision(kind="edit", version=3, schema=SCHEMA),
        Decision(kind="reject", version=4),
    ]
    lines = [decision.model_dump_json(by_alias=True) for decision in made]
    (folder / "decisions.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    given = SchemaVersion(
        version=1,
        schema=SCHEMA,
        origin="given",
        evidence=(FieldEvidence(path="/year", example="1991"),),
        usage=Usage(input_tokens=1, seconds=0.5),
    )
    write_noun(folder / "schema_version_given.json", given)
    cited = Extraction(
        run_id="run_1",
        agent_id="agt_1",
        document_id="0" * 64,
        schema_version=2,
        status="incomplete",
        data={"title": "Loading at Scale", "year": 1991, "authors": [{"name": "Ada Byron"}], "pages": None},
        citations={
            "/title": (Citation(page=1, boxes=((0.1, 0.1, 0.5, 0.02),), quote="Loading at Scale", match="exact"),),
            "/year": (Citation(page=2, boxes=((0.1, 0.2, 0.1, 0.02),), quote="1,991", match="normalized"),),
            "/authors/0/name": (Citation(page=1, quote="Ada Byron", match="fuzzy"),),
        },
        confidence={"/title": 0.98, "/year": 0.8, "/authors/0/name": 0.6},
        issues=(Issue(path="/pages", code="missing", message="The document does not say."),),
        usage=Usage(input_tokens=900, cached_tokens=800, output_tokens=40, calls=2, seconds=1.5),
    )
    write_noun(folder / "extraction_cited.json", cited)


def write_noun(path: Path, noun: BaseModel, place: Path | None = None) -> None:
    write(path, noun.model_dump_json(by_alias=True, indent=1), place)


def write(path: Path, text: str, place: Path | None) -> None:
    path.write_text((text.replace(str(place), HOME) if place else text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
