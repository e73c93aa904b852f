"""Apply edits to a schema: pure functions, a new schema out, and for each edit what came of it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

from fieldwise.model import Frozen, JsonSchema, type_name, walk_fields

from .check import new_faults
from .edits import (
    Add,
    Describe,
    Edit,
    Enum,
    Flatten,
    Impossible,
    MakeOptional,
    Move,
    Nest,
    Remove,
    Rename,
    Reorder,
    Require,
    Retype,
    Split,
)
from .fields import ProposedField, field_schema, type_schema
from .locating import NotFound, Place, below, container, display_path, find_field, inside, place
from .naming import field_name, words_of

Status = Literal["done", "nothing", "missing", "refused"]

_KEPT_ON_RETYPE = ("title", "description", "deprecated", "$comment")


class Outcome(Frozen):
    """What came of one edit. `nothing`: it was so already. `missing`: no such field. `note` says it to the person."""

    edit: Edit
    status: Status
    note: str


class Applied(Frozen):
    """`json_schema` is the new schema; `paths` maps each field path of the old one to its new one, if it still has one.

    A field whose kind of value changed (retyped, split) is in `paths`, but also in `altered`: its examples are stale.
    """

    json_schema: JsonSchema
    outcomes: tuple[Outcome, ...]
    paths: dict[str, str]
    altered: frozenset[str] = frozenset()


class _Refused(Exception):
    """The edit cannot be done; the message says why. `status` as in Outcome."""

    def __init__(self, message: str, status: Status = "refused") -> None:
        super().__init__(message)
        self.status: Status = status


class _Done(NamedTuple):
    """`moved` maps path prefixes to new ones; None: gone. `stale`: new paths whose old examples no longer hold."""

    note: str
    moved: dict[str, str | None] = {}  # noqa: RUF012  # a NamedTuple's default is never changed
    stale: tuple[str, ...] = ()


def apply_edits(schema: JsonSchema, edits: Sequence[Edit], *, request: str = "") -> Applied:
    """Apply `edits` in turn. What they do not name stays byte-identical, key order included; `schema` is untouched.

    An edit that cannot be done leaves the schema as it was and says so in its outcome; none of them ever makes a valid
    schema invalid. `request` is the person's wording: identifiers in it are taken literally as names.
    """
    vetoed: dict[int, str] = {}
    while True:
        applied, emptied = _apply(schema, edits, vetoed, request)
        if not emptied:
            return applied
        # Of the edits that emptied an object the last is not done: a schema without fields asks for nothing.
        vetoed |= emptied


def _apply(
    schema: JsonSchema, edits: Sequence[Edit], vetoed: dict[int, str], request: str
) -> tuple[Applied, dict[int, str]]:
    work = _Work(copy.deepcopy(schema), {f.path: f.path for f in walk_fields(schema)}, {}, request)
    known_faults = new_faults(schema)
    altered: set[str] = set()
    outcomes: list[Outcome] = []
    for index, edit in enumerate(edits):
        if index in vetoed:
            outcomes.append(Outcome(edit=edit, status="refused", note=vetoed[index]))
            continue
        trial = work.copy()
        try:
            done = _HANDLERS[type(edit)](trial, edit)
            if faults := new_faults(trial.schema) - known_faults:
                raise _Refused(f"{_verb(edit)}: {min(faults)}")
        except _Refused as refusal:
            outcomes.append(Outcome(edit=edit, status=refusal.status, note=str(refusal)))
            continue
        except NotFound as missing:
            outcomes.append(Outcome(edit=edit, status="missing", note=f"{missing}, nothing {_verb(edit)}"))
            continue
        trial.move(done.moved)
        work, altered = trial, {_moved(path, done.moved) or path for path in altered} | set(done.stale)
        outcomes.append(Outcome(edit=edit, status="done", note=done.note))
    result = Applied(json_schema=work.schema, outcomes=tuple(outcomes), paths=work.paths, altered=frozenset(altered))
    return result, _emptied(schema, work.schema, outcomes)


def _emptied(old: JsonSchema, new: JsonSchema, outcomes: list[Outcome]) -> dict[int, str]:
    if not _empty_objects(new) - _empty_objects(old):
        return {}
    takes = [i for i, o in enumerate(outcomes) if o.status == "done" and isinstance(o.edit, Remove | Move | Nest)]
    if not takes:
        return {}
    edit = outcomes[takes[-1]].edit
    words = edit.fields[0] if isinstance(edit, Nest) else edit.field  # type: ignore[union-attr]  # one of the three
    return {takes[-1]: f"`{words}` is the last field where it stands and was kept: remove what holds it instead"}


def _empty_objects(schema: JsonSchema) -> set[str]:
    nodes = [("", schema), *((f.path, f.schema) for f in walk_fields(schema))]
    nodes += [(f"{path}/*", node["items"]) for path, node in nodes if isinstance(node.get("items"), dict)]
    return {path for path, node in nodes if node.get("properties") == {}}


class _Work:
    """The schema being changed, and where the old schema's fields are in it by now."""

    def __init__(
        self, schema: JsonSchema, paths: dict[str, str], removed: dict[str, tuple[int, bool]], request: str
    ) -> None:
        self.schema, self.paths, self.removed, self.request = schema, paths, removed, request

    def copy(self) -> _Work:
        return _Work(copy.deepcopy(self.schema), dict(self.paths), dict(self.removed), self.request)

    def find(self, words: str) -> Place:
        """Find a field by today's name, or by the one it had before these edits."""
        try:
            return place(self.schema, find_field(self.schema, words).path)
        except NotFound:
            for old, new in self.paths.items():
                if words.strip() in (old, display_path(old)):
                    return place(self.schema, new)
            raise

    def into(self, words: str) -> tuple[str, dict[str, Any]]:
        """Return the path and the node of the object that `words` name; "" is the root."""
        if words.strip().strip("/").casefold() in ("", "root", "top", "top level", "none", "null"):
            return "", self.schema
        found = self.find(words)
        path = inside(found.path, self.schema)
        node = container(self.schema, path)
        if not isinstance(node.get("properties"), dict):
            raise _Refused(f"`{display_path(found.path)}` is no object, it cannot hold fields")
        return path, node

    def move(self, moved: dict[str, str | None]) -> None:
        there = {field.path for field in walk_fields(self.schema)}
        self.paths = {old: new for old, at in self.paths.items() if (new := _moved(at, moved)) in there}

    def name(self, words: str, among: dict[str, Any]) -> str:
        name = field_name(words, like=among["properties"], verbatim=self.request)
        if not name:
            raise _Refused(f"`{words}` is no name for a field")
        return name


