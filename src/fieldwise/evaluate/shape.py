"""What there is to compare in one document: the schema's fields, and where it leaves a form open, the values' own.

Without a schema the form is read from the values. With one, what it does not name is no cell; `outside` says what.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from fieldwise.extract.shape import kind_of, node_of, properties
from fieldwise.model import JsonSchema
from fieldwise.model.schema import escape

from .rules import ANY, Rule, is_skipped, rule_of

MAX_DEPTH = 24
Path = tuple[str, ...]
Objects = Sequence[dict[str, Any]]


class LeafShape(NamedTuple):
    rule: Rule


class ListShape(NamedTuple):
    """A list's elements: objects are records, everything else is one value each."""

    record: ObjectShape | None
    element: Rule


class ObjectShape(NamedTuple):
    """`leaves` and `lists` are all that lies below, through nested objects, by path."""

    leaves: Mapping[Path, Rule]
    lists: Mapping[Path, ListShape]


Shape: TypeAlias = LeafShape | ListShape | ObjectShape


class ShapeReader:
    """Reads the shape of one document's values. `outside` gathers pointers of values that the schema does not name."""

    def __init__(self, schema: JsonSchema | None) -> None:
        self._root = schema or {}
        self._open = schema is None
        self.outside: dict[str, set[str]] = {"gold": set(), "predicted": set()}

    def read(self, gold: Any, predicted: Any) -> ObjectShape:
        """Return what is compared of a document's `gold` and `predicted` values."""
        return self._object(self._root, _dicts([gold]), _dicts([predicted]), "", ())

    def _object(self, node: Any, gold: Objects, predicted: Objects, at: str, above: tuple[int, ...]) -> ObjectShape:
        leaves: dict[Path, Rule] = {}
        lists: dict[Path, ListShape] = {}
        node = node_of(node, self._root)
        fields: dict[str, Any] = dict(properties(node))
        if fields and (id(node.get("properties")) in above) and not gold and not predicted:
            # A schema that contains itself goes only as deep as the values.
            return ObjectShape({}, {})
        above = (*above, id(node.get("properties"))) if fields else above
        extra = node.get("additionalProperties")
        more = _keys(gold, predicted, fields)
        if isinstance(extra, dict) or not fields:
            fields |= {name: extra if isinstance(extra, dict) else {} for name in more}
        else:
            self._note_outside(gold, predicted, fields, at)
        if len(above) > MAX_DEPTH or at.count("/") > 4 * MAX_DEPTH:
            return ObjectShape({}, {})
        for name, child in fields.items():
            resolved = node_of(child, self._root)
            if is_skipped(resolved):
                continue
            here = f"{at}/{escape(name)}"
            values = [[v for o in side if (v := o.get(name)) is not None] for side in (gold, predicted)]
            shape = self._field(name, resolved, values[0], values[1], here, above)
            if isinstance(shape, LeafShape):
                leaves[(name,)] = shape.rule
            elif isinstance(shape, ListShape):
                lists[(name,)] = shape
            else:
                leaves |= {(name, *path): rule for path, rule in shape.leaves.items()}
                lists |= {(name, *path): below for path, below in shape.lists.items()}
        return ObjectShape(leaves, lists)

    def _field(
        self, name: str, node: JsonSchema, gold: list[Any], predicted: list[Any], at: str, above: tuple[int, ...]
    ) -> Shape:
        kind: str = kind_of(node)
        if kind in ("choice", "any"):
            node, kind = self._chosen(node, gold or predicted)
        elif gold and kind in ("object", "array") and not any(isinstance(v, _TYPE[kind]) for v in gold):
            # Gold that is not of the declared form is compared in the form it has.
            node, kind = {}, _kind_of_values(gold)
        if kind == "object":
            return self._object(node, _dicts(gold), _dicts(predicted), at, above)
        if kind == "array":
            return self._list(name, node, gold, predicted, at, above)
        return LeafShape(rule_of(name, node) if node else _inferred(name, gold or predicted))

    def _list(
        self, name: str, node: JsonSchema, gold: list[Any], predicted: list[Any], at: str, above: tuple[int, ...]
    ) -> ListShape:
        items = node.get("items", {})
        golds, others = ([e for v in side for e in elements(v)] for side in (gold, predicted))
        resolved = node_of(items, self._root)
        kind: str = kind_of(resolved)
        records_possible = kind in ("object", "choice", "any") or bool(_dicts(golds))
        record = None
        if records_possible and (_dicts(golds) or _dicts(others) or kind == "object"):
            chosen = resolved if kind == "object" else self._chosen(resolved, _dicts(golds) or _dicts(others))[0]
            record = self._object(chosen, _dicts(golds), _dicts(others), f"{at}/*", above)
        plain = [e for e in golds if not isinstance(e, dict)] or [e for e in others if not isinstance(e, dict)]
        if kind in ("choice", "any"):
            resolved, kind = self._chosen(resolved, plain)
        if kind in ("object", "array") or not resolved:
            return ListShape(record, _inferred(name, plain))
        return ListShape(record, rule_of(name, resolved))

    def _chosen(self, node: JsonSchema, values: list[Any]) -> tuple[JsonSchema, str]:
        """Return the one of several allowed forms that the values have, and its kind."""
        wanted = _kind_of_values(values)
        branches = node.get("anyOf")
        listed = [node_of(b, self._root) for b in branches] if isinstance(branches, list) else []
        fitting = [b for b in listed if kind_of(b) == wanted]
        rest = {key: value for key, value in node.items() if key not in ("anyOf", "type")}
        if wanted in ("object", "array"):
            if not fitting:
                return ({k: v for k, v in node.items() if k != "anyOf"}, wanted)
            if wanted == "array" or len(fitting) == 1:
                return fitting[0], wanted
            merged = {name: child for branch in fitting for name, child in properties(branch).items()}
            return {"type": "object", "properties": merged}, wanted
        scalars = [b for b in listed if kind_of(b) not in ("object", "array")]
        if "x-eval" in rest or "evaluation_config" in rest:
            return node, "leaf"
        if len(scalars) == 1:
            return scalars[0], "leaf"
        return {}, "leaf"

    def _note_outside(self, gold: Objects, predicted: Objects, fields: Mapping[str, Any], at: str) -> None:
        for side, objects in (("gold", gold), ("predicted", predicted)):
            for found in objects:
                extra = [k for k, v in found.items() if k not in fields and v is not None]
                self.outside[side].update(f"{at}/{escape(k)}" for k in extra)


