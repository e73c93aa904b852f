"""Examples without a model: the value beside a field's name in the document (`Invoice date: 3 May 2024`)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fieldwise.grounding import dates, numbers
from fieldwise.model import Document, SchemaField, type_name

from .naming import words_of

_SEARCHED_CHARACTERS = 300_000
_LONGEST_VALUE = 60
_SHORTEST_LABEL = 4
_TOKEN = re.compile(r"[^\s|]+")


def labelled_values(document: Document, fields: Iterable[SchemaField]) -> dict[str, str]:
    """Return, for each field whose name stands before a value of its type in the document, that value as printed.

    Only what stands on the same line counts, for texts only after a colon or in the next table cell: prose that merely
    mentions the name is no example. The first 300,000 characters are searched.
    """
    text = _beginning(document)
    found: dict[str, str] = {}
    for field in fields:
        words = words_of(field.name)
        if len("".join(words)) < _SHORTEST_LABEL:
            continue
        label = re.compile(r"(?<!\w)" + r"[\s_./-]{0,3}".join(map(re.escape, words)) + r"(?!\w)", re.IGNORECASE)
        kind = type_name(field.schema)
        for match in label.finditer(text):
            end = text.find("\n", match.end())
            rest = text[match.end() : end if end >= 0 else len(text)][: 2 * _LONGEST_VALUE]
            if value := _value(rest, kind):
                found[field.path] = value
                break
    return found


def _beginning(document: Document) -> str:
    texts: list[str] = []
    size = 0
    for page in document.pages:
        if size >= _SEARCHED_CHARACTERS:
            break
        texts.append(page.markdown[: _SEARCHED_CHARACTERS - size])
        size += len(texts[-1])
    return "\n".join(texts)


def _value(rest: str, kind: str) -> str:
    if kind == "date":
        first = next(dates.find_dates(rest), None)
        return rest[first.start : first.end].strip() if first and len(first.readings[0]) == len("2024-05-03") else ""
    if kind in ("number", "integer"):
        numeric = [t[0].strip("*_:;") for t in _TOKEN.finditer(rest)][:4]
        return next((token for token in numeric if numbers.readings(token)), "")
    if kind not in ("string", "list of strings"):
        return ""
    after = re.match(r"[\s*_]*(?::|\|)[\s*_:|]*([^|\n]+)", rest)
    if after is None:
        return ""
    value = re.split(r"\s{2,}|\*\*|__", after[1].strip())[0].strip(" *_.,;")
    return value if 0 < len(value) <= _LONGEST_VALUE else ""
