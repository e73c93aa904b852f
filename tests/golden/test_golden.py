"""What releases have written loads for ever.

A failure here means that somebody's store, saved context or exported result does not load any more: mend the code, not
the files. For a new version of something saved: `python tests/golden/write.py N` writes the folder vN; see there.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import get_args

import pytest
from workflows import Context

import fieldwise as fw
from fieldwise.model import Agent, Decision, Document, Extraction, Frozen, Run, RunStatus, SchemaVersion
from fieldwise.model.events import Event, EventType
from fieldwise.registry import Toolkit
from fieldwise.settings import Settings
from fieldwise.store.migrations import VERSION
from fieldwise.workflow import ApprovedSchema, IterativeExtractionWorkflow, WorkflowState, resources
from fieldwise.workflow_state import SAVED_NAMES, SERIALIZER, STATE_VERSION
from harness import FACTS, PROMPT, SCHEMA, TEXT, TextParser, scripted

HERE = Path(__file__).resolve().parent
VERSIONS = sorted((path for path in HERE.glob("v*") if path.is_dir()), key=lambda path: int(path.name[1:]))


@pytest.fixture(params=VERSIONS, ids=lambda path: path.name)
def golden(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.param
    return folder


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


# How a new version is added


def test_the_golden_files_were_never_written_again(golden: Path) -> None:
    kept = dict(reversed(line.split("  ")) for line in lines(golden / "SHA256SUMS"))
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in golden.iterdir()
        if path.name != "SHA256SUMS"
    }
    assert found == kept, "golden files are what a release wrote: keep them, and write a new folder (see write.py)"


def test_a_new_form_of_the_store_or_the_state_brings_golden_files_of_its_own() -> None:
    dumps = ["\n".join(lines(folder / "store.sql")) for folder in VERSIONS]
    stores = {version for version in range(1, VERSION + 1) if any(_says_version(dump, version) for dump in dumps)}
    states = {json.loads((folder / "workflow_state.json").read_text(encoding="utf-8"))["v"] for folder in VERSIONS}
    advice = "run `python tests/golden/write.py N` and commit the new folder; the old ones stay as they are"
    assert stores == set(range(1, VERSION + 1)), advice
    assert STATE_VERSION in states, advice


def _says_version(dump: str, version: int) -> bool:
    return f"INSERT INTO \"meta\" VALUES('version','{version}');" in dump


def test_golden_files_cannot_be_written_over() -> None:
    before = {path: path.read_bytes() for path in VERSIONS[0].iterdir()}
    process = subprocess.run(
        [sys.executable, HERE / "write.py", VERSIONS[0].name[1:]], capture_output=True, text=True, check=False
    )
    assert process.returncode == 1
    assert "never written again" in process.stderr
    assert {path: path.read_bytes() for path in VERSIONS[0].iterdir()} == before


def test_the_code_of_today_still_writes_every_golden_file(tmp_path: Path) -> None:
    tests = tmp_path / "tests"
    (tests / "golden").mkdir(parents=True)
    shutil.copy(HERE / "write.py", tests / "golden")
    shutil.copy(HERE.parent / "harness.py", tests)
    shutil.copytree(HERE.parents[1] / "examples" / "documents", tmp_path / "examples" / "documents")
    process = subprocess.run(
        [sys.executable, tests / "golden" / "write.py", "99"], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    written = tests / "golden" / "v99"
    assert {path.name for path in written.iterdir()} == {path.name for path in VERSIONS[-1].iterdir()}
    types = {Event.model_validate_json(line).type for line in lines(written / "journal.jsonl")}
    assert types == set(get_args(EventType))


# The nouns


def test_a_saved_state_loads(golden: Path) -> None:
    state = WorkflowState.model_validate_json((golden / "workflow_state.json").read_text(encoding="utf-8"))
    assert state.original_prompt == PROMPT
    assert state.awaiting == state.version == 2
    assert state.current_schema is not None
    assert list(state.current_schema["properties"]) == ["heading", "authors", "year"]
    assert state.feedback_so_far == ["rename title to heading"]


def test_a_document_loads_with_its_words_and_their_places(golden: Path) -> None:
    document = Document.model_validate_json((golden / "document.json").read_text(encoding="utf-8"))
    page = document.page(1)
    assert page.width > 0
    assert page.blocks
    assert document.media_type == "application/pdf"
    placed = [word for word in page.words if word.box is not None and word.span is not None]
    assert len(placed) > 50
    for word in placed:
        assert word.box is not None
        assert word.span is not None
        assert all(0.0 <= number <= 1.0 for number in word.box)
        assert page.markdown[slice(*word.span)].strip()


def test_schema_versions_load(golden: Path) -> None:
    revised = SchemaVersion.model_validate_json((golden / "schema_version.json").read_text(encoding="utf-8"))
    assert (revised.version, revised.parent, revised.origin, revised.feedback) == (2, 1, "revised", "drop year")
    assert list(revised.schema["properties"]) == ["title", "authors"]
    assert revised.notes
    given = SchemaVersion.model_validate_json((golden / "schema_version_given.json").read_text(encoding="utf-8"))
    assert (given.origin, given.evidence[0].path, given.evidence[0].citation) == ("given", "/year", None)


def test_decisions_load(golden: Path) -> None:
    decisions = [Decision.model_validate_json(line) for line in lines(golden / "decisions.jsonl")]
    assert [(d.kind, d.version) for d in decisions] == [("approve", 1), ("revise", 2), ("edit", 3), ("reject", 4)]
    assert decisions[1].feedback == "drop year"
    assert decisions[2].json_schema == SCHEMA


def test_extractions_load_with_their_evidence(golden: Path) -> None:
    plain = Extraction.model_validate_json((golden / "extraction.json").read_text(encoding="utf-8"))
    assert plain.data == {"title": FACTS["title"], "authors": FACTS["authors"]}
    cited = Extraction.model_validate_json((golden / "extraction_cited.json").read_text(encoding="utf-8"))
    citation = cited.cite("/title")
    assert citation is not None
    assert (citation.page, citation.boxes, citation.match) == (1, ((0.1, 0.1, 0.5, 0.02),), "exact")
    assert cited.cite("/pages") is None
    assert (cited.status, cited.issues[0].code, cited.usage.cached_tokens) == ("incomplete", "missing", 800)


def test_an_agent_loads(golden: Path) -> None:
    agent = Agent.model_validate_json((golden / "agent.json").read_text(encoding="utf-8"))
    assert agent.id.startswith("agt_")
    assert (agent.version, agent.prompt) == (1, PROMPT)
    assert list(agent.schema["properties"]) == ["title", "authors"]


def test_a_failed_run_loads_with_its_error(golden: Path) -> None:
    run = Run.model_validate_json((golden / "run.json").read_text(encoding="utf-8"))
    assert run.status is RunStatus.FAILED
    assert run.error is not None
    assert run.error["code"] == "model_answer_invalid"


def test_journals_load_with_every_type_of_event(golden: Path) -> None:
    events = [Event.model_validate_json(line) for line in lines(golden / "journal.jsonl")]
    by_type = {event.type: event.data for event in events}
    promised = {
        "run.created": {"prompt", "file_name", "settings"},
        "run.claimed": {"owner", "stage"},
        "document.parsed": {"document_id", "parser", "pages", "words", "cached", "issues"},
        "proposal.attempted": {"number", "text", "error", "usage"},
        "schema.proposed": {"version", "origin"},
        "decision.made": {"decision"},
        "extraction.completed": {"status", "agent_id", "issues"},
        "run.released": {"stage"},
        "run.failed": {"error"},
        "run.rejected": set(),
        "run.cancelled": set(),
    }
    assert set(by_type) == set(promised)
    for kind, names in promised.items():
        assert names <= set(by_type[kind]), kind  # type: ignore[index]  # its keys are these


# A whole store


@pytest.fixture
def store(golden: Path, tmp_path: Path) -> Path:
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((golden / "store.sql").read_text(encoding="utf-8"))
    return path


def test_a_store_opens_with_all_its_runs(store: Path) -> None:
    with fw.Fieldwise(store=store, model=scripted(), parser=TextParser()) as client:
        runs = client.runs()
        assert sorted(run.status for run in runs) == sorted(
            [
                *[RunStatus.AWAITING_REVIEW] * 2,
                *[RunStatus.COMPLETED] * 2,
                RunStatus.REJECTED,
                RunStatus.CANCELLED,
                RunStatus.FAILED,
            ]
        )
        for run in runs:
            assert client.journal(run.id)[0].type == "run.created"
            assert (client.get(run.id).result is not None) == (run.status is RunStatus.COMPLETED)
        assert len(client.agents()) == 2
        assert client.store_check() == []
        assert client.store_upgrade() == VERSION


def test_what_waited_or_failed_in_a_store_goes_on(store: Path) -> None:
    with fw.Fieldwise(store=store, model=scripted(), parser=TextParser()) as client:
        waiting = client.runs(status=RunStatus.AWAITING_REVIEW)
        for run in waiting:
            assert client.get(run.id).revise("drop year").approve().data["authors"] == FACTS["authors"]
        # Its file was on another machine; what was read of it is in the store.
        failed = client.runs(status=RunStatus.FAILED)[0]
        assert client.resume(failed.id).approve().data["title"] == FACTS["title"]


CONTEXTS = [folder for folder in VERSIONS if (folder / "context.json").exists()]


@pytest.mark.parametrize("golden", CONTEXTS, ids=lambda path: path.name)
async def test_a_context_saved_by_whoever_drives_the_workflow_goes_on(golden: Path, store: Path) -> None:
    saved = json.loads((golden / "context.json").read_text(encoding="utf-8"))
    toolkit = Toolkit(Settings(store=f"sqlite:///{store}"), {"model": scripted(), "parser": TextParser()})
    workflow = IterativeExtractionWorkflow(resource_manager=resources(toolkit))
    handler = workflow.run(ctx=Context.from_dict(workflow, saved))
    handler.ctx.send_event(ApprovedSchema(approved=True))
    result = await handler
    assert result.data == {name: FACTS[name] for name in SCHEMA["properties"]}
    await toolkit.aclose()


def test_a_saved_context_names_nothing_by_the_file_that_it_is_in() -> None:
    names = r"fieldwise\.[\w.]+"
    newest, oldest = (
        set(re.findall(names, (folder / "context.json").read_text(encoding="utf-8")))
        for folder in (CONTEXTS[-1], CONTEXTS[0])
    )
    assert newest == {"fieldwise.iterative_extraction", "fieldwise.workflow", "fieldwise.WorkflowState"}
    assert "fieldwise.workflow_state.WorkflowState" in oldest, "what was written before loads too"


@pytest.mark.parametrize("name", ["fieldwise.{}", "fieldwise.workflow_state.{}"])
def test_every_type_that_may_be_saved_loads_under_its_name_and_its_former_one(name: str) -> None:
    for kind in SAVED_NAMES.values():
        value = kind.model_construct() if kind is not WorkflowState else WorkflowState(run_id="run_1")
        assert SERIALIZER.resolve_class(name.format(kind.__name__)) is kind
        assert json.loads(SERIALIZER.serialize(value))["qualified_name"] == f"fieldwise.{kind.__name__}"


def test_a_workflow_s_own_types_are_saved_beside_ours_and_nothing_else_loads() -> None:
    more = SERIALIZER.with_types(Frozen)
    assert type(more.deserialize(more.serialize(Frozen()))) is Frozen
    assert more.deserialize(more.serialize([WorkflowState(run_id="run_1")]))[0].run_id == "run_1"
    with pytest.raises(ValueError, match="allowed types"):
        more.resolve_class("subprocess.Popen")


def test_an_agent_of_a_store_extracts_from_a_new_document(store: Path, tmp_path: Path) -> None:
    document = tmp_path / "new.txt"
    document.write_text(TEXT + "Printed in Bath.\n", encoding="utf-8")
    with fw.Fieldwise(store=store, model=scripted(), parser=TextParser()) as client:
        for agent in client.agents():
            assert client.extract(document, agent=agent.name).data["title"] == FACTS["title"]