def _moved(path: str, moved: dict[str, str | None]) -> str | None:
    for prefix in sorted(moved, key=len, reverse=True):
        if path == prefix or path.startswith(prefix + "/"):
            target = moved[prefix]
            return None if target is None else target + path[len(prefix) :]
    return path


def _add(work: _Work, edit: Add) -> _Done:
    base, node = work.into(edit.into)
    # Small models write the whole path as the name.
    words = edit.name.rsplit(".", 1)[-1] if "." in edit.name and edit.name not in work.request else edit.name
    name = work.name(words, node)
    path = below(base, name)
    if name in node["properties"]:
        raise _Refused(f"{path} is there already, nothing added", "nothing")
    child = field_schema(_renamed(edit, node["properties"], work))
    index, required = work.removed.pop(path, (len(node["properties"]), edit.required))
    _insert(node, index, {name: child})
    if required:
        _require(node, name)
    return _Done(f"added {path} ({type_name(child)})", stale=(path,))


def _renamed(field: ProposedField, like: dict[str, Any], work: _Work) -> ProposedField:
    """The field with its columns' names spelled like the names around it."""
    columns = tuple(
        _renamed(column, like, work).model_copy(
            update={"name": field_name(column.name, like=like, verbatim=work.request) or column.name}
        )
        for column in field.columns
    )
    return field.model_copy(update={"columns": columns})


def _remove(work: _Work, edit: Remove) -> _Done:
    at = work.find(edit.field)
    # Where the same name is added again below, it takes this place: that is a change, not a newcomer.
    work.removed[at.path] = (list(at.parent["properties"]).index(at.name), at.required)
    _drop(at)
    return _Done(f"removed {at.path}", {at.path: None})


