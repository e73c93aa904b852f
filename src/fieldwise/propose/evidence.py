"""Evidence: for each proposed field an example of its value, and where it stands. What stands nowhere is not shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from fieldwise.grounding import Locator
from fieldwise.model import Citation, Document, FieldEvidence, JsonSchema, SchemaField, walk_fields

_LONGEST_EXAMPLE = 300


def find_evidence(
    document: Document, schema: JsonSchema, examples: Mapping[str, str], *, locator: Locator | None = None
) -> tuple[FieldEvidence, ...]:
    """Look up `examples` (field path -> value as a model gave it) in `document`, in the schema's order.

    An example that the document does not show is dropped: models invent them. Columns of one list look for their
    example beside the columns found before, so that they come from one row.
    """
    fields = [field for field in walk_fields(schema) if _is_leaf(field)]
    wanted = [(field, value) for field in fields if (value := examples.get(field.path, "").strip())]
    if not wanted:
        return ()
    locator = locator or Locator(document)
    found: list[FieldEvidence] = []
    beside: dict[str, Citation] = {}
    for field, value in wanted:
        if len(value) > _LONGEST_EXAMPLE:
            continue
        parent = field.path.rpartition("/")[0]
        label = f"{field.name} {field.schema.get('description', '')}"
        for example in (value, *(_items(value) if field.schema.get("type") == "array" else ())):
            citation = locator.locate(example, near=beside.get(parent), label=label)
            if citation is not None:
                break
        if citation is None:
            continue
        if parent:
            beside.setdefault(parent, citation)
        found.append(FieldEvidence(path=field.path, example=example, citation=citation))
    return tuple(found)


def _items(value: str) -> list[str]:
    """The items of a list that a model wrote as one text: one of them is example enough."""
    items = [item.strip() for item in re.split(r"[,;\n]| and ", value)]
    return [item for item in items if item][:3] if len(items) > 1 else []


def carry_evidence(
    evidence: Iterable[FieldEvidence], schema: JsonSchema, paths: Mapping[str, str], altered: frozenset[str]
) -> tuple[FieldEvidence, ...]:
    """Take evidence over to a revised schema: `paths` maps old field paths to new ones.

    What was found for a field that is gone, or whose kind of value changed (`altered`), is left behind.
    """
    leaves = {field.path: index for index, field in enumerate(walk_fields(schema)) if _is_leaf(field)}
    carried = [
        item.model_copy(update={"path": path})
        for item in evidence
        if (path := paths.get(item.path)) in leaves and path not in altered
    ]
    return tuple(sorted(carried, key=lambda item: leaves[item.path]))


def _is_leaf(field: SchemaField) -> bool:
    """A value, or a list of values: what a document can show an example of."""
    items = field.schema.get("items")
    return "properties" not in field.schema and not (isinstance(items, dict) and "properties" in items)
