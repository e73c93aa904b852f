from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fieldwise.grounding import Locator
from fieldwise.model import Block, Document, Page

LayOut = Callable[..., Document]

INVOICE = """
Corrigan Boatworks               Invoice No: INV-69
4 Slipway Lane                   Date: 05.03.2024

Pos  Description                 Qty      Price      Amount
1    Planed larch, 22 mm           2      10,00       20,00
2    Removal and renewal of        5      10,00       50,00
     the garboard plank
3    Copper rivets                12       0,85       10,20

Net  1 469,13 EUR
VAT 19 %  234,57
Paid (500,00)  Due 5. März 2024
"""


@pytest.fixture
def invoice(lay_out: LayOut) -> Locator:
    return Locator(lay_out(INVOICE))


@pytest.mark.parametrize(
    ("value", "quote", "match"),
    [
        ("INV-69", "INV-69", "exact"),
        ("inv 69", "INV-69", "normalized"),
        ("Corrigan Boatworks", "Corrigan Boatworks", "exact"),
        ("CORRIGAN  BOATWORKS", "Corrigan Boatworks", "normalized"),
        (1469.13, "1 469,13", "normalized"),
        ("1,469.13", "1 469,13", "normalized"),
        ("EUR 1469.13", "1 469,13", "normalized"),
        (0.19, "19", "normalized"),
        (19, "19", "exact"),
        (19.0, "19", "exact"),
        (234.57, "234,57", "normalized"),
        ("234,57", "234,57", "exact"),
        (-500, "(500,00)", "normalized"),
        (500, "(500,00)", "normalized"),
        ("2024-03-05", "05.03.2024", "normalized"),
        ("March 5, 2024", "05.03.2024", "normalized"),
        ("€", "EUR", "normalized"),
        ("EUR", "EUR", "exact"),
    ],
)
def test_a_value_is_found_in_the_form_it_is_printed_in(invoice: Locator, value: Any, quote: str, match: str) -> None:
    citation = invoice.locate(value)
    assert citation is not None
    assert (citation.quote, citation.match, citation.page) == (quote, match, 1)
    assert len(citation.boxes) == 1


@pytest.mark.parametrize(
    "value", [None, "", "   ", 69, "9", "469", 1.469, "C++", "larch planed", True, False, float("nan")]
)
def test_what_is_not_printed_has_no_citation(invoice: Locator, value: Any) -> None:
    assert invoice.locate(value) is None


def test_part_of_a_number_or_a_code_is_not_the_number(lay_out: LayOut) -> None:
    locator = Locator(lay_out("2012 69.99 12/2013 2014-15 A-17 B18 19th"))
    assert [v for v in (12, 69, 99, 13, 15, 17, 18, "12", "69", "15", "18") if locator.locate(v)] == []
    assert locator.locate("A-17") is not None


def test_a_span_of_years_holds_both_years(lay_out: LayOut) -> None:
    locator = Locator(lay_out("Lecturer, 1986–1991 (2011-2015)."))
    assert [locator.locate(v) is not None for v in (1986, "1991", 2011, "2015", 86, "1986-1991")] == [
        True, True, True, True, False, True,
    ]  # fmt: skip


def test_a_number_printed_with_the_other_sign_is_only_a_fuzzy_match(lay_out: LayOut) -> None:
    locator = Locator(lay_out("Discount -5,00"))
    citation = locator.locate(5)
    assert citation is not None
    assert citation.match == "fuzzy"


def test_boxes_are_those_of_the_words_and_one_for_each_line(lay_out: LayOut) -> None:
    document = lay_out("the removal and renewal of the\ngarboard plank")
    citation = Locator(document).locate("renewal of the garboard plank")
    assert citation is not None
    words = document.pages[0].words
    assert len(citation.boxes) == 2
    assert citation.boxes[0][0] == words[3].box[0]  # type: ignore[index]  # laid out with boxes
    assert citation.boxes[1][1] == words[6].box[1]  # type: ignore[index]  # as above


def test_a_hyphen_at_the_end_of_a_line_does_not_hide_a_word(lay_out: LayOut) -> None:
    citation = Locator(lay_out("for your infor-\nmation only")).locate("information")
    assert citation is not None
    assert (citation.quote, citation.match, len(citation.boxes)) == ("infor- mation", "normalized", 2)


def test_a_value_that_wraps_inside_its_column_is_followed_past_the_other_columns(invoice: Locator) -> None:
    citation = invoice.locate("Removal and renewal of the garboard plank")
    assert citation is not None
    assert citation.quote == "Removal and renewal of the garboard plank"
    assert len(citation.boxes) == 2


def test_a_value_over_a_page_break_is_cited_on_both_pages(lay_out: LayOut) -> None:
    citations = Locator(lay_out("the first half of", "one long sentence")).locate_all("half of one long")
    assert [(c.page, c.quote) for c in citations] == [(1, "half of"), (2, "one long")]


def test_a_footnote_mark_does_not_hide_a_name(lay_out: LayOut) -> None:
    locator = Locator(lay_out("Jay Shah1 , Tri Dao¹,² and Idris Calloway1,2"))
    assert [locator.locate(n) is not None for n in ("Jay Shah", "Tri Dao", "Idris Calloway")] == [True] * 3


def test_digits_of_neighboring_cells_are_not_read_as_one_number(lay_out: LayOut) -> None:
    locator = Locator(lay_out("1    23    456"))
    assert locator.locate("123") is None
    assert locator.locate(23456) is None


