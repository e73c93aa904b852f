"""Tables of the ICDAR 2013 competition as lists to extract: what stands in a row is a record.

The gold has cells with rows, columns, texts and boxes, but does not say which rows are headings. Here: the first row,
and those after it until one has a cell of its own in the first column. A column is named by its headings, top to
bottom; tables of the same columns are one list. Rows that are one cell (headings of sections) are no records.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pypdfium2

from fieldwise.evaluate import Evidence, Gold
from fieldwise.model import Box, JsonSchema


class _Cell(NamedTuple):
    rows: range
    columns: range
    text: str
    page: int
    corners: tuple[float, float, float, float]
    """Left, bottom, right, top in points, from the bottom left."""


class _Grid(NamedTuple):
    headings: tuple[str, ...]
    body: tuple[dict[int, _Cell], ...]


def read_icdar(document: Path, structure: Path) -> tuple[JsonSchema, Gold]:
    """Return schema and gold of a document. Raises ValueError where no table has both headings and records."""
    lists: dict[tuple[str, ...], list[dict[int, _Cell]]] = {}
    for cells in _tables(structure):
        grid = _grid(cells)
        if grid.body and len(grid.headings) > 1:
            lists.setdefault(grid.headings, []).extend(grid.body)
    if not lists:
        raise ValueError("none of its tables has headings and rows")
    sizes = _page_sizes(document)
    properties: dict[str, Any] = {}
    data: dict[str, Any] = {}
    evidence: dict[str, tuple[Evidence, ...]] = {}
    for number, (headings, body) in enumerate(lists.items(), start=1):
        name = "rows" if len(lists) == 1 else f"table_{number}"
        keys = _keys(headings)
        fields = {
            key: {"type": ["string", "null"], "description": heading or "What the row is about, from the first column"}
            for key, heading in zip(keys, headings, strict=True)
        }
        shown = " | ".join(heading or "(no heading)" for heading in headings)
        properties[name] = {
            "type": "array",
            "description": f"Every row of the table with the columns {shown}; cells as printed",
            "items": {"type": "object", "properties": fields},
        }
        data[name] = [{key: row[i].text if i in row else None for i, key in enumerate(keys)} for row in body]
        for at, row in enumerate(body):
            for i, cell in row.items():
                box = _box(cell, sizes[cell.page - 1])
                evidence[f"/{name}/{at}/{keys[i]}"] = (Evidence(page=cell.page, boxes=(box,), quote=cell.text),)
    return {"type": "object", "title": "Tables", "properties": properties}, Gold(data=data, evidence=evidence)


def _tables(structure: Path) -> Iterator[list[_Cell]]:
    root = ElementTree.parse(structure).getroot()  # noqa: S314  # a data set of ours on disk, not an upload
    for table in root.iter("table"):
        cells = []
        below = 0
        for region in table.iter("region"):
            found = [_cell(cell, int(region.get("page", "1")), below) for cell in region.iter("cell")]
            below = max([below, *(cell.rows.stop for cell in found)])
            cells += found
        yield cells


def _cell(cell: ElementTree.Element, page: int, below: int) -> _Cell:
    first_row, first_column = int(cell.get("start-row", "0")), int(cell.get("start-col", "0"))
    last_row, last_column = int(cell.get("end-row") or first_row), int(cell.get("end-col") or first_column)
    box = cell.find("bounding-box")
    corners = [float(box.get(side, "0")) if box is not None else 0.0 for side in ("x1", "y1", "x2", "y2")]
    text = " ".join((cell.findtext("content") or "").split())
    return _Cell(
        range(first_row + below, last_row + below + 1),
        range(first_column, last_column + 1),
        text,
        page,
        (corners[0], corners[1], corners[2], corners[3]),
    )


def _grid(cells: Sequence[_Cell]) -> _Grid:
    width = max((cell.columns.stop for cell in cells), default=0)
    rows = sorted({row for cell in cells for row in cell.rows})
    at: dict[int, dict[int, _Cell]] = {row: {} for row in rows}
    for cell in cells:
        for row in cell.rows:
            at[row] |= dict.fromkeys(cell.columns, cell)
    heads = next((n for n, row in enumerate(rows) if n and 0 in at[row]), len(rows))
    headings = []
    for column in range(width):
        texts = [at[row][column].text for row in rows[:heads] if column in at[row]]
        headings.append(" ".join(dict.fromkeys(texts)))
    body = [at[row] for row in rows[heads:] if len({id(cell) for cell in at[row].values()}) > 1]
    return _Grid(tuple(headings), tuple({c: cell for c, cell in row.items() if cell.text} for row in body))


def _keys(headings: Sequence[str]) -> list[str]:
    keys: list[str] = []
    for heading in headings:
        key = re.sub(r"[^a-z0-9]+", "_", heading.lower()).strip("_")[:40].strip("_") or "label"
        key = f"n_{key}" if key[0].isdigit() else key
        same = sum(taken == key or re.fullmatch(rf"{key}_\d+", taken) is not None for taken in keys)
        keys.append(f"{key}_{same + 1}" if same else key)
    return keys


def _page_sizes(document: Path) -> list[tuple[float, float]]:
    pdf = pypdfium2.PdfDocument(document)
    try:
        return [pdf.get_page_size(number) for number in range(len(pdf))]
    finally:
        pdf.close()


def _box(cell: _Cell, size: tuple[float, float]) -> Box:
    (left, bottom, right, top), (width, height) = cell.corners, size
    return (left / width, 1 - top / height, (right - left) / width, (top - bottom) / height)
