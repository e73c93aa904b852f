"""The oracle itself: a `Model` whose answers come from gold."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

from fieldwise.errors import ModelError
from fieldwise.grounding import dates, numbers
from fieldwise.grounding.text import squeeze
from fieldwise.llm import ModelReply, ModelRequest
from fieldwise.model import JsonSchema, OnProgress, Progress, Usage, ignore_progress
from fieldwise.model.schema import resolve

from .printed import PrintedText, leaves, occurring

_DOCUMENT = re.compile(r"<document>\n(.*)\n</document>", re.DOTALL)
_TABLE = re.compile(r"^(T\d+):$", re.MULTILINE)
_LIST = re.compile(r"list `([^`]+)`")
_BLOCK = re.compile(r"^\[(\d+)\] ", re.MULTILINE)


class OracleModel:
    """Answers from `gold`, one document's true values, in the form of the JSON Schema that each request carries.

    With `document`, the whole text of the document, a value that is printed there is given only where the request shows
    it; what is printed nowhere (a summary, a judgement, a record of scattered values) is always given. Without it all
    values are. Numbers and dates are given as printed where the schema asks for text. `dropping` and `repeating` are
    the shares of a list's records that are left out or given twice, by a seeded generator. Raises ModelError for a
    request without a schema, or for fields that the gold does not know.
    """

    constrains = True

    def __init__(
        self,
        gold: Mapping[str, Any],
        *,
        document: str | None = None,
        context_tokens: int = 32_768,
        name: str = "oracle",
        dropping: float = 0.0,
        repeating: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.gold = dict(gold)
        self.name = name
        self.context_tokens = context_tokens
        self.requests: list[ModelRequest] = []
        self._dropping, self._repeating = dropping, repeating
        self._random = random.Random(seed)  # noqa: S311  # repeatable on purpose
        self._document = _printed(document) if document is not None else None
        self._scattered: dict[int, list[Mapping[str, Any]]] = {}
        self._lists = {id(found): found for found in _record_lists(self.gold)}

    async def count_tokens(self, text: str) -> int:
        return max(1, len(text) // 4)

    async def generate(self, request: ModelRequest, on_progress: OnProgress = ignore_progress) -> ModelReply:
        self.requests.append(request)
        on_progress(Progress(stage="model", message=request.purpose))
        schema = request.json_schema
        if schema is None:
            raise ModelError("The oracle needs a JSON Schema to answer.", next_step="Ask with a schema.")
        asked = "\n".join(message.content for message in request.messages if message.role == "user")
        value = self._answer(schema, asked)
        text = json.dumps(value, ensure_ascii=False)
        read = sum([await self.count_tokens(message.content) for message in request.messages])
        written = await self.count_tokens(text)
        usage = Usage(input_tokens=read, output_tokens=min(written, request.max_output_tokens), calls=1)
        if written > request.max_output_tokens:
            cut = text[: request.max_output_tokens * 4]
            return ModelReply(text=cut, finish="length", usage=usage, constrained=True)
        return ModelReply(text=text, usage=usage, constrained=True)

    async def aclose(self) -> None:
        return None

    def _answer(self, schema: JsonSchema, asked: str) -> Any:
        fields = _properties(schema)
        if fields and all(_is_column_choice(child) for child in fields.values()):
            return {name: self._column(name, child["enum"], asked) for name, child in fields.items()}
        if len(fields) == 1 and _is_table_choice(only := next(iter(fields.values()))):
            return {next(iter(fields)): self._table(only["enum"], asked)}
        if len(fields) == 1 and _BLOCK.search(asked) and not fields.keys() & self.gold.keys():
            (name, child), *_ = fields.items()
            return {name: self._blocks(_properties(resolve(child, schema).get("items", {})), asked)}
        if not fields.keys() & self.gold.keys():
            raise ModelError(
                f"The oracle has no gold for {', '.join(sorted(fields)) or 'an empty schema'}.",
                next_step="Ask for fields of the gold.",
            )
        found = _DOCUMENT.search(asked)
        return self._fill(schema, schema, self.gold, _printed(found[1] if found else asked), in_record=False)

    def _fill(self, node: Any, root: JsonSchema, gold: Any, text: PrintedText, *, in_record: bool) -> Any:
        node = resolve(node, root)
        if isinstance(gold, Mapping):
            fields = _properties(node)
            if fields:
                return {
                    n: self._fill(child, root, gold.get(n), text, in_record=in_record) for n, child in fields.items()
                }
            extra = node.get("additionalProperties") if isinstance(node, dict) else None
            return {n: self._fill(extra or {}, root, v, text, in_record=in_record) for n, v in gold.items()}
        if isinstance(gold, list):
            items = node.get("items", {}) if isinstance(node, dict) else {}
            if gold and all(isinstance(e, Mapping) for e in gold):
                here = gold if in_record else self._spoiled(self._shown(gold, text))
                return [self._fill(items, root, record, text, in_record=True) for record in here]
            given = [self._leaf(resolve(items, root), e, text, in_record=in_record) for e in gold]
            return [e for e in given if e is not None]
        if gold is None and _properties(node):
            return {
                n: self._fill(child, root, None, text, in_record=in_record) for n, child in _properties(node).items()
            }
        if gold is None and isinstance(node, dict) and _wants(node, "array"):
            return []
        return self._leaf(node, gold, text, in_record=in_record)

    def _shown(self, gold: list[Any], text: PrintedText) -> list[Mapping[str, Any]]:
        """Return the records that stand in `text`, and those that stand nowhere in the document as a whole."""
        if self._document is None:
            return occurring(gold, text)
        if id(gold) not in self._scattered:
            printed = {id(record) for record in occurring(gold, self._document)}
            self._scattered[id(gold)] = [record for record in gold if id(record) not in printed]
        scattered = self._scattered[id(gold)]
        apart = {id(record) for record in scattered}
        return [*occurring([record for record in gold if id(record) not in apart], text), *scattered]

    def _spoiled(self, records: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        kept = []
        for record in records:
            drawn = self._random.random() if self._dropping or self._repeating else 1.0
            if drawn >= self._dropping:
                kept += [record] * (2 if drawn < self._dropping + self._repeating else 1)
        return kept

    def _leaf(self, node: Any, gold: Any, text: PrintedText, *, in_record: bool) -> Any:
        if gold is None:
            return None
        spots = text.spots(gold)
        if not spots and not in_record and self._document is not None and self._document.spots(gold):
            return None  # it is printed, but not here
        if isinstance(node, dict) and "enum" in node:
            return gold if gold in node["enum"] else None
        if isinstance(node, dict) and _wants(node, "string") and not isinstance(gold, str):
            return spots[0].printed if spots else json.dumps(gold)
        return gold

    def _table(self, names: Sequence[Any], asked: str) -> Any:
        """Return the table that shows most of the wanted list's records; what stands for none where none shows any."""
        wanted = _LIST.search(asked)
        lists = list(_named(self.gold, wanted[1])) if wanted else []
        records = [record for found in lists or self._lists.values() for record in found]
        marks = list(_TABLE.finditer(asked))
        ends = [mark.start() for mark in marks[1:]] + [wanted.start() if wanted else len(asked)]
        best, most = next((n for n in names if not _TABLE.match(f"{n}:")), None), 0
        for mark, end in zip(marks, ends, strict=True):
            shown = len(occurring(records, _printed(asked[mark.end() : end])))
            if shown > most and mark[1] in names:
                best, most = mark[1], shown
        return best

    def _column(self, field: str, names: Sequence[Any], asked: str) -> Any:
        """Return the column whose samples are this field's values one after the other; None where none is.

        One by one would not do: positions 1, 2, 3 are among the quantities of nearly every list.
        """
        lists = self._values_of(field)
        best, most = None, 0.5
        for name in names:
            line = next((row for row in asked.splitlines() if name and row.startswith(f"- {name}: ")), "")
            samples = [s.strip() for s in line[len(f"- {name}: ") :].split(" / ")] if line else []
            share = max((_in_a_row(samples, values) for values in lists), default=0.0)
            if share > most:
                best, most = name, share
        return best

    def _values_of(self, field: str) -> list[list[Any]]:
        path = field.split(".")
        found = []
        for records in self._lists.values():
            values = []
            for record in records:
                here: Any = record
                for name in path:
                    here = here.get(name) if isinstance(here, Mapping) else None
                if here is not None and not isinstance(here, list | Mapping):
                    values.append(here)
            found.append(values)
        return found

    def _blocks(self, fields: Mapping[str, Any], asked: str) -> list[Any]:
        """Answer for numbered texts, one record each: the record of which most stands in the text."""
        marks = list(_BLOCK.finditer(asked))
        ends = [mark.start() for mark in marks[1:]] + [len(asked)]
        records = [r for found in self._lists.values() for r in found if fields.keys() & r.keys()]
        used: set[int] = set()
        answers = []
        for mark, end in zip(marks, ends, strict=True):
            block = _printed(asked[mark.end() : end])
            counted = [
                (sum(bool(block.spots(v)) for v in leaves(record)), -i)
                for i, record in enumerate(records)
                if i not in used
            ]
            most, at = max(counted, default=(0, 0))
            if not most:
                answers.append(dict.fromkeys(fields))
                continue
            used.add(-at)
            answers.append(
                {n: self._leaf(child, records[-at].get(n), block, in_record=True) for n, child in fields.items()}
            )
        return answers