def test_a_long_code_is_found_whatever_its_spacing(lay_out: LayOut) -> None:
    citation = Locator(lay_out("IBAN IE23 MOLE 9902 1300 4817 52")).locate("IE23MOLE99021300481752")
    assert citation is not None
    assert citation.quote == "IE23 MOLE 9902 1300 4817 52"


def test_of_several_mentions_the_one_beside_its_label_is_meant(lay_out: LayOut) -> None:
    locator = Locator(lay_out("Order date  01.02.2024\nDelivery date  01.02.2024\nDue date  01.02.2024"))
    tops = [locator.locate("2024-02-01", label=f"{w}_date").boxes[0][1] for w in ("order", "delivery", "due")]  # type: ignore[union-attr]  # printed three times
    assert tops == sorted(set(tops))


def test_of_several_mentions_the_one_in_the_record_is_meant(invoice: Locator) -> None:
    second = invoice.locate("Removal and renewal of")
    price = invoice.locate(10, near=second)
    first = invoice.locate(10)
    assert price is not None
    assert first is not None
    assert second is not None
    assert price.boxes[0][1] == second.boxes[0][1] != first.boxes[0][1]


def test_a_heading_above_the_column_tells_one_number_from_another(lay_out: LayOut) -> None:
    locator = Locator(lay_out("Qty   Pages   Price\n7     7       7"))
    lefts = [locator.locate(7, label=label).boxes[0][0] for label in ("qty", "pages", "price")]  # type: ignore[union-attr]  # printed three times
    assert lefts == sorted(set(lefts))


def test_a_yes_counts_only_beside_its_label(lay_out: LayOut) -> None:
    locator = Locator(lay_out("There is no doubt.\nReverse charge: yes\nExport: no"))
    assert locator.locate(True) is None
    yes = locator.locate(True, label="reverse_charge")
    assert yes is not None
    assert yes.quote == "yes"
    no = locator.locate(False, label="export")
    assert no is not None
    assert no.boxes[0][1] > yes.boxes[0][1]


def test_a_text_document_has_quotes_and_pages_but_no_boxes() -> None:
    page = Page(number=1, markdown="# Title\n\n| Name | Age |\n| --- | --- |\n| Ann | 41 |\n")
    document = Document(id="0" * 64, media_type="text/markdown", parser="t", pages=(page,))
    citation = Locator(document).locate(41, label="age")
    assert citation is not None
    assert (citation.page, citation.boxes, citation.quote) == (1, (), "41")


def test_words_without_spaces_between_them_are_found_inside_a_run(lay_out: LayOut) -> None:
    citation = Locator(lay_out("住所:東京都渋谷区")).locate("東京")
    assert citation is not None
    assert citation.page == 1


def test_all_mentions_are_returned_up_to_the_limit(lay_out: LayOut) -> None:
    locator = Locator(lay_out("\n".join(["same line again"] * 9)))
    assert len(locator.locate_all("same line")) == 9
    assert len(locator.locate_all("same line", limit=4)) == 4


def test_an_empty_document_holds_nothing(lay_out: LayOut) -> None:
    assert Locator(lay_out("")).locate("anything") is None


def test_a_summary_is_told_by_the_words_it_shares_with_a_page(lay_out: LayOut) -> None:
    locator = Locator(lay_out("Small harbours read the tide from a marked staff.", "Cameras cost less."))
    assert locator.share_printed("Harbours with a marked staff read their tide") > 0.6
    assert locator.share_printed("Quarterly revenue exceeded analyst expectations") == 0.0


@pytest.mark.timeout(60)
def test_a_hostile_document_does_not_make_the_search_quadratic(lay_out: LayOut) -> None:
    page = "\n".join(["same " * 40] * 50)
    locator = Locator(lay_out(*[page] * 50, "1 " * 5_000, "1.1.2020 " * 3_000, "a" * 50_000))
    values = [
        "same",
        "same " * 5_000,
        "same " * 5_000 + "other",
        "sames",
        "samesame",
        1,
        11,
        "2020-01-01",
        "1" * 3_000,
        "aa",
    ]
    for _ in range(5):
        for value in values:
            locator.locate(value, label="same 1 a", near=locator.locate("same"))


def test_a_title_is_cited_from_the_page_and_not_from_its_running_head(lay_out: LayOut) -> None:
    document = lay_out("Four ways to read a staff\n\nFour ways to read a staff\n\nA tide staff is a rule.")
    (page,) = document.pages
    head = Block(kind="header", span=(0, len("Four ways to read a staff")))
    marked = document.model_copy(update={"pages": (page.model_copy(update={"blocks": (head,)}),)})
    unmarked = Locator(document).locate("Four ways to read a staff")
    found = Locator(marked).locate("Four ways to read a staff")
    assert unmarked is not None
    assert found is not None
    assert unmarked.boxes[0][1] < found.boxes[0][1]


def test_what_stands_in_a_running_head_alone_is_found_there(lay_out: LayOut) -> None:
    document = lay_out("Report No. 4711\n\nThe text begins here.")
    (page,) = document.pages
    head = Block(kind="header", span=(0, len("Report No. 4711")))
    marked = document.model_copy(update={"pages": (page.model_copy(update={"blocks": (head,)}),)})
    found = Locator(marked).locate("4711", label="report number")
    assert found is not None
    assert found.quote == "4711"
