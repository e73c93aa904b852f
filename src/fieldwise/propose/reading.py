"""Read a model's answer, however it is wrapped: in tags, in a code fence, with words before and after, or bare."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from fieldwise.model import JsonSchema

_FENCE = re.compile(r"```[A-Za-z0-9_-]*[ \t]*\n?(.*?)(?:```|\Z)", re.DOTALL)
_MOST_CANDIDATES = 200
_BESIDE: dict[str, type] = {"description": str, "title": str, "type": str, "required": list}
"""Keywords that stand beside `properties`, and what they hold: no field of such a name is of that form."""


class Unreadable(ValueError):
    """The answer holds nothing usable; the message says what was found, in words for the model that wrote it."""


def read_schema(text: str) -> JsonSchema:
    """Return the first JSON object in `text` that looks like a schema (it has `type` or `properties`).

    Looks into `<schema>` tags first, then into code fences, then anywhere. Raises Unreadable.
    """
    found = read_object(text, tag="schema", wanted=lambda value: "properties" in value or "type" in value)
    schema: JsonSchema = _unstrayed(found)
    return schema


def _unstrayed(node: Any) -> Any:
    """Take out of `properties` what stands beside it in a schema: small models put it one level too deep."""
    if isinstance(node, list):
        return [_unstrayed(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: _unstrayed(value) for key, value in node.items()}
    fields = node.get("properties")
    if isinstance(fields, dict):
        strays = {name: fields[name] for name, kind in _BESIDE.items() if isinstance(fields.get(name), kind)}
        if strays:
            kept = {name: field for name, field in fields.items() if name not in strays}
            # What was said at the right place counts.
            node = {**node, "properties": kept, **{k: v for k, v in strays.items() if k not in node}}
    return node


def read_object(
    text: str, *, tag: str = "", wanted: Callable[[dict[str, Any]], bool] = lambda value: True
) -> dict[str, Any]:
    """Return the first wanted JSON object in `text`. Raises Unreadable."""
    first_error = ""
    unwanted = False
    for candidate in _candidates(text, tag):
        for value in _objects(candidate):
            if isinstance(value, dict) and wanted(value):
                return value
            if isinstance(value, str):
                first_error = first_error or value
            else:
                unwanted = True
    if unwanted:
        raise Unreadable("the JSON object found is not what was asked for")
    if first_error:
        raise Unreadable(f"the JSON could not be read: {first_error}")
    raise Unreadable("no JSON object was found" if text.strip() else "the answer was empty")


def _candidates(text: str, tag: str) -> Iterator[str]:
    """The places to look, most deliberate first. A missing closing tag or fence reaches to the end."""
    if tag:
        for match in re.finditer(rf"<{tag}\b[^>]*>(.*?)(?:</{tag}\s*>|\Z)", text, re.DOTALL | re.IGNORECASE):
            yield match[1]
    for match in _FENCE.finditer(text):
        yield match[1]
    yield text


def _objects(text: str) -> Iterator[dict[str, Any] | list[Any] | str]:
    """Yield each JSON object or list that starts in `text`, outermost only; for one that does not parse, why not."""
    decoder = json.JSONDecoder()
    position = 0
    for _ in range(_MOST_CANDIDATES):
        starts = [at for at in (text.find("{", position), text.find("[", position)) if at >= 0]
        if not starts:
            return
        start = min(starts)
        try:
            value, position = decoder.raw_decode(text, start)
        except json.JSONDecodeError as error:
            # Never look inside a damaged object: its inner objects parse, and are not the answer.
            end = _balanced_end(text, start)
            if text[start] == "{" and text[start:end].strip("{} \n"):
                yield f"{error.msg} at line {error.lineno}, column {error.colno}"
            if end == len(text) and text[start] == "{":
                return
            position = end if text[start] == "{" else start + 1
            continue
        except RecursionError:
            yield "nested too deep"
            return
        yield value


def _balanced_end(text: str, start: int) -> int:
    """Return the offset after the brace that closes the one at `start`, or the text's length where none does."""
    depth = 0
    for match in re.compile(r'"(?:[^"\\]|\\.)*"|[{}]', re.DOTALL).finditer(text, start):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if depth == 0:
            return match.end()
    return len(text)
