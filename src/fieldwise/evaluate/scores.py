"""What comes of comparing one document: cells, records, counts, and the figures they give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .cases import Case
from .rules import Rule

LOST_BELOW = 0.98
"""A document of which fewer records are found has lost some."""


class Cell(NamedTuple):
    """One comparison. A side that has no such cell has no pointer: a missed record's cells, or a made-up one's."""

    field: str
    gold_pointer: str | None
    predicted_pointer: str | None
    gold: Any
    predicted: Any
    matched: bool
    rule: Rule


class Record(NamedTuple):
    """A list's entry. `share` is how much of its own cells matches (records inside it are counted by themselves)."""

    field: str
    gold_pointer: str | None
    predicted_pointer: str | None
    share: float
    found: bool


class Counts(NamedTuple):
    """Cells that match, cells on the predicted side, cells on the gold side."""

    matched: int = 0
    predicted: int = 0
    gold: int = 0

    @property
    def precision(self) -> float:
        return self.matched / self.predicted if self.predicted else 1.0 if not self.gold else 0.0

    @property
    def recall(self) -> float:
        return self.matched / self.gold if self.gold else 1.0 if not self.predicted else 0.0

    @property
    def f1(self) -> float:
        total = self.predicted + self.gold
        return 2 * self.matched / total if total else 1.0


@dataclass(frozen=True)
class DocumentScore:
    """All that was compared in one document. `outside` names values that the schema has no field for, by side."""

    case: Case
    cells: tuple[Cell, ...]
    records: tuple[Record, ...]
    counts: Counts
    strict: Counts
    anls: float | None
    count_difference: int
    outside: Mapping[str, tuple[str, ...]]

    @property
    def failed(self) -> bool:
        return self.case.prediction.data is None

    @property
    def gold_records(self) -> int:
        return sum(r.gold_pointer is not None for r in self.records)

    @property
    def record_recall(self) -> float | None:
        return sum(r.found for r in self.records) / self.gold_records if self.gold_records else None

    @property
    def record_precision(self) -> float | None:
        given = sum(r.predicted_pointer is not None for r in self.records)
        if not given:
            return 0.0 if self.gold_records else None
        return sum(r.found for r in self.records) / given

    @property
    def count_error(self) -> float | None:
        return self.count_difference / self.gold_records if self.gold_records else None

    @property
    def silent_loss(self) -> bool:
        """Say whether rows are missing, or a part has failed, and the status does not admit it."""
        prediction = self.case.prediction
        if self.failed or prediction.status not in (None, "complete"):
            return False
        recall = self.record_recall
        return (recall is not None and recall < LOST_BELOW) or prediction.failed_parts > 0

    @property
    def omission(self) -> float | None:
        """Return the share of gold values for which nothing is given."""
        given = [c for c in self.cells if c.gold_pointer is not None and not is_null(c.gold)]
        return sum(is_null(c.predicted) for c in given) / len(given) if given else None

    @property
    def hallucination(self) -> float | None:
        """Return the share of fields without a gold value for which something is given all the same."""
        empty = [c for c in self.cells if c.gold_pointer is not None and is_null(c.gold)]
        return sum(not is_null(c.predicted) for c in empty) / len(empty) if empty else None


def is_null(value: Any) -> bool:
    """Say whether a value counts as none: null, or text without anything in it."""
    return value is None or (isinstance(value, str) and not value.strip())


def by_field(cells: Sequence[Cell]) -> dict[str, list[Cell]]:
    """Group cells by field path, in the order in which fields first appear."""
    found: dict[str, list[Cell]] = {}
    for cell in cells:
        found.setdefault(cell.field, []).append(cell)
    return found
