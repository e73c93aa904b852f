"""Which predicted record stands for which gold record: the pairing with the most matching cells.

Identical records are paired first, which never costs a match; the rest is an assignment problem, solved exactly by the
Jonker-Volgenant algorithm of `lap`. Records are put in an order of their own before, so that the order in which they
are given changes nothing, ties included.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import lap
import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist

from .canonical import Canon, matches

Ints: TypeAlias = NDArray[np.int32]
Bools: TypeAlias = NDArray[np.bool_]
Pair = tuple[int, int]

LARGEST = 6_000
"""More records than this, beside as many others, are aligned in slices of their sorted order: memory grows with n²."""


class Row(NamedTuple):
    """A record to be aligned: its leaves in the columns' order, and for each nested list the keys of its cells.

    `identity` is equal for records that are equal in every cell. Columns in `skipped` do not count.
    """

    identity: str
    leaves: tuple[Canon, ...]
    nested: tuple[tuple[tuple[Any, ...], ...], ...]
    skipped: frozenset[int] = frozenset()


PairScore = Callable[[int, int, int], int]
"""Counts matching cells of nested list `column` between gold record i and predicted record j."""


def align(
    gold: Sequence[Row], predicted: Sequence[Row], nested_score: PairScore, *, nested_limit: int = 4_096
) -> list[Pair]:
    """Return pairs (gold index, predicted index), as many as the shorter side has records, in gold order.

    Nested lists are compared exactly up to `nested_limit` pairs; beyond that by the cells they share, whatever record
    these stand in.
    """
    pairs, left, right = _peel(gold, predicted)
    left.sort(key=lambda i: gold[i].identity)
    right.sort(key=lambda j: predicted[j].identity)
    slices = max(1, -(-max(len(left), len(right)) // LARGEST))
    for n in range(slices):
        ours, theirs = _slice(left, n, slices), _slice(right, n, slices)
        if ours and theirs:
            worth = _worth(
                [gold[i] for i in ours], [predicted[j] for j in theirs], ours, theirs, nested_score, nested_limit
            )
            pairs += [(ours[a], theirs[b]) for a, b in assign(worth)]
    return sorted(pairs)


def assign(worth: NDArray[Any]) -> list[Pair]:
    """Return the pairs (row, column) of highest total worth; every row or every column has one."""
    cost = worth.max(initial=0) - worth.astype(np.float64)
    _, columns, _ = lap.lapjv(cost, extend_cost=True)
    return [(row, int(column)) for row, column in enumerate(columns) if column >= 0]


def match_matrix(gold: Sequence[Canon], predicted: Sequence[Canon]) -> Bools:
    """Return which gold value matches which predicted one, as `matches` says, for all pairs at once."""
    keys: dict[Any, int] = {}
    ours, theirs = (_codes([(c.key, c.unit) if c.unit else c.key for c in side], keys) for side in (gold, predicted))
    result: Bools = ours[:, None] == theirs[None, :]
    if any(_needs_more(c) for c in gold) and any(_needs_more(c) for c in predicted):
        _refine(result, gold, predicted)
    return result


def text_similarities(gold: Sequence[str], predicted: Sequence[str], *, cutoff: float) -> NDArray[np.float64]:
    """Return 1 - Levenshtein distance / length of the longer for all pairs; what is below `cutoff` is 0."""
    alike: NDArray[np.float64] = cdist(gold, predicted, scorer=Levenshtein.normalized_similarity, dtype=np.float64)
    # Not the library's own cutoff: with 0.8 it drops similarities of exactly 0.8.
    alike[alike < cutoff - 1e-9] = 0.0
    return alike


def _needs_more(c: Canon) -> bool:
    return c.day is not None or c.number is not None or c.threshold is not None


def _refine(result: Bools, gold: Sequence[Canon], predicted: Sequence[Canon]) -> None:
    """Add the matches that need more than equal keys: a whole column at once where it is of one kind."""
    everything = [*gold, *predicted]
    if any(c.unit or (c.key is not None and c.key[0] == "date" and len(c.key[1]) > 10) for c in everything) or (
        any(c.number is not None for c in gold) and any(c.day or c.threshold is not None for c in gold)
    ):
        return _refine_one_by_one(result, gold, predicted)
    if any(c.number is not None for c in gold):
        g, p = (np.array([np.nan if c.number is None else c.number for c in side]) for side in (gold, predicted))
        tolerance = np.array([c.tolerance for c in gold])
        with np.errstate(invalid="ignore"):
            result |= np.abs(g[:, None] - p[None, :]) <= tolerance[:, None]
        return None
    if (threshold := next((c.threshold for c in gold if c.threshold is not None), None)) is not None:
        texts = [[c.text if c.key is not None else "" for c in side] for side in (gold, predicted)]
        alike = text_similarities(*texts, cutoff=threshold)
        given = [np.array([c.key is not None for c in side]) for side in (gold, predicted)]
        result |= (alike > 0) & given[0][:, None] & given[1][None, :]
    days: dict[Any, int] = {}
    ours, theirs = (_codes([c.day for c in side], days) for side in (gold, predicted))
    sizes = [np.array([len(c.day or "") for c in side]) for side in (gold, predicted)]
    both = (sizes[0][:, None] == sizes[1][None, :]) & (sizes[0] > 0)[:, None]
    # Two whole dates are one or two days, however alike their spellings are; equal keys have decided already.
    result[both] = (ours[:, None] == theirs[None, :])[both]
    return None


def _refine_one_by_one(result: Bools, gold: Sequence[Canon], predicted: Sequence[Canon]) -> None:
    ours, theirs = _distinct(gold), _distinct(predicted)
    for g_value, rows in ours.items():
        for p_value, columns in theirs.items():
            result[np.ix_(rows, columns)] = matches(g_value, p_value)


def _distinct(values: Sequence[Canon]) -> dict[Canon, list[int]]:
    found: dict[Canon, list[int]] = defaultdict(list)
    for i, value in enumerate(values):
        found[value].append(i)
    return found


def _codes(keys: Sequence[Any], known: dict[Any, int]) -> Ints:
    return np.array([known.setdefault(key, len(known)) for key in keys], dtype=np.int32)


def _peel(gold: Sequence[Row], predicted: Sequence[Row]) -> tuple[list[Pair], list[int], list[int]]:
    waiting: dict[str, list[int]] = defaultdict(list)
    for j, row in enumerate(predicted):
        waiting[row.identity].append(j)
    pairs, left = [], []
    for i, row in enumerate(gold):
        # A record of which some cells do not count may fit several others equally well: it waits for the assignment.
        if not row.skipped and waiting.get(row.identity):
            pairs.append((i, waiting[row.identity].pop(0)))
        else:
            left.append(i)
    return pairs, left, [j for rest in waiting.values() for j in rest]


def _worth(
    gold: Sequence[Row],
    predicted: Sequence[Row],
    ours: Sequence[int],
    theirs: Sequence[int],
    score: PairScore,
    limit: int,
) -> NDArray[Any]:
    """Return matching cells of each pair; among equals, the pair with more that are not null."""
    size = (len(gold), len(predicted))
    matched: Ints = np.zeros(size, dtype=np.int32)
    telling: Ints = np.zeros(size, dtype=np.int32)
    for column in range(len(gold[0].leaves)):
        g, p = [row.leaves[column] for row in gold], [row.leaves[column] for row in predicted]
        found = match_matrix(g, p)
        skipped = [i for i, row in enumerate(gold) if column in row.skipped]
        if skipped:
            found[skipped, :] = False
        matched += found
        given = np.array([c.key is not None for c in g])
        telling += found & given[:, None]
    for column in range(len(gold[0].nested)):
        if len(gold) * len(predicted) <= limit:
            counts = [[score(i, j, column) for j in theirs] for i in ours]
            shared: Ints = np.array(counts, dtype=np.int32).reshape(size)
        else:
            shared = _overlap([row.nested[column] for row in gold], [row.nested[column] for row in predicted])
        matched += shared
        telling += shared
    most = int(telling.max(initial=0)) + 1
    result: NDArray[Any] = matched.astype(np.int64) * most + telling
    return result


def _overlap(gold: Sequence[tuple[Any, ...]], predicted: Sequence[tuple[Any, ...]]) -> Ints:
    """Return how many keys each pair shares, counting repeats."""
    result: Ints = np.zeros((len(gold), len(predicted)), dtype=np.int32)
    ours, theirs = _occurrences(gold), _occurrences(predicted)
    for key, rows in ours.items():
        if key in theirs:
            result[np.ix_(rows, theirs[key])] += 1
    return result


def _occurrences(rows: Sequence[tuple[Any, ...]]) -> dict[Any, list[int]]:
    found: dict[Any, list[int]] = defaultdict(list)
    for i, keys in enumerate(rows):
        seen: dict[Any, int] = defaultdict(int)
        for key in keys:
            seen[key] += 1
            found[(key, seen[key])].append(i)
    return found


def _slice(items: list[int], n: int, of: int) -> list[int]:
    return items[len(items) * n // of : len(items) * (n + 1) // of]
