"""Apply edits to a schema: pure functions, a new schema out, and for each edit what came of it."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Sequence
from typing import Any

from fieldwise.model import Frozen, JsonSchema, walk_fields

from . import operations, reshaping
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
from .locating import NotFound
from .naming import words_of
from .overlooked import overlooked
from .workbench import Done, Refused, Status, Work, moved_path


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
    overlooked: tuple[str, ...] = ()
    """Fields that the request names and no edit touches."""


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
    work = Work(copy.deepcopy(schema), {f.path: f.path for f in walk_fields(schema)}, {}, request)
    known_faults = new_faults(schema)
    altered: set[str] = set()
    outcomes: list[Outcome] = []
    for index, edit in enumerate(edits):
        if index in vetoed:
            outcomes.append(Outcome(edit=edit, status="refused", note=vetoed[index]))
            continue
        trial = work.copy()
        try:
            done = _done(trial, edit)
            if faults := new_faults(trial.schema) - known_faults:
                raise Refused(f"{_verb(edit)}: {min(faults)}")
        except Refused as refusal:
            outcomes.append(Outcome(edit=edit, status=refusal.status, note=str(refusal)))
            continue
        except NotFound as missing:
            outcomes.append(Outcome(edit=edit, status="missing", note=f"{missing}, nothing {_verb(edit)}"))
            continue
        trial.move(done.moved)
        work, altered = trial, {moved_path(path, done.moved) or path for path in altered} | set(done.stale)
        outcomes.append(Outcome(edit=edit, status="done", note=done.note))
    result = Applied(
        json_schema=work.schema,
        outcomes=tuple(outcomes),
        paths=work.paths,
        altered=frozenset(altered),
        overlooked=overlooked(schema, request, edits),
    )
    return result, _emptied(schema, work.schema, outcomes)


def _done(trial: Work, edit: Edit) -> Done:
    try:
        return _HANDLERS[type(edit)](trial, edit)
    except NotFound:
        meant = _meant(trial, edit)
        if meant is None:
            raise
        return operations.add(trial, meant)


def _meant(work: Work, edit: Edit) -> Add | None:
    """Read the change of a field that does not exist, but that the request names, as its addition.

    Small models write `retype keywords` where they are asked to add keywords.
    """
    if not isinstance(edit, Retype) or not re.fullmatch(r"/?\w+", edit.field):
        return None
    name = edit.field.lstrip("/")
    words = words_of(name)
    if not words or not set(words) <= set(words_of(work.request)):
        return None
    return Add(name=name, type=edit.type, columns=edit.columns, description=f"{' '.join(words).capitalize()}.")


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


def _verb(edit: Edit) -> str:
    return {
        "add": "added", "remove": "removed", "rename": "renamed", "retype": "changed", "require": "made required",
        "make_optional": "made optional", "describe": "described", "enum": "limited", "nest": "put together",
        "flatten": "dissolved", "split": "split", "move": "moved", "reorder": "put elsewhere", "impossible": "changed",
    }[edit.op]  # fmt: skip


_HANDLERS: dict[type, Callable[[Work, Any], Done]] = {
    Add: operations.add,
    Remove: operations.remove,
    Rename: operations.rename,
    Retype: operations.retype,
    Require: operations.set_required,
    MakeOptional: operations.set_required,
    Describe: operations.describe,
    Enum: operations.enum,
    Nest: reshaping.nest,
    Flatten: reshaping.flatten,
    Split: reshaping.split,
    Move: reshaping.move,
    Reorder: reshaping.reorder,
    Impossible: operations.impossible,
}
