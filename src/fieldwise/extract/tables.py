"""The document's tables as lists of entries: joined over page breaks, without headings, subtotals and carried sums.

Pages with boxes are read by where their words stand (grid.py); text formats by the tables their markup makes
(written.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

from fieldwise.grounding import Place, WordIndex, numbers
from fieldwise.grounding.text import tokens

_TOTAL_WORDS = (
    "total totals totale totaal subtotal subtotals sum summe zwischensumme gesamt gesamtsumme gesamtbetrag übertrag "
    "uebertrag endbetrag rechnungsbetrag carried brought forward reporter report montant somme suma totales soma "
    "subtotaal tussentotaal netto brutto nettobetrag bruttobetrag mwst ust vat tva iva btw amount due balance"
)
TOTALS = frozenset(_TOTAL_WORDS.split())
# What is added below the items, or taken off; among them it may be an item: tax advice, shipping by the pallet.
_CHARGE_WORDS = (
    "umsatzsteuer mehrwertsteuer tax taxes impuesto impuestos imposta skonto rabatt discount remise versand "
    "versandkosten shipping freight porto"
)
CHARGES = frozenset(_CHARGE_WORDS.split())
_DENSE = 0.6
_TYPED = 0.7

Cell = tuple[int, ...]
"""The words of a cell, by their number in the index, in reading order."""


class Entry(NamedTuple):
    """One entry of a table: for each column its words (none for an empty cell), and its lines' other words."""

    cells: tuple[Cell, ...]
    notes: Cell = ()


class LogicalTable:
    """A table of the document, whatever pages it stands on. `number` counts from 0 in reading order."""

    def __init__(self, index: WordIndex, number: int, heading: tuple[str, ...], entries: tuple[Entry, ...]) -> None:
        self._index = index
        self.number = number
        self.heading = heading
        self.entries = entries
        self.columns = len(heading)

    def text(self, entry: Entry, column: int) -> str:
        return " ".join(self._index.words[word] for word in entry.cells[column])

    def place(self, entry: Entry, column: int) -> Place | None:
        """Return where a cell's words stand; None for an empty cell."""
        ranges: list[tuple[int, int]] = []
        for word in entry.cells[column]:
            if ranges and ranges[-1][1] == word - 1:
                ranges[-1] = (ranges[-1][0], word)
            else:
                ranges.append((word, word))
        return Place(ranges[0][0], ranges[0][1], "exact", True, tuple(ranges[1:])) if ranges else None

    @cached_property
    def entry_of(self) -> dict[int, int]:
        """Return, for each word of the table's body, the number of its entry."""
        return {
            word: i for i, entry in enumerate(self.entries) for cell in (*entry.cells, entry.notes) for word in cell
        }

    def left_over(self, entry: Entry, columns: Collection[int]) -> Cell:
        """Return the words of an entry's cells in these columns, and of its notes."""
        return tuple(word for c, cell in enumerate(entry.cells) if c in columns for word in cell) + entry.notes

    def written(self, words: Cell) -> str:
        return " ".join(self._index.words[word] for word in words)

    def sample(self, rows: int = 2) -> str:
        """Write heading and first entries for a prompt."""
        lines = [" | ".join(text[:40] for text in self.heading)] if any(self.heading) else []
        lines += [" | ".join(self.text(e, c)[:40] for c in range(self.columns)) for e in self.entries[:rows]]
        return "\n".join(lines)

    def spans(self) -> list[tuple[int, int, int]]:
        """Return (page, start, end) of the stretches of markdown that the entries cover."""
        found: dict[int, tuple[int, int]] = {}
        for word in self.entry_of:
            page = self._index.page_of(word)
            span = self._index.pages[page - 1].words[word - self._index.page_range(page)[0]].span
            if span is not None:
                low, high = found.get(page, span)
                found[page] = (min(low, span[0]), max(high, span[1]))
        return [(page, low, high) for page, (low, high) in found.items()]


def without_totals(index: WordIndex, entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Leave out entries that lack what most entries have and that a total's name marks, or below all items a charge's.

    A line for shipping with a quantity and a price is an item; so is one that has items below it.
    """
    if not entries:
        return ()
    totals = [_names(index, entry, TOTALS) for entry in entries]
    charges = [_names(index, entry, CHARGES) for entry in entries]
    filled = [{c for c, cell in enumerate(entry.cells) if cell} for entry in entries]
    marked = [total or charge for total, charge in zip(totals, charges, strict=True)]
    plain = [f for f, mark in zip(filled, marked, strict=True) if not mark] or filled
    width = len(entries[0].cells)
    dense = {c for c in range(width) if sum(c in f for f in plain) >= _DENSE * len(plain)}
    lacking = [bool(dense - present) for present in filled]
    last = max((i for i, lacks in enumerate(lacking) if not (lacks and marked[i])), default=len(entries))
    return tuple(
        entry for i, entry in enumerate(entries) if not (lacking[i] and (totals[i] or (charges[i] and i > last)))
    )


def filled_down(index: WordIndex, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Give a first column that names a group of rows once to every row of the group."""
    named = [bool(entry.cells and entry.cells[0]) for entry in entries]
    if not entries or not named[0] or all(named) or sum(named) < 2 or sum(named) > 0.6 * len(named):
        return entries
    if 0 in numeric_columns(index, (entry.cells for entry in entries), len(entries[0].cells)):
        return entries
    filled: list[Entry] = []
    for entry in entries:
        first = entry.cells[0] or filled[-1].cells[0]
        filled.append(entry._replace(cells=(first, *entry.cells[1:])))
    return tuple(filled)


def _names(index: WordIndex, entry: Entry, names: frozenset[str]) -> bool:
    texts = (" ".join(index.words[word] for word in cell) for cell in entry.cells)
    text = next((t for t in texts if t and not numbers.readings(t)), "")
    words = [t for t in tokens(text) if t.isalpha()]
    return any(word in names for word in words[:4])


def numeric_columns(index: WordIndex, rows: Iterable[Sequence[Cell]], width: int) -> frozenset[int]:
    """Return the columns whose filled cells are numbers, nearly all of them."""
    filled = [0] * width
    figures = [0] * width
    for row in rows:
        for column, cell in enumerate(row):
            if cell:
                filled[column] += 1
                figures[column] += bool(numbers.readings(" ".join(index.words[word] for word in cell)))
    return frozenset(c for c in range(width) if filled[c] and figures[c] >= _TYPED * filled[c])


def logical_tables(index: WordIndex, *, records: bool = True) -> list[LogicalTable]:
    """Return the tables of a document, those that go on over a page break as one, in reading order.

    Where no records are to be read from them (`records`), those of the parser do, if it found any: their rows only have
    to be counted.
    """
    from .grid import grids
    from .written import written

    found = [] if records else written(index, boxed=True)
    found = found or [*grids(index), *written(index)]
    found = [(heading, filled_down(index, without_totals(index, entries))) for heading, entries in found]
    kept = [(heading, entries) for heading, entries in found if entries]
    kept.sort(key=lambda table: min((word for cell in table[1][0].cells for word in cell), default=0))
    return [LogicalTable(index, number, heading, entries) for number, (heading, entries) in enumerate(kept)]
