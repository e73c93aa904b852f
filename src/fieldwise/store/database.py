"""The database: opening it, its version, its transactions, and its failures in our words."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from sqlalchemy import event, insert, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from fieldwise.errors import InputError, StoreError, StoreFull, StoreLocked, StoreTooNew

from .migrations import MIGRATIONS, VERSION
from .tables import meta

# An execution option: how a connection's transaction begins. A write takes its lock at once (two deferred writers
# could deadlock), a read takes none, and what cannot stand in a transaction has None.
_BEGIN = "fieldwise_begin"


class Database:
    """One store, opened on first use. `read()` and `write()` give a connection; a write is one transaction."""

    def __init__(self, url: str, *, busy_seconds: float = 10.0) -> None:
        try:
            parsed = make_url(url)
        except ArgumentError:
            raise InputError(
                f"The store {url!r} is not a URL.", next_step="Use sqlite:///path/to/file.db.", store=url
            ) from None
        if parsed.get_backend_name() != "sqlite":
            raise InputError(
                f"The store {parsed.render_as_string(hide_password=True)!r} is of a kind that fieldwise does not know.",
                next_step="Use sqlite:///path/to/file.db.",
            )
        self.url = parsed.set(drivername="sqlite+aiosqlite")
        self.path = Path(parsed.database) if parsed.database and parsed.database != ":memory:" else None
        self.busy_seconds = busy_seconds
        # Pooled connections belong to the loop that opened them.
        self._engines: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncEngine] = WeakKeyDictionary()
        self._upgraded = False
        # Connections on their way in or out: whoever closes the store waits for them.
        self._unfinished: set[asyncio.Future[None]] = set()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """One consistent view of the store; it waits for no writer, and no writer waits for it."""
        await self._prepared()
        async with self._connected("BEGIN") as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction, write lock taken at its start; committed at the end, rolled back on any error."""
        await self._prepared()
        async with self._connected("BEGIN IMMEDIATE") as connection, connection.begin():
            yield connection

    async def version(self) -> int:
        """The version that the store's tables have; 0 for an empty one."""
        async with self._connected("BEGIN") as connection:
            return await _version(connection)

    async def upgrade(self) -> int:
        """Bring the tables to this release's version; return it. Raises StoreTooNew where they are newer."""
        async with self._connected("BEGIN IMMEDIATE") as connection, connection.begin():
            version = await _version(connection)
            self._check_not_newer(version)
            if version == 0:
                await self._check_not_foreign(connection)
            for number, migrate in enumerate(MIGRATIONS[version:], start=version + 1):
                await migrate(connection)
                if number == 1:
                    await connection.execute(insert(meta).values(key="version", value=str(number)))
                else:
                    await connection.execute(update(meta).where(meta.c.key == "version").values(value=str(number)))
        self._upgraded = True
        return VERSION

    async def check(self) -> list[str]:
        """Return what is wrong with the store's file; an empty list where nothing is."""
        async with self.read() as connection:
            rows = (await connection.exec_driver_sql("PRAGMA integrity_check")).all()
        return [str(row[0]) for row in rows if row[0] != "ok"]

    async def scrub(self) -> None:
        """Take what was deleted out of the write-ahead log too. Raises StoreLocked where a reader keeps it there."""
        await self._prepared()
        async with self._connected(None) as connection:
            busy = (await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")).scalar_one()
        if busy:
            raise StoreLocked(
                f"It is deleted, but the log beside {self.path} still holds it: another process is reading there.",
                next_step="It goes when that process ends, or with the next deletion.",
            )

    async def aclose(self) -> None:
        """Close the connections that were opened in this loop."""
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(f for f in self._unfinished if f.get_loop() is loop), return_exceptions=True)
        engine = self._engines.pop(loop, None)
        if engine is not None:
            await engine.dispose()

    async def _prepared(self) -> None:
        if not self._upgraded:
            # Asked first, because an upgrade takes the write lock, and a reader must not wait for a writer.
            version = await self.version()
            self._check_not_newer(version)
            if version < VERSION:
                await self.upgrade()
            self._upgraded = True

    @asynccontextmanager
    async def _connected(self, begin: str | None) -> AsyncIterator[AsyncConnection]:
        """A connection whose transaction begins with `begin`; the driver's errors come out as ours."""
        with self._translated():
            connection = await self._opened()
            in_use = asyncio.get_running_loop().create_future()
            self._unfinished.add(in_use)
            try:
                yield await connection.execution_options(**{_BEGIN: begin})
            finally:
                closing = asyncio.ensure_future(connection.close())
                closing.add_done_callback(lambda _: self._finish(in_use))
                await asyncio.shield(closing)

    async def _opened(self) -> AsyncConnection:
        """Open a connection, or take one from the pool. One that is cut short half-way would be nobody's, and stay."""
        opening = asyncio.ensure_future(self._engine().connect().start())
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            late = asyncio.ensure_future(_close_late(opening))
            self._unfinished.add(late)
            late.add_done_callback(self._unfinished.discard)
            raise

    def _finish(self, in_use: asyncio.Future[None]) -> None:
        self._unfinished.discard(in_use)
        if not in_use.done():
            in_use.set_result(None)

    def _engine(self) -> AsyncEngine:
        loop = asyncio.get_running_loop()
        if loop not in self._engines:
            self._engines[loop] = self._make_engine()
        return self._engines[loop]

    def _make_engine(self) -> AsyncEngine:
        if self.path is not None:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                # Documents are the user's own: nobody else on the machine reads them.
                self.path.touch(mode=0o600, exist_ok=True)
            except OSError as error:
                raise StoreError(
                    f"The store {self.path} cannot be made: {error.strerror}.",
                    next_step="Free the place, or name another with --store sqlite:///path/to/file.db.",
                    path=str(self.path),
                ) from error
        # Every transaction ends in a commit or a rollback of its own: another rollback would only cost a round trip.
        engine = create_async_engine(
            self.url,
            connect_args={"factory": _Connection, "timeout": self.busy_seconds, "isolation_level": None},
            pool_size=4,
            pool_reset_on_return=None,
        )
        event.listen(engine.sync_engine, "begin", _begin)
        return engine

    def _translated(self) -> _Translated:
        return _Translated(self)

    def _check_not_newer(self, version: int) -> None:
        if version > VERSION:
            raise StoreTooNew(
                f"The store {self.path} was written by a newer fieldwise (version {version}, this knows {VERSION}).",
                next_step="Upgrade with pip install -U fieldwise, or name another store with --store.",
                version=version,
            )

    async def _check_not_foreign(self, connection: AsyncConnection) -> None:
        tables = (await connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type='table'")).scalars().all()
        if tables:
            raise StoreError(
                f"The file {self.path} is a database of something else (it has a table {tables[0]!r}).",
                next_step="Name another with --store; nothing was changed in this one.",
                path=str(self.path),
            )


async def _close_late(opening: asyncio.Future[AsyncConnection]) -> None:
    # Whoever wanted it is gone, and so is whoever would want to know why it failed.
    with suppress(Exception):
        await (await opening).close()


class _Translated:
    """Turns what the driver raises into the errors of our tree."""

    def __init__(self, database: Database) -> None:
        self.where = str(database.path or database.url)
        self.busy_seconds = database.busy_seconds

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if not isinstance(cause, sqlite3.Error):
            return
        text = str(cause).lower()
        if "locked" in text or "busy" in text:
            raise StoreLocked(
                f"The store {self.where} is locked by another process (waited {self.busy_seconds:g} s).",
                next_step="Nothing was lost. Try again when it is done, or raise FIELDWISE_STORE_BUSY_SECONDS.",
            ) from error
        if "full" in text or "disk i/o" in text:
            raise StoreFull(
                f"The store {self.where} could not be written: {cause}.",
                next_step="Free space on that disk; the run is kept as it was, take it up with `fieldwise review`.",
            ) from error
        if "not a database" in text or "malformed" in text:
            raise StoreError(
                f"The file {self.where} is not a fieldwise store, or is damaged: {cause}.",
                next_step="Name another with --store, or restore it from a backup.",
            ) from error
        if "readonly" in text or "unable to open" in text:
            raise StoreError(
                f"The store {self.where} cannot be written: {cause}.",
                next_step="Check the permissions of the file and its folder, or name another with --store.",
            ) from error
        if isinstance(cause, sqlite3.IntegrityError):
            return
        raise StoreError(
            f"The store {self.where} failed: {cause}.", next_step="Try `fieldwise store check`."
        ) from error


class _Connection(sqlite3.Connection):
    """Opened and prepared in one go: a task cancelled in between would leave a connection that holds a lock.

    It gets `isolation_level=None`, because the driver would open transactions by its own rules, and deferred ones.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._cursors: WeakSet[sqlite3.Cursor] = WeakSet()
        super().__init__(*args, **kwargs)
        self._switch_to_wal(kwargs.get("timeout", 5.0))
        # In WAL mode NORMAL survives any crash of the process, FULL that of the machine too: a decision must.
        self.execute("PRAGMA synchronous=FULL").close()
        self.execute("PRAGMA secure_delete=ON").close()

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        cursor = super().cursor(*args, **kwargs)
        self._cursors.add(cursor)
        return cursor

    def close(self) -> None:
        # Of a call that was cancelled, the traceback keeps the cursor; and a statement that anybody keeps leaves a
        # closed connection half alive, with its transaction and its locks.
        for cursor in tuple(self._cursors):
            cursor.close()
        if self.in_transaction:
            self.rollback()
        super().close()

    def _switch_to_wal(self, patience_seconds: float) -> None:
        deadline = time.monotonic() + patience_seconds
        while True:
            try:
                self.execute("PRAGMA journal_mode=WAL").close()
                return
            except sqlite3.OperationalError as error:
                # Two that switch a new file at the same moment: sqlite tells one of them "locked" without any waiting.
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
            time.sleep(0.01)


def _begin(connection: Any) -> None:
    statement = connection.get_execution_options().get(_BEGIN, "BEGIN IMMEDIATE")
    if statement is not None:
        connection.exec_driver_sql(statement)


async def _version(connection: AsyncConnection) -> int:
    exists = await connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE type='table' AND name='meta'")
    if exists.first() is None:
        return 0
    value = (await connection.execute(select(meta.c.value).where(meta.c.key == "version"))).scalar_one_or_none()
    return int(value) if value is not None else 0
