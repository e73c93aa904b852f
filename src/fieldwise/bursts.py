"""Bursts: claim a run, work on it to its next pause, save, release.

Between bursts a run is rows in the store: no process, no task, no memory. A burst holds a lease that it renews; when
its process dies, any other may claim the run and do the burst again from where the last one ended. Everything a burst
makes is written in one transaction that names the lease, so work done twice has its effects once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

from fieldwise.desk import StoreDesk
from fieldwise.errors import FieldwiseError, LeaseLost
from fieldwise.model import (
    Agent,
    Decision,
    Document,
    Extraction,
    FieldEvidence,
    OnProgress,
    Progress,
    Run,
    RunStatus,
    SchemaVersion,
    ignore_progress,
)
from fieldwise.model.progress import Stage
from fieldwise.propose import Attempt
from fieldwise.registry import Toolkit
from fieldwise.store import Claimed, Database, Lease, agents, documents, journal, owner, runs
from fieldwise.workflow import (
    ApprovedSchema,
    InputEvent,
    IterativeExtractionWorkflow,
    ProgressEvent,
    ProposedSchema,
    WorkflowState,
    resources,
)
from fieldwise.workflow_state import restored

log = logging.getLogger("fieldwise.bursts")


class BurstDesk(StoreDesk):
    """A desk that writes under a lease: what must appear together is held back until the burst's last transaction."""

    def __init__(self, shelf: StoreDesk, claimed: Claimed) -> None:
        super().__init__(shelf.database)
        # Documents stay in the client's memory from one burst to the next.
        self._documents = shelf._documents
        self.lease = claimed.lease
        self.stage = claimed.run.status
        self.proposal: SchemaVersion | None = None

    async def enter(self, run_id: str, stage: RunStatus) -> None:
        if stage is self.stage:
            return
        self.stage = stage
        async with self.database.write() as tx:
            await runs.enter(tx, self.lease, stage)

    async def keep_document(self, run_id: str, document: Document, *, cached: bool) -> None:
        body = None if cached else await asyncio.to_thread(documents.pack, document)
        async with self.database.write() as tx:
            if body is not None:
                await documents.put(tx, document, body)
            # With its document kept, the next thing for a run is a proposal: one write less on every start.
            self.stage = RunStatus.PROPOSING
            await runs.enter(tx, self.lease, self.stage, document_id=document.id)
            facts = {
                "document_id": document.id,
                "parser": document.parser,
                "pages": len(document.pages),
                "words": document.word_count,
                "cached": cached,
                "issues": [issue.model_dump() for issue in document.issues],
            }
            await journal.append(tx, run_id, "document.parsed", facts)
        self._remember(document)

    async def attempted(self, run_id: str, attempt: Attempt) -> None:
        async with self.database.write() as tx:
            # The journal of a run that was deleted meanwhile must stay empty.
            await runs.require_held(tx, self.lease)
            await journal.append(tx, run_id, "proposal.attempted", attempt.model_dump(mode="json"))

    async def evidence(self, run_id: str) -> tuple[FieldEvidence, ...]:
        async with self.database.read() as tx:
            versions = await runs.schemas(tx, run_id)
        return versions[-1].evidence if versions else ()

    async def propose(self, run_id: str, proposal: SchemaVersion) -> None:
        self.proposal = proposal

    async def take_decision(self, run_id: str, decision: Decision) -> None:
        # It was taken by whoever moved the run on (`runs.decide`): this burst is its consequence.
        return None

    async def finish(self, run_id: str, extraction: Extraction, agent: Agent) -> Extraction:
        async with self.database.write() as tx:
            kept = await agents.put(tx, agent)
            extraction = extraction.model_copy(update={"agent_id": kept.id})
            if self.proposal is not None:
                await runs.save_version(tx, self.lease, self.proposal)
                await journal.append(tx, run_id, "schema.proposed", _proposed(self.proposal))
            await runs.save_extraction(tx, self.lease, extraction)
            facts = {"status": extraction.status, "agent_id": kept.id, "issues": len(extraction.issues)}
            await journal.append(tx, run_id, "extraction.completed", facts)
        return extraction


async def claim(toolkit: Toolkit, run_id: str) -> Claimed | None:
    """Take a run whose process died, gave it back or failed; None where there is nothing to take."""
    with runs.holding() as hold:
        async with toolkit.database.write() as tx:
            claimed = hold(await runs.claim(tx, run_id, toolkit.settings.lease_seconds))
            if claimed is not None:
                facts = {"owner": owner.this_process(), "stage": str(claimed.run.status)}
                await journal.append(tx, run_id, "run.claimed", facts)
    return claimed


async def work(toolkit: Toolkit, shelf: StoreDesk, claimed: Claimed, on_progress: OnProgress = ignore_progress) -> None:
    """Work on a claimed run to its next pause or its end.

    Raises what the work raised, after the run was marked failed; on cancellation the run is handed back as it was.
    """
    desk = BurstDesk(shelf, claimed)
    try:
        async with _lease_renewed(toolkit.database, claimed.lease):
            await _advance(toolkit, desk, claimed, on_progress)
    except LeaseLost:
        raise
    except asyncio.CancelledError:
        await asyncio.shield(_hand_back(toolkit.database, claimed))
        raise
    except Exception as error:
        await _save_failure(toolkit.database, claimed, error)
        raise
    finally:
        runs.let_go(claimed.lease)


