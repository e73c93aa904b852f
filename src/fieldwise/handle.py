"""RunHandle: a run as it stood when it was read, with the decisions that can be taken on it.

Immutable: each decision gives a new handle. A handle decides on the version that it shows, so a stale one is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fieldwise.errors import NotAwaitingReview, RunError
from fieldwise.model import DecisionKind, Extraction, OnProgress, Run, RunStatus, SchemaVersion
from fieldwise.portal import Portal, in_portal
from fieldwise.schemas import SchemaLike

if TYPE_CHECKING:
    from fieldwise.client import Fieldwise


@dataclass(frozen=True)
class RunHandle:
    """`schemas` are all versions so far, `proposal` the newest; `result` is there once the run is completed."""

    run: Run
    schemas: tuple[SchemaVersion, ...]
    result: Extraction | None
    client: Fieldwise = field(repr=False, compare=False)

    @property
    def id(self) -> str:
        return self.run.id

    @property
    def status(self) -> RunStatus:
        return self.run.status

    @property
    def portal(self) -> Portal:
        return self.client.portal

    @property
    def prompt(self) -> str:
        return self.run.prompt

    @property
    def agent_id(self) -> str | None:
        return self.run.agent_id

    @property
    def error(self) -> dict[str, Any] | None:
        """What went wrong (code, message, next_step), for a failed run."""
        return self.run.error

    @property
    def proposal(self) -> SchemaVersion | None:
        return self.schemas[-1] if self.schemas else None

    async def aapprove(self, *, on_event: OnProgress | None = None) -> Extraction:
        """Approve the shown version and extract with it."""
        handle = await self._decide("approve", on_event=on_event)
        return require_result(handle)

    async def arevise(self, feedback: str, *, on_event: OnProgress | None = None) -> RunHandle:
        """Say in plain words what to change; the new handle shows the next version."""
        return await self._decide("revise", feedback=feedback, on_event=on_event)

    async def aedit(self, schema: SchemaLike, *, on_event: OnProgress | None = None) -> RunHandle:
        """Put a whole schema in the shown one's place; it becomes the next version, to be approved as any other."""
        return await self._decide("edit", schema=schema, on_event=on_event)

    async def areject(self, *, on_event: OnProgress | None = None) -> RunHandle:
        """End the run without an extraction."""
        return await self._decide("reject", on_event=on_event)

    async def aresume(self, *, on_event: OnProgress | None = None) -> RunHandle:
        """Take the run up again where it was interrupted or failed."""
        return await self.client.aresume(self.id, on_event=on_event)

    approve = in_portal(aapprove)
    revise = in_portal(arevise)
    edit = in_portal(aedit)
    reject = in_portal(areject)
    resume = in_portal(aresume)

    async def _decide(self, kind: DecisionKind, **more: Any) -> RunHandle:
        if self.proposal is None:
            raise NotAwaitingReview(
                f"Run {self.id} is {self.status}: no proposal to decide on.",
                next_step=f"Take it up with `fieldwise review {self.id}`.",
                run_id=self.id,
            )
        return await self.client.adecide(self.id, kind, version=self.proposal.version, **more)


def require_result(handle: RunHandle) -> Extraction:
    """Return the run's extraction. Raises RunError where there is none."""
    if handle.result is None:
        raise RunError(
            f"Run {handle.id} is {handle.status}, it has no result yet.",
            next_step=f"See `fieldwise show {handle.id}`.",
            run_id=handle.id,
        )
    return handle.result
