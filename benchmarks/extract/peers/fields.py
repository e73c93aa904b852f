"""A JSON Schema as a small tree of fields: what the peers' own ways to say a schema are made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from .work import Unsupported

_SCALARS = ("string", "integer", "number", "boolean")
_DEEPEST = 12


class Field(NamedTuple):
    """`kind` is "object" (with `fields`), "array" (with `item`) or a scalar of JSON. `choices` are an enum's values."""

    name: str
    kind: str
    description: str = ""
    nullable: bool = True
    is_date: bool = False
    choices: tuple[Any, ...] = ()
    fields: tuple[Field, ...] = ()
    item: Field | None = None

    @property
    def is_scalar(self) -> bool:
        return self.kind in _SCALARS


def read_fields(schema: Mapping[str, Any]) -> tuple[Field, ...]:
    """Return the fields of the root. Raises Unsupported for what has no place in such a tree."""
    return _read("", schema, schema, required=True, depth=0).fields


def described(fields: tuple[Field, ...], path: str = "") -> Iterator[str]:
    """Return a line a leaf: `- seller.name (string): Name of the seller`."""
    for field in fields:
        where = f"{path}.{field.name}" if path else field.name
        below, mark = field, ""
        while below.item is not None:
            below, mark = below.item, mark + "[]"
        about = field.description or below.description
        if below.fields:
            if about:
                yield f"- {where}{mark}: {about}"
            yield from described(below.fields, where + mark)
        else:
            kind = " | ".join(map(str, below.choices)) if below.choices else below.kind
            yield f"- {where}{mark} ({kind})" + (f": {about}" if about else "")


def _read(name: str, node: Any, root: Mapping[str, Any], *, required: bool, depth: int) -> Field:
    if depth > _DEEPEST:
        raise Unsupported(f"{name}: the schema is deeper than {_DEEPEST} levels, or refers to itself")
    node, about = _resolved(name, node, root)
    node, nullable = _without_null(name, node, root)
    about = about or str(node.get("description", ""))
    kind = _kind(name, node)
    common = {"name": name, "kind": kind, "description": about, "nullable": nullable or not required}
    if kind == "object":
        properties = node.get("properties")
        if not isinstance(properties, Mapping) or not properties:
            raise Unsupported(f"{name or 'the root'}: an object with any keys")
        wanted = node.get("required", ())
        children = tuple(_read(n, p, root, required=n in wanted, depth=depth + 1) for n, p in properties.items())
        return Field(**common, fields=children)
    if kind == "array":
        if not isinstance(node.get("items"), Mapping):
            raise Unsupported(f"{name}: a list of anything")
        return Field(**common, item=_read(name, node["items"], root, required=True, depth=depth + 1))
    dated = node.get("format") == "date" or "YYYY-MM-DD" in about
    return Field(**common, is_date=dated, choices=tuple(v for v in node.get("enum", ()) if v is not None))


def _resolved(name: str, node: Any, root: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    about = ""
    for _ in range(_DEEPEST):
        if not isinstance(node, Mapping):
            raise Unsupported(f"{name}: {node!r} is no schema of a value")
        about = about or str(node.get("description", ""))
        target = node.get("$ref")
        if target is None:
            return node, about
        if target != "#" and not str(target).startswith("#/"):
            raise Unsupported(f"{name}: a reference to another document, {target}")
        node = root
        for part in str(target).split("/")[1:]:
            node = node[part.replace("~1", "/").replace("~0", "~")]
    raise Unsupported(f"{name}: references go round")


def _without_null(name: str, node: Mapping[str, Any], root: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    for key in ("anyOf", "oneOf"):
        if key not in node:
            continue
        branches = [_resolved(name, branch, root)[0] for branch in node[key]]
        others = [branch for branch in branches if branch.get("type") != "null"]
        if len(others) != 1:
            # Alternatives of scalars are one scalar: text holds them all.
            kinds = {_kind(name, branch) for branch in others}
            if not kinds <= set(_SCALARS):
                raise Unsupported(f"{name}: alternatives of {', '.join(sorted(kinds))}")
            kind = "number" if kinds <= {"integer", "number"} else "string"
            return {"type": kind, "description": node.get("description", "")}, len(others) < len(branches)
        return {**node, **others[0]}, len(others) < len(branches)
    kinds = node.get("type")
    return node, isinstance(kinds, list) and "null" in kinds


def _kind(name: str, node: Mapping[str, Any]) -> str:
    kinds = node.get("type")
    named = [k for k in (kinds if isinstance(kinds, list) else [kinds]) if k not in (None, "null")]
    if len(named) == 1:
        return str(named[0])
    if not named and "properties" in node:
        return "object"
    if not named and "enum" in node:
        return "string"
    if named and set(named) <= {"integer", "number"}:
        return "number"
    if named and set(named) <= set(_SCALARS):
        return "string"
    raise Unsupported(f"{name or 'the root'}: a value of {' or '.join(map(str, named)) or 'any type'}")
