"""The journal: append-only, one sequence a run. Progress streams, audit and resume read from here."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from fieldwise.model import now
from fieldwise.model.events import Event, EventType

from .tables import events


async def append(tx: AsyncConnection, run_id: str, kind: EventType, data: dict[str, Any]) -> None:
    newest = select(func.coalesce(func.max(events.c.seq), 0) + 1).where(events.c.run_id == run_id).scalar_subquery()
    await tx.execute(insert(events).values(run_id=run_id, seq=newest, type=kind, v=1, at=now().isoformat(), data=data))


async def read(tx: AsyncConnection, run_id: str, *, after: int = 0) -> list[Event]:
    query = select(events).where(events.c.run_id == run_id, events.c.seq > after).order_by(events.c.seq)
    return [Event.model_validate(dict(row._mapping)) for row in (await tx.execute(query)).all()]
