"""What is reported of many documents: each metric's mean and interval, overall, by group and by field.

A document counts once, whatever its size. Confidence is the exception: it is judged over all cells together, because
single documents seldom have enough wrong ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fieldwise.errors import InputError

from .cases import Case
from .confidence import Bin, Judged, auroc, expected_calibration_error, reliability, review_yield
from .grounding import Grounding, Support, measure_grounding, measure_support
from .scores import Cell, DocumentScore, by_field, is_null
from .scoring import score_document
from .statistics import RESAMPLES, SEED, Estimate, estimate

HEADLINE = (
    "value_f1",
    "value_f1_strict",
    "record_recall",
    "record_precision",
    "page_f1",
    "word_f1",
    "silent_loss_rate",
)
PER_DOCUMENT = (
    *HEADLINE,
    "value_precision",
    "value_recall",
    "count_error",
    "anls",
    "omission_rate",
    "hallucination_rate",
    "support_rate",
    "failed_rate",
)
POOLED = ("auroc", "ece", "review_yield")
LOWER_IS_BETTER = frozenset(
    ("silent_loss_rate", "count_error", "omission_rate", "hallucination_rate", "failed_rate", "ece")
)


@dataclass(frozen=True)
class DocumentResult:
    """One document's score with all that is counted of it. `metrics` are None where there is nothing to count."""

    score: DocumentScore
    grounding: Grounding
    support: Support
    metrics: Mapping[str, float | None]
    judged: tuple[Judged, ...]

    @property
    def name(self) -> str:
        return self.score.case.name

    @property
    def wrong(self) -> list[Cell]:
        return [c for c in self.score.cells if not c.matched]


@dataclass(frozen=True)
class FieldResult:
    """A field over all documents: cells on each side, those that match, nulls, and the documents it occurs in."""

    path: str
    documents: int
    gold: int
    predicted: int
    matched: int
    omitted: int
    invented: int
    f1: Estimate | None


@dataclass(frozen=True)
class Report:
    documents: tuple[DocumentResult, ...]
    resamples: int = RESAMPLES
    seed: int = SEED

    @cached_property
    def overall(self) -> dict[str, Estimate | None]:
        return self._estimates(self.documents)

    @cached_property
    def groups(self) -> dict[str, dict[str, Group]]:
        """Return results by group kind and value: `{"kind": {"scan": ...}}`; kinds with one value are left out."""
        found: dict[str, dict[str, list[DocumentResult]]] = {}
        for document in self.documents:
            for kind, value in document.score.case.groups.items():
                found.setdefault(kind, {}).setdefault(value, []).append(document)
        return {
            kind: {v: Group(len(held), self._estimates(held), pooled(held)) for v, held in sorted(values.items())}
            for kind, values in found.items()
            if len(values) > 1
        }

    @cached_property
    def fields(self) -> tuple[FieldResult, ...]:
        """Return every field's result, in the order of the fields."""
        cells: dict[str, list[list[Cell]]] = {}
        for document in self.documents:
            for path, held in by_field(document.score.cells).items():
                cells.setdefault(path, []).append(held)
        return tuple(self._field(path, held) for path, held in cells.items())

    @cached_property
    def pooled(self) -> dict[str, float | None]:
        return pooled(self.documents)

    @cached_property
    def reliability(self) -> tuple[Bin, ...]:
        return reliability([pair for d in self.documents for pair in d.judged])

    @cached_property
    def cost(self) -> dict[str, Estimate | None]:
        """Return tokens, calls and seconds, per document and, where pages are known, per page."""
        costs = [d.score.case.usage_by for d in self.documents]
        names = dict.fromkeys(name for cost in costs for name in cost)
        return {name: self._estimate([cost.get(name) for cost in costs]) for name in names}

    def value(self, metric: str) -> float | None:
        """Return a metric's mean. Raises InputError for a name that is none."""
        if metric in self.overall:
            found = self.overall[metric]
            return found.mean if found is not None else None
        if metric in self.pooled:
            return self.pooled[metric]
        known = ", ".join((*PER_DOCUMENT, *POOLED))
        raise InputError(f"There is no metric {metric!r}.", next_step=f"The metrics are: {known}.")

    def _estimates(self, documents: Sequence[DocumentResult]) -> dict[str, Estimate | None]:
        return {name: self._estimate([d.metrics[name] for d in documents]) for name in PER_DOCUMENT}

    def _estimate(self, values: Sequence[float | None]) -> Estimate | None:
        return estimate(values, resamples=self.resamples, seed=self.seed)

    def _field(self, path: str, held: Sequence[Sequence[Cell]]) -> FieldResult:
        everything = [cell for cells in held for cell in cells]
        scores = [_f1(cells) for cells in held]
        return FieldResult(
            path=path,
            documents=len(held),
            gold=sum(c.gold_pointer is not None for c in everything),
            predicted=sum(c.predicted_pointer is not None for c in everything),
            matched=sum(c.matched for c in everything),
            omitted=sum(not is_null(c.gold) and is_null(c.predicted) for c in everything if c.gold_pointer is not None),
            invented=sum(is_null(c.gold) and not is_null(c.predicted) for c in everything),
            f1=self._estimate(scores),
        )


@dataclass(frozen=True)
class Group:
    documents: int
    metrics: Mapping[str, Estimate | None]
    pooled: Mapping[str, float | None]


