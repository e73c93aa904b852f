"""Lists that are tables: the model says once which column holds which field, code reads every row.

A 1,000-row statement costs one short answer, no row can be forgotten, and each value's place is known from its cell.
"""

from __future__ import annotations

import json
import math
from typing import Any, NamedTuple

from fieldwise.errors import ModelError
from fieldwise.grounding import Locator, Place
from fieldwise.grounding.text import label_words, tokens
from fieldwise.llm import Message, Model, ModelRequest
from fieldwise.model import Issue, JsonSchema, OnProgress, Usage
from fieldwise.prompting import SYSTEM

from .answers import read_answer
from .asking import FATAL, nested, pointer
from .prompts import columns_task
from .shape import Path, allows_null, at, kind_of, leaf_of, node_of, properties
from .tables import LogicalTable
from .values import MISSING, Habits, Values

MOST_TABLES = 6
"""So many tables are asked about for one list; the likeliest by their headings first."""

_TYPED = 0.6
_READABLE = ("number", "integer", "date", "date-time")

Columns = dict[Path, int]


class TableList(NamedTuple):
    """A list read from a table: its records, where each leaf stands (by pointer), and what could not be read."""

    path: Path
    table: LogicalTable
    records: list[dict[str, Any]]
    raw: dict[str, str]
    places: dict[str, tuple[Place, ...]]
    issues: tuple[Issue, ...]
    lost: bool


class TableReader:
    """Finds, for each list of records, the table that is that list, and reads it."""

    def __init__(
        self, model: Model, schema: JsonSchema, tables: list[LogicalTable], locator: Locator, habits: Habits
    ) -> None:
        self._model = model
        self._schema = schema
        self._free = [table for table in tables if table.columns >= 2]
        self._locator = locator
        self._habits = habits
        self.usage = Usage()

    async def read(self, path: Path, on_progress: OnProgress) -> TableList | None:
        """Return the list as its table gives it; None where no table is this list, or the records are not flat."""
        item = node_of(at(self._schema, path)["items"], self._schema)
        fields = _flat_fields(item, self._schema)
        if not fields:
            return None
        best: tuple[float, LogicalTable, Columns] | None = None
        ordered = sorted(self._free, key=lambda t: -_likeness(t, fields))
        for table in ordered[:MOST_TABLES]:
            columns = by_heading(table, fields)
            if columns is None:
                columns = await self._ask(path[-1], item, table, fields, on_progress)
            columns = _typed(columns, table, fields, self._schema, self._habits)
            share = len(columns) / len(fields)
            if not _enough(columns, fields) or (best is not None and share <= best[0]):
                continue
            best = (share, table, columns)
            if share == 1.0:
                break
        if best is None:
            return None
        self._free.remove(best[1])
        return self._rows(path, item, best[1], best[2])

    async def _ask(
        self, name: str, item: JsonSchema, table: LogicalTable, fields: dict[Path, JsonSchema], on_progress: OnProgress
    ) -> Columns:
        names = [f"C{i + 1}" for i in range(table.columns)]
        answer = {".".join(path): {"enum": [*names, None]} for path in fields}
        form = {"type": "object", "properties": answer, "required": list(answer), "additionalProperties": False}
        task = columns_task(name, item, table.sample())
        if not self._model.constrains:
            task += f"\nAnswer with JSON that is valid against this JSON Schema:\n{json.dumps(form)}"
        request = ModelRequest(
            messages=(Message("system", SYSTEM), Message("user", task)),
            json_schema=form,
            max_output_tokens=64 + 24 * len(fields),
            purpose="columns",
        )
        try:
            reply = await self._model.generate(request, on_progress)
        except FATAL:
            raise
        except ModelError:
            # Not a loss: the list is then asked for like any other.
            return {}
        self.usage += reply.usage
        said = read_answer(reply.text).value or {}
        columns: Columns = {}
        for path in fields:
            column = said.get(".".join(path))
            if column in names and names.index(column) not in columns.values():
                columns[path] = names.index(column)
        return columns

    def _rows(self, path: Path, item: JsonSchema, table: LogicalTable, columns: Columns) -> TableList:
        base = pointer(path)
        values = Values(self._schema, self._habits)
        records: list[dict[str, Any]] = []
        places: dict[str, tuple[Place, ...]] = {}
        for entry in table.entries:
            answer: dict[str, Any] = {}
            here = f"{base}/{len(records)}"
            for field, column in columns.items():
                answer = _set(answer, field, table.text(entry, column) or None)
                place = table.place(entry, column)
                if place is not None:
                    places[here + pointer(field)] = (place,)
            record = values.read(answer, item, here)
            if record is not MISSING:
                records.append(record)
        issues = tuple(
            Issue(path=f.path, code=f.code, message=f"{f.message}; the table shows {str(f.raw or '')[:200]!r}")
            for f in values.findings
        )
        return TableList(path, table, records, values.raw, places, issues, bool(values.findings))


