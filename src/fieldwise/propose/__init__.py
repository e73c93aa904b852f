"""A document and a request to a schema (`draft`), a schema and feedback to the next one (`revise`)."""

from __future__ import annotations

from .applying import Applied, Outcome, apply_edits
from .asking import Attempt, OnAttempt
from .check import Finding, check_schema, require_valid
from .diff import Detail, FieldChange, SchemaDiff, diff_schemas
from .drafting import Draft, draft
from .edits import Edit
from .evidence import carry_evidence, find_evidence
from .reading import Unreadable, read_object, read_schema
from .revising import revise

__all__ = [
    "Applied",
    "Attempt",
    "Detail",
    "Draft",
    "Edit",
    "FieldChange",
    "Finding",
    "OnAttempt",
    "Outcome",
    "SchemaDiff",
    "Unreadable",
    "apply_edits",
    "carry_evidence",
    "check_schema",
    "diff_schemas",
    "draft",
    "find_evidence",
    "read_object",
    "read_schema",
    "require_valid",
    "revise",
]