def _rename(work: _Work, edit: Rename) -> _Done:
    at = work.find(edit.field)
    name = work.name(edit.name.rsplit(".", 1)[-1] if edit.name not in work.request else edit.name, at.parent)
    if name == at.name:
        raise _Refused(f"{at.path} has that name already, nothing renamed", "nothing")
    if name in at.parent["properties"]:
        raise _Refused(f"{at.path} was not renamed: there is a `{name}` beside it")
    at.parent["properties"] = {name if k == at.name else k: v for k, v in at.parent["properties"].items()}
    if at.required:
        at.parent["required"] = [name if k == at.name else k for k in at.parent["required"]]
    path = below(at.path.rpartition("/")[0], name)
    return _Done(f"renamed {at.path} to {path}", {at.path: path})


def _retype(work: _Work, edit: Retype) -> _Done:
    at = work.find(edit.field)
    old = at.node if isinstance(at.node, dict) else {}
    before = _plain(work, at)
    columns = tuple(_renamed(c, at.parent["properties"], work) for c in edit.columns)
    kind = edit.type
    if kind in ("object", "list of objects") and not columns:
        fields = before if "properties" in before else before.get("items", {})
        if not isinstance(fields, dict) or "properties" not in fields:
            raise _Refused(f"{at.path} was not made a {kind}: its columns are not given")
        inner = copy.deepcopy({k: v for k, v in fields.items() if k not in _KEPT_ON_RETYPE})
        new = inner if kind == "object" else {"type": "array", "items": inner}
    else:
        new = type_schema(kind, columns)
    kept = {k: v for k, v in {**before, **old}.items() if k in _KEPT_ON_RETYPE}
    new_node: dict[str, Any] = {**new, **kept}
    was, now = type_name(old), type_name(new_node)
    if _nullable(old):
        new_node = {"anyOf": [new, {"type": "null"}], **kept}
        now += " or null"
    if was == now and not columns:
        raise _Refused(f"{at.path} is a {was} already, nothing changed", "nothing")
    at.parent["properties"][at.name] = new_node
    moved = _inner_moves(at.path, before, new)
    return _Done(f"changed {at.path} from {was} to {now}", moved, (at.path,))


def _inner_moves(path: str, before: JsonSchema, after: JsonSchema) -> dict[str, str | None]:
    """Where a field's columns go when it becomes a list, or stops being one."""
    old, new = "items" in before, "items" in after
    if not any("properties" in node for node in (before, before.get("items") or {})):
        return {}
    if old == new:
        return {}
    return {f"{path}/*": path} if old else {f"{path}/{name}": f"{path}/*/{name}" for name in before["properties"]}


def _plain(work: _Work, at: Place) -> JsonSchema:
    return next((f.schema for f in walk_fields(work.schema) if f.path == at.path), {})


def _nullable(node: JsonSchema) -> bool:
    kinds = node.get("type")
    choices = node.get("anyOf") or node.get("oneOf") or ()
    return (isinstance(kinds, list) and "null" in kinds) or {"type": "null"} in choices


def _set_required(work: _Work, edit: Require | MakeOptional) -> _Done:
    at = work.find(edit.field)
    wanted = isinstance(edit, Require)
    word = "required" if wanted else "optional"
    if at.required == wanted:
        raise _Refused(f"{at.path} is {word} already, nothing changed", "nothing")
    if wanted:
        _require(at.parent, at.name)
    else:
        _unrequire(at.parent, at.name)
    return _Done(f"made {at.path} {word}")


def _describe(work: _Work, edit: Describe) -> _Done:
    at = work.find(edit.field)
    description = " ".join(edit.description.split())
    if not isinstance(at.node, dict):
        at.parent["properties"][at.name] = {"description": description}
    elif at.node.get("description") == description:
        raise _Refused(f"{at.path} has that description already, nothing changed", "nothing")
    else:
        at.parent["properties"][at.name] = {**at.node, "description": description}
    return _Done(f"described {at.path} anew")


def _enum(work: _Work, edit: Enum) -> _Done:
    at = work.find(edit.field)
    node = at.node if isinstance(at.node, dict) else {}
    plain = _plain(work, at)
    holder = plain.get("items", {}) if plain.get("type") == "array" else plain
    if not isinstance(holder, dict) or "properties" in holder:
        raise _Refused(f"{at.path} is a {type_name(plain)}: only single values can be limited to a list")
    values: list[Any] = list(dict.fromkeys(edit.values))
    if values == list(holder.get("enum", [])):
        raise _Refused(f"{at.path} has those values already, nothing changed", "nothing")
    kept = {k: v for k, v in holder.items() if k in (*_KEPT_ON_RETYPE, "type")}
    if values:
        nullable = _nullable(node)
        kind = ["string", "null"] if nullable else "string"
        changed = {**kept, "type": kind, "enum": [*values, None] if nullable else values}
    else:
        changed = {k: v for k, v in holder.items() if k != "enum"}
    if plain.get("type") == "array":
        changed = {**{k: v for k, v in node.items() if k != "$ref"}, "type": "array", "items": changed}
        changed.pop("anyOf", None)
    at.parent["properties"][at.name] = changed
    note = f"limited {at.path} to {', '.join(values)}" if values else f"freed {at.path} of its list of values"
    return _Done(note)


