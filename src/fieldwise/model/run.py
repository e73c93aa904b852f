"""Run: one document travelling parse -> propose -> review -> extract, and the states it may pass through."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from .base import Frozen, now


class RunStatus(StrEnum):
    QUEUED = "queued"
    PARSING = "parsing"
    PROPOSING = "proposing"
    AWAITING_REVIEW = "awaiting_review"
    EXTRACTING = "extracting"
    COMPLETED = "completed"
    FAILED = "failed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


WORKING = frozenset({RunStatus.QUEUED, RunStatus.PARSING, RunStatus.PROPOSING, RunStatus.EXTRACTING})
FINAL = frozenset({RunStatus.COMPLETED, RunStatus.REJECTED, RunStatus.CANCELLED})

_NEXT: dict[RunStatus, frozenset[RunStatus]] = {
    RunStatus.QUEUED: frozenset({RunStatus.PARSING, RunStatus.FAILED, RunStatus.CANCELLED}),
    RunStatus.PARSING: frozenset(
        {RunStatus.PROPOSING, RunStatus.AWAITING_REVIEW, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.PARSING}
    ),
    RunStatus.PROPOSING: frozenset(
        {
            RunStatus.AWAITING_REVIEW,
            RunStatus.EXTRACTING,  # the schema was given together with its approval
            RunStatus.FAILED,
            RunStatus.CANCELLED,
            RunStatus.PROPOSING,
            RunStatus.PARSING,
        }
    ),
    RunStatus.AWAITING_REVIEW: frozenset(
        {RunStatus.PROPOSING, RunStatus.EXTRACTING, RunStatus.AWAITING_REVIEW, RunStatus.REJECTED, RunStatus.CANCELLED}
    ),
    RunStatus.EXTRACTING: frozenset(
        {
            RunStatus.COMPLETED,
            RunStatus.FAILED,
            RunStatus.CANCELLED,
            RunStatus.EXTRACTING,
            RunStatus.PARSING,  # interrupted before anything was saved to go on from
        }
    ),
    # A failed run is kept and can be taken up again where it failed.
    RunStatus.FAILED: frozenset(
        {RunStatus.PARSING, RunStatus.PROPOSING, RunStatus.EXTRACTING, RunStatus.REJECTED, RunStatus.CANCELLED}
    ),
    RunStatus.COMPLETED: frozenset(),
    RunStatus.REJECTED: frozenset(),
    RunStatus.CANCELLED: frozenset(),
}


def may_become(current: RunStatus, target: RunStatus) -> bool:
    """Say whether a run may pass from one status to the other."""
    return target in _NEXT[current]


def may_come_from(target: RunStatus) -> frozenset[RunStatus]:
    """Return every status from which a run may pass to this one."""
    return frozenset(status for status, following in _NEXT.items() if target in following)


class Run(Frozen):
    """`revision` grows with every write; `version` is the newest schema version, 0 before the first proposal."""

    id: str
    status: RunStatus
    prompt: str
    file_path: str
    file_name: str
    document_id: str | None = None
    version: int = 0
    agent_id: str | None = None
    error: dict[str, Any] | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    revision: int = 0
    interrupted: bool = Field(default=False, description="working by its status, but no living process holds it")
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)
