"""Fields that a person's words name and no edit touches: a point of the request that was passed over in silence."""

from __future__ import annotations

from collections.abc import Sequence

from fieldwise.model import JsonSchema, walk_fields

from .edits import Edit
from .locating import display_path
from .naming import is_identifier, words_of


def overlooked(schema: JsonSchema, request: str, edits: Sequence[Edit]) -> tuple[str, ...]:
    """Return the names (with dots) of the fields that `request` names and that none of `edits` does.

    Only names that can mean nothing else count: of several words (`main_findings`, "main findings"). A name of one
    word (`date`) may stand in a request for something else.
    """
    said = _spaced(request)
    told = _spaced(" ".join(edit.model_dump_json() for edit in edits))
    found: dict[str, None] = {}
    for field in walk_fields(schema):
        name = field.path.rpartition("/")[2]
        spaced = _spaced(name)
        if not is_identifier(name) or spaced.count(" ") < 3:
            continue
        if spaced in said and spaced not in told:
            found[display_path(field.path)] = None
    return tuple(found)


def _spaced(text: str) -> str:
    return f" {' '.join(words_of(text))} "
