"""What a request asks for, as far as code can tell: the things it enumerates, and which of them a schema lacks."""

from __future__ import annotations

import re

from fieldwise.model import JsonSchema, walk_fields

from .fields import FieldType
from .naming import words_of

_SEPARATORS = re.compile(
    r"[,;:()\[\]\n]|\s(?:and|with|plus|as well as|und|mit|sowie|et|avec|ainsi que|y|con|e|com|och|med|en|met)\s",
    re.IGNORECASE,
)

# Words that ask, point or connect, and name nothing that a field could hold.
_EMPTY = frozenset(
    ("extract", "please", "give", "find", "list", "show", "return", "need", "want", "would", "like", "include", "get",
     "the", "for", "from", "this", "that", "these", "those", "each", "every", "all", "any", "its", "their", "with",
     "who", "what", "which", "where", "when", "how", "did", "does", "are", "was", "were", "has", "have", "they", "per",
     "also", "other", "mentioned", "field", "fields", "data", "information", "details", "document", "documents",
     "paper", "file", "invoice", "contract", "report", "letter", "table", "about", "of", "in", "on", "and", "alle",
     "bitte", "der", "die", "das", "den", "jede", "jeder", "von", "aus", "les", "des", "una", "los", "las", "del")
)  # fmt: skip

_SHORTEST_STEM = 4
_IDENTIFIER = re.compile(r"\w+_\w+")  # what is written so is meant literally


def asked_things(request: str) -> tuple[str, ...]:
    """Return the phrases of a request that enumerates what it wants; empty for one that leaves the choice."""
    phrases = [" ".join(phrase.split()) for phrase in _SEPARATORS.split(f" {request} ")]
    things = tuple(dict.fromkeys(phrase.strip(" .!?-") for phrase in phrases if _names(phrase)))
    return things if len(things) > 1 else ()


def uncovered(request: str, schema: JsonSchema) -> tuple[str, ...]:
    """Return the things asked for that no field's name or description speaks of."""
    things = asked_things(request)
    spoken: set[str] = set()
    names = {field.name.casefold() for field in walk_fields(schema)}
    for field in walk_fields(schema):
        spoken |= _stems(words_of(f"{field.name} {field.schema.get('description', '')}"))
    return tuple(
        thing
        for thing in things
        if thing.casefold() not in names
        and (_IDENTIFIER.fullmatch(thing) or not any(_spoken(word, spoken) for word in _content(thing)))
    )


def worded_alike(request: str, schema: JsonSchema) -> bool:
    """Say whether `uncovered` can be trusted: not where most would be missing, as in a schema in another language."""
    return 2 * len(uncovered(request, schema)) <= len(asked_things(request))


def field_of(thing: str) -> str:
    """Name a field after a phrase of the request: `the main findings` -> `main_findings`."""
    if literal := _IDENTIFIER.search(thing):
        return literal.group()
    return "_".join(_content(thing)) or "_".join(words_of(thing))


def type_of(thing: str) -> FieldType:
    """Guess a field's type from the words alone: several of something are a list, a day is a date."""
    last = (_content(thing) or words_of(thing) or [""])[-1]
    if last in ("date", "day", "datum"):
        return "date"
    return "list of strings" if len(last) > _SHORTEST_STEM and re.search(r"[^su]s$", last) else "string"


def _names(phrase: str) -> bool:
    return bool(_content(phrase) or _IDENTIFIER.fullmatch(phrase))


def _content(phrase: str) -> list[str]:
    return [word for word in words_of(phrase) if len(word) > 2 and word not in _EMPTY and not word.isdigit()]


def _stems(words: list[str]) -> set[str]:
    return {_stem(word) for word in words}


def _stem(word: str) -> str:
    return re.sub(r"(?:ies|es|s|ing|ed|en|y)$", "", word) if len(word) > _SHORTEST_STEM else word


def _spoken(word: str, spoken: set[str]) -> bool:
    stem = _stem(word)
    return any(
        other == stem or (min(len(other), len(stem)) >= _SHORTEST_STEM and (other in word or stem in other))
        for other in spoken
    )
