"""The approved schema as the engine works with it: its fields, parts of it, and the form a model is asked to answer in.

A path here is a tuple of property names from the root, through objects only: `("seller", "address")`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple

from fieldwise.model import JsonSchema
from fieldwise.model.schema import resolve

Path = tuple[str, ...]
Kind = Literal["text", "number", "integer", "date", "date-time", "boolean", "enum", "object", "array", "choice", "any"]

MAX_DEPTH = 12
"""Recursive schemas are followed so deep; what lies deeper is not asked for."""

_ISO_DATE = re.compile(r"YYYY-MM-DD|ISO[ -]?8601", re.IGNORECASE)
_ISO_CURRENCY = re.compile(r"ISO[ -]?4217|currency code", re.IGNORECASE)


class Leaf(NamedTuple):
    """A field that holds a value. `label` is its name and description, as words to look for beside the value."""

    kind: Kind
    label: str
    node: JsonSchema


def node_of(node: Any, root: JsonSchema) -> JsonSchema:
    """Return a subschema with references followed, null choices unwrapped and `allOf` laid together."""
    node = resolve(node, root)
    if not isinstance(node, dict):
        return {}
    together = node.get("allOf")
    if isinstance(together, list):
        merged = {k: v for k, v in node.items() if k != "allOf"}
        for piece in together:
            piece = resolve(piece, root)
            if isinstance(piece, dict):
                merged = _laid_over(merged, piece)
        node = merged
    one_of = node.get("oneOf")
    if isinstance(one_of, list):
        node = resolve({**{k: v for k, v in node.items() if k != "oneOf"}, "anyOf": one_of}, root)
    return node if isinstance(node, dict) else {}


def _laid_over(base: JsonSchema, piece: JsonSchema) -> JsonSchema:
    merged = {**piece, **base}
    for key in ("properties", "$defs"):
        if isinstance(piece.get(key), dict) and isinstance(base.get(key), dict):
            merged[key] = {**piece[key], **base[key]}
    if isinstance(piece.get("required"), list):
        merged["required"] = [*base.get("required", ()), *piece["required"]]
    return merged


def kind_of(node: JsonSchema) -> Kind:
    """Say what a resolved node holds."""
    if "enum" in node or "const" in node:
        return "enum"
    if isinstance(node.get("anyOf"), list):
        return "choice"
    kinds = _types(node)
    if len(kinds) > 1:
        return "number" if set(kinds) == {"number", "integer"} else "choice"
    kind = kinds[0] if kinds else ("object" if "properties" in node else "array" if "items" in node else "any")
    if kind == "string":
        return _text_kind(node)
    return kind if kind in ("number", "integer", "boolean", "object", "array") else "any"  # type: ignore[return-value]  # narrowed by the test


def _types(node: JsonSchema) -> list[str]:
    declared = node.get("type")
    listed = declared if isinstance(declared, list) else [declared] if declared else []
    return [t for t in listed if t != "null"]


def _text_kind(node: JsonSchema) -> Kind:
    form = node.get("format")
    if form in ("date", "date-time"):
        return "date" if form == "date" else "date-time"
    # Generated schemas often say in words what `format` is for.
    return "date" if _ISO_DATE.search(str(node.get("description", ""))) and "pattern" not in node else "text"


def is_currency(node: JsonSchema) -> bool:
    """Say whether the field asks for an ISO 4217 code, in words or by a pattern of three capitals."""
    return bool(_ISO_CURRENCY.search(str(node.get("description", "")))) or node.get("pattern") == "^[A-Z]{3}$"


def allows_null(node: Any, root: JsonSchema) -> bool:
    """Say whether null is a valid value of a (not resolved) node, as far as its types tell."""
    for _ in range(MAX_DEPTH):
        if node is True:
            return True
        if not isinstance(node, dict):
            return False
        if isinstance(node.get("enum"), list) and None not in node["enum"]:
            return False
        choices = node.get("anyOf") or node.get("oneOf")
        if isinstance(choices, list) and "type" not in node:
            return any(allows_null(choice, root) for choice in choices)
        if "$ref" in node:
            target = resolve({"$ref": node["$ref"]}, root, hops=1)
            if target is node or (isinstance(target, dict) and target.get("$ref") == node["$ref"]):
                return False
            node = target
            continue
        declared = node.get("type")
        if declared is None:
            return "const" not in node or node["const"] is None
        return declared == "null" or (isinstance(declared, list) and "null" in declared)
    return False


def properties(node: JsonSchema) -> dict[str, Any]:
    """Return an object's fields (none for anything else)."""
    found = node.get("properties")
    return found if isinstance(found, dict) else {}


