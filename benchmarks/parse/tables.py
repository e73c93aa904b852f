"""Cells and rows of the tables that `fieldwise parse` gives, against true ones.

    python -m benchmarks.parse.tables --out benchmarks/parse/results/tables.json
    python -m benchmarks.parse.tables --show            # what fails, of the half that may be looked at

- Cell F1 (icdar2013-tables): a cell is right if its row, its column and its text agree. Tables without rows or columns
  in common score nothing; a table found where none is counts against precision. Rows and columns are counted within the
  table, from its first filled one, and (as `cell_f1_shifted`) also with a constant offset of the table allowed: what a
  title taken into a table, or a heading left out of it, costs is the difference of the two.
- Line items (zugferd, invoice2data): an item is found if one row of one table has its amounts in cells of their own
  and the beginning of its description; no row counts for two items.

Readers are improved on one half of the documents, drawn by seed; the other half is reported apart.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import re
import unicodedata
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import record
from fieldwise.grounding import numbers
from fieldwise.model import Document, Table
from fieldwise.parse import LocalParser

DATA = Path("../shared/data")
SEED = 1
_DESCRIBED_BY = 12  # letters and digits at the beginning of a description

Cells = Mapping[tuple[int, int], str]


class Counts(NamedTuple):
    """Right, given and true cells."""

    right: int = 0
    given: int = 0
    true: int = 0

    def plus(self, other: Counts) -> Counts:
        return Counts(*(a + b for a, b in zip(self, other, strict=True)))

    def told(self) -> dict[str, float | int]:
        precision = self.right / self.given if self.given else 0.0
        recall = self.right / self.true if self.true else 0.0
        f1 = 2 * precision * recall / (precision + recall) if self.right else 0.0
        return {"f1": round(f1, 4), "precision": round(precision, 4), "recall": round(recall, 4), "cells": self.true}


class TrueTable(NamedTuple):
    page: int
    cells: Cells


def looked_at(names: Sequence[str]) -> frozenset[str]:
    """Return the half of these documents that readers are improved on."""
    drawn = sorted(names)
    random.Random(SEED).shuffle(drawn)
    return frozenset(drawn[: (len(drawn) + 1) // 2])


# Cells


def true_tables(gold: Path) -> list[TrueTable]:
    """Read a structure file of the ICDAR 2013 competition: a table for each region."""
    found = []
    for region in ElementTree.parse(gold).getroot().iter("region"):  # noqa: S314  # the benchmark's own data
        cells = {
            (int(cell.attrib["start-row"]), int(cell.attrib["start-col"])): text
            for cell in region.iter("cell")
            if (text := plain(cell.findtext("content") or ""))
        }
        if cells:
            found.append(TrueTable(int(region.attrib["page"]), tightened(cells)))
    return found


def plain(text: str) -> str:
    """What is compared of a text: its characters, without spaces, marks of hyphenation, and the form of dashes."""
    text = unicodedata.normalize("NFKC", text).replace("\u00ad", "")
    return re.sub("[\u2010-\u2015\u2212]", "-", re.sub(r"[\s\ufffe]+", "", text)).casefold()


def tightened(cells: Cells) -> Cells:
    """Count rows and columns without those that are empty throughout."""
    rows = {row: at for at, row in enumerate(sorted({row for row, _ in cells}))}
    columns = {column: at for at, column in enumerate(sorted({column for _, column in cells}))}
    return {(rows[row], columns[column]): text for (row, column), text in cells.items()}


def given_cells(table: Table) -> Cells:
    return tightened({(cell.row, cell.column): text for cell in table.cells if (text := plain(cell.text))})


def agreeing(given: Cells, true: Cells, *, shifted: bool) -> int:
    """Return how many cells agree; with `shifted`, at the best constant offset of rows and columns."""
    if not shifted:
        return sum(true.get(place) == text for place, text in given.items())
    offsets: dict[tuple[int, int], int] = {}
    places: dict[str, list[tuple[int, int]]] = {}
    for place, text in true.items():
        places.setdefault(text, []).append(place)
    for (row, column), text in given.items():
        for true_row, true_column in places.get(text, ()):
            offset = (true_row - row, true_column - column)
            offsets[offset] = offsets.get(offset, 0) + 1
    return max(offsets.values(), default=0)


def cell_counts(document: Document, true: Sequence[TrueTable], *, shifted: bool) -> Counts:
    """Match the tables of each page one to one, the most alike first."""
    total = Counts()
    for page in document.pages:
        given = [cells for table in page.tables if (cells := given_cells(table))]
        wanted = [table.cells for table in true if table.page == page.number]
        pairs = sorted(
            (
                (agreeing(a, b, shifted=shifted), i, j)
                for (i, a), (j, b) in itertools.product(enumerate(given), enumerate(wanted))
            ),
            key=lambda pair: (-pair[0], pair[1:]),
        )
        right, used_given, used_true = 0, set(), set()
        for agree, i, j in pairs:
            if i not in used_given and j not in used_true and agree:
                right += agree
                used_given.add(i)
                used_true.add(j)
        total = total.plus(Counts(right, sum(map(len, given)), sum(map(len, wanted))))
    return total


# Line items


class Item(NamedTuple):
    """A line item: the beginning of its description, and its amounts."""

    name: str
    amounts: tuple[Decimal, ...]


def zugferd_items(gold: Path) -> list[Item]:
    told = json.loads(gold.read_text(encoding="utf-8"))
    missing = set(told["not_printed"])
    items = []
    for number, line in enumerate(told["gold"]["line_items"]):
        known = {
            field: line[field]
            for field in ("description", "quantity", "unit_price", "line_total")
            if line.get(field) is not None and f"/line_items/{number}/{field}" not in missing
        }
        items.append(_item(known.pop("description", ""), known.values()))
    return [item for item in items if item is not None]


def invoice2data_items(gold: Path) -> list[Item]:
    items = []
    for line in json.loads(gold.read_text(encoding="utf-8"))[0].get("lines", ()):
        amounts = [line[field] for field in ("qty", "price_unit", "price", "price_subtotal") if field in line]
        items.append(_item(line.get("name") or line.get("desc") or "", amounts))
    return [item for item in items if item is not None]


def _item(name: str, amounts: Iterable[Any]) -> Item | None:
    values = tuple(abs(value) for amount in amounts if (value := numbers.as_decimal(_number(amount))) is not None)
    return Item(_letters(name)[:_DESCRIBED_BY], values) if values else None


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value) else value


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text))).casefold()


def rows_of(document: Document) -> list[list[str]]:
    rows: list[list[str]] = []
    for page in document.pages:
        for table in page.tables:
            by_row: dict[int, list[str]] = {}
            for cell in table.cells:
                by_row.setdefault(cell.row, []).append(cell.text)
            rows.extend(by_row.values())
    return rows


def holds(row: Sequence[str], item: Item) -> bool:
    """Whether the row has the item's name, and each amount in a cell of its own."""
    if item.name not in _letters(" ".join(row)):
        return False
    free = [frozenset(map(abs, _readings(cell))) for cell in row]
    for amount in item.amounts:
        at = next((at for at, values in enumerate(free) if amount in values), None)
        if at is None:
            return False
        free[at] = frozenset()
    return True