def by_heading(table: LogicalTable, fields: dict[Path, JsonSchema]) -> Columns | None:
    """Match columns to fields by their names alone; None unless the names leave no doubt for most fields."""
    columns: Columns = {}
    for path in fields:
        wanted = set(label_words(" ".join(path)))
        fitting = [c for c in range(table.columns) if (said := set(tokens(table.heading[c]))) and _same(wanted, said)]
        if len(fitting) == 1 and fitting[0] not in columns.values():
            columns[path] = fitting[0]
    return columns if len(columns) == len(fields) or len(columns) >= max(3, 0.8 * len(fields)) else None


def _same(wanted: set[str], said: set[str]) -> bool:
    return bool(wanted) and (
        wanted == said or (len(wanted) > 1 and wanted <= said) or (len(said) > 1 and said <= wanted)
    )


def _likeness(table: LogicalTable, fields: dict[Path, JsonSchema]) -> float:
    """Score a table for a list by words shared with the fields, then by how much it holds."""
    said = {token for text in table.heading for token in tokens(text)}
    wanted = {word for path, node in fields.items() for word in label_words(leaf_of(path[-1], node).label)}
    return len(said & wanted) + min(len(table.entries), 50) / 100 - abs(table.columns - len(fields)) / 50


def _typed(
    columns: Columns, table: LogicalTable, fields: dict[Path, JsonSchema], root: JsonSchema, habits: Habits
) -> Columns:
    """Keep the columns whose cells can be read as their field's type: a heading may say anything, figures do not."""
    kept: Columns = {}
    for path, column in columns.items():
        node = fields[path]
        texts = [text for entry in table.entries if (text := table.text(entry, column))]
        if kind_of(node) in (*_READABLE, "enum", "boolean"):
            readable = 0
            for text in texts:
                values = Values(root, habits)
                readable += values.read(text, node) is not MISSING and not values.findings
            if not texts or readable < _TYPED * len(texts):
                continue
        kept[path] = column
    return kept


def _enough(columns: Columns, fields: dict[Path, JsonSchema]) -> bool:
    needed = [path for path, node in fields.items() if node.get("x-required")]
    return (
        len(columns) >= min(2, len(fields))
        and len(columns) >= math.ceil(len(fields) / 2)
        and all(path in columns for path in needed)
    )


def _flat_fields(item: JsonSchema, root: JsonSchema, path: Path = (), depth: int = 0) -> dict[Path, JsonSchema]:
    """Return the leaves of a record by path; none where it holds lists or maps. Marks what may not be absent."""
    fields: dict[Path, JsonSchema] = {}
    for name, child in properties(item).items():
        node = node_of(child, root)
        kind = kind_of(node)
        if kind == "object" and properties(node) and depth < 4:
            deeper = _flat_fields(node, root, (*path, name), depth + 1)
            if not deeper:
                return {}
            fields |= deeper
        elif kind in ("array", "object", "any"):
            return {}
        else:
            must = name in item.get("required", ()) and not allows_null(child, root)
            fields[(*path, name)] = {**node, "x-required": must}
    return fields


def _set(answer: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    if len(path) == 1:
        return {**answer, path[0]: value}
    inner = answer.get(path[0])
    return {**answer, path[0]: {**(inner if isinstance(inner, dict) else {}), **nested(path[1:], value)}}
