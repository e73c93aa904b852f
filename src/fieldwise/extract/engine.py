"""FieldwiseExtractor: plan, ask, read rows, make valid, ground, verify.

    lists that are tables   one short question which column is which field, code reads the rows (rows.py)
    everything else         the whole document in one view if it fits, else ranked parts       (views.py, asking.py)
    then                    values of the types, places, counted rows, a status                (evidence.py, verify.py)

Issue codes. Something is missing (`incomplete`): `missing`, `invalid` of a value, `truncated`, `part_failed`,
`rows_missing`, `rows_unread` where surely rows, `not_read`, `parse`. Look at it (`unverified` at most): `ungrounded`,
`not_verbatim`, `sign_differs`, `unchecked`, `no_column`, `rows_differ`, `rows_unread`, `text_left`, `repeated`,
`partly_read`, `invalid` of a list or an object that is kept.
"""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from typing import Any

from fieldwise.grounding import Locator, Place, dates, numbers
from fieldwise.llm import Model, Patience, PatientModel
from fieldwise.model import (
    Document,
    Extraction,
    Issue,
    JsonSchema,
    OnProgress,
    Progress,
    Usage,
    ignore_progress,
)

from .asking import Answer, Asker, chained, joined, merged, nested, pointer, value_at
from .coverage import Coverage, ReadList
from .evidence import Evidence, ground, without_labels, without_repeats
from .prompts import extraction_task
from .rows import TableList, TableReader
from .shape import Path, at, count_leaves, is_record_list, kind_of, leaf_of, node_of, properties, subset, units
from .tables import Cell, LogicalTable, logical_tables
from .values import Habits
from .verify import count_rows, made_valid, status_of, validator_for
from .views import Reading, View, page_ranges

LEAVES_A_CALL = 60
"""More fields than this in one answer, and a small model begins to mix them up."""
WINDOWS_A_LIST = 8
"""Of a document too long for one call, so many windows are read for one list, the best matching first."""

_TASK_TOKENS = 200
_THREAD_FROM_WORDS = 20_000


class FieldwiseExtractor:
    """The engine. `attempts`: how often a part is asked for again; `patience`: how long a busy model is waited for.

    Token counts are the model's own.
    """

    def __init__(
        self,
        model: Model,
        *,
        attempts: int = 2,
        document_tokens: int = 12_000,
        max_output_tokens: int = 2_048,
        patience: Patience = Patience(),  # noqa: B008  # immutable
    ) -> None:
        self._model = PatientModel(model, patience)
        self._attempts = attempts
        self._document_tokens = document_tokens
        self._max_output_tokens = max_output_tokens

    @property
    def name(self) -> str:
        return "fieldwise/1"

    async def extract(
        self,
        document: Document,
        schema: JsonSchema,
        prompt: str = "",
        on_progress: OnProgress = ignore_progress,
    ) -> Extraction:
        """Extract. Raises SchemaInvalid, and a ModelError only where no part got an answer that could be used."""
        started = time.monotonic()
        work = _Work(self, document, schema, prompt, on_progress)
        extraction = await work.run()
        seconds = round(time.monotonic() - started, 3)
        usage = extraction.usage
        return extraction.model_copy(update={"usage": usage.model_copy(update={"seconds": usage.seconds or seconds})})

    async def aclose(self) -> None:
        """The model belongs to whoever gave it: nothing to give back."""


