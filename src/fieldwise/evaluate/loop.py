"""How good the loop of schemas is: what a proposal covers, and whether a revision touches only what it was asked to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from fieldwise.extract.shape import node_of
from fieldwise.model import JsonSchema, walk_fields

from .canonical import Canon, Locale, canon, matches
from .rules import ANY, Rule
from .scores import is_null

_STRING = Rule("string")


class Locality(NamedTuple):
    """`kept`: share of the fields that were not named which are byte-identical; `changed`: names that did change."""

    kept: float | None
    changed: float | None


def coverage(gold: Any, result: Any, *, locale: Locale = Locale()) -> float | None:  # noqa: B008  # an immutable value
    """Return the share of gold values that stand anywhere in a result, whatever its schema calls them.

    None where gold has no value. Each place in the result stands for one value only.
    """
    wanted = [_canons(v, locale) for v in _leaves(gold)]
    given = [_canons(v, locale) for v in _leaves(result)]
    if not wanted:
        return None
    waiting: dict[Any, list[int]] = {}
    for i, (first, *_) in enumerate(given):
        waiting.setdefault(first.key, []).append(i)
    used: set[int] = set()
    left = []
    for forms in wanted:
        mates = waiting.get(forms[0].key, [])
        if mates:
            used.add(mates.pop())
        else:
            left.append(forms)
    found = len(used)
    for forms in left:
        mate = next((i for i, other in enumerate(given) if i not in used and _same(forms, other)), None)
        if mate is not None:
            used.add(mate)
            found += 1
    return found / len(wanted)


def locality(before: JsonSchema, after: JsonSchema, named: Collection[str]) -> Locality:
    """Compare two versions of a schema after feedback that names fields, by their paths (`/authors/*/name`).

    A field counts as its own keywords, without the fields below it; a new field that was not named is no kept one. A
    named field has changed when it differs, is gone or is new.
    """
    old, new = _fields(before), _fields(after)
    others = [path for path in old.keys() | new.keys() if path not in named]
    kept = sum(old.get(path) == new.get(path) for path in others)
    changed = sum(old.get(path) != new.get(path) for path in named)
    return Locality(kept / len(others) if others else None, changed / len(named) if named else None)


def validity(attempts: Sequence[Sequence[bool]]) -> tuple[float, float] | None:
    """Return the share of proposals that are valid at the first answer, and after repair; None without any.

    Each proposal is the list of its answers' validity, in order.
    """
    made = [answers for answers in attempts if answers]
    if not made:
        return None
    return sum(answers[0] for answers in made) / len(made), sum(answers[-1] for answers in made) / len(made)


def _fields(schema: JsonSchema) -> dict[str, tuple[bool, list[tuple[str, Any]]]]:
    return {f.path: (f.required, _own(node_of(f.schema, schema))) for f in walk_fields(schema)}


def _own(node: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return a field's own keywords in their order; those that hold other fields are left to these."""
    kept = []
    for key, value in node.items():
        if key in ("properties", "required"):
            continue
        kept.append((key, _own(value) if key == "items" and isinstance(value, dict) else value))
    return kept


def _canons(value: Any, locale: Locale) -> tuple[Canon, ...]:
    if isinstance(value, str):
        return canon(value, _STRING, locale), canon(value, Rule("number"), locale)
    return canon(value, ANY, locale), canon(value, Rule("number"), locale)


def _same(a: Sequence[Canon], b: Sequence[Canon]) -> bool:
    return matches(a[0], b[0]) or (a[1].number is not None and matches(a[1], b[1]))


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for child in value.values() for leaf in _leaves(child)]
    if isinstance(value, list):
        return [leaf for child in value for leaf in _leaves(child)]
    return [] if is_null(value) else [value]
