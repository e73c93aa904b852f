"""The difference between two schemas, field by field, with renames and moves recognized."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from typing import Any, Literal

from fieldwise.model import Frozen, JsonSchema, SchemaField, type_name, walk_fields
from fieldwise.model.schema import unescape

ChangeKind = Literal["added", "removed", "renamed", "moved", "changed", "reordered"]

_SIGNS: dict[ChangeKind, str] = {
    "added": "+", "removed": "-", "renamed": "→", "moved": "→", "changed": "~", "reordered": "↕",
}  # fmt: skip


class Detail(Frozen):
    """One aspect of a field that changed: `type`, `required`, `description`, or a keyword such as `enum`."""

    aspect: str
    old: Any = None
    new: Any = None


class FieldChange(Frozen):
    """`path` is the field's path in the new schema (in the old one where it was removed), `old_path` where it was.

    A renamed or moved field carries the details in which it changed besides.
    """

    kind: ChangeKind
    path: str
    old_path: str | None = None
    type: str = ""
    details: tuple[Detail, ...] = ()

    def __str__(self) -> str:
        sign = _SIGNS[self.kind]
        what = (
            f"{sign} {self.kind} {self.old_path} to {self.path}" if self.old_path else f"{sign} {self.kind} {self.path}"
        )
        if self.kind == "added":
            what += f" ({self.type})"
        if self.details:
            what += ": " + "; ".join(_say(detail) for detail in self.details)
        return what


class SchemaDiff(Frozen):
    """All changes, in the new schema's order, removals where they stood. Empty means that nothing changed."""

    changes: tuple[FieldChange, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changes)

    def of_kind(self, kind: ChangeKind) -> tuple[FieldChange, ...]:
        return tuple(change for change in self.changes if change.kind == kind)

    def __str__(self) -> str:
        return "\n".join(map(str, self.changes)) or "no change"


def diff_schemas(old: JsonSchema, new: JsonSchema) -> SchemaDiff:
    """Compare two valid schemas. Of an added or removed object only the object is listed, not what it holds."""
    before = {field.path: field for field in walk_fields(old)}
    after = {field.path: field for field in walk_fields(new)}
    pairs = _pairs(before, after)
    matched = {new_path: old_path for old_path, new_path in pairs.items()}
    changes: list[FieldChange] = []
    if details := _root_details(old, new):
        changes.append(FieldChange(kind="changed", path="", type="object", details=details))
    for path, field in after.items():
        old_path = matched.get(path)
        if old_path is None:
            if not _within(path, after, matched):
                changes.append(FieldChange(kind="added", path=path, type=type_name(field.schema)))
            continue
        details = _details(before[old_path], field)
        kind = _kind(old_path, path, pairs)
        if kind or details:
            changes.append(
                FieldChange(
                    kind=kind or "changed",
                    path=path,
                    old_path=old_path if kind else None,
                    type=type_name(field.schema),
                    details=details,
                )
            )
    changes += _removed(before, pairs)
    changes += _reordered(before, after, pairs)
    return SchemaDiff(changes=tuple(changes))


def _pairs(before: dict[str, SchemaField], after: dict[str, SchemaField]) -> dict[str, str]:
    """Map each old path to the new path of the same field: unchanged, then renamed beside it, then moved."""
    pairs: dict[str, str] = {}
    for path, field in before.items():
        # Inside a renamed object everything keeps its place relative to it.
        expected = _carried(path, pairs)
        if expected in after:
            pairs[path] = expected
            continue
        taken = set(pairs.values())
        free = [f for p, f in after.items() if p not in taken and p not in before]
        siblings = [f for f in free if _parent(f.path) == _parent(expected)]
        lost = [
            f
            for p, f in before.items()
            if _parent(p) == _parent(path) and _carried(p, pairs) not in after and p != path
        ]
        best = max(siblings, key=lambda f: _likeness(field, f), default=None)
        if best is not None and _renamed(field, best, lost):
            pairs[path] = best.path
            continue
        same = [f for f in free if f.name == field.name and _shape(f) == _shape(field)]
        if len(same) == 1:
            pairs[path] = same[0].path
    return pairs


def _renamed(old: SchemaField, new: SchemaField, others: list[SchemaField]) -> bool:
    score = _likeness(old, new)
    return score >= 0.6 and all(_likeness(other, new) <= score for other in others)


def _likeness(a: SchemaField, b: SchemaField) -> float:
    """0 to 1; what speaks for one field under two names: the same description, a similar name, the same inside."""
    if type_name(a.schema) != type_name(b.schema):
        return 0.0
    if "properties" in a.schema or "items" in a.schema:
        inner_a, inner_b = _inner_names(a.schema), _inner_names(b.schema)
        if inner_a and inner_a == inner_b:
            return 1.0
    said_a, said_b = a.schema.get("description", ""), b.schema.get("description", "")
    if said_a and said_a == said_b:
        return 1.0
    name = difflib.SequenceMatcher(None, a.name.casefold(), b.name.casefold()).ratio()
    said = difflib.SequenceMatcher(None, said_a, said_b).ratio() if said_a and said_b else 0.0
    return max(name, said * 0.8)