def _nest(work: _Work, edit: Nest) -> _Done:
    places = [work.find(words) for words in dict.fromkeys(edit.fields)]
    places = list({at.path: at for at in places}.values())
    base = places[0].path.rpartition("/")[0]
    if any(at.path.rpartition("/")[0] != base for at in places):
        raise _Refused(f"{', '.join(at.path for at in places)} stand in different objects and were not put together")
    parent = places[0].parent
    name = work.name(edit.name, parent)
    path = below(base, name)
    names = [at.name for at in places]
    existing = name in parent["properties"] and name not in names
    if not existing and len(names) == len(parent["properties"]) and base:
        raise _Refused(f"{path} was not made: it would hold all that {base} holds")
    nodes = {n: parent["properties"][n] for n in names}
    required = [n for n in parent.get("required", ()) if n in nodes]
    if existing:
        target_path = inside(path, work.schema)
        target = container(work.schema, target_path)
        if not isinstance(target.get("properties"), dict):
            raise _Refused(f"{path} is no object, it cannot hold fields")
        if clash := [n for n in names if n in target["properties"]]:
            raise _Refused(f"{path} has a field `{clash[0]}` already, nothing moved")
        target["properties"].update(nodes)
    else:
        target_path = path
        index = list(parent["properties"]).index(names[0])
        target = {"type": "object", "properties": nodes}
        if description := " ".join(edit.description.split()):
            target["description"] = description
    for n in names:
        del parent["properties"][n]
        _unrequire(parent, n)
    for n in required:
        _require(target, n)
    if not existing:
        _insert(parent, index, {name: target})
        if required:
            _require(parent, name)
    moved: dict[str, str | None] = {at.path: below(target_path, at.name) for at in places}
    return _Done(f"put {', '.join(at.path for at in places)} into {path}", moved)


def _flatten(work: _Work, edit: Flatten) -> _Done:
    at = work.find(edit.field)
    node = _plain(work, at)
    if not isinstance(node.get("properties"), dict):
        hint = ": a list cannot be dissolved" if "items" in node else ""
        raise _Refused(f"{at.path} is a {type_name(node)}, it was not dissolved{hint}")
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
            raise _Refused(f"{at.path} was not dissolved: there is a `{joined}` beside it")
        children[joined] = child
        moved[below(at.path, name)] = below(base, joined)
        if at.required and name in node.get("required", ()):
            required.append(joined)
    index = list(at.parent["properties"]).index(at.name)
    _replace(at, index, children, required)
    into = ", ".join(str(path) for path in moved.values())
    return _Done(f"dissolved {at.path} into {into}", {at.path: None, **moved})


def _split(work: _Work, edit: Split) -> _Done:
    at = work.find(edit.field)
    node = _plain(work, at)
    like = at.parent["properties"]
    parts: list[ProposedField] = []
    for part in edit.parts:
        name = work.name(part.name.rsplit(".", 1)[-1], at.parent)
        parts.append(_renamed(part, like, work).model_copy(update={"name": name}))
    if "properties" in node:
        raise _Refused(f"{at.path} is an object already, it was not split")
    if node.get("type") == "array" or "items" in node:
        if isinstance(node.get("items"), dict) and "properties" in node["items"]:
            raise _Refused(f"{at.path} is a list of objects already, it was not split")
        retyped = Retype(field=at.path, type="list of objects", columns=tuple(parts))
        done = _retype(work, retyped)
        return done._replace(note=f"split {at.path} into {', '.join(f'{at.path}/*/{p.name}' for p in parts)}")
    siblings = [name for name in like if name != at.name]
    if clash := [part.name for part in parts if part.name in siblings]:
        raise _Refused(f"{at.path} was not split: there is a `{clash[0]}` beside it")
    if len({part.name for part in parts}) < 2:
        raise _Refused(f"{at.path} was not split: that takes two names")
    children = {part.name: field_schema(part) for part in parts}
    required = [part.name for part in parts if part.required] if at.required else []
    _replace(at, list(like).index(at.name), children, required)
    base = at.path.rpartition("/")[0]
    paths = tuple(below(base, name) for name in children)
    moved: dict[str, str | None] = {} if at.path in paths else {at.path: None}
    return _Done(f"split {at.path} into {', '.join(paths)}", moved, paths)


