"""Runs: rows, and the compare-and-swaps that let any process take up the work of any other.

Every change names what it expects to find (a status, a version, a lease token); a change that finds something else
changes nothing. So a decision is applied once, and a worker that lost its lease cannot write.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Row, delete, insert, or_, select, update
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from fieldwise.errors import LeaseLost, NotAwaitingReview, RunError, RunNotFound, StaleDecision
from fieldwise.model import (
    FINAL,
    WORKING,
    Decision,
    Extraction,
    Run,
    RunStatus,
    SchemaVersion,
    may_become,
    may_come_from,
    now,
)

from . import owner
from .tables import decisions, events, extractions, runs, schema_versions


class Lease(NamedTuple):
    run_id: str
    token: str
    seconds: float


# The leases that bursts of this process work under. One of this process that is not among them is a burst that ended
# and could not say so, because the store was full or locked: it must not keep the run until its time is over.
_held_here: set[str] = set()


class Claimed(NamedTuple):
    """A run that this process holds now, with what its next burst starts from."""

    lease: Lease
    run: Run
    state: dict[str, Any] | None
    decision: Decision | None


C = TypeVar("C", Claimed, Claimed | None)


async def create(tx: AsyncConnection, run: Run, seconds: float) -> Claimed:
    """Keep a new run, held by this process from the start."""
    lease, held = _new_lease(run.id, seconds)
    values = run.model_dump(mode="json", exclude={"interrupted"})
    await tx.execute(insert(runs).values({**values, **held}))
    return Claimed(lease, run, None, None)


async def get(tx: AsyncConnection, run_id: str) -> Run:
    row = (await tx.execute(select(runs).where(runs.c.id == run_id))).first()
    if row is None:
        raise _not_found(run_id)
    return _run(row)


async def find(tx: AsyncConnection, prefix: str) -> Run:
    """Find by id, or by its unique beginning or end (people copy what they see). Raises RunNotFound."""
    if not prefix:
        raise RunNotFound("No run is named.", next_step="`fieldwise runs` lists what there is.")
    row = (await tx.execute(select(runs).where(runs.c.id == prefix))).first()
    if row is not None:
        return _run(row)
    pattern = prefix.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    match = or_(runs.c.id.like(f"{pattern}%", escape="\\"), runs.c.id.like(f"%{pattern}", escape="\\"))
    rows = (await tx.execute(select(runs).where(match).limit(6))).all()
    if len(rows) == 1:
        return _run(rows[0])
    if rows:
        ids = ", ".join(row.id for row in rows[:5]) + (" ..." if len(rows) > 5 else "")
        raise RunNotFound(f"{prefix!r} could be any of {ids}.", next_step="Give more of the id.", run_id=prefix)
    raise _not_found(prefix)


async def every(tx: AsyncConnection, statuses: Iterable[RunStatus] | None, limit: int) -> list[Run]:
    """The newest runs first."""
    query = select(runs).order_by(runs.c.created_at.desc(), runs.c.id.desc()).limit(limit)
    if statuses is not None:
        query = query.where(runs.c.status.in_([str(s) for s in statuses]))
    return [_run(row) for row in (await tx.execute(query)).all()]


async def claim(tx: AsyncConnection, run_id: str, seconds: float) -> Claimed | None:
    """Take the run for this process, or return None where a living process holds it, or there is nothing to do."""
    row = (await tx.execute(select(runs).where(runs.c.id == run_id))).first()
    if row is None:
        raise _not_found(run_id)
    status = RunStatus(row.status)
    if status not in WORKING and status is not RunStatus.FAILED:
        return None
    if _is_held(row):
        return None
    decision = await _pending_decision(tx, run_id, row.version)
    return await _take(tx, row, _stage_after(decision, row.state), decision, seconds)


async def renew(tx: AsyncConnection, lease: Lease) -> None:
    await _change(tx, lease, lease_until=time.time() + lease.seconds)


async def enter(tx: AsyncConnection, lease: Lease, status: RunStatus, **values: Any) -> None:
    """Note which stage the work is in."""
    await _change(tx, lease, status=status, **values)


@contextmanager
def holding() -> Iterator[Callable[[C], C]]:
    """Stands around the transaction that takes a run: what it passes through the given function is this process's own.

    Where the transaction fails or is cancelled, even in its commit, nobody here will work on the run: it is let go.
    """
    taken: list[Lease] = []

    def hold(claimed: C) -> C:
        if claimed is not None:
            taken.append(claimed.lease)
            _held_here.add(claimed.lease.token)
        return claimed

    try:
        yield hold
    except BaseException:
        for lease in taken:
            let_go(lease)
        raise


def let_go(lease: Lease) -> None:
    """This process works no more under the lease, whether or not the store could be told so."""
    _held_here.discard(lease.token)


async def release(tx: AsyncConnection, lease: Lease) -> None:
    """Hand the run back; it stays in its stage, for any process to take up."""
    await _change(tx, lease, lease_owner=None, lease_token=None, lease_until=None)


async def save_proposal(tx: AsyncConnection, lease: Lease, proposal: SchemaVersion, state: dict[str, Any]) -> None:
    """The run waits: proposal and the state to go on from, in one change."""
    await _change(
        tx,
        lease,
        status=RunStatus.AWAITING_REVIEW,
        version=proposal.version,
        state=state,
        lease_owner=None,
        lease_token=None,
        lease_until=None,
    )
    await _insert_version(tx, lease.run_id, proposal)


async def save_version(tx: AsyncConnection, lease: Lease, version: SchemaVersion) -> None:
    """Keep a version that needs no review: it was given together with its approval."""
    await _change(tx, lease, version=version.version)
    await _insert_version(tx, lease.run_id, version)


async def save_extraction(tx: AsyncConnection, lease: Lease, extraction: Extraction) -> None:
    await _change(
        tx,
        lease,
        status=RunStatus.COMPLETED,
        agent_id=extraction.agent_id,
        lease_owner=None,
        lease_token=None,
        lease_until=None,
    )
    await tx.execute(insert(extractions).values(run_id=lease.run_id, body=extraction.model_dump(mode="json")))


async def save_failure(tx: AsyncConnection, lease: Lease, error: dict[str, Any]) -> None:
    await _change(
        tx,
        lease,
        status=RunStatus.FAILED,
        error=error,
        lease_owner=None,
        lease_token=None,
        lease_until=None,
    )


async def decide(tx: AsyncConnection, run_id: str, decision: Decision, seconds: float) -> Claimed | None:
    """Record the decision and move the run on, held by this process; None after a rejection, which ends it.

    Raises StaleDecision where the version is not the newest or was answered already, NotAwaitingReview otherwise.
    """
    row = (await tx.execute(select(runs).where(runs.c.id == run_id))).first()
    if row is None:
        raise _not_found(run_id)
    run = _run(row)
    earlier = (
        await tx.execute(
            select(decisions.c.body).where(decisions.c.run_id == run_id, decisions.c.version == decision.version)
        )
    ).first()
    if earlier is not None and run.status is RunStatus.FAILED and decision.version == run.version:
        # The work that the earlier answer asked for failed: the person may answer anew. The journal keeps both.
        gone = (decisions.c.run_id == run_id) & (decisions.c.version == decision.version)
        await tx.execute(delete(decisions).where(gone))
    elif earlier is not None:
        first = Decision.model_validate(earlier[0])
        raise StaleDecision(
            f"Version {decision.version} of run {run_id} was answered already: {first.kind}, at "
            f"{first.created_at:%Y-%m-%d %H:%M:%S} UTC. Version {run.version} is the newest, the run is {run.status}.",
            next_step=f"Look at it with `fieldwise show {run_id}`"
            + (f", then decide on version {run.version}." if run.status is RunStatus.AWAITING_REVIEW else "."),
            run_id=run_id,
            version=decision.version,
            current=run.version,
        )
    answerable = run.status is RunStatus.AWAITING_REVIEW or (run.status is RunStatus.FAILED and run.version > 0)
    if not answerable:
        raise NotAwaitingReview(
            f"Run {run_id} is {run.status}, it does not wait for a decision.",
            next_step="Nothing to decide." if run.status in FINAL else f"Take it up with `fieldwise review {run_id}`.",
            run_id=run_id,
            status=str(run.status),
        )
    if decision.version != run.version:
        raise StaleDecision(
            f"The decision is about version {decision.version} of run {run_id}, but version {run.version} waits.",
            next_step=f"Look at it with `fieldwise show {run_id}`, then decide on version {run.version}.",
            run_id=run_id,
            version=decision.version,
            current=run.version,
        )
    await record_decision(tx, run_id, decision)
    if decision.kind == "reject":
        _require_may_become(run_id, run.status, RunStatus.REJECTED)
        await tx.execute(
            update(runs)
            .where(runs.c.id == run_id)
            .values(status=str(RunStatus.REJECTED), revision=runs.c.revision + 1, updated_at=now().isoformat())
        )
        return None
    stage = RunStatus.EXTRACTING if decision.kind == "approve" else RunStatus.PROPOSING
    return await _take(tx, row, stage, decision, seconds)


async def record_decision(tx: AsyncConnection, run_id: str, decision: Decision) -> None:
    """The gate itself: one decision a version. The same decision twice is one; another raises StaleDecision."""
    inserted = await tx.execute(
        sqlite_insert(decisions)
        .values(
            run_id=run_id,
            version=decision.version,
            id=decision.id,
            body=decision.model_dump(mode="json", by_alias=True),
        )
        .on_conflict_do_nothing()
    )
    if inserted.rowcount == 1:
        return
    query = select(decisions.c.id).where(decisions.c.run_id == run_id, decisions.c.version == decision.version)
    if (await tx.execute(query)).scalar_one_or_none() != decision.id:
        raise StaleDecision(
            f"Version {decision.version} of run {run_id} was answered already.",
            next_step="An answer counts once: start from the newest saved context.",
            run_id=run_id,
            version=decision.version,
        )


async def cancel(tx: AsyncConnection, run_id: str) -> None:
    """End the run; a process that works on it loses its lease and stops. Raises NotAwaitingReview where it is over."""
    run = await get(tx, run_id)
    if run.status in FINAL:
        raise NotAwaitingReview(f"Run {run_id} is {run.status} already.", run_id=run_id, status=str(run.status))
    _require_may_become(run_id, run.status, RunStatus.CANCELLED)
    await tx.execute(
        update(runs)
        .where(runs.c.id == run_id)
        .values(
            status=str(RunStatus.CANCELLED),
            lease_owner=None,
            lease_token=None,
            lease_until=None,
            revision=runs.c.revision + 1,
            updated_at=now().isoformat(),
        )
    )


async def remove(tx: AsyncConnection, run_id: str) -> Run:
    """Remove the run's rows; return it as it was: its document and its agent may be other runs' too."""
    run = await get(tx, run_id)
    for table in (events, extractions, decisions, schema_versions):
        await tx.execute(delete(table).where(table.c.run_id == run_id))
    await tx.execute(delete(runs).where(runs.c.id == run_id))
    return run


async def schemas(tx: AsyncConnection, run_id: str) -> list[SchemaVersion]:
    query = select(schema_versions.c.body).where(schema_versions.c.run_id == run_id).order_by(schema_versions.c.version)
    return [SchemaVersion.model_validate(row[0]) for row in (await tx.execute(query)).all()]


async def extraction(tx: AsyncConnection, run_id: str) -> Extraction | None:
    row = (await tx.execute(select(extractions.c.body).where(extractions.c.run_id == run_id))).first()
    return Extraction.model_validate(row[0]) if row is not None else None


def _new_lease(run_id: str, seconds: float) -> tuple[Lease, dict[str, Any]]:
    lease = Lease(run_id, secrets.token_hex(8), seconds)
    held = {
        "lease_owner": owner.this_process(),
        "lease_token": lease.token,
        "lease_until": time.time() + seconds,
    }
    return lease, held


async def _take(
    tx: AsyncConnection, row: Row[Any], stage: RunStatus, decision: Decision | None, seconds: float
) -> Claimed:
    current = RunStatus(row.status)
    if stage is not current:
        _require_may_become(row.id, current, stage)
    lease, held = _new_lease(row.id, seconds)
    await tx.execute(
        update(runs)
        .where(runs.c.id == row.id)
        .values(status=str(stage), error=None, revision=runs.c.revision + 1, updated_at=now().isoformat(), **held)
    )
    run = _run(row).model_copy(update={"status": stage, "error": None, "interrupted": False})
    return Claimed(lease, run, row.state, decision)


def _not_found(run_id: str) -> RunNotFound:
    return RunNotFound(f"There is no run {run_id!r}.", next_step="`fieldwise runs` lists what there is.", run_id=run_id)


def _require_may_become(run_id: str, current: RunStatus, target: RunStatus) -> None:
    if not may_become(current, target):
        raise RunError(f"Run {run_id} is {current}: it cannot become {target}.", run_id=run_id, status=str(current))


async def require_held(tx: AsyncConnection, lease: Lease) -> None:
    """Raise LeaseLost where the lease is not ours any more: for what is written beside the run's own row."""
    await _status_held(tx, lease)


