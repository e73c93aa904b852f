"""LangExtract: classes of extractions taught by one example, which is made from the schema and is about nobody.

- It needs an example and no schema; the example's text and values are made up here from the fields' names and types,
  never from a document or its gold. From the example it makes the JSON Schema that constrains the answers
  (skills/langextract-usage/references/providers.md: a ModelConfig with the provider named, fences and schema
  constraints left to it).
- A field of the root is a class whose text is the value, verbatim; an object or a record is a class whose attributes
  are its fields (README, "Provide meaningful attributes"). Records within records name their parent in an attribute
  `..._group`, as docs/examples/medication_examples.md does.
- Buffer of 1,000 characters, one pass: its defaults. Extractions that it could not place in the text are left out
  where it placed others (SKILL.md: "Filter to grounded extractions").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import langextract as lx
from langextract.factory import ModelConfig

from .fields import Field, described, read_fields
from .work import Unsupported, Work, serve

_PROMPT = """\
Extract the fields of the document. Use exact text for extractions: do not paraphrase, and do not overlap entities.
Give each entity the attributes that the document gives for it. The classes and their attributes:
{fields}"""


class Kind(NamedTuple):
    """One class of extractions: where its values go, which fields are its attributes, and whether it is a list."""

    name: str
    path: tuple[str, ...]
    field: Field
    attributes: tuple[tuple[tuple[str, ...], Field], ...]
    many: bool
    parent: tuple[str, ...] = ()

    @property
    def link(self) -> str:
        """The attribute in which a record of a list within a record names its owner."""
        return f"{'.'.join(self.parent)}_group"


def extract(work: Work) -> tuple[dict[str, Any], dict[str, Any]]:
    fields = read_fields(work.schema)
    kinds = list(kinds_of(fields))
    config = ModelConfig(
        model_id=work.model,
        provider="openai",
        provider_kwargs={"api_key": "none", "base_url": work.base_url},
    )
    found = lx.extract(
        text_or_documents=work.text,
        prompt_description=_PROMPT.format(fields="\n".join(described(fields))),
        examples=[example_of(kinds)],
        config=config,
        # A chunk that cannot be read must not take the others with it: its default too.
        resolver_params={"suppress_parse_errors": True},
        show_progress=False,
    )
    settings = {"max_char_buffer": 1000, "extraction_passes": 1, "classes": [kind.name for kind in kinds]}
    return assembled(kinds, found.extractions or []), settings


def kinds_of(fields: tuple[Field, ...]) -> Iterator[Kind]:
    """Return the classes, owners before what they own. Raises Unsupported."""
    for field in fields:
        here, name = (field.name,), field.name
        if field.is_scalar:
            yield Kind(name, here, field, (), many=False)
        elif field.item is not None and field.item.is_scalar:
            yield Kind(name, here, field.item, (), many=True)
        elif field.item is not None and field.item.fields:
            yield from _group(field.item, here, (), many=True)
        elif field.fields:
            yield from _group(field, here, (), many=False)
        else:
            raise Unsupported(f"{name}: LangExtract has no lists of lists")


def _group(field: Field, path: tuple[str, ...], parent: tuple[str, ...], *, many: bool) -> Iterator[Kind]:
    """An object with its flat fields as attributes; lists of records in it are classes of their own."""
    attributes: list[tuple[tuple[str, ...], Field]] = []
    lists: list[tuple[tuple[str, ...], Field]] = []

    def sort(fields: tuple[Field, ...], inner: tuple[str, ...]) -> None:
        for child in fields:
            if child.fields:
                sort(child.fields, (*inner, child.name))
            elif child.item is not None and not child.item.is_scalar:
                lists.append(((*inner, child.name), child))
            else:
                attributes.append(((*inner, child.name), child))

    sort(field.fields, ())
    name = ".".join(path)
    if attributes:
        yield Kind(name, path, field, tuple(attributes), many=many, parent=parent)
    elif many:
        raise Unsupported(f"{name}: a record of nothing but lists has no text to be found by")
    for inner, child in lists:
        if child.item is None or not child.item.fields:
            raise Unsupported(f"{name}: LangExtract has no lists of lists")
        yield from _group(child.item, (*path, *inner), path if many else parent, many=True)


def example_of(kinds: Iterable[Kind]) -> lx.data.ExampleData:
    """One made-up document that shows each class, a list's class twice."""
    lines: list[str] = []
    extractions = []
    texts: dict[tuple[str, ...], str] = {}
    for kind in kinds:
        label = kind.path[-1].replace("_", " ").capitalize()
        for number in (1, 2) if kind.many else (1,):
            if not kind.attributes:
                text = str(_made_up(kind.path[-1], kind.field, number))
                lines.append(f"{label}: {text}")
                attributes = {}
            else:
                values = {".".join(inner): _made_up(inner[-1], field, number) for inner, field in kind.attributes}
                shown = {k: ", ".join(v) if isinstance(v, list) else str(v) for k, v in values.items()}
                text = next(iter(shown.values()))
                lines.append(f"{label}: " + "; ".join(f"{k.replace('_', ' ')} {v}" for k, v in shown.items()))
                attributes = values
            if kind.parent:
                attributes = {**attributes, kind.link: texts.get(kind.parent, "")}
            texts.setdefault(kind.path, text)
            extractions.append(
                lx.data.Extraction(extraction_class=kind.name, extraction_text=text, attributes=attributes or None)
            )
    return lx.data.ExampleData(text="\n".join(lines), extractions=extractions)


