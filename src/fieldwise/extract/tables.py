"""The document's tables as lists of entries: joined over page breaks, without headings, subtotals and carried sums."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from fieldwise.grounding import numbers
from fieldwise.grounding.text import squeeze, tokens
from fieldwise.model import Cell, Document, Table

_TOTAL_WORDS = (
    "total totals totale totaal subtotal subtotals sum summe zwischensumme gesamt gesamtsumme gesamtbetrag übertrag "
    "uebertrag endbetrag rechnungsbetrag carried brought forward reporter report montant somme suma totales soma "
    "subtotaal tussentotaal netto brutto nettobetrag bruttobetrag mwst ust vat tva iva btw amount due balance"
)
_TOTALS = frozenset(_TOTAL_WORDS.split())
_DENSE = 0.6
_TYPED = 0.7


class Row(NamedTuple):
    """One printed row: its page and a cell (or None) for each column."""

    page: int
    cells: tuple[Cell | None, ...]

    def text(self, column: int) -> str:
        cell = self.cells[column]
        return " ".join(cell.text.split()) if cell is not None else ""


class Entry(NamedTuple):
    """One entry of a table: its row, and the rows that only go on with the text of a cell."""

    rows: tuple[Row, ...]

    def text(self, column: int) -> str:
        return " ".join(part for row in self.rows if (part := row.text(column)))


class LogicalTable:
    """A table of the document, whatever pages it stands on. `number` counts from 0 in reading order."""

    def __init__(self, number: int, columns: int, heading: tuple[str, ...], rows: tuple[Row, ...]) -> None:
        self.number = number
        self.columns = columns
        self.heading = heading
        self.rows = rows

    @property
    def pages(self) -> tuple[int, ...]:
        return tuple(dict.fromkeys(row.page for row in self.rows))

    @cached_property
    def numeric(self) -> frozenset[int]:
        """Columns whose filled cells are numbers, nearly all of them."""
        found = set()
        for column in range(self.columns):
            filled = [text for row in self.rows if (text := row.text(column))]
            if filled and sum(1 for t in filled if numbers.readings(t)) >= _TYPED * len(filled):
                found.add(column)
        return frozenset(found)

    def entries(self, columns: Sequence[int] | None = None) -> list[Entry]:
        """Return the entries, judged by `columns` (all, by default).

        A row with a total's name that leaves usual columns empty is no entry; a row with nothing but text below an
        entry that has more goes on with that entry's text.
        """
        used = list(range(self.columns)) if columns is None else list(dict.fromkeys(columns))
        filled = [[c for c in used if row.text(c)] for row in self.rows]
        with_any = [f for f in filled if f]
        dense = {c for c in used if sum(c in f for f in with_any) >= _DENSE * len(with_any)} if with_any else set()
        found: list[Entry] = []
        for row, present in zip(self.rows, filled, strict=True):
            lacking = dense - set(present)
            if not present or (lacking and _names_total(row)):
                continue
            goes_on = found and lacking and len(lacking) * 2 >= len(dense) and not self.numeric & set(present)
            if goes_on and found[-1].rows[0].page in (row.page, row.page - 1):
                found[-1] = Entry((*found[-1].rows, row))
            elif not lacking or len(lacking) * 2 < len(dense) or self.numeric & set(present):
                found.append(Entry((row,)))
            # What is left is a line of text above the first entry: a section's name.
        return found

    def sample(self, rows: int = 3) -> str:
        """Write heading and first rows for a prompt, columns named C1, C2 ..."""
        names = [f"C{i + 1}" for i in range(self.columns)]
        lines = ["| " + " | ".join(names) + " |"]
        if any(self.heading):
            lines.append("| " + " | ".join(text[:60] for text in self.heading) + " |")
        for entry in self.entries()[:rows]:
            lines.append("| " + " | ".join(entry.text(c)[:60] for c in range(self.columns)) + " |")
        return "\n".join(lines)


def _names_total(row: Row) -> bool:
    text = next((t for c in range(len(row.cells)) if (t := row.text(c)) and not numbers.readings(t)), "")
    words = [t for t in tokens(text) if t.isalpha()]
    return bool(words) and any(word in _TOTALS for word in words[:4])


def logical_tables(document: Document) -> list[LogicalTable]:
    """Return the tables of a document, those that go on over a page break as one, in reading order."""
    chains: list[list[tuple[int, Table]]] = []
    member: dict[tuple[int, int], list[tuple[int, Table]]] = {}
    for page in document.pages:
        for index, table in enumerate(page.tables):
            if not table.cells or table.columns < 1:
                continue
            chain = member.get(table.continues) if table.continues else None
            if chain is None and index == 0 and chains and _goes_on(chains[-1], page.number, table):
                chain = chains[-1]
            if chain is None:
                chain = []
                chains.append(chain)
            chain.append((page.number, table))
            member[(page.number, index)] = chain
    return [_joined(number, chain) for number, chain in enumerate(chains)]


def _goes_on(chain: list[tuple[int, Table]], page: int, table: Table) -> bool:
    """Say whether a page's first table repeats the heading of the last one on the page before."""
    last_page, last = chain[-1]
    if last_page != page - 1 or last.columns != table.columns:
        return False
    mine, other = _grid(page, table), _grid(*chain[0])
    return bool(mine and other) and _key(mine[0]) == _key(other[0]) and bool(_key(mine[0]))


def _joined(number: int, chain: list[tuple[int, Table]]) -> LogicalTable:
    columns = max(table.columns for _, table in chain)
    heading: tuple[str, ...] = ("",) * columns
    rows: list[Row] = []
    for page, table in chain:
        marked = {cell.row for cell in table.cells if cell.header}
        for i, row in enumerate(_grid(page, table, columns)):
            is_heading = i in marked or (not marked and i == 0 and not rows and _reads_like_heading(page, table))
            if is_heading and not rows:
                heading = tuple(" ".join(part for part in (heading[c], row.text(c)) if part) for c in range(columns))
            elif not is_heading and not (any(heading) and _key(row) == squeeze("".join(heading))):
                rows.append(row)
    return LogicalTable(number, columns, heading, tuple(rows))


def _grid(page: int, table: Table, columns: int = 0) -> list[Row]:
    width = max(columns, table.columns)
    grid: dict[int, list[Cell | None]] = {}
    for cell in table.cells:
        if cell.column < width:
            grid.setdefault(cell.row, [None] * width)[cell.column] = cell
    return [Row(page, tuple(grid[i])) for i in sorted(grid)]


def _reads_like_heading(page: int, table: Table) -> bool:
    """Say whether the first row is words where the rows below have figures."""
    rows = _grid(page, table)
    if len(rows) < 2 or any(re.search(r"\d", rows[0].text(c)) for c in range(table.columns)):
        return False
    return any(numbers.readings(row.text(c)) for row in rows[1:] for c in range(table.columns))


def _key(row: Row) -> str:
    return squeeze("".join(row.text(c) for c in range(len(row.cells))))
