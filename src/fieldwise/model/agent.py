"""Agent: an approved schema with its settings, saved under a name, reusable on other documents."""

from __future__ import annotations

from datetime import datetime
from pathlib import PurePath
from typing import Any

from pydantic import Field

from .base import Frozen, JsonSchema, new_id, now

_TAIL = 6


class Agent(Frozen):
    """`version` counts the schemas saved under this agent, from 1. `run_id` is the run in which it was agreed.

    `named` says that a person chose the name; until then it is `made_up_name`'s.
    """

    id: str = Field(default_factory=lambda: new_id("agt"))
    name: str = Field(min_length=1, max_length=200)
    version: int = Field(default=1, ge=1)
    json_schema: JsonSchema = Field(alias="schema")
    prompt: str = ""
    settings: dict[str, Any] = Field(default_factory=dict)
    run_id: str | None = None
    named: bool = False
    created_at: datetime = Field(default_factory=now)

    @property
    def schema(self) -> JsonSchema:  # type: ignore[override]  # pydantic's deprecated classmethod of that name
        return self.json_schema

    @property
    def has_made_up_name(self) -> bool:
        # The name is looked at too: agents that were renamed before `named` was recorded must not count as unnamed.
        return not self.named and self.name.endswith(f"-{(self.run_id or self.id)[-_TAIL:]}")

    def without_run(self) -> Agent:
        """Return the agent without what its run left in it: the run's id, and the file's name in a made-up name."""
        name = made_up_name(self.json_schema, "", self.id) if self.has_made_up_name else self.name
        return self.model_copy(update={"run_id": None, "name": name})


def made_up_name(schema: JsonSchema, file_name: str, source_id: str) -> str:
    """Name an agent nobody has named: by its schema's title or its file, and the end of the id of where it is from."""
    title = schema.get("title")
    stem = title if isinstance(title, str) and title.strip() else PurePath(file_name).stem or "agent"
    return f"{stem.strip()[:80]}-{source_id[-_TAIL:]}"
