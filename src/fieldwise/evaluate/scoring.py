"""One document's score: every cell compared, every record found or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from .alignment import Row, align, assign, match_matrix, text_similarities
from .canonical import Canon, Locale, canon, matches, similarity
from .cases import Case
from .rules import Rule
from .scores import Cell, Counts, DocumentScore, Record, is_null
from .shape import ListShape, ObjectShape, Path, ShapeReader, elements, get, pointer_of

FOUND_SHARE = 0.8
"""A record counts as found when this share of its cells matches."""

ANLS_CUTOFF = 0.5
_ANLS_LARGEST = 4_000_000


def score_document(case: Case) -> DocumentScore:
    """Compare a case's prediction with its gold. A prediction without data scores 0 on every gold cell.

    Raises SchemaInvalid for a schema with an unknown `x-eval`.
    """
    given: dict[str, Any] = case.prediction.data or {}
    reader = ShapeReader(case.json_schema)
    shape = reader.read(case.gold.data, given)
    locale, skip = case.locale(), case.gold.skip
    walk = _Walk(locale, skip)
    walk.object(shape, case.gold.data, given, "", "", "")
    cells, counts = walk.cells, walk.counts()
    strict = _Walk(locale, skip, strict=True)
    strict.object(shape, case.gold.data, given, "", "", "")
    strict_counts = strict.counts()
    if case.prediction.data is None:
        # Nulls that match nulls are no merit of an output that does not exist.
        cells = [c._replace(matched=False, predicted_pointer=None) for c in cells]
        counts, strict_counts = Counts(0, 0, counts.gold), Counts(0, 0, strict_counts.gold)
    weight = sum(w for _, w in walk.anls)
    return DocumentScore(
        case=case,
        cells=tuple(cells),
        records=tuple(walk.records),
        counts=counts,
        strict=strict_counts,
        anls=sum(s for s, _ in walk.anls) / weight if weight else None,
        count_difference=walk.count_difference,
        outside={side: tuple(sorted(found)) for side, found in reader.outside.items()},
    )


@dataclass
class _Walk:
    """Goes through both sides at once. One walk is one way of comparing: normalized or strict."""

    locale: Locale
    skip: frozenset[str]
    strict: bool = False
    cells: list[Cell] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    anls: list[tuple[float, int]] = field(default_factory=list)
    count_difference: int = 0
    _known: dict[Any, Canon] = field(default_factory=dict)

    def counts(self) -> Counts:
        return Counts(
            sum(c.matched for c in self.cells),
            sum(c.predicted_pointer is not None for c in self.cells),
            sum(c.gold_pointer is not None for c in self.cells),
        )

    def object(
        self, shape: ObjectShape, gold: Any, predicted: Any, gold_at: str | None, predicted_at: str | None, where: str
    ) -> None:
        """Compare two objects. A side whose `at` is None does not exist: its counterpart's cells stand alone."""
        for path, rule in shape.leaves.items():
            below = pointer_of(path)
            ours = f"{gold_at}{below}" if gold_at is not None else None
            theirs = f"{predicted_at}{below}" if predicted_at is not None else None
            if ours is not None and self.is_skipped(ours):
                continue
            self._leaf(f"{where}{below}", rule, get(gold, path), get(predicted, path), ours, theirs)
        for path, below_shape in shape.lists.items():
            below = pointer_of(path)
            ours = f"{gold_at}{below}" if gold_at is not None else None
            theirs = f"{predicted_at}{below}" if predicted_at is not None else None
            if ours is not None and self.is_skipped(ours):
                continue
            self._list(below_shape, get(gold, path), get(predicted, path), ours, theirs, f"{where}{below}")

    def is_skipped(self, pointer: str) -> bool:
        if not self.skip:
            return False
        return pointer in self.skip or any(pointer.startswith(f"{s}/") for s in self.skip)

    def canon(self, value: Any, rule: Rule) -> Canon:
        if isinstance(value, dict | list):
            return canon(value, rule, self.locale, strict=self.strict)
        known = self._known
        key = (type(value), value, rule)
        if (found := known.get(key)) is None:
            found = known[key] = canon(value, rule, self.locale, strict=self.strict)
        return found

    def _leaf(self, where: str, rule: Rule, gold: Any, predicted: Any, ours: str | None, theirs: str | None) -> None:
        g, p = self.canon(gold, rule), self.canon(predicted, rule)
        matched = ours is not None and theirs is not None and matches(g, p)
        self.cells.append(Cell(where, ours, theirs, gold, predicted, matched, rule))
        if rule.is_text and not self.strict and (g.key is not None or p.key is not None):
            self.anls.append((anls(g, p), 1))

    def _list(
        self, shape: ListShape, gold: Any, predicted: Any, ours: str | None, theirs: str | None, where: str
    ) -> None:
        golds = list(_pointed(gold, ours)) if ours is not None else []
        others = list(_pointed(predicted, theirs)) if theirs is not None else []
        golds = [(at, e) for at, e in golds if not self.is_skipped(at)]
        if shape.record is not None:
            self._records(shape.record, *_split(golds, others, records=True), f"{where}/*")
            golds, others = _split(golds, others, records=False)
        if golds or others:
            self._elements(shape.element, golds, others, f"{where}/*")

    def _elements(self, rule: Rule, golds: Pointed, others: Pointed, where: str) -> None:
        ours, theirs = [self.canon(e, rule) for _, e in golds], [self.canon(e, rule) for _, e in others]
        pairs = self._matching_elements(ours, theirs)
        for i, j in pairs:
            (at, value), (other_at, other) = golds[i], others[j]
            self.cells.append(Cell(where, at, other_at, value, other, True, rule))
        taken, used = {i for i, _ in pairs}, {j for _, j in pairs}
        self.cells += [Cell(where, at, None, e, None, False, rule) for i, (at, e) in enumerate(golds) if i not in taken]
        self.cells += [Cell(where, None, at, None, e, False, rule) for j, (at, e) in enumerate(others) if j not in used]
        if rule.is_text and not self.strict:
            self.anls.append((_list_anls(ours, theirs, len(pairs)), 1))

    def _matching_elements(self, ours: Sequence[Canon], theirs: Sequence[Canon]) -> list[tuple[int, int]]:
        # Equal ones first: what is left is small, or differs.
        waiting: dict[Any, list[int]] = {}
        for j, c in enumerate(theirs):
            waiting.setdefault((c.key, c.unit), []).append(j)
        pairs, left = [], []
        for i, c in enumerate(ours):
            if mates := waiting.get((c.key, c.unit)):
                pairs.append((i, mates.pop(0)))
            else:
                left.append(i)
        rest = sorted(j for mates in waiting.values() for j in mates)
        if left and rest:
            found = match_matrix([ours[i] for i in left], [theirs[j] for j in rest])
            if found.any():
                pairs += [(left[a], rest[b]) for a, b in assign(found) if found[a, b]]
        return pairs

    def _records(self, shape: ObjectShape, golds: Pointed, others: Pointed, where: str) -> None:
        self.count_difference += abs(len(golds) - len(others))
        pairs = self._pairs(shape, golds, others)
        mate = dict(pairs)
        used = set(mate.values())
        for i, (at, value) in enumerate(golds):
            j = mate.get(i)
            self._record(
                shape,
                value,
                others[j][1] if j is not None else None,
                at,
                others[j][0] if j is not None else None,
                where,
            )
        for j, (at, value) in enumerate(others):
            if j not in used:
                self._record(shape, None, value, None, at, where)

    def _record(
        self, shape: ObjectShape, gold: Any, predicted: Any, ours: str | None, theirs: str | None, where: str
    ) -> None:
        first, first_record = len(self.cells), len(self.records)
        self.object(shape, gold, predicted, ours, theirs, where)
        inside = self.cells[first:]
        own = [c for c in inside if not c.field.startswith(_lists_of_records(shape, where))] or inside
        matched = [c for c in own if c.matched]
        share = len(matched) / len(own) if own else 1.0
        told = any(not is_null(c.gold) for c in own)
        # Nulls alone do not make a record the same record.
        found = (
            ours is not None
            and theirs is not None
            and share >= FOUND_SHARE - 1e-9
            and (not told or any(not is_null(c.gold) for c in matched))
        )
        self.records.insert(first_record, Record(where, ours, theirs, share if ours and theirs else 0.0, found))

    def _pairs(self, shape: ObjectShape, golds: Pointed, others: Pointed) -> list[tuple[int, int]]:
        if not golds or not others:
            return []
        lists = list(shape.lists.items())

        def nested(i: int, j: int, column: int) -> int:
            path, below = lists[column]
            inner = _Walk(self.locale, self.skip, self.strict, _known=self._known)
            at = f"{golds[i][0]}{pointer_of(path)}"
            inner._list(below, get(golds[i][1], path), get(others[j][1], path), at, "", "")
            return sum(c.matched for c in inner.cells)

        ours = [self._row(shape, value, at if self.skip else None) for at, value in golds]
        theirs = [self._row(shape, value, None) for _, value in others]
        return align(ours, theirs, nested)

    def _row(self, shape: ObjectShape, record: Any, at: str | None) -> Row:
        leaves = tuple(self.canon(get(record, path), rule) for path, rule in shape.leaves.items())
        nested = tuple(tuple(self._keys(below, get(record, path))) for path, below in shape.lists.items())
        identity = "\x1e".join(
            [repr((c.key, c.unit)) for c in leaves] + [repr(sorted(map(repr, keys))) for keys in nested]
        )
        skipped: frozenset[int] = frozenset()
        if at is not None:
            columns = enumerate(shape.leaves)
            skipped = frozenset(i for i, path in columns if self.is_skipped(f"{at}{pointer_of(path)}"))
            if not skipped and any(s.startswith(f"{at}/") for s in self.skip):
                identity += "\x1e(some are skipped)"
        return Row(identity, leaves, nested, skipped)

    def _keys(self, shape: ListShape, value: Any, prefix: Path = ()) -> Iterator[Any]:
        """Yield a key for each cell of a nested list, and for each record: lists with equal keys are equal."""
        for element in elements(value):
            if shape.record is not None and isinstance(element, dict):
                row = self._row(shape.record, element, None)
                yield (prefix, "record", row.identity)
                yield from (((*prefix, *path), c.key) for path, c in zip(shape.record.leaves, row.leaves, strict=True))
            else:
                c = self.canon(element, shape.element)
                yield (prefix, c.key, c.unit)


