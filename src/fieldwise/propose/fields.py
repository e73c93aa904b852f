"""The field list: what a model writes instead of a JSON Schema, and its conversion by code.

A flat list of fields is shorter than the schema it stands for, leaves a small model fewer ways to go wrong, and has
room for an example from the document beside each field.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from fieldwise.model import Frozen, JsonSchema

SCALARS = ("string", "integer", "number", "boolean", "date")
LISTS = ("list of strings", "list of numbers")
CONTAINERS = ("list of objects", "object")

FieldType = Literal[
    "string", "integer", "number", "boolean", "date", "list of strings", "list of numbers", "list of objects", "object"
]

OTHER_WORDS: dict[str, FieldType] = {
    "text": "string", "str": "string", "any": "string", "int": "integer", "float": "number", "decimal": "number",
    "bool": "boolean", "datetime": "date", "date-time": "date", "array": "list of strings", "list": "list of strings",
    "list of string": "list of strings", "list of integers": "list of numbers", "list of object": "list of objects",
    "array of strings": "list of strings", "array of objects": "list of objects", "table": "list of objects",
    "list of dates": "list of strings", "dict": "object",
}  # fmt: skip


class ProposedField(Frozen, extra="ignore"):
    """One field as a model writes it. `columns` are the fields inside an object, or inside each object of a list."""

    name: str = Field(min_length=1, max_length=120)
    description: str = ""
    type: FieldType = "string"
    example: str = ""
    required: bool = True
    values: tuple[str, ...] = ()
    columns: tuple[ProposedField, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _other_words(cls, value: Any) -> Any:
        """Models without constraints write `text`, `table`, `fields`, `null`."""
        if not isinstance(value, dict):
            return value
        value = {key: item for key, item in value.items() if item is not None}
        if "columns" not in value and isinstance(value.get("fields"), list):
            value["columns"] = value["fields"]
        kind = str(value.get("type", "string")).strip().casefold().replace("_", " ")
        kind = OTHER_WORDS.get(kind, kind)
        columns = bool(value.get("columns"))
        if columns and kind not in CONTAINERS:
            kind = "list of objects" if kind.startswith("list") else "object"
        if not columns and kind in CONTAINERS:
            # A container of nothing holds nothing: what is meant is the text in it.
            kind = "list of strings" if kind == "list of objects" else "string"
        return {**value, "type": kind}

    @field_validator("example", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        if isinstance(value, list):
            value = value[0] if value else ""
        return str(value) if isinstance(value, int | float | bool) else "" if isinstance(value, dict) else value

    @field_validator("values", mode="before")
    @classmethod
    def _texts(cls, value: Any) -> Any:
        return tuple(str(item) for item in value) if isinstance(value, list | tuple) else value


def field_schema(field: ProposedField) -> JsonSchema:
    """Return the JSON Schema of one field, its columns included; its own description comes after the type."""
    schema = type_schema(field.type, field.columns)
    if field.values and field.type == "string":
        schema["enum"] = list(dict.fromkeys(field.values))
    if description := " ".join(field.description.split()):
        schema["description"] = description
    return schema


def type_schema(kind: FieldType, columns: tuple[ProposedField, ...] = ()) -> JsonSchema:
    """Return the JSON Schema of a type's name."""
    match kind:
        case "date":
            return {"type": "string", "format": "date"}
        case "list of strings":
            return {"type": "array", "items": {"type": "string"}}
        case "list of numbers":
            return {"type": "array", "items": {"type": "number"}}
        case "list of objects":
            return {"type": "array", "items": object_schema(columns)}
        case "object":
            return object_schema(columns)
        case _:
            return {"type": kind}


def object_schema(fields: tuple[ProposedField, ...]) -> JsonSchema:
    """Return the schema of an object with these fields; the first of two fields with one name stays."""
    properties: dict[str, Any] = {}
    for field in fields:
        properties.setdefault(field.name, field_schema(field))
    required = [name for name in properties if next(f for f in fields if f.name == name).required]
    schema: JsonSchema = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    return schema


def field_grammar(*, levels: int = 2, example: bool = False) -> JsonSchema:
    """The JSON Schema that constrains one field as a model writes it, with `levels` of columns inside columns."""
    head: dict[str, Any] = {"name": {"type": "string"}, "description": {"type": "string"}}
    tail: dict[str, Any] = {"required": {"type": "boolean"}}
    if example:
        tail = {"example": {"type": "string"}, **tail}
    simple = _closed({**head, "type": {"enum": [*SCALARS, *LISTS]}, **tail})
    if levels == 0:
        return simple
    columns = {"type": "array", "minItems": 1, "items": field_grammar(levels=levels - 1, example=example)}
    nested = _closed({**head, "type": {"enum": list(CONTAINERS)}, "required": {"type": "boolean"}, "columns": columns})
    return {"anyOf": [simple, nested]}


def _closed(properties: dict[str, Any]) -> JsonSchema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
