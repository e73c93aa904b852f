"""What travels between the workflow's steps, and what is saved while a person thinks: events, state, their names.

The notebook's names, with more fields, all of them optional. Events and state carry ids, versions and schemas, never
document text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, Field
from workflows import Context
from workflows.context.serializers import JsonSerializer
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent

from fieldwise.errors import InputError
from fieldwise.model import JsonSchema, Origin

if TYPE_CHECKING:
    from workflows import Workflow

WORKFLOW_NAME: Literal["fieldwise.iterative_extraction"] = "fieldwise.iterative_extraction"
STATE_VERSION: Literal[1] = 1


class InputEvent(StartEvent):
    """Start with a file and what the person wants from it.

    `given_schema` becomes version 1 in place of a proposal; `approved` says that it needs no review. A run that is
    taken up again names the `document_id` that its file was read to: it goes on from there, though the file be gone.
    """

    file_path: str
    prompt: str
    run_id: str | None = None
    document_id: str | None = None
    given_schema: JsonSchema | None = None
    approved: bool = False


class ParsedContent(Event):
    """The document is in the store, under its id; a schema is to be proposed (again)."""

    document_id: str
    prompt: str = ""


class ProposedSchema(InputRequiredEvent):
    """A schema for the person to judge. Answer with `ApprovedSchema`."""

    generated_schema: JsonSchema
    version: int = 1
    origin: Origin = "proposed"
    notes: list[str] = Field(default_factory=list)


class ApprovedSchema(HumanResponseEvent):
    """The answer: approved, or what to change in plain words, or a whole edited schema.

    `version` is the version that it answers; None means the one that waits.
    """

    approved: bool
    feedback: str = ""
    version: int | None = None
    edited_schema: JsonSchema | None = None
    decision_id: str | None = None


class RunExtraction(Event):
    """Extract with this schema: it was approved as `version`."""

    generated_schema: JsonSchema
    document_id: str
    version: int


class ExtractedData(StopEvent):
    """The data, the agent that keeps schema and settings, and the evidence (JSON as in the public contract)."""

    data: dict[str, Any]
    agent_id: str
    status: str = "unverified"
    citations: dict[str, Any] = Field(default_factory=dict)
    confidence: dict[str, float] = Field(default_factory=dict)
    issues: list[dict[str, str]] = Field(default_factory=list)
    usage: dict[str, Any] = Field(default_factory=dict)


class ProgressEvent(Event):
    """What is going on. `done` of `total` `unit`s, where that is known."""

    msg: str
    stage: str = ""
    done: int | None = None
    total: int | None = None
    unit: str = ""


class WorkflowState(BaseModel):
    """All that a run knows between its steps. This is what is saved while a person thinks.

    `awaiting` is the version that waits for an answer, 0 where none does; `approved` the version that was approved.
    """

    workflow: Literal["fieldwise.iterative_extraction"] = WORKFLOW_NAME
    v: Literal[1] = STATE_VERSION
    run_id: str = ""
    file_path: str = ""
    original_prompt: str = ""
    document_id: str = ""
    parser: str = ""
    version: int = 0
    awaiting: int = 0
    approved: int = 0
    current_schema: JsonSchema | None = None
    pending_schema: JsonSchema | None = Field(default=None, description="given or edited by hand, not proposed yet")
    pending_origin: Origin = "proposed"
    preapproved: bool = False
    current_feedback: str | None = None
    feedback_so_far: list[str] = Field(default_factory=list)


# Its place in the public contract, whichever file it stands in: the engine writes it into saved contexts.
WorkflowState.__module__ = "fieldwise.workflow"

SAVED_NAMES: dict[str, type[BaseModel]] = {
    "fieldwise.InputEvent": InputEvent,
    "fieldwise.ParsedContent": ParsedContent,
    "fieldwise.ProposedSchema": ProposedSchema,
    "fieldwise.ApprovedSchema": ApprovedSchema,
    "fieldwise.RunExtraction": RunExtraction,
    "fieldwise.ExtractedData": ExtractedData,
    "fieldwise.ProgressEvent": ProgressEvent,
    "fieldwise.WorkflowState": WorkflowState,
}
"""What a saved context calls our types: contexts saved long ago hold these names, so none is ever changed."""

# Python's names for them, in contexts that were saved before those had names of their own.
_FORMER_NAMES = {f"fieldwise.workflow_state.{name.removeprefix('fieldwise.')}": name for name in SAVED_NAMES}


_STATE_PLACES = {(module, "WorkflowState") for module in ("fieldwise.workflow", "fieldwise.workflow_state")}


class NamingSerializer(JsonSerializer):
    """Saves our types under names of ours, where the engine's serializer writes the file and class that they are in.

    Loads both, and no type besides those and what a workflow declares itself.
    """

    def __init__(self, *more: type[Any]) -> None:
        super().__init__(allowed_types=(*SAVED_NAMES.values(), *more))
        self._more = more
        self._names = {kind: name for name, kind in SAVED_NAMES.items()}

    def with_types(self, *classes: type[Any]) -> NamingSerializer:
        return NamingSerializer(*dict.fromkeys((*self._more, *classes)))

    def serialize_value(self, value: Any) -> Any:
        written = super().serialize_value(value)
        name = self._names.get(type(value))
        return written if name is None else {**written, "qualified_name": name}

    def resolve_class(self, qualified_name: str) -> type[Any]:
        name = _FORMER_NAMES.get(qualified_name, qualified_name)
        return SAVED_NAMES.get(name) or super().resolve_class(name)


SERIALIZER = NamingSerializer()


def restored(workflow: Workflow, state: WorkflowState) -> Context[WorkflowState]:
    """Build a context that waits for an answer, from the state alone.

    Only the state is persisted, under names of ours: the engine's own snapshot holds Python's qualified names and the
    engine's internals, and at a pause it holds nothing else that matters.
    """
    snapshot = Context(workflow).to_dict()
    snapshot["is_running"] = True
    snapshot["state"] = {
        "store_type": "in_memory",
        "state_type": WorkflowState.__name__,
        "state_module": WorkflowState.__module__,
        "state_data": SERIALIZER.serialize(state),
    }
    return Context.from_dict(workflow, snapshot)


def require_ours(ctx: Context[Any]) -> None:
    """Raise InputError where a context was saved by another workflow: the engine would take it, and hang."""
    state = ctx.to_dict().get("state") or {}
    if state and (state.get("state_module"), state.get("state_type")) not in _STATE_PLACES:
        raise InputError(
            "The saved context belongs to another workflow.",
            next_step="Restore it with the workflow that saved it, or start a new run.",
        )
