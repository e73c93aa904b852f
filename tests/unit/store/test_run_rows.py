"""Rows of runs: a change that finds something else than it expects changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from fieldwise.errors import LeaseLost, NotAwaitingReview, RunError, StaleDecision
from fieldwise.model import (
    WORKING,
    Agent,
    Decision,
    Document,
    Extraction,
    Page,
    Run,
    RunStatus,
    SchemaVersion,
    may_become,
    new_id,
)
from fieldwise.store import Claimed, Database, Lease, agents, documents, journal, runs
from fieldwise.store.tables import runs as table
from harness import database

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
S = RunStatus


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    made = database(tmp_path / "store.db")
    yield made
    await made.aclose()


async def created(db: Database, status: RunStatus = S.PARSING) -> Claimed:
    run = Run(id=new_id("run"), status=status, prompt="p", file_path="/a.txt", file_name="a.txt")
    with runs.holding() as hold:
        async with db.write() as tx:
            return hold(await runs.create(tx, run, 30.0))


async def in_status(db: Database, status: RunStatus, **values: Any) -> Claimed:
    """A run that is held, in this status by force."""
    claimed = await created(db)
    async with db.write() as tx:
        await tx.execute(update(table).where(table.c.id == claimed.run.id).values(status=str(status), **values))
    return claimed


async def get(db: Database, run_id: str) -> Run:
    async with db.read() as tx:
        return await runs.get(tx, run_id)


async def waiting(db: Database) -> str:
    claimed = await created(db)
    async with db.write() as tx:
        await runs.save_proposal(
            tx, claimed.lease, SchemaVersion(version=1, schema=SCHEMA, origin="proposed"), {"v": 1}
        )
    return claimed.run.id


# Transitions


@pytest.mark.parametrize("target", [S.PARSING, S.PROPOSING, S.EXTRACTING])
@pytest.mark.parametrize("current", list(RunStatus))
async def test_a_stage_is_entered_only_from_a_state_that_it_may_follow(
    db: Database, current: RunStatus, target: RunStatus
) -> None:
    claimed = await in_status(db, current)
    before = await get(db, claimed.run.id)
    if may_become(current, target):
        async with db.write() as tx:
            await runs.enter(tx, claimed.lease, target)
        assert (await get(db, claimed.run.id)).status is target
    else:
        with pytest.raises(RunError, match=f"is {current}: it cannot become {target}"):
            async with db.write() as tx:
                await runs.enter(tx, claimed.lease, target)
        assert await get(db, claimed.run.id) == before


@pytest.mark.parametrize("current", [S.QUEUED, S.AWAITING_REVIEW, S.COMPLETED, S.REJECTED, S.CANCELLED])
async def test_results_are_stored_only_out_of_the_stage_that_makes_them(db: Database, current: RunStatus) -> None:
    claimed = await in_status(db, current)
    with pytest.raises(RunError, match="cannot become completed"):
        async with db.write() as tx:
            await runs.save_extraction(tx, claimed.lease, Extraction(status="complete", data={}))
    async with db.read() as tx:
        assert await runs.extraction(tx, claimed.run.id) is None


async def test_a_lost_lease_is_told_apart_from_a_state_that_may_not_follow(db: Database) -> None:
    claimed = await created(db)
    stranger = Lease(claimed.run.id, "somebody else", 30.0)
    with pytest.raises(LeaseLost):
        async with db.write() as tx:
            await runs.enter(tx, stranger, S.PROPOSING)
    with pytest.raises(LeaseLost):
        async with db.write() as tx:
            await runs.require_held(tx, stranger)
    async with db.write() as tx:
        await runs.require_held(tx, claimed.lease)


# Claims


@pytest.mark.parametrize("status", list(RunStatus))
async def test_a_run_that_nobody_holds_is_claimed_where_there_is_work(db: Database, status: RunStatus) -> None:
    claimed = await in_status(db, status, lease_token=None, lease_owner=None, lease_until=None)
    async with db.write() as tx:
        taken = await runs.claim(tx, claimed.run.id, 30.0)
    if status in WORKING or status is S.FAILED:
        assert taken is not None
        assert taken.run.status is S.PARSING, "nothing was saved to go on from"
        assert (await get(db, claimed.run.id)).status is S.PARSING
    else:
        assert taken is None
        assert (await get(db, claimed.run.id)).status is status


async def test_a_run_that_is_held_is_not_claimed(db: Database) -> None:
    claimed = await created(db)
    async with db.write() as tx:
        assert await runs.claim(tx, claimed.run.id, 30.0) is None
    runs.let_go(claimed.lease)
    async with db.write() as tx:
        assert await runs.claim(tx, claimed.run.id, 30.0) is not None


async def test_a_run_whose_taking_failed_is_not_held(db: Database) -> None:
    claimed = await created(db)
    runs.let_go(claimed.lease)
    taken: list[Claimed] = []

    async def cut_short() -> None:
        with runs.holding() as hold:
            async with db.write() as tx:
                again = hold(await runs.claim(tx, claimed.run.id, 30.0))
                assert again is not None
                taken.append(again)
            # As where a cancellation comes while the commit is under way.
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await cut_short()
    assert (await get(db, claimed.run.id)).interrupted
    async with db.write() as tx:
        assert await runs.claim(tx, claimed.run.id, 30.0) is not None


async def test_a_claim_takes_the_error_of_a_failed_run_away(db: Database) -> None:
    claimed = await created(db)
    async with db.write() as tx:
        await runs.save_failure(tx, claimed.lease, {"code": "x", "message": "m", "next_step": ""})
    assert (await get(db, claimed.run.id)).error is not None
    async with db.write() as tx:
        taken = await runs.claim(tx, claimed.run.id, 30.0)
    assert taken is not None
    assert taken.run.error is None
    assert (await get(db, claimed.run.id)).error is None


@pytest.mark.parametrize(("kind", "stage"), [("approve", S.EXTRACTING), ("revise", S.PROPOSING)])
async def test_a_decided_run_is_claimed_with_its_decision_and_its_state(
    db: Database, kind: Any, stage: RunStatus
) -> None:
    run_id = await waiting(db)
    decision = Decision(kind=kind, version=1, feedback="more")
    async with db.write() as tx:
        decided = await runs.decide(tx, run_id, decision, 30.0)
    assert decided is not None
    assert (decided.run.status, decided.state, decided.decision) == (stage, {"v": 1}, decision)
    runs.let_go(decided.lease)
    async with db.write() as tx:
        again = await runs.claim(tx, run_id, 30.0)
    assert again is not None
    assert (again.run.status, again.state, again.decision) == (stage, {"v": 1}, decision)


# Decisions


async def test_of_two_decisions_on_one_version_the_second_is_stale(db: Database) -> None:
    run_id = await waiting(db)
    async with db.write() as tx:
        await runs.decide(tx, run_id, Decision(kind="reject", version=1), 30.0)
    for kind in ("approve", "reject"):
        with pytest.raises(StaleDecision, match="answered already: reject"):
            async with db.write() as tx:
                await runs.decide(tx, run_id, Decision(kind=kind, version=1), 30.0)  # type: ignore[arg-type]  # a kind


@pytest.mark.parametrize("status", [S.QUEUED, S.PARSING, S.PROPOSING, S.EXTRACTING, S.COMPLETED, S.CANCELLED])
async def test_a_run_that_does_not_wait_takes_no_decision(db: Database, status: RunStatus) -> None:
    claimed = await in_status(db, status, version=1)
    with pytest.raises(NotAwaitingReview):
        async with db.write() as tx:
            await runs.decide(tx, claimed.run.id, Decision(kind="approve", version=1), 30.0)


async def test_the_same_decision_recorded_twice_is_one_and_another_is_refused(db: Database) -> None:
    decision = Decision(kind="approve", version=1)
    for _ in range(2):
        async with db.write() as tx:
            await runs.record_decision(tx, "run_1", decision)
    with pytest.raises(StaleDecision):
        async with db.write() as tx:
            await runs.record_decision(tx, "run_1", Decision(kind="approve", version=1))
    async with db.write() as tx:
        await runs.record_decision(tx, "run_1", Decision(kind="approve", version=2))
        await runs.record_decision(tx, "run_2", Decision(kind="approve", version=1))


async def test_an_error_inside_a_transaction_leaves_nothing_of_it(db: Database) -> None:
    run_id = await waiting(db)
    before = await get(db, run_id)

    async def fail_halfway() -> None:
        async with db.write() as tx:
            await runs.decide(tx, run_id, Decision(kind="approve", version=1), 30.0)
            await journal.append(tx, run_id, "run.cancelled", {})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_halfway()
    assert await get(db, run_id) == before
    async with db.read() as tx:
        assert await journal.read(tx, run_id) == []


# Journal, documents, agents


async def test_events_are_numbered_within_their_run_and_read_from_a_number_on(db: Database) -> None:
    async with db.write() as tx:
        for _ in range(3):
            await journal.append(tx, "run_1", "run.claimed", {"stage": "parsing"})
        await journal.append(tx, "run_2", "run.cancelled", {})
    async with db.read() as tx:
        assert [event.seq for event in await journal.read(tx, "run_1")] == [1, 2, 3]
        assert [event.seq for event in await journal.read(tx, "run_1", after=2)] == [3]
        assert [event.seq for event in await journal.read(tx, "run_2")] == [1]


async def test_a_document_is_kept_once_for_each_parser(db: Database) -> None:
    def read_by(parser: str) -> Document:
        pages = (Page(number=1, markdown=f"by {parser}"),)
        return Document(id="0" * 64, media_type="text/plain", parser=parser, pages=pages)

    async with db.write() as tx:
        for parser in ("one/1", "one/1", "two/1"):
            document = read_by(parser)
            await documents.put(tx, document, documents.pack(document))
    async with db.read() as tx:
        for parser in ("one/1", "two/1"):
            body = await documents.find(tx, "0" * 64, parser)
            assert body is not None
            assert documents.unpack(body) == read_by(parser)
        assert await documents.find(tx, "0" * 64, "three/1") is None
        assert await documents.find(tx, "1" * 64) is None
        body = await documents.find(tx, "0" * 64)
        assert body is not None
        assert documents.unpack(body).parser in ("one/1", "two/1")


@pytest.mark.parametrize(
    "change",
    [
        {"json_schema": {**SCHEMA, "title": "T"}},
        {"json_schema": {"properties": SCHEMA["properties"], "type": "object"}},
        {"prompt": "another"},
        {"settings": {"parser": "x"}},
    ],
    ids=["schema", "key order", "prompt", "settings"],
)
async def test_agents_are_the_same_only_where_schema_prompt_and_settings_are(
    db: Database, change: dict[str, Any]
) -> None:
    agent = Agent(name="one", schema=SCHEMA, prompt="p")
    twin = Agent(name="two", schema=SCHEMA, prompt="p", run_id="run_2")
    other = Agent(name="three", schema=SCHEMA, prompt="p").model_copy(update=change)
    async with db.write() as tx:
        kept = [await agents.put(tx, each) for each in (agent, twin, other)]
    assert [each.id for each in kept] == [agent.id, agent.id, other.id]


async def test_the_tables_are_those_of_the_migrations(db: Database, tmp_path: Path) -> None:
    assert await db.version() == 0
    assert await db.upgrade() == await db.version() > 0
    assert await db.upgrade() == await db.version(), "a second time changes nothing"
    assert await db.check() == []