def _inner_names(schema: JsonSchema) -> tuple[str, ...]:
    return tuple(field.path for field in walk_fields({**schema, "type": "object"}))


def _shape(field: SchemaField) -> str:
    return json.dumps({k: v for k, v in field.schema.items() if k != "description"}, sort_keys=True)


def _carried(path: str, pairs: dict[str, str]) -> str:
    head = path
    while head:
        if head in pairs:
            return pairs[head] + path[len(head) :]
        head = head.rpartition("/")[0]
    return path


def _kind(old_path: str, path: str, pairs: dict[str, str]) -> ChangeKind | None:
    parent = _parent(old_path)
    if _carried(parent, {k: v for k, v in pairs.items() if k != old_path}) + path[path.rfind("/") :] == path:
        return None if old_path.rpartition("/")[2] == path.rpartition("/")[2] else "renamed"
    return "moved"


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _within(path: str, fields: dict[str, SchemaField], known: Iterable[str]) -> bool:
    """Say whether an enclosing field is itself listed as new (or gone)."""
    parent = _parent(path)
    while parent:
        if parent in fields and parent not in known:
            return True
        parent = _parent(parent)
    return False


def _removed(before: dict[str, SchemaField], pairs: dict[str, str]) -> list[FieldChange]:
    return [
        FieldChange(kind="removed", path=path, type=type_name(field.schema))
        for path, field in before.items()
        if path not in pairs and not _within(path, before, pairs)
    ]


def _reordered(
    before: dict[str, SchemaField], after: dict[str, SchemaField], pairs: dict[str, str]
) -> list[FieldChange]:
    """Name the fewest fields that, put elsewhere, make the old order the new one, object by object."""
    changes = []
    parents = dict.fromkeys(_parent(path) for path in after)
    back = {new: old for old, new in pairs.items()}
    positions = {path: index for index, path in enumerate(before)}
    for parent in parents:
        olds = [
            back[p]
            for p in after
            if _parent(p) == parent and p in back and _parent(back[p]) == _parent_of(back, parent)
        ]
        wanted = [positions[path] for path in olds]
        kept = _longest_rising(wanted)
        changes += [
            FieldChange(kind="reordered", path=pairs[path], type=type_name(after[pairs[path]].schema))
            for path in olds
            if positions[path] not in kept
        ]
    return changes


def _parent_of(back: dict[str, str], parent: str) -> str:
    """The old path of a new parent path, whose `/*` has no field of its own."""
    suffix = ""
    while parent and parent not in back:
        parent, _, token = parent.rpartition("/")
        suffix = f"/{token}{suffix}"
    return (back[parent] if parent else "") + suffix


def _longest_rising(values: list[int]) -> set[int]:
    chains: list[list[int]] = []
    for value in values:
        best: list[int] = max((chain for chain in chains if chain[-1] < value), key=len, default=[])
        chains.append([*best, value])
    longest: list[int] = max(chains, key=len, default=[])
    return set(longest)


def _details(old: SchemaField, new: SchemaField) -> tuple[Detail, ...]:
    details: list[Detail] = []
    if (was := type_name(old.schema)) != (now := type_name(new.schema)):
        details.append(Detail(aspect="type", old=was, new=now))
    if old.required != new.required:
        details.append(Detail(aspect="required", old=old.required, new=new.required))
    details += _keyword_details(old.schema, new.schema)
    return tuple(details)


def _keyword_details(old: JsonSchema, new: JsonSchema) -> list[Detail]:
    skipped = {"type", "properties", "required", "items", "format", "$ref", "anyOf", "$defs"}
    details = []
    for keyword in dict.fromkeys((*old, *new)):
        if keyword not in skipped and old.get(keyword) != new.get(keyword):
            details.append(Detail(aspect=keyword, old=old.get(keyword), new=new.get(keyword)))
    item_old, item_new = old.get("items"), new.get("items")
    if isinstance(item_old, dict) and isinstance(item_new, dict):
        details += [
            detail.model_copy(update={"aspect": f"items {detail.aspect}"})
            for detail in _keyword_details(item_old, item_new)
        ]
    if old.get("format") != new.get("format") and type_name(old) == type_name(new):
        details.append(Detail(aspect="format", old=old.get("format"), new=new.get("format")))
    return details


def _root_details(old: JsonSchema, new: JsonSchema) -> tuple[Detail, ...]:
    return tuple(_keyword_details(old, new))


def _say(detail: Detail) -> str:
    match detail.aspect:
        case "required":
            return "now required" if detail.new else "now optional"
        case "description":
            return "described anew" if detail.new else "description removed"
        case _:
            return f"{detail.aspect} {_short(detail.old)} is now {_short(detail.new)}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else "none" if value is None else json.dumps(value, ensure_ascii=False)
    return unescape(text) if len(text) <= 60 else text[:57] + "..."
