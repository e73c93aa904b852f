"""A model that knows the answer: it gives gold values, and of lists only the records that stand in what it is shown.

With it, planning, windows, merging, grounding and completeness are measured without a model's mistakes; mixed with
`testing.FaultyModel`, with mistakes of a known kind and rate.
"""

from __future__ import annotations

from .model import OracleModel
from .printed import PrintedText, Spot, occurring

__all__ = ["OracleModel", "PrintedText", "Spot", "occurring"]
