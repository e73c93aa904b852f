"""Agent: an approved schema with its settings, saved under a name, reusable on other documents."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from .base import Frozen, JsonSchema, new_id, now


class Agent(Frozen):
    """`version` counts the schemas saved under this agent, from 1. `run_id` is the run in which it was agreed."""

    id: str = Field(default_factory=lambda: new_id("agt"))
    name: str = Field(min_length=1, max_length=200)
    version: int = Field(default=1, ge=1)
    json_schema: JsonSchema = Field(alias="schema")
    prompt: str = ""
    settings: dict[str, Any] = Field(default_factory=dict)
    run_id: str | None = None
    created_at: datetime = Field(default_factory=now)

    @property
    def schema(self) -> JsonSchema:  # type: ignore[override]  # pydantic's deprecated classmethod of that name
        return self.json_schema
