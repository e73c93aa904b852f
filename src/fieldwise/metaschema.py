"""Is this a JSON Schema at all? The one check of a schema against the meta-schema of Draft 2020-12."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import NamedTuple

from jsonschema import Draft202012Validator

from fieldwise.model import JsonSchema
from fieldwise.model.schema import escape


class Violation(NamedTuple):
    """What is no JSON Schema, and where (a JSON Pointer into the schema)."""

    pointer: str
    message: str


def violations(schema: JsonSchema) -> tuple[Violation, ...]:
    """Return what the meta-schema refuses; empty for a JSON Schema.

    A schema is asked about when it is proposed, decided on and extracted with: the answer is kept by its text.
    """
    return _violations(json.dumps(schema))


@lru_cache(maxsize=64)
def _violations(text: str) -> tuple[Violation, ...]:
    validator = Draft202012Validator(Draft202012Validator.META_SCHEMA)
    return tuple(
        Violation("".join(f"/{escape(str(token))}" for token in error.absolute_path), error.message)
        for error in validator.iter_errors(json.loads(text))
    )
