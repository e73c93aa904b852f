"""Schemas as people give them: a pydantic class, a dict, JSON text, or a path to a JSON file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from fieldwise.errors import InputError, SchemaInvalid
from fieldwise.model import JsonSchema

SchemaLike = JsonSchema | type[BaseModel] | str | Path

_MAX_BYTES = 5_000_000


def read_schema_argument(schema: SchemaLike) -> JsonSchema:
    """Return the JSON Schema. Raises InputError where there is none to read, SchemaInvalid where it is no object.

    Whether it is a schema that can be worked with is for `propose.require_valid` to say.
    """
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        return schema.model_json_schema()
    if isinstance(schema, dict):
        return _object(schema, "The schema")
    if isinstance(schema, str) and schema.lstrip().startswith("{"):
        return _object(_loads(schema, "The schema"), "The schema")
    if isinstance(schema, str | Path):
        path = Path(schema).expanduser()
        try:
            if path.stat().st_size > _MAX_BYTES:
                raise InputError(f"The schema {path} is larger than {_MAX_BYTES // 1_000_000} MB.", path=str(path))
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise InputError(
                f"The schema {path} could not be read: {reason}.",
                next_step="Name a file that holds a JSON Schema.",
                path=str(path),
            ) from None
        return _object(_loads(text, f"The schema {path}"), f"The schema {path}")
    raise InputError(
        f"A {type(schema).__name__} is no schema.", next_step="Give a pydantic class, a dict, JSON text or a path."
    )


def _loads(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SchemaInvalid(f"{what} is not JSON: {error}.", next_step="Mend it there.") from None


def _object(value: Any, what: str) -> JsonSchema:
    if not isinstance(value, dict):
        raise SchemaInvalid(f'{what} is no JSON object but {type(value).__name__}: use {{"type": "object", ...}}.')
    return value
