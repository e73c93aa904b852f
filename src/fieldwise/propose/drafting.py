"""draft: a document and a request in, a schema out, with an example for each field where the document shows one."""

from __future__ import annotations

import asyncio
import copy
import re
from typing import Any, NamedTuple

from pydantic import Field

from fieldwise.errors import InputError
from fieldwise.llm import Message, Model
from fieldwise.model import Document, FieldEvidence, Frozen, JsonSchema, OnProgress, Progress, Usage, ignore_progress
from fieldwise.model.schema import escape
from fieldwise.prompting import document_messages, shown_text

from .applying import apply_edits
from .asking import Asking, Attempt, OnAttempt
from .check import check_schema, walk_schemas
from .edits import Add
from .evidence import find_evidence
from .fields import ProposedField, field_grammar, object_schema
from .fitting import fitting_type
from .naming import asked_name, field_name, words_of
from .prompts import EXAMPLE_NAMES, fields_task, schema_task
from .reading import Unreadable, read_object
from .request import asked_things, field_of, type_of, uncovered, worded_alike

_RESERVE_TOKENS = 1_024
"""Kept free for the retries: a bad answer and its error stand in the next question."""
_SMALLEST_BUDGET = 256


class Draft(Frozen):
    """A proposed schema. `notes` tell the person what they should know of how it came about.

    `attempts` are all answers of the model, in order, each with what was wrong with it.
    """

    json_schema: JsonSchema = Field(description="valid: `check_schema` finds no errors in it")
    evidence: tuple[FieldEvidence, ...] = ()
    notes: tuple[str, ...] = ()
    usage: Usage = Usage()
    attempts: tuple[Attempt, ...] = ()


class _Request(NamedTuple):
    """What an answer is read against: the person's words, and the document's text as the model was shown it."""

    prompt: str
    document: str = ""


class Proposal(NamedTuple):
    """What was read out of one answer: the schema, examples by field path, notes."""

    schema: JsonSchema
    examples: dict[str, str]
    notes: tuple[str, ...] = ()


async def draft(
    document: Document,
    prompt: str,
    model: Model,
    *,
    attempts: int = 3,
    document_tokens: int = 12_000,
    max_output_tokens: int = 2_048,
    on_progress: OnProgress = ignore_progress,
    on_attempt: OnAttempt | None = None,
) -> Draft:
    """Propose a schema for what `prompt` asks of `document`. The model is asked at most `attempts` times.

    The document's text comes first in the question, as `fieldwise.prompting.shown_text` cuts it to `document_tokens`,
    so that extraction continues from the same prefix. `on_attempt` is awaited with each answer as soon as it is read.

    Raises InputError for an empty prompt, ModelAnswerInvalid (with `attempts`) where no answer was usable, and
    whatever ModelError the model raises.
    """
    if not prompt.strip():
        raise InputError("The prompt is empty.", next_step='Say what to extract: "the title, authors and date".')
    task = fields_task(prompt) if model.constrains else schema_task(prompt)
    room = model.context_tokens - max_output_tokens - await model.count_tokens(task) - _RESERVE_TOKENS
    budget = max(_SMALLEST_BUDGET, min(document_tokens, room))
    on_progress(Progress(stage="propose", message="Reading the document for the model"))
    shown = await shown_text(document, model, budget, query=prompt)
    asking = Asking(
        model,
        attempts=attempts,
        max_output_tokens=max_output_tokens,
        purpose="propose",
        on_progress=on_progress,
        on_attempt=on_attempt,
    )
    proposal = await _propose(asking, document_messages(shown.text, task), _Request(prompt, shown.text))
    evidence = await asyncio.to_thread(find_evidence, document, proposal.schema, proposal.examples)
    return Draft(
        json_schema=proposal.schema,
        evidence=evidence,
        notes=(*((shown.note,) if shown.note else ()), *proposal.notes),
        usage=asking.usage,
        attempts=tuple(asking.attempts),
    )


async def _propose(asking: Asking, messages: tuple[Message, ...], request: _Request) -> Proposal:
    """Ask until there is a usable schema, and once more where it lacks something that the request enumerates."""
    best: Proposal | None = None
    missing: tuple[str, ...] = ()
    while asking.left > 0:
        proposal = await asking.ask(
            messages, lambda text: read_proposal(text, request), _GRAMMAR, lambda answer: _lacks(answer, request)
        )
        if proposal is None:
            continue
        second = best is not None
        if not second and not worded_alike(request.prompt, proposal.schema):
            best = proposal
            break
        lacks = uncovered(request.prompt, proposal.schema)
        # A second answer that brings what was missing must not lose what the first one had.
        if not second or len(lacks) < len(missing):
            best, missing = proposal, lacks
        if not missing or second:
            break
    if best is None:
        raise asking.failure("did not write a usable schema")
    return _completed(best, missing, request)


def _completed(proposal: Proposal, missing: tuple[str, ...], request: _Request) -> Proposal:
    """Add a field, under the person's own words, for each thing asked for that the model left out twice."""
    edits = [Add(name=field_of(thing), type=type_of(thing), description=f"{thing.capitalize()}.") for thing in missing]
    applied = apply_edits(proposal.schema, edits, request=request.prompt)
    notes = [
        f'added a field for "{thing}", which the model had left out: look at its name and type'
        if outcome.status == "done"
        else f'no field was made for "{thing}": say so if there should be one'
        for thing, outcome in zip(missing, applied.outcomes, strict=True)
    ]
    return proposal._replace(schema=applied.json_schema, notes=(*proposal.notes, *notes))


