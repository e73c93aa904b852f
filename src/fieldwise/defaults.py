"""`fw.start(...)` and its like: the calls of a default client, which is made on first use from the settings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from functools import cache

from fieldwise.client import BatchItem, Fieldwise, FileLike
from fieldwise.handle import RunHandle
from fieldwise.model import Document, Extraction, OnProgress
from fieldwise.schemas import SchemaLike


@cache
def default_client() -> Fieldwise:
    return Fieldwise()


def start(
    file: FileLike, prompt: str, *, schema: SchemaLike | None = None, on_event: OnProgress | None = None
) -> RunHandle:
    """Parse the file and propose a schema; the run then waits for `.approve()`, `.revise(...)`, `.edit(...)`."""
    return default_client().start(file, prompt, schema=schema, on_event=on_event)


async def astart(
    file: FileLike, prompt: str, *, schema: SchemaLike | None = None, on_event: OnProgress | None = None
) -> RunHandle:
    """As `start`, for async code."""
    return await default_client().astart(file, prompt, schema=schema, on_event=on_event)


def extract(
    file: FileLike,
    *,
    schema: SchemaLike | None = None,
    agent: str | None = None,
    prompt: str | None = None,
    on_event: OnProgress | None = None,
) -> Extraction:
    """Extract with a schema that needs no review, or with a saved agent."""
    return default_client().extract(file, schema=schema, agent=agent, prompt=prompt, on_event=on_event)


async def aextract(
    file: FileLike,
    *,
    schema: SchemaLike | None = None,
    agent: str | None = None,
    prompt: str | None = None,
    on_event: OnProgress | None = None,
) -> Extraction:
    """As `extract`, for async code."""
    return await default_client().aextract(file, schema=schema, agent=agent, prompt=prompt, on_event=on_event)


def extract_many(
    files: Iterable[FileLike],
    *,
    schema: SchemaLike | None = None,
    agent: str | None = None,
    prompt: str | None = None,
) -> Iterator[BatchItem]:
    """Extract from each file in turn; a file's error comes as its item, and the next file goes on."""
    return default_client().extract_many(files, schema=schema, agent=agent, prompt=prompt)


def aextract_many(
    files: Iterable[FileLike],
    *,
    schema: SchemaLike | None = None,
    agent: str | None = None,
    prompt: str | None = None,
) -> AsyncIterator[BatchItem]:
    """As `extract_many`, for async code."""
    return default_client().aextract_many(files, schema=schema, agent=agent, prompt=prompt)


def parse(file: FileLike, *, keep: bool = True, on_event: OnProgress | None = None) -> Document:
    """Read a file into pages of markdown, words with boxes, and tables."""
    return default_client().parse(file, keep=keep, on_event=on_event)


async def aparse(file: FileLike, *, keep: bool = True, on_event: OnProgress | None = None) -> Document:
    """As `parse`, for async code."""
    return await default_client().aparse(file, keep=keep, on_event=on_event)
