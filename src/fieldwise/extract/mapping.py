"""Which column of a table holds which field: by the headings where they leave no doubt, else by asking once.

Cells decide in the end: a column is a field's only if most of its cells can be read as the field's type.
"""

from __future__ import annotations

import json
import re
from collections import Counter

from fieldwise.grounding import numbers
from fieldwise.grounding.text import STOP_WORDS, label_words, tokens
from fieldwise.llm import Message, ModelRequest
from fieldwise.model import JsonSchema
from fieldwise.prompting import SYSTEM

from .answers import read_answer
from .headings import pairs
from .lines import is_figure
from .prompts import columns_task
from .shape import Path, allows_null, kind_of, leaf_of, node_of, properties
from .tables import LogicalTable
from .values import MISSING, Habits, Values

Fields = dict[Path, JsonSchema]
Columns = dict[Path, int]
Choices = dict[Path, dict[str, int]]

_READABLE = 0.6
_TYPED_KINDS = ("number", "integer", "date", "date-time", "enum", "boolean")
_SHOWN_ENTRIES = 3
_AMOUNT = re.compile(r"\d[.,]\d|%|[€$£¥]")


def flat_fields(item: JsonSchema, root: JsonSchema, path: Path = (), depth: int = 0) -> Fields:
    """Return the leaves of a record by path; none where it holds lists or maps."""
    fields: Fields = {}
    for name, child in properties(item).items():
        node = node_of(child, root)
        kind = kind_of(node)
        if kind == "object" and properties(node) and depth < 4:
            deeper = flat_fields(node, root, (*path, name), depth + 1)
            if not deeper:
                return {}
            fields |= deeper
        elif kind in ("array", "object", "any"):
            return {}
        else:
            fields[(*path, name)] = {**node, "x-nullable": allows_null(child, root)}
    return fields


def readable(table: LogicalTable, column: int, node: JsonSchema, root: JsonSchema, habits: Habits) -> bool:
    """Say whether a column's cells can be read as a field's type: a heading may say anything, figures do not."""
    texts = [text for entry in table.entries if (text := table.text(entry, column))]
    if not texts:
        return False
    if kind_of(node) not in _TYPED_KINDS:
        # Text may be a code of digits, but not a column of amounts or of row numbers.
        return not all(is_figure(text) and (_AMOUNT.search(text) or len(text) < 4) for text in texts)
    good = 0
    for text in texts:
        values = Values(root, habits)
        good += values.read(text, node) is not MISSING and not values.findings
    return good >= _READABLE * len(texts)


def candidates(table: LogicalTable, fields: Fields, root: JsonSchema, habits: Habits) -> dict[Path, list[int]]:
    """Return the columns that each field could be by their cells."""
    columns = range(table.columns)
    return {path: [c for c in columns if readable(table, c, node, root, habits)] for path, node in fields.items()}


def by_heading(table: LogicalTable, fields: Fields, possible: dict[Path, list[int]]) -> Columns:
    """Match fields to the one possible column that has their name, abbreviated (`Qty`) or in another language."""
    said = [_said(text) for text in table.heading]
    columns: Columns = {}
    for path in fields:
        wanted = label_words(path[-1])
        fitting = [c for c in possible[path] if said[c] and _same_words(wanted, said[c])]
        if len(fitting) == 1 and fitting[0] not in columns.values():
            columns[path] = fitting[0]
    still = [path for path in fields if path not in columns]
    free = [c for c in range(table.columns) if c not in columns.values()]
    for i, n in pairs([path[-1] for path in still], [table.heading[c] for c in free]).items():
        if free[n] in possible[still[i]]:
            columns[still[i]] = free[n]
    return columns


def _said(heading: str) -> tuple[str, ...]:
    words = [t for t in tokens(heading) if t not in STOP_WORDS and numbers.currency_of(t) is None]
    return tuple(dict.fromkeys(words))


