"""A case: what a document should have given, and what a system gave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from fieldwise.model import Box, Frozen, JsonSchema, Usage

from .canonical import Locale


class Evidence(Frozen):
    """One place of a value: page (from 1), boxes as fractions of the page, and the words there, where known."""

    page: int = Field(ge=1)
    boxes: tuple[Box, ...] = ()
    quote: str = ""


class Gold(Frozen):
    """`evidence` is by pointer. What lies at or below a pointer in `skip` is not scored, on either side."""

    data: dict[str, Any]
    evidence: dict[str, tuple[Evidence, ...]] = Field(default_factory=dict)
    skip: frozenset[str] = frozenset()


class Prediction(Frozen):
    """What a system gave for a document. `cites` is False for systems whose form has no place for evidence.

    `data` None stands for an output that failed, is missing or is no JSON object; `error` says which. `status` None:
    the system does not say whether anything is missing, and so leaves the reader to believe that nothing is.
    """

    data: dict[str, Any] | None = None
    error: str = ""
    status: str | None = None
    evidence: dict[str, tuple[Evidence, ...]] = Field(default_factory=dict)
    cites: bool = False
    unfound: frozenset[str] = Field(default=frozenset(), description="pointers the system itself flags as ungrounded")
    confidence: dict[str, float] = Field(default_factory=dict)
    failed_parts: int = 0
    usage: Usage | None = None


class Case(Frozen):
    """One document. `groups` are what results are also reported by, such as `{"kind": "scan", "domain": "invoice"}`."""

    name: str
    gold: Gold
    prediction: Prediction
    json_schema: JsonSchema | None = Field(default=None, alias="schema")
    groups: dict[str, str] = Field(default_factory=dict)
    pages: int | None = None
    day_first: bool | None = None
    decimal_mark: str | None = Field(default=None, pattern=r"^[.,]$")
    document: str | None = Field(default=None, description="path of the document, for page snippets")

    @property
    def usage_by(self) -> Mapping[str, float]:
        """Return the cost of this document: tokens, calls, seconds, and seconds per page where pages are known."""
        usage = self.prediction.usage
        if usage is None:
            return {}
        cost: dict[str, float] = {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "calls": usage.calls,
            "seconds": usage.seconds,
        }
        if self.pages:
            cost |= {f"{name}_per_page": value / self.pages for name, value in list(cost.items())}
        return cost

    def locale(self) -> Locale:
        """Return how this document writes ambiguous dates and numbers: as told, else as its own gold values show."""
        from fieldwise.grounding import dates, numbers

        texts = [*_strings(self.gold.data)]
        day_first = self.day_first if self.day_first is not None else dates.prefers_day_first(" ; ".join(texts))
        mark = self.decimal_mark or numbers.decimal_mark(texts)
        return Locale(day_first, "," if mark == "," else "." if mark == "." else None)


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value[:200]]
    if isinstance(value, dict):
        return [s for child in value.values() for s in _strings(child)]
    if isinstance(value, list):
        return [s for child in value for s in _strings(child)]
    return []
