"""Means over documents with the interval in which they would lie on other documents of the kind."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fieldwise.model import Frozen

RESAMPLES = 10_000
SEED = 20_261_122
_AT_ONCE = 4_000_000


class Estimate(Frozen):
    """`mean` over `n` documents and its 95 % bootstrap interval, `low` to `high`."""

    n: int
    mean: float
    low: float
    high: float


def estimate(values: Sequence[float | None], *, resamples: int = RESAMPLES, seed: int = SEED) -> Estimate | None:
    """Return mean and interval of the documents that have a value, or None where none has.

    Documents are drawn with replacement, `resamples` times; the same values and seed give the same interval, in
    whatever order the values come.
    """
    kept = np.sort(np.array([v for v in values if v is not None], dtype=np.float64))
    n = len(kept)
    if not n:
        return None
    if n == 1 or kept[0] == kept[-1]:
        value = float(kept[0])
        return Estimate(n=n, mean=value, low=value, high=value)
    random = np.random.default_rng(seed)
    means = np.empty(resamples)
    step = max(1, _AT_ONCE // n)
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        means[start : start + size] = kept[random.integers(0, n, size=(size, n))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Estimate(n=n, mean=float(kept.mean()), low=float(low), high=float(high))
