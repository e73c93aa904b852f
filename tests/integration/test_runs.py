"""Runs through the client: what a person can do with one, what is refused, what is kept when work fails."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fieldwise as fw
from fieldwise.errors import (
    FieldwiseError,
    InputError,
    ModelAnswerInvalid,
    ModelOverloaded,
    ModelUnavailable,
    NotAwaitingReview,
    RunCancelled,
    RunError,
    RunNotFound,
    SchemaInvalid,
    StaleDecision,
)
from fieldwise.llm import Patience
from fieldwise.model import Document, Extraction, Progress, RunStatus
from fieldwise.model.events import Event
from fieldwise.settings import Settings
from fieldwise.testing import FaultyModel, ScriptedModel
from harness import FACTS, PROMPT, SCHEMA, TEXT, Gate, TextParser, answering, purposes, python, result_of, scripted

Clients = Callable[..., fw.Fieldwise]


def properties(run: fw.RunHandle) -> list[str]:
    assert run.proposal is not None
    return list(run.proposal.schema["properties"])


def types(events: list[Event]) -> list[str]:
    return [event.type for event in events]


# What a person can do


def test_a_started_run_waits_with_its_first_proposal(client: fw.Fieldwise, document: Path) -> None:
    run = client.start(document, PROMPT)
    assert run.status is RunStatus.AWAITING_REVIEW
    assert run.prompt == PROMPT
    assert run.proposal is not None
    assert (run.proposal.version, run.proposal.origin, run.proposal.schema) == (1, "proposed", SCHEMA)
    assert {e.path: e.example for e in run.proposal.evidence}["/title"] == FACTS["title"]
    assert run.result is None


def test_revisions_and_an_approval_lead_to_an_extraction_of_the_last_version(
    client: fw.Fieldwise, document: Path
) -> None:
    run = client.start(document, PROMPT).revise("rename title to heading").revise("drop year")
    result = run.approve()
    assert result.data == {"heading": FACTS["title"], "authors": FACTS["authors"]}
    assert (result.run_id, result.schema_version) == (run.id, 3)
    after = client.get(run.id)
    assert (after.status, after.result, after.agent_id) == (RunStatus.COMPLETED, result, result.agent_id)
    assert client.agent(result.agent_id).schema == run.proposal.schema  # type: ignore[union-attr]  # it has one


def test_an_edited_schema_is_the_next_version_and_is_extracted_as_it_was_written(
    client: fw.Fieldwise, document: Path
) -> None:
    edited = {"type": "object", "properties": {"year": {"type": "integer", "description": "The year."}}}
    run = client.start(document, PROMPT).edit(edited)
    assert run.proposal is not None
    assert (run.proposal.version, run.proposal.origin, run.proposal.parent) == (2, "edited", 1)
    assert json.dumps(run.proposal.schema) == json.dumps(edited)
    assert [e.path for e in run.proposal.evidence] == ["/year"], "what was found for a field that stays is kept"
    assert run.approve().data == {"year": 1991}


def test_a_rejected_run_is_over_without_an_extraction(client: fw.Fieldwise, document: Path) -> None:
    model = client._given["model"]
    run = client.start(document, PROMPT)
    assert run.reject().status is RunStatus.REJECTED
    assert purposes(model) == ["propose"]
    for answer in (run.approve, run.reject, lambda: run.revise("drop year")):
        with pytest.raises((NotAwaitingReview, StaleDecision)):
            answer()
    assert types(client.journal(run.id))[-2:] == ["decision.made", "run.rejected"]


def test_a_given_schema_is_the_first_version_and_waits_for_review(client_of: Clients, document: Path) -> None:
    model = scripted()
    given = {"type": "object", "properties": {"title": {"type": "string"}}}
    run = client_of(model).start(document, "", schema=given)
    assert run.proposal is not None
    assert (run.proposal.version, run.proposal.origin, run.proposal.schema) == (1, "given", given)
    assert model.requests == []
    assert run.approve().data == {"title": FACTS["title"]}


def test_a_run_goes_on_when_its_file_is_gone(client: fw.Fieldwise, document: Path) -> None:
    run = client.start(document, PROMPT)
    document.unlink()
    assert run.revise("drop year").approve().data["title"] == FACTS["title"]


def test_a_run_that_failed_after_its_file_was_read_goes_on_when_the_file_is_gone(
    client_of: Clients, document: Path
) -> None:
    with pytest.raises(ModelAnswerInvalid) as caught:
        client_of(ScriptedModel(lambda request: "?")).start(document, PROMPT)
    document.unlink()
    run = client_of().resume(caught.value.fields["run_id"])
    assert run.approve().data["title"] == FACTS["title"]


def test_a_file_read_before_is_not_read_again(client_of: Clients, document: Path, tmp_path: Path) -> None:
    parser = TextParser()
    client_of(parser=parser).start(document, PROMPT)
    copy = tmp_path / "copy.txt"
    copy.write_text(TEXT, encoding="utf-8")
    client = client_of(parser=parser)
    run = client.start(copy, PROMPT)
    assert parser.parsed == 1
    parsed = next(event for event in client.journal(run.id) if event.type == "document.parsed")
    assert parsed.data["cached"] is True


def test_a_waiting_run_goes_on_in_another_process(client: fw.Fieldwise, store: Path, document: Path) -> None:
    run = client.start(document, PROMPT)
    code = """
