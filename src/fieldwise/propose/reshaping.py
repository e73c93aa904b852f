"""Edits of a schema's shape: nest, flatten, split, move, reorder."""

from __future__ import annotations

from typing import Any

from fieldwise.model import type_name

from .edits import Flatten, Move, Nest, Reorder, Retype, Split
from .fields import ProposedField, field_schema
from .locating import below, container, inside
from .naming import words_of
from .operations import retype
from .workbench import Done, Refused, Work, drop, insert, plain, replace, require, spelled, unrequire


def nest(work: Work, edit: Nest) -> Done:
    places = [work.find(words) for words in dict.fromkeys(edit.fields)]
    places = list({at.path: at for at in places}.values())
    base = places[0].path.rpartition("/")[0]
    if any(at.path.rpartition("/")[0] != base for at in places):
        raise Refused(f"{', '.join(at.path for at in places)} stand in different objects and were not put together")
    parent = places[0].parent
    name = work.name(edit.name, parent)
    path = below(base, name)
    names = [at.name for at in places]
    existing = name in parent["properties"] and name not in names
    if not existing and len(names) == len(parent["properties"]) and base:
        raise Refused(f"{path} was not made: it would hold all that {base} holds")
    nodes = {n: parent["properties"][n] for n in names}
    required = [n for n in parent.get("required", ()) if n in nodes]
    if existing:
        target_path = inside(path, work.schema)
        target = container(work.schema, target_path)
        if not isinstance(target.get("properties"), dict):
            raise Refused(f"{path} is no object, it cannot hold fields")
        if clash := [n for n in names if n in target["properties"]]:
            raise Refused(f"{path} has a field `{clash[0]}` already, nothing moved")
        target["properties"].update(nodes)
    else:
        target_path = path
        index = list(parent["properties"]).index(names[0])
        target = {"type": "object", "properties": nodes}
        if description := " ".join(edit.description.split()):
            target["description"] = description
    for n in names:
        del parent["properties"][n]
        unrequire(parent, n)
    for n in required:
        require(target, n)
    if not existing:
        insert(parent, index, {name: target})
        if required:
            require(parent, name)
    moved: dict[str, str | None] = {at.path: below(target_path, at.name) for at in places}
    return Done(f"put {', '.join(at.path for at in places)} into {path}", moved)


def flatten(work: Work, edit: Flatten) -> Done:
    at = work.find(edit.field)
    node = plain(work, at)
    if not isinstance(node.get("properties"), dict):
        hint = ": a list cannot be dissolved" if "items" in node else ""
        raise Refused(f"{at.path} is a {type_name(node)}, it was not dissolved{hint}")
    node = container(work.schema, at.path)
    own = set(words_of(at.name))
    siblings = [name for name in at.parent["properties"] if name != at.name]
    children: dict[str, Any] = {}
    moved: dict[str, str | None] = {}
    base = at.path.rpartition("/")[0]
    required: list[str] = []
    for name, child in node["properties"].items():
        joined = name if own & set(words_of(name)) else work.name(f"{at.name} {name}", at.parent)
        if joined in siblings or joined in children:
            raise Refused(f"{at.path} was not dissolved: there is a `{joined}` beside it")
        children[joined] = child
        moved[below(at.path, name)] = below(base, joined)
        if at.required and name in node.get("required", ()):
            required.append(joined)
    index = list(at.parent["properties"]).index(at.name)
    replace(at, index, children, required)
    into = ", ".join(str(path) for path in moved.values())
    return Done(f"dissolved {at.path} into {into}", {at.path: None, **moved})


def split(work: Work, edit: Split) -> Done:
    at = work.find(edit.field)
    node = plain(work, at)
    like = at.parent["properties"]
    parts: list[ProposedField] = []
    for part in edit.parts:
        name = work.name(part.name.rsplit(".", 1)[-1], at.parent)
        parts.append(spelled(part, like, work).model_copy(update={"name": name}))
    if "properties" in node:
        raise Refused(f"{at.path} is an object already, it was not split")
    if node.get("type") == "array" or "items" in node:
        if isinstance(node.get("items"), dict) and "properties" in node["items"]:
            raise Refused(f"{at.path} is a list of objects already, it was not split")
        retyped = Retype(field=at.path, type="list of objects", columns=tuple(parts))
        done = retype(work, retyped)
        return done._replace(note=f"split {at.path} into {', '.join(f'{at.path}/*/{p.name}' for p in parts)}")
    if len(parts) == 1 and parts[0].name == at.name and type_name(field_schema(parts[0])) != type_name(node):
        # Small models say "split" for a field that may have several values.
        return retype(work, Retype(field=at.path, type=parts[0].type, columns=parts[0].columns))
    siblings = [name for name in like if name != at.name]
    if clash := [part.name for part in parts if part.name in siblings]:
        raise Refused(f"{at.path} was not split: there is a `{clash[0]}` beside it")
    if len({part.name for part in parts}) < 2:
        raise Refused(f"{at.path} was not split: that takes two names (several values of one: retype it to a list)")
    children = {part.name: field_schema(part) for part in parts}
    required = [part.name for part in parts if part.required] if at.required else []
    replace(at, list(like).index(at.name), children, required)
    base = at.path.rpartition("/")[0]
    paths = tuple(below(base, name) for name in children)
    moved: dict[str, str | None] = {} if at.path in paths else {at.path: None}
    return Done(f"split {at.path} into {', '.join(paths)}", moved, paths)


def move(work: Work, edit: Move) -> Done:
    at = work.find(edit.field)
    base, target = work.into(edit.into)
    if base == at.path or base.startswith(at.path + "/"):
        raise Refused(f"{at.path} cannot be moved into itself")
    path = below(base, at.name)
    if target is at.parent:
        raise Refused(f"{at.path} is there already, nothing moved", "nothing")
    if at.name in target["properties"]:
        raise Refused(f"{path} is there already, {at.path} was not moved")
    node, required = at.node, at.required
    drop(at)
    target["properties"][at.name] = node
    if required:
        require(target, at.name)
    return Done(f"moved {at.path} to {path}", {at.path: path})


def reorder(work: Work, edit: Reorder) -> Done:
    at = work.find(edit.field)
    properties = at.parent["properties"]
    rest = [name for name in properties if name != at.name]
    index = 0 if edit.place == "first" else len(rest)
    words = edit.place
    if edit.place in ("before", "after"):
        other = work.find(edit.other)
        if other.parent is not at.parent or other.name == at.name:
            raise Refused(f"{at.path} and {other.path} do not stand side by side, nothing was put elsewhere")
        index = rest.index(other.name) + (edit.place == "after")
        words = f"{edit.place} {other.path}"  # type: ignore[assignment]  # words for the note
    names = [*rest[:index], at.name, *rest[index:]]
    if names == list(properties):
        raise Refused(f"{at.path} stands {words} already, nothing changed", "nothing")
    at.parent["properties"] = {name: properties[name] for name in names}
    return Done(f"put {at.path} {words}")