def leaf_of(name: str, node: JsonSchema) -> Leaf:
    said = " ".join(str(node[key]) for key in ("title", "description") if node.get(key))
    return Leaf(kind_of(node), f"{name} {said}".strip(), node)


def walk_values(
    value: Any, node: Any, root: JsonSchema, name: str = "", path: str = ""
) -> Iterator[tuple[str, Any, Leaf]]:
    """Yield pointer, value and field of every leaf of `value`, in document order of its keys; nulls too."""
    resolved = node_of(node, root)
    if isinstance(value, dict):
        fields = properties(resolved)
        extra = resolved.get("additionalProperties")
        for key, child in value.items():
            token = key.replace("~", "~0").replace("/", "~1")
            yield from walk_values(child, fields.get(key, extra), root, key, f"{path}/{token}")
    elif isinstance(value, list):
        for i, child in enumerate(value):
            yield from walk_values(child, resolved.get("items"), root, name, f"{path}/{i}")
    else:
        yield path, value, leaf_of(name, resolved)


def at(schema: JsonSchema, path: Path) -> JsonSchema:
    """Return the resolved node at a path. Raises KeyError where there is none."""
    node = node_of(schema, schema)
    for name in path:
        node = node_of(properties(node)[name], schema)
    return node


def count_leaves(node: Any, root: JsonSchema, depth: int = 0) -> int:
    """Count the fields that hold values, list items once."""
    if depth > MAX_DEPTH:
        return 0
    resolved = node_of(node, root)
    if fields := properties(resolved):
        return sum(count_leaves(child, root, depth + 1) for child in fields.values())
    return count_leaves(resolved["items"], root, depth + 1) if "items" in resolved else 1


def is_record_list(node: JsonSchema, root: JsonSchema) -> bool:
    """Say whether a resolved node is a list of objects."""
    return kind_of(node) == "array" and bool(properties(node_of(node.get("items"), root)))


def units(schema: JsonSchema, path: Path = (), depth: int = 0) -> Iterator[tuple[Path, bool]]:
    """Yield the largest paths that hold no list of records, and the lists of records, marked True."""
    for name, child in properties(at(schema, path)).items():
        here = (*path, name)
        node = node_of(child, schema)
        if is_record_list(node, schema):
            yield here, True
        elif properties(node) and depth < MAX_DEPTH and _holds_records(node, schema, depth):
            yield from units(schema, here, depth + 1)
        else:
            yield here, False


def _holds_records(node: JsonSchema, root: JsonSchema, depth: int) -> bool:
    if depth > MAX_DEPTH:
        return False
    children = [node_of(child, root) for child in properties(node).values()]
    return any(is_record_list(child, root) or _holds_records(child, root, depth + 1) for child in children)


def subset(schema: JsonSchema, paths: Iterable[Path]) -> JsonSchema:
    """Return the schema with only these paths in it; what else it says of them stays."""
    wanted: dict[str, list[Path]] = {}
    for path in paths:
        wanted.setdefault(path[0], []).append(path[1:])
    return {**_subset(node_of(schema, schema), wanted, schema), **{k: schema[k] for k in ("$defs",) if k in schema}}


def _subset(node: JsonSchema, wanted: dict[str, list[Path]], root: JsonSchema) -> JsonSchema:
    fields: dict[str, Any] = {}
    for name, child in properties(node).items():
        if name not in wanted:
            continue
        if () in wanted[name]:
            fields[name] = child
            continue
        deeper: dict[str, list[Path]] = {}
        for path in wanted[name]:
            deeper.setdefault(path[0], []).append(path[1:])
        fields[name] = _subset(node_of(child, root), deeper, root)
    required = [name for name in node.get("required", ()) if name in fields]
    return {**node, "properties": fields, "required": required}


