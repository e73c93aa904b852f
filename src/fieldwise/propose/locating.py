"""Find a field in a schema by the words a model (or a person) uses for it, and the nodes to change there."""

from __future__ import annotations

import copy
import difflib
import re
from typing import Any, NamedTuple

from fieldwise.model import JsonSchema, SchemaField, walk_fields
from fieldwise.model.schema import escape, resolve, unescape

from .check import folded_name


def display_path(path: str) -> str:
    """Write a field path as people do: `/authors/*/name` -> `authors.name`."""
    return ".".join(unescape(step) for step in path.split("/")[1:] if step != "*")


class NotFound(LookupError):
    """No field, or several, are meant by these words; the message says which there are."""


def find_field(schema: JsonSchema, words: str) -> SchemaField:
    """Return the field that `words` name. Raises NotFound.

    Accepts a field path (`/items/*/amount`), a dotted one (`items.amount`, `items[].amount`), or a bare name that
    only one field has. Case, separators and a plural ending do not matter, a slip of the pen neither.
    """
    fields = list(walk_fields(schema))
    wanted = words.strip().strip("`\"'")
    for field in fields:
        if wanted in (field.path, display_path(field.path)):
            return field
    key = _key(wanted)
    if not any(key):
        raise NotFound(f"no field called `{words.strip()}`")
    by_key: dict[tuple[str, ...], list[SchemaField]] = {}
    for field in fields:
        by_key.setdefault(_key(display_path(field.path)), []).append(field)
    if len(found := by_key.get(key, [])) == 1:
        return found[0]
    ends = [field for k, group in by_key.items() if k[-len(key) :] == key for field in group]
    if len(ends) == 1:
        return ends[0]
    if len(ends) > 1:
        names = ", ".join(f"`{display_path(field.path)}`" for field in ends[:6])
        raise NotFound(f"several fields are called `{words.strip()}`: {names}")
    joined = {".".join(k): group for k, group in by_key.items()}
    near = difflib.get_close_matches(".".join(key), joined, n=2, cutoff=0.88)
    if len(near) == 1 and len(joined[near[0]]) == 1:
        return joined[near[0]][0]
    raise NotFound(f"no field called `{words.strip()}`")


def _key(words: str) -> tuple[str, ...]:
    tokens = re.split(r"[./]|\[\d*\]", words)
    return tuple(folded for token in tokens if (folded := folded_name(token)))


class Place(NamedTuple):
    """A field within a schema that may be changed: `parent` holds it under `properties[name]`."""

    parent: dict[str, Any]
    name: str
    path: str

    @property
    def node(self) -> Any:
        return self.parent["properties"][self.name]

    @property
    def required(self) -> bool:
        return self.name in self.parent.get("required", ())


def place(schema: JsonSchema, path: str) -> Place:
    """Return the field at `path` in `schema`, ready to be changed in place.

    A `$ref` on the way is replaced by a copy of what it names where others use the definition too: a change to one
    field must not change another. Raises KeyError where there is no such field.
    """
    *outer, name = path.split("/")[1:]
    parent = container(schema, "".join(f"/{token}" for token in outer))
    name = unescape(name)
    if name not in parent.get("properties", {}):
        raise KeyError(path)
    return Place(parent, name, path)


def container(schema: JsonSchema, path: str) -> dict[str, Any]:
    """Return the object node whose fields stand below `path` ("" is the root), ready to be changed in place."""
    node: dict[str, Any] = schema
    for step in path.split("/")[1:]:
        if step == "*":
            node = _own(schema, node, "items")
        else:
            properties = node.get("properties")
            if not isinstance(properties, dict) or unescape(step) not in properties:
                raise KeyError(path)
            node = _own(schema, properties, unescape(step))
    return node


def _own(root: JsonSchema, holder: dict[str, Any], key: str) -> dict[str, Any]:
    """Return the node that says what `holder[key]` holds: references made its own, `anyOf` with null seen through."""
    for _ in range(16):
        node = holder[key]
        if not isinstance(node, dict):
            raise KeyError(key)
        ref = node.get("$ref")
        if isinstance(ref, str):
            resolved = resolve({"$ref": ref}, root, hops=1)
            beside = {k: v for k, v in node.items() if k != "$ref"}
            holder[key] = {**copy.deepcopy(resolved), **beside}
            continue
        choices = node.get("anyOf")
        if isinstance(choices, list) and "properties" not in node and "items" not in node:
            real = [i for i, c in enumerate(choices) if not (isinstance(c, dict) and c.get("type") == "null")]
            if len(real) == 1:
                holder, key = choices, real[0]  # type: ignore[assignment]  # a list is indexed the same way
                continue
        return node
    raise KeyError(key)


def below(path: str, name: str) -> str:
    return f"{path}/{escape(name)}"


def inside(path: str, schema: JsonSchema) -> str:
    """Return the path below which a field's own columns stand: `/authors` -> `/authors/*` where it is a list."""
    for field in walk_fields(schema):
        if field.path == path:
            return f"{path}/*" if "items" in field.schema else path
    return path