def _same_words(wanted: tuple[str, ...], said: tuple[str, ...]) -> bool:
    """Say whether two names are one: every word of the one is in the other, and neither is a part of a longer name."""
    if min(len(wanted), len(said)) == 1 != max(len(wanted), len(said)):
        return False
    few, many = sorted((wanted, said), key=len)
    return all(any(_alike(a, b) for b in many) for a in few)


def _alike(a: str, b: str) -> bool:
    """Say whether one word is the other, its beginning or its abbreviation: `pos` and `position`, `qty`, `quantity`."""
    short, long = sorted((a, b), key=len)
    if short == long or (len(short) >= 3 and long.startswith(short)):
        return True
    if not 2 <= len(short) <= 4 or short[0] != long[0] or short[-1] != long[-1]:
        return False
    rest = iter(long)
    return all(sign in rest for sign in short)


def column_request(
    name: str, item: JsonSchema, table: LogicalTable, choices: Choices, *, constrained: bool
) -> ModelRequest:
    """Ask for the columns of the fields in `choices`, each among those that its cells allow."""
    answer = {".".join(path): {"enum": [*named, None]} for path, named in choices.items()}
    form = {"type": "object", "properties": answer, "required": list(answer), "additionalProperties": False}
    shown = _columns_shown(table)
    wanted = {path[0] for path in choices}
    part = {**item, "properties": {k: v for k, v in properties(item).items() if k in wanted}}
    task = columns_task(name, part, shown)
    if not constrained:
        task += f"\nAnswer with JSON that is valid against this JSON Schema:\n{json.dumps(form, ensure_ascii=False)}"
    return ModelRequest(
        messages=(Message("system", SYSTEM), Message("user", task)),
        json_schema=form,
        max_output_tokens=64 + 32 * len(choices),
        purpose="columns",
    )


def named_choices(table: LogicalTable, possible: dict[Path, list[int]], known: Columns) -> Choices:
    """Return, for each field still open, the names of the columns it may be."""
    taken = set(known.values())
    choices = {}
    for path, columns in possible.items():
        free = {column_name(table, c): c for c in columns if c not in taken}
        if path not in known and free:
            choices[path] = free
    return choices


def column_name(table: LogicalTable, column: int) -> str:
    """Name a column for a prompt by its heading, with its number: two columns may have one heading, or none."""
    heading = " ".join(table.heading[column].split())[:40]
    return f"{heading} (C{column + 1})" if heading else f"(C{column + 1})"


def _columns_shown(table: LogicalTable) -> str:
    """List all columns, whatever is asked: the same beginning is read once."""
    lines = []
    for column in range(table.columns):
        values = [text[:48] for entry in table.entries if (text := table.text(entry, column))][:_SHOWN_ENTRIES]
        lines.append(f"- {column_name(table, column)}: {' / '.join(values)}")
    return "\n".join(lines)


def read_columns(text: str, choices: Choices) -> tuple[Columns, Choices]:
    """Read the model's answer: the columns named once; and the choices left for the fields that have none yet."""
    said = read_answer(text).value or {}
    named: Columns = {}
    for path, columns in choices.items():
        column = columns.get(str(said.get(".".join(path))))
        if column is not None:
            named[path] = column
    times = Counter(named.values())
    once = {path: column for path, column in named.items() if times[column] == 1}
    still_open = {
        path: {name: c for name, c in columns.items() if c not in once.values()}
        for path, columns in choices.items()
        if path not in once
    }
    return once, still_open


def likeness(table: LogicalTable, fields: Fields) -> float:
    """Score a table for a list by words shared with the fields, then by how much it holds."""
    said = {token for text in table.heading for token in tokens(text)}
    wanted = {word for path, node in fields.items() for word in label_words(leaf_of(path[-1], node).label)}
    return len(said & wanted) + min(len(table.entries), 50) / 100 - abs(table.columns - len(fields)) / 50
