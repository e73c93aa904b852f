"""READ FIRST: the four stages as a llama-index workflow.

    InputEvent ─parse_file→ ParsedContent ─propose_schema→ ProposedSchema   (the person looks at it)
                                 ▲                              │
                                 └─ handle_schema_approval ←─ ApprovedSchema
                                             │
                                             └→ RunExtraction ─run_extraction→ ExtractedData

Events and state carry ids, versions and schemas, never document text: a saved context stays small whatever the
document's size. What the stages make goes to the desk (`fieldwise.desk`), what they work with are resources.

Two ways to run it: keep the handler and send `ApprovedSchema` when the person answers; or save `ctx.to_dict()` at
`ProposedSchema`, and go on from `Context.from_dict` days later. `fieldwise.client` runs the second way for you, with
the state in a store (`fieldwise.bursts`).
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any, ClassVar

from workflows import Context, Workflow, step
from workflows.events import StartEvent
from workflows.handler import WorkflowHandler
from workflows.resource import Resource, ResourceManager
from workflows.retry_policy import retry_if_exception, retry_policy, stop_after_attempt, wait_exponential_jitter

from fieldwise.answers import check_request, decision_of, why_ignored
from fieldwise.desk import Desk, StoreDesk, content_id
from fieldwise.errors import EmptyDocument, InputError, ModelOverloaded, ReviewError
from fieldwise.extract.extractor import Extractor
from fieldwise.llm import Model, PatientModel
from fieldwise.model import (
    Agent,
    Document,
    JsonSchema,
    OnProgress,
    Origin,
    Progress,
    RunStatus,
    SchemaVersion,
    made_up_name,
    new_id,
    walk_fields,
)
from fieldwise.parse.parser import Parser
from fieldwise.propose import Attempt, Draft, draft, require_valid, revise
from fieldwise.registry import Toolkit
from fieldwise.settings import Settings
from fieldwise.workflow_state import (
    SERIALIZER,
    WORKFLOW_NAME,
    ApprovedSchema,
    ExtractedData,
    InputEvent,
    ParsedContent,
    ProgressEvent,
    ProposedSchema,
    RunExtraction,
    WorkflowState,
    require_ours,
)

__all__ = [
    "ApprovedSchema",
    "ExtractedData",
    "InputEvent",
    "IterativeExtractionWorkflow",
    "ParsedContent",
    "ProgressEvent",
    "ProposedSchema",
    "RunExtraction",
    "WorkflowState",
]


def _not_waited_for(error: BaseException) -> bool:
    return isinstance(error, ModelOverloaded) and "waited_seconds" not in error.fields


# What a busy backend asks for is patience, not another prompt; errors of ours and wrong keys are not tried again. Each
# call to a model is waited for by itself (`PatientModel`): this is for extractors that ask models of their own.
_PATIENCE = retry_policy(
    retry=retry_if_exception(_not_waited_for),
    stop=stop_after_attempt(4),
    wait=wait_exponential_jitter(initial=1.0, max=30.0),
)


_shared: Toolkit | None = None


def shared_toolkit() -> Toolkit:
    """The backends of every workflow that was given none: one model in memory, however many workflows are made."""
    global _shared
    if _shared is None:
        _shared = Toolkit()
    return _shared


def get_parser() -> Parser:
    return shared_toolkit().parser


def get_model() -> Model:
    return shared_toolkit().model


def get_extractor() -> Extractor:
    return shared_toolkit().extractor


def get_desk() -> Desk:
    return StoreDesk(shared_toolkit().database)


def get_settings() -> Settings:
    return shared_toolkit().settings


def resources(toolkit: Toolkit, desk: Desk | None = None) -> ResourceManager:
    """Return the resources of one workflow, made from a toolkit rather than from the default settings."""
    manager = ResourceManager()
    manager.resources.update(
        {
            get_parser.__qualname__: toolkit.parser,
            get_model.__qualname__: toolkit.model,
            get_extractor.__qualname__: toolkit.extractor,
            get_desk.__qualname__: desk or StoreDesk(toolkit.database),
            get_settings.__qualname__: toolkit.settings,
        }
    )
    return manager


class IterativeExtractionWorkflow(Workflow):
    """Parse, propose, review (as often as it takes), extract. Waits without a time limit: people take days."""

    # The engine keeps only weak references to its runs: one that waits, and whose handler was dropped, would be
    # collected as garbage, and the person's answer lost.
    _kept_alive: ClassVar[set[asyncio.Task[None]]] = set()

    def __init__(self, timeout: float | None = None, **options: Any) -> None:
        options.setdefault("serializer", SERIALIZER)
        options.setdefault("workflow_name", WORKFLOW_NAME)
        super().__init__(timeout=timeout, **options)

    def run(
        self, ctx: Context[Any] | None = None, start_event: StartEvent | None = None, **kwargs: Any
    ) -> WorkflowHandler:
        """Start, or go on from a restored context. Raises InputError for a context of another workflow."""
        if ctx is not None:
            require_ours(ctx)
        handler = super().run(ctx=ctx, start_event=start_event, **kwargs)
        keeper = asyncio.ensure_future(_until_done(handler))
        self._kept_alive.add(keeper)
        keeper.add_done_callback(self._kept_alive.discard)
        return handler

    @step
    async def parse_file(
        self,
        ev: InputEvent,
        ctx: Context[WorkflowState],
        parser: Annotated[Parser, Resource(get_parser)],
        desk: Annotated[Desk, Resource(get_desk)],
        settings: Annotated[Settings, Resource(get_settings)],
    ) -> ParsedContent:
        """Read the file, unless the store holds what this parser read from the same bytes before."""
        check_request(ev.prompt, settings, schema_given=ev.given_schema is not None)
        run_id = ev.run_id or new_id("run")
        await desk.enter(run_id, RunStatus.PARSING)
        tell = _teller(ctx)
        path = await asyncio.to_thread(_expanded, ev.file_path)
        tell(Progress(stage="parse", message=f"Reading {path.name}"))
        document = await desk.find_document(ev.document_id, parser.name) if ev.document_id else None
        if document is None:
            digest = await asyncio.to_thread(content_id, path)
            document = await desk.find_document(digest, parser.name) if digest else None
        cached = document is not None
        if document is None:
            document = await parser.parse(path, tell)
            if not any(page.markdown.strip() for page in document.pages):
                # Parsers say so themselves; from one that does not, a schema would be proposed out of nothing.
                raise EmptyDocument(f"{path.name} holds no text.", next_step="Give it as text, or run OCR on it first.")
        await desk.keep_document(run_id, document, cached=cached)
        pages = len(document.pages)
        tell(
            Progress(
                stage="parse",
                message=f"Read {pages} page{'s' if pages != 1 else ''}{' before' if cached else ''}",
                done=pages,
                total=pages,
                unit="pages",
            )
        )
        async with ctx.store.edit_state() as state:
            state.run_id = run_id
            state.file_path = str(path)
            state.original_prompt = ev.prompt
            state.document_id = document.id
            state.parser = document.parser
            if ev.given_schema is not None:
                state.pending_schema, state.pending_origin = ev.given_schema, "given"
                state.preapproved = ev.approved
        return ParsedContent(document_id=document.id, prompt=ev.prompt)

    @step
    async def propose_schema(
        self,
        ev: ParsedContent,
        ctx: Context[WorkflowState],
        model: Annotated[Model, Resource(get_model)],
        desk: Annotated[Desk, Resource(get_desk)],
        settings: Annotated[Settings, Resource(get_settings)],
    ) -> ProposedSchema | RunExtraction:
        """Make the next version: the one given or edited by hand, else a revision, else a first draft."""
        state = await ctx.store.get_state()
        await desk.enter(state.run_id, RunStatus.PROPOSING)
        document = await desk.document(state.document_id, state.parser)
        tell = _teller(ctx)
        if state.pending_schema is not None:
            require_valid(state.pending_schema)
            kept = {field.path for field in walk_fields(state.pending_schema)}
            evidence = tuple(e for e in await desk.evidence(state.run_id) if e.path in kept)
            proposal = _next_version(state, state.pending_schema, state.pending_origin, evidence=evidence)
        else:
            proposal = await self._proposal(state, document, PatientModel(model), desk, settings, tell)
        async with ctx.store.edit_state() as state:
            state.version = proposal.version
            state.current_schema = proposal.json_schema
            state.pending_schema = None
            state.awaiting = 0 if state.preapproved else proposal.version
            state.approved = proposal.version if state.preapproved else 0
            run_id, approved = state.run_id, state.preapproved
        await desk.propose(run_id, proposal)
        if approved:
            return RunExtraction(
                generated_schema=proposal.json_schema, document_id=document.id, version=proposal.version
            )
        return ProposedSchema(
            generated_schema=proposal.json_schema,
            version=proposal.version,
            origin=proposal.origin,
            notes=list(proposal.notes),
        )

    async def _proposal(
        self,
        state: WorkflowState,
        document: Document,
        model: Model,
        desk: Desk,
        settings: Settings,
        tell: OnProgress,
    ) -> SchemaVersion:
        async def on_attempt(attempt: Attempt) -> None:
            await desk.attempted(state.run_id, attempt)
            if attempt.error:
                tell(Progress(stage="propose", message=f"Attempt {attempt.number} was not usable: {attempt.error}"))

        common: dict[str, Any] = {
            "attempts": settings.proposal_attempts,
            "max_output_tokens": settings.max_output_tokens,
            "on_progress": tell,
            "on_attempt": on_attempt,
        }
        feedback = state.current_feedback
        if state.current_schema is None or not feedback:
            tell(Progress(stage="propose", message="Proposing a schema"))
            drafted = await draft(
                document, state.original_prompt, model, document_tokens=settings.document_tokens, **common
            )
            return _drafted_version(state, drafted, "proposed", None)
        tell(Progress(stage="propose", message="Revising the schema"))
        current = SchemaVersion(
            version=max(1, state.version),
            schema=state.current_schema,
            origin="proposed",
            evidence=await desk.evidence(state.run_id),
        )
        drafted = await revise(
            current,
            feedback,
            model,
            prompt=state.original_prompt,
            earlier=tuple(state.feedback_so_far[:-1]),
            document=document,
            **common,
        )
        return _drafted_version(state, drafted, "revised", feedback)

    # One at a time: of two answers to the same version the first counts.
    @step(num_workers=1)
    async def handle_schema_approval(
        self,
        ev: ApprovedSchema,
        ctx: Context[WorkflowState],
        desk: Annotated[Desk, Resource(get_desk)],
        settings: Annotated[Settings, Resource(get_settings)],
    ) -> ParsedContent | RunExtraction | ProposedSchema | None:
        """Let the answer through to the version it is about; ignore, aloud, an early, late or second one.

        An answer that cannot be used (no words, an invalid schema) brings the same proposal back, saying why.
        """
        state = await ctx.store.get_state()
        version = ev.version or state.awaiting
        if not state.awaiting or version != state.awaiting:
            _teller(ctx)(Progress(stage="propose", message=why_ignored(ev.version, state.awaiting)))
            return None
        try:
            decision = decision_of(ev, version, settings)
        except InputError as error:
            return ProposedSchema(generated_schema=state.current_schema or {}, version=version, notes=[str(error)])
        await desk.take_decision(state.run_id, decision)
        async with ctx.store.edit_state() as state:
            state.awaiting = 0
            state.current_feedback = decision.feedback or None
            if decision.kind == "approve":
                state.approved = version
            elif decision.kind == "edit":
                state.pending_schema, state.pending_origin = decision.json_schema, "edited"
            else:
                state.feedback_so_far = [*state.feedback_so_far, decision.feedback]
            schema, document_id, prompt = state.current_schema, state.document_id, state.original_prompt
        if decision.kind == "approve" and schema is not None:
            return RunExtraction(generated_schema=schema, document_id=document_id, version=version)
        return ParsedContent(document_id=document_id, prompt=prompt)

    @step(retry_policy=_PATIENCE)
    async def run_extraction(
        self,
        ev: RunExtraction,
        ctx: Context[WorkflowState],
        extractor: Annotated[Extractor, Resource(get_extractor)],
        desk: Annotated[Desk, Resource(get_desk)],
    ) -> ExtractedData:
        """Extract with the approved schema. An event that did not come through the review is refused here."""
        state = await ctx.store.get_state()
        if not state.approved or ev.version != state.approved or ev.generated_schema != state.current_schema:
            raise ReviewError(
                f"Version {ev.version} was not approved: nothing is extracted.",
                next_step="Approve the proposal first.",
                run_id=state.run_id,
            )
        await desk.enter(state.run_id, RunStatus.EXTRACTING)
        document = await desk.document(state.document_id, state.parser)
        tell = _teller(ctx)
        tell(Progress(stage="extract", message="Extracting"))
        extraction = await extractor.extract(document, ev.generated_schema, state.original_prompt, tell)
        extraction = extraction.model_copy(
            update={"run_id": state.run_id, "document_id": document.id, "schema_version": ev.version}
        )
        agent = Agent(
            name=made_up_name(ev.generated_schema, document.name, state.run_id),
            schema=ev.generated_schema,
            prompt=state.original_prompt,
            settings={"parser": document.parser, "extractor": extractor.name},
            run_id=state.run_id,
        )
        extraction = await desk.finish(state.run_id, extraction, agent)
        body = extraction.model_dump(mode="json")
        return ExtractedData(
            **{
                name: body[name]
                for name in ("data", "agent_id", "status", "citations", "confidence", "issues", "usage")
            }
        )


def _drafted_version(state: WorkflowState, drafted: Draft, origin: Origin, feedback: str | None) -> SchemaVersion:
    return _next_version(
        state,
        drafted.json_schema,
        origin,
        feedback=feedback,
        evidence=drafted.evidence,
        notes=drafted.notes,
        usage=drafted.usage,
    )


def _next_version(state: WorkflowState, schema: JsonSchema, origin: Origin, **more: Any) -> SchemaVersion:
    return SchemaVersion(version=state.version + 1, schema=schema, origin=origin, parent=state.version or None, **more)


def _teller(ctx: Context[Any]) -> OnProgress:
    def tell(progress: Progress) -> None:
        ctx.write_event_to_stream(
            ProgressEvent(
                msg=progress.message,
                stage=progress.stage,
                done=progress.done,
                total=progress.total,
                unit=progress.unit,
            )
        )

    return tell


def _expanded(path: str) -> Path:
    return Path(path).expanduser().absolute()


async def _until_done(handler: WorkflowHandler) -> None:
    # Whoever holds the handler sees its errors; here they would be reported twice.
    try:
        await handler.stop_event_result()
    except (Exception, asyncio.CancelledError):
        return