import json, sys
import fieldwise as fw
from harness import TextParser, scripted
with fw.Fieldwise(store=sys.argv[1], model=scripted(), parser=TextParser()) as client:
    print(json.dumps(client.get(sys.argv[2]).revise("drop year").approve().data))
"""
    data = result_of(python(code, store, run.id))
    result = client.get(run.id).result
    assert result is not None
    assert result.data == data == {"title": FACTS["title"], "authors": FACTS["authors"]}


def test_what_is_saved_of_a_waiting_run_is_small_and_holds_no_text_of_the_document(
    client: fw.Fieldwise, store: Path, tmp_path: Path
) -> None:
    document = tmp_path / "long.txt"
    document.write_text(TEXT + "The committee wrote down what it had found.\n\n" * 20_000, encoding="utf-8")
    client.start(document, PROMPT)
    with sqlite3.connect(store) as connection:
        (state,) = connection.execute("SELECT state FROM runs").fetchone()
    connection.close()
    assert len(state.encode()) <= 8_192
    assert "committee" not in state
    assert "Ada Byron" not in state


def test_progress_is_told_and_names_its_stage(client: fw.Fieldwise, document: Path) -> None:
    told: list[Any] = []
    client.start(document, PROMPT, on_event=told.append).approve(on_event=told.append)
    assert {"parse", "propose", "extract"} <= {progress.stage for progress in told}
    assert all(progress.message for progress in told)


# Finding runs


def test_a_run_is_found_by_the_beginning_or_the_end_of_its_id(client: fw.Fieldwise, document: Path) -> None:
    first, second = client.start(document, PROMPT), client.start(document, PROMPT)
    assert client.get(first.id[-8:]).id == first.id
    assert client.get(second.id[:-1]).id == second.id
    with pytest.raises(RunNotFound, match="could be any of"):
        client.get("run_")
    for unknown in ("run_nothing", "", "%", "_"):
        with pytest.raises(RunNotFound):
            client.get(unknown)


def test_runs_are_listed_newest_first_and_by_status(client: fw.Fieldwise, document: Path) -> None:
    waiting, rejected, newest = (client.start(document, PROMPT) for _ in range(3))
    rejected.reject()
    assert [run.id for run in client.runs()] == [newest.id, rejected.id, waiting.id]
    assert [run.id for run in client.runs(status=RunStatus.REJECTED)] == [rejected.id]
    both = client.runs(status=[RunStatus.REJECTED, RunStatus.AWAITING_REVIEW])
    assert len(both) == 3
    assert [run.id for run in client.runs(limit=1)] == [newest.id]
    assert client.runs(status=[]) == []


# What is refused, and changes nothing


def unchanged(client: fw.Fieldwise, run: fw.RunHandle) -> Callable[[], None]:
    """Return a check that the run is as it is now."""
    before, events = client.get(run.id), types(client.journal(run.id))

    def check() -> None:
        assert client.get(run.id) == before
        assert types(client.journal(run.id)) == events

    return check


def test_a_decision_on_an_older_version_is_stale(client: fw.Fieldwise, document: Path) -> None:
    old = client.start(document, PROMPT)
    new = old.revise("drop year")
    check = unchanged(client, new)
    with pytest.raises(StaleDecision, match=r"Version 1 .* was answered already: revise") as caught:
        old.approve()
    assert (caught.value.fields["version"], caught.value.fields["current"]) == (1, 2)
    check()


def test_a_stale_decision_s_error_names_the_newest_version_and_what_to_do(client: fw.Fieldwise, document: Path) -> None:
    old = client.start(document, PROMPT)
    new = old.revise("drop year")
    with pytest.raises(StaleDecision) as caught:
        old.approve()
    assert "Version 2 is the newest, the run is awaiting_review." in caught.value.message
    assert caught.value.next_step == f"Look at it with `fieldwise show {new.id}`, then decide on version 2."
    new.approve()
    with pytest.raises(StaleDecision) as caught:
        old.approve()
    assert "Version 2 is the newest, the run is completed." in caught.value.message
    assert "decide" not in caught.value.next_step


def test_a_decision_on_a_version_that_is_not_there_yet_is_refused(client: fw.Fieldwise, document: Path) -> None:
    run = client.start(document, PROMPT)
    check = unchanged(client, run)
    with pytest.raises(StaleDecision, match=r"version 2 .* version 1 waits"):
        client.decide(run.id, "approve", version=2)
    check()


def test_a_second_answer_to_the_same_version_is_refused(client: fw.Fieldwise, document: Path) -> None:
    run = client.start(document, PROMPT)
    run.approve()
    check = unchanged(client, run)
    with pytest.raises(StaleDecision, match="answered already: approve"):
        run.approve()
    with pytest.raises(StaleDecision):
        run.reject()
    check()


async def test_a_decision_before_the_proposal_is_refused(async_client_of: Clients, document: Path) -> None:
    gate = Gate("propose")
    client = async_client_of(gate.model())
    starting = asyncio.create_task(client.astart(document, PROMPT))
    await gate.reached.wait()
    (run,) = await client.aruns()
    assert run.status is RunStatus.PROPOSING
    for version in (None, 1):
        with pytest.raises(NotAwaitingReview, match="proposing"):
            await client.adecide(run.id, "approve", version=version)
    gate.open.set()
    assert (await starting).status is RunStatus.AWAITING_REVIEW


async def test_a_decision_while_the_answer_to_it_is_worked_on_is_refused(
    async_client_of: Clients, document: Path
) -> None:
    gate = Gate("revise")
    client = async_client_of(gate.model())
    run = await client.astart(document, PROMPT)
    revising = asyncio.create_task(run.arevise("drop year"))
    await gate.reached.wait()
    with pytest.raises(StaleDecision, match="answered already: revise"):
        await run.aapprove()
    gate.open.set()
    assert properties(await revising) == ["title", "authors"]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {}},
        {"type": "object", "properties": {"a": {"type": "words"}}},
        {"type": "array", "items": {}},
        {},
        "[1]",
        "{not json",
    ],
)
def test_an_edit_that_is_no_usable_schema_is_refused_before_anything_changes(
    client: fw.Fieldwise, document: Path, schema: Any
) -> None:
    run = client.start(document, PROMPT)
    check = unchanged(client, run)
    with pytest.raises(InputError) as caught:
        run.edit(schema)
    assert caught.value.next_step or isinstance(caught.value, SchemaInvalid)
    check()


def test_a_decision_that_makes_no_sense_is_refused_before_anything_changes(
    client: fw.Fieldwise, document: Path
) -> None:
    run = client.start(document, PROMPT)
    check = unchanged(client, run)
    with pytest.raises(InputError, match="whole new schema"):
        client.decide(run.id, "edit")
    with pytest.raises(InputError, match="takes no schema"):
        client.decide(run.id, "approve", schema=SCHEMA)
    with pytest.raises(InputError, match=r"empty"):
        client.decide(run.id, "revise", feedback=" ")
    with pytest.raises(InputError, match=r"20,001 characters"):
        run.revise("x" * 20_001)
    with pytest.raises(InputError, match=r"aprove.*Known are: approve"):
        client.decide(run.id, "aprove")  # type: ignore[arg-type]  # a slip of the pen
    check()


@pytest.mark.parametrize(
    ("name", "prompt", "words"),
    [
        ("loading.txt", "  ", "prompt is empty"),
        ("loading.txt", "x" * 100_000, "100,000 characters"),
        ("missing.txt", PROMPT, "no file"),
        (".", PROMPT, "folder"),
    ],
)
def test_a_request_that_cannot_lead_anywhere_keeps_no_run(
    client: fw.Fieldwise, document: Path, name: str, prompt: str, words: str
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        client.start(document.parent / name, prompt)
    assert caught.value.next_step
    assert client.runs() == []


# Failures


def test_a_run_whose_model_answers_nonsense_is_kept_and_goes_on_with_a_better_one(
    client_of: Clients, document: Path
) -> None:
    client = client_of(ScriptedModel(lambda request: "What a nice document!"))
    with pytest.raises(ModelAnswerInvalid) as caught:
        client.start(document, PROMPT)
    run = client.get(caught.value.fields["run_id"])
    assert run.status is RunStatus.FAILED
    assert run.error is not None
    assert run.error["code"] == "model_answer_invalid"
    assert run.error["next_step"]
    parser = TextParser()
    run = client_of(parser=parser).resume(run.id)
    assert (run.status, run.error, properties(run)) == (
        RunStatus.AWAITING_REVIEW,
        None,
        ["title", "authors", "year"],
    )
    assert parser.parsed == 0, "the document was read already"
    assert types(client.journal(run.id)) == [
        "run.created",
        "document.parsed",
        *["proposal.attempted"] * 3,
        "run.failed",
        "run.claimed",
        "document.parsed",
        "proposal.attempted",
        "schema.proposed",
    ]


def test_a_failed_revision_is_taken_up_with_the_same_words(client_of: Clients, document: Path) -> None:
    client = client_of(answering(revise=["?", "?", "?"]))
    run = client.start(document, PROMPT)
    with pytest.raises(ModelAnswerInvalid):
        run.revise("drop year")
    failed = client.get(run.id)
    assert failed.status is RunStatus.FAILED
    assert failed.proposal == run.proposal
    again = client_of().resume(run.id)
    assert again.proposal is not None
    assert (again.proposal.version, again.proposal.feedback, properties(again)) == (
        2,
        "drop year",
        ["title", "authors"],
    )


def test_a_failed_extraction_is_taken_up_without_asking_the_person_again(client_of: Clients, document: Path) -> None:
    def fail(request: Any) -> Any:
        return ModelUnavailable("The model is gone.", next_step="Start it.")

    client = client_of(answering(extract=fail))
    run = client.start(document, PROMPT)
    with pytest.raises(ModelUnavailable):
        run.approve()
    assert client.get(run.id).status is RunStatus.FAILED
    done = client_of().resume(run.id)
    assert done.status is RunStatus.COMPLETED
    assert done.result is not None
    assert done.result.data == {name: FACTS[name] for name in SCHEMA["properties"]}


def test_after_a_failure_the_person_may_answer_anew(client_of: Clients, document: Path) -> None:
    client = client_of(answering(revise=["?", "?", "?"]))
    run = client.start(document, PROMPT)
    with pytest.raises(ModelAnswerInvalid):
        run.revise("make it sing")
    result = run.approve()
    assert result.schema_version == 1
    assert result.data["year"] == 1991
    decisions = [event.data["decision"] for event in client.journal(run.id) if event.type == "decision.made"]
    assert [(d["kind"], d["feedback"]) for d in decisions] == [("revise", "make it sing"), ("approve", "")]


def test_after_a_failure_the_person_may_reject(client_of: Clients, document: Path) -> None:
    client = client_of(answering(revise=["?", "?", "?"]))
    run = client.start(document, PROMPT)
    with pytest.raises(ModelAnswerInvalid):
        run.revise("make it sing")
    assert client.get(run.id).reject().status is RunStatus.REJECTED


def test_a_run_that_failed_before_its_first_proposal_has_nothing_to_decide_on(
    client_of: Clients, document: Path
) -> None:
    client = client_of(ScriptedModel(lambda request: "?"))
    with pytest.raises(ModelAnswerInvalid) as caught:
        client.start(document, PROMPT)
    with pytest.raises(NotAwaitingReview, match="no proposal"):
        client.decide(caught.value.fields["run_id"], "approve")


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Patience, "pause", lambda self, refusals, wished=None: 0.0)


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize("purpose", ["propose", "revise", "extract"])
def test_a_busy_model_is_asked_again_later_and_the_waiting_is_told(
    client_of: Clients, document: Path, purpose: str
) -> None:
    model = answering(**{purpose: [ModelOverloaded("Busy.")] * 3})
    seen: list[Progress] = []
    run = client_of(model).start(document, PROMPT, on_event=seen.append)
    result = run.revise("drop year", on_event=seen.append).approve(on_event=seen.append)
    assert result.data["title"] == FACTS["title"]
    assert "part_failed" not in {issue.code for issue in result.issues}
    assert purposes(model).count(purpose) == 4
    assert sum("The model is busy" in progress.message for progress in seen) == 3


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize("purpose", ["propose", "extract"])
def test_a_model_that_stays_busy_fails_the_run_which_goes_on_later(
    client_of: Clients, document: Path, purpose: str
) -> None:
    model = answering(**{purpose: lambda request: ModelOverloaded("Busy.")})
    with pytest.raises(ModelOverloaded) as caught:
        client_of(model).start(document, PROMPT).approve()
    assert purposes(model).count(purpose) == 4, "a call is waited for once, not by its stage as well"
    failed = client_of().get(caught.value.fields["run_id"])
    assert failed.status is RunStatus.FAILED
    assert failed.error is not None
    assert failed.error["code"] == "model_overloaded"
    done = failed.resume()
    result = done.result or done.approve()
    assert result.data["title"] == FACTS["title"]


def test_an_extraction_without_a_single_usable_answer_fails_the_run_and_is_kept(
    client_of: Clients, document: Path
) -> None:
    run = client_of(answering(extract=lambda request: "I cannot see any document.")).start(document, PROMPT)
    with pytest.raises(ModelAnswerInvalid, match="no answer that could be used"):
        run.approve()
    failed = client_of().get(run.id)
    assert (failed.status, failed.result) == (RunStatus.FAILED, None)
    assert failed.error is not None
    assert failed.error["next_step"]
    done = failed.resume()
    assert done.result is not None
    assert done.result.data == {name: FACTS[name] for name in SCHEMA["properties"]}


class BusyExtractor:
    """An extractor that asks a model of its own, which has no room the first time."""

    name = "busy/1"

    def __init__(self) -> None:
        self.calls = 0

    async def extract(self, document: Document, *more: Any) -> Extraction:
        self.calls += 1
        if self.calls == 1:
            raise ModelOverloaded("Busy.")
        return Extraction(status="unverified", data={"title": "found"})

    async def aclose(self) -> None:
        return None


def test_a_busy_extractor_is_asked_again_by_its_stage(client_of: Clients, document: Path) -> None:
    extractor = BusyExtractor()
    result = client_of(extractor=extractor).extract(document, schema={"type": "object", "properties": {"title": {}}})
    assert (result.data, extractor.calls) == ({"title": "found"}, 2)


@pytest.mark.parametrize("seed", range(1, 6))
def test_a_model_that_breaks_at_every_turn_never_breaks_a_run(client_of: Clients, document: Path, seed: int) -> None:
    faulty = FaultyModel(scripted(), {"nonsense": 0.4, "truncated": 0.3, "malformed": 0.3, "empty": 0.2}, seed=seed)
    client = client_of(faulty)

    def insist(action: Callable[[], Any], run_id: str = "") -> fw.RunHandle:
        for _ in range(40):
            try:
                action()
            except FieldwiseError as error:
                run_id = error.fields["run_id"]
                action = lambda: client.resume(run_id)  # noqa: E731, B023  # the newest one
            else:
                break
        (run,) = client.runs()
        return client.get(run.id)

    run = insist(lambda: client.start(document, PROMPT))
    run = insist(lambda: run.revise("drop year"))
    run = insist(lambda: run.approve())
    assert sum(faulty.faults.values()) > 0
    assert run.result is not None
    expected = {"title": FACTS["title"], "authors": FACTS["authors"]}
    # What is missing is said, and what is there is right.
    assert run.result.data == expected or run.result.status == "incomplete"
    assert {name: expected[name] for name in run.result.data if run.result.data[name]} == {
        name: value for name, value in run.result.data.items() if value
    }
    assert [v.version for v in run.schemas] == [1, 2]


# The journal


def test_the_journal_tells_the_whole_story_in_order(client: fw.Fieldwise, document: Path) -> None:
    run = client.start(document, PROMPT).revise("drop year")
    result = run.approve()
    events = client.journal(run.id)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert {(event.run_id, event.v) for event in events} == {(run.id, 1)}
    assert [event.at for event in events] == sorted(event.at for event in events)
    told = {event.type: event.data for event in events}
    assert types(events) == [
        "run.created",
        "document.parsed",
        "proposal.attempted",
        "schema.proposed",
        "decision.made",
        "proposal.attempted",
        "schema.proposed",
        "decision.made",
        "extraction.completed",
    ]
    assert told["run.created"]["prompt"] == PROMPT
    assert told["run.created"]["file_name"] == "loading.txt"
    assert told["run.created"]["settings"]["model"] == "scripted"
    assert told["document.parsed"] == {
        "document_id": result.document_id,
        "parser": "text/1",
        "pages": 1,
        "words": len(TEXT.split()),
        "cached": False,
        "issues": [],
    }
    assert json.loads(told["proposal.attempted"]["text"])["points"][0]["asked"] == "drop year"
    assert told["schema.proposed"] == {"version": 2, "origin": "revised"}
    assert (told["decision.made"]["decision"]["kind"], told["decision.made"]["decision"]["version"]) == ("approve", 2)
    assert told["extraction.completed"] == {"status": result.status, "agent_id": result.agent_id, "issues": 1}


# Cancelling


async def test_cancelling_a_run_that_is_worked_on_stops_the_work(async_client_of: Clients, document: Path) -> None:
    gate = Gate("propose")
    model = gate.model()
    working = async_client_of(model, settings=Settings(lease_seconds=0.3))
    starting = asyncio.create_task(working.astart(document, PROMPT))
    await gate.reached.wait()
    other = async_client_of()
    (run,) = await other.aruns()
    assert (await other.acancel(run.id)).status is RunStatus.CANCELLED
    # The gate stays closed: only the lost lease can end the work.
    await asyncio.wait([starting], timeout=30)
    assert starting.done()
    with pytest.raises(RunCancelled):
        await starting
    after = await other.aget(run.id)
    assert (after.status, after.proposal) == (RunStatus.CANCELLED, None)
    assert types(await other.ajournal(run.id)) == ["run.created", "document.parsed", "run.cancelled"]


def test_a_waiting_run_can_be_cancelled_and_one_that_is_over_cannot(client: fw.Fieldwise, document: Path) -> None:
    run = client.start(document, PROMPT)
    assert client.cancel(run.id).status is RunStatus.CANCELLED
    with pytest.raises(NotAwaitingReview):
        run.approve()
    with pytest.raises(NotAwaitingReview, match="cancelled already"):
        client.cancel(run.id)
    assert client.resume(run.id).status is RunStatus.CANCELLED


async def test_a_run_that_another_client_works_on_is_not_taken_from_it(
    async_client_of: Clients, document: Path
) -> None:
    gate = Gate("propose")
    client = async_client_of(gate.model())
    starting = asyncio.create_task(client.astart(document, PROMPT))
    await gate.reached.wait()
    (run,) = await client.aruns()
    assert not run.interrupted
    with pytest.raises(RunError, match="works on run"):
        await async_client_of().aresume(run.id)
    gate.open.set()
    assert (await starting).status is RunStatus.AWAITING_REVIEW
