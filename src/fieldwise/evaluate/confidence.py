"""Whether confidence can be trusted: does it rank right above wrong, is it a probability, what review does it save."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

BINS = 10
YIELD_PRECISION = 0.99

Judged = tuple[float, bool]
"""A confidence in 0..1, and whether the value it was given for is right."""


class Bin(NamedTuple):
    """Cells whose confidence lies in [`low`, `high`): how many, their mean confidence, the share that is right."""

    low: float
    high: float
    cells: int
    confidence: float
    accuracy: float


def auroc(judged: Sequence[Judged]) -> float | None:
    """Return the chance that a right value has more confidence than a wrong one (ties count half).

    None where all are right or all are wrong.
    """
    right = sum(ok for _, ok in judged)
    wrong = len(judged) - right
    if not right or not wrong:
        return None
    below = won = 0.0
    for _, group in groupby(sorted(judged), key=lambda pair: pair[0]):
        oks = [ok for _, ok in group]
        good, bad = sum(oks), len(oks) - sum(oks)
        won += good * (below + bad / 2)
        below += bad
    return won / (right * wrong)


def reliability(judged: Sequence[Judged]) -> tuple[Bin, ...]:
    """Return the ten bins of a reliability diagram, those without cells left out."""
    bins: list[list[Judged]] = [[] for _ in range(BINS)]
    for confidence, ok in judged:
        bins[min(BINS - 1, max(0, int(confidence * BINS)))].append((confidence, ok))
    return tuple(
        Bin(
            i / BINS,
            (i + 1) / BINS,
            len(held),
            sum(c for c, _ in held) / len(held),
            sum(ok for _, ok in held) / len(held),
        )
        for i, held in enumerate(bins)
        if held
    )


def expected_calibration_error(judged: Sequence[Judged]) -> float | None:
    """Return the mean distance between confidence and accuracy over the bins, weighted by their cells."""
    if not judged:
        return None
    return sum(b.cells * abs(b.confidence - b.accuracy) for b in reliability(judged)) / len(judged)


def review_yield(judged: Sequence[Judged], precision: float = YIELD_PRECISION) -> float | None:
    """Return the largest share of cells that a confidence threshold accepts with at least this precision."""
    if not judged:
        return None
    accepted = best = right = 0
    for _, group in groupby(sorted(judged, key=lambda pair: -pair[0]), key=lambda pair: pair[0]):
        for _, ok in group:
            accepted += 1
            right += ok
        if right >= precision * accepted - 1e-9:
            best = accepted
    return best / len(judged)