def _lacks(proposal: Proposal, request: _Request) -> str:
    missing = uncovered(request.prompt, proposal.schema)
    if not missing or not worded_alike(request.prompt, proposal.schema):
        return ""
    return f"there is no field for: {'; '.join(missing)}. Keep the other fields and add what is missing."


_GRAMMAR: JsonSchema = {
    "type": "object",
    "properties": {"fields": {"type": "array", "minItems": 1, "items": field_grammar(example=True)}},
    "required": ["fields"],
    "additionalProperties": False,
}


def read_proposal(text: str, request: _Request) -> Proposal:
    """Read an answer: a field list, or a JSON Schema. Raises Unreadable or ValidationError, in words for the model."""
    answer = read_object(text, tag="schema", wanted=lambda v: "properties" in v or "type" in v or "fields" in v)
    if isinstance(answer.get("fields"), list) and "properties" not in answer:
        proposal = _from_fields(tuple(ProposedField.model_validate(field) for field in answer["fields"]), request)
    else:
        proposal = _from_schema(answer)
    require_usable(proposal.schema)
    return proposal


def require_usable(schema: Any) -> None:
    """Raise Unreadable with the schema's errors, if any, in words for the model that wrote it."""
    errors = [finding for finding in check_schema(schema) if finding.severity == "error"]
    if errors:
        told = "; ".join(f"{finding.pointer or 'the root'}: {finding.message}" for finding in errors[:3])
        raise Unreadable(f"the schema is not valid: {told}")


def _from_fields(fields: tuple[ProposedField, ...], request: _Request) -> Proposal:
    notes: list[str] = []
    named = _named(fields, request, "", notes)
    if not named:
        raise Unreadable("the list holds no field that the request asks for")
    examples: dict[str, str] = {}
    _collect(named, "", examples)
    return Proposal(object_schema(named), examples, tuple(notes))


def _named(
    fields: tuple[ProposedField, ...], request: _Request, base: str, notes: list[str]
) -> tuple[ProposedField, ...]:
    """Spell the names as the request does; leave out what leaked from the examples, and doubles."""
    kept: dict[str, ProposedField] = {}
    for field in fields:
        name = asked_name(field_name(field.name, verbatim=request.prompt), request.prompt)
        path = f"{base}/{name}"
        if not name:
            notes.append(f"left out a field without a usable name ({field.name!r})")
        elif _leaked(name, request):
            notes.append(f"left out {path}: it came from the model's instructions, not from the request")
        elif name in kept:
            notes.append(f"left out a second {path}")
        else:
            columns = _named(field.columns, request, path, notes)
            if field.columns and not columns:
                continue
            description = field.description or f"{' '.join(words_of(name)).capitalize()}."
            fitting = fitting_type(field.type, name, field.example)
            if fitting != field.type:
                notes.append(f"made {path} {_A.get(fitting, fitting)} instead of {_A.get(field.type, field.type)}")
            update = {"name": name, "columns": columns, "description": description, "type": fitting}
            kept[name] = field.model_copy(update=update)
    return tuple(kept.values())


_A = {"integer": "an integer", "number": "a number", "string": "a text", "date": "a date", "boolean": "yes or no"}


def _leaked(name: str, request: _Request) -> bool:
    """Say whether a field stems from the examples in our prompt: nobody asked for it.

    Where the request leaves the choice to the model, the document's own words speak for a field, too.
    """
    if name not in EXAMPLE_NAMES or set(words_of(name)) & set(words_of(request.prompt)):
        return False
    return bool(asked_things(request.prompt)) or not set(words_of(name)) <= set(words_of(request.document))


def _collect(fields: tuple[ProposedField, ...], base: str, examples: dict[str, str]) -> None:
    for field in fields:
        path = f"{base}/{escape(field.name)}"
        if field.columns:
            _collect(field.columns, f"{path}/*" if field.type == "list of objects" else path, examples)
        elif field.example:
            examples[path] = field.example


def _from_schema(answer: JsonSchema) -> Proposal:
    """Take the examples out of a schema that a model wrote: they are evidence, and must not leak into extractions."""
    # The faults of shape come first: the rest walks the schema and may rely on it.
    require_shape = [f for f in check_schema(answer) if f.severity == "error" and f.code != "unknown_required"]
    if require_shape:
        require_usable(answer)
    schema = copy.deepcopy(answer)
    examples: dict[str, str] = {}
    for pointer, node in walk_schemas(schema):
        given = node.pop("examples", None)
        single = node.pop("example", None)
        value = given[0] if isinstance(given, list) and given else single
        if isinstance(value, list):
            value = value[0] if value else None
        if isinstance(value, str | int | float) and (path := _field_path_of(pointer)):
            examples.setdefault(path, str(value))
        properties = node.get("properties")
        if isinstance(properties, dict):
            for name, child in properties.items():
                if isinstance(child, dict) and not str(child.get("description", "")).strip() and "$ref" not in child:
                    child["description"] = f"{' '.join(words_of(name)).capitalize() or name}."
            if isinstance(node.get("required"), list):
                node["required"] = [name for name in node["required"] if name in properties]
    return Proposal(schema, examples)


def _field_path_of(pointer: str) -> str:
    """Turn a pointer into the schema into a field path: `/properties/a/items/properties/b` -> `/a/*/b`."""
    path = re.sub(r"/properties/([^/]*)", r"/=\1", pointer)
    path = re.sub(r"/items(?=/=|$)", "/*", path)
    if not re.fullmatch(r"(?:/=[^/]*|/\*)*", path):
        return ""  # inside $defs or anyOf: no single field
    path = path.replace("/=", "/")
    return path.removesuffix("/*")