Pointed = list[tuple[str, Any]]


def _pointed(value: Any, at: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list):
        yield from ((f"{at}/{i}", element) for i, element in enumerate(value) if element is not None)
    elif value is not None:
        yield at, value


def _split(golds: Pointed, others: Pointed, *, records: bool) -> tuple[Pointed, Pointed]:
    first, second = ([(at, e) for at, e in side if isinstance(e, dict) is records] for side in (golds, others))
    return first, second


def _lists_of_records(shape: ObjectShape, where: str) -> tuple[str, ...]:
    return tuple(f"{where}{pointer_of(path)}/*/" for path, below in shape.lists.items() if below.record is not None)


def anls(gold: Canon, predicted: Canon) -> float:
    """Return the similarity of two texts, 0 below the cut-off and where one side has none."""
    if gold.key is None or predicted.key is None:
        return 0.0
    alike = similarity(gold.text, predicted.text)
    return alike if alike >= ANLS_CUTOFF else 0.0


def _list_anls(ours: Sequence[Canon], theirs: Sequence[Canon], matching: int) -> float:
    longest = max(len(ours), len(theirs))
    if not ours or not theirs or len(ours) * len(theirs) > _ANLS_LARGEST:
        return matching / longest
    alike = text_similarities([c.text for c in ours], [c.text for c in theirs], cutoff=ANLS_CUTOFF)
    return float(sum(alike[i, j] for i, j in assign(alike))) / longest
