"""The schema on the workbench: where edits find their fields, and how a node is changed without touching the rest."""

from __future__ import annotations

import copy
from typing import Any, Literal, NamedTuple

from fieldwise.model import JsonSchema, walk_fields

from .fields import ProposedField
from .locating import NotFound, Place, container, display_path, find_field, inside, place
from .naming import field_name

Status = Literal["done", "nothing", "missing", "refused"]


class Refused(Exception):
    """The edit cannot be done; the message says why. `status` as in Outcome."""

    def __init__(self, message: str, status: Status = "refused") -> None:
        super().__init__(message)
        self.status: Status = status


class Done(NamedTuple):
    """`moved` maps path prefixes to new ones; None: gone. `stale`: new paths whose old examples no longer hold."""

    note: str
    moved: dict[str, str | None] = {}  # noqa: RUF012  # a NamedTuple's default is never changed
    stale: tuple[str, ...] = ()


class Work:
    """The schema being changed, and where the old schema's fields are in it by now."""

    def __init__(
        self, schema: JsonSchema, paths: dict[str, str], removed: dict[str, tuple[int, bool]], request: str
    ) -> None:
        self.schema, self.paths, self.removed, self.request = schema, paths, removed, request

    def copy(self) -> Work:
        return Work(copy.deepcopy(self.schema), dict(self.paths), dict(self.removed), self.request)

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
            raise Refused(f"`{display_path(found.path)}` is no object, it cannot hold fields")
        return path, node

    def move(self, moved: dict[str, str | None]) -> None:
        there = {field.path for field in walk_fields(self.schema)}
        self.paths = {old: new for old, at in self.paths.items() if (new := moved_path(at, moved)) in there}

    def name(self, words: str, among: dict[str, Any]) -> str:
        name = field_name(words, like=among["properties"], verbatim=self.request)
        if not name:
            raise Refused(f"`{words}` is no name for a field")
        return name


def moved_path(path: str, moved: dict[str, str | None]) -> str | None:
    for prefix in sorted(moved, key=len, reverse=True):
        if path == prefix or path.startswith(prefix + "/"):
            target = moved[prefix]
            return None if target is None else target + path[len(prefix) :]
    return path


def spelled(field: ProposedField, like: dict[str, Any], work: Work) -> ProposedField:
    """The field with its columns' names spelled like the names around it."""
    columns = tuple(
        spelled(column, like, work).model_copy(
            update={"name": field_name(column.name, like=like, verbatim=work.request) or column.name}
        )
        for column in field.columns
    )
    return field.model_copy(update={"columns": columns})


def plain(work: Work, at: Place) -> JsonSchema:
    return next((f.schema for f in walk_fields(work.schema) if f.path == at.path), {})


def nullable(node: JsonSchema) -> bool:
    kinds = node.get("type")
    choices = node.get("anyOf") or node.get("oneOf") or ()
    return (isinstance(kinds, list) and "null" in kinds) or {"type": "null"} in choices


def insert(node: dict[str, Any], index: int, children: dict[str, Any]) -> None:
    items = list(node["properties"].items())
    node["properties"] = dict([*items[:index], *children.items(), *items[index:]])


def replace(at: Place, index: int, children: dict[str, Any], required: list[str]) -> None:
    names = at.parent.get("required")
    position = names.index(at.name) if at.required and names else None
    del at.parent["properties"][at.name]
    insert(at.parent, index, children)
    if names is not None and position is not None:
        rest = [*names[:position], *required, *names[position + 1 :]]
        _set_names(at.parent, rest)


def drop(at: Place) -> None:
    del at.parent["properties"][at.name]
    unrequire(at.parent, at.name)


def require(node: dict[str, Any], name: str) -> None:
    node["required"] = [*node.get("required", ()), name]


def unrequire(node: dict[str, Any], name: str) -> None:
    if name in node.get("required", ()):
        _set_names(node, [n for n in node["required"] if n != name])


def _set_names(node: dict[str, Any], names: list[str]) -> None:
    if names:
        node["required"] = names
    else:
        node.pop("required", None)
