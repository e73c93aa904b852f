"""The nouns: frozen values, no input or output."""

from __future__ import annotations

from .agent import Agent, made_up_name
from .base import Frozen, JsonSchema, new_id, now
from .decision import Decision, DecisionKind
from .document import Block, Box, Cell, Document, Page, ParseIssue, Span, Table, Word, WordColumns
from .extraction import Citation, Extraction, ExtractionStatus, Issue, Match
from .page_image import PageImage
from .progress import OnProgress, Progress, ignore_progress
from .run import FINAL, WORKING, Run, RunStatus, may_become, may_come_from
from .schema import FieldEvidence, Origin, SchemaField, SchemaVersion, field_path, type_name, walk_fields
from .usage import Usage

__all__ = [
    "FINAL",
    "WORKING",
    "Agent",
    "Block",
    "Box",
    "Cell",
    "Citation",
    "Decision",
    "DecisionKind",
    "Document",
    "Extraction",
    "ExtractionStatus",
    "FieldEvidence",
    "Frozen",
    "Issue",
    "JsonSchema",
    "Match",
    "OnProgress",
    "Origin",
    "Page",
    "PageImage",
    "ParseIssue",
    "Progress",
    "Run",
    "RunStatus",
    "SchemaField",
    "SchemaVersion",
    "Span",
    "Table",
    "Usage",
    "Word",
    "WordColumns",
    "field_path",
    "ignore_progress",
    "made_up_name",
    "may_become",
    "may_come_from",
    "new_id",
    "now",
    "type_name",
    "walk_fields",
]