@lru_cache(maxsize=16)
def _printed(text: str) -> PrintedText:
    return PrintedText(text)


def _record_lists(value: Any) -> Iterator[list[dict[str, Any]]]:
    if isinstance(value, Mapping):
        for child in value.values():
            yield from _record_lists(child)
    elif isinstance(value, list):
        if value and all(isinstance(e, Mapping) for e in value):
            yield value
        for child in value:
            yield from _record_lists(child)


def _properties(node: Any) -> dict[str, Any]:
    found = node.get("properties") if isinstance(node, Mapping) else None
    return found if isinstance(found, dict) else {}


def _wants(node: Mapping[str, Any], kind: str) -> bool:
    declared = node.get("type")
    kinds = [k for k in (declared if isinstance(declared, list) else [declared]) if k != "null"]
    return kinds == [kind]


def _named(value: Any, name: str) -> Iterator[list[dict[str, Any]]]:
    if isinstance(value, Mapping):
        for key, child in value.items():
            if key == name and isinstance(child, list) and child and all(isinstance(e, Mapping) for e in child):
                yield child
            yield from _named(child, name)


def _is_table_choice(node: Any) -> bool:
    return isinstance(node, dict) and any(_TABLE.match(f"{value}:") for value in node.get("enum") or ())


def _is_column_choice(node: Any) -> bool:
    if not isinstance(node, dict) or not isinstance(node.get("enum"), list):
        return False
    return any(isinstance(v, str) and re.search(r"\(?C\d+\)?\Z", v) for v in node["enum"])


def _number(value: Any) -> Decimal | None:
    return numbers.as_decimal(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _in_a_row(samples: Sequence[str], values: Sequence[Any]) -> float:
    """Return the share of samples that are values in the values' order, from the best place on."""
    if not samples or not values:
        return 0.0
    return max(
        sum(_is_value(sample, value) for sample, value in zip(samples, values[start:], strict=False)) / len(samples)
        for start in range(len(values))
    )


def _is_value(sample: str, value: Any) -> bool:
    wanted = squeeze(str(value))
    if squeeze(sample) == wanted or any(squeeze(day) == wanted for day in dates.readings(sample)):
        return True
    number = _number(value)
    if number is not None and abs(number) in {abs(v) for v in numbers.readings(sample)}:
        return True
    # Samples are cut: a long text is known by its beginning.
    return len(sample) > 20 and wanted.startswith(squeeze(sample))
