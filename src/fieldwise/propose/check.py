"""Check a schema: is it a Draft 2020-12 schema that documents can be extracted with, and would a person approve it?

Errors forbid a schema; warnings are shown beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from fieldwise.errors import SchemaInvalid
from fieldwise.metaschema import violations
from fieldwise.model import Frozen, JsonSchema
from fieldwise.model.schema import escape, unescape

Severity = Literal["error", "warning"]

MAX_DEPTH = 12
"""Levels of fields inside fields. A model gets lost, and a person too, long before."""
MAX_FIELDS = 1_000
MAX_CHARACTERS = 500_000
_MAX_NESTING = 100  # of JSON itself; recursive readers, jsonschema's too, fail somewhere near 1,000

_APPLICATORS_IN_DICT = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_APPLICATORS_IN_LIST = ("allOf", "anyOf", "oneOf", "prefixItems")
_APPLICATORS = (
    "items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames",
    "unevaluatedItems", "unevaluatedProperties",
)  # fmt: skip


class Finding(Frozen):
    """One fault. `pointer` is a JSON Pointer into the schema (`/properties/total/type`), "" for the whole."""

    pointer: str
    code: str
    message: str
    severity: Severity = "error"


def check_schema(schema: Any) -> tuple[Finding, ...]:
    """Return every fault of `schema`, errors first. Never raises, whatever `schema` is."""
    findings = tuple(_shape(schema)) or tuple(_meta_schema(schema)) or tuple(_references(schema))
    if findings:
        return findings
    errors = (*_sizes(schema), *_nodes(schema))
    return (*errors, *_readability(schema))


def new_faults(schema: JsonSchema) -> set[str]:
    """Return the messages of the errors that edits could bring into a valid schema: cheaper than `check_schema`.

    Emptiness is not among them: it may be passing (all fields removed, then others added).
    """
    shape = [f for f in _shape(schema) if f.code != "no_fields"]
    findings = shape or [*_references(schema), *_sizes(schema), *_nodes(schema)]
    return {finding.message for finding in findings}


def require_valid(schema: Any) -> JsonSchema:
    """Return `schema` where it has no errors. Raises SchemaInvalid, whose `findings` name each fault."""
    errors = [finding for finding in check_schema(schema) if finding.severity == "error"]
    if not errors:
        return schema  # type: ignore[no-any-return]  # no errors: it is a dict
    shown = "; ".join(f"{finding.pointer or 'the schema'}: {finding.message}" for finding in errors[:3])
    more = f" (and {len(errors) - 3} more)" if len(errors) > 3 else ""
    raise SchemaInvalid(
        f"The schema cannot be used: {shown}{more}.",
        next_step='It must be a JSON Schema (Draft 2020-12) with "type": "object" and fields under "properties".',
        findings=[finding.model_dump() for finding in errors],
    )


def _shape(schema: Any) -> Iterator[Finding]:
    if not isinstance(schema, dict):
        kind = {list: "a list", bool: "true or false", str: "text", type(None): "null"}.get(type(schema), "a number")
        yield Finding(pointer="", code="not_an_object", message=f"a schema is a JSON object, this is {kind}")
        return
    if _nesting(schema) > _MAX_NESTING:
        yield Finding(pointer="", code="too_deep", message=f"it is nested deeper than {_MAX_NESTING} levels")
        return
    try:
        size = len(json.dumps(schema, allow_nan=False))
    except (TypeError, ValueError) as error:
        yield Finding(pointer="", code="not_json", message=f"it holds what JSON cannot: {error}")
        return
    if size > MAX_CHARACTERS:
        yield Finding(pointer="", code="too_large", message=f"it has {size:,} characters, more than {MAX_CHARACTERS:,}")
        return
    if schema.get("type") != "object":
        yield Finding(pointer="/type", code="root_type", message='the root must have "type": "object"')
    properties = schema.get("properties")
    if not isinstance(properties, dict) or not properties:
        yield Finding(
            pointer="/properties", code="no_fields", message='the root must have at least one field under "properties"'
        )


def _nesting(value: Any) -> int:
    depth, level = 0, [value]
    while level and depth <= _MAX_NESTING:
        depth += 1
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())
            if isinstance(child, dict | list)
        ]
    return depth


def _meta_schema(schema: JsonSchema) -> Iterator[Finding]:
    declared = schema.get("$schema")
    if isinstance(declared, str) and "2020-12" not in declared:
        yield Finding(
            pointer="/$schema", code="other_draft", message=f"{declared} is not Draft 2020-12", severity="error"
        )
    for pointer, said in violations(schema):
        message = said if len(said) <= 200 else said[:200] + " ..."
        yield Finding(pointer=pointer, code="not_a_schema", message=message)


def _references(schema: JsonSchema) -> Iterator[Finding]:
    targets: dict[str, list[str]] = {}
    for pointer, node in walk_schemas(schema):
        for keyword in ("$ref", "$dynamicRef"):
            ref = node.get(keyword)
            if not isinstance(ref, str):
                continue
            at = f"{pointer}/{keyword}"
            if not ref.startswith("#"):
                yield Finding(
                    pointer=at,
                    code="remote_reference",
                    message=f"{ref} points outside the schema: put what it names under $defs",
                )
            elif (target := _lookup(schema, ref)) is None:
                yield Finding(pointer=at, code="dangling_reference", message=f"{ref} leads nowhere")
            else:
                targets.setdefault(pointer, []).append(target)
    yield from _cycles(schema, targets)


def _lookup(schema: JsonSchema, ref: str) -> str | None:
    """Return the pointer of the schema that a local reference names, or None."""
    if ref not in ("#", "") and not ref.startswith("#/"):
        anchor = ref[1:]
        return next((p for p, node in walk_schemas(schema) if anchor in (node.get("$anchor"), node.get("$id"))), None)
    node: Any = schema
    tokens = [unescape(token) for token in ref.lstrip("#").split("/")[1:]]
    for token in tokens:
        if isinstance(node, list) and token.isdigit() and int(token) < len(node):
            node = node[int(token)]
        elif isinstance(node, dict) and token in node:
            node = node[token]
        else:
            return None
    return "".join(f"/{escape(token)}" for token in tokens) if isinstance(node, dict | bool) else None


def _cycles(schema: JsonSchema, targets: dict[str, list[str]]) -> Iterator[Finding]:
    """Find references that lead back to where they stand: such a schema has no end for whoever walks it."""

    def leads_to(start: str) -> set[str]:
        return {t for pointer, refs in targets.items() if _inside(pointer, start) for t in refs}

    for origin in targets:
        reached: set[str] = set()
        frontier = set(targets[origin])
        while frontier:
            reached |= frontier
            frontier = {t for start in frontier for t in leads_to(start)} - reached
        if any(_inside(origin, target) for target in reached):
            yield Finding(
                pointer=origin,
                code="recursive",
                message="it contains itself: write out the levels that documents really have",
            )
            return


def _inside(pointer: str, ancestor: str) -> bool:
    return pointer == ancestor or pointer.startswith(ancestor + "/")


def _sizes(schema: JsonSchema) -> Iterator[Finding]:
    """Count the fields as a reader meets them: a `$ref` counts each time it is followed."""
    count = 0
    stack: list[tuple[Any, int, str]] = [(schema, 0, "")]
    while stack:
        node, depth, pointer = stack.pop()
        if not isinstance(node, dict):
            continue
        if depth > MAX_DEPTH:
            yield Finding(pointer=pointer, code="too_deep", message=f"fields are nested deeper than {MAX_DEPTH} levels")
            return
        ref = node.get("$ref")
        if isinstance(ref, str) and (target := _lookup(schema, ref)) is not None:
            stack.append((_at(schema, target), depth, target))
        for name, child in (node.get("properties") or {}).items():
            count += 1
            stack.append((child, depth + 1, f"{pointer}/properties/{escape(name)}"))
        for keyword in ("items", "not", "if", "then", "else"):
            stack.append((node.get(keyword), depth, f"{pointer}/{keyword}"))
        for keyword in _APPLICATORS_IN_LIST:
            stack.extend((n, depth, f"{pointer}/{keyword}/{i}") for i, n in enumerate(node.get(keyword) or []))
        if count > MAX_FIELDS:
            yield Finding(pointer="", code="too_many_fields", message=f"it has more than {MAX_FIELDS:,} fields")
            return


def _at(schema: JsonSchema, pointer: str) -> Any:
    node: Any = schema
    for token in pointer.split("/")[1:]:
        node = node[int(token)] if isinstance(node, list) else node[unescape(token)]
    return node


def _nodes(schema: JsonSchema) -> Iterator[Finding]:
    """Faults that the meta-schema lets pass, and that make an extraction impossible."""
    for pointer, node in walk_schemas(schema):
        properties = node.get("properties")
        if isinstance(properties, dict):
            if "" in properties:
                yield Finding(pointer=f"{pointer}/properties/", code="empty_name", message="a field needs a name")
            composed = any(keyword in node for keyword in ("allOf", "anyOf", "oneOf", "$ref", "patternProperties"))
            for name in node.get("required", ()):
                if name not in properties and not composed:
                    yield Finding(
                        pointer=f"{pointer}/required",
                        code="unknown_required",
                        message=f"`{name}` is required but is not among the fields",
                    )
        pattern = node.get("pattern")
        if isinstance(pattern, str):
            try:
                re.compile(pattern)
            except (re.error, RecursionError, OverflowError) as error:
                yield Finding(
                    pointer=f"{pointer}/pattern", code="bad_pattern", message=f"not a regular expression: {error}"
                )


def _readability(schema: JsonSchema) -> Iterator[Finding]:
    for pointer, node in walk_schemas(schema):
        properties = node.get("properties")
        if not isinstance(properties, dict):
            continue
        seen: dict[str, str] = {}
        for name, child in properties.items():
            at = f"{pointer}/properties/{escape(name)}"
            described = child.get("description") if isinstance(child, dict) else None
            if not (isinstance(described, str) and described.strip()):
                yield Finding(
                    pointer=at, code="no_description", message=f"`{name}` has no description", severity="warning"
                )
            if name.isdigit() or name == "*":
                yield Finding(
                    pointer=at,
                    code="ambiguous_name",
                    message=f"`{name}` looks like a place in a list: choose a word",
                    severity="warning",
                )
            folded = folded_name(name)
            if folded in seen:
                yield Finding(
                    pointer=at,
                    code="similar_name",
                    message=f"`{name}` and `{seen[folded]}` are hard to tell apart",
                    severity="warning",
                )
            seen.setdefault(folded, name)


def folded_name(name: str) -> str:
    """Fold case, separators and a plural ending: what two names share that a person takes for one."""
    folded = re.sub(r"[\W_]+", "", name.casefold())
    if len(folded) > 4 and folded.endswith("ies"):
        return folded[:-3] + "y"
    return folded[:-1] if len(folded) > 3 and folded.endswith("s") and not folded.endswith("ss") else folded


class SchemaNode(NamedTuple):
    pointer: str
    node: dict[str, Any]


def walk_schemas(schema: Any) -> Iterator[SchemaNode]:
    """Yield every subschema with its JSON Pointer, without following references. Ends, whatever `schema` is."""
    stack: list[tuple[str, Any]] = [("", schema)]
    while stack:
        pointer, node = stack.pop()
        if not isinstance(node, dict):
            continue
        yield SchemaNode(pointer, node)
        children: list[tuple[str, Any]] = [(f"{pointer}/{k}", node[k]) for k in _APPLICATORS if k in node]
        for keyword in _APPLICATORS_IN_DICT:
            if isinstance(node.get(keyword), dict):
                children += [(f"{pointer}/{keyword}/{escape(str(name))}", c) for name, c in node[keyword].items()]
        for keyword in _APPLICATORS_IN_LIST:
            if isinstance(node.get(keyword), list):
                children += [(f"{pointer}/{keyword}/{i}", child) for i, child in enumerate(node[keyword])]
        stack.extend(reversed(children))
