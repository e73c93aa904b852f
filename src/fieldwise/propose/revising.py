"""revise: a schema and a person's words in, a schema out that differs only in what the words ask for."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from fieldwise.errors import InputError
from fieldwise.llm import Message, Model
from fieldwise.model import (
    Document,
    FieldEvidence,
    Frozen,
    JsonSchema,
    OnProgress,
    SchemaVersion,
    ignore_progress,
    walk_fields,
)

from .applying import Applied, apply_edits
from .asking import Asking, OnAttempt
from .check import require_valid
from .diff import diff_schemas
from .drafting import Draft, require_usable
from .edits import EDITS, Edit
from .evidence import carry_evidence, find_evidence
from .fields import CONTAINERS, LISTS, SCALARS, field_grammar
from .labels import labelled_values
from .prompts import EDIT_SYSTEM, edits_task, rewrite_task
from .reading import Unreadable, read_object, read_schema


class Point(Frozen, extra="ignore"):
    """One thing that the person asked for, in their words, and the edits that do it."""

    asked: str = ""
    edits: tuple[Edit, ...] = ()


_POINTS: TypeAdapter[tuple[Point, ...]] = TypeAdapter(tuple[Point, ...])


async def revise(
    current: SchemaVersion | JsonSchema,
    feedback: str,
    model: Model,
    *,
    prompt: str = "",
    earlier: Sequence[str] = (),
    document: Document | None = None,
    attempts: int = 3,
    max_output_tokens: int = 2_048,
    on_progress: OnProgress = ignore_progress,
    on_attempt: OnAttempt | None = None,
) -> Draft:
    """Change `current` as `feedback` says; what it does not mention stays byte-identical.

    The model writes edits, code applies them; it sees the fields, the first request (`prompt`) and the feedback
    before this (`earlier`), not the document. The notes say for each point what was done, and what was not. Where the
    edits do not do, the last attempt asks for the whole schema, and the notes say so. A schema that comes back
    unchanged always has a note that says why.

    `document` is searched for examples of new fields, by their names; the model does not see it. Raises InputError for
    empty feedback, SchemaInvalid where `current` is not valid, ModelAnswerInvalid (with `attempts`) where no answer was
    usable, and the model's ModelErrors.
    """
    if not feedback.strip():
        raise InputError("The feedback is empty.", next_step="Say what to change, in plain words.")
    schema = require_valid(current.schema if isinstance(current, SchemaVersion) else current)
    evidence = current.evidence if isinstance(current, SchemaVersion) else ()
    asking = Asking(
        model,
        attempts=attempts,
        max_output_tokens=max_output_tokens,
        purpose="revise",
        on_progress=on_progress,
        on_attempt=on_attempt,
    )
    history = (prompt, tuple(earlier))
    applied = await _by_edits(schema, feedback, asking, history)
    revision = _settled(applied) if isinstance(applied, Applied) else applied
    if revision is None and asking.left > 0:
        told = _notes(applied)[:-1] if isinstance(applied, Applied) else ()
        asking.make_room(2 * await model.count_tokens(json.dumps(schema)))
        revision = await _by_rewriting(schema, feedback, asking, history, told)
    if revision is None and isinstance(applied, Applied) and applied.outcomes:
        # Edits that were refused are an answer, too: each says why.
        revision = _Revision(applied.json_schema, applied.paths, applied.altered, _notes(applied))
    if revision is None:
        raise asking.failure("did not manage the change")
    found = carry_evidence(evidence, revision.schema, revision.paths, revision.altered)
    if document is not None:
        found = await asyncio.to_thread(_with_newcomers, found, document, revision)
    return Draft(
        json_schema=revision.schema,
        evidence=found,
        notes=revision.notes,
        usage=asking.usage,
        attempts=tuple(asking.attempts),
    )


def _with_newcomers(
    evidence: tuple[FieldEvidence, ...], document: Document, revision: _Revision
) -> tuple[FieldEvidence, ...]:
    """Add examples of the fields that the revision brought in, where the document shows their name with a value."""
    old = set(revision.paths.values()) - revision.altered
    new = [f for f in walk_fields(revision.schema) if f.path not in old and "*" not in f.path]
    values = labelled_values(document, new)
    if not values:
        return evidence
    order = {field.path: index for index, field in enumerate(walk_fields(revision.schema))}
    together = (*evidence, *find_evidence(document, revision.schema, values))
    return tuple(sorted(together, key=lambda item: order[item.path]))


class _Revision(NamedTuple):
    schema: JsonSchema
    paths: dict[str, str]
    altered: frozenset[str]
    notes: tuple[str, ...]


async def _by_edits(
    schema: JsonSchema, feedback: str, asking: Asking, history: tuple[str, tuple[str, ...]]
) -> Applied | _Revision | None:
    """Ask for edits, again where some could not be applied; return the best outcome, None where there was none.

    The last attempt is left for rewriting. A model that writes a whole schema instead is taken at its word.
    """
    prompt, earlier = history
    messages = (
        Message("system", EDIT_SYSTEM),
        Message("user", edits_task(schema, feedback, prompt=prompt, earlier=earlier)),
    )

    def read(text: str) -> Applied | JsonSchema:
        answer = read_answer(text)
        if isinstance(answer, dict):
            return answer
        return apply_edits(schema, [edit for point in answer for edit in point.edits], request=feedback)

    best: Applied | None = None
    complaints: list[str] = []
    reserve = 1 if asking.left > 1 else 0
    while asking.left > reserve:
        answer = await asking.ask(messages, read, EDITS_GRAMMAR, _complaint)
        if answer is None:
            continue
        if isinstance(answer, dict):
            return _rewritten(schema, answer, "")
        if best is None or _score(answer) > _score(best):
            best = answer
        complaint = _complaint(answer)
        # The model that says the same again means it.
        if not complaint or complaint in complaints:
            break
        complaints.append(complaint)
    return best


def _complaint(answer: Applied | JsonSchema) -> str:
    if isinstance(answer, dict):
        return ""
    failed = [outcome.note for outcome in answer.outcomes if outcome.status != "done"]
    failed += _passed_over(answer)
    if answer.outcomes and not failed:
        return ""
    told = "; ".join(failed) or "there are no edits in it"
    return (
        f"these edits did not work: {told}. Name the fields as they are listed. "
        'What a field\'s values shall look like is said with "describe".'
    )


def _settled(applied: Applied) -> _Revision | None:
    """Return the revision where something was done, or where nothing had to be: the field is not there, or is so.

    An answer that could not be applied for other reasons is worth another way of asking.
    """
    done = any(outcome.status == "done" for outcome in applied.outcomes)
    explained = bool(applied.outcomes) and all(o.status in ("missing", "nothing") for o in applied.outcomes)
    if not done and not explained:
        return None
    return _Revision(applied.json_schema, applied.paths, applied.altered, _notes(applied))


def _score(applied: Applied) -> tuple[int, int]:
    done = sum(outcome.status == "done" for outcome in applied.outcomes)
    return (min(done, 1) * (1000 - (len(applied.outcomes) - done) - len(applied.overlooked)), done)


def _notes(applied: Applied) -> tuple[str, ...]:
    notes = tuple(dict.fromkeys([*(outcome.note for outcome in applied.outcomes), *_passed_over(applied)]))
    if any(outcome.status == "done" for outcome in applied.outcomes):
        return notes
    return (*notes, "the schema is unchanged")


def _passed_over(applied: Applied) -> list[str]:
    return [f"`{name}` is named in the request, and nothing was done with it" for name in applied.overlooked]


async def _by_rewriting(
    schema: JsonSchema,
    feedback: str,
    asking: Asking,
    history: tuple[str, tuple[str, ...]],
    told: tuple[str, ...],
) -> _Revision | None:
    """Ask for the whole new schema. `told` says what became of the edits before; it stays in the notes."""
    prompt, earlier = history
    asking.forget()
    messages = (
        Message("system", EDIT_SYSTEM),
        Message("user", rewrite_task(schema, feedback, prompt=prompt, earlier=earlier)),
    )
    while asking.left > 0:
        answer = await asking.ask(messages, _read_rewrite, None)
        if answer is not None:
            revision = _rewritten(schema, answer, "no single edits made this change: the schema was rewritten")
            return revision._replace(notes=(*told, *revision.notes))
    return None


def _read_rewrite(text: str) -> JsonSchema:
    schema = read_schema(text)
    require_usable(schema)
    return schema


def _rewritten(old: JsonSchema, answer: JsonSchema, note: str) -> _Revision:
    """Take a whole schema as the revision: what is equal in it keeps its old bytes, what differs is told."""
    new = keep_bytes(old, answer)
    diff = diff_schemas(old, new)
    if not diff:
        told: tuple[str, ...] = ("the model found nothing to change for this request: the schema is unchanged",)
    else:
        told = tuple(str(change)[2:] for change in diff.changes)
    paths = {change.old_path: change.path for change in diff.changes if change.old_path}
    gone = {change.path for change in diff.of_kind("removed")}
    altered = frozenset(
        change.path for change in diff.changes if any(detail.aspect == "type" for detail in change.details)
    )
    return _Revision(new, _all_paths(old, paths, gone), altered, (*((note,) if note and diff else ()), *told))


def _all_paths(old: JsonSchema, moved: dict[str, str], gone: set[str]) -> dict[str, str]:
    paths = {}
    for field in walk_fields(old):
        head = field.path
        while head and head not in moved and head not in gone:
            head = head.rpartition("/")[0]
        if head in gone:
            continue
        paths[field.path] = moved[head] + field.path[len(head) :] if head else field.path
    return paths


def keep_bytes(old: Any, new: Any) -> Any:
    """Return `new`, with every part of it that equals its counterpart in `old` written as `old` writes it."""
    if old == new and json.dumps(old, sort_keys=True) == json.dumps(new, sort_keys=True):
        return copy.deepcopy(old)
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    kept = {key: keep_bytes(old[key], new[key]) for key in old if key in new}
    if [key for key in new if key in old] != list(kept):
        # The order was changed too, which for fields is a change a person sees.
        kept = {key: kept[key] for key in new if key in old}
    if list(kept) == list(new):
        return kept
    return {key: kept.get(key, value) for key, value in new.items()}


def read_answer(text: str) -> tuple[Point, ...] | JsonSchema:
    """Read the points with their edits; a model that writes a whole schema instead is taken at its word.

    Raises Unreadable or ValidationError, in words for the model.
    """
    answer = read_object(text, wanted=lambda v: any(key in v for key in ("points", "edits", "op", "properties")))
    if isinstance(answer.get("points"), list):
        return _POINTS.validate_python(answer["points"])
    if isinstance(answer.get("edits"), list):
        return (Point(edits=EDITS.validate_python(answer["edits"])),)
    if "op" in answer:
        return (Point(edits=EDITS.validate_python([answer])),)
    if "properties" not in answer:
        raise Unreadable('the answer must hold "points", a list')
    require_usable(answer)
    return answer


def _edit_grammar() -> JsonSchema:
    text: JsonSchema = {"type": "string"}
    texts: JsonSchema = {"type": "array", "minItems": 1, "items": text}
    part = field_grammar(levels=0)
    parts = {"type": "array", "minItems": 1, "items": part}
    simple = {"enum": [*SCALARS, *LISTS]}
    nested = {"enum": list(CONTAINERS)}
    head = {"into": text, "name": text, "description": text}
    flag = {"required": {"type": "boolean"}}
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("add", {**head, "type": simple, **flag}),
        ("add", {**head, "type": nested, **flag, "columns": {**parts, "items": field_grammar(levels=1)}}),
        ("remove", {"field": text}),
        ("rename", {"field": text, "name": text}),
        ("retype", {"field": text, "type": simple}),
        ("retype", {"field": text, "type": nested, "columns": parts}),
        ("require", {"field": text}),
        ("make_optional", {"field": text}),
        ("describe", {"field": text, "description": text}),
        ("enum", {"field": text, "values": texts}),
        ("split", {"field": text, "parts": parts}),
        ("nest", {"fields": texts, "name": text}),
        ("flatten", {"field": text}),
        ("move", {"field": text, "into": text}),
        ("reorder", {"field": text, "place": {"enum": ["first", "last", "before", "after"]}, "other": text}),
        ("impossible", {"reason": text}),
    ]
    edits = [
        {
            "type": "object",
            "properties": {"op": {"const": op}, **keys},
            "required": ["op", *keys],
            "additionalProperties": False,
        }
        for op, keys in kinds
    ]
    point = {
        "type": "object",
        "properties": {"asked": text, "edits": {"type": "array", "minItems": 1, "items": {"anyOf": edits}}},
        "required": ["asked", "edits"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {"points": {"type": "array", "minItems": 1, "items": point}},
        "required": ["points"],
        "additionalProperties": False,
    }


EDITS_GRAMMAR = _edit_grammar()