class _Work:
    """One extraction on its way."""

    def __init__(
        self, engine: FieldwiseExtractor, document: Document, schema: JsonSchema, prompt: str, on_progress: OnProgress
    ) -> None:
        self._validator = validator_for(schema)
        self._engine = engine
        self._model = engine._model
        self._document = document
        self._schema = schema
        self._prompt = prompt
        self._on_progress = on_progress

    async def run(self) -> Extraction:
        document, schema = self._document, self._schema
        if document.word_count > _THREAD_FROM_WORDS:
            locator = await asyncio.to_thread(Locator, document)
        else:
            locator = Locator(document)
        habits = _habits(document, locator)
        tables = logical_tables(locator.index, records=any(records for _, records in units(schema)))
        answers = min(self._engine._max_output_tokens, max(256, self._model.context_tokens // 4))
        task = max([await self._model.count_tokens(self._task(part)) for part in self._parts()])
        budget = min(self._engine._document_tokens, self._model.context_tokens - answers - task - _TASK_TOKENS)
        reading = Reading(document, self._model, max(256, budget))
        asker = Asker(
            self._model,
            schema,
            reading,
            habits,
            prompt=self._prompt,
            attempts=self._engine._attempts,
            max_output_tokens=answers,
            on_progress=self._on_progress,
        )
        read = TableReader(self._model, schema, tables, locator, habits)
        found = await self._from_tables(read)
        answer, partly = await self._from_model(asker, reading, {table.path for table in found})
        usage = asker.usage + read.usage
        return await asyncio.to_thread(self._verified, found, answer, partly, locator, tables, reading, usage)

    def _task(self, part: tuple[Path, ...]) -> str:
        return extraction_task(subset(self._schema, part), self._prompt, constrained=self._model.constrains)

    async def _from_tables(self, reader: TableReader) -> list[TableList]:
        lists = [path for path, records in units(self._schema) if records]
        found = []
        for i, path in enumerate(lists):
            self._tell(f"looking for the table of {path[-1]}", i, len(lists), "lists")
            table = await reader.read(path, self._on_progress)
            if table is not None:
                found.append(table)
        return found

    async def _from_model(self, asker: Asker, reading: Reading, done: set[Path]) -> tuple[Answer, set[Path]]:
        """Ask for all that no table gave; returns also the paths for which only parts of the document were read."""
        parts = [part for part in self._parts() if not set(part) <= done]
        if not parts:
            # Code went over every page for the tables, and nothing else is wanted.
            reading.mark_all_read()
        whole = await reading.whole() if parts else None
        answers: list[Answer] = []
        partly: set[Path] = set()
        for i, part in enumerate(parts):
            self._tell(f"reading {_named(part)}", i, len(parts), "parts")
            if whole is not None:
                answers.append(await asker.ask(part, whole))
                continue
            query = f"{self._prompt} {' '.join(self._labels(path) for path in part)}"
            views = await self._views(reading, part, query)
            given = [await asker.ask(part, view) for view in views]
            answers.append(chained(given, part[0]) if len(given) > 1 else given[0])
            if len({number for view in views for number in view.pieces}) < len(reading.pieces):
                partly.update(part)
        if parts and (error := asker.failure(others=bool(done))) is not None:
            # A part without an answer has data too: null for every field.
            raise error
        self._tell("checking", len(parts), len(parts), "parts")
        return joined(answers), partly

    def _parts(self) -> list[tuple[Path, ...]]:
        """Fields that go into one call, in the schema's order; each list of records is a call of its own."""
        parts: list[tuple[Path, ...]] = []
        group: list[Path] = []
        leaves = 0
        for path, records in units(self._schema):
            if records:
                parts.append((path,))
                continue
            size = count_leaves(at(self._schema, path), self._schema)
            if group and leaves + size > LEAVES_A_CALL:
                parts.append(tuple(group))
                group, leaves = [], 0
            group.append(path)
            leaves += size
        return [tuple(group), *parts] if group else parts

    async def _views(self, reading: Reading, part: tuple[Path, ...], query: str) -> list[View]:
        if len(part) == 1 and is_record_list(at(self._schema, part[0]), self._schema):
            return await reading.windows(query, WINDOWS_A_LIST)
        return [await reading.best(query)]

    def _labels(self, path: Path) -> str:
        node = at(self._schema, path)
        names = [leaf_of(path[-1], node).label]
        inner = node_of(node.get("items"), self._schema) if kind_of(node) == "array" else node
        names += [leaf_of(name, node_of(child, self._schema)).label for name, child in properties(inner).items()]
        return " ".join(names)

    def _verified(
        self,
        found: list[TableList],
        answer: Answer,
        partly: set[Path],
        locator: Locator,
        tables: list[LogicalTable],
        reading: Reading,
        usage: Usage,
    ) -> Extraction:
        data, raw, known = answer.data, dict(answer.raw), dict[str, tuple[Place, ...]]()
        issues = list(answer.issues)
        lost = answer.lost
        for table in found:
            data = merged(data, nested(table.path, table.records))
            raw |= table.raw
            known |= table.places
            issues += table.issues
            lost = lost or any(issue.code in ("missing", "invalid") for issue in table.issues)
            reading.mark_spans_read(table.table.spans())
        data = _in_order(data, self._schema)
        data, raw, repeated = self._once(data, raw, {t.path for t in found}, locator)
        issues += repeated
        data, raw = without_labels(data, self._schema, locator, raw)
        data, refused, refused_lost = made_valid(data, self._schema, self._validator, {issue.path for issue in issues})
        issues += refused
        evidence = ground(data, self._schema, locator, raw, known)
        issues += evidence.issues
        rows_lost, row_issues = self._counted(data, found, evidence, tables)
        left_lost, left_issues = self._left(data, found, evidence, locator)
        lost = lost or refused_lost or rows_lost or left_lost
        issues += [*row_issues, *left_issues]
        unread = reading.unread()
        issues += self._not_read(unread, partly, reading)
        issues += [Issue(path="", code="parse", message=issue.message) for issue in self._document.issues]
        return Extraction(
            document_id=self._document.id,
            status=status_of(lost or bool(unread) or any(issue.lost for issue in self._document.issues), issues),
            data=data,
            citations=evidence.citations,
            confidence=evidence.confidence,
            issues=tuple(issues),
            usage=usage,
        )

    def _once(
        self, data: dict[str, Any], raw: dict[str, str], from_tables: set[Path], locator: Locator
    ) -> tuple[dict[str, Any], dict[str, str], list[Issue]]:
        """Drop what the model repeated, in every list of the answer that code did not read itself."""
        issues: list[Issue] = []
        for path in [p for p in self._lists() if p not in from_tables]:
            items = value_at(data, path)
            if not isinstance(items, list) or len(items) < 2:
                continue
            kept, places, said = without_repeats(items, locator, pointer(path))
            if said:
                base = pointer(path)
                moved = {f"{base}/{old}": f"{base}/{new}" for new, old in enumerate(places)}
                raw = _renamed(raw, base, moved)
                data = merged(data, nested(path, kept))
                issues += said
        return data, raw, issues

    def _lists(self) -> list[Path]:
        return [path for path, _ in units(self._schema) if kind_of(at(self._schema, path)) == "array"]

    def _counted(
        self,
        data: dict[str, Any],
        found: list[TableList],
        evidence: Evidence,
        tables: list[LogicalTable],
    ) -> tuple[bool, list[Issue]]:
        """Count the lists that no table gave: is one shorter than its table, and what is to be told?"""
        read = {table.path for table in found}
        lost = False
        issues: list[Issue] = []
        for path in self._lists():
            if path in read:
                continue
            items = value_at(data, path)
            count = len(items) if isinstance(items, list) else 0
            if _nests_lists(at(self._schema, path), self._schema):
                # An entry with lists of its own covers many rows of a table: rows do not count entries.
                count = 0
            result = count_rows(pointer(path), count, evidence.places, tables)
            lost = lost or result.lost
            issues += result.issues
        return lost, issues

    def _left(
        self, data: dict[str, Any], found: list[TableList], evidence: Evidence, locator: Locator
    ) -> tuple[bool, list[Issue]]:
        """Look for what the lists, however they were read, left behind: rows, and words beside their rows."""
        read = {table.path: table.table for table in found}
        coverage = Coverage(locator.index)
        lost = False
        issues: list[Issue] = []
        for path in self._lists():
            items = value_at(data, path)
            base = pointer(path)
            table = read.get(path)
            inside = {place: spots for place, spots in evidence.places.items() if place.startswith(f"{base}/")}
            if table is not None:
                records: list[list[Cell]] = [list(entry.cells) for entry in table.entries]
            elif isinstance(items, list) and is_record_list(at(self._schema, path), self._schema):
                records = _cells(len(items), base, inside)
            else:
                continue
            # For code's own lists: what was found in the notes beside the cells is held too.
            used = inside if table is not None else {}
            outside = {p: spots for p, spots in evidence.places.items() if p not in inside}
            others = {word for spots in (*outside.values(), *used.values()) for word in _words_of(spots)}
            heading = " ".join(table.heading) if table is not None else ""
            left = coverage.left_by(ReadList(base, records, heading, others, table is not None))
            lost = lost or left.lost
            issues += left.issues
        return lost, issues

    def _not_read(self, unread: list[Any], partly: set[Path], reading: Reading) -> list[Issue]:
        issues = []
        if unread:
            share = sum(len(p.text) for p in unread) / max(1, sum(len(p.text) for p in reading.pieces))
            pages = page_ranges(p.page for p in unread)
            message = f"{share:.0%} of the document was read by no call (on pages {pages})"
            issues.append(Issue(path="", code="not_read", message=message))
        if partly:
            names = ", ".join(sorted(pointer(path) for path in partly)[:12])
            message = f"the document is longer than one call reads: {names} were looked for in the best matching parts"
            issues.append(Issue(path="", code="partly_read", message=message))
        return issues

    def _tell(self, message: str, done: int, total: int, unit: str) -> None:
        self._on_progress(Progress(stage="extract", message=message, done=done, total=total, unit=unit))


def _habits(document: Document, locator: Locator) -> Habits:
    """Learn from the document which decimal mark it uses and whether its dates put the day first."""
    sample = document.pages[:40]
    mark = numbers.decimal_mark(word.text for page in sample for word in page.words[:4_000])
    day_first = dates.prefers_day_first("\n".join(page.markdown[:20_000] for page in sample))

    def printed(value: str | Decimal) -> bool:
        found = locator.places(value, limit=1)
        return bool(found) and (isinstance(value, Decimal) or found[0].match == "exact")

    return Habits(mark, day_first, printed)


def _named(part: tuple[Path, ...]) -> str:
    names = [path[-1] for path in part]
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _words_of(places: tuple[Place, ...]) -> list[int]:
    return [word for place in places for first, last in place.ranges for word in range(first, last + 1)]


def _cells(count: int, base: str, places: dict[str, tuple[Place, ...]]) -> list[list[Cell]]:
    """Return the words of each record's values as the cells of a table: a column for each field."""
    of_record: list[dict[str, Cell]] = [{} for _ in range(count)]
    for place, spots in places.items():
        number, _, field = place[len(base) + 1 :].partition("/")
        if int(number) < count:
            of_record[int(number)][field] = tuple(_words_of(spots[:1]))
    fields = list(dict.fromkeys(field for record in of_record for field in record))
    return [[record.get(field, ()) for field in fields] for record in of_record]


def _in_order(data: dict[str, Any], schema: JsonSchema) -> dict[str, Any]:
    """Put an object's keys in the schema's order: answers of several calls were laid together."""
    fields = node_of(schema, schema).get("properties", {})
    ordered = {name: data[name] for name in fields if name in data}
    return {**ordered, **{key: value for key, value in data.items() if key not in ordered}}


def _nests_lists(node: JsonSchema, root: JsonSchema) -> bool:
    item = node_of(node.get("items"), root)
    return any(kind_of(node_of(child, root)) in ("array", "object") for child in properties(item).values())


def _renamed(raw: dict[str, str], base: str, moved: dict[str, str]) -> dict[str, str]:
    result = {}
    for place, text in raw.items():
        if not place.startswith(base + "/"):
            result[place] = text
            continue
        index = place[len(base) + 1 :].partition("/")[0]
        old = f"{base}/{index}"
        if old in moved:
            result[moved[old] + place[len(old) :]] = text
    return result
