from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from fieldwise.extract.tables import LogicalTable, logical_tables
from fieldwise.grounding import Locator
from fieldwise.model import Cell, Document, Page, Table

LayOut = Callable[..., Document]

HEAD = """
Corrigan Boatworks               Invoice No: 69

Pos  Description                 Qty  Unit   Unit price      Amount
                                                    EUR         EUR
1    Planed larch                  2  sq m        10,00       20,00
     grown in the hills
2    Removal and renewal of        5  hour        10,00       50,00
     the garboard plank
"""
TAIL = """
Corrigan Boatworks               page 2

Pos  Description                 Qty  Unit   Unit price      Amount
                                                    EUR         EUR
3    Copper rivets                12  piece        0,85       10,20
4    Copper rivets                12  piece        0,85       10,20
     Total                                                    90,40

Net amount                                                    90,40
"""


def rows(table: LogicalTable) -> list[list[str]]:
    return [[table.text(entry, column) for column in range(table.columns)] for entry in table.entries]


def tables_of(document: Document) -> list[LogicalTable]:
    return logical_tables(Locator(document).index)


def test_rows_are_read_over_a_page_break_with_wrapped_text_and_without_totals(lay_out: LayOut) -> None:
    (table,) = tables_of(lay_out(HEAD, TAIL))
    assert table.heading == ("Pos", "Description", "Qty", "Unit", "Unit price EUR", "Amount EUR")
    assert rows(table) == [
        ["1", "Planed larch", "2", "sq m", "10,00", "20,00"],
        ["2", "Removal and renewal of the garboard plank", "5", "hour", "10,00", "50,00"],
        ["3", "Copper rivets", "12", "piece", "0,85", "10,20"],
        ["4", "Copper rivets", "12", "piece", "0,85", "10,20"],
    ]
    assert table.written(table.entries[0].notes) == "grown in the hills"


def test_one_row_under_a_heading_is_a_table_and_two_figures_in_prose_are_not(lay_out: LayOut) -> None:
    document = lay_out(
        "Article      Qty    Price\nRope, 9 mm     4    12,50\n\nIn 2019 we sold 40 boats, in 2020 only 35."
    )
    (table,) = tables_of(document)
    assert rows(table) == [["Rope, 9 mm", "4", "12,50"]]


def test_tables_with_other_columns_stay_apart(lay_out: LayOut) -> None:
    first = "Item        Qty    Price\nRope          4    12,50\nSail          1   900,00"
    second = (
        "Rate             Basis         Tax\n19 %          1.000,00      190,00\n 7 %            100,00        7,00"
    )
    found = tables_of(lay_out(f"{first}\n\n\n\n{second}"))
    assert [len(table.entries) for table in found] == [2, 2]


def test_rows_whose_columns_drift_are_one_table_if_their_cells_are_alike(lay_out: LayOut) -> None:
    rows = [("Rope", "12,500", 24, "10 m", 34, "125,00"), ("Sail", "900,000", 27, "1 p", 39, "900,00")]
    typed = [f"{n}    {name:<{at - 5}}{price}".ljust(to) + f"{much}".ljust(52 - to) + f"{amount:>8}"
             for n, (name, price, at, much, to, amount) in enumerate(rows, 1)]  # fmt: skip
    (table,) = tables_of(lay_out("\n".join(["Pos  Item               Price       Qty             Amount", *typed])))
    assert len(table.entries) == 2


def test_a_name_given_once_for_a_group_of_rows_is_every_rows(lay_out: LayOut) -> None:
    page = """
Harbour  Method    Bias    SD
Port     eye        3.1  14.2
         camera     1.2  16.4
Haven    eye        5.7  24.6
         camera     2.4  33.5
"""
    (table,) = tables_of(lay_out(page))
    assert [row[0] for row in rows(table)] == ["Port", "Port", "Haven", "Haven"]


def test_a_total_is_known_by_its_name_and_by_what_it_lacks(lay_out: LayOut) -> None:
    page = """
Item               Qty    Price   Amount
Total station rent   1    50,00    50,00
Rope                 2    10,00    20,00
Sum                  3             70,00
"""
    (table,) = tables_of(lay_out(page))
    assert [row[0] for row in rows(table)] == ["Total station rent", "Rope"]


