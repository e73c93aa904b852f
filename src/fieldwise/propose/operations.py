"""Edits of one field: add, remove, rename, retype, require, describe, limit to values."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from fieldwise.model import JsonSchema, type_name

from .edits import Add, Describe, Enum, Impossible, MakeOptional, Remove, Rename, Require, Retype
from .fields import field_schema, type_schema
from .locating import below
from .workbench import Done, Refused, Work, drop, insert, nullable, plain, require, spelled, unrequire

_KEPT_ON_RETYPE = ("title", "description", "deprecated", "$comment")


def add(work: Work, edit: Add) -> Done:
    base, node = work.into(edit.into)
    # Small models write the whole path as the name.
    words = edit.name.rsplit(".", 1)[-1] if "." in edit.name and edit.name not in work.request else edit.name
    name = work.name(words, node)
    path = below(base, name)
    if name in node["properties"]:
        raise Refused(f"{path} is there already, nothing added", "nothing")
    child = field_schema(spelled(edit, node["properties"], work))
    index, required = work.removed.pop(path, (len(node["properties"]), edit.required))
    insert(node, index, {name: child})
    if required:
        require(node, name)
    return Done(f"added {path} ({type_name(child)})", stale=(path,))


def remove(work: Work, edit: Remove) -> Done:
    at = work.find(edit.field)
    # Where the same name is added again below, it takes this place: that is a change, not a newcomer.
    work.removed[at.path] = (list(at.parent["properties"]).index(at.name), at.required)
    drop(at)
    return Done(f"removed {at.path}", {at.path: None})


def rename(work: Work, edit: Rename) -> Done:
    at = work.find(edit.field)
    name = work.name(edit.name.rsplit(".", 1)[-1] if edit.name not in work.request else edit.name, at.parent)
    if name == at.name:
        raise Refused(f"{at.path} has that name already, nothing renamed", "nothing")
    if name in at.parent["properties"]:
        raise Refused(f"{at.path} was not renamed: there is a `{name}` beside it")
    at.parent["properties"] = {name if k == at.name else k: v for k, v in at.parent["properties"].items()}
    if at.required:
        at.parent["required"] = [name if k == at.name else k for k in at.parent["required"]]
    path = below(at.path.rpartition("/")[0], name)
    return Done(f"renamed {at.path} to {path}", {at.path: path})


def retype(work: Work, edit: Retype) -> Done:
    at = work.find(edit.field)
    old = at.node if isinstance(at.node, dict) else {}
    before = plain(work, at)
    columns = tuple(spelled(c, at.parent["properties"], work) for c in edit.columns)
    kind = edit.type
    if kind in ("object", "list of objects") and not columns:
        fields = before if "properties" in before else before.get("items", {})
        if not isinstance(fields, dict) or "properties" not in fields:
            raise Refused(f"{at.path} was not made a {kind}: its columns are not given")
        inner = copy.deepcopy({k: v for k, v in fields.items() if k not in _KEPT_ON_RETYPE})
        new = inner if kind == "object" else {"type": "array", "items": inner}
    else:
        new = type_schema(kind, columns)
    kept = {k: v for k, v in {**before, **old}.items() if k in _KEPT_ON_RETYPE}
    new_node: dict[str, Any] = {**new, **kept}
    was, now = type_name(old), type_name(new_node)
    if nullable(old):
        new_node = {"anyOf": [new, {"type": "null"}], **kept}
        now += " or null"
    if was == now and not columns:
        raise Refused(f"{at.path} is a {was} already, nothing changed", "nothing")
    at.parent["properties"][at.name] = new_node
    moved = _inner_moves(at.path, before, new)
    return Done(f"changed {at.path} from {was} to {now}", moved, (at.path,))


def _inner_moves(path: str, before: JsonSchema, after: JsonSchema) -> dict[str, str | None]:
    """Where a field's columns go when it becomes a list, or stops being one."""
    old, new = "items" in before, "items" in after
    if not any("properties" in node for node in (before, before.get("items") or {})):
        return {}
    if old == new:
        return {}
    return {f"{path}/*": path} if old else {f"{path}/{name}": f"{path}/*/{name}" for name in before["properties"]}


def set_required(work: Work, edit: Require | MakeOptional) -> Done:
    at = work.find(edit.field)
    wanted = isinstance(edit, Require)
    word = "required" if wanted else "optional"
    if at.required == wanted:
        raise Refused(f"{at.path} is {word} already, nothing changed", "nothing")
    if wanted:
        require(at.parent, at.name)
    else:
        unrequire(at.parent, at.name)
    return Done(f"made {at.path} {word}")


def describe(work: Work, edit: Describe) -> Done:
    at = work.find(edit.field)
    description = " ".join(edit.description.split())
    if not isinstance(at.node, dict):
        at.parent["properties"][at.name] = {"description": description}
    elif at.node.get("description") == description:
        raise Refused(f"{at.path} has that description already, nothing changed", "nothing")
    else:
        at.parent["properties"][at.name] = {**at.node, "description": description}
    return Done(f"described {at.path} anew")


def enum(work: Work, edit: Enum) -> Done:
    at = work.find(edit.field)
    node = at.node if isinstance(at.node, dict) else {}
    whole = plain(work, at)
    is_list = whole.get("type") == "array"
    single = whole.get("items", {}) if is_list else whole
    if not isinstance(single, dict) or "properties" in single:
        raise Refused(f"{at.path} is a {type_name(whole)}: only single values can be limited to a list")
    kind, values = _typed(single.get("type"), edit.values)
    if values == list(single.get("enum", ())):
        raise Refused(f"{at.path} has those values already, nothing changed", "nothing")
    if not values:
        changed = {key: value for key, value in single.items() if key != "enum"}
    else:
        kept = {key: value for key, value in single.items() if key in (*_KEPT_ON_RETYPE, "type")}
        may_be_null = nullable(node) and not is_list
        changed = {
            **kept,
            "type": [kind, "null"] if may_be_null else kind,
            "enum": [*values, None] if may_be_null else values,
        }
    if is_list:
        around = {key: value for key, value in node.items() if key not in ("$ref", "anyOf")}
        changed = {**around, "type": "array", "items": changed}
    at.parent["properties"][at.name] = changed
    if values:
        return Done(f"limited {at.path} to {', '.join(map(str, values))}")
    return Done(f"freed {at.path} of its list of values")


def _typed(kind: Any, values: tuple[str, ...]) -> tuple[str, list[Any]]:
    """The values as numbers where the field is one and all of them are, else as texts."""
    unique = list(dict.fromkeys(values))
    kinds = kind if isinstance(kind, list) else [kind]
    reader: dict[str, Callable[[str], float]] = {"integer": int, "number": float}
    for name, read in reader.items():
        if name in kinds:
            try:
                return name, list(dict.fromkeys(read(value) for value in unique))
            except ValueError:
                break
    return "string", unique


def impossible(work: Work, edit: Impossible) -> Done:
    raise Refused(edit.reason or "it cannot be expressed as a change of fields")
