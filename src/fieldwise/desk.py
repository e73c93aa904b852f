"""The desk: where the workflow puts down what must not travel in its events, and picks it up again.

Documents, model answers, proposals and results go to the store through here; events and state carry ids, versions and
schemas. `StoreDesk` serves a workflow that somebody drives by hand (as in a notebook); `fieldwise.bursts` has one that
writes under a lease.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from pathlib import Path
from typing import Protocol

from fieldwise.errors import ParseError, StoreError
from fieldwise.model import (
    Agent,
    Decision,
    Document,
    Extraction,
    FieldEvidence,
    OnProgress,
    Progress,
    RunStatus,
    SchemaVersion,
    ignore_progress,
)
from fieldwise.parse.parser import Parser
from fieldwise.propose import Attempt
from fieldwise.store import Database, agents, documents, runs

_KEPT_IN_MEMORY = 4


class Desk(Protocol):
    """Every method may be called again with the same values after a crash, and then changes nothing."""

    async def enter(self, run_id: str, stage: RunStatus) -> None:
        """The work is in this stage now."""
        ...

    async def find_document(self, document_id: str, parser: str) -> Document | None:
        """Return the file's content as this parser read it before, or None."""
        ...

    async def keep_document(self, run_id: str, document: Document, *, cached: bool) -> None: ...

    async def document(self, document_id: str, parser: str) -> Document:
        """Return a kept document. Raises ParseError where it is gone."""
        ...

    async def attempted(self, run_id: str, attempt: Attempt) -> None:
        """The model answered, well or badly."""
        ...

    async def evidence(self, run_id: str) -> tuple[FieldEvidence, ...]:
        """Return what supported the newest version's fields."""
        ...

    async def propose(self, run_id: str, proposal: SchemaVersion) -> None:
        """This version goes to the person."""
        ...

    async def take_decision(self, run_id: str, decision: Decision) -> None:
        """Let one answer a version through. Raises StaleDecision for another answer to the same version."""
        ...

    async def finish(self, run_id: str, extraction: Extraction, agent: Agent) -> Extraction:
        """Keep the agent, and the extraction under its id; return the extraction with ids filled in."""
        ...


class StoreDesk:
    """Keeps documents, decisions and agents in the store; the run itself belongs to whoever holds the context."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._documents: OrderedDict[tuple[str, str], Document] = OrderedDict()

    async def enter(self, run_id: str, stage: RunStatus) -> None:
        return None

    async def find_document(self, document_id: str, parser: str) -> Document | None:
        key = (document_id, parser)
        if key in self._documents:
            self._documents.move_to_end(key)
            return self._documents[key]
        async with self.database.read() as tx:
            body = await documents.find(tx, document_id, parser)
        if body is None:
            return None
        document = await asyncio.to_thread(documents.unpack, body)
        self._remember(document)
        return document

    async def read(self, path: Path, parser: Parser, on_progress: OnProgress = ignore_progress) -> Document:
        """Return the file as this parser reads it: as it was kept before, or read now and kept from now on.

        A store that cannot be used is told and does without: the file is read. Raises ParseError.
        """
        try:
            digest = await asyncio.to_thread(content_id, path)
            found = await self.find_document(digest, parser.name) if digest else None
            if found is not None:
                return found.model_copy(update={"name": path.name})
        except StoreError as error:
            on_progress(Progress(stage="parse", message=f"Reading without the store: {error.message}"))
            return await parser.parse(path, on_progress)
        document = await parser.parse(path, on_progress)
        try:
            await self.keep_document("", document, cached=False)
        except StoreError as error:
            on_progress(Progress(stage="parse", message=f"Read, but not kept: {error.message}"))
        return document

    async def keep_document(self, run_id: str, document: Document, *, cached: bool) -> None:
        if not cached:
            body = await asyncio.to_thread(documents.pack, document)
            async with self.database.write() as tx:
                await documents.put(tx, document, body)
        self._remember(document)

    async def document(self, document_id: str, parser: str) -> Document:
        document = await self.find_document(document_id, parser)
        if document is None:
            raise ParseError(
                f"The document {document_id[:12]}... is not in the store (any more).",
                next_step="Start again with the file.",
                document_id=document_id,
            )
        return document

    async def attempted(self, run_id: str, attempt: Attempt) -> None:
        return None

    async def evidence(self, run_id: str) -> tuple[FieldEvidence, ...]:
        return ()

    async def propose(self, run_id: str, proposal: SchemaVersion) -> None:
        return None

    async def take_decision(self, run_id: str, decision: Decision) -> None:
        async with self.database.write() as tx:
            await runs.record_decision(tx, run_id, decision)

    async def finish(self, run_id: str, extraction: Extraction, agent: Agent) -> Extraction:
        async with self.database.write() as tx:
            kept = await agents.put(tx, agent)
        return extraction.model_copy(update={"agent_id": kept.id})

    def forget(self) -> None:
        """Drop the documents kept in memory."""
        self._documents.clear()

    def _remember(self, document: Document) -> None:
        self._documents[document.id, document.parser] = document
        self._documents.move_to_end((document.id, document.parser))
        while len(self._documents) > _KEPT_IN_MEMORY:
            self._documents.popitem(last=False)


def content_id(path: Path) -> str | None:
    """Return the sha256 of the file's bytes in hex, by which a Document is named; None for what is no readable file."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        # The parser looks again, and says what is wrong in its own words.
        return None