def _made_up(name: str, field: Field, number: int) -> Any:
    if field.item is not None:
        return [str(_made_up(name, field.item, n)) for n in (number, number + 1)]
    if field.choices:
        return field.choices[0]
    if field.is_date:
        return f"2001-01-0{number}"
    label = name.replace("_", " ")
    return {"integer": number, "number": number + 0.5, "boolean": True}.get(field.kind, f"Example {label} {number}")


def assembled(kinds: Iterable[Kind], extractions: Iterable[Any]) -> dict[str, Any]:
    """Put what was extracted in the places of the schema, in the order of the text."""
    by_class: dict[str, list[Any]] = {}
    for extraction in extractions:
        by_class.setdefault(extraction.extraction_class, []).append(extraction)
    data: dict[str, Any] = {}
    records: dict[tuple[str, ...], list[tuple[str, dict[str, Any]]]] = {}
    for kind in kinds:
        found = by_class.get(kind.name, [])
        placed = [e for e in found if e.char_interval is not None]
        found = placed or ([] if kind.many else found)
        if not kind.attributes:
            texts = [e.extraction_text for e in found]
            _put(data, kind.path, texts if kind.many else next(iter(texts), None))
        elif not kind.many:
            merged: dict[str, Any] = {}
            for extraction in found:
                for key, value in _record(kind, extraction).items():
                    merged[key] = value if merged.get(key) is None else merged[key]
            _put(data, kind.path, merged)
        else:
            made = [(e.extraction_text, e, _record(kind, e)) for e in found]
            records[kind.path] = [(text, record) for text, _, record in made]
            if not kind.parent:
                _put(data, kind.path, [record for _, _, record in made])
                continue
            inner = kind.path[len(kind.parent) :]
            for _, extraction, record in made:
                wanted = (extraction.attributes or {}).get(kind.link)
                owners = [owner for text, owner in records.get(kind.parent, []) if text == wanted]
                if owners:
                    _put_in_list(owners[-1], inner, record)
    return data


def _record(kind: Kind, extraction: Any) -> dict[str, Any]:
    given = extraction.attributes or {}
    record: dict[str, Any] = {}
    for inner, _ in kind.attributes:
        _put(record, inner, given.get(".".join(inner)))
    first = kind.attributes[0][0]
    if given.get(".".join(first)) is None:
        _put(record, first, extraction.extraction_text)
    return record


def _put(data: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        data = data.setdefault(name, {})
    data[path[-1]] = {**data[path[-1]], **value} if isinstance(data.get(path[-1]), dict) and value else value


def _put_in_list(data: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        data = data.setdefault(name, {})
    data.setdefault(path[-1], []).append(value)


if __name__ == "__main__":
    serve(extract, ("langextract", "openai"))