def _readings(cell: str) -> Iterable[Decimal]:
    yield from numbers.readings(cell)
    # A unit or a currency beside the figure is still the figure's cell.
    for word in cell.split() if len(cell.split()) <= 3 else ():
        yield from numbers.readings(word)


def items_found(document: Document, items: Sequence[Item]) -> list[bool]:
    rows = rows_of(document)
    found = []
    for item in items:
        at = next((at for at, row in enumerate(rows) if holds(row, item)), None)
        found.append(at is not None)
        if at is not None:
            del rows[at]
    return found


# The run


async def read(paths: Iterable[Path]) -> dict[Path, Document]:
    parser = LocalParser()
    try:
        return {path: await parser.parse(path) for path in paths}
    finally:
        await parser.aclose()


def measure(data: Path, *, show: bool) -> dict[str, Any]:
    icdar = {path.with_name(f"{path.stem}-str.xml"): path for path in (data / "icdar2013-tables").rglob("*.pdf")}
    items = {
        "zugferd": {gold: data / "zugferd/pdf" / f"{gold.stem}.pdf" for gold in (data / "zugferd/gold").glob("*.json")},
        "invoice2data": {gold: gold.with_suffix(".pdf") for gold in (data / "invoice2data").glob("*.json")},
    }
    readers = {"zugferd": zugferd_items, "invoice2data": invoice2data_items}
    documents = asyncio.run(read([*icdar.values(), *(path for its in items.values() for path in its.values())]))
    results: dict[str, Any] = {"icdar2013-tables": _cells(icdar, documents, show=show)}
    for dataset, golds in items.items():
        wanted = {gold: found for gold in golds if (found := readers[dataset](gold))}
        results[dataset] = _items(golds, wanted, documents, show=show)
    return results