def asked(node: Any, root: JsonSchema, depth: int = 0) -> JsonSchema:
    """Return the JSON Schema that constrains a model's answer for a node.

    Every key is present and every leaf may be null, so that a model can say "not there" instead of inventing. Numbers
    and dates are asked for as printed, because code reads them by the document's own habits; a number may come as a
    JSON number all the same: a small model that wants to write one and may not writes white space without end.
    Nothing here decides what is valid: the answer is checked against the approved schema.
    """
    resolved = node_of(node, root)
    kind = kind_of(resolved)
    if depth > MAX_DEPTH:
        return {"type": "null"}
    if kind == "object":
        fields = properties(resolved)
        if not fields:
            extra = resolved.get("additionalProperties")
            free = asked(extra, root, depth + 1) if isinstance(extra, dict) else {"type": ["string", "null"]}
            return {"type": "object", "additionalProperties": free}
        kept = {name: asked(child, root, depth + 1) for name, child in fields.items()}
        kept = {name: child for name, child in kept.items() if child != {"type": "null"}} or kept
        return {"type": "object", "properties": kept, "required": list(kept), "additionalProperties": False}
    if kind == "array":
        item = asked(resolved.get("items", {}), root, depth + 1)
        return {"type": "array", "items": _present(item)}
    if kind == "enum":
        values = resolved["enum"] if "enum" in resolved else [resolved["const"]]
        return {"enum": [*(v for v in values if v is not None), None]}
    if kind == "choice" and "anyOf" in resolved:
        choices = [
            _present(asked(choice, root, depth + 1)) for choice in resolved["anyOf"] if choice != {"type": "null"}
        ]
        distinct = [c for i, c in enumerate(choices) if c not in choices[:i]]
        return {"anyOf": [*distinct, {"type": "null"}]}
    if kind == "boolean":
        return {"type": ["boolean", "null"]}
    if kind in ("number", "integer"):
        return {"type": ["string", "number", "null"]}
    return {"type": ["string", "null"]}


def _present(node: JsonSchema) -> JsonSchema:
    """Take null away from a list item: an entry that is not there is left out."""
    declared = node.get("type")
    if isinstance(declared, list):
        present = [t for t in declared if t != "null"]
        return {**node, "type": present[0] if len(present) == 1 else present}
    if "enum" in node:
        return {"enum": [v for v in node["enum"] if v is not None]}
    return node


_WORDS: dict[Kind, str] = {
    "text": "text",
    "number": "number, as printed",
    "integer": "whole number, as printed",
    "date": "date, as printed",
    "date-time": "date and time, as printed",
    "boolean": "true or false",
}


def outline(schema: JsonSchema) -> str:
    """Write the fields as an indented list for a prompt: name, what it holds, its description."""
    return "\n".join(_outline(node_of(schema, schema), schema, 0))


def _outline(node: JsonSchema, root: JsonSchema, depth: int) -> Iterator[str]:
    if depth > MAX_DEPTH:
        return
    for name, child in properties(node).items():
        field = node_of(child, root)
        item = node_of(field.get("items"), root) if kind_of(field) == "array" else None
        said = " ".join(str(field.get("description") or (item or {}).get("description") or "").split())
        yield f"{'  ' * depth}- {name} ({_told(field, item)}){': ' + said if said else ''}"
        yield from _outline(item if item is not None else field, root, depth + 1)


def _told(field: JsonSchema, item: JsonSchema | None) -> str:
    if item is not None:
        return "list, one object for each entry" if properties(item) else f"list of {_told(item, None)}"
    kind = kind_of(field)
    if kind == "enum":
        values = field["enum"] if "enum" in field else [field["const"]]
        return "one of: " + ", ".join(str(v) for v in values if v is not None)
    return "object" if kind == "object" else _WORDS.get(kind, "text")