async def _advance(toolkit: Toolkit, desk: BurstDesk, claimed: Claimed, on_progress: OnProgress) -> None:
    workflow = IterativeExtractionWorkflow(resource_manager=resources(toolkit, desk))
    if claimed.state is None:
        handler = workflow.run(start_event=_start_event(claimed.run))
    else:
        handler = workflow.run(ctx=restored(workflow, WorkflowState.model_validate(claimed.state)))
        handler.ctx.send_event(_answer(claimed.decision))
    try:
        async for event in handler.stream_events():
            if isinstance(event, ProgressEvent):
                on_progress(_progress(event))
            elif isinstance(event, ProposedSchema):
                state = await handler.ctx.store.get_state()
                await _save_proposal(desk, cast("WorkflowState", state))
                return
        await handler
    finally:
        if not handler.is_done():
            # Never await the handler after this: it raises for a run that was cancelled.
            await handler.cancel_run()


async def _save_proposal(desk: BurstDesk, state: WorkflowState) -> None:
    proposal = desk.proposal
    if proposal is None:
        # The workflow returned the same proposal because the answer was unusable; decisions are checked before.
        raise FieldwiseError("The decision could not be applied.", run_id=desk.lease.run_id)
    async with desk.database.write() as tx:
        await runs.save_proposal(tx, desk.lease, proposal, state.model_dump(mode="json"))
        await journal.append(tx, desk.lease.run_id, "schema.proposed", _proposed(proposal))


def _proposed(proposal: SchemaVersion) -> dict[str, Any]:
    return {"version": proposal.version, "origin": proposal.origin}


def _start_event(run: Run) -> InputEvent:
    return InputEvent(
        file_path=run.file_path,
        prompt=run.prompt,
        run_id=run.id,
        document_id=run.document_id,
        given_schema=run.settings.get("given_schema"),
        approved=bool(run.settings.get("approved")),
    )


def _answer(decision: Decision | None) -> ApprovedSchema:
    if decision is None:
        raise FieldwiseError("The run has no decision to go on from.", next_step="Try `fieldwise store check`.")
    return ApprovedSchema(
        approved=decision.kind == "approve",
        feedback=decision.feedback,
        version=decision.version,
        edited_schema=decision.json_schema,
        decision_id=decision.id,
    )


def _progress(event: ProgressEvent) -> Progress:
    return Progress(
        stage=cast("Stage", event.stage), message=event.msg, done=event.done, total=event.total, unit=event.unit
    )


@contextlib.asynccontextmanager
async def _lease_renewed(database: Database, lease: Lease) -> AsyncIterator[None]:
    """Renew the lease while the body runs; end the body with LeaseLost when it is lost."""
    body = asyncio.current_task()
    lost: list[LeaseLost] = []

    async def renew() -> None:
        while True:
            await asyncio.sleep(lease.seconds / 3)
            try:
                async with database.write() as tx:
                    await runs.renew(tx, lease)
            except LeaseLost as error:
                lost.append(error)
                if body is not None:
                    body.cancel()
                return
            except FieldwiseError as error:
                # A store that is locked or full for a moment: the lease has two thirds of its time left.
                log.warning("the lease of run %s was not renewed: %s", lease.run_id, error)

    renewing = asyncio.create_task(renew())
    try:
        yield
    except asyncio.CancelledError:
        if lost and body is not None:
            body.uncancel()
            raise lost[0] from None
        raise
    finally:
        renewing.cancel()


async def _hand_back(database: Database, claimed: Claimed) -> None:
    await _quietly(
        database,
        claimed,
        lambda tx: runs.release(tx, claimed.lease),
        lambda tx: journal.append(tx, claimed.run.id, "run.released", {"stage": str(claimed.run.status)}),
    )


async def _save_failure(database: Database, claimed: Claimed, error: Exception) -> None:
    if isinstance(error, FieldwiseError):
        facts = {"code": error.code, "message": error.message, "next_step": error.next_step}
        error.fields.setdefault("run_id", claimed.run.id)
    else:
        log.error("run %s failed on an error of ours", claimed.run.id, exc_info=error)
        error.add_note(f"The run is kept: fieldwise review {claimed.run.id}")
        facts = {"code": "internal", "message": f"{type(error).__name__}: {error}", "next_step": ""}
    await _quietly(
        database,
        claimed,
        lambda tx: runs.save_failure(tx, claimed.lease, facts),
        lambda tx: journal.append(tx, claimed.run.id, "run.failed", {"error": facts}),
    )


async def _quietly(database: Database, claimed: Claimed, *changes: Callable[[Any], Any]) -> None:
    """Write what can be written: where the store itself fails, the lease's end frees the run, and nothing is lost."""
    try:
        async with database.write() as tx:
            for change in changes:
                await change(tx)
    except LeaseLost:
        # Its last write had given the run back already, or somebody else has it.
        return
    except FieldwiseError as error:
        log.warning("run %s could not be handed back: %s", claimed.run.id, error)
