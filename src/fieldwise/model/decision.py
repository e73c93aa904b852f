"""Decision: what a person answers to one proposed version."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field, model_validator

from .base import Frozen, JsonSchema, new_id, now

DecisionKind = Literal["approve", "revise", "edit", "reject"]


class Decision(Frozen):
    """`approve`, `revise` (with feedback), `edit` (with a whole new schema) or `reject`, of the version it names."""

    id: str = Field(default_factory=lambda: new_id("dec"))
    kind: DecisionKind
    version: int = Field(ge=1)
    feedback: str = ""
    json_schema: JsonSchema | None = Field(default=None, alias="schema")
    created_at: datetime = Field(default_factory=now)

    @model_validator(mode="after")
    def _carries_what_it_needs(self) -> Decision:
        if self.kind == "revise" and not self.feedback.strip():
            raise ValueError("a revision needs words: say what to change")
        if (self.kind == "edit") != (self.json_schema is not None):
            raise ValueError("an edit, and only an edit, carries a schema")
        return self