_TYPE: dict[str, type] = {"object": dict, "array": list}


def elements(value: Any) -> list[Any]:
    """Return a list's elements without nulls; a value that is no list counts as its own only element."""
    if value is None:
        return []
    return [e for e in value if e is not None] if isinstance(value, list) else [value]


def get(record: Any, path: Path) -> Any:
    """Return what stands at `path` in nested objects, None where it is not there."""
    for name in path:
        if not isinstance(record, dict):
            return None
        record = record.get(name)
    return record


def pointer_of(path: Path) -> str:
    return "".join(f"/{escape(name)}" for name in path)


def _dicts(values: Sequence[Any]) -> list[dict[str, Any]]:
    return [v for v in values if isinstance(v, dict)]


def _keys(gold: Objects, predicted: Objects, known: Mapping[str, Any]) -> Iterator[str]:
    # Sorted, so that the order of keys never matters.
    return iter(sorted({str(k) for side in (gold, predicted) for o in side for k in o} - set(known)))


def _kind_of_values(values: Sequence[Any]) -> str:
    if values and all(isinstance(v, dict) for v in values):
        return "object"
    if values and all(isinstance(v, list) for v in values):
        return "array"
    return "leaf"


def _inferred(name: str, values: Sequence[Any]) -> Rule:
    kinds = {type(v) for v in values}
    if kinds and kinds <= {int}:
        return Rule("integer")
    if kinds and kinds <= {int, float}:
        return Rule("number")
    if kinds == {bool}:
        return Rule("boolean")
    if kinds == {str}:
        return rule_of(name, {"type": "string"})
    return ANY
