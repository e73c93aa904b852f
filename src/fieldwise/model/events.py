"""Event: one line of a run's journal. The names are ours and stay: golden files prove that old journals load.

run.created            prompt, file_name, settings (parser, model, extractor by name)
run.claimed            owner, stage: a process began to work on it
document.parsed        document_id, parser, pages, words, cached
proposal.attempted     number, text, error, usage: every answer of the model, good or bad
schema.proposed        version, origin
decision.made          decision (id, kind, version, feedback)
extraction.completed   status, agent_id, issues (how many)
run.released           stage: the process gave the work back (Ctrl-C, shutdown)
run.failed             error (code, message, next_step)
run.rejected, run.cancelled
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from .base import Frozen, now

EventType = Literal[
    "run.created",
    "run.claimed",
    "document.parsed",
    "proposal.attempted",
    "schema.proposed",
    "decision.made",
    "extraction.completed",
    "run.released",
    "run.failed",
    "run.rejected",
    "run.cancelled",
]


class Event(Frozen):
    """`seq` counts from 1 within the run; `v` is the version of `data`'s form for this type."""

    run_id: str
    seq: int = Field(ge=1)
    type: EventType
    v: int = 1
    at: datetime = Field(default_factory=now)
    data: dict[str, Any] = Field(default_factory=dict)
