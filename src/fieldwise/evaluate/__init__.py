"""How good an extraction is, to the cell: deterministic metrics, no model as a judge.

case     = what one document should have given, and what a system gave
score    = its cells compared one by one, records aligned optimally
report   = means with intervals over documents, by group and by field
"""

from __future__ import annotations

from .extra import require_extra

require_extra()

from .cases import Case, Evidence, Gold, Prediction  # noqa: E402  # after the check that says what to install
from .report import Report, evaluate  # noqa: E402  # as above
from .scores import Cell, DocumentScore, Record  # noqa: E402  # as above
from .scoring import score_document  # noqa: E402  # as above

__all__ = [
    "Case",
    "Cell",
    "DocumentScore",
    "Evidence",
    "Gold",
    "Prediction",
    "Record",
    "Report",
    "evaluate",
    "score_document",
]
