"""instructor: the schema as a pydantic model, one constrained call, asked again with the error where it does not fit.

Mode JSON_SCHEMA and a client of the OpenAI SDK with a base URL are what its guide for llama.cpp servers recommends
(python.useinstructor.com/integrations/llama-cpp-python); retries are left at its default. As with such a server the
model does not see the schema by itself, so the prompt lists the fields with their descriptions.
"""

from __future__ import annotations

from typing import Any, Literal

import instructor
import openai
from pydantic import BaseModel, ConfigDict, create_model
from pydantic import Field as ModelField

from .fields import Field, described, read_fields
from .work import Work, serve

_PROMPT = """\
Extract the following fields from the document. Use null for what the document does not give.

{fields}

Document:
{text}"""


def extract(work: Work) -> tuple[dict[str, Any], dict[str, Any]]:
    fields = read_fields(work.schema)
    client = instructor.from_openai(
        openai.OpenAI(base_url=work.base_url, api_key="none", timeout=work.seconds),
        mode=instructor.Mode.JSON_SCHEMA,
    )
    prompt = _PROMPT.format(fields="\n".join(described(fields)), text=work.text)
    found = client.chat.completions.create(
        model=work.model,
        response_model=model_of("Document", fields),
        messages=[{"role": "user", "content": prompt}],
    )
    return found.model_dump(mode="json", by_alias=True), {"mode": "JSON_SCHEMA", "max_retries": "default"}


def model_of(name: str, fields: tuple[Field, ...]) -> type[BaseModel]:
    """Return a pydantic model; any key is an alias, since a JSON key need be no Python name."""
    made: dict[str, Any] = {}
    for number, field in enumerate(fields):
        kind = _type_of(field)
        about = ModelField(alias=field.name, description=field.description or None)
        made[f"field_{number}"] = (kind | None if field.nullable else kind, about)
    return create_model(name, __config__=ConfigDict(populate_by_name=True), **made)


def _type_of(field: Field) -> Any:
    if field.fields:
        return model_of(_camel(field.name), field.fields)
    if field.item is not None:
        kind = _type_of(field.item)
        return list[kind | None if field.item.nullable else kind]  # type: ignore[valid-type]  # made at run time
    if field.choices:
        return Literal[field.choices]
    return {"string": str, "integer": int, "number": float, "boolean": bool}[field.kind]


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.replace("-", "_").split("_")) or "Part"


if __name__ == "__main__":
    serve(extract, ("instructor", "openai", "pydantic"))