def _move(work: _Work, edit: Move) -> _Done:
    at = work.find(edit.field)
    base, target = work.into(edit.into)
    if base == at.path or base.startswith(at.path + "/"):
        raise _Refused(f"{at.path} cannot be moved into itself")
    path = below(base, at.name)
    if target is at.parent:
        raise _Refused(f"{at.path} is there already, nothing moved", "nothing")
    if at.name in target["properties"]:
        raise _Refused(f"{path} is there already, {at.path} was not moved")
    node, required = at.node, at.required
    _drop(at)
    target["properties"][at.name] = node
    if required:
        _require(target, at.name)
    return _Done(f"moved {at.path} to {path}", {at.path: path})


def _reorder(work: _Work, edit: Reorder) -> _Done:
    at = work.find(edit.field)
    properties = at.parent["properties"]
    rest = [name for name in properties if name != at.name]
    index = 0 if edit.place == "first" else len(rest)
    words = edit.place
    if edit.place in ("before", "after"):
        other = work.find(edit.other)
        if other.parent is not at.parent or other.name == at.name:
            raise _Refused(f"{at.path} and {other.path} do not stand side by side, nothing was put elsewhere")
        index = rest.index(other.name) + (edit.place == "after")
        words = f"{edit.place} {other.path}"  # type: ignore[assignment]  # words for the note
    names = [*rest[:index], at.name, *rest[index:]]
    if names == list(properties):
        raise _Refused(f"{at.path} stands {words} already, nothing changed", "nothing")
    at.parent["properties"] = {name: properties[name] for name in names}
    return _Done(f"put {at.path} {words}")


def _impossible(work: _Work, edit: Impossible) -> _Done:
    raise _Refused(edit.reason or "it cannot be expressed as a change of fields")


def _insert(node: dict[str, Any], index: int, children: dict[str, Any]) -> None:
    items = list(node["properties"].items())
    node["properties"] = dict([*items[:index], *children.items(), *items[index:]])


def _replace(at: Place, index: int, children: dict[str, Any], required: list[str]) -> None:
    names = at.parent.get("required")
    position = names.index(at.name) if at.required and names else None
    del at.parent["properties"][at.name]
    _insert(at.parent, index, children)
    if names is not None and position is not None:
        rest = [*names[:position], *required, *names[position + 1 :]]
        _set_names(at.parent, rest)


def _drop(at: Place) -> None:
    del at.parent["properties"][at.name]
    _unrequire(at.parent, at.name)


def _require(node: dict[str, Any], name: str) -> None:
    node["required"] = [*node.get("required", ()), name]


def _unrequire(node: dict[str, Any], name: str) -> None:
    if name in node.get("required", ()):
        _set_names(node, [n for n in node["required"] if n != name])


def _set_names(node: dict[str, Any], names: list[str]) -> None:
    if names:
        node["required"] = names
    else:
        node.pop("required", None)


def _verb(edit: Edit) -> str:
    return {
        "add": "added", "remove": "removed", "rename": "renamed", "retype": "changed", "require": "made required",
        "make_optional": "made optional", "describe": "described", "enum": "limited", "nest": "put together",
        "flatten": "dissolved", "split": "split", "move": "moved", "reorder": "put elsewhere", "impossible": "changed",
    }[edit.op]  # fmt: skip


_HANDLERS: dict[type, Callable[[_Work, Any], _Done]] = {
    Add: _add,
    Remove: _remove,
    Rename: _rename,
    Retype: _retype,
    Require: _set_required,
    MakeOptional: _set_required,
    Describe: _describe,
    Enum: _enum,
    Nest: _nest,
    Flatten: _flatten,
    Split: _split,
    Move: _move,
    Reorder: _reorder,
    Impossible: _impossible,
}
