"""Read a model's answer: bare JSON, JSON in tags, fences or prose, and JSON that was cut off in the middle.

A cut answer keeps its whole records: what was still being written is dropped, never guessed to an end.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

_FENCE = re.compile(r"```[A-Za-z0-9_-]*[ \t]*\n?(.*?)(?:```|\Z)", re.DOTALL)
_THOUGHTS = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_TRAILING_COMMA = re.compile(r",(?=\s*[}\]])")
_MOST_TOKENS = 400_000


class Read(NamedTuple):
    """`value` is the object found (None: nothing usable); `cut`: it ended early; `error`: what was wrong."""

    value: dict[str, Any] | None
    cut: bool = False
    error: str = ""


def read_answer(text: str) -> Read:
    """Return the JSON object in `text`, repaired where it was cut off or has a trailing comma. Never raises."""
    text = _THOUGHTS.sub("", text)
    candidates = [match[1] for match in _FENCE.finditer(text)] + [text]
    error = "the answer was empty" if not text.strip() else "no JSON object was found"
    for candidate in candidates:
        start = candidate.find("{")
        if start < 0:
            continue
        body = candidate[start:]
        try:
            value, _ = json.JSONDecoder().raw_decode(body)
            return Read(value) if isinstance(value, dict) else Read(None, error=error)
        except json.JSONDecodeError as problem:
            error = f"the JSON could not be read: {problem.msg} at line {problem.lineno}, column {problem.colno}"
        except (RecursionError, ValueError):
            return Read(None, error="the JSON is nested too deep or holds a number that is too long")
        mended = _mended(body)
        if mended is not None:
            return Read(mended.value, mended.cut, error)
    return Read(None, error=error)


def _mended(body: str) -> Read | None:
    whole = _TRAILING_COMMA.sub("", body)
    try:
        value, _ = json.JSONDecoder().raw_decode(whole)
        return Read(value) if isinstance(value, dict) else None
    except (ValueError, RecursionError):
        pass
    for end, closers in _whole_prefixes(body):
        try:
            value = json.loads(body[:end].rstrip().rstrip(",") + closers)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            return Read(value, cut=True)
    return None


def _whole_prefixes(body: str) -> list[tuple[int, str]]:
    """Return where the text may be ended, and what closes it there, the longest first.

    The last place after a whole record of a list comes first; failing that, the last place after a whole value.
    """
    after_record: list[tuple[int, str]] = []
    after_value: list[tuple[int, str]] = []
    open_: list[str] = []
    position = count = 0
    while position < len(body) and count < _MOST_TOKENS:
        count += 1
        sign = body[position]
        if sign == '"':
            string = _STRING.match(body, position)
            if string is None:
                break
            position = string.end()
            continue
        if sign in "{[":
            open_.append("}" if sign == "{" else "]")
        elif sign in "}]":
            if not open_ or open_[-1] != sign:
                break
            open_.pop()
            if not open_:
                break
            target = after_record if sign == "}" and open_[-1] == "]" else after_value
            target.append((position + 1, "".join(reversed(open_))))
        elif sign == "," and open_ and (len(open_) < 2 or open_[-2] != "]" or open_[-1] == "]"):
            # Never inside a record of a list: half a record is not a record.
            after_value.append((position, "".join(reversed(open_))))
        position += 1
    return sorted(after_record[-3:] + after_value[-3:], key=lambda at: -at[0])
