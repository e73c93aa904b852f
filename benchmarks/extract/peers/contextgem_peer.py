"""ContextGem: groups of fields as concepts, one concept a call.

- An object that stands once is a JsonObjectConcept with `singular_occurrence`, a list of records one without it
  (contextgem.dev/concepts/json_object_concept). Structures hold no descriptions: they go into the concept's own.
- One concept a call is what its guide for small models recommends (contextgem.dev/optimizations,
  "Troubleshooting Issues with Small Models"); all paragraphs are shown, which is its default.
- A local server needs an `api_base`; its time-out is raised to the document's time (contextgem.dev/llms/llm_config).
  Output in the document's language is what the same page says for documents that are not English: the default
  translates values.
"""

from __future__ import annotations

from typing import Any, Literal

from contextgem import Document, DocumentLLM, JsonObjectConcept

from .fields import Field, described, read_fields
from .work import Unsupported, Work, serve

_REST = "document_details"


def extract(work: Work) -> tuple[dict[str, Any], dict[str, Any]]:
    fields = read_fields(work.schema)
    wanted = concepts(fields)
    document = Document(raw_text=work.text)
    document.add_concepts(wanted)
    llm = DocumentLLM(
        model=f"openai/{work.model}",
        api_key="none",
        api_base=work.base_url,
        timeout=int(work.seconds),
        output_language="adapt",
    )
    # One concept that fails must not take the others with it.
    llm.extract_concepts_from_document(document, max_items_per_call=1, raise_exception_on_extraction_error=False)
    found = {concept.name: [item.value for item in concept.extracted_items] for concept in document.concepts}
    if not any(found.values()):
        raise RuntimeError("no concept was extracted: see the calls for what the model answered")
    return assembled(fields, found), {"max_items_per_call": 1, "concepts": [concept.name for concept in wanted]}


def concepts(fields: tuple[Field, ...]) -> list[JsonObjectConcept]:
    """Return a concept for every object and list of records, and one for what is left. Raises Unsupported."""
    made = []
    rest = tuple(field for field in fields if not _stands_alone(field))
    if rest:
        made.append(_concept(_REST, "Details of the document", rest, once=True))
    for field in fields:
        if field.item is not None and field.item.fields:
            about = field.description or field.item.description or f"Every one of the {field.name}"
            made.append(_concept(field.name, about, field.item.fields, once=False))
        elif field.fields:
            made.append(_concept(field.name, field.description or f"The {field.name}", field.fields, once=True))
    return made


def assembled(fields: tuple[Field, ...], found: dict[str, list[Any]]) -> dict[str, Any]:
    """Put what the concepts gave in the places of the schema."""
    rest = (found.get(_REST) or [{}])[0]
    data: dict[str, Any] = {}
    for field in fields:
        if field.item is not None and field.item.fields:
            data[field.name] = found.get(field.name, [])
        elif field.fields:
            data[field.name] = (found.get(field.name) or [None])[0]
        else:
            data[field.name] = rest.get(field.name)
    return data


def _stands_alone(field: Field) -> bool:
    return bool(field.fields or (field.item is not None and field.item.fields))


def _concept(name: str, about: str, fields: tuple[Field, ...], *, once: bool) -> JsonObjectConcept:
    lines = "\n".join(described(fields))
    return JsonObjectConcept(
        name=name,
        description=f"{about}. Fields, null where the document does not give one:\n{lines}",
        structure={field.name: _structure(field) for field in fields},
        singular_occurrence=once,
    )


def _structure(field: Field) -> Any:
    if field.fields:
        return {child.name: _structure(child) for child in field.fields}
    if field.item is not None:
        if field.item.fields:
            return [_structure(field.item)]
        if field.item.item is not None:
            raise Unsupported(f"{field.name}: ContextGem's structures have no lists of lists")
        return list[_scalar(field.item)]  # type: ignore[misc]  # made at run time
    return _scalar(field) | None


def _scalar(field: Field) -> Any:
    if field.choices:
        return Literal[field.choices]
    return {"string": str, "integer": int, "number": float | int, "boolean": bool}[field.kind]


if __name__ == "__main__":
    serve(extract, ("contextgem", "litellm", "pydantic"))
