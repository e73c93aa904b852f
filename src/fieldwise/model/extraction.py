"""Extraction: the data, and for each leaf the evidence. Leaf paths are JSON Pointers (RFC 6901)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from .base import Frozen
from .document import Box
from .usage import Usage

Match = Literal["exact", "normalized", "fuzzy", "derived", "none"]
ExtractionStatus = Literal["complete", "incomplete", "unverified"]


class Citation(Frozen):
    """Where a value stands: page (from 1), the boxes of its words (one per line), the words as printed, match quality.

    Boxes come from the page's words, never from a model; a format without places has a page and a quote but no boxes.
    Its `anchor` says where on the page: `Prices!B4`, `slide 3`, `paragraph 12`.
    """

    page: int = Field(ge=1)
    boxes: tuple[Box, ...] = ()
    quote: str
    match: Match
    anchor: str | None = None


class Issue(Frozen):
    """Something the reader of a result must know. `path` is a leaf, a container, or "" for the whole."""

    path: str
    code: str
    message: str


class Extraction(Frozen):
    """`data` conforms to the approved schema. `status` "complete" is a promise: every part was read, counted and cited.

    "incomplete": something is known to be missing. "unverified": nothing shows a loss, but it could not be checked.
    """

    run_id: str = ""
    agent_id: str = ""
    document_id: str = ""
    schema_version: int = 1
    status: ExtractionStatus
    data: dict[str, Any]
    citations: dict[str, tuple[Citation, ...]] = Field(default_factory=dict)
    confidence: dict[str, float] = Field(default_factory=dict)
    issues: tuple[Issue, ...] = ()
    usage: Usage = Usage()

    def cite(self, path: str) -> Citation | None:
        """Return the first citation of a leaf (`/authors/0/name`), or None where the value was not found on a page."""
        found = self.citations.get(path, ())
        return found[0] if found else None