def _cells(golds: Mapping[Path, Path], documents: Mapping[Path, Document], *, show: bool) -> dict[str, Any]:
    half = looked_at([path.stem for path in golds.values()])
    sums = {(part, shifted): Counts() for part in ("all", "looked_at", "held_out") for shifted in (False, True)}
    each = {}
    for gold, path in sorted(golds.items()):
        true = true_tables(gold)
        part = "looked_at" if path.stem in half else "held_out"
        for shifted in (False, True):
            counts = cell_counts(documents[path], true, shifted=shifted)
            for name in ("all", part):
                sums[name, shifted] = sums[name, shifted].plus(counts)
            each[path.stem] = {**each.get(path.stem, {"part": part}), "shifted" if shifted else "strict": counts.told()}
        if show and part == "looked_at":
            _show_cells(path, documents[path], true)
    told: dict[str, Any] = {}
    for name in ("all", "looked_at", "held_out"):
        told[name] = {"cell": sums[name, False].told(), "cell_shifted": sums[name, True].told()}
    return {**told, "documents": each}


def _items(
    golds: Mapping[Path, Path], wanted: Mapping[Path, list[Item]], documents: Mapping[Path, Document], *, show: bool
) -> dict[str, Any]:
    half = looked_at([gold.stem for gold in wanted])
    sums = {"all": [0, 0], "looked_at": [0, 0], "held_out": [0, 0]}
    failed = {}
    for gold, items in sorted(wanted.items()):
        part = "looked_at" if gold.stem in half else "held_out"
        found = items_found(documents[golds[gold]], items)
        for name in ("all", part):
            sums[name][0] += sum(found)
            sums[name][1] += len(found)
        if not all(found):
            failed[gold.stem] = {"part": part, "found": sum(found), "items": len(found)}
            if show and part == "looked_at":
                lost = [item for item, one in zip(items, found, strict=True) if not one]
                print(f"== {gold.stem}: {len(lost)} of {len(items)} lost\n  {lost[:3]}")
                for row in rows_of(documents[golds[gold]])[:30]:
                    print("   ", row)
    told: dict[str, Any] = {
        name: {"row_recall": round(found / all_, 4) if all_ else None, "items": all_}
        for name, (found, all_) in sums.items()
    }
    return {**told, "failed": failed}


def _show_cells(path: Path, document: Document, true: Sequence[TrueTable]) -> None:
    counts = cell_counts(document, true, shifted=False)
    if counts.right == counts.true == counts.given:
        return
    print(f"== {path.stem}: {counts.told()}")
    for page in document.pages:
        for table in page.tables:
            print(f"  p{page.number} given {table.rows}x{table.columns}", _rows(given_cells(table))[:6])
        for wanted in (table for table in true if table.page == page.number):
            print(f"  p{page.number} true ", _rows(wanted.cells)[:6], max(row for row, _ in wanted.cells) + 1)


def _rows(cells: Cells) -> list[list[str]]:
    width = max((column for _, column in cells), default=-1) + 1
    height = max((row for row, _ in cells), default=-1) + 1
    return [[cells.get((row, column), "")[:14] for column in range(width)] for row in range(height)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parse.tables", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA, help="a folder with the data sets")
    parser.add_argument("--out", type=Path, help="keep the result as JSON")
    parser.add_argument("--show", action="store_true", help="print what fails in the half that may be looked at")
    options = parser.parse_args()
    if not (options.data / "icdar2013-tables").is_dir():
        parser.error(f"there is no {options.data / 'icdar2013-tables'}: name a folder with --data")
    results = measure(options.data, show=options.show)
    brief = {name: {part: told[part] for part in ("all", "looked_at", "held_out")} for name, told in results.items()}
    print(json.dumps(brief, indent=1))
    if options.out is not None:
        record.write(options.out, results)


if __name__ == "__main__":
    main()