def evaluate(cases: Iterable[Case], *, resamples: int = RESAMPLES, seed: int = SEED) -> Report:
    """Score every case. Raises InputError where there is none, SchemaInvalid for an unknown `x-eval`."""
    documents = tuple(_result(score_document(case)) for case in cases)
    if not documents:
        raise InputError("There is nothing to evaluate.", next_step="Name files, or folders that hold some.")
    return Report(documents, resamples, seed)


def pooled(documents: Sequence[DocumentResult]) -> dict[str, float | None]:
    """Return what is judged over the cells of all these documents together."""
    judged = [pair for document in documents for pair in document.judged]
    return {"auroc": auroc(judged), "ece": expected_calibration_error(judged), "review_yield": review_yield(judged)}


def _result(score: DocumentScore) -> DocumentResult:
    grounding, support = measure_grounding(score), measure_support(score)
    failed = score.failed
    prediction = score.case.prediction
    metrics: dict[str, float | None] = {
        "value_f1": 0.0 if failed else score.counts.f1,
        "value_f1_strict": 0.0 if failed else score.strict.f1,
        "value_precision": 0.0 if failed else score.counts.precision,
        "value_recall": 0.0 if failed else score.counts.recall,
        "record_recall": score.record_recall,
        "record_precision": score.record_precision,
        "count_error": score.count_error,
        "silent_loss_rate": float(score.silent_loss),
        "anls": score.anls,
        "omission_rate": score.omission,
        "hallucination_rate": score.hallucination,
        "page_f1": grounding.page_f1,
        "word_f1": grounding.word_f1,
        "support_rate": support.rate if prediction.cites else None,
        "failed_rate": float(failed),
    }
    return DocumentResult(score, grounding, support, metrics, tuple(_judged(score)))


def _judged(score: DocumentScore) -> Iterable[Judged]:
    confidence = score.case.prediction.confidence
    if not confidence:
        return
    for cell in score.cells:
        if cell.predicted_pointer is not None and (given := confidence.get(cell.predicted_pointer)) is not None:
            yield (min(1.0, max(0.0, given)), cell.matched)


def _f1(cells: Sequence[Cell]) -> float:
    given = sum(c.predicted_pointer is not None for c in cells)
    wanted = sum(c.gold_pointer is not None for c in cells)
    return 2 * sum(c.matched for c in cells) / (given + wanted) if given + wanted else 1.0


def report_json(report: Report, *, wrong_cells: int | None = 1_000) -> dict[str, Any]:
    """Return the report as programs read it: the headline at the top level, then the details.

    At most `wrong_cells` wrong cells of each document are listed (None: all); `wrong` says how many there are.
    """
    headline = {name: _mean(report.overall[name]) for name in HEADLINE}
    return {
        **headline,
        "documents_scored": len(report.documents),
        "metrics": {name: _estimate_json(found) for name, found in report.overall.items()},
        "confidence": {
            **report.pooled,
            "reliability": [b._asdict() for b in report.reliability],
        },
        "cost": {name: _estimate_json(found) for name, found in report.cost.items()},
        "groups": {
            kind: {
                value: {
                    "documents": group.documents,
                    **{name: _estimate_json(found) for name, found in group.metrics.items()},
                    "confidence": dict(group.pooled),
                }
                for value, group in values.items()
            }
            for kind, values in report.groups.items()
        },
        "fields": [
            {
                "path": f.path,
                "documents": f.documents,
                "gold": f.gold,
                "predicted": f.predicted,
                "matched": f.matched,
                "omitted": f.omitted,
                "invented": f.invented,
                "f1": _estimate_json(f.f1),
            }
            for f in report.fields
        ],
        "documents": [_document_json(d, wrong_cells) for d in report.documents],
        "bootstrap": {"resamples": report.resamples, "seed": report.seed, "level": 0.95},
    }


def _document_json(document: DocumentResult, wrong_cells: int | None) -> dict[str, Any]:
    score = document.score
    wrong = document.wrong
    return {
        "name": document.name,
        "groups": score.case.groups,
        "status": score.case.prediction.status,
        "error": score.case.prediction.error or None,
        **document.metrics,
        "cells": {"matched": score.counts.matched, "predicted": score.counts.predicted, "gold": score.counts.gold},
        "records": {
            "gold": score.gold_records,
            "predicted": sum(r.predicted_pointer is not None for r in score.records),
            "found": sum(r.found for r in score.records),
        },
        "unsupported": {
            "values": document.support.values - document.support.supported,
            "flagged": document.support.flagged,
        },
        "outside_schema": {side: list(found) for side, found in score.outside.items() if found},
        "cost": dict(score.case.usage_by),
        "wrong": len(wrong),
        "wrong_cells": [
            {
                "path": cell.predicted_pointer if cell.predicted_pointer is not None else cell.gold_pointer,
                "gold_path": cell.gold_pointer,
                "expected": cell.gold,
                "got": cell.predicted,
            }
            for cell in wrong[:wrong_cells]
        ],
    }


def _estimate_json(found: Estimate | None) -> dict[str, Any] | None:
    return found.model_dump() if found is not None else None


def _mean(found: Estimate | None) -> float | None:
    return found.mean if found is not None else None
