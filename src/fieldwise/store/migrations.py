"""The store's history: each migration brings the tables from one version to the next, and is never changed again.

A migration spells out its own SQL from the second on; the first makes all tables as they are today, so from version 2
on `tables.py` and the migrations are checked against each other by a test.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from .tables import metadata

Migration = Callable[[AsyncConnection], Awaitable[None]]


async def m001_initial(connection: AsyncConnection) -> None:
    await connection.run_sync(metadata.create_all)


MIGRATIONS: tuple[Migration, ...] = (m001_initial,)
VERSION = len(MIGRATIONS)
