"""Fieldwise: the one door. Command line, service, batch and notebooks all come through here.

Every call exists twice, `astart` for async code and `start` for the rest; the second runs the first in a private loop.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, get_args
from weakref import WeakKeyDictionary

from fieldwise import bursts
from fieldwise.answers import check_length, check_request
from fieldwise.desk import StoreDesk
from fieldwise.errors import (
    FieldwiseError,
    InputError,
    LeaseLost,
    NotAwaitingReview,
    RunCancelled,
    RunError,
    StoreError,
)
from fieldwise.extract.extractor import Extractor
from fieldwise.handle import RunHandle, require_result
from fieldwise.llm import Model
from fieldwise.model import (
    FINAL,
    WORKING,
    Agent,
    Decision,
    DecisionKind,
    Document,
    Extraction,
    JsonSchema,
    OnProgress,
    Run,
    RunStatus,
    SchemaVersion,
    ignore_progress,
    new_id,
)
from fieldwise.model.events import Event
from fieldwise.parse.page_images import Draws, with_images
from fieldwise.parse.page_images import forget as forget_images
from fieldwise.parse.parser import Parser
from fieldwise.portal import Portal, in_portal
from fieldwise.propose import require_valid
from fieldwise.registry import Toolkit
from fieldwise.schemas import SchemaLike, read_schema_argument
from fieldwise.settings import Settings, load_settings, store_url
from fieldwise.store import Claimed, Database, agents, journal, runs

FileLike = str | Path


class BatchItem(NamedTuple):
    """One document of a batch: an extraction, or the error that it met. The others go on."""

    file: str
    extraction: Extraction | None
    error: FieldwiseError | None


class Fieldwise:
    """Settings and backends for any number of runs. Nothing is opened or loaded before it is used.

    `store`, `parser`, `model` and `extractor` are names as in the settings, or instances, which stay the caller's.
    """

    def __init__(
        self,
        *,
        store: str | Path | Database | None = None,
        parser: str | Parser | None = None,
        model: str | Model | None = None,
        extractor: str | Extractor | None = None,
        base_url: str | None = None,
        settings: Settings | None = None,
    ) -> None:
        named: dict[str, Any] = {"base_url": base_url}
        given: dict[str, Any] = {}
        for kind, backend in (("parser", parser), ("model", model), ("extractor", extractor)):
            (named if isinstance(backend, str) else given)[kind] = backend
        if isinstance(store, Database):
            given["store"] = store
        elif store is not None:
            named["store"] = store_url(str(store))
        named = {name: value for name, value in named.items() if value is not None}
        self.settings = settings.model_copy(update=named) if settings is not None else load_settings(named)
        self._given = {name: backend for name, backend in given.items() if backend is not None}
        self._owns_database = "store" not in self._given
        self._given.setdefault("store", Database(self.settings.store, busy_seconds=self.settings.store_busy_seconds))
        self._database: Database = self._given["store"]
        self._shelf = StoreDesk(self._database)
        # Child processes and queues belong to the loop that they were made in.
        self._toolkits: WeakKeyDictionary[asyncio.AbstractEventLoop, Toolkit] = WeakKeyDictionary()
        self.portal = Portal()

    # Runs

    async def astart(
        self,
        file: FileLike,
        prompt: str,
        *,
        schema: SchemaLike | None = None,
        on_event: OnProgress | None = None,
    ) -> RunHandle:
        """Parse the file and propose a schema (or take the given one as version 1); return when the run waits.

        Raises InputError before anything is kept; what fails later leaves a run that can be taken up again, named in
        the error's `fields["run_id"]`.
        """
        given = read_schema_argument(schema) if schema is not None else None
        return await self._work(await self._create(file, prompt, given, approved=False), on_event)

    async def aget(self, run_id: str) -> RunHandle:
        """Return the run as it is now. The beginning or end of an id is enough, where only one run has it."""
        async with self._database.read() as tx:
            run = await runs.find(tx, run_id)
            schemas = tuple(await runs.schemas(tx, run.id)) if run.version else ()
            result = await runs.extraction(tx, run.id) if run.status is RunStatus.COMPLETED else None
        return RunHandle(run=run, schemas=schemas, result=result, client=self)

    async def aruns(self, *, status: RunStatus | Iterable[RunStatus] | None = None, limit: int = 100) -> list[Run]:
        """Return the newest runs, newest first."""
        statuses = (status,) if isinstance(status, RunStatus) else status
        async with self._database.read() as tx:
            return await runs.every(tx, statuses, limit)

    async def adecide(
        self,
        run_id: str,
        kind: DecisionKind,
        *,
        version: int | None = None,
        feedback: str = "",
        schema: SchemaLike | None = None,
        on_event: OnProgress | None = None,
    ) -> RunHandle:
        """Answer a proposal, and work on to the next pause or the end.

        `version` is the version that was looked at; None decides on the newest. Raises StaleDecision,
        NotAwaitingReview, SchemaInvalid or InputError before any work; then nothing has changed.
        """
        async with self._database.read() as tx:
            run = await runs.find(tx, run_id)
        decision = self._decision(kind, version or run.version, feedback, schema, run)
        with runs.holding() as hold:
            async with self._database.write() as tx:
                claimed = hold(await runs.decide(tx, run.id, decision, self.settings.lease_seconds))
                facts = decision.model_dump(mode="json", by_alias=True, exclude_none=True)
                await journal.append(tx, run.id, "decision.made", {"decision": facts})
                if claimed is None:
                    await journal.append(tx, run.id, "run.rejected", {})
        if claimed is None:
            return await self.aget(run.id)
        return await self._work(claimed, on_event)

    async def aresume(self, run_id: str, *, on_event: OnProgress | None = None) -> RunHandle:
        """Take up a run whose process died, was stopped, or failed; one that waits or is over comes back as it is.

        Raises RunError where a living process works on it.
        """
        handle = await self.aget(run_id)
        if handle.status not in WORKING and handle.status is not RunStatus.FAILED:
            return handle
        claimed = await bursts.claim(self._toolkit(), handle.id)
        if claimed is not None:
            return await self._work(claimed, on_event)
        handle = await self.aget(handle.id)
        if handle.status in WORKING:
            raise RunError(
                f"Another process works on run {handle.id} ({handle.status}).",
                next_step=f"Wait for it: `fieldwise show {handle.id}` tells how it stands.",
                run_id=handle.id,
            )
        return handle

    async def acancel(self, run_id: str) -> RunHandle:
        """End the run, in whatever stage it is; a process that works on it stops."""
        async with self._database.write() as tx:
            run_id = (await runs.find(tx, run_id)).id
            await runs.cancel(tx, run_id)
            await journal.append(tx, run_id, "run.cancelled", {})
        return await self.aget(run_id)

    async def adelete(self, run_id: str) -> None:
        """Remove every trace of the run: its document and its agent too, unless another run has them.

        An agent that a person has named stays as well. One that stays loses the run's id and its file's name.
        """
        from fieldwise.store import documents

        async with self._database.write() as tx:
            run = await runs.remove(tx, (await runs.find(tx, run_id)).id)
            if run.document_id is not None:
                await documents.delete_unused(tx, run.document_id)
            if run.agent_id is not None:
                await agents.forget_run(tx, run.agent_id, run.id)
        if run.document_id is not None:
            await asyncio.to_thread(forget_images, self.settings.cache_dir, run.document_id)
        self._shelf.forget()
        await self._database.scrub()

    async def ajournal(self, run_id: str) -> list[Event]:
        """Return what happened to the run, in order."""
        async with self._database.read() as tx:
            return await journal.read(tx, (await runs.find(tx, run_id)).id)

    async def aschemas(self, run_id: str) -> list[SchemaVersion]:
        """Return all versions of the run's schema, oldest first."""
        async with self._database.read() as tx:
            return await runs.schemas(tx, (await runs.find(tx, run_id)).id)

    # Without a loop

    async def aextract(
        self,
        file: FileLike,
        *,
        schema: SchemaLike | None = None,
        agent: str | None = None,
        prompt: str | None = None,
        on_event: OnProgress | None = None,
    ) -> Extraction:
        """Extract with a schema that needs no review: a pydantic class, a dict, a path, or a saved agent's."""
        given, wanted = await self._approved_schema(schema, agent, prompt)
        claimed = await self._create(file, wanted, given, approved=True)
        return require_result(await self._work(claimed, on_event))

    async def aextract_many(
        self,
        files: Iterable[FileLike],
        *,
        schema: SchemaLike | None = None,
        agent: str | None = None,
        prompt: str | None = None,
    ) -> AsyncIterator[BatchItem]:
        """Extract from each file in turn. A file's error comes as its item, and the next file goes on."""
        given, wanted = await self._approved_schema(schema, agent, prompt)
        for file in files:
            try:
                claimed = await self._create(file, wanted, given, approved=True)
                yield BatchItem(str(file), require_result(await self._work(claimed, None)), None)
            except StoreError:
                # Nothing more can be kept: to go on would be to lose silently.
                raise
            except FieldwiseError as error:
                yield BatchItem(str(file), None, error)

    async def aparse(self, file: FileLike, *, keep: bool = True, on_event: OnProgress | None = None) -> Document:
        """Read a file into a Document; what this parser has made of the same bytes before is looked up in the store.

        With `keep=False` the file is read anew, and the store is neither asked nor written to.
        """
        path = await asyncio.to_thread(_existing_file, file)
        parser, tell = self._toolkit().parser, on_event or ignore_progress
        document = await (self._shelf.read(path, parser, tell) if keep else parser.parse(path, tell))
        # What comes from the store does not know where its file is.
        return with_images(document, path, self.settings.cache_dir, parser) if isinstance(parser, Draws) else document

    # Agents

    async def aagents(self) -> list[Agent]:
        """Return all saved agents, the newest first."""
        async with self._database.read() as tx:
            return await agents.every(tx)

    async def aagent(self, name_or_id: str) -> Agent:
        """Raises AgentNotFound, which names the known ones."""
        async with self._database.read() as tx:
            return await agents.get(tx, name_or_id)

    async def arename_agent(self, name_or_id: str, new_name: str) -> Agent:
        """Raises InputError where the name is empty or taken."""
        if not new_name.strip():
            raise InputError("An agent needs a name.", next_step="Give one of at most 200 characters.")
        async with self._database.write() as tx:
            return await agents.rename(tx, name_or_id, new_name.strip()[:200])

    async def adelete_agent(self, name_or_id: str) -> None:
        """Remove a saved agent; runs and results that name it stay. Raises AgentNotFound."""
        async with self._database.write() as tx:
            await agents.remove(tx, name_or_id)

    # The store

    async def astore_check(self) -> list[str]:
        """Return what is wrong with the store; an empty list where nothing is."""
        return await self._database.check()

    async def astore_upgrade(self) -> int:
        """Bring the store to this release's version; return it."""
        return await self._database.upgrade()

    async def aclose(self) -> None:
        """End child processes and unload models that were made in this loop."""
        toolkit = self._toolkits.pop(asyncio.get_running_loop(), None)
        if toolkit is not None:
            await toolkit.aclose()
        if self._owns_database:
            await self._database.aclose()

    # The same for code without a loop

    start = in_portal(astart)
    get = in_portal(aget)
    runs = in_portal(aruns)
    decide = in_portal(adecide)
    resume = in_portal(aresume)
    cancel = in_portal(acancel)
    delete = in_portal(adelete)
    journal = in_portal(ajournal)
    schemas = in_portal(aschemas)
    extract = in_portal(aextract)
    parse = in_portal(aparse)
    agents = in_portal(aagents)
    agent = in_portal(aagent)
    rename_agent = in_portal(arename_agent)
    delete_agent = in_portal(adelete_agent)
    store_check = in_portal(astore_check)
    store_upgrade = in_portal(astore_upgrade)

    def extract_many(
        self,
        files: Iterable[FileLike],
        *,
        schema: SchemaLike | None = None,
        agent: str | None = None,
        prompt: str | None = None,
    ) -> Iterator[BatchItem]:
        """As `aextract_many`."""
        items = self.aextract_many(files, schema=schema, agent=agent, prompt=prompt)
        try:
            while (item := self.portal.run(_next(items))) is not None:
                yield item
        finally:
            if not sys.is_finalizing():
                self.portal.run(_finish(items))

    def close(self) -> None:
        self.portal.run(self.aclose())
        self.portal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, t: TracebackType | None) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, t: TracebackType | None
    ) -> None:
        await self.aclose()

    # Inside

    def _toolkit(self) -> Toolkit:
        loop = asyncio.get_running_loop()
        if loop not in self._toolkits:
            self._toolkits[loop] = Toolkit(self.settings, self._given)
        return self._toolkits[loop]

    async def _create(self, file: FileLike, prompt: str, given: JsonSchema | None, *, approved: bool) -> Claimed:
        check_request(prompt, self.settings, schema_given=given is not None)
        path = await asyncio.to_thread(_existing_file, file)
        toolkit = self._toolkit()
        settings: dict[str, Any] = {
            "parser": toolkit.parser.name,
            "model": toolkit.model.name,
            "extractor": toolkit.extractor.name,
        }
        if given is not None:
            settings |= {"given_schema": given, "approved": approved}
        run = Run(
            id=new_id("run"),
            status=RunStatus.PARSING,
            prompt=prompt,
            file_path=str(path),
            file_name=path.name,
            settings=settings,
        )
        with runs.holding() as hold:
            async with self._database.write() as tx:
                claimed = hold(await runs.create(tx, run, self.settings.lease_seconds))
                facts = {"prompt": prompt, "file_name": path.name, "settings": {**settings, "given_schema": None}}
                await journal.append(tx, run.id, "run.created", facts)
        return claimed

    async def _work(self, claimed: Claimed, on_event: OnProgress | None) -> RunHandle:
        run_id = claimed.run.id
        try:
            await bursts.work(self._toolkit(), self._shelf, claimed, on_event or ignore_progress)
        except LeaseLost:
            handle = await self.aget(run_id)
            if handle.status is RunStatus.CANCELLED:
                raise RunCancelled(f"Run {run_id} was cancelled meanwhile.", run_id=run_id) from None
            raise
        return await self.aget(run_id)

    def _decision(
        self, kind: DecisionKind, version: int, feedback: str, schema: SchemaLike | None, run: Run
    ) -> Decision:
        if version < 1:
            raise NotAwaitingReview(
                f"Run {run.id} is {run.status}: it has no proposal to decide on yet.",
                next_step="Nothing to decide."
                if run.status in FINAL
                else f"Take it up with `fieldwise review {run.id}`.",
                run_id=run.id,
                status=str(run.status),
            )
        if kind not in get_args(DecisionKind):
            known = ", ".join(get_args(DecisionKind))
            raise InputError(f"There is no decision {kind!r}.", next_step=f"Known are: {known}.")
        if kind == "revise" and not feedback.strip():
            raise InputError("The feedback is empty.", next_step="Say in plain words what to change.")
        check_length("feedback", feedback, self.settings)
        edited: JsonSchema | None = None
        if kind == "edit":
            if schema is None:
                raise InputError(
                    "An edit needs the whole new schema.", next_step="Give a JSON Schema, or revise in words."
                )
            edited = read_schema_argument(schema)
            require_valid(edited)
        elif schema is not None:
            raise InputError(f"A decision to {kind} takes no schema.", next_step="Use edit to put a schema in place.")
        return Decision(kind=kind, version=version, feedback=feedback, schema=edited)

    async def _approved_schema(
        self, schema: SchemaLike | None, agent: str | None, prompt: str | None
    ) -> tuple[JsonSchema, str]:
        if (schema is None) == (agent is None):
            raise InputError("Give either a schema or an agent.", next_step="schema=... or agent=..., one of them.")
        if agent is not None:
            saved = await self.aagent(agent)
            return saved.json_schema, saved.prompt if prompt is None else prompt
        given = read_schema_argument(schema) if schema is not None else {}
        require_valid(given)
        return given, prompt or ""


def _existing_file(file: FileLike) -> Path:
    path = Path(file).expanduser().absolute()
    if not path.exists():
        raise InputError(f"There is no file {path}.", next_step="Check the name and the folder.", path=str(path))
    if path.is_dir():
        raise InputError(f"{path} is a folder.", next_step="Name a file in it.", path=str(path))
    return path


async def _next(items: AsyncIterator[BatchItem]) -> BatchItem | None:
    return await anext(items, None)


async def _finish(items: Any) -> None:
    await items.aclose()
