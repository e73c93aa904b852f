"""The Extractor protocol: a Document and an approved schema in, an Extraction out."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from fieldwise.model import Document, Extraction, JsonSchema, OnProgress, ignore_progress


@runtime_checkable
class Extractor(Protocol):
    """`name` is recorded with every run."""

    @property
    def name(self) -> str: ...

    async def extract(
        self,
        document: Document,
        schema: JsonSchema,
        prompt: str = "",
        on_progress: OnProgress = ignore_progress,
    ) -> Extraction:
        """Fill all of `Extraction` but run_id, agent_id and schema_version. `prompt` is what the person asked for.

        Raises `ModelError`s; a part that fails is an issue and makes the status incomplete, it does not lose the rest.
        """
        ...

    async def aclose(self) -> None: ...
