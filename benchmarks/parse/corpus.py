"""The born-digital PDFs of a data folder with the values that are known to stand in them."""

from __future__ import annotations

import json
import random
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

# The fields that every template of invoice2data reads from the page; others may be constants of a template.
_INVOICE_FIELDS = ("amount", "amount_untaxed", "date", "invoice_number", "vat", "iban", "lines")


class Paper(NamedTuple):
    """One document. `values` are the leaves of its gold, strings and numbers, each once: what stands there once can be
    found, however often the gold repeats it (a unit in each of a hundred records)."""

    name: str
    path: Path
    dataset: str
    pages: int
    values: tuple[str | int | float, ...]


def read_corpus(data: Path, datasets: Sequence[str] = ()) -> list[Paper]:
    """Return the born-digital PDFs that `data/MANIFEST.jsonl` lists, in its order."""
    papers = []
    for text in (data / "MANIFEST.jsonl").read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        if line["kind"] != "born-digital" or not line["doc"].endswith(".pdf"):
            continue
        if datasets and line["dataset"] not in datasets:
            continue
        reader = _READERS.get(line["dataset"], _plain)
        values = tuple(dict.fromkeys(v for v in reader(data / line["gold"]) if _can_be_looked_for(v)))
        path = data / line["doc"]
        papers.append(Paper(path.stem, path, line["dataset"], line["pages"], values))
    return papers


def sample(papers: Sequence[Paper], *, pages: int, longest: int, seed: int) -> list[Paper]:
    """Return documents of at most `longest` pages, drawn by `seed`, until `pages` pages are together."""
    drawn = [paper for paper in papers if paper.pages <= longest]
    random.Random(seed).shuffle(drawn)
    taken: list[Paper] = []
    for paper in drawn:
        if sum(p.pages for p in taken) >= pages:
            break
        taken.append(paper)
    return taken


def _can_be_looked_for(value: Any) -> bool:
    # Whether a box is ticked, or a value is missing, stands nowhere as a word.
    if isinstance(value, str):
        return bool(value.strip())
    return isinstance(value, int | float) and not isinstance(value, bool)


def _leaves(value: Any, pointer: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, f"{pointer}/{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{pointer}/{index}")
    else:
        yield pointer, value


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _plain(gold: Path) -> list[Any]:
    return [value for _, value in _leaves(_json(gold))]


def _zugferd(gold: Path) -> list[Any]:
    body = _json(gold)
    unprinted = set(body.get("not_printed", ()))
    return [value for pointer, value in _leaves(body["gold"]) if pointer not in unprinted]


def _invoice2data(gold: Path) -> list[Any]:
    return [
        value
        for record in _json(gold)
        for _, value in _leaves({name: record[name] for name in _INVOICE_FIELDS if name in record})
    ]


def _icdar2013(gold: Path) -> list[Any]:
    root = ElementTree.parse(gold).getroot()  # noqa: S314  # of the benchmark's own data
    return [cell.text or "" for cell in root.iter("content")]


_READERS: Mapping[str, Callable[[Path], list[Any]]] = {
    "zugferd": _zugferd,
    "invoice2data": _invoice2data,
    "icdar2013-tables": _icdar2013,
}
