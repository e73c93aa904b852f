"""SchemaVersion: one JSON Schema (Draft 2020-12, an object at its root) within a run, immutable, with its origin."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal, NamedTuple

from pydantic import Field

from .base import Frozen, JsonSchema, now
from .extraction import Citation
from .usage import Usage

Origin = Literal["proposed", "revised", "edited", "given"]


class FieldEvidence(Frozen):
    """An example of a field's value, found in the document. `path` is a field path: `/authors/*/name`.

    `citation` is None where the model gave an example that stands nowhere in the document (it is then not shown).
    """

    path: str
    example: str
    citation: Citation | None = None


class SchemaVersion(Frozen):
    """Numbered 1, 2, 3 ... within a run. `schema` is the JSON Schema; `notes` say what the feedback led to."""

    version: int = Field(ge=1)
    json_schema: JsonSchema = Field(alias="schema")
    origin: Origin
    feedback: str | None = None
    parent: int | None = None
    evidence: tuple[FieldEvidence, ...] = ()
    notes: tuple[str, ...] = ()
    usage: Usage = Usage()
    created_at: datetime = Field(default_factory=now)

    @property
    def schema(self) -> JsonSchema:  # type: ignore[override]  # pydantic's deprecated classmethod of that name
        return self.json_schema


class SchemaField(NamedTuple):
    """One field as a person sees it: path (`/items/*/amount`), subschema, and whether its parent requires it."""

    path: str
    name: str
    schema: JsonSchema
    required: bool
    depth: int


def escape(token: str) -> str:
    """Escape a key for use in a JSON Pointer (RFC 6901, section 3)."""
    return token.replace("~", "~0").replace("/", "~1")


def unescape(token: str) -> str:
    return token.replace("~1", "/").replace("~0", "~")


def type_name(schema: Any) -> str:
    """Say a subschema's type in a word or two: `string`, `date`, `list of objects`, `number or null`."""
    if not isinstance(schema, dict):
        return "any"
    if "enum" in schema:
        return "one of " + ", ".join(str(v) for v in schema["enum"][:6]) + (" ..." if len(schema["enum"]) > 6 else "")
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(type_name(s) for s in schema[key]))
    kind = schema.get("type", "any")
    if isinstance(kind, list):
        return " or ".join(str(k) for k in kind)
    if kind == "array":
        item = type_name(schema.get("items", {}))
        return "list" if item == "any" else f"list of {item}s" if item.isalpha() else f"list of {item}"
    if kind == "string" and schema.get("format") in ("date", "date-time", "time"):
        return str(schema["format"])
    return str(kind)


def walk_fields(schema: JsonSchema, *, max_depth: int = 32) -> Iterator[SchemaField]:
    """Yield every field in the schema's own order, containers before what they contain.

    Array items add `*` to the path. `$ref`s into the schema's own `$defs` are followed, to `max_depth`.
    """
    yield from _walk(schema, schema, "", 0, max_depth)


def _walk(node: Any, root: JsonSchema, path: str, depth: int, max_depth: int) -> Iterator[SchemaField]:
    node = resolve(node, root)
    if depth >= max_depth or not isinstance(node, dict):
        return
    properties = node.get("properties")
    if isinstance(properties, dict):
        required = node.get("required")
        names = required if isinstance(required, list) else []
        for name, child in properties.items():
            child = resolve(child, root)
            child_path = f"{path}/{escape(name)}"
            yield SchemaField(child_path, name, child if isinstance(child, dict) else {}, name in names, depth)
            yield from _walk(child, root, child_path, depth + 1, max_depth)
    if "items" in node:
        yield from _walk(node["items"], root, f"{path}/*", depth, max_depth)


def resolve(node: Any, root: JsonSchema, *, hops: int = 8) -> Any:
    """Follow a local `$ref` (`#/$defs/...`) and unwrap `anyOf` with null; return what is there, or the node itself."""
    for _ in range(hops):
        if not isinstance(node, dict):
            return node
        ref = node.get("$ref")
        if isinstance(ref, str) and ref.startswith("#"):
            target: Any = root
            for token in ref.lstrip("#").split("/")[1:]:
                target = target.get(unescape(token)) if isinstance(target, dict) else None
            if target is None:
                return node
            node = {**target, **{k: v for k, v in node.items() if k != "$ref"}} if isinstance(target, dict) else target
            continue
        choices = node.get("anyOf")
        if isinstance(choices, list):
            real = [c for c in choices if not (isinstance(c, dict) and c.get("type") == "null")]
            if len(real) == 1 and isinstance(real[0], dict):
                node = {**real[0], **{k: v for k, v in node.items() if k != "anyOf"}}
                continue
        return node
    return node


def field_path(pointer: str) -> str:
    """Turn a leaf's pointer into its field path: `/authors/0/name` -> `/authors/*/name`."""
    return "/".join("*" if token.isdigit() else token for token in pointer.split("/"))
