"""Documents of a MANIFEST as tasks: what to extract, from where, and what is true. Each data set has its reader."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from fieldwise.evaluate import Evidence, Gold
from fieldwise.evaluate.files import read_gold
from fieldwise.grounding.text import squeeze
from fieldwise.model import Box, JsonSchema

from .icdar import read_icdar

_LENGTHS = ((10, "short"), (50, "medium"))
_SCORING_KEYS = frozenset(("evaluation_config", "x-eval"))


class Task(NamedTuple):
    """`schema` is what the score goes by; `asked` is what a system sees of it: nothing about scoring."""

    name: str
    document: Path
    schema: JsonSchema
    gold: Gold
    groups: dict[str, str]
    pages: int | None
    day_first: bool | None = None
    decimal_mark: str | None = None

    @property
    def asked(self) -> JsonSchema:
        shown: JsonSchema = _without(self.schema, _SCORING_KEYS)
        return shown


class Excluded(NamedTuple):
    """A document that cannot be a task, and why."""

    name: str
    reason: str


def read_tasks(
    data: Path, *, datasets: Sequence[str] = (), limit: int | None = None, max_pages: int | None = None
) -> tuple[list[Task], list[Excluded]]:
    """Return the tasks of `data/MANIFEST.jsonl`, at most `limit` of each data set.

    The sample is fixed: documents are ordered by the hash of their names, so it does not depend on the machine.
    """
    lines = [json.loads(line) for line in (data / "MANIFEST.jsonl").read_text(encoding="utf-8").splitlines() if line]
    tasks: list[Task] = []
    excluded: list[Excluded] = []
    taken: dict[str, int] = {}
    for line in sorted(lines, key=lambda found: hashlib.sha256(found["doc"].encode()).hexdigest()):
        dataset = line["dataset"]
        if datasets and dataset not in datasets:
            continue
        if max_pages is not None and (line.get("pages") or 0) > max_pages:
            continue
        if limit is not None and taken.get(dataset, 0) >= limit:
            continue
        task = _task(data, line)
        if isinstance(task, Excluded):
            excluded.append(task)
            continue
        taken[dataset] = taken.get(dataset, 0) + 1
        tasks.append(task)
    return tasks, excluded


def _task(data: Path, line: Mapping[str, Any]) -> Task | Excluded:
    name = re.sub(r"[^\w.-]+", "_", line["doc"]).strip("_")
    reader = _READERS.get(line["dataset"], _plain)
    try:
        schema, gold, more = reader(data, line)
    except _NotATask as error:
        return Excluded(name, str(error))
    pages = line.get("pages")
    groups = {
        key: str(line[key]) for key in ("dataset", "domain", "kind", "lang", "group") if line.get(key) not in (None, "")
    }
    if isinstance(pages, int):
        groups["length"] = next((word for most, word in _LENGTHS if pages <= most), "long")
    return Task(name, data / line["doc"], schema, gold, groups, pages, **more)


class _NotATask(Exception):
    pass


Read = tuple[JsonSchema, Gold, dict[str, Any]]


def _plain(data: Path, line: Mapping[str, Any]) -> Read:
    if not line.get("schema") or not str(line["gold"]).endswith(".json"):
        raise _NotATask("it has no schema, or its gold is no JSON")
    value = _json(data / line["gold"])
    gold = read_gold(value)
    if gold is None:
        raise _NotATask("its gold is no JSON object")
    schema = _json(data / line["schema"])
    schema = schema.get("schema_definition", schema)
    told = {k: value[k] for k in ("day_first", "decimal_mark") if isinstance(value, dict) and k in value}
    return schema, gold, told


def _contextual(data: Path, line: Mapping[str, Any]) -> Read:
    schema, gold, _ = _plain(data, line)
    strange = sorted(set(gold.data) - set(schema.get("properties", {})))
    if strange:
        raise _NotATask(f"its gold is no instance of its schema: {', '.join(strange)}")
    return schema, gold, {"day_first": False, "decimal_mark": "."}


def _zugferd(data: Path, line: Mapping[str, Any]) -> Read:
    schema, gold, _ = _plain(data, line)
    return schema, gold, {"day_first": True, "decimal_mark": ","}


def _sroie(data: Path, line: Mapping[str, Any]) -> Read:
    schema, gold, _ = _plain(data, line)
    boxes = data / line["doc"].replace("/img/", "/box/").rsplit(".", 1)[0]
    lines = list(_lines(boxes.with_suffix(".csv"), data / line["doc"]))
    evidence = {f"/{field}": found for field, value in gold.data.items() if (found := _standing(str(value), lines))}
    return schema, gold.model_copy(update={"evidence": evidence}), {"day_first": True, "decimal_mark": "."}


_INVOICE = MappingProxyType(
    {
        "amount": ("number", "Total amount to be paid, taxes included"),
        "amount_untaxed": ("number", "Total amount without taxes"),
        "date": ("string", "Invoice date, YYYY-MM-DD"),
        "invoice_number": ("string", "Invoice number"),
        "vat": ("string", "The seller's VAT identification number"),
        "iban": ("string", "The seller's IBAN"),
    }
)


def _invoice2data(data: Path, line: Mapping[str, Any]) -> Read:
    """Take the fields that its README names as common; what a gold lacks is unknown, not absent."""
    found = _json(data / line["gold"])[0]
    known = {field: found.get(field) for field in _INVOICE}
    skip = frozenset(f"/{field}" for field, value in known.items() if value is None)
    fields = {
        field: {"type": [kind, "null"], "description": text, **({"format": "date"} if field == "date" else {})}
        for field, (kind, text) in _INVOICE.items()
    }
    return {"type": "object", "title": "Invoice", "properties": fields}, Gold(data=known, skip=skip), {}


def _icdar(data: Path, line: Mapping[str, Any]) -> Read:
    """Take the rows of its tables as records; cells that span rows stand in each of them."""
    structure = data / line["doc"].replace(".pdf", "-str.xml")
    try:
        schema, gold = read_icdar(data / line["doc"], structure)
    except (OSError, ValueError) as error:
        raise _NotATask(str(error)) from error
    return schema, gold, {"day_first": True, "decimal_mark": "."}


_READERS: Mapping[str, Callable[[Path, Mapping[str, Any]], Read]] = MappingProxyType(
    {
        "contextual-extract-bench": _contextual,
        "zugferd": _zugferd,
        "sroie": _sroie,
        "invoice2data": _invoice2data,
        "icdar2013-tables": _icdar,
    }
)


def _lines(path: Path, image: Path) -> Iterator[tuple[str, Box]]:
    width, height = _jpeg_size(image)
    for row in path.read_text(encoding="utf-8", errors="replace").splitlines():
        *numbers, text = row.split(",", 8)
        if len(numbers) == 8 and all(n.strip().lstrip("-").isdigit() for n in numbers):
            xs, ys = [int(n) for n in numbers[0::2]], [int(n) for n in numbers[1::2]]
            left, top = min(xs) / width, min(ys) / height
            yield text, (left, top, (max(xs) - min(xs)) / width, (max(ys) - min(ys)) / height)


def _standing(value: str, lines: Sequence[tuple[str, Box]]) -> tuple[Evidence, ...]:
    """Return every shortest run of lines that holds the value."""
    wanted = squeeze(value)
    found = []
    for first in range(len(lines)):
        held = ""
        for last in range(first, min(first + 8, len(lines))):
            held += squeeze(lines[last][0])
            if wanted and wanted in held:
                inner = "".join(squeeze(text) for text, _ in lines[first + 1 : last + 1])
                if wanted not in inner:
                    boxes = tuple(box for _, box in lines[first : last + 1])
                    quote = " ".join(text for text, _ in lines[first : last + 1])
                    found.append(Evidence(page=1, boxes=boxes, quote=quote))
                break
    return tuple(found)


def _jpeg_size(path: Path) -> tuple[int, int]:
    content = path.read_bytes()
    at = 2
    while at + 9 < len(content):
        marker, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = (int.from_bytes(content[at + n : at + n + 2], "big") for n in (5, 7))
            return width, height
        at += 2 + length
    raise _NotATask("its image has no size")


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _without(value: Any, keys: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {k: _without(v, keys) for k, v in value.items() if k not in keys}
    if isinstance(value, list):
        return [_without(v, keys) for v in value]
    return value
