"""Agents: approved schemas with their settings. The same schema and settings are one agent, whoever agrees on them."""

from __future__ import annotations

import hashlib
import json

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from fieldwise.errors import AgentNotFound, InputError
from fieldwise.model import Agent

from .tables import agents, runs


def fingerprint(agent: Agent) -> str:
    """A hash of what makes two agents the same: schema (key order included), prompt and settings."""
    body = json.dumps([agent.json_schema, agent.prompt, agent.settings], ensure_ascii=False)
    return hashlib.sha256(body.encode()).hexdigest()


async def put(tx: AsyncConnection, agent: Agent) -> Agent:
    """Keep the agent, or return the one that is the same already."""
    print_ = fingerprint(agent)
    row = (
        await tx.execute(select(agents.c.body).where(agents.c.fingerprint == print_).order_by(agents.c.created_at))
    ).first()
    if row is not None:
        return Agent.model_validate(row[0])
    await tx.execute(
        insert(agents).values(
            id=agent.id,
            name=agent.name,
            fingerprint=print_,
            body=agent.model_dump(mode="json", by_alias=True),
            created_at=agent.created_at.isoformat(),
        )
    )
    return agent


async def get(tx: AsyncConnection, name_or_id: str) -> Agent:
    """Find by id, else by name. Raises AgentNotFound, naming what there is."""
    query = select(agents.c.body).where((agents.c.id == name_or_id) | (agents.c.name == name_or_id))
    row = (await tx.execute(query)).first()
    if row is None:
        names = [agent.name for agent in await every(tx)]
        known = ", ".join(names[:10]) + (" ..." if len(names) > 10 else "")
        raise AgentNotFound(
            f"There is no agent {name_or_id!r}.",
            next_step=f"Known are: {known}." if names else "None is saved yet: approve a schema first.",
            agent=name_or_id,
        )
    return Agent.model_validate(row[0])


async def every(tx: AsyncConnection) -> list[Agent]:
    rows = (await tx.execute(select(agents.c.body).order_by(agents.c.created_at.desc()))).all()
    return [Agent.model_validate(row[0]) for row in rows]


async def rename(tx: AsyncConnection, name_or_id: str, name: str) -> Agent:
    agent = (await get(tx, name_or_id)).model_copy(update={"name": name, "named": True})
    Agent.model_validate(agent.model_dump(by_alias=True))
    try:
        await _replace(tx, agent)
    except IntegrityError:
        raise InputError(f"Another agent is named {name!r}.", next_step="Choose another name.", agent=name) from None
    return agent


async def remove(tx: AsyncConnection, name_or_id: str) -> None:
    agent = await get(tx, name_or_id)
    await tx.execute(delete(agents).where(agents.c.id == agent.id))


async def forget_run(tx: AsyncConnection, agent_id: str, run_id: str) -> None:
    """Remove what a run that is gone left in its agent; the agent too, where no other run has it and nobody named it.

    An agent that stays keeps schema and prompt, which are its own: they are what it extracts with.
    """
    row = (await tx.execute(select(agents.c.body).where(agents.c.id == agent_id))).first()
    if row is None:
        return
    agent = Agent.model_validate(row[0])
    others = select(runs.c.id).where(runs.c.agent_id == agent_id, runs.c.id != run_id).limit(1)
    if agent.has_made_up_name and (await tx.execute(others)).first() is None:
        await tx.execute(delete(agents).where(agents.c.id == agent_id))
    elif agent.run_id == run_id:
        await _replace(tx, agent.without_run())


async def _replace(tx: AsyncConnection, agent: Agent) -> None:
    body = agent.model_dump(mode="json", by_alias=True)
    await tx.execute(update(agents).where(agents.c.id == agent.id).values(name=agent.name, body=body))
