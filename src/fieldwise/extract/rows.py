"""Lists that are tables: the model says once which column holds which field, code reads every row.

A 1,000-row statement costs one short answer, no row can be forgotten, and each value's place is known from its cell.
What no column holds (a code in the notes below a description) is asked for entry by entry, and kept only if it stands
in the entry's own lines.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from typing import Any, NamedTuple

from fieldwise.errors import ModelError
from fieldwise.grounding import Locator, Place
from fieldwise.llm import Message, Model, ModelRequest
from fieldwise.model import Issue, JsonSchema, OnProgress, Usage
from fieldwise.prompting import SYSTEM

from .answers import read_answer
from .asking import FATAL, pointer
from .mapping import (
    Columns,
    Fields,
    by_heading,
    candidates,
    column_request,
    flat_fields,
    likeness,
    named_choices,
    read_columns,
)
from .prompts import entries_task, table_task
from .shape import Path, asked, at, node_of, subset
from .tables import Cell, LogicalTable
from .values import MISSING, Habits, Values

MOST_TABLES = 4
"""So many tables are asked about for one list; the likeliest by their headings first."""
ENTRIES_A_CALL = 10


class TableList(NamedTuple):
    """A list read from a table: its records, where each leaf stands (by pointer), and what could not be read."""

    path: Path
    table: LogicalTable
    records: list[dict[str, Any]]
    raw: dict[str, str]
    places: dict[str, tuple[Place, ...]]
    issues: tuple[Issue, ...]


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
        fields = flat_fields(item, self._schema)
        if not fields:
            return None
        options: list[tuple[LogicalTable, dict[Path, list[int]], Columns]] = []
        for table in sorted(self._free, key=lambda t: -likeness(t, fields))[:MOST_TABLES]:
            possible = candidates(table, fields, self._schema, self._habits)
            if sum(bool(columns) for columns in possible.values()) * 2 >= len(fields):
                options.append((table, possible, by_heading(table, fields, possible)))
        options.sort(key=lambda option: -len(option[2]))
        if not options:
            return None
        if not _enough(options[0][2], options[0][0], fields):
            chosen = await self._which(path, item, [option[0] for option in options], on_progress)
            options = [option for option in options if option[0] is chosen]
        for table, possible, columns in options[:1]:
            columns = await self._columns(path, item, table, possible, columns, on_progress)
            if _enough(columns, table, fields):
                self._free.remove(table)
                return await self._list(path, item, fields, table, possible, columns, on_progress)
        return None

    async def _columns(
        self,
        path: Path,
        item: JsonSchema,
        table: LogicalTable,
        possible: dict[Path, list[int]],
        known: Columns,
        on_progress: OnProgress,
    ) -> Columns:
        """Ask for the columns of the fields that no heading settles; for each alone, if that gives too few.

        A small model that gives one column to several fields, or none at all, tells them apart one by one.
        """
        choices = named_choices(table, possible, known)
        if not choices:
            return known
        constrained = self._model.constrains
        request = column_request(path[-1], item, table, choices, constrained=constrained)
        once, still_open = read_columns(await self._generate(request, on_progress), choices)
        columns = known | once
        twice = len(still_open) > 1 and not _enough(columns, table, {**known, **choices})
        for field, named in still_open.items() if twice else ():
            free = {field: {name: c for name, c in named.items() if c not in columns.values()}}
            if free[field]:
                request = column_request(path[-1], item, table, free, constrained=constrained)
                columns = columns | read_columns(await self._generate(request, on_progress), free)[0]
        return columns

    async def _which(
        self, path: Path, item: JsonSchema, tables: list[LogicalTable], on_progress: OnProgress
    ) -> LogicalTable | None:
        """Ask which table is the list, where no heading says so; None for none of them."""
        names = [f"T{n}" for n in range(1, len(tables) + 1)]
        form = {
            "type": "object",
            "properties": {"table": {"enum": [*names, "none"]}},
            "required": ["table"],
            "additionalProperties": False,
        }
        said = str(at(self._schema, path).get("description", "") or item.get("description", ""))
        task = table_task(path[-1], said, item, [table.sample() for table in tables])
        request = ModelRequest(
            messages=(Message("system", SYSTEM), Message("user", _spelled(task, form, self._model.constrains))),
            json_schema=form,
            max_output_tokens=24,
            purpose="table",
        )
        answer = (read_answer(await self._generate(request, on_progress)).value or {}).get("table")
        return tables[names.index(answer)] if answer in names else None

    async def _generate(self, request: ModelRequest, on_progress: OnProgress) -> str:
        """Return the answer; empty where the model failed: the list is then asked for like any other."""
        try:
            reply = await self._model.generate(request, on_progress)
        except FATAL:
            raise
        except ModelError:
            return ""
        self.usage += reply.usage
        return reply.text

    async def _list(
        self,
        path: Path,
        item: JsonSchema,
        fields: Fields,
        table: LogicalTable,
        possible: dict[Path, list[int]],
        columns: Columns,
        on_progress: OnProgress,
    ) -> TableList:
        base = pointer(path)
        answers: list[dict[str, Any]] = []
        places: dict[str, tuple[Place, ...]] = {}
        for number, entry in enumerate(table.entries):
            answer: dict[str, Any] = {}
            for field, column in columns.items():
                answer = _with(answer, field, table.text(entry, column) or None)
                place = table.place(entry, column)
                if place is not None:
                    places[f"{base}/{number}{pointer(field)}"] = (place,)
            answers.append(answer)
        open_ = tuple(field for field in fields if field not in columns)
        issues: list[Issue] = []
        if open_:
            # A column of row numbers is nobody's value: what it cannot hold by its cells is not shown for it.
            free = {column for field in open_ for column in possible[field]} - set(columns.values())
            left = [table.left_over(entry, free) for entry in table.entries]
            answers, more = await self._from_rest(path, item, open_, table, left, answers, on_progress)
            places |= more
            for field in open_:
                if not any(f"{base}/{n}{pointer(field)}" in more for n in range(len(answers))):
                    message = f"no column of the list's table, and none of its entries, gives {'.'.join(field)}"
                    issues.append(Issue(path=base, code="no_column", message=message))
        values = Values(self._schema, self._habits)
        read = [values.read(answer, item, f"{base}/{n}") for n, answer in enumerate(answers)]
        records = [{} if record is MISSING else record for record in read]
        issues += [
            Issue(path=f.path, code=f.code, message=f"{f.message}; the table shows {str(f.raw or '')[:200]!r}")
            for f in values.findings
        ]
        return TableList(path, table, records, values.raw, places, tuple(issues))

    async def _from_rest(
        self,
        path: Path,
        item: JsonSchema,
        open_: tuple[Path, ...],
        table: LogicalTable,
        left: list[Cell],
        answers: list[dict[str, Any]],
        on_progress: OnProgress,
    ) -> tuple[list[dict[str, Any]], dict[str, tuple[Place, ...]]]:
        """Ask for what no column holds, some entries at a time; keep what stands in what is left of the entry.

        What the columns of other fields hold is not shown: a small model gives it as the answer.
        """
        if not any(left):
            return answers, {}
        part = subset({**item, "$defs": self._schema.get("$defs", {})}, open_)
        found = list(answers)
        places: dict[str, tuple[Place, ...]] = {}
        for start in range(0, len(found), ENTRIES_A_CALL):
            rests = left[start : start + ENTRIES_A_CALL]
            request = self._entries_request(path, part, [table.written(rest) for rest in rests])
            given = (read_answer(await self._generate(request, on_progress)).value or {}).get("entries")
            for number, (rest, one) in enumerate(zip(rests, given if isinstance(given, list) else [], strict=False)):
                for field in open_:
                    value = _value(one, field)
                    place = self._among(value, rest)
                    if place is not None:
                        found[start + number] = _with(found[start + number], field, value)
                        places[f"{pointer(path)}/{start + number}{pointer(field)}"] = (place,)
        return found, places

    def _entries_request(self, path: Path, part: JsonSchema, texts: list[str]) -> ModelRequest:
        form = asked(part, part)
        listed = {"type": "array", "items": form, "minItems": len(texts), "maxItems": len(texts)}
        schema = {
            "type": "object",
            "properties": {"entries": listed},
            "required": ["entries"],
            "additionalProperties": False,
        }
        task = entries_task(path[-1], part, texts)
        return ModelRequest(
            messages=(Message("system", SYSTEM), Message("user", _spelled(task, schema, self._model.constrains))),
            json_schema=schema,
            max_output_tokens=64 + 48 * len(texts) * max(1, len(form.get("properties", {}))),
            purpose="entries",
        )

    def _among(self, value: Any, words: Cell) -> Place | None:
        """Return where a value stands among these words; None for a value from anywhere else."""
        if value is None or isinstance(value, dict | list) or not words:
            return None
        near = Place(words[0], words[0], "exact")
        own = set(words)
        for place in self._locator.places(value, near=near):
            if all(word in own for first, last in place.ranges for word in range(first, last + 1)):
                return place
        return None


def _enough(columns: Columns, table: LogicalTable, fields: Collection[Path]) -> bool:
    """A table is a list if it has columns for at least half of the fields, and fields for half of its columns."""
    filled = sum(any(entry.cells[c] for entry in table.entries) for c in range(table.columns))
    return (
        len(columns) >= min(2, len(fields))
        and len(columns) >= math.ceil(len(fields) / 2)
        and len(columns) >= math.ceil(filled / 2)
    )


def _spelled(task: str, form: JsonSchema, constrained: bool) -> str:
    """Add the form of the answer for models that nothing else holds to it."""
    if constrained:
        return task
    return f"{task}\nAnswer with JSON that is valid against this JSON Schema:\n{json.dumps(form, ensure_ascii=False)}"


def _with(answer: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    if len(path) == 1:
        return {**answer, path[0]: value}
    inner = answer.get(path[0])
    return {**answer, path[0]: _with(inner if isinstance(inner, dict) else {}, path[1:], value)}


def _value(answer: Any, path: Path) -> Any:
    for name in path:
        answer = answer.get(name) if isinstance(answer, dict) else None
    return answer
