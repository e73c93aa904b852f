"""Decide what may be promised: is the data valid, were the rows counted, was everything read?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.exceptions import Unresolvable

from fieldwise.errors import SchemaInvalid
from fieldwise.grounding import Place
from fieldwise.metaschema import violations
from fieldwise.model import ExtractionStatus, Issue, JsonSchema
from fieldwise.model.schema import escape

from .shape import allows_null, at, node_of
from .tables import LogicalTable

_MOST_ERRORS = 100


class Counted(NamedTuple):
    """What counting a list against the rows of its table gave; `lost` if the table shows more. No issue: it agrees."""

    lost: bool
    issues: tuple[Issue, ...]


def validator_for(schema: JsonSchema) -> Draft202012Validator:
    """Return the validator of the approved schema. Raises SchemaInvalid. References outside are never fetched."""
    if broken := violations(schema):
        raise SchemaInvalid(
            f"The schema cannot be used: {broken[0].message}.",
            next_step="Mend it; it must be a JSON Schema (Draft 2020-12).",
            findings=[{"pointer": pointer, "message": message} for pointer, message in broken],
        )
    if not isinstance(schema.get("properties"), dict) or not schema["properties"]:
        raise SchemaInvalid(
            "The schema has no fields.",
            next_step='It must have "type": "object" and at least one field under "properties".',
            findings=[{"pointer": "/properties", "message": "no fields"}],
        )
    return Draft202012Validator(schema, format_checker=_formats(), registry=Registry())


@cache
def _formats() -> FormatChecker:
    return FormatChecker()


def made_valid(
    data: dict[str, Any], schema: JsonSchema, validator: Draft202012Validator, known: Iterable[str]
) -> tuple[dict[str, Any], tuple[Issue, ...], bool]:
    """Return `data` without the leaves the schema refuses, an issue for each, and whether something is then missing.

    A refused leaf becomes null where that is valid, is left out where it is optional, and is null and named where it is
    required. `known` are paths that have an issue already.
    """
    issues: list[Issue] = []
    named = set(known)
    lost = False
    for _ in range(4):
        errors = _errors(data, validator)
        changed = False
        for path, message, is_leaf in errors:
            value = _value(data, path)
            place = _pointer(path)
            if place in named and (value is None or not is_leaf):
                continue
            named.add(place)
            if not is_leaf or value is None:
                issues.append(Issue(path=place, code="invalid", message=message))
                lost = lost or value is None
                continue
            data = _without(data, path, schema)
            changed = lost = True
            said = f"{str(value)[:200]!r} is not valid here ({message})"
            issues.append(Issue(path=place, code="invalid", message=said))
        if not changed:
            break
    return data, tuple(issues), lost


def _errors(data: Any, validator: Draft202012Validator) -> list[tuple[tuple[str | int, ...], str, bool]]:
    found = []
    try:
        for error in validator.iter_errors(data):
            path = tuple(error.absolute_path)
            message = error.message if len(error.message) <= 160 else error.message[:160] + " ..."
            found.append((path, message, not isinstance(error.instance, dict | list)))
            if len(found) >= _MOST_ERRORS:
                break
    except (Unresolvable, RecursionError) as error:
        found.append(((), f"the schema could not be followed: {type(error).__name__}", False))
    return found


def _without(data: Any, path: tuple[str | int, ...], schema: JsonSchema) -> Any:
    """Return `data` with the leaf at `path` as if it were not there."""
    *parents, last = path
    parent_path = tuple(str(p) for p in parents if isinstance(p, str))
    try:
        parent_node = _node(schema, parents)
    except (KeyError, TypeError):
        parent_node = at(schema, ()) if not parent_path else {}
    child = parent_node.get("properties", {}).get(last) if isinstance(last, str) else parent_node.get("items")
    nullable = allows_null(child, schema) if child is not None else False
    optional = isinstance(last, str) and last not in parent_node.get("required", ())

    def change(value: Any, rest: Sequence[str | int]) -> Any:
        if len(rest) == 1:
            if isinstance(value, dict):
                if optional and not nullable:
                    return {k: v for k, v in value.items() if k != rest[0]}
                return {**value, rest[0]: None}
            return [None if i == rest[0] else v for i, v in enumerate(value)]
        if isinstance(value, dict):
            return {k: change(v, rest[1:]) if k == rest[0] else v for k, v in value.items()}
        return [change(v, rest[1:]) if i == rest[0] else v for i, v in enumerate(value)]

    return change(data, path)


def _node(schema: JsonSchema, path: Sequence[str | int]) -> JsonSchema:
    node = node_of(schema, schema)
    for token in path:
        node = node_of(node["properties"][token] if isinstance(token, str) else node["items"], schema)
    return node


def _value(data: Any, path: Sequence[str | int]) -> Any:
    for token in path:
        data = data[token]
    return data


def _pointer(path: Iterable[str | int]) -> str:
    return "".join(f"/{escape(str(token))}" for token in path)


def count_rows(
    path: str,
    count: int,
    places: dict[str, tuple[Place, ...]],
    tables: list[LogicalTable],
) -> Counted:
    """Compare the number of records a model returned with the rows of the tables that those records stand in."""
    by_item: dict[int, list[Place]] = {}
    for pointer_, found in places.items():
        if pointer_.startswith(f"{path}/"):
            by_item.setdefault(int(pointer_[len(path) + 1 :].partition("/")[0]), []).extend(found)
    inside: dict[int, set[int]] = {}
    for table in tables:
        for index, spots in by_item.items():
            within = sum(1 for place in spots if place.first in table.entry_of)
            if within * 2 > len(spots):
                inside.setdefault(table.number, set()).add(index)
    held = set().union(*inside.values()) if inside else set()
    if not count or len(held) * 2 < count:
        message = "whether the list is whole could not be checked: its entries stand in no table that was recognized"
        return Counted(False, (Issue(path=path, code="unchecked", message=message),))
    expected = sum(len(table.entries) for table in tables if table.number in inside)
    if count < expected:
        message = f"the document's table shows {expected} rows, {count} were returned"
        return Counted(True, (Issue(path=path, code="rows_missing", message=message),))
    if count > expected:
        message = f"{count} entries were returned, the document's table shows {expected} rows"
        return Counted(False, (Issue(path=path, code="rows_differ", message=message),))
    return Counted(False, ())


def status_of(lost: bool, issues: Sequence[Issue]) -> ExtractionStatus:
    """`complete` promises that all was read, counted and found on a page: any issue at all denies it."""
    if lost:
        return "incomplete"
    return "unverified" if issues else "complete"