async def _status_held(tx: AsyncConnection, lease: Lease) -> RunStatus:
    query = select(runs.c.status).where(runs.c.id == lease.run_id, runs.c.lease_token == lease.token)
    status = (await tx.execute(query)).scalar_one_or_none()
    if status is None:
        raise LeaseLost(
            f"Run {lease.run_id} was taken over by another process, cancelled or deleted.",
            next_step="This process stops; nothing is written twice.",
            run_id=lease.run_id,
        )
    return RunStatus(status)


async def _change(tx: AsyncConnection, lease: Lease, *, status: RunStatus | None = None, **values: Any) -> None:
    expected = [runs.c.id == lease.run_id, runs.c.lease_token == lease.token]
    if status is not None:
        expected.append(runs.c.status.in_([str(s) for s in may_come_from(status)]))
        values["status"] = str(status)
    changed = await tx.execute(
        update(runs).where(*expected).values(**values, revision=runs.c.revision + 1, updated_at=now().isoformat())
    )
    if changed.rowcount != 1:
        current = await _status_held(tx, lease)
        _require_may_become(lease.run_id, current, status or current)


async def _insert_version(tx: AsyncConnection, run_id: str, version: SchemaVersion) -> None:
    await tx.execute(
        insert(schema_versions).values(
            run_id=run_id, version=version.version, body=version.model_dump(mode="json", by_alias=True)
        )
    )


async def _pending_decision(tx: AsyncConnection, run_id: str, version: int) -> Decision | None:
    query = select(decisions.c.body).where(decisions.c.run_id == run_id, decisions.c.version == version)
    row = (await tx.execute(query)).first()
    return Decision.model_validate(row[0]) if row is not None else None


def _stage_after(decision: Decision | None, state: dict[str, Any] | None) -> RunStatus:
    if state is None:
        return RunStatus.PARSING
    return RunStatus.EXTRACTING if decision is not None and decision.kind == "approve" else RunStatus.PROPOSING


def _is_held(row: Row[Any]) -> bool:
    if row.lease_token is None or row.lease_until <= time.time():
        return False
    if row.lease_owner == owner.this_process():
        return row.lease_token in _held_here
    return not owner.has_died(str(row.lease_owner or ""))


def _run(row: Row[Any]) -> Run:
    values = {name: value for name, value in row._mapping.items() if name in Run.model_fields}
    status = RunStatus(row.status)
    return Run.model_validate({**values, "interrupted": status in WORKING and not _is_held(row)})