@pytest.mark.parametrize(
    "charge", ["Umsatzsteuer 19 %", "Tax", "Skonto 2 %", "Versand", "Shipping and handling", "VAT"]
)
def test_a_charge_below_the_items_is_none_of_them(lay_out: LayOut, charge: str) -> None:
    page = f"""
Item                     Qty    Price   Amount
Rope                       2    10,00    20,00
Cleat                      4     5,00    20,00
Shackle                    1     5,00     5,00
{charge:<34}        12,90
"""
    (table,) = tables_of(lay_out(page))
    assert [row[0] for row in rows(table)] == ["Rope", "Cleat", "Shackle"]


def test_a_charge_with_a_quantity_and_a_price_is_an_item(lay_out: LayOut) -> None:
    page = """
Item                     Qty    Price   Amount
Rope                       2    10,00    20,00
Tax advice                 1    50,00    50,00
Cleat                      4     5,00    20,00
Shipping by the pallet     2    30,00    60,00
Sum                                     150,00
"""
    (table,) = tables_of(lay_out(page))
    assert [row[0] for row in rows(table)] == ["Rope", "Tax advice", "Cleat", "Shipping by the pallet"]


def test_a_charge_with_items_below_it_is_an_item() -> None:
    rows_written = [
        ["Item", "Qty", "Price", "Amount"],
        ["Rope", "2", "10,00", "20,00"],
        ["Shipping", "", "", "12,90"],
        ["Cleat", "4", "5,00", "20,00"],
        ["Shackle", "1", "5,00", "5,00"],
        ["Tax", "", "", "11,00"],
        ["Sum", "", "", "68,90"],
    ]
    markdown, cells = "", list[Cell]()
    for r, row in enumerate(rows_written):
        for c, text in enumerate(row):
            markdown += "| "
            cells.append(Cell(row=r, column=c, text=text, span=(len(markdown), len(markdown + text)), header=r == 0))
            markdown += f"{text} "
        markdown += "|\n"
    page = Page(number=1, markdown=markdown, tables=(Table(cells=tuple(cells), rows=7, columns=4),))
    (table,) = tables_of(Document(id="0" * 64, media_type="text/markdown", parser="t", pages=(page,)))
    assert [row[0] for row in rows(table)] == ["Rope", "Shipping", "Cleat", "Shackle"]


def test_cells_know_their_words(lay_out: LayOut) -> None:
    document = lay_out(HEAD)
    locator = Locator(document)
    (table,) = logical_tables(locator.index)
    place = table.place(table.entries[1], 1)
    assert place is not None
    (citation,) = locator.cite(place)
    assert citation.quote == "Removal and renewal of the garboard plank"
    assert len(citation.boxes) == 2


def test_tables_of_a_text_format_are_those_of_its_markup() -> None:
    markdown = "| Name | Age |\n| --- | --- |\n| Ann | 41 |\n| Bo | 7 |\n"
    texts = [("Name", 0, 0), ("Age", 0, 1), ("Ann", 1, 0), ("41", 1, 1), ("Bo", 2, 0), ("7", 2, 1)]
    cells = tuple(
        Cell(row=r, column=c, text=t, span=(markdown.index(t), markdown.index(t) + len(t)), header=r == 0)
        for t, r, c in texts
    )
    page = Page(number=1, markdown=markdown, tables=(Table(cells=cells, rows=3, columns=2),))
    document = Document(id="0" * 64, media_type="text/markdown", parser="t", pages=(page,))
    (table,) = tables_of(document)
    assert table.heading == ("Name", "Age")
    assert rows(table) == [["Ann", "41"], ["Bo", "7"]]


@pytest.mark.timeout(60)
def test_a_page_of_figures_at_random_is_gone_through_in_time(lay_out: LayOut) -> None:
    chance = random.Random(1)
    lines = [f"{'':{chance.randint(0, 40)}}1,5{'':{chance.randint(2, 40)}}7" for _ in range(5_000)]
    assert isinstance(tables_of(lay_out("\n".join(lines))), list)


def test_a_page_without_words_has_no_tables(lay_out: LayOut) -> None:
    assert tables_of(lay_out("")) == []
