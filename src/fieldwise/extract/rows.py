"""Lists that are tables: the model says once which column holds which field, code reads every row.

A 1,000-row statement costs one short answer, no row can be forgotten, and each value's place is known from its cell.
What no column holds (a code in the notes below a description) is asked for entry by entry, and kept only if it stands
in the entry's own lines.
"""

from __future__ import annotations

import json
import math
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
from .prompts import entries_task
from .shape import Path, asked, at, node_of, subset
from .tables import Entry, LogicalTable
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
        best: tuple[int, LogicalTable, Columns] | None = None
        for table in sorted(self._free, key=lambda t: -likeness(t, fields))[:MOST_TABLES]:
            possible = candidates(table, fields, self._schema, self._habits)
            if sum(bool(columns) for columns in possible.values()) <= (best[0] if best else 0):
                continue
            columns = by_heading(table, fields, possible)
            choices = named_choices(table, possible, columns)
            if choices:
                request = column_request(path[-1], item, table, choices, constrained=self._model.constrains)
                columns |= read_columns(await self._generate(request, on_progress), choices)
            if _enough(columns, fields) and (best is None or len(columns) > best[0]):
                best = (len(columns), table, columns)
            if best is not None and best[0] == len(fields):
                break
        if best is None:
            return None
        self._free.remove(best[1])
        return await self._list(path, item, fields, best[1], best[2], on_progress)

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
            answers, more = await self._from_notes(path, item, open_, table, answers, on_progress)
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

    async def _from_notes(
        self,
        path: Path,
        item: JsonSchema,
        open_: tuple[Path, ...],
        table: LogicalTable,
        answers: list[dict[str, Any]],
        on_progress: OnProgress,
    ) -> tuple[list[dict[str, Any]], dict[str, tuple[Place, ...]]]:
        """Ask for what no column holds, some entries at a time; keep what stands in the entry's own lines."""
        if not any(table.notes(entry) for entry in table.entries):
            return answers, {}
        part = subset({**item, "$defs": self._schema.get("$defs", {})}, open_)
        found = list(answers)
        places: dict[str, tuple[Place, ...]] = {}
        for start in range(0, len(found), ENTRIES_A_CALL):
            entries = table.entries[start : start + ENTRIES_A_CALL]
            said = read_answer(await self._generate(self._entries_request(path, part, table, entries), on_progress))
            given = (said.value or {}).get("entries")
            for number, (entry, one) in enumerate(zip(entries, given if isinstance(given, list) else [], strict=False)):
                for field in open_:
                    value = _value(one, field)
                    place = self._in_entry(value, entry)
                    if place is not None:
                        found[start + number] = _with(found[start + number], field, value)
                        places[f"{pointer(path)}/{start + number}{pointer(field)}"] = (place,)
        return found, places

    def _entries_request(
        self, path: Path, part: JsonSchema, table: LogicalTable, entries: tuple[Entry, ...]
    ) -> ModelRequest:
        form = asked(part, part)
        listed = {"type": "array", "items": form, "minItems": len(entries), "maxItems": len(entries)}
        schema = {
            "type": "object",
            "properties": {"entries": listed},
            "required": ["entries"],
            "additionalProperties": False,
        }
        task = entries_task(path[-1], part, [table.block(entry) for entry in entries])
        if not self._model.constrains:
            task += f"\nAnswer with JSON that is valid against this JSON Schema:\n{json.dumps(schema)}"
        return ModelRequest(
            messages=(Message("system", SYSTEM), Message("user", task)),
            json_schema=schema,
            max_output_tokens=64 + 48 * len(entries) * max(1, len(form.get("properties", {}))),
            purpose="entries",
        )

    def _in_entry(self, value: Any, entry: Entry) -> Place | None:
        """Return where a value stands among an entry's words; None for a value from anywhere else."""
        words = sorted({word for cell in entry.cells for word in cell} | set(entry.notes))
        if value is None or isinstance(value, dict | list) or not words:
            return None
        near = Place(words[0], words[0], "exact")
        own = set(words)
        for place in self._locator.places(value, near=near):
            if all(word in own for first, last in place.ranges for word in range(first, last + 1)):
                return place
        return None


def _enough(columns: Columns, fields: Fields) -> bool:
    """A table is a list if it has columns for at least half of the fields, and for two."""
    return len(columns) >= min(2, len(fields)) and len(columns) >= math.ceil(len(fields) / 2)


def _with(answer: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    if len(path) == 1:
        return {**answer, path[0]: value}
    inner = answer.get(path[0])
    return {**answer, path[0]: _with(inner if isinstance(inner, dict) else {}, path[1:], value)}


def _value(answer: Any, path: Path) -> Any:
    for name in path:
        answer = answer.get(name) if isinstance(answer, dict) else None
    return answer
